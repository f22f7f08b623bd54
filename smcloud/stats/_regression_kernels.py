"""Kernels beside those of the partial correlations: ranks of the cases, shares of R2, resampled series.

A driver enters a regression as its unit vector over the complete cases. All subsets of the drivers are compared in
the coordinates of one orthonormal basis, which keeps the accuracy of orthogonal projection at the cost of a small
matrix.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import jit, kernel, read_only
from smcloud.stats._kernels import COLUMNS, LINE, ROWS, BoolArray, FloatArray, copy, deviations, dot, fill
from smcloud.stats.status import COLLINEAR, CONSTANT, DROPPED, EMPTY, OK, TOO_SHORT

# What is left of a unit vector below this counts as nothing, as in the partial correlations.
COLLINEAR_BELOW = 1e-10

DRIVERS = read_only(nb.float64, 3)


@jit
def _complete(target: FloatArray, drivers: FloatArray, valid: BoolArray) -> int:
    """Mark the steps where the target and every driver have a value; their number."""
    n = 0
    for i in range(target.size):
        valid[i] = math.isfinite(target[i])
        for j in range(drivers.shape[0]):
            valid[i] = valid[i] and math.isfinite(drivers[j, i])
        n += valid[i]
    return n


@jit
def _spread(series: FloatArray, valid: BoolArray, centred: FloatArray) -> float:
    """Write the deviations from the mean, 0 in the gaps; their length, 0 for equal values."""
    low, high = math.inf, -math.inf
    for i in range(series.size):
        if valid[i]:
            low, high = min(low, series[i]), max(high, series[i])
    deviations(series, valid, centred)
    return 0.0 if low == high else math.sqrt(dot(centred, centred))


# --- ranks ---


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


@kernel(COLUMNS, nb.float64[:, :, ::1], LINE, nb.int64)
def rank_cases(target: FloatArray, drivers: npt.NDArray[np.float64], floors: FloatArray, min_valid: int) -> None:
    """Replace target and drivers by their ranks over the complete cases, in place.

    Floors are in the unit of the values, so they are judged here: the ranks of a driver below its floor are all 0.
    Cells with fewer than ``min_valid`` cases stay as they are.
    """
    steps = target.shape[1]
    valid, buffer = np.empty(steps, np.bool_), np.empty(steps)
    for cell in range(target.shape[0]):
        n = _complete(target[cell], drivers[cell], valid)
        if n < min_valid:
            continue
        _rank(target[cell], valid, buffer)
        for j in range(drivers.shape[1]):
            driver = drivers[cell, j]
            if _spread(driver, valid, buffer) / math.sqrt(n - 1) < floors[j]:
                for i in range(steps):
                    if valid[i]:
                        driver[i] = 0.0
            else:
                _rank(driver, valid, buffer)


# --- regression ---


@jit
def _unit(series: FloatArray, valid: BoolArray, n: int, floor: float, unit: FloatArray) -> bool:
    """Write the deviations from the mean of n samples as a unit vector, if they vary, and not less than ``floor``."""
    length = _spread(series, valid, unit)
    if length == 0.0 or length / math.sqrt(n - 1) < floor:
        fill(unit, 0.0)
        return False
    for i in range(unit.size):
        unit[i] /= length
    return True


@jit
def _highest(subset: int) -> int:
    """The last member of a subset of the drivers, given as bits."""
    member = 0
    while subset > 1:
        subset >>= 1
        member += 1
    return member


@jit
def _project_out(vector: FloatArray, axes: FloatArray, subset: int) -> float:
    """Remove from ``vector`` its part in the span of a subset; the length that is left.

    Row s of ``axes`` is the direction that the last member of subset s adds to the others, so the rows of s, of s
    without its last member, and so on are an orthonormal basis (rows of 0 where a member adds nothing).
    """
    for _ in range(2):  # the second pass removes what rounding left of the first
        rest = subset
        while rest > 0:
            share = dot(vector, axes[rest])
            for i in range(vector.size):
                vector[i] -= share * axes[rest, i]
            rest -= 1 << _highest(rest)
    return math.sqrt(dot(vector, vector))


@jit
def _add_axis(vector: FloatArray, axes: FloatArray, subset: int) -> None:
    """Fill row ``subset`` of ``axes`` with what ``vector``, its last member, adds to the others."""
    axis = axes[subset]
    copy(vector, axis)
    length = _project_out(axis, axes, subset - (1 << _highest(subset)))
    for i in range(axis.size):
        axis[i] = axis[i] / length if length > COLLINEAR_BELOW else 0.0


@kernel(ROWS, DRIVERS, LINE, nb.int64, nb.float64[:, :, ::1], nb.float64[::1], nb.float64[::1], nb.uint8[:, ::1])
def standardised_regression(
    target: FloatArray,
    drivers: npt.NDArray[np.float64],
    floors: FloatArray,
    min_valid: int,
    out: npt.NDArray[np.float64],
    r2: FloatArray,
    count: FloatArray,
    status: npt.NDArray[np.uint8],
) -> None:
    """Columns by driver: coefficient, share of R2; beside them R2, and n."""
    steps, size = target.shape[1], drivers.shape[1]
    valid, unit, y, own = np.empty(steps, np.bool_), np.empty(steps), np.empty(steps), np.empty(size)
    basis, axes = np.empty((1 << size, steps)), np.empty((1 << size, size))
    coordinates, goal, used = np.empty((size, size)), np.empty(size), np.empty(size, np.int64)
    explained, members, weights = np.zeros(1 << size), np.zeros(1 << size, np.int64), np.empty(size)
    for cell in range(target.shape[0]):
        flags = status[cell]
        r2[cell] = math.nan
        for j in range(size):
            fill(out[cell, j], math.nan)
        n = _complete(target[cell], drivers[cell], valid)
        count[cell] = n
        if n < min_valid:
            for j in range(size):
                flags[j] = EMPTY if n == 0 else TOO_SHORT
            continue
        constant = not _unit(target[cell], valid, n, 0.0, y)
        m = 0
        for j in range(size):
            flags[j] = CONSTANT if constant else OK
            if not _unit(drivers[cell, j], valid, n, floors[j], unit):
                flags[j] = DROPPED
                continue
            _add_axis(unit, basis, (1 << (m + 1)) - 1)
            fill(coordinates[m], 0.0)
            for i in range(m + 1):
                coordinates[m, i] = dot(unit, basis[(1 << (i + 1)) - 1])
            used[m] = j
            m += 1
        fill(goal, 0.0)
        for i in range(m):
            goal[i] = dot(y, basis[(1 << (i + 1)) - 1])
        for subset in range(1, 1 << m):
            last = _highest(subset)
            rest = subset - (1 << last)
            _add_axis(coordinates[last], axes, subset)
            explained[subset] = explained[rest] + dot(axes[subset], goal) ** 2
            members[subset] = members[rest] + 1
        for s in range(m):  # of the m! orders of entry, those where a driver comes after s given others
            weights[s] = 1.0 / m if s == 0 else weights[s - 1] * s / (m - s)
        if not constant:
            r2[cell] = explained[(1 << m) - 1]
        for p in range(m):
            others = (1 << m) - 1 - (1 << p)
            copy(coordinates[p], own)
            length = _project_out(own, axes, others)
            if length <= COLLINEAR_BELOW:
                flags[used[p]] = COLLINEAR
            elif not constant:
                share = 0.0
                for subset in range(1 << m):
                    if not subset >> p & 1:
                        share += weights[members[subset]] * (explained[subset | 1 << p] - explained[subset])
                out[cell, used[p], 0] = dot(own, goal) / (length * length)
                out[cell, used[p], 1] = share


# --- bootstrap ---


@kernel(ROWS, LINE, read_only(nb.int64, 2), nb.float64[:, :, ::1])
def resample(rows: FloatArray, t: FloatArray, positions: npt.NDArray[np.int64], out: npt.NDArray[np.float64]) -> None:
    """Least-squares line plus residuals in the order of ``positions``, by replicate, cell and step."""
    steps = rows.shape[1]
    valid, x, y = np.empty(steps, np.bool_), np.empty(steps), np.empty(steps)
    for cell in range(rows.shape[0]):
        n = 0
        for i in range(steps):
            valid[i] = math.isfinite(rows[cell, i])
            n += valid[i]
        if n < 3:
            for replicate in range(out.shape[0]):
                fill(out[replicate, cell], math.nan)
            continue
        t_mean, y_mean = deviations(t, valid, x), deviations(rows[cell], valid, y)
        slope = dot(x, y) / dot(x, x)
        inflation = math.sqrt(n / (n - 2))
        for replicate in range(out.shape[0]):
            for i in range(steps):
                drawn = positions[replicate, i]
                line = y_mean + slope * (t[i] - t_mean)
                rest = inflation * (y[drawn] - slope * x[drawn])
                out[replicate, cell, i] = line + rest if valid[drawn] else math.nan


@kernel(ROWS, nb.float64, COLUMNS)
def spread_of_replicates(rows: FloatArray, alpha: float, out: FloatArray) -> None:
    """Columns: standard deviation (n - 1), quantiles alpha/2 and 1 - alpha/2 (interpolated), n."""
    valid, buffer = np.empty(rows.shape[1], np.bool_), np.empty(rows.shape[1])
    for cell in range(rows.shape[0]):
        n = 0
        for i in range(rows.shape[1]):
            valid[i] = math.isfinite(rows[cell, i])
            if valid[i]:
                buffer[n] = rows[cell, i]
                n += 1
        fill(out[cell], math.nan)
        out[cell, 3] = n
        if n < 2:
            continue
        ordered = np.sort(buffer[:n])
        out[cell, 0] = _spread(rows[cell], valid, buffer) / math.sqrt(n - 1)
        for column, share in ((1, alpha / 2), (2, 1 - alpha / 2)):
            place = share * (n - 1)
            below = min(int(place), n - 2)
            out[cell, column] = ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
