"""Sorting that counts inversions, selection, and ranks with a tolerance.

Merging works from both ends at once, which the processor can do side by side, and places are unsigned, which saves the
tests for negative indices; together they halve the time.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit
from smcloud.stats.engine.arrays import FloatArray, IntArray
from smcloud.stats.engine.kernels import tie_sums

ZERO, ONE = np.uint64(0), np.uint64(1)
# Up to this many, insertion is faster than merging.
FEW = 16


@jit
def sort_counting(values: FloatArray, carried: IntArray, spare: FloatArray, spare_carried: IntArray) -> int:
    """Sort by merging, stably, and carry the other array along; the number of strict inversions."""
    n, inversions = values.size, 0
    run = max(n, 1)
    while run > FEW:
        run = (run + 1) // 2
    for begin in range(0, n, run):
        inversions += _insert(values[begin : begin + run], carried[begin : begin + run])
    source, source_c, to, to_c = values, carried, spare, spare_carried
    while run < n:
        for begin in range(0, n, 2 * run):
            end = min(begin + 2 * run, n)
            middle = min(begin + run, end)
            inversions += _merge(source[begin:end], source_c[begin:end], middle - begin, to[begin:end], to_c[begin:end])
        source, source_c, to, to_c = to, to_c, source, source_c
        run *= 2
    for i in range(n):
        values[i], carried[i] = source[i], source_c[i]
    return inversions


@jit
def _insert(values: FloatArray, carried: IntArray) -> int:
    inversions = 0
    for i in range(1, values.size):
        value, which, j = values[i], carried[i], nb.uint64(i)
        while j > ZERO and values[j - ONE] > value:
            values[j], carried[j] = values[j - ONE], carried[j - ONE]
            j -= ONE
        values[j], carried[j] = value, which
        inversions += i - nb.int64(j)
    return inversions


@jit
def _place_smaller(
    source: FloatArray, carried: IntArray, i: np.uint64, j: np.uint64, to: FloatArray, to_carried: IntArray,
    k: np.uint64,
) -> bool:  # fmt: skip
    """Write the smaller of the values at ``i`` and ``j``, of equal ones the first, to ``k``; is it the one at ``j``?"""
    first, second = source[i], source[j]
    smaller = second < first
    to[k], to_carried[k] = second if smaller else first, carried[j if smaller else i]
    return smaller


@jit
def _merge(source: FloatArray, carried: IntArray, middle: int, to: FloatArray, to_carried: IntArray) -> int:
    """Merge the sorted parts before and from ``middle``; the number of pairs in which the second part is smaller.

    A value of the second part counts the values of the first that it passes: at the front those still there, at the
    back those already placed.
    """
    size, half, passed = nb.uint64(source.size), nb.uint64(middle), ZERO
    i, j, k = ZERO, half, ZERO
    i_end, j_end, k_end = half, size, size
    for _ in range(source.size - middle):
        smaller = _place_smaller(source, carried, i, j, to, to_carried, k)
        passed += half - i if smaller else ZERO
        i += nb.uint64(not smaller)
        j += nb.uint64(smaller)
        k += ONE
        first, second = source[i_end - ONE], source[j_end - ONE]
        smaller = second < first
        k_end -= ONE
        to[k_end], to_carried[k_end] = first if smaller else second, carried[(i_end if smaller else j_end) - ONE]
        passed += ZERO if smaller else half - i_end
        i_end -= nb.uint64(smaller)
        j_end -= nb.uint64(not smaller)
    while i < i_end and j < j_end:
        smaller = _place_smaller(source, carried, i, j, to, to_carried, k)
        passed += half - i if smaller else ZERO
        i += nb.uint64(not smaller)
        j += nb.uint64(smaller)
        k += ONE
    if j < j_end:
        passed += (j_end - j) * (half - i_end)
        i, i_end = j, j_end
    while i < i_end:
        to[k], to_carried[k] = source[i], carried[i]
        i += ONE
        k += ONE
    return nb.int64(passed)


@jit
def select(values: FloatArray, first: int, second: int) -> tuple[float, float]:
    """The values of two ranks (from 0), the same or neighbours; ``values`` change places. NaN among NaN."""
    begin, end = 0, values.size
    while end - begin > 1:
        # The middle one of three values of the part, so that values that are sorted already take no longer.
        a, b, c = values[begin], values[(begin + end) // 2], values[end - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        lower = _partition(values, begin, end, pivot, False)
        if second < lower:
            end = lower
            continue
        upper = _partition(values, lower, end, pivot, True)
        if upper == lower:  # the pivot is NaN: differences have overflowed
            return math.nan, math.nan
        if first >= upper:
            begin = upper
            continue
        below, above = -math.inf, math.inf
        for i in range(begin, lower):
            below = max(below, values[i])
        for i in range(upper, end):
            above = min(above, values[i])
        return (pivot if first >= lower else below), (pivot if second < upper else above)
    return values[first], values[second]


@jit
def _partition(values: FloatArray, begin: int, end: int, pivot: float, equal: bool) -> int:
    """Bring what is below the pivot, or equal to it, to the front of a part; where the others begin."""
    at = nb.uint64(begin)
    for i in range(begin, end):
        value = values[i]
        values[i], values[at] = values[at], value
        at += nb.uint64((value < pivot) | (equal & (value == pivot)))
    return nb.int64(at)


@jit
def sort_row(values: FloatArray, work: FloatArray, orders: IntArray) -> int:
    """Sort a copy: the values in ``work[0]``, their places in ``orders[0]``; the number of strict inversions."""
    n = values.size
    for i in range(n):
        work[0, i], orders[0, i] = values[i], i
    return sort_counting(work[0, :n], orders[0, :n], work[1, :n], orders[1, :n])


@jit
def count_pairs(values: FloatArray, work: FloatArray, orders: IntArray) -> tuple[int, int, float]:
    """Falling pairs, tied pairs, and the sum over the groups of ties of t(t-1)(2t+5). ``work[0]`` gets the sorted
    values."""
    falling = sort_row(values, work, orders)
    ties, level = tie_sums(work[0, : values.size])
    return falling, int(level), ties


@jit
def mid_ranks(values: FloatArray, noise: float, work: FloatArray, orders: IntArray, out: FloatArray) -> None:
    """Ranks from 1; values no further than ``noise`` apart share the mean one."""
    sort_row(values, work, orders)
    ordered, n = work[0], values.size
    below, up_to = 0, 0
    for i in range(n):
        while ordered[below] < ordered[i] - noise:
            below += 1
        while up_to < n and ordered[up_to] <= ordered[i] + noise:
            up_to += 1
        out[orders[0, i]] = (below + up_to + 1) / 2
