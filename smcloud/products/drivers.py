"""Correlations of soil moisture: partial and plain ones for each driver, then the dominant driver."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import land
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.blocks import per_block
from smcloud.products.flags import ENDS_NOT_COVERED, NO_DATA, NOT_LAND, TIE, driver_flags
from smcloud.products.monthly_drivers import (
    TIME_CONTROL,
    departures,
    lag_attributes,
    lagged_columns,
    monthly_columns,
    monthly_series,
)
from smcloud.products.trend import ends_covered
from smcloud.stats import fdr, leading_driver, partial_correlation, standardised_regression, trend_contribution


def driver_maps(annual: xr.Dataset, config: RunConfig, cube: xr.Dataset | None = None) -> xr.Dataset:
    """Correlate annual soil moisture with the roles ``drivers.names``, on (driver, lat, lon); lazy.

    A year counts where soil moisture and every driver are there (plain ``correlation``: that driver); at least
    ``years.min_years`` and number of drivers + 2 years are needed. A driver without a value, that is constant, or that
    varies less than its floor in ``drivers.floors``, is NaN in that cell: its gaps do not count, and the others keep a
    lower order (``df``, ``status``).
    ``drivers.detrend`` makes time one more control. ``trend_contribution`` (m3 m-3 yr-1) and its errors come from the
    regression with time in either case; with ``trend_unexplained`` they add up to ``slope_complete_cases``, the slope
    of the same years. ``dominance_probability`` is NaN where a single driver is in use: it has no other to lead.
    ``variance_inflation_factor`` tells how far the others (and time, if held) explain a driver; ``attribution.lmg``
    adds ``lmg``, the drivers' shares of R2 in the regression of r (time, if held, has one too). NaN off land and where
    ``years.ends`` is not met. Where the monthly ``cube`` that ``annual`` was made of is given, ``drivers.monthly`` adds
    the same of its deseasonalised months, with the lags in their attributes
    (:func:`~smcloud.products.monthly_drivers.monthly_columns`), and ``attribution.lags`` r, p and df (lag, driver, lat,
    lon) with all drivers that many months earlier (:func:`~smcloud.products.monthly_drivers.lagged_columns`).
    Raises :class:`ChunkError` for several
    chunks along year or time.
    """
    needed = annual[[name for name in ("soil_moisture", *config.drivers.names, "land_mask") if name in annual]]
    if cube is None or not (config.drivers.monthly or any(config.attribution.lags)):
        return per_block(_driver_maps, needed, config=config)
    out = per_block(_driver_maps, needed, monthly_series(cube, config), config=config)
    for name in out.data_vars:
        if str(name).startswith("monthly_"):
            out[name].attrs |= lag_attributes(config)
    return out


def _driver_maps(annual: xr.Dataset, months: xr.Dataset | None = None, *, config: RunConfig) -> xr.Dataset:
    names = list(config.drivers.names)
    on_land = land(annual)
    observed = annual["soil_moisture"].where(on_land)
    covered = ends_covered(observed, config.years.ends)
    target = observed.where(covered)
    drivers = annual[names].astype("float64")
    floors = {name: floor for name, floor in config.drivers.floors.items() if name in names}
    controls = drivers.assign({TIME_CONTROL: target["year"].astype("float64")}) if config.drivers.detrend else drivers
    partial = partial_correlation(
        target,
        controls,
        dim="year",
        dof=config.drivers.dof,
        min_valid=max(config.years.min_years, len(controls) + 2),
        alpha=config.alpha,
        method=config.drivers.method,
        floors=floors,
    ).sel(driver=names)
    pearson = [_pearson(target, drivers[name], config.years.min_years) for name in names]
    status = partial["status"].where(covered | ~observed.notnull().any("year"), ENDS_NOT_COVERED)
    columns = {name: partial[name] for name in ("r_lower", "r_upper", "p_value", "df", "n_effective", "n")} | {
        "partial_correlation": partial["r"],
        "correlation": xr.concat([r for r, _ in pearson], dim=partial["driver"]),
        "correlation_p_value": xr.concat([p for _, p in pearson], dim=partial["driver"]),
        "status": status.where(on_land, NOT_LAND).astype("uint8"),
    }
    columns |= _contributions(target, drivers, floors, config) | _dominance(target, drivers, floors, config)
    if config.attribution.lmg:
        shares = standardised_regression(target, controls, dim="year", floors=floors)["lmg"].sel(driver=names)
        columns["lmg"] = shares.where(partial["r"].notnull())
    columns["variance_inflation_factor"] = _inflation(target, controls, floors, config).where(partial["r"].notnull())
    if months is not None:
        series = departures(months, partial, config)
        if config.drivers.monthly:
            columns |= monthly_columns(*series, config)
        if any(config.attribution.lags):
            columns |= lagged_columns(*series, config)
    out = xr.Dataset(columns).transpose("lag", "driver", "lat", "lon", missing_dims="ignore")
    return add_cf_attributes(out, "drivers", config)


def _inflation(
    target: xr.DataArray, controls: xr.Dataset, floors: Mapping[str, float], config: RunConfig
) -> xr.DataArray:
    """``variance_inflation_factor`` (driver, lat, lon): 1/(1 - R2) of a driver on the others, over the years of r."""
    names = list(config.drivers.names)
    factors = []
    for name in names:
        others = controls.drop_vars(name)
        own = controls[name].where(target.notnull())
        if others:
            explained = standardised_regression(
                own, others, dim="year", floors={key: floor for key, floor in floors.items() if key != name}
            )["r2"]
        else:
            explained = xr.zeros_like(own.isel(year=0, drop=True))
        factors.append(1 / (1 - explained))
    return xr.concat(factors, dim=pd.Index(names, name="driver"))


def _contributions(
    target: xr.DataArray, drivers: xr.Dataset, floors: Mapping[str, float], config: RunConfig
) -> dict[str, xr.DataArray]:
    """The parts of the trend, with time in the regression; beside them those of the regression without time."""
    least = max(config.years.min_years, len(drivers) + 3)
    parts = trend_contribution(target, drivers, dim="year", floors=floors, min_valid=least)
    without_time = trend_contribution(target, drivers, "year", False, floors, dof="n", min_valid=least)
    return {
        "trend_contribution": parts["contribution"],
        "trend_contribution_stderr": parts["stderr"],
        "trend_contribution_stderr_total": parts["stderr_total"],
        "trend_contribution_df": parts["df"],
        "trend_unexplained": parts["unexplained"],
        "slope_complete_cases": parts["slope"],
        "contribution_without_time": without_time["contribution"],
    }


def _dominance(
    target: xr.DataArray, drivers: xr.Dataset, floors: Mapping[str, float], config: RunConfig
) -> dict[str, xr.DataArray]:
    """``dominance_probability``: 1 - the largest p of the leader against another driver, in the regression of r."""
    lead = leading_driver(
        target,
        drivers,
        dim="year",
        control_time=config.drivers.detrend,
        floors=floors,
        dof=config.drivers.dof,
        method=config.drivers.method,
        min_valid=max(config.years.min_years, len(drivers) + 2 + config.drivers.detrend),
    )
    return {"dominance_probability": 1 - lead["p_value"].max("driver")}


def driver_fields(maps: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Compute ``p_adjusted``, ``dominant_driver`` and ``dominant_correlation``.

    ``p_adjusted`` is Benjamini-Hochberg over all drivers and cells. The dominant driver has the largest absolute
    partial correlation, as 1.. in the order of ``driver``; 0 where none is significant, 255 where nothing was tested.
    ``drivers.dominant`` = ``p_value``: the largest among those with p < alpha, and 254 (tie) stands for equal absolute
    values. ``p_adjusted``: the largest of all, named where its p_adjusted <= alpha and its lead over every other driver
    has p < alpha (``dominance_probability`` > 1 - alpha; a single driver has none to lead); 254 where only some driver
    is significant. ``dominant_correlation`` is NaN without one dominant driver. ``monthly_p_adjusted`` exists where
    ``monthly_p_value`` does.
    """
    r, p = maps["partial_correlation"], maps["p_value"]
    adjusted = fdr(p, alpha=config.alpha)["p_adjusted"]
    by_p = config.drivers.dominant == "p_value"
    significant = significant_drivers(p, adjusted, config) & r.notnull()
    strength = abs(r).where(significant if by_p else r.notnull(), -1.0)
    first = strength.argmax("driver")
    position = xr.DataArray(np.arange(r.sizes["driver"]), dims="driver", coords={"driver": r["driver"]})
    if by_p:
        tie = ((strength == strength.max("driver")) & significant & (position != first)).any("driver")
    else:
        not_ahead = 1 - maps["dominance_probability"] >= config.alpha  # NaN: there is no other to lead
        tie = not_ahead | ~significant.where(position == first, False).any("driver")
    any_significant = significant.any("driver")
    dominant = (first + 1).where(~tie, TIE).where(any_significant, 0).where(p.notnull().any("driver"), NO_DATA)
    strongest = r.where((position == first) & any_significant & ~tie).max("driver")
    fields = {"p_adjusted": adjusted, "dominant_driver": dominant.astype("uint8"), "dominant_correlation": strongest}
    if "monthly_p_value" in maps:
        fields["monthly_p_adjusted"] = fdr(maps["monthly_p_value"], alpha=config.alpha)["p_adjusted"]
    out = add_cf_attributes(xr.Dataset(fields).transpose("driver", "lat", "lon"), "drivers", config)
    if "monthly_p_adjusted" in out:
        out["monthly_p_adjusted"].attrs |= lag_attributes(config)
    out["dominant_driver"].attrs |= driver_flags(config.drivers.names)
    return out


