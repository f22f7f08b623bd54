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
    """Compute annual soil moisture of monthly ``da`` (time: whole years from January, lat, lon; one time chunk); lazy.

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
    """Subtract each calendar month's level from monthly ``da`` (time: whole years from January), float64; lazy.

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
    """Compute the cells that have any value. The others, most of the globe, have an empty set."""
    rows = block.reshape(-1, block.shape[-1])
    here = ~np.isnan(rows).all(axis=-1)
    made = _soil_moisture_of_rows(rows[here], rule)
    filled = []
    for values, empty in zip(made, (np.nan, 0, True, 0, True, EMPTY), strict=True):
        whole = np.full((here.size, *values.shape[1:]), empty, values.dtype)
        whole[here] = values
        filled.append(whole.reshape(*block.shape[:-1], *values.shape[1:]))
    return tuple(filled)


def _soil_moisture_of_rows(rows: Block, rule: Annual) -> tuple[npt.NDArray[Any], ...]:
    months, valid, seen = _by_month(rows)
    fixed = (seen >= rule.min_climatology_years) & (seen >= rule.fixed_months_share * months.shape[-2] - ROUNDING)
    size = fixed.sum(axis=-1)
    used = valid & fixed[..., np.newaxis, :]
    level, connected = _levels(months, used)
    enough = ((size > 0) & connected)[..., np.newaxis] & (
        used.sum(axis=-1) >= rule.year_months_share * size[..., np.newaxis] - ROUNDING
    )
    base = _ordered_mean(np.moveaxis(level, -1, 0), np.moveaxis(fixed, -1, 0))
    value = np.where(enough, base[..., np.newaxis] + _departure(months, level, used, summed=False), np.nan)
    empty = (size == 0)[..., np.newaxis, np.newaxis]
    behind = np.where(enough[..., np.newaxis], used, fixed[..., np.newaxis, :] | empty).reshape(rows.shape)
    status = np.where(size == 0, EMPTY, np.where(connected, OK, NOT_CONNECTED)).astype(np.uint8)
    count = valid.sum(axis=-1).astype(np.uint8)
    return value, count, behind, size.astype(np.uint8), (used | empty).reshape(rows.shape), status


def _driver_block(block: Block, behind: BoolArray, fitted: BoolArray, least: int, summed: bool) -> FloatArray:
    months, valid, _ = _by_month(block)
    used = behind.reshape(months.shape)
    fixed = used.any(axis=-2)  # each month of the set is behind every year in which soil moisture has it
    pattern = fitted.reshape(months.shape) & valid
    level, connected = _levels(months, pattern)
    known = (pattern.sum(axis=-2) >= least) & connected[..., np.newaxis]
    level = np.where(known, level, np.nan)
    base = _ordered_mean(np.moveaxis(level, -1, 0), np.moveaxis(fixed, -1, 0))
    if summed:
        base = base * fixed.sum(axis=-1)
    return base[..., np.newaxis] + _departure(months, level, used, summed)


def _deseasonalised_block(block: Block, least: int) -> FloatArray:
    months, valid, seen = _by_month(block)
    level, _ = _levels(months, valid & (seen >= least)[..., np.newaxis, :])
    return (months - level[..., np.newaxis, :]).reshape(block.shape)


def _by_month(block: Block) -> tuple[FloatArray, BoolArray, npt.NDArray[np.int64]]:
    """Values and validity (..., year, month), and the valid years of each month."""
    months = block.reshape(*block.shape[:-1], block.shape[-1] // MONTHS, MONTHS).astype(np.float64)
    valid = ~np.isnan(months)
    return months, valid, valid.sum(axis=-2)


def _levels(months: FloatArray, used: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Levels (..., month) of months and years fitted together over the ``used`` months; whether these hang together.

    NaN for a month that is never used, and for all where they do not hang together.
    """
    from smcloud.stats.engine import level_kernels

    cells = (-1, months.shape[-2] * MONTHS)
    level = np.empty((*months.shape[:-2], MONTHS))
    connected = np.empty(months.shape[:-2], np.uint8)
    level_kernels.month_levels(
        np.ascontiguousarray(months).reshape(cells),
        np.ascontiguousarray(used).reshape(cells),
        level.reshape(-1, MONTHS),
        connected.reshape(-1),
    )
    return level, connected.astype(bool)


def _departure(months: FloatArray, level: FloatArray, used: BoolArray, summed: bool) -> FloatArray:
    """Mean or sum over the ``used`` months of each year of their departure, added from January to December."""
    total = np.zeros(used.shape[:-1])
    for month in range(MONTHS):
        total += np.where(used[..., month], months[..., month] - level[..., np.newaxis, month], 0.0)
    return total if summed else total / np.maximum(used.sum(axis=-1), 1)


def _ordered_mean(values: FloatArray, chosen: BoolArray) -> FloatArray:
    """Mean over the first axis of the chosen values, in order; NaN where there is none, exact for equal values."""
    start = np.take_along_axis(values, chosen.argmax(axis=0)[np.newaxis], axis=0)[0]
    total = np.zeros(start.shape)
    for value, here in zip(values, chosen, strict=True):
        total += np.where(here, value - start, 0.0)
    count = chosen.sum(axis=0)
    return np.where(count > 0, start + total / np.maximum(count, 1), np.nan)
