"""Ranks of the complete cases of a target and its drivers."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import LINE, BoolArray, FloatArray
from smcloud.stats.engine.case_kernels import gather_lane, mark_complete, standardise
from smcloud.stats.engine.kernels import fill


@jit
def _rank(series: FloatArray, valid: BoolArray, cases: FloatArray) -> None:
    """Replace the valid samples by their ranks from 1, equal ones by their mean rank."""
    n = 0
    for i in range(series.size):
        if valid[i]:
            cases[n] = series[i]
            n += 1
    order = np.argsort(cases[:n])
    ranks = np.empty(n)
    start = 0
    while start < n:
        end = start + 1
        while end < n and cases[order[end]] == cases[order[start]]:
            end += 1
        for place in range(start, end):
            ranks[order[place]] = (start + 1 + end) / 2
        start = end
    n = 0
    for i in range(series.size):
        if valid[i]:
            series[i] = ranks[n]
            n += 1


@kernel(nb.float64[:, :, ::1], LINE, nb.int64)
def rank_cases(tile: FloatArray, floors: FloatArray, min_valid: int) -> None:
    """Replace target and drivers of a tile (variable, step, lane) by their ranks over the complete cases, in place.

    Floors are in the unit of the values, so they are judged here: the ranks of a driver below its floor are all 0.
    Cells with fewer than ``min_valid`` cases stay as they are.
    """
    variables, steps, lanes = tile.shape
    rows, valid, buffer = np.empty((variables, steps)), np.empty(steps, np.bool_), np.empty(steps)
    for lane in range(lanes):
        gather_lane(tile, lane, rows)
        n = mark_complete(rows, valid)
        if n < min_valid:
            continue
        for j in range(variables):
            if j > 0 and standardise(rows[j], valid, buffer) / math.sqrt(n - 1) < floors[j - 1]:
                fill(rows[j], 0.0)
            else:
                _rank(rows[j], valid, buffer)
            for i in range(steps):
                if valid[i]:
                    tile[j, i, lane] = rows[j, i]
