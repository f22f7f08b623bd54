"""Kernels over rows of a target and its drivers: (cells, steps) and (cells, drivers, steps).

Each cell is standardised over its complete cases, with 0 in the gaps, so that sums of products need no mask. What a
driver explains given the others comes from orthogonal projection, which stays accurate where the inverse of the
correlation matrix does not, and tells exactly collinear drivers apart.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import jit, kernel, read_only
from smcloud.stats._kernels import (
    COLUMNS,
    EPS,
    LINE,
    ROWS,
    BoolArray,
    ByteArray,
    FloatArray,
    copy,
    deviations,
    dot,
    fill,
    lag1,
)
from smcloud.stats.status import COLLINEAR, CONSTANT, DROPPED, EMPTY, OK, TOO_SHORT

# What is left of a unit vector after projection counts as nothing below this: twice-projected rounding noise of
# series with a mean 1000 times their spread stays below 1e-12.
COLLINEAR_BELOW = 1e-10
# Where the variance that any of the variables keeps, given all others, stays above this share, the inverse of the
# correlation matrix is as good as projection, to 1e-13, and faster.
CLEARLY_INDEPENDENT = 0.02

DRIVERS = read_only(nb.float64, 3)


@jit
def _project_out(vector: FloatArray, basis: FloatArray, rank: int) -> float:
    """Remove from ``vector`` its part in the span of the first rows of ``basis``; the length that is left."""
    for _ in range(2):  # the second pass removes what rounding left of the first
        for row in range(rank):
            share = dot(vector, basis[row])
            axis = basis[row]
            for i in range(vector.size):
                vector[i] -= share * axis[i]
    return math.sqrt(dot(vector, vector))


@jit
def _standardise(series: FloatArray, valid: BoolArray, unit: FloatArray) -> float:
    """Write the deviations from the mean as a unit vector, 0 in the gaps; their length, 0 for equal values."""
    first, different = 0, 0
    while first < series.size - 1 and not valid[first]:
        first += 1
    level = series[first]
    for i in range(series.size):
        different += nb.int64(valid[i] and series[i] != level)
    deviations(series, valid, unit)
    length = math.sqrt(dot(unit, unit))
    if different == 0 or length == 0.0:
        fill(unit, 0.0)
        return 0.0
    for i in range(series.size):
        unit[i] /= length
    return length


@jit
def _complete_cases(
    target: FloatArray,
    drivers: FloatArray,
    floors: FloatArray,
    min_valid: int,
    valid: BoolArray,
    units: FloatArray,
    status: ByteArray,
) -> tuple[int, float]:
    """Standardise target (row 0) and drivers (rows 1..) over the complete cases and judge each driver.

    Returns the number of cases and the length of the target's deviations.
    """
    n = 0
    for i in range(target.size):
        valid[i] = abs(target[i]) < math.inf
    for j in range(drivers.shape[0]):
        driver = drivers[j]
        for i in range(target.size):
            valid[i] &= abs(driver[i]) < math.inf
    for i in range(target.size):
        n += nb.int64(valid[i])
    if n < min_valid:
        for j in range(status.size):
            status[j] = EMPTY if n == 0 else TOO_SHORT
        return n, math.nan
    target_length = _standardise(target, valid, units[0])
    for j in range(drivers.shape[0]):
        length = _standardise(drivers[j], valid, units[1 + j])
        if length == 0.0 or length / math.sqrt(n - 1) < floors[j]:
            status[j] = DROPPED
        else:
            status[j] = CONSTANT if target_length == 0.0 else OK
    return n, target_length


@jit
def _given_others(
    units: FloatArray, j: int, status: ByteArray, basis: FloatArray, own: FloatArray, rest: FloatArray
) -> tuple[int, float, float]:
    """Residuals of driver ``j`` (``own``) and of the target (``rest``), both given all other drivers in use.

    Returns the rank of these others and the lengths that are left of the two unit vectors.
    """
    rank = 0
    for other in range(status.size):
        if other != j and status[other] != DROPPED:
            copy(units[1 + other], basis[rank])
            length = _project_out(basis[rank], basis, rank)
            if length > COLLINEAR_BELOW:
                for i in range(basis.shape[1]):
                    basis[rank, i] /= length
                rank += 1
    copy(units[1 + j], own)
    copy(units[0], rest)
    own_length = _project_out(own, basis, rank)
    return rank, own_length, _project_out(rest, basis, rank)


@jit
def _invert(units: FloatArray, status: ByteArray, inverse: FloatArray) -> bool:
    """Write the inverse of the correlation matrix of the target and the drivers that are not dropped, at its front;
    false where it would be less accurate than projection."""
    size = 1
    inverse[0, 0] = dot(units[0], units[0])
    for j in range(status.size):
        if status[j] == CONSTANT:
            return False
        if status[j] != DROPPED:
            at = 1
            inverse[0, size] = inverse[size, 0] = dot(units[0], units[1 + j])
            for other in range(j + 1):
                if status[other] != DROPPED:
                    inverse[at, size] = inverse[size, at] = dot(units[1 + other], units[1 + j])
                    at += 1
            size += 1
    for k in range(size):  # Gauss-Jordan, in place
        pivot = inverse[k, k]
        if pivot < CLEARLY_INDEPENDENT:
            return False
        inverse[k, k] = 1.0
        for b in range(size):
            inverse[k, b] /= pivot
        for a in range(size):
            if a != k:
                factor = inverse[a, k]
                inverse[a, k] = 0.0
                for b in range(size):
                    inverse[a, b] -= factor * inverse[k, b]
    largest = 0.0
    for k in range(size):
        largest = max(largest, inverse[k, k])
    return largest * CLEARLY_INDEPENDENT < 1.0


@kernel(ROWS, DRIVERS, LINE, nb.int64, nb.boolean, nb.float64, nb.float64[:, :, ::1], nb.float64[::1], nb.uint8[:, ::1])
def partial_correlation(
    target: FloatArray,
    drivers: npt.NDArray[np.float64],
    floors: FloatArray,
    min_valid: int,
    effective: bool,
    z: float,
    out: npt.NDArray[np.float64],
    count: FloatArray,
    status: npt.NDArray[np.uint8],
) -> None:
    """Columns by driver: r, its lower and upper limit, t statistic, degrees of freedom, n_effective."""
    steps, size = target.shape[1], drivers.shape[1]
    valid = np.empty(steps, np.bool_)
    units, basis = np.empty((size + 1, steps)), np.empty((size, steps))
    own, rest, judged = np.empty(steps), np.empty(steps), np.empty(size, np.uint8)
    inverse = np.empty((size + 1, size + 1))
    for cell in range(target.shape[0]):
        for j in range(size):
            fill(out[cell, j], math.nan)
        flags = status[cell]
        n, _ = _complete_cases(target[cell], drivers[cell], floors, min_valid, valid, units, flags)
        count[cell] = n
        if n < min_valid:
            continue
        in_use, at = 0, 0
        for j in range(size):
            judged[j] = flags[j]
            in_use += nb.int64(judged[j] != DROPPED)
        plain = _invert(units, judged, inverse)
        for j in range(size):
            column = out[cell, j]
            if judged[j] == DROPPED:
                continue
            at += 1
            if plain and not effective:
                rank, own_length, rest_length = in_use - 1, 1.0, 1.0
            else:
                rank, own_length, rest_length = _given_others(units, j, judged, basis, own, rest)
            if own_length <= COLLINEAR_BELOW or (judged[j] == OK and rest_length <= COLLINEAR_BELOW):
                flags[j] = COLLINEAR
                continue
            n_effective = float(n)
            if effective and judged[j] == OK:
                product = lag1(own) * lag1(rest)
                n_effective = min(float(n), n * (1 - product) / (1 + product))
            df = max(1.0, n_effective - 2 - rank)
            column[4], column[5] = df, n_effective
            if judged[j] == CONSTANT:
                column[3] = 0.0
                continue
            if plain:
                r = -inverse[0, at] / math.sqrt(inverse[0, 0] * inverse[at, at])
            else:
                r = dot(own, rest) / (own_length * rest_length)
            if abs(r) > 1 - 4 * EPS:
                r = math.copysign(1.0, r)
            column[0] = r
            if abs(r) == 1.0:
                column[3] = math.copysign(math.inf, r)
            else:
                column[3] = r * math.sqrt(df / ((1 - r) * (1 + r)))
            if df <= 1:
                column[1], column[2] = -1.0, 1.0
            elif abs(r) == 1.0:
                column[1], column[2] = r, r
            else:
                half = z / math.sqrt(df - 1)
                column[1], column[2] = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


@kernel(ROWS, DRIVERS, LINE, LINE, nb.int64, COLUMNS, nb.float64[::1], nb.float64[::1], nb.uint8[:, ::1])
def trend_contribution(
    target: FloatArray,
    drivers: npt.NDArray[np.float64],
    t: FloatArray,
    floors: FloatArray,
    min_valid: int,
    out: FloatArray,
    residual: FloatArray,
    count: FloatArray,
    status: npt.NDArray[np.uint8],
) -> None:
    """Columns: contribution by driver; beside them the slope of the rest, and n."""
    steps, size = target.shape[1], drivers.shape[1]
    valid = np.empty(steps, np.bool_)
    units, basis = np.empty((size + 1, steps)), np.empty((size, steps))
    own, rest, judged = np.empty(steps), np.empty(steps), np.empty(size, np.uint8)
    unexplained, x = np.empty(steps), np.empty(steps)
    for cell in range(target.shape[0]):
        fill(out[cell], math.nan)
        residual[cell] = math.nan
        flags = status[cell]
        n, length = _complete_cases(target[cell], drivers[cell], floors, min_valid, valid, units, flags)
        count[cell] = n
        if n < min_valid:
            continue
        deviations(t, valid, x)
        xx = dot(x, x)
        for j in range(size):
            judged[j] = flags[j]
        copy(units[0], unexplained)
        for j in range(size):
            if judged[j] == DROPPED:
                continue
            _, own_length, _ = _given_others(units, j, judged, basis, own, rest)
            if own_length <= COLLINEAR_BELOW:
                flags[j] = COLLINEAR
                continue
            beta = dot(own, units[0]) / (own_length * own_length)
            for i in range(steps):
                unexplained[i] -= beta * units[1 + j, i]
            out[cell, j] = length * beta * dot(x, units[1 + j]) / xx
        residual[cell] = length * dot(x, unexplained) / xx
