"""The table of any groups of cells, regional or strata."""

from __future__ import annotations

import xarray as xr

from smcloud.config import Ends, RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.flags import CHOSEN_BY_RESULT
from smcloud.products.regions import Groups
from smcloud.products.trend import ends_covered
from smcloud.stats import area_weighted_series, linear_trend
from smcloud.stats.area_sums import area_weighted_course

# The fixed set of cells: valid in at least this share of the years (exact in integers), and at both ends.
FIXED_YEARS = (4, 5)
REGIONAL_KINDS = ("globe", "hemisphere", "tropics", "band")
# What a group that was chosen by its own trend says of that trend is no evidence: such groups have none of these.
CHOSEN_KIND = "ddww"
OF_THE_RESULT = ("p_value", "slope_lower", "slope_upper", "drying_share", "wetting_share")


def table(
    annual: xr.Dataset,
    trend: xr.Dataset,
    drivers: xr.Dataset | None,
    chosen: Groups,
    config: RunConfig,
) -> xr.Dataset:
    """Tabulate trend, coverage, significant shares and mean partial correlations of each group of land cells; lazy.

    ``trend`` holds ``slope`` and ``significant``, ``drivers`` (if any) ``partial_correlation`` and
    ``trend_contribution``; ``chosen`` is what :func:`~smcloud.products.regions.regions` or
    :func:`~smcloud.products.regions.strata` give. ``soil_moisture`` (group, year) is the raw area-weighted mean of the
    cells that have a value in the year; ``slope`` its least-squares trend with the interval and p of the effective
    sample size. Regions also get ``slope_fixed_cells``: the same of the common course
    (:func:`~smcloud.stats.area_sums.area_weighted_course`) of a set of cells that does not change (valid in 80 % of the
    years, and in 3 of the first and last 5 or as ``years.ends`` says), with ``n_fixed_cells`` and
    ``fixed_cells_share``, as ``n_cells`` and ``covered_share`` say what the others rest on.
    A mean over no cell and a share of no land are NaN, an area 0; ``status`` says why there is no slope. The classes of
    ddww were chosen by their trends, so they have no p value, interval and shares (status 9). Raises
    :class:`GridError` where the grids differ.
    """
    groups, labels, kinds = chosen
    on_land = land(annual)
    area = cell_areas(annual)
    weights = area.where(on_land, 0.0)
    dim = str(groups.dims[0])
    series = area_weighted_series(annual["soil_moisture"], weights, groups)["mean"]
    valid = trend["slope"].notnull()
    significant = trend["significant"] == 1
    covered = area_weighted_series(trend["slope"], weights, groups)
    all_land = area_weighted_series(xr.ones_like(area), weights, groups)["covered_area"]
    drying = ((trend["slope"] < 0) & significant).astype("float64").where(valid)
    wetting = ((trend["slope"] > 0) & significant).astype("float64").where(valid)
    columns = {
        "soil_moisture": series.transpose(dim, "year"),
        **_line(series, "slope", config),
        "mean_of_slopes": covered["mean"],
        "area_km2": all_land,
        "covered_area_km2": covered["covered_area"],
        "covered_share": covered["covered_area"] / all_land.where(all_land > 0),
        "n_cells": covered["n_cells"],
        "drying_share": area_weighted_series(drying, weights, groups)["mean"],
        "wetting_share": area_weighted_series(wetting, weights, groups)["mean"],
    }
    if drivers is not None:
        for name in ("partial_correlation", "trend_contribution"):
            columns[name] = area_weighted_series(drivers[name], weights, groups)["mean"]
    if set(kinds) <= set(REGIONAL_KINDS):
        columns |= _over_fixed_cells(annual["soil_moisture"].where(on_land), weights, groups, all_land, config)
    out = xr.Dataset(columns).drop_attrs()
    chosen_by_result = xr.DataArray([kind == CHOSEN_KIND for kind in kinds], dims=dim)
    out = out.assign({name: out[name].where(~chosen_by_result) for name in OF_THE_RESULT})
    out["status"] = out["status"].where(~chosen_by_result, CHOSEN_BY_RESULT).astype("uint8")
    out = out.assign_coords(kind=(dim, list(kinds)), label=(dim, list(labels)))
    return add_cf_attributes(out, "regional" if dim == "region" else "strata", config)


def _line(series: xr.DataArray, name: str, config: RunConfig) -> dict[str, xr.DataArray]:
    line = linear_trend(series, dim="year", alpha=config.alpha, min_valid=config.years.min_years, interval="effective")
    parts = {"slope": name, "slope_lower": f"{name}_lower", "slope_upper": f"{name}_upper"}
    parts |= {"p_value": "p_value", "status": "status"} if name == "slope" else {"p_value": f"{name}_p_value"}
    return {new: line[old] for old, new in parts.items()}


def _over_fixed_cells(
    moisture: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray, all_land: xr.DataArray, config: RunConfig
) -> dict[str, xr.DataArray]:
    """Columns of the common course of the fixed set of cells, and of the set itself."""
    fixed = fixed_cells(moisture, config)
    course = area_weighted_course(moisture.where(fixed), weights, groups)
    members = area_weighted_series(xr.ones_like(weights).where(fixed), weights, groups)
    return _line(course, "slope_fixed_cells", config) | {
        "n_fixed_cells": members["n_cells"],
        "fixed_cells_share": members["covered_area"] / all_land.where(all_land > 0),
    }


def fixed_cells(series: xr.DataArray, config: RunConfig) -> xr.DataArray:
    """Return the fixed set of cells (lat, lon): a value in 80 % of the years of ``series``, and at both ends."""
    valid = series.notnull().sum("year")
    part, total = FIXED_YEARS
    return (valid * total >= series.sizes["year"] * part) & ends_covered(series, config.years.ends or Ends())
