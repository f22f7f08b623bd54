"""Uncertainty of a trend from the instruments: breaks where the sensors change, and the errors of the months."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import one_chunk, whole_years
from smcloud.products.anomalies import MONTHS, soil_moisture_years
from smcloud.stats import set_breaks, trend_with_steps

Block = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]

SENSOR_SETS = "soil_moisture_sensors"
# Column of the slope's standard error, and the bound of the months' errors that it is computed from.
STDERR = {
    "slope_stderr_measurement": "soil_moisture_uncertainty_decaying",
    "slope_stderr_measurement_lower": "soil_moisture_uncertainty_independent",
    "slope_stderr_measurement_upper": "soil_moisture_uncertainty",
}


def measured_months(cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Select soil moisture of the cube's whole years, with its sensors and errors; lazy.

    Raises :class:`ChunkError` for several chunks along time.
    """
    first, years = whole_years(cube, config)
    names = [name for name in ("soil_moisture", SENSOR_SETS, *STDERR.values()) if name in cube]
    span = slice(first, first + MONTHS * len(years))
    return xr.Dataset({name: one_chunk(cube[name].isel(time=span), name) for name in names})


def measurement_columns(
    series: xr.DataArray, ols: xr.Dataset, months: xr.Dataset, config: RunConfig
) -> dict[Hashable, xr.DataArray]:
    """Compute columns (lat, lon) that accompany the least-squares trend ``ols`` of annual ``series`` (year, lat, lon).

    ``months`` is that of :func:`measured_months`. With the sensors: ``slope_with_breaks``, ``n_breaks`` and
    ``stderr_growth``; those of ``ols`` and 1 where there is no break, NaN where they cannot be found: nothing is known
    of the sensors, or the steps take all that time explains. ``break_year`` (break, lat, lon): year of each break, and
    the share of the year's months that lie before it; NaN where there are fewer breaks. The p value of
    ``slope_with_breaks`` needs the neighbours (:func:`p_value_with_breaks`). With the errors of the months:
    ``slope_stderr_measurement`` and its kin (:func:`_stderr_of_block`).
    """
    used = _months_behind(months["soil_moisture"], config)
    columns: dict[Hashable, xr.DataArray] = {}
    position = None
    if SENSOR_SETS in months:
        position = set_breaks(months[SENSOR_SETS], dim="time")
        columns |= _with_breaks(series, ols, used, position, (months[SENSOR_SETS] > 0).any("time"), config)
    if "soil_moisture_uncertainty" in months:
        columns |= _stderr(series, used, position, months)
    return columns


def _months_behind(moisture: xr.DataArray, config: RunConfig) -> xr.DataArray:
    """True (time, lat, lon) for the months that annual values are made of."""
    valid = moisture.notnull()
    if config.annual.method == "monthly_means":
        return valid
    return valid & soil_moisture_years(moisture, config.annual)[2]


def _with_breaks(
    series: xr.DataArray, ols: xr.Dataset, used: xr.DataArray, position: xr.DataArray, known: xr.DataArray,
    config: RunConfig,
) -> dict[Hashable, xr.DataArray]:  # fmt: skip
    break_year = xr.apply_ufunc(
        _break_years, used, position, kwargs={"first": int(series.indexes["year"][0])},
        input_core_dims=[["time"], ["break"]], output_core_dims=[["break"]], dask="parallelized",
        output_dtypes=[np.float64],
    ).transpose("break", ...)  # fmt: skip
    steps = _shares_behind(break_year, series["year"])
    fit = trend_with_steps(series, steps, dim="year", alpha=config.alpha, min_valid=config.years.min_years)
    told = ols["slope"].notnull() & known
    plain = fit["n_steps"] == 0
    growth = (fit["stderr_independent"] / ols["stderr"].where(ols["stderr"] > 0)).where(~plain, 1.0)
    return {
        "slope_with_breaks": fit["slope"].where(~plain, ols["slope"]).where(told),
        "n_breaks": fit["n_steps"].where(told),
        "stderr_growth": growth.where(told),
        "break_year": break_year,
    }


def p_value_with_breaks(series: xr.DataArray, maps: xr.Dataset, pooled: xr.Dataset, config: RunConfig) -> xr.DataArray:
    """Test ``slope_with_breaks`` of ``maps`` (lat, lon) under the autocorrelation that neighbours share; lazy.

    ``series`` (year, lat, lon) are those of :func:`measurement_columns`, ``pooled`` is what
    :func:`~smcloud.stats.pooled_trend` gives of them. Variance and degrees of freedom are those of a regression with a
    step at each ``break_year`` (:func:`~smcloud.stats.trend_with_steps`); without a break the p value of ``pooled``.
    """
    steps = _shares_behind(maps["break_year"], series["year"])
    least = config.years.min_years
    fit = trend_with_steps(series, steps, "year", config.alpha, least, phi=pooled["r1_pooled"])
    beside = fit["p_value"].where(maps["n_breaks"] > 0, pooled["p_value"])
    return beside.where(maps["n_breaks"].notnull())


