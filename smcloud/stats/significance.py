"""Is there a trend: the Mann-Kendall test, and its variants for autocorrelated series."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ConfigurationError
from smcloud.stats.engine.checks import check_alpha, check_choice, check_min_valid
from smcloud.stats.engine.series import apply_to_series, as_rows, columns_of, in_shape
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]
Method = Literal["original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"]

METHODS = ("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw")
PREWHITENED = METHODS[3:]
DEFAULT_LAGS = {"hamed_rao": 3, "yue_wang": 1}
ALL_LAGS = -1
COLUMNS = ("s", "var_s", "tau", "z", "p_value")


def mann_kendall(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    method: Method = "original",
    alpha: float = 0.05,
    min_valid: int = 3,
    *,
    lags: int | Literal["all"] | None = None,
    r1: Literal["always", "significant"] = "always",
    normalise: Literal["pairs", "n"] = "pairs",
) -> xr.Dataset:
    """Test every series for a monotonic trend, by counting the pairs of samples that rise and that fall.

    Non-finite values are missing and keep their place on the axis. ``dim`` must lie in one dask chunk, else the call
    raises. Values may be float32; arithmetic and results are float64. Ties are exact equality. Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        Series to test, in any unit and with any dimensions beside ``dim``; the variables of a Dataset become a
        dimension ``variable``.
    dim : str
        The dimension of time: numbers or dates, ascending or descending.
    method : {"original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"}
        How autocorrelation is allowed for; see Notes.
    alpha : float
        Between 0 and 1. It decides which autocorrelations are significant, for "hamed_rao" and for
        ``r1="significant"``; else it is checked and not used.
    min_valid : int
        Series with fewer valid samples are not tested; 3 or more.
    lags : int or "all", optional
        Number of lags in the corrected variance: 3 by default for "hamed_rao", 1 for "yue_wang". "all" are those that
        have an r_k. The other methods take none.
    r1 : {"always", "significant"}
        "always" removes r_1 whatever it is. "significant", for "prewhitening", "tfpw" and "3pw", removes it only where
        |r_1| > z/sqrt(n), as the reference software of 3PW does; else that series stays as it is, with all its
        samples. Where r_1 of x itself is not significant, so do all three series, and ``slope`` is b.
    normalise : {"pairs", "n"}
        How r_k treats gaps; see Notes. "n" is the way of reference software. Without gaps both are the same number.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``da`` other than ``dim``:

        - ``s``: sum over i < j of sgn(x_j - x_i)
        - ``var_s``: its variance, with the ties of the values
        - ``tau``: tau-b
        - ``z``: (S - sgn S)/sqrt(Var S)
        - ``p_value``: two-sided
        - ``slope``, for "3pw" only: unit of ``da`` per unit of the coordinate (per year for dates)
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples, or fewer than 5 pairs of neighbours to
          pre-whiten (3 for ``normalise="n"``): all NaN but ``n``. 2 with S: a lag of the corrected variance has fewer
          than 5 pairs; ``var_s``, ``z`` and ``p_value`` are NaN. 3, constant, also after pre-whitening: S, Var S and Z
          0, p 1, tau NaN; slope 0 where x is constant. 4, the corrected variance is not positive: ``var_s`` is
          the uncorrected one.

    Raises
    ------
    ConfigurationError
        ``method``, ``alpha``, ``min_valid``, ``lags``, ``r1`` or ``normalise`` has an impossible value, or the
        method takes no ``lags`` or ``r1``.
    VariableError, CalendarError, ChunkError
        A variable has no ``dim``; its coordinate is not there, or has missing, double or unsorted stamps or (all
        methods but "original") missing steps; it is split into several dask chunks.

    Notes
    -----
    x_t are the values, m their mean, b their Sen slope, n the number of valid samples, z the normal quantile of
    1 - ``alpha``/2, and r_k = sum over the valid pairs k steps apart of (x_t - m)(x_(t+k) - m) / sum (x - m)^2, times
    (n - k)/(number of these pairs), clipped to +-0.99; fewer than 5 pairs give no r_k. ``normalise="n"`` leaves out
    that factor, which is 1 without gaps, and takes any number of pairs.

    - "original": the variance of independent samples.
    - "hamed_rao": ``var_s`` = Var S {1 + 2/[n(n-1)(n-2)] sum (n-k)(n-k-1)(n-k-2) rho_k} over k = 1..``lags`` with
      |rho_k| > z/sqrt(n), where rho_k is r_k of the ranks of x - b t. Residuals closer than
      1e-12 (max|x| + |b| max|t|) share a rank.
    - "yue_wang": ``var_s`` = Var S {1 + 2 sum (1 - k/n) r_k} over k = 1..``lags``, r_k of x - b t. With all lags about
      half of all series of white noise are rejected.
    - "prewhitening": the original test of y_t = x_t - r_1 x_(t-1) over neighbouring valid steps.
    - "tfpw": the same with the residuals x - b t and their r_1; b t is added again.
    - "3pw": of these two tests the one with the larger p, and the Sen slope of the variance-corrected trend-free
      pre-whitened series: with a_t = x_t - b t, r = r_1 of a, e_t = a_t - r a_(t-1) over neighbouring valid steps, it
      is y_t = e_t var(x)/var(e) + b' t, where b' = b / sqrt((1 + r)/(1 - r)) for r > 0, else b' = b. The variances are
      those of all valid samples of x and of all e.

    In the sums over neighbours the steps of a gap are left out.

    References
    ----------
    "original": Mann 1945, doi:10.2307/1907187; Kendall 1975. "hamed_rao": Hamed and Rao 1998,
    doi:10.1016/S0022-1694(97)00125-X. "yue_wang": Yue and Wang 2004, doi:10.1023/B:WARM.0000043140.61082.60. "tfpw":
    Yue et al. 2002. "3pw": Collaud Coen et al. 2020, doi:10.5194/amt-13-6945-2020; its slope: Wang et al. 2015,
    doi:10.1061/(ASCE)HE.1943-5584.0001234.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import mann_kendall
    >>> years = np.arange(2000, 2010)
    >>> values = [0.25, 0.26, 0.24, 0.27, 0.28, np.nan, 0.27, 0.29, 0.30, 0.29]
    >>> out = mann_kendall(xr.DataArray(values, dims="time", coords={"time": years}))
    >>> print(f"S = {float(out.s):.0f}, tau = {float(out.tau):.2f}, p = {float(out.p_value):.3f}, n = {int(out.n)}")
    S = 26, tau = 0.74, p = 0.008, n = 9
    """
    check_choice("method", method, METHODS)
    check_choice("r1", r1, ("always", "significant"))
    check_choice("normalise", normalise, ("pairs", "n"))
    check_alpha(alpha)
    check_min_valid(min_valid)
    number = _lag_number(method, lags)
    if r1 == "significant" and method not in PREWHITENED:
        raise ConfigurationError(
            "this method removes no autocorrelation", where="r1", found=f"{r1} with {method}", expected="always",
            next='method="3pw"',
        )  # fmt: skip
    array, t = time_series(da, dim)
    outputs = columns_of(dict.fromkeys(COLUMNS + (("slope",) if method == "3pw" else ()), ()))
    if method == "original":
        return apply_to_series(_original, [array], dim, outputs, t=t, min_valid=min_valid)
    require_complete(array.indexes[dim])
    return apply_to_series(
        _variant, [array], dim, outputs, t=t, method=method, alpha=alpha, min_valid=min_valid, lags=number,
        significant=r1 == "significant", by_pairs=normalise == "pairs",
    )  # fmt: skip


def _lag_number(method: str, lags: int | str | None) -> int:
    if lags is None:
        return DEFAULT_LAGS.get(method, 0)
    is_integer = isinstance(lags, int | np.integer) and not isinstance(lags, bool)
    if method not in DEFAULT_LAGS or not (lags == "all" or (is_integer and int(lags) >= 1)):
        raise ConfigurationError(
            "this number of lags makes no sense", where="lags", found=f"{lags} with {method}",
            expected='1 or more, or "all", with hamed_rao or yue_wang', next="leave lags out",
        )  # fmt: skip
    return ALL_LAGS if lags == "all" else int(lags)


def _original(values: Block, *, t: FloatArray, min_valid: int) -> tuple[Block, ...]:
    from smcloud.stats.engine import rank_kernels

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    rank_kernels.mann_kendall(rows, t, min_valid, out, status)
    return score_columns(out, status, values.shape[:-1])


def _variant(
    values: Block, *, t: FloatArray, method: str, alpha: float, min_valid: int, lags: int, significant: bool,
    by_pairs: bool,
) -> tuple[Block, ...]:  # fmt: skip
    from scipy.special import ndtri

    from smcloud.stats.engine import mk_kernels, rank_kernels

    rows = as_rows(values)
    out, status = np.empty((len(rows), 6)), np.empty(len(rows), np.uint8)
    number = METHODS.index(method) - 1
    z = -float(ndtri(alpha / 2))
    slopes = np.zeros(len(rows)) if method == "prewhitening" else rank_kernels.sen_slopes(rows, t)
    if method in DEFAULT_LAGS:
        mk_kernels.corrected(rows, t, slopes, number, min_valid, lags, z, by_pairs, out, status)
    else:
        series = np.full(rows.shape if method == "3pw" else (len(rows), 0), np.nan)
        mk_kernels.prewhitened(rows, t, slopes, number, min_valid, z, significant, by_pairs, series, out, status)
    if method == "3pw":
        out[:, 5] = np.where(np.isnan(out[:, 5]), rank_kernels.sen_slopes(series, t), out[:, 5])
    return score_columns(out if method == "3pw" else out[:, :5], status, values.shape[:-1])


def score_columns(out: FloatArray, status: Block, shape: tuple[int, ...]) -> tuple[Block, ...]:
    """The results in their order, cells in ``shape``, from the columns S, Var S, tau, Z, n and perhaps slope."""
    from scipy.special import ndtr

    s, var_s, tau, z, n, *slope = out.T
    return in_shape(shape, s, var_s, tau, z, 2 * ndtr(-np.abs(z)), *slope, n.astype(np.int32), status)
