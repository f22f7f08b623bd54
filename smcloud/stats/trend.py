"""Linear trends of single series: least squares, and the median of the slopes of all pairs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.stats.engine.checks import check_alpha, check_choice, check_min_valid
from smcloud.stats.engine.series import apply_to_series, columns_of, in_shape
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]

LINE = ("slope", "slope_lower", "slope_upper", "intercept")


def linear_trend(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    alpha: float = 0.05,
    min_valid: int = 3,
    interval: Literal["t", "effective"] = "t",
    normalise: Literal["pairs", "n"] = "pairs",
) -> xr.Dataset:
    """Fit a straight line to every series by least squares and test whether its slope differs from zero.

    Non-finite values are missing and keep their place on the axis. ``dim`` must lie in one dask chunk, else the call
    raises. Values may be float32; arithmetic and results are float64. Slopes are per unit of the coordinate: per year
    for dates, which count as the year plus its elapsed part, and for numbers that are years. Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        Series along ``dim`` in any unit, with any other dimensions. The variables of a Dataset are stacked along a new
        dimension ``variable``.
    dim : str
        Dimension of time; its coordinate holds numbers or dates in ascending or descending order.
    alpha : float
        The interval of the slope covers 1 - ``alpha``; between 0 and 1.
    min_valid : int
        Fewest valid samples of a series that is fitted; 3 or more.
    interval : {"t", "effective"}
        "t" takes the errors as independent: n - 2 degrees of freedom. "effective" allows for their autocorrelation:
        residual variance, quantile and p with n_eff - 2 degrees of freedom, where n_eff = n (1 - phi)/(1 + phi) and
        phi = (n r1 + 2)/(n - 4), kept between 0 and 1. r1 is the lag-1 autocorrelation of the residuals on the true
        axis.
    normalise : {"pairs", "n"}
        What r1 divides its sums by, for "effective". "pairs": the products by the number of pairs, the squares by
        n - 1; with gaps this is hardly biased, and fewer than 5 pairs give no r1. "n": neither, as reference software
        does; with gaps r1 comes out too small, and so does p. Both are the same number for a series without gaps.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``da`` other than ``dim``:

        - ``slope``, ``slope_lower``, ``slope_upper``: slope and its limits, unit of ``da`` per unit of the coordinate
        - ``intercept``: the line at coordinate 0, unit of ``da``
        - ``stderr``: standard error of the slope, unit of the slope
        - ``p_value``: two-sided
        - ``n_effective``: the n_eff above; n for "t"
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples: all NaN but ``n``. 3, constant: slope,
          limits and stderr 0, p 1. 2 with a slope ("effective" with fewer than 5 pairs of neighbours, n <= 4 or
          n_eff <= 2): stderr, limits and p are NaN, and without an r1 n_effective too.
          A straight line has stderr 0 and p 0.

    Raises
    ------
    ConfigurationError
        ``alpha``, ``min_valid``, ``interval`` or ``normalise`` has an impossible value.
    VariableError, CalendarError, ChunkError
        ``dim`` is no dimension of a variable; has no coordinate, or one with missing, double or unsorted stamps (for
        "effective" also with missing steps); has more than one dask chunk.

    References
    ----------
    "effective": Santer et al. 2000, doi:10.1029/1999JD901105, with a bias-corrected r1.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import linear_trend
    >>> years = np.arange(2000, 2010)
    >>> values = 0.25 + 0.002 * (years - 2000) + 0.005 * (-1.0) ** years
    >>> moisture = xr.DataArray(values, dims="time", coords={"time": years})
    >>> trend = linear_trend(moisture)
    >>> print(f"{float(trend.slope):.4f} per year, p = {float(trend.p_value):.3f}, n = {int(trend.n)}")
    0.0017 per year, p = 0.023, n = 10
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    check_choice("interval", interval, ("t", "effective"))
    check_choice("normalise", normalise, ("pairs", "n"))
    array, t = time_series(da, dim)
    if interval == "effective":
        require_complete(array.indexes[dim])
    outputs = columns_of(dict.fromkeys((*LINE, "stderr", "p_value", "n_effective"), ()))
    return apply_to_series(
        _linear_trend, [array], dim, outputs, t=t, alpha=alpha, min_valid=min_valid,
        effective=interval == "effective", by_pairs=normalise == "pairs",
    )  # fmt: skip


