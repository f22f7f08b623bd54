"""Least squares, 64 series side by side: sums over time run in parallel lanes, each in the order of time."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.stats._compile import jit, kernel
from smcloud.stats._kernels import (
    AUTOCORRELATION_LIMIT,
    COLUMNS,
    EPS,
    FLAGS,
    LINE,
    ROWS,
    Block,
    ByteArray,
    FloatArray,
    fill,
    lane_tiles,
    reason,
)
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

LANES = 64
# Rows of the work space; constant offsets let the compiler see that they are apart.
FIRST, T_FIRST, COUNT, LOW, HIGH, Y_SUM, X_SUM, T_LARGEST = (LANES * row for row in range(8))
XX, YY, XY, SLOPE, LARGEST, SQUARES, LAGGED, BEFORE = (LANES * row for row in range(8, 16))
WORK_SIZE = 16 * LANES


@jit
def _level(tile: FloatArray, t: FloatArray, w: FloatArray) -> None:
    """Number, extremes, and sums relative to the first valid sample of each lane."""
    for k in range(LANES):
        w[FIRST + k] = w[T_FIRST + k] = w[COUNT + k] = w[Y_SUM + k] = w[X_SUM + k] = w[T_LARGEST + k] = 0.0
        w[LOW + k], w[HIGH + k] = math.inf, -math.inf
    for i in range(t.size):
        row, ti = tile[i], t[i]
        size = abs(ti)
        for k in range(LANES):
            v = row[k]
            valid = abs(v) < math.inf
            start = valid and w[COUNT + k] == 0.0
            first = v if start else w[FIRST + k]
            t_first = ti if start else w[T_FIRST + k]
            w[FIRST + k], w[T_FIRST + k] = first, t_first
            w[COUNT + k] += 1.0 if valid else 0.0
            w[Y_SUM + k] += v - first if valid else 0.0
            w[X_SUM + k] += ti - t_first if valid else 0.0
            low, high, largest = w[LOW + k], w[HIGH + k], w[T_LARGEST + k]
            w[LOW + k] = v if valid and v < low else low
            w[HIGH + k] = v if valid and v > high else high
            w[T_LARGEST + k] = size if valid and size > largest else largest


@jit
def _products(tile: FloatArray, t: FloatArray, w: FloatArray) -> None:
    """Sums of products of the deviations from the means, and the slope."""
    for k in range(LANES):
        n = w[COUNT + k]
        n = n if n > 0.0 else 1.0
        w[Y_SUM + k] /= n
        w[X_SUM + k] /= n
        w[XX + k] = w[YY + k] = w[XY + k] = 0.0
    for i in range(t.size):
        row, ti = tile[i], t[i]
        for k in range(LANES):
            v = row[k]
            valid = abs(v) < math.inf
            y = (v - w[FIRST + k]) - w[Y_SUM + k] if valid else 0.0
            x = (ti - w[T_FIRST + k]) - w[X_SUM + k] if valid else 0.0
            w[XX + k] += x * x
            w[YY + k] += y * y
            w[XY + k] += x * y
    for k in range(LANES):
        xx = w[XX + k]
        w[SLOPE + k] = w[XY + k] / (xx if xx > 0.0 else 1.0)


@jit
def _residuals(tile: FloatArray, t: FloatArray, w: FloatArray) -> None:
    """Sums of squares and of lagged products of the residuals, and the largest of them."""
    for k in range(LANES):
        w[LARGEST + k] = w[SQUARES + k] = w[LAGGED + k] = w[BEFORE + k] = 0.0
    for i in range(t.size):
        row, ti = tile[i], t[i]
        for k in range(LANES):
            v = row[k]
            y = (v - w[FIRST + k]) - w[Y_SUM + k]
            x = (ti - w[T_FIRST + k]) - w[X_SUM + k]
            rest = y - w[SLOPE + k] * x if abs(v) < math.inf else 0.0
            size, largest = abs(rest), w[LARGEST + k]
            w[LARGEST + k] = size if size > largest else largest
            w[SQUARES + k] += rest * rest
            w[LAGGED + k] += w[BEFORE + k] * rest
            w[BEFORE + k] = rest


@jit
def _finish(w: FloatArray, k: int, min_valid: int, effective: bool, out: FloatArray) -> int:
    fill(out, math.nan)
    count, low, high = w[COUNT + k], w[LOW + k], w[HIGH + k]
    n = int(count)
    out[6] = count
    status = reason(n, min_valid, low, high)
    if status in (EMPTY, TOO_SHORT):
        return status
    if status == CONSTANT:
        out[0], out[1], out[2], out[3], out[4], out[5] = 0.0, low, 0.0, 0.0, count - 2.0, count
        return status
    slope, squares, xx = w[SLOPE + k], w[SQUARES + k], w[XX + k]
    out[0], out[1] = slope, (w[FIRST + k] + w[Y_SUM + k]) - slope * (w[T_FIRST + k] + w[X_SUM + k])
    # A straight line leaves rounding noise only. Both conditions are needed: a series that is itself rounding
    # noise around a constant has residuals as small, but no line that stands out from them.
    noise = 16 * EPS * (max(abs(low), abs(high)) + abs(slope) * w[T_LARGEST + k])
    straight = w[LARGEST + k] <= noise and squares <= 1e-12 * w[YY + k]
    n_effective = count
    if effective and n <= 4:
        return TOO_SHORT
    if effective and not straight:
        lag1 = 0.0
        if squares != 0.0:
            lag1 = max(-AUTOCORRELATION_LIMIT, min(AUTOCORRELATION_LIMIT, w[LAGGED + k] / squares))
        phi = min(1.0, max(0.0, (n * lag1 + 2) / (n - 4)))
        n_effective = n * (1 - phi) / (1 + phi)
    out[5] = n_effective
    if n_effective <= 2:
        return TOO_SHORT
    out[4] = n_effective - 2
    out[2] = 0.0 if straight else math.sqrt(squares / (n_effective - 2) / xx)
    out[3] = slope / out[2] if out[2] > 0 else math.copysign(math.inf, slope)
    return OK


def linear_trend(
    series: Block, t: FloatArray, min_valid: int, effective: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, intercept, standard error, t statistic, its degrees of freedom, n_effective, n.

    ``series`` (cell, step) may be any view of any real numbers.
    """
    for cells, tile in lane_tiles(series, LANES):
        _lines(tile, t, min_valid, effective, out[cells], status[cells])


@kernel(ROWS, LINE, nb.int64, nb.boolean, COLUMNS, FLAGS)
def _lines(
    tile: FloatArray, t: FloatArray, min_valid: int, effective: bool, out: FloatArray, status: ByteArray
) -> None:
    """``tile`` (step, LANES); ``out`` and ``status`` say how many of the lanes are in use."""
    w = np.empty(WORK_SIZE)
    _level(tile, t, w)
    _products(tile, t, w)
    _residuals(tile, t, w)
    for k in range(status.size):
        status[k] = _finish(w, k, min_valid, effective, out[k])
