"""Drivers that a cell cannot use: their gaps must cost the others no case.

Most cells have none. Two cases far enough apart show that for a driver, so the extremes of many cells are found side by
side, and only what they leave open is looked at cell by cell.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import LINE, BoolArray, FloatArray
from smcloud.stats.engine.case_kernels import gather_lane, mark_complete, standardise
from smcloud.stats.engine.kernels import fill

AT_ONCE = 12  # steps


@jit
def _is_idle(row: FloatArray, valid: BoolArray, n: int, floor: float, unit: FloatArray) -> bool:
    """Whether the ``n`` valid samples are none, all equal, or vary less than ``floor``; ``unit`` is work space."""
    if n == 0:
        return True
    length = standardise(row, valid, unit)
    return length == 0.0 or length / math.sqrt(n - 1) < floor


@kernel(nb.float64[:, :, ::1], LINE, nb.int64)
def settle_idle_drivers(tile: FloatArray, floors: FloatArray, min_valid: int) -> None:
    """Set the drivers that a cell cannot use to 0 at every step, so that their gaps cost the others no case.

    A driver is idle where it has no value beside one of the target, or where such values are all equal or vary less
    than its floor; then, one after the other, where that holds for the cases that the remaining drivers leave, if these
    are at least ``min_valid``. What is 0 throughout is dropped as constant later on. A cell whose drivers have no gap
    beside a value of the target stays as it is: there gaps cost nothing.
    """
    variables, steps, lanes = tile.shape
    rows, valid, unit = np.empty((variables, steps)), np.empty(steps, np.bool_), np.empty(steps)
    gaps, low, high = np.zeros(lanes), np.empty((variables, lanes)), np.empty((variables, lanes))
    for j in range(variables):
        fill(low[j], math.inf)
        fill(high[j], -math.inf)
    seen, left = 0, lanes
    while seen < steps and left > 0:  # some steps show it for most tiles
        _find_gaps_and_ranges(tile, seen, min(seen + AT_ONCE, steps), gaps, low, high)
        seen, left = seen + AT_ONCE, 0
        for lane in range(lanes):
            left += nb.int64(not _all_vary(low, high, lane, floors, steps))
    for lane in range(lanes if left else 0):
        if gaps[lane] == 0.0 or _all_vary(low, high, lane, floors, steps):
            continue
        gather_lane(tile, lane, rows)
        for j in range(1, variables):
            n = mark_complete(rows[0 : j + 1 : j], valid)
            if _is_idle(rows[j], valid, n, floors[j - 1], unit):
                _set_to_zero(tile, rows, j, lane)
        j = 1
        while j < variables:
            n = mark_complete(rows, valid)
            if n >= min_valid and rows[j].any() and _is_idle(rows[j], valid, n, floors[j - 1], unit):
                _set_to_zero(tile, rows, j, lane)
                j = 0  # the cases are more now: all are judged anew
            j += 1


@jit
def _find_gaps_and_ranges(
    tile: FloatArray, begin: int, end: int, gaps: FloatArray, low: FloatArray, high: FloatArray
) -> None:
    """Count what drivers lack beside values of the target, and widen the ranges of the complete cases by some steps."""
    variables, _, lanes = tile.shape
    lacks = np.empty(lanes)
    for i in range(begin, end):
        target = tile[0, i]
        fill(lacks, 0.0)
        for j in range(1, variables):
            row = tile[j, i]
            for lane in range(lanes):
                lacks[lane] += 0.0 if abs(row[lane]) < math.inf else 1.0
        for lane in range(lanes):
            there = abs(target[lane]) < math.inf
            gaps[lane] += lacks[lane] if there else 0.0
            lacks[lane] = lacks[lane] if there else 1.0
        for j in range(1, variables):
            row, least, most = tile[j, i], low[j], high[j]
            for lane in range(lanes):
                value = row[lane]
                least[lane] = value if lacks[lane] == 0.0 and value < least[lane] else least[lane]
                most[lane] = value if lacks[lane] == 0.0 and value > most[lane] else most[lane]


@jit
def _all_vary(low: FloatArray, high: FloatArray, lane: int, floors: FloatArray, steps: int) -> bool:
    """Whether two complete cases show that no driver is idle: then its standard deviations need not be computed.

    A sum of squares about the mean is half the squared range or more, and more cases only add to it.
    """
    for j in range(1, low.shape[0]):
        square = (high[j, lane] - low[j, lane]) ** 2 if high[j, lane] > low[j, lane] else 0.0
        if not square > max(2.001 * floors[j - 1] ** 2 * steps, 1e-200):
            return False
    return True


@jit
def _set_to_zero(tile: FloatArray, rows: FloatArray, j: int, lane: int) -> None:
    fill(rows[j], 0.0)
    for i in range(rows.shape[1]):
        tile[j, i, lane] = 0.0
