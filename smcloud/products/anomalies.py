"""Annual values from the departures of each month from its own mean, over a fixed set of months.

A month that is missing in some years shifts a plain annual mean by its place in the seasons; a mean of anomalies over
a fixed set of months is not shifted. The mean of the set is added back, so that the series stays in its unit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import Annual

MONTHS = 12
# Shares are compared with counts: 0.8 x 15 must count as 12 despite rounding.
ROUNDING = 1e-9

Block = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def soil_moisture_years(
    da: xr.DataArray, rule: Annual
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, xr.DataArray]:
    """Compute annual soil moisture of monthly ``da`` (time: whole years from January, lat, lon; one time chunk); lazy.

    A calendar month belongs to a cell's fixed set where it is valid in at least ``min_climatology_years`` years and in
    ``fixed_months_share`` of all. The value of a year is the mean, over the months of the set that are valid in it,
    of the departure from the month's mean over all years, plus the mean of these means over the set; NaN where fewer
    than ``year_months_share`` of the set are valid. Equal months give exactly their value.

    Returns the values (year, lat, lon), the number of valid months (uint8, in the set or not), the months behind each
    value (time, lat, lon; bool) and the size of the set (lat, lon; uint8). The months behind a year without a value
    are the whole set, and all twelve where it is empty: other roles have a value there.
    """
    value, count, months, size = xr.apply_ufunc(
        _soil_moisture_block,
        da,
        input_core_dims=[["time"]],
        output_core_dims=[["year"], ["year"], ["time"], []],
        kwargs={"rule": rule},
        dask="parallelized",
        output_dtypes=[np.float64, np.uint8, np.bool_, np.uint8],
        dask_gufunc_kwargs={"output_sizes": {"year": da.sizes["time"] // MONTHS}},
    )
    return (
        value.transpose("year", "lat", "lon"),
        count.transpose("year", "lat", "lon"),
        months.transpose("time", "lat", "lon"),
        size.transpose("lat", "lon"),
    )


def driver_years(da: xr.DataArray, months: xr.DataArray, rule: Annual, summed: bool) -> xr.DataArray:
    """Compute annual values (year, lat, lon) of monthly ``da`` over ``months`` of :func:`soil_moisture_years`; lazy.

    The mean (where ``summed``: the sum) over these months of the departures from each month's own mean, plus the mean
    (the sum) of these means over the fixed set: a month that soil moisture lacks adds nothing to a sum, so it counts
    as an average one. NaN where ``da`` lacks one of the months, or has fewer than ``min_climatology_years`` of it.
    """
    value: xr.DataArray = xr.apply_ufunc(
        _driver_block,
        da,
        months,
        input_core_dims=[["time"], ["time"]],
        output_core_dims=[["year"]],
        kwargs={"least": rule.min_climatology_years, "summed": summed},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"year": da.sizes["time"] // MONTHS}},
        join="exact",
    )
    return value.transpose("year", "lat", "lon")


def deseasonalised(da: xr.DataArray, least: int) -> xr.DataArray:
    """Subtract each calendar month's mean from monthly ``da`` (time: whole years from January), float64; lazy.

    NaN where the value is missing or its calendar month is valid in fewer than ``least`` years.
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


def _soil_moisture_block(
    block: Block, rule: Annual
) -> tuple[FloatArray, npt.NDArray[np.uint8], BoolArray, npt.NDArray[np.uint8]]:
    months, valid, seen = _by_month(block)
    fixed = (seen >= rule.min_climatology_years) & (seen >= rule.fixed_months_share * months.shape[-2] - ROUNDING)
    size = fixed.sum(axis=-1)
    used = valid & fixed[..., np.newaxis, :]
    enough = (size > 0)[..., np.newaxis] & (
        used.sum(axis=-1) >= rule.year_months_share * size[..., np.newaxis] - ROUNDING
    )
    normal = _ordered_mean(np.moveaxis(months, -2, 0), np.moveaxis(valid, -2, 0))
    base = _ordered_mean(np.moveaxis(normal, -1, 0), np.moveaxis(fixed, -1, 0))
    value = np.where(enough, base[..., np.newaxis] + _departure(months, normal, used, summed=False), np.nan)
    wanted = np.where((size > 0)[..., np.newaxis], fixed, True)[..., np.newaxis, :]
    behind = np.where(enough[..., np.newaxis], used, wanted)
    return value, valid.sum(axis=-1).astype(np.uint8), behind.reshape(block.shape), size.astype(np.uint8)


def _driver_block(block: Block, behind: BoolArray, least: int, summed: bool) -> FloatArray:
    months, valid, seen = _by_month(block)
    used = behind.reshape(months.shape)
    fixed = used.any(axis=-2)  # each month of the set is behind every year in which soil moisture has it
    normal = _ordered_mean(np.moveaxis(months, -2, 0), np.moveaxis(valid, -2, 0))
    normal = np.where(seen >= least, normal, np.nan)
    base = _ordered_mean(np.moveaxis(normal, -1, 0), np.moveaxis(fixed, -1, 0))
    if summed:
        base = base * fixed.sum(axis=-1)
    return base[..., np.newaxis] + _departure(months, normal, used, summed)


def _deseasonalised_block(block: Block, least: int) -> FloatArray:
    months, valid, seen = _by_month(block)
    normal = _ordered_mean(np.moveaxis(months, -2, 0), np.moveaxis(valid, -2, 0))
    normal = np.where(seen >= least, normal, np.nan)
    return (months - normal[..., np.newaxis, :]).reshape(block.shape)


def _by_month(block: Block) -> tuple[FloatArray, BoolArray, npt.NDArray[np.int64]]:
    """Values and validity (..., year, month), and the valid years of each month."""
    months = block.reshape(*block.shape[:-1], -1, MONTHS).astype(np.float64)
    valid = ~np.isnan(months)
    return months, valid, valid.sum(axis=-2)


def _departure(months: FloatArray, normal: FloatArray, used: BoolArray, summed: bool) -> FloatArray:
    """Mean or sum over the ``used`` months of each year of their departure, added from January to December."""
    total = np.zeros(used.shape[:-1])
    for month in range(MONTHS):
        total += np.where(used[..., month], months[..., month] - normal[..., np.newaxis, month], 0.0)
    return total if summed else total / np.maximum(used.sum(axis=-1), 1)


def _ordered_mean(values: FloatArray, chosen: BoolArray) -> FloatArray:
    """Mean over the first axis of the chosen values, in order; NaN where there is none, exact for equal values."""
    start = np.take_along_axis(values, chosen.argmax(axis=0)[np.newaxis], axis=0)[0]
    total = np.zeros(start.shape)
    for value, here in zip(values, chosen, strict=True):
        total += np.where(here, value - start, 0.0)
    count = chosen.sum(axis=0)
    return np.where(count > 0, start + total / np.maximum(count, 1), np.nan)
