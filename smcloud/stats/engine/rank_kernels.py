"""Mann-Kendall scores and Theil-Sen lines: which algorithm is fastest depends on the length of the series.

All give the same bits. Short series are treated side by side; a long one is sorted, which counts the pairs that fall,
and its slopes are searched for.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import kernel
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, Block, ByteArray, FloatArray, lane_tiles, row_tiles
from smcloud.stats.engine.kernels import fill, gather, median_of_sorted, reason, tie_sums
from smcloud.stats.engine.rank_formulas import wanted_ranks, write_line, write_score
from smcloud.stats.engine.sen_search import ALL_PAIRS_BELOW, room_for, slopes_of_ranks
from smcloud.stats.engine.short_series import LANES, score_of_lanes, slopes_of_lanes
from smcloud.stats.engine.sorting import count_pairs, sort_counting
from smcloud.stats.status import CONSTANT, OK

# Lengths from which the algorithm for long series is faster, measured.
LONG_FOR_SCORES = 200
LONG_FOR_SLOPES = 30
# A normal quantile whose limits lie beyond all slopes, so that none is searched for.
NO_LIMITS = 1e9


def mann_kendall(series: Block, t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """Columns: S, Var S, tau-b, Z, n. ``series`` (cell, step) may be any view of any real numbers."""
    if t.size < LONG_FOR_SCORES:
        for cells, tile in lane_tiles(series, LANES):
            score_of_lanes(tile, min_valid, out[cells], status[cells])
    else:
        for cells, rows in row_tiles(series):
            score_of_rows(rows, t, min_valid, out[cells], status[cells])


def theil_sen(
    series: Block, t: FloatArray, min_valid: int, *, z: float, interpolated: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, lower and upper limit, intercept, n. ``series`` (cell, step) as for :func:`mann_kendall`."""
    if t.size < LONG_FOR_SLOPES:
        for cells, tile in lane_tiles(series, LANES):
            slopes_of_lanes(tile, t, min_valid, z, interpolated, out[cells], status[cells])
    else:
        for cells, rows in row_tiles(series):
            slopes_of_rows(rows, t, min_valid, z, interpolated, ALL_PAIRS_BELOW, out[cells], status[cells])


def sen_slopes(series: Block, t: FloatArray) -> FloatArray:
    """The slopes alone, of every series with two samples; else NaN."""
    out, status = np.empty((series.shape[0], 5)), np.empty(series.shape[0], np.uint8)
    theil_sen(series, t, 2, z=NO_LIMITS, interpolated=False, out=out, status=status)
    return np.ascontiguousarray(out[:, 0])


@kernel(ROWS, LINE, nb.int64, COLUMNS, FLAGS)
def score_of_rows(rows: FloatArray, t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """As :func:`score_of_lanes`, for rows (cell, step) of long series."""
    values, other = np.empty(t.size), np.empty(t.size)
    carried, other_carried = np.zeros(t.size, np.int64), np.empty(t.size, np.int64)
    for cell in range(rows.shape[0]):
        n = gather(rows[cell], t, values, other)
        falling = sort_counting(values[:n], carried[:n], other, other_carried)
        ties, level = tie_sums(values[:n])
        pairs = n * (n - 1) // 2
        fill(out[cell], math.nan)
        out[cell, 4] = n
        status[cell] = reason(n, min_valid, level, pairs)
        if status[cell] in (OK, CONSTANT):
            write_score(n, pairs - falling - level, level, ties, out[cell])


@kernel(ROWS, LINE, nb.int64, nb.float64, nb.boolean, nb.int64, COLUMNS, FLAGS)
def slopes_of_rows(
    rows: FloatArray, t: FloatArray, min_valid: int, z: float, interpolated: bool, all_pairs_below: int,
    out: FloatArray, status: ByteArray,
) -> None:  # fmt: skip
    """As :func:`slopes_of_lanes`, for rows (cell, step) of long series; all slopes are computed where there are fewer
    than ``all_pairs_below`` samples."""
    steps = t.size
    values, times = np.empty(steps), np.empty(steps)
    work, orders, room = np.empty((4, steps)), np.empty((2, steps), np.int64), np.empty(room_for(steps))
    ranks, found = np.empty(6, np.int64), np.empty(6)
    for cell in range(rows.shape[0]):
        n = gather(rows[cell], t, values, times)
        falling, level, ties = count_pairs(values[:n], work, orders)
        fill(out[cell], math.nan)
        out[cell, 4] = n
        status[cell] = reason(n, min_valid, level, n * (n - 1) // 2)
        if status[cell] == CONSTANT:
            out[cell, 0], out[cell, 1], out[cell, 2], out[cell, 3] = 0.0, 0.0, 0.0, values[0]
        elif status[cell] == OK:
            middle, t_middle = median_of_sorted(work[0, :n]), median_of_sorted(times[:n])
            half_width = wanted_ranks(n, ties, z, interpolated, ranks)
            slopes_of_ranks(
                values[:n], times[:n], ranks, falling, level, all_pairs_below, work, orders, room, found
            )  # fmt: skip
            status[cell] = write_line(n, half_width, interpolated, ranks, found, middle, t_middle, out[cell])