def significant_drivers(p: xr.DataArray, adjusted: xr.DataArray, config: RunConfig) -> xr.DataArray:
    """Return where a driver is significant by the rule of ``drivers.dominant``; false where p is NaN."""
    return p < config.alpha if config.drivers.dominant == "p_value" else adjusted <= config.alpha


def _pearson(target: xr.DataArray, driver: xr.DataArray, min_valid: int) -> tuple[xr.DataArray, xr.DataArray]:
    r, p = xr.apply_ufunc(
        _pearson_of_block,
        target,
        driver,
        input_core_dims=[["year"], ["year"]],
        output_core_dims=[[], []],
        kwargs={"min_valid": min_valid},
        dask="parallelized",
        output_dtypes=[np.float64, np.float64],
    )
    return r, p


def _pearson_of_block(
    x: npt.NDArray[np.floating], y: npt.NDArray[np.floating], min_valid: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Pearson r and its p value along the last axis, by xskillscore; NaN for too few pairs or a constant member.

    Rows are made contiguous and stripped of what has no correlation first: xskillscore's sums would depend on the
    memory layout of the block, and the r of a constant would be that of its rounding errors.
    """
    import xskillscore

    x, y = np.broadcast_arrays(x, y)
    valid = np.isfinite(x) & np.isfinite(y)
    n = valid.sum(axis=-1)
    usable = n >= min_valid
    for member in (x, y):
        high = np.where(valid, member, -np.inf).max(axis=-1, initial=-np.inf)
        usable &= high > np.where(valid, member, np.inf).min(axis=-1, initial=np.inf)
    r, p, gaps = np.full(usable.shape, np.nan), np.full(usable.shape, np.nan), n < x.shape[-1]
    for part, skipna in ((usable & ~gaps, False), (usable & gaps, True)):  # its care for gaps costs more than its sums
        if part.any():
            kept = [np.ascontiguousarray(member[part], np.float64) for member in (x, y)]
            missing = ~valid[part]
            for rows in kept:
                rows[missing] = np.nan
            pair = (xr.DataArray(rows, dims=("cell", "year")) for rows in kept)
            r[part] = xskillscore.pearson_r(*pair, dim="year", skipna=skipna).to_numpy()
    p[usable] = _p_value_of_pearson(r[usable], n[usable])
    return r, p


def _p_value_of_pearson(r: npt.NDArray[np.float64], n: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """p of ``r`` by the very arithmetic of ``xskillscore.pearson_r_p_value``, which would compute each r once more."""
    from scipy.special import betainc

    df = n - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t_squared = r**2 * (df / ((1.0 - r) * (1.0 + r)))
        share = df / (df + t_squared)
    p: npt.NDArray[np.float64] = betainc(0.5 * df, 0.5, np.where(share < 1.0, share, 1.0))
    return np.where(np.isnan(r), np.nan, p)
