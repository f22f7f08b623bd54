"""Least squares, 128 series side by side: sums over time run in parallel lanes, each in the order of time.

One pass over the samples, taken relative to the first valid one, is enough for most series. Where the difference of two
of these sums would have too few correct digits, the series is treated in several passes: means, deviations from them,
residuals.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, Block, ByteArray, FloatArray, lane_tiles
from smcloud.stats.engine.kernels import AUTOCORRELATION_LIMIT, EPS, fill, pairs_weight
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

LANES = 128
STRIDE = 8  # sums are made over this many steps at a time, and these sums are added in the order of time
# Rows of the work space; constant offsets show the compiler that they do not overlap.
FIRST, COUNT, X, XX, Y, YY, XY = (LANES * row for row in range(7))
X_SQUARES, SLOPE, SQUARES, LAGGED, BEFORE, PAIRS, THERE = (LANES * row for row in range(7, 14))
WORK_SIZE = 14 * LANES
# A sum of squares about the mean, or of the residuals, is the difference of two sums. Where at least this share of the
# first is left, fewer than two of its sixteen digits are lost.
CLEAR = 0.05


@jit
def _first(tile: FloatArray, w: FloatArray) -> None:
    """The first valid sample of each lane; NaN where there is none."""
    for k in range(LANES):
        w[FIRST + k] = math.nan
    for i in range(tile.shape[0]):
        row, missing = tile[i], 0
        for k in range(LANES):
            v, first = row[k], w[FIRST + k]
            first = v if first != first and abs(v) < math.inf else first
            w[FIRST + k] = first
            missing += nb.int64(first != first)
        if missing == 0:
            return


@jit
def _sums(tile: FloatArray, x: FloatArray, w: FloatArray) -> None:
    """Over the valid samples of each lane: their number and the sums of x, y, and their products."""
    for k in range(LANES):
        w[COUNT + k] = w[X + k] = w[XX + k] = w[Y + k] = w[YY + k] = w[XY + k] = 0.0
    for i in range(0, x.size, STRIDE):
        rows, at = tile[i : i + STRIDE], x[i : i + STRIDE]
        for k in range(LANES):
            first, n, sx, sxx, sy, syy, sxy = w[FIRST + k], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for step in range(STRIDE):
                xi, v = at[step], rows[step, k]
                valid = abs(v) < math.inf
                y = v - first if valid else 0.0
                n += 1.0 if valid else 0.0
                sx += xi if valid else 0.0
                sxx += xi * xi if valid else 0.0
                sy += y
                syy += y * y
                sxy += xi * y
            w[COUNT + k] += n
            w[X + k] += sx
            w[XX + k] += sxx
            w[Y + k] += sy
            w[YY + k] += syy
            w[XY + k] += sxy


@jit
def _lines(w: FloatArray) -> None:
    """Means in place of sums; slope, and the sums of squares of x about its mean and of the residuals."""
    for k in range(LANES):
        n, x_sum, y_sum = max(w[COUNT + k], 1.0), w[X + k], w[Y + k]
        x_mean = x_sum / n
        xx, xy = w[XX + k] - x_mean * x_sum, w[XY + k] - x_mean * y_sum
        slope = xy / (xx if xx > 0.0 else 1.0)
        w[X + k], w[Y + k], w[X_SQUARES + k], w[SLOPE + k] = x_mean, y_sum / n, xx, slope
        w[SQUARES + k] = (w[YY + k] - y_sum / n * y_sum) - slope * xy


@jit
def _residuals(tile: FloatArray, x: FloatArray, w: FloatArray) -> None:
    """Sums of squares and of lagged products of the residuals, and the number of these products."""
    for k in range(LANES):
        w[SQUARES + k] = w[LAGGED + k] = w[BEFORE + k] = w[PAIRS + k] = w[THERE + k] = 0.0
    for i in range(0, x.size, STRIDE):
        rows, at = tile[i : i + STRIDE], x[i : i + STRIDE]
        for k in range(LANES):
            first, y_mean, x_mean, slope = w[FIRST + k], w[Y + k], w[X + k], w[SLOPE + k]
            before, there, squares, lagged, pairs = w[BEFORE + k], w[THERE + k], 0.0, 0.0, 0.0
            for step in range(STRIDE):
                v = rows[step, k]
                rest = ((v - first) - y_mean) - slope * (at[step] - x_mean)
                valid = abs(v) < math.inf
                rest, here = rest if valid else 0.0, 1.0 if valid else 0.0
                squares += rest * rest
                lagged += before * rest
                pairs += there * here
                before, there = rest, here
            w[BEFORE + k], w[THERE + k] = before, there
            w[PAIRS + k] += pairs
            w[SQUARES + k] += squares
            w[LAGGED + k] += lagged


@jit
def _in_several_passes(
    series: FloatArray, t: FloatArray, n: float, effective: bool, by_pairs: bool, out: FloatArray
) -> int:
    """One series with enough samples, in several passes: means, deviations from them, residuals."""
    first, t_first, t_largest, low, high = math.nan, 0.0, 0.0, math.inf, -math.inf
    x_mean, y_mean = 0.0, 0.0
    for i in range(t.size):
        v = series[i]
        if abs(v) < math.inf:
            if first != first:
                first, t_first = v, t[i]
            low, high, t_largest = min(low, v), max(high, v), max(t_largest, abs(t[i]))
            x_mean += t[i] - t_first
            y_mean += v - first
    x_mean, y_mean = x_mean / n, y_mean / n
    if low == high:
        out[0], out[1], out[2], out[3], out[4], out[5] = 0.0, low, 0.0, 0.0, n - 2.0, n
        return CONSTANT
    xx, yy, xy = 0.0, 0.0, 0.0
    for i in range(t.size):
        v = series[i]
        if abs(v) < math.inf:
            x, y = (t[i] - t_first) - x_mean, (v - first) - y_mean
            xx += x * x
            yy += y * y
            xy += x * y
    slope = xy / xx
    largest, squares, lagged, before, pairs, there = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(t.size):
        v, rest, here = series[i], 0.0, 0.0
        if abs(v) < math.inf:
            here = 1.0
            rest = ((v - first) - y_mean) - slope * ((t[i] - t_first) - x_mean)
            largest = max(largest, abs(rest))
            squares += rest * rest
            lagged += before * rest
        pairs += there * here
        before, there = rest, here
    out[0], out[1] = slope, (first + y_mean) - slope * (t_first + x_mean)
    # A straight line leaves rounding noise only. Both conditions are needed: a series that is itself rounding
    # noise around a constant has residuals as small, but no line that stands out from them.
    noise = 16 * EPS * (max(abs(low), abs(high)) + abs(slope) * t_largest)
    straight = largest <= noise and squares <= 1e-12 * yy
    weight = pairs_weight(n, pairs, 1, by_pairs)
    return _test(slope, 0.0 if straight else squares, lagged, weight, xx, n, effective, out)


@jit
def effective_number(n: float, lag1: float) -> float:
    """n (1 - phi)/(1 + phi) for n > 4 residuals, phi their lag-1 autocorrelation freed of its bias."""
    lag1 = max(-AUTOCORRELATION_LIMIT, min(AUTOCORRELATION_LIMIT, lag1))
    phi = min(1.0, max(0.0, (n * lag1 + 2) / (n - 4)))
    return n * (1 - phi) / (1 + phi)


@jit
def _test(
    slope: float, squares: float, lagged: float, weight: float, xx: float, n: float, effective: bool, out: FloatArray
) -> int:
    """Standard error, t statistic, its degrees of freedom and n_effective, from sums over the residuals.

    ``weight`` is that of :func:`pairs_weight`.
    """
    if effective and (n <= 4 or weight != weight):
        return TOO_SHORT
    n_effective = n
    if effective and squares != 0.0:
        n_effective = effective_number(n, lagged / squares * weight)
    out[5] = n_effective
    if n_effective <= 2:
        return TOO_SHORT
    out[4] = n_effective - 2
    out[2] = math.sqrt(squares / (n_effective - 2) / xx)
    out[3] = slope / out[2] if out[2] > 0 else math.copysign(math.inf, slope)
    return OK


def linear_trend(
    series: Block, t: FloatArray, min_valid: int, *, effective: bool, by_pairs: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, intercept, standard error, t statistic, its degrees of freedom, n_effective, n.

    ``series`` (cell, step) may be any view of any real numbers.
    """
    for cells, tile in lane_tiles(series, LANES, STRIDE):
        _trend(tile, t, min_valid, effective, by_pairs, out[cells], status[cells])


