"""Trends of soil moisture by season: of each cell, and of what the cells of a region have in common."""

from __future__ import annotations

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.attributes import add_cf_attributes, without_attributes
from smcloud.products.blocks import per_block
from smcloud.products.regions import Groups
from smcloud.products.seasons import SEASONAL
from smcloud.products.tables import fixed_cells
from smcloud.products.trend import preset_trend
from smcloud.stats import linear_trend
from smcloud.stats.area_course import area_weighted_course
from smcloud.stats.area_sums import area_weighted_sums

COLUMNS = ("slope", "slope_lower", "slope_upper", "p_value")


def season_maps(annual: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Fit the trends of the seasons in ``annual``: ``season_slope`` and its kin (season, lat, lon); lazy.

    Estimator, interval and test are those of the preset (``effective`` stands for ``effective_pooled``), NaN for fewer
    than ``years.min_years`` seasons and off land. :func:`~smcloud.products.trend.trend_fields` adjusts p for the number
    of cells.
    """
    needed = annual[[name for name in ("soil_moisture", SEASONAL, "land_mask") if name in annual]]
    return add_cf_attributes(per_block(_season_maps, needed, config=config), "trend", config)


def _season_maps(annual: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    found = preset_trend(annual[SEASONAL].where(land(annual)), config)
    return xr.Dataset({f"season_{name}": found[name].transpose("season", "lat", "lon") for name in COLUMNS})


def season_columns(annual: xr.Dataset, chosen: Groups, config: RunConfig) -> xr.Dataset:
    """Fit the trend of what a fixed set of cells of each region has in common in each season; lazy.

    ``season_slope`` (region, season) with limits and p by the effective sample size, and ``season_n_cells``. The set
    of a season is that of ``slope_fixed_cells`` (:func:`~smcloud.products.tables.fixed_cells`) by its own values.
    """
    weights = cell_areas(annual).where(land(annual), 0.0)
    moisture = annual[SEASONAL].where(land(annual))
    tables = []
    for season in moisture["season"].values:
        own = moisture.sel(season=season, drop=True)
        fixed = fixed_cells(own, config)
        course = area_weighted_course(own.where(fixed), weights, chosen.mask)
        line = linear_trend(course, "year", config.alpha, config.years.min_years, interval="effective")
        members = area_weighted_sums(xr.ones_like(weights).where(fixed), weights, chosen.mask)
        columns = {f"season_{name}": line[name] for name in COLUMNS}
        tables.append(without_attributes(xr.Dataset(columns | {"season_n_cells": members["n_cells"]})))
    out = xr.concat(tables, dim=moisture["season"].drop_attrs()).transpose("region", "season")
    return add_cf_attributes(out, "regional", config)
