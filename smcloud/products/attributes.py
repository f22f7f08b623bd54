"""Attributes of the published products: title and summary of each, and those of its variables and axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.choices import choice_attributes
from smcloud.products.variables import SLOPE, VARIABLES

COORDINATES: dict[str, dict[str, Any]] = {
    "lat": {"standard_name": "latitude", "long_name": "cell centre latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "cell centre longitude", "units": "degrees_east", "axis": "X"},
    "year": {"long_name": "calendar year", "units": "1"},
    "lag": {"long_name": "years by which the drivers lead; below 0 soil moisture leads", "units": "year"},
    "driver": {"long_name": "role that may drive soil moisture"},
    "class": {"long_name": "zone and direction of change"},
    "region": {"long_name": "region"},
    "stratum": {"long_name": "stratum"},
    "kind": {"long_name": "what the group is made by"},
    "label": {"long_name": "name of the group"},
}
TEXTS = {
    "annual": (
        "Annual soil moisture and its drivers",
        "Annual series of soil moisture and of every role that may drive it, with the number of valid months.",
    ),
    "trend": (
        "Trend of annual soil moisture",
        "Per cell: slope with its interval, p value, significance after adjustment for many tests, and comparators.",
    ),
    "drivers": (
        "Drivers of annual soil moisture",
        "Per cell and driver: partial and plain correlation, contribution to the trend, and the dominant driver. "
        "Where the soil moisture record is scaled to, or filled from, the reanalysis that gives a driver, its "
        "correlation with that driver is partly circular.",
    ),
    "ddww": (
        "Does dry get drier and wet get wetter?",
        "Zone and class of significant change per cell; areas and shares of the six classes, each share with its own "
        "denominator, beside the share expected by chance.",
    ),
    "regional": (
        "Regional trends of soil moisture",
        "Trend of the area-weighted mean and its interval by globe, hemisphere, tropics and 10-degree band.",
    ),
    "strata": (
        "Soil moisture change by stratum",
        "Trend, significant shares and mean partial correlations by land cover, soil texture, elevation, leaf area, "
        "aridity and class of change.",
    ),
}


def add_cf_attributes(ds: xr.Dataset, product: str, config: RunConfig) -> xr.Dataset:
    """Give ``ds`` the attributes of ``product``, and no others but those of the series and static roles of annual."""
    title, summary = TEXTS[product]
    attrs: dict[str, Any] = {"Conventions": "CF-1.11, ACDD-1.3", "title": title, "summary": summary}
    attrs |= choice_attributes(config, product)
    if "year" in ds.coords:
        first, last = ds.indexes["year"][[0, -1]]
        attrs |= {"time_coverage_start": f"{first}-01-01", "time_coverage_end": f"{last}-12-31"}
    out = ds.copy()
    out.attrs = attrs
    for axis in ("lat", "lon"):
        if axis in out.coords and out[axis].attrs.get("bounds") not in out:
            out[axis].attrs = {key: value for key, value in out[axis].attrs.items() if key != "bounds"}
    for name, more in COORDINATES.items():
        if name in out.coords:
            out[name].attrs = out[name].attrs | more
    for name in map(str, out.data_vars):
        own = out[name].attrs if product == "annual" else {}
        out[name].attrs = own | VARIABLES[product].get(name, {})
    return out


def to_storage_dtype(ds: xr.Dataset) -> xr.Dataset:
    """Convert ``ds`` to the types published: maps in m3 m-3 yr-1 to float32, lazily; all else stays as it is."""
    maps = {name: da for name, da in ds.data_vars.items() if {"lat", "lon"} <= {*da.dims}}
    return ds.assign({name: da.astype("float32") for name, da in maps.items() if da.attrs.get("units") == SLOPE})


def split_scalars(products: Mapping[str, xr.Dataset]) -> tuple[dict[str, xr.Dataset], dict[str, xr.Dataset]]:
    """Divide each of ``products`` into its variables without a dimension, and all others."""
    scalars = {name: ds[[key for key, da in ds.data_vars.items() if not da.dims]] for name, ds in products.items()}
    return scalars, {name: ds.drop_vars(list(scalars[name].data_vars)) for name, ds in products.items()}


def scalars_to_attributes(ds: xr.Dataset) -> xr.Dataset:
    """Make attributes of the variables of a loaded ``ds`` that have no dimension, as numbers; of none where NaN."""
    scalars = {str(name): float(da) for name, da in ds.data_vars.items() if not da.dims}
    return ds.drop_vars(list(scalars)).assign_attrs({name: it for name, it in scalars.items() if math.isfinite(it)})
