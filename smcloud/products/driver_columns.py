"""What a table says of the drivers in each group of cells: their correlations, their lead, their trends and parts."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import land
from smcloud.products.attributes import without_attributes
from smcloud.products.blocks import per_block
from smcloud.products.drivers import significant_drivers
from smcloud.products.flags import NO_DATA
from smcloud.stats import area_weighted_series, linear_trend
from smcloud.stats.tile_draws import mean_of_tiles
from smcloud.stats.tile_sums import tile_sums

# Limits of what goes with soil moisture: a group that was chosen by its trend in soil moisture has none.
MEANS = (
    "partial_correlation",
    "trend_contribution",
    "dominant_share",
    "positive_share",
    "significant_positive_share",
    "significant_negative_share",
)
OF_THE_DRIVERS = tuple(f"{name}_{limit}" for name in MEANS for limit in ("lower", "upper"))
# The status of a driver that is left out of a cell's regression, whose gaps do not count.
LEFT_OUT = 5


def driver_columns(
    drivers: xr.Dataset, weights: xr.DataArray, groups: xr.DataArray, config: RunConfig
) -> dict[str, xr.DataArray]:
    """Average correlations, parts of the trend and the lead of each driver over each group, with limits; lazy.

    ``drivers`` is the product, ``weights`` the area of the land (lat, lon) in km2, ``groups`` (group, lat, lon).
    (group, driver): ``partial_correlation`` is the area-weighted mean of all cells that have one, significant or not,
    and ``trend_contribution`` (m3 m-3 yr-1) likewise; ``dominant_share`` is the area where the driver is the
    ``dominant_driver`` over the area where drivers were tested. Of the area with a partial correlation,
    ``positive_share`` is that with one above 0, ``significant_positive_share`` and ``significant_negative_share`` that
    with one that is significant by the rule of ``drivers.dominant``. Each has ``_lower`` and ``_upper``, quantiles of
    ``bootstrap.replicates`` draws of tiles of 20 degrees (:func:`~smcloud.stats.tile_draws.mean_of_tiles`), NaN with
    fewer than 10 tiles, and ``_n_cells``, the cells that it is a mean of, driver by driver.
    """
    code = drivers["dominant_driver"]
    number = xr.DataArray(
        np.arange(1, drivers.sizes["driver"] + 1), dims="driver", coords={"driver": drivers["driver"]}
    )
    fields = {name: drivers[name] for name in MEANS[:2]}
    fields["dominant_share"] = (code == number).astype("float64").where(code != NO_DATA)
    r = drivers["partial_correlation"]
    significant = significant_drivers(drivers["p_value"], drivers["p_adjusted"], config)
    for name, there in (
        ("positive_share", r > 0),
        ("significant_positive_share", (r > 0) & significant),
        ("significant_negative_share", (r < 0) & significant),
    ):
        fields[name] = there.astype("float64").where(r.notnull())
    every = [field.astype("float64").transpose("driver", "lat", "lon") for field in fields.values()]
    stacked = xr.concat(every, "column", coords="minimal", compat="override")  # one pass over the cells
    sums = tile_sums(stacked, weights, groups)
    found = mean_of_tiles(sums, config.bootstrap.replicates, config.bootstrap.seed, config.alpha)
    columns = {}
    for position, name in enumerate(fields):
        own = found.isel(column=position)
        columns[name] = own["mean"]
        columns |= {f"{name}_{part}": own[part] for part in ("lower", "upper", "n_cells")}
    return columns


def driver_trends(annual: xr.Dataset, drivers: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Compute the least-squares trend of each driver of a cell and its p value, (driver, lat, lon); lazy.

    Years are those with soil moisture and every driver that the cell's regression used (:data:`LEFT_OUT` in the
    ``status`` of the product ``drivers``), so that ``slope``, in the driver's annual unit per year, is the slope that
    ``trend_contribution`` is made with. ``p_value`` takes the years as independent or by the effective sample size, as
    ``drivers.dof`` says. NaN where the driver has no part in the regression.
    """
    names = list(config.drivers.names)
    needed = annual[[name for name in ("soil_moisture", *names, "land_mask") if name in annual]]
    used = drivers[["status", "trend_contribution"]]
    return per_block(_driver_trends, needed, used, config=config)


def _driver_trends(annual: xr.Dataset, drivers: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    names = list(config.drivers.names)
    cases = annual["soil_moisture"].where(land(annual)).notnull()
    for name in names:
        cases &= annual[name].notnull() | (drivers["status"].sel(driver=name, drop=True) == LEFT_OUT)
    interval: Literal["effective", "t"] = "effective" if config.drivers.dof == "effective" else "t"
    lines = []
    for name in names:
        part = drivers["trend_contribution"].sel(driver=name, drop=True)
        series = annual[name].astype("float64").where(cases & part.notnull())
        lines.append(linear_trend(series, dim="year", alpha=config.alpha, interval=interval))
    along = xr.DataArray(names, dims="driver", name="driver")
    columns = {name: xr.concat([line[name] for line in lines], dim=along) for name in ("slope", "p_value")}
    return without_attributes(xr.Dataset(columns).transpose("driver", "lat", "lon"))


def trend_columns(
    trends: xr.Dataset, weights: xr.DataArray, groups: xr.DataArray, config: RunConfig
) -> dict[str, xr.DataArray]:
    """Average the trends of the drivers over each group, and say on which share they are significant; lazy.

    ``trends`` is that of :func:`driver_trends`. ``trend_of_<driver>`` (group): area-weighted mean slope, in the
    driver's annual unit per year. (group, driver): ``rising_share`` and ``falling_share``, the area with p < alpha (not
    adjusted for the number of cells) and that sign over the area with a slope; ``driver_trend_n_cells``.
    """
    slope, significant = trends["slope"], trends["p_value"] < config.alpha
    mean = area_weighted_series(slope, weights, groups)
    columns = {f"trend_of_{name}": mean["mean"].sel(driver=name, drop=True) for name in config.drivers.names}
    for column, there in (("rising_share", slope > 0), ("falling_share", slope < 0)):
        share = (there & significant).astype("float64").where(slope.notnull())
        columns[column] = area_weighted_series(share, weights, groups)["mean"]
    return columns | {"driver_trend_n_cells": mean["n_cells"]}
