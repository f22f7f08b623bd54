"""The table of any groups of cells, regional or strata."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import Ends, RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.attributes import add_cf_attributes, without_attributes
from smcloud.products.driver_columns import OF_THE_DRIVERS, driver_columns, trend_columns
from smcloud.products.end_years import end_year_columns
from smcloud.products.flags import CHOSEN_BY_RESULT
from smcloud.products.gradients import latitude_columns
from smcloud.products.regions import GLOBE, POLYGON, REGION, Groups
from smcloud.products.table_variables import trend_of
from smcloud.stats import area_weighted_series, linear_trend
from smcloud.stats.area_course import area_weighted_course, course_and_parts

# The fixed set of cells: valid in at least this share of the years (exact in integers), and at both ends.
FIXED_YEARS = (4, 5)
REGIONAL_KINDS = (GLOBE, REGION, POLYGON, "hemisphere", "tropics", "band")
# What a group that was chosen by its own trend says of that trend is no evidence: such groups have none of these.
CHOSEN_KIND = "ddww"
OF_THE_RESULT = ("p_value", "slope_lower", "slope_upper", "drying_share", "wetting_share")


def table(
    annual: xr.Dataset,
    trend: xr.Dataset,
    drivers: xr.Dataset | None,
    chosen: Groups,
    config: RunConfig,
    trends: xr.Dataset | None = None,
) -> xr.Dataset:
    """Tabulate trend, coverage, significant shares and mean partial correlations of each group of land cells; lazy.

    ``trend`` holds ``slope`` and ``significant``; ``drivers`` (if any) is the product, and ``trends`` (if any) what
    :func:`~smcloud.products.driver_columns.driver_trends` gives; ``chosen`` is what
    :func:`~smcloud.products.regions.regions` or :func:`~smcloud.products.regions.strata` give. ``soil_moisture``
    (group, year) is the raw area-weighted mean of the cells that have a value in the year; ``slope`` its least-squares
    trend with the interval and p of the effective sample size ``n_effective``. Columns of the drivers are those of
    :func:`~smcloud.products.driver_columns.driver_columns`. Regions also get ``slope_fixed_cells``: the same of the
    common course of a set of cells that does not change (valid in 80 % of the years, and in 3 of the first and last 5
    or as ``years.ends`` says), with ``n_fixed_cells`` and ``fixed_cells_share``, as ``n_cells`` and ``covered_share``
    say what the others rest on; ``part_of_whole``, the trend of the group's part in that course of the first group
    (:func:`~smcloud.stats.area_course.course_and_parts`), so that the parts of hemispheres, or of bands, add up to its
    ``slope_fixed_cells``; that course itself, ``fixed_cells_course`` (region, year), and its trend without end years
    (:func:`~smcloud.products.end_years.end_year_columns`); and the gradient of the cells' trends with the distance from
    the equator (:func:`~smcloud.products.gradients.latitude_columns`).
    Where the cells are those of a region, ``land_share`` is the land's part in the area of each group.
    A mean over no cell and a share of no land are NaN, an area 0; ``status`` says why there is no slope. The classes of
    ddww were chosen by their trends, so they have no p value, interval and shares of these (status 9), and no interval
    of what goes with soil moisture either. Raises
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
        columns |= driver_columns(drivers, weights, groups, config)
    if trends is not None:
        columns |= trend_columns(trends, weights, groups, config)
    if set(kinds) <= set(REGIONAL_KINDS):
        moisture = annual["soil_moisture"].where(on_land)
        columns |= _over_fixed_cells(moisture, trend["slope"], weights, chosen, all_land, config)
    if kinds[0] in (REGION, POLYGON):
        columns["land_share"] = all_land / area_weighted_series(xr.ones_like(area), area, groups)["covered_area"]
    out = without_attributes(xr.Dataset(columns))
    chosen_by_result = xr.DataArray([kind == CHOSEN_KIND for kind in kinds], dims=dim)
    without = [*OF_THE_RESULT, *(name for name in OF_THE_DRIVERS if name in out)]
    out = out.assign({name: out[name].where(~chosen_by_result) for name in without})
    out["status"] = out["status"].where(~chosen_by_result, CHOSEN_BY_RESULT).astype("uint8")
    out = out.assign_coords(kind=(dim, list(kinds)), label=(dim, list(labels)))
    out = add_cf_attributes(out, "regional" if dim == "region" else "strata", config)
    for name in config.drivers.names if trends is not None else ():
        out[f"trend_of_{name}"].attrs = trend_of(name, str(annual[name].attrs.get("units", "1")))
    return out


