"""Attributes of the published products: title and summary of each, and those of its variables and axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.conventions import coverage_attributes, span_in_words
from smcloud.products.choices import choice_attributes
from smcloud.products.summaries import TEXTS
from smcloud.products.variables import VARIABLES

COORDINATES: dict[str, dict[str, Any]] = {
    "lat": {"standard_name": "latitude", "long_name": "cell centre latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "cell centre longitude", "units": "degrees_east", "axis": "X"},
    "year": {"long_name": "calendar year", "units": "1"},
    "lag": {"long_name": "months by which the drivers lead; below 0 soil moisture leads", "units": "month"},
    "driver": {"long_name": "role that may drive soil moisture"},
    "class": {"long_name": "zone and direction of change"},
    "region": {"long_name": "region"},
    "stratum": {"long_name": "stratum"},
    "kind": {"long_name": "what the group is made by"},
    "label": {"long_name": "name of the group"},
    "distance": {"long_name": "distance from the equator", "units": "degree"},
    "season": {"long_name": "season"},
    "end_years": {"long_name": "end of the record at which one or two years are left out"},
    "property": {"long_name": "property of the land"},
    "step": {"long_name": "change of the property that gradients are per, in step_units", "units": "1"},
    "step_units": {"long_name": "unit of step"},
    "combination": {"long_name": "number of the combination of choices", "units": "1"},
    "start_year": {"long_name": "first year", "units": "1"},
    "configuration": {"long_name": "keys of the configuration that make the combination a run of its own (JSON)"},
    "choice": {"long_name": "what is chosen"},
    "estimator": {"long_name": "estimator of the slope"},
    "test": {"long_name": "test of the slope"},
    "significance": {"long_name": "rule for many tests"},
    "zones": {"long_name": "scheme of the zones"},
    "transition": {"long_name": "whether shares of change count the transition zone"},
    "annual": {"long_name": "how months become years"},
    "start": {"long_name": "by how many years the record begins later"},
}


# Maps that p values and shares are made of, so that anyone makes the same of what is stored.
EXACT = ("break_year", "n_breaks", "r1_dispersion", "r1_pooled")


def without_attributes(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` without any attribute; :meth:`xarray.Dataset.drop_attrs` makes it anew for each variable."""
    out = ds.copy()
    out.attrs = {}
    for variable in out.variables.values():
        variable.attrs = {}
    return out


def add_cf_attributes(ds: xr.Dataset, product: str, config: RunConfig) -> xr.Dataset:
    """Give ``ds`` the attributes of ``product``, and no others but those of the series and static roles of annual."""
    title, summary = TEXTS[product]
    attrs: dict[str, Any] = {"Conventions": "CF-1.11, ACDD-1.3", "title": title, "summary": summary}
    attrs |= choice_attributes(config, product)
    if "year" in ds.coords:
        first, last = ds.indexes["year"][[0, -1]]
        attrs |= coverage_attributes(int(first), int(last), config.annual.first_month)
    out = ds.copy()
    out.attrs = attrs
    for axis in ("lat", "lon"):
        if axis in out.coords and out[axis].attrs.get("bounds") not in out:
            out[axis].attrs = {key: value for key, value in out[axis].attrs.items() if key != "bounds"}
    for name, more in COORDINATES.items():
        if name in out.coords:
            out[name].attrs = out[name].attrs | more
    if "year" in out.coords:
        out["year"].attrs = out["year"].attrs | {"long_name": span_in_words(config.annual.first_month)}
    for name in map(str, out.data_vars):
        own = out[name].attrs if product == "annual" else {}
        out[name].attrs = own | VARIABLES[product].get(name, {})
    return out


def to_storage_dtype(ds: xr.Dataset) -> xr.Dataset:
    """Convert maps of ``ds`` to the types published, lazily: float32, as their seventh digit says nothing any more.

    What stays float64: p values and what is made of them, which may be far below what float32 can tell apart or near to
    a level; what others are made of to the last digit (:data:`EXACT`, the series over the years); tables.
    """
    small = {
        name: da.astype(np.float32)
        for name, da in ds.data_vars.items()
        if {"lat", "lon"} <= {*da.dims}
        and "year" not in da.dims
        and da.dtype == np.float64
        and not _is_exact(str(name))
    }
    return ds.assign(small)


def _is_exact(name: str) -> bool:
    return name in EXACT or any(part in name for part in ("p_value", "p_adjusted", "probability"))


def split_scalars(products: Mapping[str, xr.Dataset]) -> tuple[dict[str, xr.Dataset], dict[str, xr.Dataset]]:
    """Divide each of ``products`` into its variables without a dimension, and all others."""
    scalars = {name: ds[[key for key, da in ds.data_vars.items() if not da.dims]] for name, ds in products.items()}
    return scalars, {name: ds.drop_vars(list(scalars[name].data_vars)) for name, ds in products.items()}


def scalars_to_attributes(ds: xr.Dataset) -> xr.Dataset:
    """Make attributes of the variables of a loaded ``ds`` that have no dimension, as numbers; of none where NaN."""
    scalars = {str(name): float(da) for name, da in ds.data_vars.items() if not da.dims}
    return ds.drop_vars(list(scalars)).assign_attrs({name: it for name, it in scalars.items() if math.isfinite(it)})
