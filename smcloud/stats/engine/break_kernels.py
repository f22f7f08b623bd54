"""Kernels for series made of pieces: where the set behind a series changes, and a line with a step at each change."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, BoolArray, ByteArray, FloatArray
from smcloud.stats.engine.kernels import EPS, deviations, dot, fill, reason
from smcloud.stats.status import COLLINEAR, CONSTANT, EMPTY, OK, TOO_SHORT

# A column of which projection leaves less than this share of its length counts as a combination of the others.
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


@jit
def _mark_valid(row: FloatArray, t: FloatArray, valid: BoolArray) -> tuple[int, float, float, float]:
    """Mark the finite samples; their number, their least and largest value, and the largest absolute time."""
    n, low, high, latest = 0, math.inf, -math.inf, 0.0
    for i in range(row.size):
        valid[i] = math.isfinite(row[i])
        if valid[i]:
            n += 1
            low, high, latest = min(low, row[i]), max(high, row[i]), max(latest, abs(t[i]))
    return n, low, high, latest


@jit
def _independent_steps(steps: FloatArray, valid: BoolArray, axes: FloatArray) -> int:
    """Write the directions of the steps (term, time) as orthonormal rows of ``axes``; their number.

    A step that is unknown at a valid sample, constant over the valid samples, or a combination of those before it has
    no direction of its own.
    """
    terms = 0
    for k in range(steps.shape[0]):
        axis = axes[terms]
        known = True
        for i in range(valid.size):
            known = known and (not valid[i] or math.isfinite(steps[k, i]))
        if not known:
            continue
        deviations(steps[k], valid, axis)
        before = math.sqrt(dot(axis, axis))
        length = _project_out(axis, axes, terms)
        if before > 0.0 and length > COLLINEAR_BELOW * before:
            for i in range(axis.size):
                axis[i] /= length
            terms += 1
    return terms


@jit
def _slope_and_error(
    x: FloatArray, y: FloatArray, axes: FloatArray, terms: int, left: float, df: float, largest_value: float,
    latest: float, out: FloatArray,
) -> int:  # fmt: skip
    """Write slope, standard error, t statistic and df; the status.

    ``x`` are the deviations of the times, without their part along the steps and of length ``left``; ``y`` those of the
    values, which become residuals.
    """
    spread = dot(y, y)
    slope = dot(x, y) / (left * left)
    out[0] = slope
    largest = 0.0
    for i in range(y.size):
        y[i] -= slope * x[i]
    _project_out(y, axes, terms)
    for i in range(y.size):
        largest = max(largest, abs(y[i]))
    if df < 1:
        return TOO_SHORT
    squares = dot(y, y)
    # A line with steps that fits exactly leaves rounding noise only.
    noise = 16 * EPS * (largest_value + abs(slope) * latest)
    straight = largest <= noise and squares <= 1e-12 * spread
    out[1] = 0.0 if straight else math.sqrt(squares / df) / left
    out[2] = slope / out[1] if out[1] > 0 else math.copysign(math.inf, slope)
    out[3] = df
    return OK


@kernel(ROWS, read_only(nb.float64, 3), LINE, nb.int64, COLUMNS, FLAGS)
def line_with_steps(
    rows: FloatArray, steps: npt.NDArray[np.float64], t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray
) -> None:
    """``steps`` (cell, step term, time). Columns: slope, standard error, t statistic, its df, terms fitted, n."""
    valid, x, y = np.empty(t.size, np.bool_), np.empty(t.size), np.empty(t.size)
    axes = np.empty((steps.shape[1] + 1, t.size))
    for cell in range(rows.shape[0]):
        line = out[cell]
        n, low, high, latest = _mark_valid(rows[cell], t, valid)
        fill(line, math.nan)
        line[5] = n
        status[cell] = reason(n, min_valid, low, high)
        if status[cell] in (EMPTY, TOO_SHORT):
            continue
        deviations(t, valid, x)
        deviations(rows[cell], valid, y)
        whole = math.sqrt(dot(x, x))
        terms = _independent_steps(steps[cell], valid, axes)
        line[4] = terms
        left, df = _project_out(x, axes, terms), n - 2.0 - terms
        if left <= COLLINEAR_BELOW * whole:
            status[cell] = COLLINEAR
        elif status[cell] == CONSTANT:
            line[0], line[1], line[2], line[3] = 0.0, 0.0, 0.0, df
        else:
            status[cell] = _slope_and_error(x, y, axes, terms, left, df, max(abs(low), abs(high)), latest, line)