def _line(series: xr.DataArray, name: str, config: RunConfig) -> dict[str, xr.DataArray]:
    line = linear_trend(series, dim="year", alpha=config.alpha, min_valid=config.years.min_years, interval="effective")
    parts = {"slope": name, "slope_lower": f"{name}_lower", "slope_upper": f"{name}_upper"}
    if name == "slope":
        parts |= {"p_value": "p_value", "n_effective": "n_effective", "status": "status"}
    else:
        parts |= {"p_value": f"{name}_p_value", "n_effective": f"{name}_n_effective"}
    return {new: line[old] for old, new in parts.items()}


def _over_fixed_cells(
    moisture: xr.DataArray,
    slope: xr.DataArray,
    weights: xr.DataArray,
    chosen: Groups,
    all_land: xr.DataArray,
    config: RunConfig,
) -> dict[str, xr.DataArray]:
    """Columns of the common course of the fixed set of cells, of the set itself, and of its cells' own trends."""
    groups = chosen.mask
    fixed = fixed_cells(moisture, config)
    whole = str(groups[groups.dims[0]].to_numpy()[0])
    found = course_and_parts(moisture.where(fixed), weights, groups, whole)
    members = area_weighted_series(xr.ones_like(weights).where(fixed), weights, groups)
    return (
        _line(found["course"], "slope_fixed_cells", config)
        | {
            "n_fixed_cells": members["n_cells"],
            "fixed_cells_share": members["covered_area"] / all_land.where(all_land > 0),
        }
        | {"fixed_cells_course": found["course"].transpose(groups.dims[0], "year")}
        | end_year_columns(found["course"], config)
        | _line(found["part"], "part_of_whole", config)
        | latitude_columns(slope.where(fixed), weights, chosen, config)
    )


def region_lines(annual: xr.Dataset, chosen: Groups, config: RunConfig) -> xr.Dataset:
    """Compute the columns ``slope`` and ``slope_fixed_cells`` of :func:`table`, and these alone, by region; lazy."""
    on_land = land(annual)
    weights = cell_areas(annual).where(on_land, 0.0)
    moisture = annual["soil_moisture"].where(on_land)
    series = area_weighted_series(annual["soil_moisture"], weights, chosen.mask)["mean"]
    course = area_weighted_course(moisture.where(fixed_cells(moisture, config)), weights, chosen.mask)
    names = {"slope": series, "slope_fixed_cells": course}
    return xr.Dataset({name: _line(each, name, config)[name] for name, each in names.items()})


def fixed_cells(series: xr.DataArray, config: RunConfig) -> xr.DataArray:
    """Return the fixed set of cells (lat, lon): a value in 80 % of the years of ``series``, and at both ends."""
    ends = config.years.ends or Ends()
    out: xr.DataArray = xr.apply_ufunc(
        _fixed, series, kwargs={"span": ends.span, "least": ends.min_years}, input_core_dims=[["year"]],
        dask="parallelized", output_dtypes=[np.bool_],
    )  # fmt: skip
    return out


def _fixed(values: npt.NDArray[Any], span: int, least: int) -> npt.NDArray[np.bool_]:
    """Of a block (..., year), in one task: the sums of ends and whole would be six."""
    valid, (part, total) = ~np.isnan(values), FIXED_YEARS
    fixed: npt.NDArray[np.bool_] = valid.sum(axis=-1) * total >= valid.shape[-1] * part
    for end in (valid[..., :span], valid[..., -span:]):
        fixed &= end.sum(axis=-1) >= least
    return fixed
