"""Is there a trend: the Mann-Kendall test, its variants for autocorrelated series, and the seasonal one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats.engine.series import apply_to_series, as_rows, check_alpha, check_choice, check_min_valid
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]
Method = Literal["original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"]

METHODS = ("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw")
DEFAULT_LAGS = {"hamed_rao": 3, "yue_wang": 1}
ALL_LAGS = -1
# How far before its start a fractional year may lie and still count as that month.
MONTH_TOLERANCE = 0.01
COLUMNS = ("s", "var_s", "tau", "z", "p_value")


def mann_kendall(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    method: Method = "original",
    alpha: float = 0.05,
    min_valid: int = 3,
    lags: int | Literal["all"] | None = None,
    r1: Literal["always", "significant"] = "always",
) -> xr.Dataset:
    """Mann-Kendall test for a monotonic trend along ``dim``.

    Returns a Dataset over the other dimensions: ``s`` = sum over i < j of sgn(x_j - x_i), ``var_s`` with the ties of
    the values, ``tau`` (tau-b), ``z`` = (S - sgn S)/sqrt(Var S), two-sided ``p_value`` (float64), ``n`` (int32, valid
    samples) and ``status`` (uint8 flags); for "3pw" also ``slope`` (float64, per unit of the coordinate; per year for
    dates). The variables of a Dataset become the dimension ``variable``. Ties are exact equality. Lazy for dask input.

    With r_k = sum over the valid pairs k steps apart of (x_t - m)(x_(t+k) - m) / sum (x - m)^2, m the mean, clipped to
    +-0.99, b the Sen slope, n the number of valid samples and z the normal quantile of 1 - ``alpha``/2:

    - "original": the variance of independent samples (Mann 1945, doi:10.2307/1907187; Kendall 1975).
    - "hamed_rao": ``var_s`` = Var S {1 + 2/[n(n-1)(n-2)] sum (n-k)(n-k-1)(n-k-2) rho_k} over k = 1..``lags`` (3) with
      |rho_k| > z/sqrt(n), rho_k the r_k of the ranks of x - b t. Residuals closer than
      1e-12 (max|x| + |b| max|t|) share a rank (Hamed & Rao 1998, doi:10.1016/S0022-1694(97)00125-X).
    - "yue_wang": ``var_s`` = Var S {1 + 2 sum (1 - k/n) r_k} over k = 1..``lags`` (1), r_k of x - b t (Yue & Wang 2004,
      doi:10.1023/B:WARM.0000043140.61082.60). All lags together reject about half of all white noise.
    - "prewhitening": the original test of y_t = x_t - r_1 x_(t-1) over neighbouring valid steps.
    - "tfpw": the same with the residuals x - b t and their r_1; b t is added again (Yue et al. 2002).
    - "3pw": of these two tests the one with the larger p (Collaud Coen et al. 2020, doi:10.5194/amt-13-6945-2020), and
      the Sen slope of the variance-corrected trend-free pre-whitened series (Wang et al. 2015,
      doi:10.1061/(ASCE)HE.1943-5584.0001234): with a_t = x_t - b t, r = r_1 of a, e_t = a_t - r a_(t-1) over
      neighbouring valid steps, it is y_t = e_t var(x)/var(e) + b' t, where b' = b / sqrt((1 + r)/(1 - r)) for r > 0,
      else b' = b.

    Both variances of y_t are of all valid samples of x and of all e. ``lags="all"`` takes every lag. ``r1="always"``
    removes r_1 whatever it is. ``r1="significant"`` removes it only where |r_1| > z/sqrt(n), as the reference software
    of 3PW does: else that series stays as it is, with all its samples, and where r_1 of x itself is not significant, so
    do all three (``slope`` is then b). In the sums over neighbours the steps of a gap are left out.

    NaN rule: non-finite values are missing and keep their place on the axis. Status 1 (empty) and 2 (fewer than
    ``min_valid`` samples, or fewer than 3 pairs of neighbours to pre-whiten): all NaN but ``n``. Status 3 (constant,
    also after pre-whitening): S, Var S and Z 0, p 1, tau NaN; slope 0 where x is. Status 4: the corrected variance is
    not positive, ``var_s`` is the uncorrected one.

    Raises :class:`ConfigurationError` (also for ``lags`` or ``r1`` with a method that has none),
    :class:`VariableError`, :class:`CalendarError` (a bad coordinate; for all but "original" one with missing steps),
    :class:`ChunkError`.
    """
    check_choice("method", method, METHODS)
    check_choice("r1", r1, ("always", "significant"))
    check_alpha(alpha)
    check_min_valid(min_valid)
    number = _lag_number(method, lags)
    if r1 == "significant" and method not in ("prewhitening", "tfpw", "3pw"):
        raise ConfigurationError(
            "this method removes no autocorrelation", where="r1", found=f"{r1} with {method}", expected="always",
            next='method="3pw"',
        )  # fmt: skip
    array, t = time_series(da, dim)
    names = COLUMNS + (("slope",) if method == "3pw" else ())
    outputs: dict[str, tuple[tuple[()], str]] = {name: ((), "float64") for name in names}
    outputs |= {"n": ((), "int32"), "status": ((), "uint8")}
    if method == "original":
        return apply_to_series(_original, [array], dim, outputs, t=t, min_valid=min_valid)
    require_complete(array.indexes[dim])
    return apply_to_series(
        _variant, [array], dim, outputs, t=t, method=method, alpha=alpha, min_valid=min_valid, lags=number,
        significant=r1 == "significant",
    )  # fmt: skip


def seasonal_mann_kendall(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    season: Literal["month"] | int | xr.DataArray | Sequence[object] | npt.NDArray[Any] = "month",
    dependent: bool = False,
    alpha: float = 0.05,
    min_valid: int = 3,
) -> xr.Dataset:
    """Mann-Kendall test within each season, with S and Var S summed over the seasons (Hirsch & Slack 1984).

    Returns ``s``, ``var_s``, ``tau``, ``z``, ``p_value``, ``n``, ``status`` as :func:`mann_kendall`; ``tau`` is the sum
    of S over the sum of sqrt(P (P - T)), P the pairs and T the tied pairs of a season. Lazy for dask input.

    ``season="month"``: the calendar month of dates, or of numbers taken as years (2000.0 and 2000.04 are January).
    An integer: so many steps make a cycle, which begins with the first step; the axis must be complete. Else a label
    for each step of ``dim``, in the order of ``da``; a DataArray is aligned by its coordinate, which must be the same.

    ``dependent=True`` adds the covariances of the seasons, with R_ig = [n_g + 1 + sum_j sgn(x_ig - x_jg)]/2, the mean
    rank (n_g + 1)/2 for a missing value, and c cycles (doi:10.1029/WR020i006p00727):
    cov = [sum_(i<j) sgn((x_jg - x_ig)(x_jh - x_ih)) + 4 sum_i R_ig R_ih - c (n_g + 1)(n_h + 1)]/3.
    Cycles are counted from the first step; the axis must be complete and the seasons recur in the same order.

    NaN rule: non-finite values are missing. Status 1 (empty) and 2 (fewer than ``min_valid`` samples, or no season with
    two): all NaN but ``n``. Status 3 (every season constant): S, Var S and Z 0, p 1, tau NaN. Status 4: the variance
    with covariances is not positive, ``var_s`` is the one without. ``alpha`` is checked and decides nothing.

    Raises :class:`ConfigurationError` (labels of another length), :class:`VariableError`, :class:`CalendarError`,
    :class:`ChunkError`.
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    index = array.indexes[dim]
    if dependent or isinstance(season, int):
        require_complete(index)
    labels = _season_labels(season, da, array, dim, t)
    codes, found = pd.factorize(labels)
    cycle = pd.Series(codes).groupby(codes).cumcount().to_numpy(np.int64)
    if np.any(codes < 0) or (dependent and not np.array_equal(codes, np.arange(t.size) % max(1, len(found)))):
        raise CalendarError(
            "the seasons are missing or do not recur in the same order", where=f"season along {dim}",
            found=", ".join(map(str, labels[: len(found) + 2])), expected="one step per season and cycle",
            next="dependent=False, or labels that recur",
        )  # fmt: skip
    outputs: dict[str, tuple[tuple[()], str]] = {name: ((), "float64") for name in COLUMNS}
    outputs |= {"n": ((), "int32"), "status": ((), "uint8")}
    return apply_to_series(
        _seasonal, [array], dim, outputs, season=codes.astype(np.int64), cycle=cycle, min_valid=min_valid,
        dependent=dependent,
    )  # fmt: skip


