"""Series that are not homogeneous: where the set of instruments behind them changes, and a trend with a step there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ChunkError, ConfigurationError, GridError
from smcloud.stats.engine.series import apply_to_series, as_rows, check_alpha, check_min_valid
from smcloud.stats.time_axis import FloatArray, time_series

Block = npt.NDArray[Any]


def set_breaks(sets: xr.DataArray, dim: str = "time", shortest: int = 12, most: int = 3) -> xr.DataArray:
    """Where the set behind a series changes for good: positions along ``dim``, int32 (break, ...), -1 for none.

    ``sets`` holds sets as bits of an integer, 0 where nothing is known. A run is a stretch of one set, from its first
    to its last step; steps without a known set neither end it nor lengthen it at its ends. Only runs of at least
    ``shortest`` steps count, at the beginning of the record too: a set that stays for less has no level of its own to
    be told from.
    A break is the first step of such a run whose set is not that of the run before. It is found from the sets alone,
    never from the values, so it cannot take a real change for one of the instruments.

    Of more than ``most`` breaks the largest changes are kept: those with the largest share of the sensors of both sets
    that are in one of them only (Jaccard's distance; a full exchange is 1, one sensor more beside five is 1/6), the
    earliest of equals. In the order of time, -1 at the end. Lazy for dask input.

    Raises :class:`ConfigurationError` (``shortest`` or ``most`` below 1), :class:`ChunkError` (chunks along ``dim``).
    """
    for name, value in (("shortest", shortest), ("most", most)):
        if value < 1:
            raise ConfigurationError("a number of steps is too small", where=name, found=value, expected="1 or more")
    if len(sets.chunksizes.get(dim, ())) > 1:
        raise ChunkError(
            f"a series along {dim} is split over several chunks",
            where=f"{sets.name or 'array'}: {dim}",
            found=f"{len(sets.chunksizes[dim])} chunks",
            expected="one chunk",
            next=f'.chunk({{"{dim}": -1}})',
        )
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
    da: xr.DataArray, steps: xr.DataArray, dim: str = "time", alpha: float = 0.05, min_valid: int = 3
) -> xr.Dataset:
    """Least-squares trend along ``dim`` beside steps of unknown height: y = a + slope t + sum_k h_k step_k.

    ``steps`` (break, ``dim``, ...) says how much of each sample lies behind each break: 0 before it, 1 after it, a
    share where a sample covers both; NaN where there is no such break. Returns ``slope``, ``slope_lower`` and
    ``slope_upper`` (unit of ``da`` per unit of the coordinate), ``stderr`` of the slope, two-sided ``p_value``
    (float64), ``n_steps`` (float64, steps that were fitted), ``n`` (int32) and ``status`` (uint8). Standard
    error, interval and p are those of ordinary least squares with df = n - 2 - ``n_steps``. Lazy for dask input.

    NaN rule: non-finite values are missing. A step that is constant over the valid samples, or told by other steps, is
    not fitted. Status 1 (empty) and 2 (fewer than ``min_valid`` samples): all NaN but ``n``. Status 6: the steps take
    all that time explains, no slope. Status 2 with a slope: no degree of freedom is left, no stderr, limits and p.
    Status 3 (constant): slope, limits and stderr 0, p 1. An exact fit has stderr 0 and p 0.

    Raises :class:`ConfigurationError`, :class:`VariableError`, :class:`GridError` where the two have different
    coordinates, :class:`CalendarError`, :class:`ChunkError`.
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    array, t = time_series(da, dim)
    terms, times = time_series(steps, dim)
    if not np.array_equal(t, times):
        raise GridError(
            "series and steps have different times",
            where=f"{da.name or 'array'}: {dim}",
            found=f"{times.size} steps from {times[:1]}",
            expected=f"{t.size} steps from {t[:1]}",
        )
    names = ("slope", "slope_lower", "slope_upper", "stderr", "p_value", "n_steps")
    outputs: dict[str, tuple[tuple[str, ...], str]] = {name: ((), "float64") for name in names}
    outputs |= {"n": ((), "int32"), "status": ((), "uint8")}
    members = [terms.isel({"break": k}, drop=True) for k in range(terms.sizes["break"])]
    return apply_to_series(_trend_with_steps, [array, *members], dim, outputs, t=t, alpha=alpha, min_valid=min_valid)


def _trend_with_steps(values: Block, *steps: Block, t: FloatArray, alpha: float, min_valid: int) -> tuple[Block, ...]:
    from scipy.special import stdtr, stdtrit

    from smcloud.stats.engine import break_kernels

    shape = np.broadcast_shapes(*(block.shape for block in (values, *steps)))
    rows = as_rows(np.broadcast_to(values, shape))
    terms = np.empty((len(rows), len(steps), t.size))
    for k, step in enumerate(steps):
        terms[:, k] = as_rows(np.broadcast_to(step, shape))
    out, status = np.empty((len(rows), 6)), np.empty(len(rows), np.uint8)
    break_kernels.line_with_steps(rows, terms, t, min_valid, out, status)
    slope, stderr, statistic, df, fitted, n = out.T
    half = np.where(stderr == 0, 0.0, stdtrit(df, 1 - alpha / 2) * stderr)
    p_value = 2 * stdtr(df, -np.abs(statistic))
    columns = (slope, slope - half, slope + half, stderr, p_value, fitted, n.astype(np.int32), status)
    return tuple(column.reshape(shape[:-1]) for column in columns)
