"""Annual values from the departures of months from their level in the seasons, over a fixed set of months.

A month that is missing in some years shifts a plain annual mean by its place in the seasons. The months' own means
are no remedy: that of a month which is missing in the first years is the mean of later years, so it holds a part of
the trend. Months and years are therefore fitted together. The mean of the set is added back, so that the series stays
in its unit.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import Annual, RunConfig
from smcloud.products.flags import NOT_CONNECTED
from smcloud.stats import linear_trend
from smcloud.stats.status import EMPTY, OK

MONTHS = 12
# Shares are compared with counts: 0.8 x 15 must count as 12 despite rounding.
ROUNDING = 1e-9
TILE = 128  # cells that are treated at a time, so that what is found of them stays in the processor's cache

Block = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class SoilMoistureYears(NamedTuple):
    """Annual soil moisture, and what it is made of: see :func:`soil_moisture_years`."""

    value: xr.DataArray
    n_months: xr.DataArray
    behind: xr.DataArray
    size: xr.DataArray
    fitted: xr.DataArray
    status: xr.DataArray


def soil_moisture_years(da: xr.DataArray, rule: Annual) -> SoilMoistureYears:
    """Compute annual soil moisture of monthly ``da`` (time: whole years of 12, lat, lon; one time chunk); lazy.

    A calendar month belongs to a cell's fixed set where it is valid in at least ``min_climatology_years`` years and in
    ``fixed_months_share`` of all. x(month, year) = a_month + b_year + e is fitted by least squares to all valid months
    of the set, the a adding up to 0. The value of a year is the mean of x - a over the months of the set that are valid
    in it; NaN where fewer than ``year_months_share`` of the set are. Months that have one value in all years give
    exactly their mean.

    Returns the values (year, lat, lon), the number of valid months (uint8, in the set or not), the months behind each
    value (time, lat, lon; bool), the size of the set (lat, lon; uint8), the months of the fit (time, lat, lon; bool)
    and why a cell has no value (lat, lon; uint8: empty where the set is, not connected where no chain of valid months
    and years links the months of the set, so that they have no common level). The months behind a year without a value
    are the whole set, and all twelve where it is empty, as are those of the fit: other roles have a value there.
    """
    results = xr.apply_ufunc(
        _soil_moisture_block,
        da,
        input_core_dims=[["time"]],
        output_core_dims=[["year"], ["year"], ["time"], [], ["time"], []],
        kwargs={"rule": rule},
        dask="parallelized",
        output_dtypes=[np.float64, np.uint8, np.bool_, np.uint8, np.bool_, np.uint8],
        dask_gufunc_kwargs={"output_sizes": {"year": da.sizes["time"] // MONTHS}},
    )
    order = ("year", "time", "lat", "lon")
    return SoilMoistureYears(*(result.transpose(*order, missing_dims="ignore") for result in results))


def driver_years(da: xr.DataArray, moisture: SoilMoistureYears, rule: Annual, summed: bool) -> xr.DataArray:
    """Compute annual values (year, lat, lon) of monthly ``da`` over the months of ``moisture``; lazy.

    The levels a of its months are fitted to the months that soil moisture's are fitted to: a role that soil moisture
    follows month by month is then followed year by year, whatever is missing. The mean (where ``summed``: the sum) over
    the months behind soil moisture's value of the departures x - a, plus the mean (the sum) of the levels over the
    fixed set: a month that soil moisture lacks adds nothing to a sum, so it counts as an average one. NaN where ``da``
    lacks one of the months, where the fit has fewer than ``min_climatology_years`` of one, and where its months are not
    connected.
    """
    value: xr.DataArray = xr.apply_ufunc(
        _driver_block,
        da,
        moisture.behind,
        moisture.fitted,
        input_core_dims=[["time"]] * 3,
        output_core_dims=[["year"]],
        kwargs={"least": rule.min_climatology_years, "summed": summed},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"year": da.sizes["time"] // MONTHS}},
        join="exact",
    )
    return value.transpose("year", "lat", "lon")


def deseasonalised(da: xr.DataArray, least: int) -> xr.DataArray:
    """Subtract each calendar month's level from monthly ``da`` (time: whole years of 12), float64; lazy.

    The levels are those of months and years fitted together over all valid months of the calendar months that are
    valid in at least ``least`` years; the others are NaN, and so is a cell whose months are not connected.
    """
    out: xr.DataArray = xr.apply_ufunc(
        _deseasonalised_block,
        da,
        input_core_dims=[["time"]],
        output_core_dims=[["time"]],
        kwargs={"least": least},
        dask="parallelized",
        output_dtypes=[np.float64],
    )
    return out.transpose(*da.dims)


def anomaly_columns(series: xr.DataArray, months: xr.DataArray, config: RunConfig) -> dict[Hashable, xr.DataArray]:
    """Compute what the slope would be by anomalies, beside annual means of months; lazy.

    ``anomaly_slope`` (lat, lon): least-squares slope of :func:`soil_moisture_years` of the monthly ``months``, in the
    cells where annual ``series`` (year, lat, lon) has a value; NaN for fewer than ``years.min_years`` years. Nothing
    where ``series`` is made of anomalies already.
    """
    if config.annual.method == "anomalies":
        return {}
    value = soil_moisture_years(months, config.annual).value.assign_coords(year=series["year"])
    line = linear_trend(value.where(series.notnull().any("year")), dim="year", min_valid=config.years.min_years)
    return {"anomaly_slope": line["slope"]}


def _soil_moisture_block(block: Block, rule: Annual) -> tuple[npt.NDArray[Any], ...]:
    from smcloud.stats.engine.anomaly_kernels import year_values
    from smcloud.stats.engine.arrays import row_tiles

    rows, years = block.reshape(-1, block.shape[-1]), block.shape[-1] // MONTHS
    value, count = np.empty((len(rows), years)), np.empty((len(rows), years), np.uint8)
    behind, fitted = np.empty(rows.shape, np.bool_), np.empty(rows.shape, np.bool_)
    size, status = np.empty(len(rows), np.uint8), np.empty(len(rows), np.uint8)
    found = (value, count, behind, size, fitted, status)
    least = max(rule.min_climatology_years, rule.fixed_months_share * years - ROUNDING)
    for at, series in row_tiles(rows, TILE):
        used, fixed, count[at] = _months(series, np.ones(series.shape, np.bool_), least, only=True)
        if not count[at].any():  # as most of the globe is
            for values, empty in zip(found, (np.nan, 0, True, 0, True, EMPTY), strict=True):
                values[at] = empty
            continue
        level, connected = _levels(series, used)
        size[at] = months = fixed.sum(axis=-1)
        need = np.where((months > 0) & connected, rule.year_months_share * months - ROUNDING, np.inf)
        enough = np.empty((len(series), years), np.bool_)
        year_values(series, used, level, need, False, value[at], enough)
        status[at] = np.where(months == 0, EMPTY, np.where(connected, OK, NOT_CONNECTED))
        empty = (months == 0)[:, np.newaxis]
        behind[at] = fitted[at] = used | empty
        cell, year = np.nonzero(~(enough | empty))
        behind[at].reshape(-1, years, MONTHS)[cell, year] = fixed[cell]
    return tuple(values.reshape(*block.shape[:-1], *values.shape[1:]) for values in found)


def _driver_block(block: Block, behind: BoolArray, fitted: BoolArray, least: int, summed: bool) -> FloatArray:
    from smcloud.stats.engine.anomaly_kernels import year_values
    from smcloud.stats.engine.arrays import row_tiles

    rows = block.reshape(-1, block.shape[-1])
    behind, fitted = behind.reshape(rows.shape), fitted.reshape(rows.shape)
    value = np.empty((len(rows), block.shape[-1] // MONTHS))
    for at, series in row_tiles(rows, TILE):
        pattern, enough, _ = _months(series, np.ascontiguousarray(fitted[at]), least, only=False)
        level = np.where(enough, _levels(series, pattern)[0], np.nan)
        used = np.ascontiguousarray(behind[at])  # each month of the set is behind every year in which moisture has it
        year_values(series, used, level, np.zeros(len(series)), summed, value[at], np.empty(value[at].shape, np.bool_))
    return value.reshape(*block.shape[:-1], value.shape[-1])


def _deseasonalised_block(block: Block, least: int) -> FloatArray:
    from smcloud.stats.engine.arrays import row_tiles

    rows, out = block.reshape(-1, block.shape[-1]), np.empty(block.shape)
    for at, series in row_tiles(rows, TILE):
        used, _, _ = _months(series, np.ones(series.shape, np.bool_), least, only=True)
        level = np.tile(_levels(series, used)[0], block.shape[-1] // MONTHS)
        np.subtract(series, level, out=out.reshape(rows.shape)[at])
    return out


def _months(
    series: FloatArray, among: BoolArray, least: float, only: bool
) -> tuple[BoolArray, BoolArray, npt.NDArray[np.uint8]]:
    """The used months (row, time) of a tile, the calendar months (row, 12) that have ``least``, the valid ones by year.

    See :func:`~smcloud.stats.engine.anomaly_kernels.choose_months`.
    """
    from smcloud.stats.engine.anomaly_kernels import choose_months

    used, chosen = np.empty(series.shape, np.bool_), np.empty((len(series), MONTHS), np.bool_)
    count = np.empty((len(series), series.shape[1] // MONTHS), np.uint8)
    choose_months(series, among, least, only, used, chosen, count)
    return used, chosen, count


def _levels(series: FloatArray, used: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Levels (row, 12) of months and years fitted together over the ``used`` months; whether these hang together.

    NaN for a month that is never used, and for all where they do not hang together.
    """
    from smcloud.stats.engine.level_kernels import month_levels

    level, connected = np.empty((len(series), MONTHS)), np.empty(len(series), np.uint8)
    month_levels(series, used, level, connected)
    return level, connected.astype(bool)