def _break_years(used: Block, position: Block, first: int) -> FloatArray:
    """(..., break): year of each break plus the share of the year's used months that lies before it; NaN: no break."""
    year = np.maximum(position, 0) // MONTHS
    months = used.reshape(*used.shape[:-1], -1, MONTHS)
    own = np.take_along_axis(months, year[..., np.newaxis], axis=-2)
    before = own & (np.arange(MONTHS) < (position % MONTHS)[..., np.newaxis])
    # A year without months has no value to explain, so its share does not matter.
    share = before.sum(axis=-1) / np.maximum(own.sum(axis=-1), 1)
    return np.where(position >= 0, first + year + share, np.nan)


def _shares_behind(break_year: xr.DataArray, year: xr.DataArray) -> xr.DataArray:
    """Share of each year's months that lies behind each break; NaN where there is none."""
    return (year + 1 - break_year).clip(0.0, 1.0)


def _stderr(
    series: xr.DataArray, used: xr.DataArray, position: xr.DataArray | None, months: xr.Dataset
) -> dict[Hashable, xr.DataArray]:
    """The columns of :data:`STDERR`, and that of errors which are the same within a sensor epoch."""
    none = xr.full_like(used.isel(time=0, drop=True), -1, np.int32).expand_dims("break")
    epochs = none if position is None else position
    results = xr.apply_ufunc(
        _stderr_of_block, series, used, epochs, *(months[name] for name in STDERR.values()),
        kwargs={"t": series["year"].to_numpy().astype(np.float64)},
        input_core_dims=[["year"], ["time"], ["break"], ["time"], ["time"], ["time"]],
        output_core_dims=[[]] * (len(STDERR) + 1), dask="parallelized",
        output_dtypes=[np.float64] * (len(STDERR) + 1),
    )  # fmt: skip
    return dict(zip((*STDERR, "slope_stderr_measurement_epoch"), results, strict=True))


def _stderr_of_block(
    series: Block, used: Block, position: Block, *sigmas: Block, t: FloatArray
) -> tuple[FloatArray, ...]:
    """Standard errors of the least-squares slope that the errors of the months leave, in closed form.

    The slope is sum_y c_y x_y over the valid years, c_y = (t_y - mean t)/sum (t - mean t)^2, and x_y the mean of n_y
    months with errors sigma_m. Independent across months and years: variance = sum_y (c_y/n_y)^2 sum_m sigma_m^2, for
    each of ``sigmas``. One and the same error within a sensor epoch, none in common between epochs: variance =
    sum_e (sum_y c_y/n_y sum_(m in e) sigma_m)^2 with the last of ``sigmas``. An error that the whole record shares
    moves no slope, so with one epoch only the drift of sigma is left. Months without a sigma do not count; NaN where a
    valid year has none, or there is no slope (fewer than two years). Added from the first year to the last.
    """
    valid = np.isfinite(series)
    n = np.maximum(valid.sum(axis=-1), 1)
    mean = _added(np.where(valid, t, 0.0)) / n
    offset = np.where(valid, t - mean[..., np.newaxis], 0.0)
    spread = _added(offset * offset)
    weight = offset / np.where(spread > 0, spread, np.nan)[..., np.newaxis]
    out = []
    months = (*used.shape[:-1], -1, MONTHS)
    for sigma in sigmas:
        known = used & np.isfinite(sigma)
        count = known.reshape(months).sum(axis=-1)
        count = np.where(valid & (count == 0), np.nan, np.maximum(count, 1))
        errors = np.where(known, sigma, 0.0).astype(np.float64)
        share = weight / count
        out.append(np.sqrt(_added(share * share * _added((errors * errors).reshape(months)))))
    month = np.arange(used.shape[-1])[:, np.newaxis]
    number = ((month >= position[..., np.newaxis, :]) & (position >= 0)[..., np.newaxis, :]).sum(axis=-1)
    total = np.zeros(n.shape)
    for e in range(position.shape[-1] + 1):
        moved = _added(share * _added(np.where(number == e, errors, 0.0).reshape(months)))
        total += moved * moved
    return (*out, np.sqrt(total))


def _added(values: FloatArray) -> FloatArray:
    """Sum over the last axis in its order, whatever the memory layout."""
    total = np.zeros(values.shape[:-1])
    for i in range(values.shape[-1]):
        total += values[..., i]
    return total
