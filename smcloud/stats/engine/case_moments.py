"""Moments of the complete cases of a target and its drivers, 128 cells side by side, and the inverse of the matrix."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit
from smcloud.stats.engine.arrays import ByteArray, FloatArray
from smcloud.stats.engine.case_kernels import LANES, STRIDE
from smcloud.stats.engine.kernels import fill
from smcloud.stats.status import DROPPED, OK

# A sum of squares about the mean is taken from that about the first case. Where at least this share is left, fewer than
# two of its sixteen digits are lost.
CLEAR = 0.05
# Where every variable keeps more than this share of its variance, given all others, the inverse of the correlation
# matrix gives the same as projection to 1e-13, and is faster.
CLEARLY_INDEPENDENT = 0.02


@jit
def first_cases(tile: FloatArray, first: FloatArray, gap: FloatArray) -> None:
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
def moments(tile: FloatArray, first: FloatArray, count: FloatArray, sums: FloatArray, products: FloatArray) -> None:
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
def _invert_in_place(matrix: FloatArray, size: int) -> bool:
    """Invert the correlation matrix in the first ``size`` rows and columns; false where that would cost digits.

    The values on its diagonal are not read, as they are all 1. By the method of Gauss and Jordan.
    """
    for k in range(size):
        matrix[k, k] = 1.0
    for k in range(size):
        pivot = matrix[k, k]
        if not pivot >= CLEARLY_INDEPENDENT:
            return False
        matrix[k, k] = 1.0
        for b in range(size):
            matrix[k, b] /= pivot
        for a in range(size):
            if a != k:
                factor = matrix[a, k]
                matrix[a, k] = 0.0
                for b in range(size):
                    matrix[a, b] -= factor * matrix[k, b]
    largest = 0.0
    for k in range(size):
        largest = max(largest, matrix[k, k])
    return largest * CLEARLY_INDEPENDENT < 1.0


@jit
def invert(
    n: float,
    sums: FloatArray,
    products: FloatArray,
    lane: int,
    floors: FloatArray,
    inverse: FloatArray,
    flags: ByteArray,
) -> bool:
    """Write the inverse of the correlation matrix of one lane, without dropped drivers, at the front of ``inverse``.

    False where the cell has to go through orthogonal projection instead.
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
        row, root = 0, math.sqrt(square)
        for b in range(a):
            if b == 0 or flags[b - 1] != DROPPED:
                product = products[b, a, lane] - sums[b, lane] * (sums[a, lane] / n)
                inverse[row, size] = inverse[size, row] = product / root / inverse[row, row]
                row += 1
        inverse[size, size] = root
        size += 1
    return _invert_in_place(inverse, size)
