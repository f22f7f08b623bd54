"""The product ``sensitivity``: one row for every combination of choices, from the figures of each series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.choice_grid import (
    CHOICES,
    DEFAULT,
    OUTSIDE,
    config_of,
    keys_of,
    own_row,
    rows,
    void,
    years_later,
)
from smcloud.products.ddww import ddww_figures, shares_of_change
from smcloud.products.sensitivity import TRANSITIONS, Series
from smcloud.products.shared_null import FIGURES, SharedNull
from smcloud.products.variance import variance_by_choice

REGIONAL = ("mean_of_slopes", "slope_fixed_cells", "slope", "drying_share", "wetting_share", "significant_share")
SHARES = ("ddww_share_of_change", "ddww_expected_share", "ddww_excess", "odds_ratio", "ddww_share_without_transition")
NULLS = ("ddww_null_mean", "ddww_null_lower", "ddww_null_upper")


def specification(
    figures: Mapping[Series, xr.Dataset], config: RunConfig, first_year: int, years: int, null: SharedNull
) -> xr.Dataset:
    """Make the product of the loaded ``figures`` of all series (:func:`~smcloud.products.sensitivity.series_figures`).

    By ``combination``, void ones too, with the choices as coordinates of text, ``start_year`` (the first year) and
    ``configuration`` (JSON: keys that, laid over the run's configuration, make the row a run of its own); ``void``
    says why a row has no numbers. ``ddww_excess`` is the share of change less the row's own expected share; the range
    by chance is of the share. ``variance_share`` (choice) and what it rests on are those of
    :func:`~smcloud.products.variance.variance_by_choice`. NaN where a denominator is empty.
    """
    listed = list(rows())
    reasons = [void(row, config, years) for row in listed]
    stacked = xr.concat(list(figures.values()), "series", coords="minimal", compat="override", join="exact")
    found = _numbers(stacked, config)
    at_series = {each: position for position, each in enumerate(figures)}
    at_change = {str(name): position for position, name in enumerate(stacked["change"].values)}
    regions = stacked["region"].to_numpy()
    columns: dict[str, Any] = {name: np.full((len(listed), len(regions)), np.nan) for name in REGIONAL}
    columns |= {name: np.full(len(listed), np.nan) for name in (*SHARES, *NULLS)}
    for at, (row, reason) in enumerate(zip(listed, reasons, strict=True)):
        if not reason:
            series = at_series[Series(row.annual, row.start)]
            change = at_change[f"{row.estimator}/{row.test}/{row.significance}"]
            for name, values in found[row.zones, row.transition].items():
                columns[name][at] = values[series, change]
    out = xr.Dataset({name: (("combination", "region")[: it.ndim], it) for name, it in columns.items()})
    out["void"] = "combination", np.array(reasons)
    names: dict[str, Any] = {
        choice.name: ("combination", np.array([getattr(row, choice.name) for row in listed])) for choice in CHOICES
    }
    out = out.assign_coords(combination=np.arange(len(listed)), region=regions, **names)
    out = out.assign_coords(
        start_year=("combination", [first_year + years_later(row.start) for row in listed]),
        configuration=(
            "combination",
            np.array([json.dumps(keys_of(row, first_year, config.annual.first_month)) for row in listed]),
        ),
    )
    variance = variance_by_choice(out)
    out = out.merge(variance)
    own = own_row(config)
    more = {
        "own_combination": listed.index(own) if own is not None and not void(own, config, years) else -1,
        "void_combinations": sum(map(bool, reasons)),
        "null_efolding_km": null.length_km,
        "null_fields": len(null.orders),
        "null_comment": NULL_COMMENT.format(fields=len(null.orders), length=f"{null.length_km:.0f}", of=null.of),
    }
    return add_cf_attributes(out, "sensitivity", config).assign_attrs(variance.attrs | more)


NULL_COMMENT = (
    "ddww_null_lower and ddww_null_upper hold 1 - alpha of the shares in worlds without trends: ddww_expected_share "
    "and the excess of {fields} Gaussian fields with exponential correlation, whose strongest values are the change, "
    "on as much of the row's tested land as changes in it. All rows share these fields and their e-folding length, "
    "{length} km, estimated from {of}. The product ddww keeps the changed land in place of that, so its range is "
    "another."
)


def _numbers(ds: xr.Dataset, config: RunConfig) -> dict[tuple[str, str], dict[str, np.ndarray[Any, Any]]]:
    """The numbers (series, change) of every (zones, transition), those by region (series, change, region)."""
    schemes = [str(name) for name in ds["zones"].values if name not in ds["region"].values]
    regional, out = _regional(ds), {}
    for transition in TRANSITIONS:
        own = config_of(DEFAULT._replace(transition=transition), config, 0)
        area = _counted(ds["area_km2"].sel(zones=schemes), transition)
        shares = xr.Dataset({"area_km2": area.rename(group="class")} | shares_of_change(area, own))
        table = xr.Dataset(ddww_figures(shares))
        table["ddww_excess"] = table["ddww_share_of_change"] - table["ddww_expected_share"]
        if "chance" in ds:
            chance = ds["chance"].sel(zones=schemes, transition=transition)
            expected = table["ddww_expected_share"]
            table = table.assign({f"ddww_{name}": expected + chance.sel(figure=name, drop=True) for name in FIGURES})
        for scheme in schemes:
            each = table.sel(zones=scheme).transpose("series", "change")
            numbers = {name: each[name].to_numpy() for name in (*SHARES, *NULLS) if name in each}
            out[scheme, transition] = numbers | regional
    return out


def _counted(areas: xr.DataArray, transition: str) -> xr.DataArray:
    """The areas with the directions and the changed land that count in place of all."""
    if transition != OUTSIDE:
        return areas
    names = ("direction D", "direction W", "counted")
    outside = areas.sel(group=[f"{name} outside" for name in names]).assign_coords(group=list(names))
    return xr.concat([areas.sel(group=[name for name in areas["group"].values if name not in names]), outside], "group")


def _regional(ds: xr.Dataset) -> dict[str, np.ndarray[Any, Any]]:
    """The columns of :data:`REGIONAL` (series, change, region)."""
    areas = ds["area_km2"].sel(zones=ds["region"].values).rename(zones="region")
    covered = areas.sel(group="valid", drop=True)
    drying, wetting = (areas.sel(group=f"direction {d}", drop=True) / covered.where(covered > 0) for d in "DW")
    estimators = [str(name).partition("/")[0] for name in ds["change"].values]
    means = ds["mean_of_slopes"].sel(estimator=estimators).drop_vars("estimator").rename(estimator="change")
    columns = {
        "drying_share": drying,
        "wetting_share": wetting,
        "significant_share": drying + wetting,
        "mean_of_slopes": means,
        "slope": ds["slope"].expand_dims(change=len(estimators)),
        "slope_fixed_cells": ds["slope_fixed_cells"].expand_dims(change=len(estimators)),
    }
    return {name: da.transpose("series", "change", "region").to_numpy() for name, da in columns.items()}
