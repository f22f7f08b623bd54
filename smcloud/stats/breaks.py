"""Series that are not homogeneous: where the set of instruments behind them changes, and a trend with a step there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ConfigurationError, GridError
from smcloud.stats.engine.checks import check_alpha, check_min_valid
from smcloud.stats.engine.series import apply_to_series, as_rows, columns_of, in_shape
from smcloud.stats.time_axis import FloatArray, require_complete, require_one_chunk, time_series

Block = npt.NDArray[Any]

COLUMNS = ("slope", "slope_lower", "slope_upper", "stderr", "p_value", "n_steps", "stderr_independent")


def set_breaks(sets: xr.DataArray, dim: str = "time", shortest: int = 12, most: int = 3) -> xr.DataArray:
    """Find where the set of instruments behind a series changes for good.

    A run is a stretch of one set, from its first to its last step; steps without a known set neither end it nor
    lengthen it at its ends. Only runs of at least ``shortest`` steps count, at the beginning of the record too: the
    level of a shorter one cannot be estimated. A break is the first step of such a run whose set is not that of the run
    before. It is found from the sets alone, never from the values, so a real change of the values cannot be taken for
    one of the instruments.

    ``dim`` needs no coordinate; it must lie in one dask chunk, else the call raises. Lazy for dask input.

    Parameters
    ----------
    sets : xarray.DataArray
        Sets along ``dim`` as the bits of an integer, one bit for each sensor; 0 where nothing is known.
    dim : str
        Dimension of time.
    shortest : int
        Fewest steps of a run that counts; 1 or more.
    most : int
        Most breaks of a series; 1 or more. Of more breaks the largest changes are kept: those with the largest share of
        the sensors of both sets that are in one of them only (Jaccard's distance: a full exchange is 1, one sensor more
        beside five is 1/6), the earliest of equals.

    Returns
    -------
    xarray.DataArray
        Positions along ``dim``, int32, over ``break`` (``most`` of them, first) and the dimensions other than ``dim``;
        in the order of time, then -1 where there are fewer breaks.

    Raises
    ------
    ConfigurationError
        ``shortest`` or ``most`` is below 1.
    ChunkError
        ``dim`` has more than one dask chunk.

    Examples
    --------
    >>> import xarray as xr
    >>> from smcloud.stats import set_breaks
    >>> sets = xr.DataArray([1] * 24 + [3] * 24 + [4] * 24, dims="time")
    >>> print(set_breaks(sets).values)
    [24 48 -1]
    """
    for name, value in (("shortest", shortest), ("most", most)):
        if value < 1:
            raise ConfigurationError("a number of steps is too small", where=name, found=value, expected="1 or more")
    require_one_chunk(sets, dim)
    out: xr.DataArray = xr.apply_ufunc(
        _set_breaks,
        sets,
        kwargs={"shortest": shortest, "most": most},
        input_core_dims=[[dim]],
        output_core_dims=[["break"]],
        dask="parallelized",
        output_dtypes=[np.int32],
        dask_gufunc_kwargs={"output_sizes": {"break": most}},
    )
    return out.transpose("break", ...)


def _set_breaks(sets: Block, *, shortest: int, most: int) -> Block:
    from smcloud.stats.engine import break_kernels

    rows = np.ascontiguousarray(sets, dtype=np.int64).reshape(-1, sets.shape[-1])
    out = np.empty((len(rows), most), np.int32)
    break_kernels.set_breaks(rows, shortest, out)
    return out.reshape(*sets.shape[:-1], most)


def trend_with_steps(
    da: xr.DataArray, steps: xr.DataArray, dim: str = "time", alpha: float = 0.05, min_valid: int = 3,
    phi: xr.DataArray | None = None,
) -> xr.Dataset:  # fmt: skip
    """Fit a straight line and a step at each break to every series, by least squares together.

    y = a + slope t + sum over k of h_k step_k, where the heights h_k are unknown. Non-finite values are missing.
    ``dim`` must lie in one dask chunk, else the call raises. Values may be float32; arithmetic and results are float64.
    Slopes are per unit of the coordinate (per year for dates, and for numbers that are years). Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray
        Series along ``dim``, in any unit.
    steps : xarray.DataArray
        (break, ``dim``, ...): how much of each sample lies behind each break: 0 before it, 1 after it, a share where a
        sample covers both; NaN where there is no such break. A step that is constant over the valid samples, or a
        combination of other steps, is not fitted.
    dim : str
        Dimension of time, with a sorted coordinate of numbers or dates.
    alpha : float
        The limits enclose the slope with probability 1 - ``alpha``; between 0 and 1.
    min_valid : int
        A series with fewer valid samples is not fitted; 3 or more.
    phi : xarray.DataArray, optional
        Autocorrelation of the errors, from 0 to below 1, over dimensions of ``da`` other than ``dim``: the
        ``r1_pooled`` of :func:`~smcloud.stats.pooled_trend`. Without it each series goes by that of its residuals.

    Returns
    -------
    xarray.Dataset
        Over the dimensions other than ``dim`` and ``break``; for standard error, interval and p see Notes:

        - ``slope``, ``slope_lower``, ``slope_upper``: unit of ``da`` per unit of the coordinate
        - ``stderr``: standard error of the slope, unit of the slope
        - ``p_value``: two-sided
        - ``n_steps``: number of steps that were fitted, float64
        - ``stderr_independent``: standard error with n - 2 - ``n_steps`` degrees of freedom, if errors of neighbouring
          samples were independent; to be set beside that of a line without steps
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples: all NaN but ``n``. 3, constant: slope,
          limits and stderr 0, p 1. 6: the steps explain all that time could, no slope. 2 with a slope: no degree of
          freedom is left, fewer than 5 pairs of neighbouring samples, or no usable ``phi``; stderr, limits and p are
          NaN. An exact fit has stderr 0 and p 0.

    Raises
    ------
    ConfigurationError
        ``alpha`` or ``min_valid`` has an impossible value.
    VariableError, CalendarError, ChunkError
        In one of the two, ``dim`` is not there; has no coordinate, or one with missing, double or unsorted stamps or
        missing steps; has more than one dask chunk.
    GridError
        The two have different times.

    Notes
    -----
    M is the projection on what mean, line and steps leave of the valid samples, e the residuals, x what they leave of
    the times. Without ``phi``: n_eff = n (1 - r)/(1 + r) with r = (n r1 + 2)/(n - 4), kept between 0 and 1, of the
    lag-1 autocorrelation r1 of e as in :func:`~smcloud.stats.linear_trend`; Var(slope) = e'e/(df x'x) with
    df = n_eff - 2 - ``n_steps``. With ``phi``, R = phi^|i - j| over the positions of the valid samples:
    Var(slope) = x'R x/(x'x)^2 e'e/tr(M R) and df = tr(M R)^2/tr(M R M R).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import linear_trend, trend_with_steps
    >>> years = np.arange(2000, 2010)
    >>> after = xr.DataArray([(years >= 2005) * 1.0], dims=("break", "time"), coords={"time": years})
    >>> moisture = 0.25 + 0.001 * (after.time - 2000) + 0.02 * after[0]
    >>> alone, beside = linear_trend(moisture).slope, trend_with_steps(moisture, after).slope
    >>> print(f"{float(alone):.4f} without the step, {float(beside):.4f} beside it")
    0.0040 without the step, 0.0010 beside it
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    require_complete(array.indexes[dim])
    terms, times = time_series(steps, dim)
    if not np.array_equal(t, times):
        raise GridError(
            "series and steps have different times",
            where=f"{da.name or 'array'}: {dim}",
            found=f"{times.size} steps from {times[:1]}",
            expected=f"{t.size} steps from {t[:1]}",
        )
    members = [terms.isel({"break": k}, drop=True) for k in range(terms.sizes["break"])]
    outputs = columns_of(dict.fromkeys(COLUMNS, ()))
    pooled = [] if phi is None else [phi.astype(np.float64).expand_dims({dim: array[dim]}, -1)]
    return apply_to_series(
        _trend_with_steps, [array, *members, *pooled], dim, outputs, t=t, alpha=alpha, min_valid=min_valid,
        terms=len(members),
    )  # fmt: skip