def _lag_number(method: str, lags: int | str | None) -> int:
    if lags is None:
        return DEFAULT_LAGS.get(method, 0)
    whole = isinstance(lags, int | np.integer) and not isinstance(lags, bool)
    if method not in DEFAULT_LAGS or not (lags == "all" or (whole and int(lags) >= 1)):
        raise ConfigurationError(
            "this number of lags makes no sense", where="lags", found=f"{lags} with {method}",
            expected='1 or more, or "all", with hamed_rao or yue_wang', next="leave lags out",
        )  # fmt: skip
    return ALL_LAGS if lags == "all" else int(lags)


def _season_labels(
    season: object, da: xr.DataArray | xr.Dataset, array: xr.DataArray, dim: str, t: FloatArray
) -> npt.NDArray[Any]:
    """One label per step, in ascending order of time."""
    index = array.indexes[dim]
    if isinstance(season, str) and season == "month":
        if isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex):
            return np.asarray(index.month)
        return np.floor(t * 12 + MONTH_TOLERANCE).astype(np.int64) % 12 + 1
    if isinstance(season, int | np.integer) and not isinstance(season, bool) and season >= 1:
        return np.arange(t.size) % int(season)
    if isinstance(season, xr.DataArray):
        labels = season.to_index().to_numpy() if season.dims == (dim,) and season.name == dim else season.to_numpy()
    elif isinstance(season, str | int | bool):
        raise ConfigurationError(
            "no such season", where="season", found=season, expected="month, a number of seasons, or labels",
            next='season="month"',
        )  # fmt: skip
    else:
        labels = np.asarray(season)
    given = da.indexes[dim]
    other = season.indexes.get(dim) if isinstance(season, xr.DataArray) else None
    if labels.shape != (len(given),) or (other is not None and not other.equals(given)):
        raise ConfigurationError(
            "the season labels do not fit the series", where="season", found=labels.shape,
            expected=f"one label for each of {len(given)} steps, on the same coordinate",
        )  # fmt: skip
    return labels[::-1] if len(given) > 1 and not given.equals(index) else labels


