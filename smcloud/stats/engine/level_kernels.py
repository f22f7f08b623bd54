"""The level of each calendar month of a series with gaps, fitted together with the level of each year."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, ROWS, BoolArray, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import fill

MONTHS = 12


@kernel(ROWS, read_only(nb.boolean, 2), COLUMNS, FLAGS)
def month_levels(series: FloatArray, used: BoolArray, levels: FloatArray, connected: ByteArray) -> None:
    """Fit x(m, y) = level_m + b_y + e by least squares over the ``used`` months, for each row of whole years.

    ``levels`` (row, 12): the b_y are such that the levels have the mean of the months' own means; NaN for a month that
    is never used. Months that no chain of used months and years links have no common level: all are NaN, and
    ``connected`` is 0. Where each month has one value in all of its years the levels are exactly these values.
    """
    years = series.shape[1] // MONTHS
    mean, count = np.empty(MONTHS), np.empty(MONTHS, np.int64)
    masks, pairs = np.empty(years, np.int64), _pairs_of_months()
    packed = np.empty(pairs.size)
    matrix, change = np.empty((MONTHS, MONTHS)), np.empty(MONTHS)
    for cell in range(series.shape[0]):
        x, chosen = series[cell], used[cell]
        whole = _own_means(x, chosen, mean, count)
        change[:] = 0.0
        if not whole:
            members = _equations(x, chosen, mean, packed, pairs, change, masks)
            whole = members == _linked(masks, members)
            if whole:
                _unpack(packed, matrix)
                _solve(matrix, change, count)
        for m in range(MONTHS):
            levels[cell, m] = mean[m] + change[m] if whole and count[m] > 0 else math.nan
        connected[cell] = 1 if whole else 0


@jit
def _own_means(x: FloatArray, used: BoolArray, mean: FloatArray, count: IntArray) -> bool:
    """Mean of each month, from its first value on, so that the mean of equal values is exactly this value.

    True where every month is used in all years or in none: then these are the levels.
    """
    full = True
    for m in range(MONTHS):
        first, total, n = m, 0.0, 0
        while first < x.size - MONTHS and not used[first]:
            first += MONTHS
        start = x[first] if used[first] else 0.0
        for i in range(first, x.size, MONTHS):
            value = x[i]  # read in any case: a step aside would cost more than the sum
            total += value - start if used[i] else 0.0
            n += nb.int64(used[i])
        mean[m] = start + total / max(n, 1)
        count[m] = n
        full = full and (n == 0 or n == x.size // MONTHS)
    return full


@jit
def _pairs_of_months() -> IntArray:
    """The bits of each pair of months, row by row of a lower triangle, then some that no year has.

    Their number is a multiple of what a processor treats side by side.
    """
    pairs = np.full(96, 1 << 60)
    at = 0
    for m in range(MONTHS):
        for k in range(m + 1):
            pairs[at] = 1 << m | 1 << k
            at += 1
    return pairs


@jit
def _equations(
    x: FloatArray, used: BoolArray, mean: FloatArray, matrix: FloatArray, pairs: IntArray, right: FloatArray,
    masks: IntArray,
) -> int:  # fmt: skip
    """Normal equations of what the levels differ by from ``mean``, without the years; the used months as bits.

    The best b_y is the mean over the year's months of what their levels leave, so each year adds
    (identity - 1/n_y) over its n_y months to the matrix, and the departures from its mean to the right side. The matrix
    is that of ``pairs``.
    """
    fill(right, 0.0)
    fill(matrix, 0.0)
    members = 0
    for year in range(masks.size):
        first, bits, n, total = year * MONTHS, 0, 0, 0.0
        for m in range(MONTHS):
            rest = x[first + m] - mean[m]
            bits |= nb.int64(used[first + m]) << m
            n += nb.int64(used[first + m])
            total += rest if used[first + m] else 0.0
        masks[year] = bits
        members |= bits
        share, level = 1.0 / max(n, 1), total / max(n, 1)
        for m in range(MONTHS):
            rest = x[first + m] - mean[m] - level
            right[m] += rest if used[first + m] else 0.0
            matrix[m * (m + 3) // 2] += 1.0 if used[first + m] else 0.0
        for pair in range(matrix.size):
            matrix[pair] -= share if bits & pairs[pair] == pairs[pair] else 0.0
    return members


@jit
def _unpack(packed: FloatArray, matrix: FloatArray) -> None:
    at = 0
    for m in range(MONTHS):
        for k in range(m + 1):
            matrix[m, k] = packed[at]
            at += 1


@jit
def _linked(masks: IntArray, members: int) -> int:
    """Months, as bits, that a chain of months and years links to the first of ``members``."""
    reached, before = members & -members, 0
    while reached != before:
        before = reached
        for year in range(masks.size):
            if masks[year] & reached:
                reached |= masks[year]
    return reached


@jit
def _solve(matrix: FloatArray, right: FloatArray, count: IntArray) -> None:
    """Solve in place for changes that add up to 0, by the Cholesky factors of the lower triangle.

    The equations leave the sum of the changes open. Adding one and the same positive number to the whole matrix sets
    it to 0 and changes nothing else. A month without a value gets the equation change = 0.
    """
    open_sum = 1.0
    for m in range(MONTHS):
        open_sum = max(open_sum, matrix[m, m])
    for m in range(MONTHS):
        for k in range(m + 1):
            both = count[m] > 0 and count[k] > 0
            matrix[m, k] = matrix[m, k] + open_sum / MONTHS if both else (1.0 if m == k else 0.0)
    for k in range(MONTHS):
        pivot = math.sqrt(matrix[k, k])
        change = right[k] / pivot
        matrix[k, k], right[k] = pivot, change
        for m in range(k + 1, MONTHS):
            matrix[m, k] /= pivot
        for m in range(k + 1, MONTHS):  # many short sums side by side; each is taken away from in the same order
            factor = matrix[m, k]
            right[m] -= factor * change
            for i in range(k + 1, m + 1):
                matrix[m, i] -= factor * matrix[i, k]
    for m in range(MONTHS - 1, -1, -1):
        for i in range(m + 1, MONTHS):
            right[m] -= matrix[i, m] * right[i]
        right[m] /= matrix[m, m]
