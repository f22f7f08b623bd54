"""Kernels for series made of pieces: where the set behind a series changes, and a line with a step at each change."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.kernels import (
    COLUMNS,
    EPS,
    FLAGS,
    LINE,
    ROWS,
    ByteArray,
    FloatArray,
    deviations,
    dot,
    fill,
    reason,
)
from smcloud.stats.status import COLLINEAR, CONSTANT, EMPTY, OK, TOO_SHORT

# What the other columns leave of one, over its length, below this counts as nothing.
COLLINEAR_BELOW = 1e-10


@jit
def _members(bits: int) -> int:
    count = 0
    while bits > 0:
        count += bits & 1
        bits >>= 1
    return count


@kernel(read_only(nb.int64, 2), nb.int64, nb.int32[:, ::1])
def set_breaks(sets: npt.NDArray[np.int64], shortest: int, out: npt.NDArray[np.int32]) -> None:
    """Positions of the breaks of each row in the order of time, -1 in the columns that are left."""
    most, steps = out.shape[1], sets.shape[1]
    at, size = np.empty(steps, np.int32), np.empty(steps)
    for cell in range(sets.shape[0]):
        row = sets[cell]
        found, before, begin, last = 0, 0, -1, -1
        for i in range(steps + 1):
            if i < steps and (row[i] <= 0 or (begin >= 0 and row[i] == row[begin])):
                if row[i] > 0:
                    last = i
                continue
            if begin >= 0 and last - begin + 1 >= shortest:
                if before > 0 and before != row[begin]:
                    at[found] = begin
                    size[found] = _members(before ^ row[begin]) / _members(before | row[begin])
                    found += 1
                before = row[begin]
            begin, last = i, i
        for k in range(most):
            out[cell, k] = -1
        kept = 0
        while kept < min(found, most):  # the largest that is left, the earliest of equals
            best = -1
            for k in range(found):
                if size[k] > 0.0 and (best < 0 or size[k] > size[best]):
                    best = k
            size[best] = 0.0
            place = kept
            while place > 0 and out[cell, place - 1] > at[best]:
                out[cell, place] = out[cell, place - 1]
                place -= 1
            out[cell, place] = at[best]
            kept += 1


@jit
def _project_out(vector: FloatArray, axes: FloatArray, count: int) -> float:
    """Remove from ``vector`` its part along the first ``count`` unit vectors; the length that is left."""
    for _ in range(2):  # the second pass removes what rounding left of the first
        for k in range(count):
            share = dot(vector, axes[k])
            for i in range(vector.size):
                vector[i] -= share * axes[k, i]
    return math.sqrt(dot(vector, vector))


@kernel(ROWS, read_only(nb.float64, 3), LINE, nb.int64, COLUMNS, FLAGS)
def line_with_steps(
    rows: FloatArray, steps: npt.NDArray[np.float64], t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray
) -> None:
    """``steps`` (cell, step term, time). Columns: slope, standard error, t statistic, its df, terms fitted, n."""
    size = t.size
    valid, x, y = np.empty(size, np.bool_), np.empty(size), np.empty(size)
    axes = np.empty((steps.shape[1] + 1, size))
    for cell in range(rows.shape[0]):
        row = rows[cell]
        n, low, high, latest = 0, math.inf, -math.inf, 0.0
        for i in range(size):
            valid[i] = math.isfinite(row[i])
            if valid[i]:
                n += 1
                low, high, latest = min(low, row[i]), max(high, row[i]), max(latest, abs(t[i]))
        fill(out[cell], math.nan)
        out[cell, 5] = n
        status[cell] = reason(n, min_valid, low, high)
        if status[cell] in (EMPTY, TOO_SHORT):
            continue
        deviations(t, valid, x)
        deviations(row, valid, y)
        terms, whole, spread = 0, math.sqrt(dot(x, x)), dot(y, y)
        for k in range(steps.shape[1]):
            axis = axes[terms]
            known = True
            for i in range(size):
                known = known and (not valid[i] or math.isfinite(steps[cell, k, i]))
            if not known:
                continue
            deviations(steps[cell, k], valid, axis)
            before = math.sqrt(dot(axis, axis))
            length = _project_out(axis, axes, terms)
            if before > 0.0 and length > COLLINEAR_BELOW * before:
                for i in range(size):
                    axis[i] /= length
                terms += 1
        out[cell, 4] = terms
        left = _project_out(x, axes, terms)
        if left <= COLLINEAR_BELOW * whole:
            status[cell] = COLLINEAR
            continue
        if status[cell] == CONSTANT:
            out[cell, 0], out[cell, 1], out[cell, 2], out[cell, 3] = 0.0, 0.0, 0.0, n - 2.0 - terms
            continue
        slope = dot(x, y) / (left * left)
        out[cell, 0] = slope
        largest = 0.0
        for i in range(size):
            y[i] -= slope * x[i]
        _project_out(y, axes, terms)
        for i in range(size):
            largest = max(largest, abs(y[i]))
        df = n - 2.0 - terms
        if df < 1:
            status[cell] = TOO_SHORT
            continue
        squares = dot(y, y)
        # A line with steps that fits exactly leaves rounding noise only.
        noise = 16 * EPS * (max(abs(low), abs(high)) + abs(slope) * latest)
        straight = largest <= noise and squares <= 1e-12 * spread
        out[cell, 1] = 0.0 if straight else math.sqrt(squares / df) / left
        out[cell, 2] = slope / out[cell, 1] if out[cell, 1] > 0 else math.copysign(math.inf, slope)
        out[cell, 3] = df
        status[cell] = OK