def _original(values: Block, *, t: FloatArray, min_valid: int) -> tuple[Block, ...]:
    from smcloud.stats.engine import rank_kernels

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    rank_kernels.mann_kendall(rows, t, min_valid, out, status)
    return _columns(out, status, values.shape[:-1])


def _variant(
    values: Block, *, t: FloatArray, method: str, alpha: float, min_valid: int, lags: int, significant: bool
) -> tuple[Block, ...]:
    from scipy.special import ndtri

    from smcloud.stats.engine import mk_kernels, rank_kernels

    rows = as_rows(values)
    out, status = np.empty((len(rows), 6)), np.empty(len(rows), np.uint8)
    number = METHODS.index(method) - 1
    z = -float(ndtri(alpha / 2))
    slopes = np.zeros(len(rows)) if method == "prewhitening" else rank_kernels.sen_slopes(rows, t)
    if method in DEFAULT_LAGS:
        mk_kernels.corrected(rows, t, slopes, number, min_valid, lags, z, out, status)
    else:
        series = np.full(rows.shape if method == "3pw" else (len(rows), 0), np.nan)
        mk_kernels.prewhitened(rows, t, slopes, number, min_valid, z, significant, series, out, status)
    if method == "3pw":
        out[:, 5] = np.where(np.isnan(out[:, 5]), rank_kernels.sen_slopes(series, t), out[:, 5])
    return _columns(out if method == "3pw" else out[:, :5], status, values.shape[:-1])


def _seasonal(
    values: Block, *, season: IntArray, cycle: IntArray, min_valid: int, dependent: bool
) -> tuple[Block, ...]:
    from smcloud.stats.engine import seasonal_kernels

    rows = as_rows(values)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    seasonal_kernels.seasonal(rows, season, cycle, min_valid, dependent, out, status)
    return _columns(out, status, values.shape[:-1])


def _columns(out: FloatArray, status: Block, shape: tuple[int, ...]) -> tuple[Block, ...]:
    from scipy.special import ndtr

    s, var_s, tau, z, n, *slope = out.T
    columns = (s, var_s, tau, z, 2 * ndtr(-np.abs(z)), *slope, n.astype(np.int32), status)
    return tuple(column.reshape(shape) for column in columns)
