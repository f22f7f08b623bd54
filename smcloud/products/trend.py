"""Trend of annual soil moisture: maps per cell, then significance over all cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import Ends, RunConfig
from smcloud.products.annual import cell_areas, land, ordered_mean
from smcloud.products.anomalies import anomaly_columns
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.blocks import per_block
from smcloud.products.end_years import end_year_maps
from smcloud.products.flags import ENDS_NOT_COVERED, NO_DATA, NOT_CONNECTED, NOT_LAND
from smcloud.products.measurement import measured_months, measurement_columns, p_value_with_breaks
from smcloud.products.reference import REFERENCE, agreement, same_sign_share
from smcloud.products.shared_autocorrelation import MIXED_COMMENT, MIXED_SHARE, pooled_columns
from smcloud.stats import fdr, linear_trend, mann_kendall, theil_sen

NEEDED = ("soil_moisture", "n_months", "anomaly_status", "land_mask", REFERENCE)
Statistic = Callable[[xr.DataArray, RunConfig], xr.Dataset]
Block = npt.NDArray[np.floating]
FloatArray = npt.NDArray[np.float64]


def trend_maps(annual: xr.Dataset, config: RunConfig, cube: xr.Dataset | None = None) -> xr.Dataset:
    """Compute the trend of ``soil_moisture`` (year, lat, lon) of each land cell, on (lat, lon); lazy.

    Slopes are m3 m-3 yr-1. A cell off land, with fewer than ``years.min_years`` years or (where asked) with too few
    years at either end is NaN, and ``status`` says why; a constant cell has slope 0 and p 1. ``n_years``,
    ``climatology`` and ``valid_months_slope`` are of all valid years of a land cell. ``end_years_slope_change`` says
    how far the least-squares slope rests on the ends of the record
    (:func:`~smcloud.products.end_years.end_year_maps`). A test that allows for
    autocorrelation has the others of its kind beside it (:data:`COMPARATORS`). A test that a series is too short for,
    once corrected for its autocorrelation, leaves p NaN beside a slope. What ``effective_pooled`` gives is added by
    :func:`trend_fields`, as it needs all cells. With the monthly ``cube`` that ``annual`` was made of, what its sensors
    and errors leave uncertain (:func:`~smcloud.products.measurement.measurement_columns`). Raises :class:`ChunkError`
    for several chunks along year or time.
    """
    needed = annual[[name for name in NEEDED if name in annual]]
    months = [] if cube is None else [measured_months(cube, config)]
    return per_block(_trend_maps, needed, *months, config=config)


def _trend_maps(annual: xr.Dataset, months: xr.Dataset | None = None, *, config: RunConfig) -> xr.Dataset:
    observed, covered, series = tested_series(annual, config)
    n_years = observed.notnull().sum("year")
    statistics = {name: STATISTICS[name](series, config) for name in ("ols", "sen", "mann_kendall", "3pw")}
    ols, sen, mk = statistics["ols"], statistics["sen"], statistics["mann_kendall"]
    sampling = linear_trend(annual["n_months"].where(n_years > 0), dim="year")
    status = ols["status"].where(covered | (n_years == 0), ENDS_NOT_COVERED)
    if "anomaly_status" in annual:
        status = status.where(annual["anomaly_status"] != NOT_CONNECTED, NOT_CONNECTED)
    columns = {name: da for name, da in preset_trend(series, config, statistics).items() if name not in _later(config)}
    columns |= {
        "ols_slope": ols["slope"],
        "ols_stderr": ols["stderr"],
        "ols_p_value": ols["p_value"],
        "sen_slope": sen["slope"],
        "mk_s": mk["s"],
        "mk_z": mk["z"],
        "mk_tau": mk["tau"],
        "mk_p_value": mk["p_value"],
        "vctfpw_slope": statistics["3pw"]["slope"],
        "lag1_autocorrelation": _lag1_of_residuals(series, ols),
        "climatology": ordered_mean(observed, "year"),
        "n_years": n_years.astype("uint16"),
        "valid_months_slope": sampling["slope"],
        "status": status.where(land(annual), NOT_LAND).astype("uint8"),
    } | end_year_maps(series, ols["slope"], config)
    if config.trend.test not in ("ols", "mann_kendall"):
        columns |= {
            column: (statistics[test] if test in statistics else STATISTICS[test](series, config))["p_value"]
            for test, column in COMPARATORS.items()
        }
    if REFERENCE in annual:
        reference = annual[REFERENCE].where(series.notnull())
        other = preset_trend(reference, config)
        columns |= {"reference_slope": other["slope"], "reference_p_value": other["p_value"]}
        columns |= {str(name): da for name, da in agreement(series, reference, config.years.min_years).items()}
    if months is not None:
        columns |= anomaly_columns(series, months["soil_moisture"], config)
        columns |= measurement_columns(series, ols, months, config)
    return add_cf_attributes(xr.Dataset(columns), "trend", config)


def _mann_kendall(method: Any) -> Statistic:
    return lambda series, config: mann_kendall(
        series, dim="year", method=method, alpha=config.alpha, min_valid=config.years.min_years
    )


def _ols(interval: Any) -> Statistic:
    return lambda series, config: linear_trend(
        series, dim="year", alpha=config.alpha, min_valid=config.years.min_years, interval=interval
    )


STATISTICS: dict[str, Statistic] = {
    "ols": _ols("t"),
    "effective": _ols("effective"),
    "sen": lambda series, config: theil_sen(series, dim="year", alpha=config.alpha, min_valid=config.years.min_years),
    "mann_kendall": _mann_kendall("original"),
} | {name: _mann_kendall(name) for name in ("3pw", "prewhitening", "hamed_rao")}


# Tests that allow for autocorrelation cell by cell, and the columns of their p values.
COMPARATORS = {
    "effective": "effective_p_value",
    "3pw": "pw3_p_value",
    "prewhitening": "pw_p_value",
    "hamed_rao": "hamed_rao_p_value",
}
POOLED = "effective_pooled"


def tested_series(annual: xr.Dataset, config: RunConfig) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return soil moisture on land, where its ends are covered, and the first where the second is true."""
    observed = annual["soil_moisture"].where(land(annual))
    covered = ends_covered(observed, config.years.ends)
    return observed, covered, observed.where(covered)


