"""Mann-Kendall scores and Theil-Sen lines of short series, 64 series side by side.

Every pair is compared, and the slopes of all pairs are sorted by a network whose comparisons are the same whatever the
values are, so the processor treats several series with each instruction.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ByteArray, FloatArray
from smcloud.stats.engine.kernels import fill, median_of_sorted, reason
from smcloud.stats.engine.rank_formulas import wanted_ranks, write_line, write_score
from smcloud.stats.status import CONSTANT, OK

LANES = 64
# Rows of the work space of a tile; constant offsets show the compiler that they do not overlap.
ABOVE, TIED, TIES, COUNT, EQUAL = (LANES * row for row in range(5))
WORK_SIZE = 5 * LANES


@jit
def _compare_pairs(tile: FloatArray, w: FloatArray) -> None:
    """Write by lane: pairs above, pairs equal, sum of t(t-1)(2t+5) over ties, samples.

    With e the number of later values equal to a value, the sum over the ties is that of 6 e (e + 2). Infinite values
    become NaN, and a comparison with NaN never holds.
    """
    for i in range(tile.shape[0]):
        row = tile[i]
        for k in range(LANES):
            row[k] = row[k] if abs(row[k]) < math.inf else math.nan
    for k in range(LANES):
        w[ABOVE + k] = w[TIED + k] = w[TIES + k] = w[COUNT + k] = 0.0
    for i in range(tile.shape[0]):
        row = tile[i]
        for k in range(LANES):
            w[EQUAL + k] = 0.0
        for j in range(i + 1, tile.shape[0]):
            other = tile[j]
            for k in range(LANES):
                a, b = row[k], other[k]
                w[ABOVE + k] += 1.0 if b > a else 0.0
                w[EQUAL + k] += 1.0 if b == a else 0.0
        for k in range(LANES):
            a, e = row[k], w[EQUAL + k]
            w[TIED + k] += e
            w[TIES + k] += 6.0 * e * (e + 2.0)
            w[COUNT + k] += 1.0 if a == a else 0.0


@jit
def _sort_lanes(slopes: FloatArray, size: int) -> None:
    """Batcher's odd-even merge sort of each column, for any size."""
    p = 1
    while p < size:
        k = p
        while k >= 1:
            for j in range(k % p, size - k, 2 * k):
                for i in range(j, min(j + k, size - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        upper, lower = slopes[i], slopes[i + k]
                        for lane in range(LANES):
                            a, b = upper[lane], lower[lane]
                            upper[lane] = a if a < b else b
                            lower[lane] = b if a < b else a
            k //= 2
        p *= 2


@kernel(COLUMNS, nb.int64, COLUMNS, FLAGS)
def score_of_lanes(tile: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """Columns: S, Var S, tau-b, Z, n. ``tile`` (step, LANES); ``status`` says how many lanes are in use."""
    w = np.empty(WORK_SIZE)
    _compare_pairs(tile, w)
    for k in range(status.size):
        n, tied = int(w[COUNT + k]), w[TIED + k]
        fill(out[k], math.nan)
        out[k, 4] = n
        status[k] = reason(n, min_valid, tied, n * (n - 1) / 2)
        if status[k] in (OK, CONSTANT):
            write_score(n, w[ABOVE + k], tied, w[TIES + k], out[k])


@kernel(COLUMNS, LINE, nb.int64, nb.float64, nb.boolean, COLUMNS, FLAGS)
def slopes_of_lanes(
    tile: FloatArray, t: FloatArray, min_valid: int, z: float, interpolated: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, lower and upper limit, intercept, n. ``tile`` (step, LANES) of short series."""
    steps = t.size
    w = np.empty(WORK_SIZE)
    ordered, slopes = np.empty((steps, LANES)), np.empty((steps * (steps - 1) // 2, LANES))
    ranks, found, times = np.empty(6, np.int64), np.empty(6), np.empty(steps)
    _compare_pairs(tile, w)
    at = 0
    for i in range(steps):
        row, to = tile[i], ordered[i]
        for k in range(LANES):
            to[k] = row[k] if row[k] == row[k] else math.inf
        for j in range(i + 1, steps):
            other, by, dt = tile[j], slopes[at], t[j] - t[i]
            for k in range(LANES):
                slope = (other[k] - row[k]) / dt
                by[k] = slope if slope == slope else math.inf
            at += 1
    _sort_lanes(ordered, steps)
    _sort_lanes(slopes, at)
    for k in range(status.size):
        n, lane = int(w[COUNT + k]), out[k]
        fill(lane, math.nan)
        lane[4] = n
        if n < min_valid:
            status[k] = reason(n, min_valid, 0.0, 0.0)
            continue
        half = n // 2
        middle = ordered[half, k] if n % 2 else (ordered[half - 1, k] + ordered[half, k]) / 2
        if ordered[0, k] == ordered[n - 1, k]:
            lane[0], lane[1], lane[2], lane[3] = 0.0, 0.0, 0.0, ordered[0, k]
            status[k] = CONSTANT
            continue
        count = 0
        for i in range(steps):
            if tile[i, k] == tile[i, k]:
                times[count] = t[i]
                count += 1
        half_width = wanted_ranks(n, w[TIES + k], z, interpolated, ranks)
        for which in range(6):
            found[which] = slopes[ranks[which], k] if ranks[which] >= 0 else math.nan
        t_middle = median_of_sorted(times[:n])
        status[k] = write_line(n, half_width, interpolated, ranks, found, middle, t_middle, lane)
