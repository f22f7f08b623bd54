"""Partial correlations of deseasonalised months, with lags that are set in advance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from smcloud import conventions
from smcloud.config import RunConfig
from smcloud.products.annual import one_chunk, whole_years
from smcloud.products.anomalies import MONTHS, deseasonalised
from smcloud.stats import partial_correlation
from smcloud.stats.status import DROPPED

# The name under which time joins the drivers as one more control.
TIME_CONTROL = "time_control"


def monthly_series(cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Select soil moisture and the roles ``drivers.names`` of the whole years of ``cube``, unchanged; lazy.

    ``time`` becomes calendar year + (month - 0.5)/12. Raises :class:`CalendarError`, :class:`TooFewYearsError` and, for
    several chunks along time, :class:`ChunkError`.
    """
    first, years = whole_years(cube, config)
    out = cube[["soil_moisture", *config.drivers.names]].isel(time=slice(first, first + MONTHS * years.size))
    for name in out.data_vars:
        one_chunk(out[name], str(name))
    months = np.arange(MONTHS * years.size)
    begin = conventions.beginning(int(years[0]), config.annual.first_month).astype("datetime64[M]").astype(int)
    return out.assign_coords(time=1970 + (begin + months + 0.5) / MONTHS)


def departures(months: xr.Dataset, partial: xr.Dataset, config: RunConfig) -> tuple[xr.DataArray, xr.Dataset]:
    """Return soil moisture and its drivers (time, lat, lon) without their seasons, as they are correlated by months.

    ``months`` is what :func:`monthly_series` gives, ``partial`` the annual result (p_value and status by driver): a
    cell without one has no months, and a driver that the annual one leaves out is constant. Every series is the
    departure from the level of its calendar month, where that is there in ``annual.min_climatology_years``
    (:func:`~smcloud.products.anomalies.deseasonalised`); ``drivers.detrend`` makes time one more control.
    """
    names, least = list(config.drivers.names), config.annual.min_climatology_years
    target = deseasonalised(months["soil_moisture"], least).where(partial["p_value"].notnull().any("driver"))
    left_out = partial["status"] == DROPPED
    # The correlation leaves out a constant; in place of the driver it keeps gaps from costing the others months.
    drivers = xr.Dataset(
        {name: deseasonalised(months[name], least).where(~left_out.sel(driver=name, drop=True), 0.0) for name in names}
    )
    return target, drivers.assign({TIME_CONTROL: months["time"]}) if config.drivers.detrend else drivers


def monthly_columns(target: xr.DataArray, drivers: xr.Dataset, config: RunConfig) -> dict[str, xr.DataArray]:
    """Compute the columns of the monthly partial correlations of what :func:`departures` gives.

    These are ``monthly_partial_correlation``, ``monthly_p_value``, ``monthly_n_effective`` (driver, lat, lon) and
    ``monthly_n``. A driver leads by ``drivers.lags`` months; ``drivers.dof`` and ``drivers.method`` are as for the
    annual values. Fewer than ``years.min_years`` complete months, and number of series + 2: NaN.
    """
    result = _correlation(target, drivers, config, config.drivers.dof, config.drivers.lags)
    return {
        "monthly_partial_correlation": result["r"],
        "monthly_p_value": result["p_value"],
        "monthly_n_effective": result["n_effective"],
        "monthly_n": result["n"],
    }


def lagged_columns(target: xr.DataArray, drivers: xr.Dataset, config: RunConfig) -> dict[str, xr.DataArray]:
    """Compute the monthly partial correlations by ``attribution.lags``, all drivers moved together.

    ``lagged_partial_correlation``, ``lagged_p_value`` and ``lagged_df`` (lag, driver, lat, lon) of what
    :func:`departures` gives, soil moisture of a month with the drivers ``lag`` months before it, below 0 after it.
    Always with the effective sample size, as months in a row are not independent; else as :func:`monthly_columns`.
    """
    lags = config.attribution.lags
    each = [_correlation(target.shift(time=-lag), drivers, config, "effective") for lag in lags]
    along = pd.Index(lags, dtype="int64", name="lag")
    published = {"lagged_partial_correlation": "r", "lagged_p_value": "p_value", "lagged_df": "df"}
    return {name: xr.concat([one[column] for one in each], dim=along) for name, column in published.items()}


def _correlation(
    target: xr.DataArray,
    drivers: xr.Dataset,
    config: RunConfig,
    dof: Literal["n", "effective"],
    lags: Mapping[str, int] | None = None,
) -> xr.Dataset:
    return partial_correlation(
        target,
        drivers,
        dim="time",
        dof=dof,
        alpha=config.alpha,
        method=config.drivers.method,
        min_valid=max(config.years.min_years, len(drivers) + 2),
        lags=dict(lags or {}),
    ).sel(driver=list(config.drivers.names))


def lag_attributes(config: RunConfig) -> dict[str, object]:
    """Return by how many months each driver leads, in the order of ``driver``, as numbers and as a sentence."""
    lags = {name: config.drivers.lags.get(name, 0) for name in config.drivers.names}
    text = ", ".join(f"{name} {lag}" for name, lag in lags.items())
    return {"lag_months": list(lags.values()), "comment": f"Months by which a driver leads, set in advance: {text}."}