def _later(config: RunConfig) -> list[str]:
    """The main columns that need all cells at once."""
    choice = config.trend
    limits = ["slope_lower", "slope_upper"] if choice.interval == POOLED else []
    return limits + (["p_value"] if choice.test == POOLED else [])


def preset_trend(series: xr.DataArray, config: RunConfig, found: Mapping[str, xr.Dataset] | None = None) -> xr.Dataset:
    """Compute ``slope``, ``slope_lower``, ``slope_upper``, ``p_value`` by estimator, interval and test of ``trend``.

    ``series`` (year and any other dimensions) in m3 m-3, one chunk along year; NaN rule of
    :func:`~smcloud.stats.linear_trend`. A series alone has no neighbours: here ``effective`` stands for
    ``effective_pooled``. ``found`` holds those of :data:`STATISTICS` that are computed already.
    """
    choice = config.trend
    line = "ols" if choice.interval == "t" else "effective"
    estimate = line if choice.estimator == "ols" else "sen"
    test = {"ols": line, POOLED: "effective"}.get(choice.test, choice.test)
    known = dict(found or {})
    for name in (estimate, test):
        if name not in known:
            known[name] = STATISTICS[name](series, config)
    columns = {name: known[estimate][name] for name in ("slope", "slope_lower", "slope_upper")}
    return xr.Dataset(columns | {"p_value": known[test]["p_value"]})