def _linear_trend(
    values: Block, *, t: FloatArray, alpha: float, min_valid: int, effective: bool, by_pairs: bool
) -> tuple[Block, ...]:
    from scipy.special import stdtrit

    from smcloud.stats.engine import ols, student

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 7)), np.empty(len(rows), np.uint8)
    ols.linear_trend(rows, t, min_valid, effective=effective, by_pairs=by_pairs, out=out, status=status)
    slope, intercept, stderr, statistic, df, n_effective, n = out.T
    # The t quantile takes long to compute, so once per number of degrees of freedom: without "effective" there are few.
    freedom, which = np.unique(df, return_inverse=True)
    half = np.where(stderr == 0, 0.0, stdtrit(freedom, 1 - alpha / 2)[which] * stderr)
    p_value = student.two_sided(statistic, df)
    limits = slope - half, slope + half
    return in_shape(
        values.shape[:-1], slope, *limits, intercept, stderr, p_value, n_effective, n.astype(np.int32), status
    )


def theil_sen(
    da: xr.DataArray | xr.Dataset,
    dim: str = "time",
    alpha: float = 0.05,
    min_valid: int = 3,
    limits: Literal["scipy", "interpolated"] = "scipy",
) -> xr.Dataset:
    """Take the median of the slopes of all pairs of samples as the trend of every series.

    A few outliers hardly move it. Non-finite values are missing and keep their place on the axis. ``dim`` must lie in
    one dask chunk, else the call raises. Values may be float32; arithmetic and results are float64. Slopes are per unit
    of the coordinate (per year for dates, and for numbers that are years). Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray or xarray.Dataset
        Series whose samples are compared in pairs, in any unit; a Dataset gives its variables as a new dimension
        ``variable``.
    dim : str
        The dimension of time, with a coordinate of numbers or dates, sorted either way.
    alpha : float
        Share of cases that the limits may miss; between 0 and 1.
    min_valid : int
        Number of valid samples below which a series has no slope; 3 or more.
    limits : {"scipy", "interpolated"}
        Which of the N slopes, in ascending order, are the limits. C = z sqrt(Var S), where z is the normal quantile of
        1 - ``alpha``/2 and Var S the variance of the Mann-Kendall score with the ties of the values. "scipy" takes the
        ranks round((N - C)/2) and round((N + C)/2) + 1, counted from 1, as ``scipy.stats.theilslopes`` does.
        "interpolated" interpolates between the slopes on both sides of the places (N - C)/2 and (N + C)/2, counted from
        1, as the MeteoSwiss reference data do; both places lie half a rank low, so that the limits of the series turned
        round in time are not the same with the other sign.

    Returns
    -------
    xarray.Dataset
        Over the dimensions of ``da`` other than ``dim``:

        - ``slope``, ``slope_lower``, ``slope_upper``: unit of ``da`` per unit of the coordinate; a limit whose place
          lies outside the slopes is NaN
        - ``intercept``: median of the values less slope times median of their times, unit of ``da``
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples: all NaN but ``n``. 3, constant: slope
          and limits 0. 2 with a slope: too few samples for the limits.

    Raises
    ------
    ConfigurationError
        ``alpha``, ``min_valid`` or ``limits`` has an impossible value.
    VariableError, CalendarError, ChunkError
        A variable lacks ``dim``; it has no coordinate or one with missing, double or unsorted stamps; it lies in
        several dask chunks.

    References
    ----------
    Sen 1968, doi:10.1080/01621459.1968.10480934. "interpolated": Collaud Coen et al. 2020,
    doi:10.5194/amt-13-6945-2020.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import theil_sen
    >>> years = np.arange(2000, 2010)
    >>> moisture = xr.DataArray(0.25 + 0.002 * (years - 2000), [("time", years)])
    >>> moisture[3] = 0.9  # an outlier
    >>> print(f"{float(theil_sen(moisture).slope):.4f} per year")
    0.0020 per year
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    check_choice("limits", limits, ("scipy", "interpolated"))
    array, t = time_series(da, dim)
    return apply_to_series(
        _theil_sen,
        [array],
        dim,
        columns_of(dict.fromkeys(LINE, ())),
        t=t,
        alpha=alpha,
        min_valid=min_valid,
        interpolated=limits == "interpolated",
    )


def _theil_sen(values: Block, *, t: FloatArray, alpha: float, min_valid: int, interpolated: bool) -> tuple[Block, ...]:
    from scipy.special import ndtri

    from smcloud.stats.engine import rank_kernels

    rows = values.reshape(-1, t.size)
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    z = -float(ndtri(alpha / 2))
    rank_kernels.theil_sen(rows, t, min_valid, z=z, interpolated=interpolated, out=out, status=status)
    slope, lower, upper, intercept, n = out.T
    return in_shape(values.shape[:-1], slope, lower, upper, intercept, n.astype(np.int32), status)