def _trend_with_steps(
    values: Block, *others: Block, t: FloatArray, alpha: float, min_valid: int, terms: int
) -> tuple[Block, ...]:
    from scipy.special import stdtr, stdtrit

    from smcloud.stats.engine import break_kernels

    shape = np.broadcast_shapes(*(block.shape for block in (values, *others)))
    rows = as_rows(np.broadcast_to(values, shape))
    steps = np.empty((len(rows), terms, t.size))
    for k, step in enumerate(others[:terms]):
        steps[:, k] = as_rows(np.broadcast_to(step, shape))
    phi = np.empty(0)
    for pooled in others[terms:]:
        phi = np.ascontiguousarray(np.broadcast_to(pooled, shape)[..., 0]).ravel()
    out, status = np.empty((len(rows), 7)), np.empty(len(rows), np.uint8)
    break_kernels.line_with_steps(rows, steps, t, phi, min_valid, out, status)
    slope, stderr, statistic, df, fitted, n, independent = out.T
    half = np.where(stderr == 0, 0.0, stdtrit(df, 1 - alpha / 2) * stderr)
    p_value = 2 * stdtr(df, -np.abs(statistic))
    limits = slope - half, slope + half
    return in_shape(shape[:-1], slope, *limits, stderr, p_value, fitted, independent, n.astype(np.int32), status)