def trend_fields(
    maps: xr.Dataset, config: RunConfig, annual: xr.Dataset, trend: xr.Dataset | None = None
) -> xr.Dataset:
    """Compute what needs all cells at once, (lat, lon), of the fields of :func:`trend_maps` and the same ``annual``.

    ``r1_pooled``, ``n_pooled`` and ``r1_dispersion`` are those of :func:`~smcloud.stats.pooled_trend` with
    ``trend.radius_km``, and so are p value and limits of the slope where ``trend`` says ``effective_pooled``;
    ``minimum_detectable_slope`` (m3 m-3 yr-1) is what its test would find in 80 % of all records. With the sensors'
    breaks in ``maps``: ``p_value_with_breaks``, under ``r1_pooled``. ``mixed_pools_share`` has no dimension
    (:data:`~smcloud.products.shared_autocorrelation.MIXED_COMMENT`). ``p_adjusted`` is
    Benjamini-Hochberg over the valid cells. ``significant`` (uint8, 255 no data): ``trend.significance`` decides,
    ``p_value`` < alpha, or ``p_adjusted`` <= alpha. A slope whose p value is NaN is not significant: no data is where
    there is no slope. ``season_p_adjusted`` (season, lat, lon) is that of the trends of seasons, where ``maps`` has
    them, each season a family of its own. With a reference record the attribute ``reference_same_sign_share`` is the
    share of the area with both slopes where they have the same sign.

    Lazy where ``annual`` is, which may be in any blocks of cells. ``trend``, where given, holds the same as ``maps`` in
    blocks, for what is computed cell by cell.
    """
    series = tested_series(annual[[name for name in ("soil_moisture", "land_mask") if name in annual]], config)[2]
    pooled = pooled_columns(series, cell_areas(annual), config)
    names = (*_later(config), "r1_pooled", "n_pooled", "r1_dispersion", "minimum_detectable_slope", MIXED_SHARE)
    fields = {name: pooled[name] for name in names}
    if "break_year" in maps:
        blocks = maps if trend is None else trend
        fields["p_value_with_breaks"] = p_value_with_breaks(series, blocks, pooled, config)
    p = fields["p_value"] if "p_value" in fields else maps["p_value"]
    fields |= significance(p, maps["slope"], config)
    if "season_p_value" in maps:
        fields["season_p_adjusted"] = fdr(maps["season_p_value"], config.alpha, dims=("lat", "lon"))["p_adjusted"]
    share = same_sign_share(maps)
    if share is not None:
        fields["reference_same_sign_share"] = share
    return add_cf_attributes(xr.Dataset(fields), "trend", config).assign_attrs(mixed_pools_comment=MIXED_COMMENT)


def significance(p: xr.DataArray, slope: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Compute ``p_adjusted`` and ``significant`` of p values (lat, lon), as :func:`trend_fields` says."""
    adjusted = fdr(p, alpha=config.alpha, dims=("lat", "lon"))["p_adjusted"]
    return {"p_adjusted": adjusted, "significant": called(p, adjusted, slope, config)}


def called(p: xr.DataArray, adjusted: xr.DataArray, slope: xr.DataArray, config: RunConfig) -> xr.DataArray:
    """Return the codes of ``significant`` (uint8) by p values, those adjusted, and slopes."""
    passed = p < config.alpha if config.trend.significance == "p_value" else adjusted <= config.alpha
    return passed.astype("uint8").where(slope.notnull(), NO_DATA).astype("uint8")


def ends_covered(series: xr.DataArray, ends: Ends | None) -> xr.DataArray:
    """Return where (lat, lon) the first and the last ``ends.span`` years hold ``ends.min_years`` valid ones each.

    Without ``ends`` every cell is.
    """
    valid = series.notnull()
    if ends is None:
        return xr.ones_like(valid.isel(year=0, drop=True))
    first = valid.isel(year=slice(None, ends.span)).sum("year")
    last = valid.isel(year=slice(-ends.span, None)).sum("year")
    return (first >= ends.min_years) & (last >= ends.min_years)


def _lag1_of_residuals(series: xr.DataArray, ols: xr.Dataset) -> xr.DataArray:
    """Lag-1 autocorrelation with gaps of the residuals of the least-squares line; NaN for a straight line.

    The mean of the products of neighbours over the mean square, also NaN for fewer than 5 pairs of neighbours; the
    residuals' mean is 0 by construction.
    """
    r1: xr.DataArray = xr.apply_ufunc(
        _lag1_of_block,
        series,
        ols["slope"],
        ols["intercept"],
        input_core_dims=[["year"], [], []],
        kwargs={"t": series["year"].to_numpy().astype(np.float64)},
        dask="parallelized",
        output_dtypes=[np.float64],
    )
    return r1.where(ols["stderr"] > 0)


def _lag1_of_block(series: Block, slope: Block, intercept: Block, t: FloatArray) -> FloatArray:
    from smcloud.stats.engine.arrays import row_tiles
    from smcloud.stats.engine.residual_kernels import lag1_of_residuals

    out, lines = np.empty(slope.shape), np.stack([slope.ravel(), intercept.ravel()], axis=-1, dtype=np.float64)
    for at, rows in row_tiles(series.reshape(-1, series.shape[-1]), 512):
        lag1_of_residuals(rows, t, lines[at], out.reshape(-1)[at])
    return out
