"""Partial correlations, 128 cells side by side.

One pass over the complete cases, taken relative to the first of them, gives the correlation matrix of most cells, and
its inverse the partial correlations. Cells where this would cost digits, where a driver is dropped or collinear, or
whose residuals are needed, go through orthogonal projection, one by one.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._case_kernels import (
    COLLINEAR_BELOW,
    LANES,
    STRIDE,
    TILE,
    complete_cases,
    gather_lane,
    given_others,
)
from smcloud.stats._compile import jit, kernel
from smcloud.stats._kernels import EPS, LINE, BoolArray, ByteArray, FloatArray, dot, fill, lag1
from smcloud.stats.status import COLLINEAR, CONSTANT, DROPPED, EMPTY, OK, TOO_SHORT

# A sum of products about the mean that keeps this share of the sum about the first case has lost less than two of its
# sixteen digits.
CLEAR = 0.05
# Where the variance that any of the variables keeps, given all others, stays above this share, the inverse of the
# correlation matrix is as good as projection, to 1e-13, and faster.
CLEARLY_INDEPENDENT = 0.02


@jit
def _first_cases(tile: FloatArray, first: FloatArray, gap: FloatArray) -> None:
    """The values of the first complete case of each lane; NaN where there is none."""
    for j in range(first.shape[0]):
        fill(first[j], math.nan)
    for i in range(tile.shape[1]):
        missing = 0
        fill(gap, 0.0)
        for j in range(first.shape[0]):
            row = tile[j, i]
            for k in range(LANES):
                gap[k] += 0.0 * row[k]  # NaN unless every value is finite
        for j in range(first.shape[0]):
            row, known = tile[j, i], first[j]
            missing = 0
            for k in range(LANES):
                value = known[k]
                value = row[k] if value != value and gap[k] == 0.0 else value
                known[k] = value
                missing += nb.int64(value != value)
        if missing == 0:
            return


@jit
def _moments(tile: FloatArray, first: FloatArray, count: FloatArray, sums: FloatArray, products: FloatArray) -> None:
    """Number of complete cases of each lane, and sums of the values and of their products, relative to the first."""
    variables, steps = tile.shape[0], tile.shape[1]
    slab, gap = np.empty((variables, STRIDE, LANES)), np.empty((STRIDE, LANES))
    fill(count, 0.0)
    for a in range(variables):
        fill(sums[a], 0.0)
        for b in range(variables):
            fill(products[a, b], 0.0)
    for start in range(0, steps, STRIDE):
        for step in range(STRIDE):
            gaps = gap[step]
            fill(gaps, 0.0)
            for j in range(variables):
                row = tile[j, start + step]
                for k in range(LANES):
                    gaps[k] += 0.0 * row[k]
            for j in range(variables):
                row, level, to = tile[j, start + step], first[j], slab[j, step]
                for k in range(LANES):
                    to[k] = row[k] - level[k] if gaps[k] == 0.0 else 0.0
        for k in range(LANES):
            n = 0.0
            for step in range(STRIDE):
                n += 1.0 if gap[step, k] == 0.0 else 0.0
            count[k] += n
        for a in range(variables):
            left, total = slab[a], sums[a]
            for k in range(LANES):
                part = 0.0
                for step in range(STRIDE):
                    part += left[step, k]
                total[k] += part
            for b in range(a, variables):
                right, total = slab[b], products[a, b]
                for k in range(LANES):
                    part = 0.0
                    for step in range(STRIDE):
                        part += left[step, k] * right[step, k]
                    total[k] += part


@jit
def _invert(
    n: float,
    sums: FloatArray,
    products: FloatArray,
    lane: int,
    floors: FloatArray,
    inverse: FloatArray,
    flags: ByteArray,
) -> bool:
    """Write the inverse of the correlation matrix of one lane, without dropped drivers, at the front of ``inverse``.

    False where the cell needs the longer way.
    """
    size = 0
    for a in range(sums.shape[0]):
        square = products[a, a, lane] - sums[a, lane] * (sums[a, lane] / n)
        clear = square > CLEAR * products[a, a, lane]
        if a > 0:
            faint = clear and math.sqrt(square / (n - 1)) < floors[a - 1]
            flags[a - 1] = DROPPED if faint or products[a, a, lane] == 0.0 else OK
            if flags[a - 1] == DROPPED:
                continue
        if not clear:
            return False
        row = 0
        for b in range(a):
            if b == 0 or flags[b - 1] != DROPPED:
                product = products[b, a, lane] - sums[b, lane] * (sums[a, lane] / n)
                inverse[row, size] = inverse[size, row] = product / math.sqrt(square) / math.sqrt(inverse[row, row])
                row += 1
        inverse[size, size] = square
        size += 1
    for k in range(size):
        inverse[k, k] = 1.0
    for k in range(size):  # Gauss-Jordan, in place
        pivot = inverse[k, k]
        if not pivot >= CLEARLY_INDEPENDENT:
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


@jit
def _describe(r: float, df: float, n_effective: float, z: float, column: FloatArray) -> None:
    """Fill the columns of one driver from its r: tanh(atanh(r) +- h) = (r +- tanh h)/(1 +- r tanh h)."""
    if abs(r) > 1 - 4 * EPS:
        r = math.copysign(1.0, r)
    column[0], column[4], column[5] = r, df, n_effective
    if abs(r) == 1.0:
        column[1], column[2], column[3] = r, r, math.copysign(math.inf, r)
    else:
        half = math.tanh(z / math.sqrt(df - 1)) if df > 1 else 1.0
        column[1], column[2] = (r - half) / (1 - r * half), (r + half) / (1 + r * half)
        column[3] = r * math.sqrt(df / ((1 - r) * (1 + r)))
    if df <= 1:
        column[1], column[2] = -1.0, 1.0


def partial_correlation(
    tile: FloatArray,
    floors: FloatArray,
    min_valid: int,
    effective: bool,
    z: float,
    out: npt.NDArray[np.float64],
    count: FloatArray,
    status: npt.NDArray[np.uint8],
) -> None:
    """Columns by driver: r, its lower and upper limit, t statistic, degrees of freedom, n_effective.

    ``tile`` (variable, step, LANES), the target first; ``status`` says how many of the lanes are in use.
    """
    longer = np.zeros(len(status), np.bool_)
    _by_inverse(tile, floors, min_valid, z, out, count, status, longer)
    if effective or longer.any():
        _by_projection(tile, floors, min_valid, effective, z, longer, out, status)


@kernel(TILE, LINE, nb.int64, nb.float64, nb.float64[:, :, ::1], nb.float64[::1], nb.uint8[:, ::1], nb.boolean[::1])
def _by_inverse(
    tile: FloatArray,
    floors: FloatArray,
    min_valid: int,
    z: float,
    out: npt.NDArray[np.float64],
    count: FloatArray,
    status: npt.NDArray[np.uint8],
    longer: BoolArray,
) -> None:
    """The columns for ``dof="n"``, and which of the cells need the longer way."""
    cells, size = status.shape
    variables = size + 1
    cases, first, sums = np.empty(LANES), np.empty((variables, LANES)), np.empty((variables, LANES))
    products, inverse = np.empty((variables, variables, LANES)), np.empty((variables, variables))
    _first_cases(tile, first, cases)
    _moments(tile, first, cases, sums, products)
    for cell in range(cells):
        n, flags = cases[cell], status[cell]
        count[cell] = n
        for j in range(size):
            fill(out[cell, j], math.nan)
            flags[j] = OK if n >= min_valid else EMPTY if n == 0 else TOO_SHORT
        if n < min_valid:
            continue
        longer[cell] = not _invert(n, sums, products, cell, floors, inverse, flags)
        if not longer[cell]:
            row, kept = 0, 0
            for j in range(size):
                kept += nb.int64(flags[j] == OK)
            for j in range(size):
                if flags[j] == OK:
                    row += 1
                    r = -inverse[0, row] / math.sqrt(inverse[0, 0] * inverse[row, row])
                    _describe(r, max(1.0, n - 1 - kept), n, z, out[cell, j])


@kernel(TILE, LINE, nb.int64, nb.boolean, nb.float64, nb.boolean[::1], nb.float64[:, :, ::1], nb.uint8[:, ::1])
def _by_projection(
    tile: FloatArray,
    floors: FloatArray,
    min_valid: int,
    effective: bool,
    z: float,
    longer: BoolArray,
    out: npt.NDArray[np.float64],
    status: npt.NDArray[np.uint8],
) -> None:
    """The columns from the residuals of target and driver; r stays where the inverse has told it."""
    (cells, size), steps = status.shape, tile.shape[1]
    valid, units, rows = np.empty(steps, np.bool_), np.empty((size + 1, steps)), np.empty((size + 1, steps))
    basis, members, judged = np.empty((size, steps)), np.arange(size), np.empty(size, np.uint8)
    own, rest = np.empty(steps), np.empty(steps)
    for cell in range(cells):
        flags = status[cell]
        if not (effective or longer[cell]) or flags[0] == EMPTY or flags[0] == TOO_SHORT:
            continue
        gather_lane(tile, cell, rows)
        cases, _ = complete_cases(rows, floors, min_valid, valid, units, flags)
        n = float(cases)
        for j in range(size):
            judged[j] = flags[j]
        for j in range(size):
            if judged[j] == DROPPED:
                continue
            rank, own_length, rest_length = given_others(units, j, judged, basis, members, own, rest)
            if own_length <= COLLINEAR_BELOW or (judged[j] == OK and rest_length <= COLLINEAR_BELOW):
                flags[j] = COLLINEAR
                continue
            n_effective, column = n, out[cell, j]
            if effective and judged[j] == OK:
                product = lag1(own) * lag1(rest)
                n_effective = min(n, n * (1 - product) / (1 + product))
            df = max(1.0, n_effective - 2 - rank)
            if judged[j] == CONSTANT:
                column[3], column[4], column[5] = 0.0, df, n_effective
            else:
                r = dot(own, rest) / (own_length * rest_length) if longer[cell] else column[0]
                _describe(r, df, n_effective, z, column)
