"""Kernels for series made of pieces: where the set behind a series changes, and a line with a step at each change."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, BoolArray, ByteArray, FloatArray
from smcloud.stats.engine.kernels import EPS, deviations, dot, fill, lag1, reason
from smcloud.stats.engine.ols import effective_number
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
def _error_of_pool(axes: FloatArray, count: int, valid: BoolArray, phi: float) -> tuple[float, float]:
    """Var(slope) Sxx/e'e under AR(1) errors of ``phi``, and its degrees of freedom.

    The first ``count`` rows of ``axes`` are orthonormal and span the regression, the direction of the slope last. With
    q that direction, M the projection on the residuals and R(phi) = phi^|i - j|, they are q'R q/tr(M R) and
    tr(M R)^2/tr(M R M R), from the products of R with the rows. NaN for a ``phi`` that is none.
    """
    if not 0.0 <= phi < 1.0:
        return math.nan, math.nan
    size = valid.size
    products, powers = np.zeros((count, size)), np.ones(size)
    for gap in range(1, size):
        powers[gap] = powers[gap - 1] * phi
    whole, squares = 0.0, 0.0
    for i in range(size):
        for j in range(size):
            if valid[i] and valid[j]:
                power = powers[abs(i - j)]
                squares += power * power
                for a in range(count):
                    products[a, i] += power * axes[a, j]
        whole += nb.int64(valid[i])
    for a in range(count):
        whole -= dot(axes[a], products[a])
        squares -= 2 * dot(products[a], products[a])
        for b in range(count):
            squares += dot(axes[a], products[b]) ** 2
    return dot(axes[count - 1], products[count - 1]) / whole, whole * whole / squares


@jit
def _error_of_own(rest: FloatArray, squares: float, valid: BoolArray, n: float, count: int) -> tuple[float, float]:
    """The same under the autocorrelation of the residuals ``rest`` themselves; NaN where they cannot tell it.

    An exact fit, of which ``squares`` is 0, has no autocorrelation.
    """
    r1 = lag1(rest, valid)
    if n <= 4 or r1 != r1:
        return math.nan, math.nan
    df = (effective_number(n, r1) if squares > 0.0 else n) - count
    return (1 / df, df) if df > 0 else (math.nan, math.nan)


@jit
def _residuals(
    x: FloatArray, y: FloatArray, axes: FloatArray, terms: int, left: float, largest_value: float, latest: float
) -> tuple[float, float]:  # fmt: skip
    """Make residuals of ``y``, the deviations of the values; the slope, and the sum of squares of what is left.

    ``x`` are the deviations of the times, without their part along the steps and of length ``left``.
    """
    spread = dot(y, y)
    slope = dot(x, y) / (left * left)
    largest = 0.0
    for i in range(y.size):
        y[i] -= slope * x[i]
    _project_out(y, axes, terms)
    for i in range(y.size):
        largest = max(largest, abs(y[i]))
    squares = dot(y, y)
    # A line with steps that fits exactly leaves rounding noise only.
    noise = 16 * EPS * (largest_value + abs(slope) * latest)
    straight = largest <= noise and squares <= 1e-12 * spread
    return slope, 0.0 if straight else squares


@jit
def _error(
    slope: float, squares: float, factor: float, df: float, left: float, out: FloatArray
) -> int:  # fmt: skip
    """Write standard error, t statistic and its degrees of freedom; the status."""
    if factor != factor:
        return TOO_SHORT
    out[1] = math.sqrt(squares * factor) / left
    out[2] = slope / out[1] if out[1] > 0 else math.copysign(math.inf, slope)
    out[3] = df
    return OK


@jit
def _complete_axes(x: FloatArray, left: float, valid: BoolArray, n: int, terms: int, axes: FloatArray) -> None:
    """Write behind the directions of the steps that of the mean and that of the slope."""
    for i in range(x.size):
        axes[terms, i] = 1 / math.sqrt(n) if valid[i] else 0.0
        axes[terms + 1, i] = x[i] / left


@kernel(ROWS, read_only(nb.float64, 3), LINE, LINE, nb.int64, COLUMNS, FLAGS)
def line_with_steps(
    rows: FloatArray, steps: npt.NDArray[np.float64], t: FloatArray, phi: FloatArray, min_valid: int, out: FloatArray,
    status: ByteArray,
) -> None:  # fmt: skip
    """``steps`` (cell, step term, time); ``phi`` by cell, or of no cell: each by its own autocorrelation.

    Columns: slope, standard error, t statistic, its df, terms fitted, n, standard error of independent samples.
    """
    valid, x, y = np.empty(t.size, np.bool_), np.empty(t.size), np.empty(t.size)
    axes = np.empty((steps.shape[1] + 2, t.size))
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
        left = _project_out(x, axes, terms)
        if left <= COLLINEAR_BELOW * whole:
            status[cell] = COLLINEAR
        elif status[cell] == CONSTANT:
            line[0], line[1], line[2], line[3], line[6] = 0.0, 0.0, 0.0, n - 2.0 - terms, 0.0
        else:
            slope, squares = _residuals(x, y, axes, terms, left, max(abs(low), abs(high)), latest)
            line[0] = slope
            if n - 2 - terms >= 1:
                line[6] = math.sqrt(squares / (n - 2 - terms)) / left
                if phi.size:
                    _complete_axes(x, left, valid, n, terms, axes)
                    factor, df = _error_of_pool(axes, terms + 2, valid, phi[cell])
                else:
                    factor, df = _error_of_own(y, squares, valid, n, terms + 2)
                status[cell] = _error(slope, squares, factor, df, left, line)
            else:
                status[cell] = TOO_SHORT