@kernel(ROWS, LINE, nb.int64, nb.boolean, nb.boolean, COLUMNS, FLAGS)
def _trend(
    tile: FloatArray, t: FloatArray, min_valid: int, effective: bool, by_pairs: bool, out: FloatArray, status: ByteArray
) -> None:  # fmt: skip
    """``tile`` (step, LANES); ``out`` and ``status`` say how many of the lanes are in use."""
    w, x, series, middle = np.empty(WORK_SIZE), np.zeros(tile.shape[0]), np.empty(t.size), t[t.size // 2]
    for i in range(t.size):
        x[i] = t[i] - middle
    _first(tile, w)
    _sums(tile, x, w)
    _lines(w)
    clear = np.empty(LANES, np.bool_)
    for k in range(LANES):
        yy = w[YY + k] - w[Y + k] * w[Y + k] * w[COUNT + k]
        clear[k] = w[X_SQUARES + k] > CLEAR * w[XX + k] and yy > CLEAR * w[YY + k] and w[SQUARES + k] > CLEAR * yy
    if effective:
        _residuals(tile, x, w)
    for k in range(status.size):
        line, n, slope = out[k], w[COUNT + k], w[SLOPE + k]
        fill(line, math.nan)
        line[6] = n
        if n < min_valid:
            status[k] = EMPTY if n == 0 else TOO_SHORT
        elif clear[k]:
            line[0], line[1] = slope, (w[FIRST + k] + w[Y + k]) - slope * (middle + w[X + k])
            weight = pairs_weight(n, w[PAIRS + k], 1, by_pairs) if effective else 1.0
            status[k] = _test(slope, w[SQUARES + k], w[LAGGED + k], weight, w[X_SQUARES + k], n, effective, line)
        else:
            for i in range(t.size):
                series[i] = tile[i, k]
            status[k] = _in_several_passes(series, t, n, effective, by_pairs, line)
