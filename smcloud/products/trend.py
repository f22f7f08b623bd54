"""Trend of annual soil moisture: maps per cell, then significance over all cells."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.config import Ends, RunConfig
from smcloud.products.annual import land, ordered_mean, ordered_sum
from smcloud.products.attributes import ENDS_NOT_COVERED, NO_DATA, NOT_LAND, document
from smcloud.products.blocks import per_block
from smcloud.stats import fdr, linear_trend, mann_kendall, theil_sen


def trend_maps(annual: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Trend of ``soil_moisture`` (year, lat, lon) per land cell, on (lat, lon); lazy.

    Slopes are m3 m-3 yr-1. A cell off land, with fewer than ``years.min_years`` years or (where asked) with too few
    years at either end is NaN, and ``status`` says why; a constant cell has slope 0 and p 1. ``n_years``,
    ``climatology`` and ``valid_months_slope`` are of all valid years of a land cell. ``trend.test`` = ``3pw`` puts
    ``pw_p_value`` and ``hamed_rao_p_value`` beside it. A test that a series is too short for, once corrected for its
    autocorrelation, leaves p NaN beside a slope. Raises :class:`ChunkError` for several chunks along year.
    """
    needed = annual[[name for name in ("soil_moisture", "n_months", "land_mask") if name in annual]]
    return per_block(_trend_maps, needed, config=config)


def _trend_maps(annual: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    alpha, least = config.alpha, config.years.min_years
    observed = annual["soil_moisture"].where(land(annual))
    covered = ends_covered(observed, config.years.ends)
    series = observed.where(covered)
    n_years = observed.notnull().sum("year")
    ols = linear_trend(series, dim="year", alpha=alpha, min_valid=least)
    sen = theil_sen(series, dim="year", alpha=alpha, min_valid=least)
    mk = mann_kendall(series, dim="year", min_valid=least)
    three = mann_kendall(series, dim="year", method="3pw", alpha=alpha, min_valid=least)
    sampling = linear_trend(annual["n_months"].where(n_years > 0), dim="year")
    status = ols["status"].where(covered | (n_years == 0), ENDS_NOT_COVERED)
    columns = _preset_columns(series, ols, sen, {"mann_kendall": mk, "3pw": three}, config) | {
        "ols_slope": ols["slope"],
        "ols_stderr": ols["stderr"],
        "ols_p_value": ols["p_value"],
        "sen_slope": sen["slope"],
        "mk_s": mk["s"],
        "mk_z": mk["z"],
        "mk_tau": mk["tau"],
        "mk_p_value": mk["p_value"],
        "vctfpw_slope": three["slope"],
        "lag1_autocorrelation": _lag1_of_residuals(series, ols),
        "climatology": ordered_mean(observed, "year"),
        "n_years": n_years.astype("uint16"),
        "valid_months_slope": sampling["slope"],
        "status": status.where(land(annual), NOT_LAND).astype("uint8"),
    }
    if config.trend.test == "3pw":
        pw = mann_kendall(series, dim="year", method="prewhitening", alpha=alpha, min_valid=least)
        hamed_rao = mann_kendall(series, dim="year", method="hamed_rao", alpha=alpha, min_valid=least)
        columns |= {"pw_p_value": pw["p_value"], "hamed_rao_p_value": hamed_rao["p_value"]}
    return document(xr.Dataset(columns), "trend", config)


def trend_fields(maps: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """``p_adjusted`` (Benjamini-Hochberg over the valid cells) and ``significant`` (uint8, 255 no data), (lat, lon).

    ``trend.significance`` decides: ``p_value`` < alpha, or ``p_adjusted`` <= alpha. A slope whose p value is NaN is not
    significant: no data is where there is no slope. A dask input is brought to one chunk: meant for the loaded fields
    of :func:`trend_maps`.
    """
    p = maps["p_value"]
    adjusted = fdr(p, alpha=config.alpha)["p_adjusted"]
    passed = p < config.alpha if config.trend.significance == "p_value" else adjusted <= config.alpha
    significant = passed.astype("uint8").where(maps["slope"].notnull(), NO_DATA).astype("uint8")
    return document(xr.Dataset({"p_adjusted": adjusted, "significant": significant}), "trend", config)


def ends_covered(series: xr.DataArray, ends: Ends | None) -> xr.DataArray:
    """True (lat, lon) where the first and the last ``ends.span`` years hold ``ends.min_years`` valid ones each.

    Without ``ends`` every cell is.
    """
    valid = series.notnull()
    if ends is None:
        return xr.ones_like(valid.isel(year=0, drop=True))
    first = valid.isel(year=slice(None, ends.span)).sum("year")
    last = valid.isel(year=slice(-ends.span, None)).sum("year")
    return (first >= ends.min_years) & (last >= ends.min_years)


def _preset_columns(
    series: xr.DataArray, ols: xr.Dataset, sen: xr.Dataset, tests: Mapping[str, xr.Dataset], config: RunConfig
) -> dict[str, xr.DataArray]:
    """Slope, interval and p value as the preset names them."""
    choice = config.trend
    if choice.interval == "effective":
        least = config.years.min_years
        ols = linear_trend(series, dim="year", alpha=config.alpha, min_valid=least, interval="effective")
    slope, test = ols if choice.estimator == "ols" else sen, ols if choice.test == "ols" else tests[choice.test]
    return {name: slope[name] for name in ("slope", "slope_lower", "slope_upper")} | {"p_value": test["p_value"]}


def _lag1_of_residuals(series: xr.DataArray, ols: xr.Dataset) -> xr.DataArray:
    """Lag-1 autocorrelation with gaps of the residuals of the least-squares line; NaN for a straight line.

    Pairs with a gap add nothing to the numerator; the residuals' mean is 0 by construction.
    """
    rest = series - (ols["slope"] * series["year"] + ols["intercept"])
    squares = ordered_sum(rest**2, "year")
    r1 = ordered_sum(rest * rest.shift(year=1), "year") / squares.where(squares > 0)
    return r1.clip(-0.99, 0.99).where(ols["stderr"] > 0)
