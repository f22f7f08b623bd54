"""The slopes of given ranks among the slopes of all pairs, without all of them: the Theil-Sen median and its limits.

The pairs with a slope below b are those that fall in y - b t, so a sort that counts inversions gives their number. The
orders at the two ends of a narrow bracket around the wanted rank differ by exactly the pairs with a slope inside it
(Matousek 1991, doi:10.1016/0020-0190(91)90071-O). Least squares tells where to look and how dense the slopes lie there:
its slope and the Sen slope differ by about 0.2 standard errors, and few of the slopes lie between them.

The result is exact. Slopes come from the values and times themselves; rounding in y - b t only moves pairs that lie
close to an end of the bracket, and a slope found there is not taken.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit
from smcloud.stats.engine.arrays import FloatArray, IntArray
from smcloud.stats.engine.kernels import EPS, least_squares
from smcloud.stats.engine.sorting import ONE, ZERO, select, sort_counting

# Fewer samples than this: all pairs.
ALL_PAIRS_BELOW = 8
# Room for slopes, in multiples of the number of samples. Where a bracket is expected to fill more than half of it, the
# slopes below it are counted before any are listed.
ROOM = 16
# Half the width of a bracket, in ranks: of the first, in standard deviations of the rank; of the next ones, as a share
# of the distance to the wanted rank. It is half the number of samples or more.
FIRST_SLACK, NEXT_SLACK = 0.6, 0.15
# After PATIENCE steps, a search whose bounds still hold more slopes than there is room for draws DRAWN pairs, to
# estimate where to look; after STEPS it is given up, and all slopes are computed.
PATIENCE, DRAWN = 3, 256
STEPS = 64


@jit
def slopes_of_ranks(
    values: FloatArray, times: FloatArray, ranks: IntArray, falling: int, level: int, all_pairs_below: int,
    work: FloatArray, orders: IntArray, room: FloatArray, found: FloatArray,
) -> None:  # fmt: skip
    """Write the slopes of ``ranks`` (from 0; two by two the same or neighbours, the medians first; -1: NaN).

    ``times`` ascend. ``falling`` and ``level`` are the numbers of pairs with a negative slope and with slope 0. Work
    space: ``work`` (4, n or more), ``orders`` (2, n or more), ``room`` (:func:`room_for` n). Series shorter than
    ``all_pairs_below``, and those that rounding leaves unclear, have all their slopes computed.
    """
    n = values.size
    if n < all_pairs_below:
        _all_pairs(values, times, ranks, found)
        return
    y, x = work[0, :n], work[1, :n]
    largest, shortest = 0.0, math.inf
    for i in range(n):
        y[i], x[i] = values[i] - values[0], times[i] - times[0]
        largest = max(largest, abs(y[i]))
        if i > 0:
            shortest = min(shortest, times[i] - times[i - 1])
    scale = (largest / shortest, x[n - 1] / shortest)
    slope, error = least_squares(y, x)
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2
    density = deviation / max(error, EPS * (largest / x[n - 1] + abs(slope)), 1e-300)
    rank, slack = n * (n - 1) / 4, FIRST_SLACK * deviation
    for at in range(0, ranks.size, 2):
        first, second = ranks[at], ranks[at + 1]
        found[at] = found[at + 1] = 0.0 if first >= 0 else math.nan
        first_is_0, second_is_0 = falling <= first < falling + level, falling <= second < falling + level
        if first >= 0 and not (first_is_0 and second_is_0):
            first, second = second if first_is_0 else first, first if second_is_0 else second
            if at > 0:
                if slope == 0.0:
                    rank = min(max(float(first), float(falling)), float(falling + level))
                slack = NEXT_SLACK * abs(first - rank)
            sure, lower, upper, density = _search(
                values, times, first, second, falling, level, slope, rank, slack, density, at > 0, scale, work,
                orders, room,
            )  # fmt: skip
            if not sure:
                _all_pairs(values, times, ranks, found)
                return
            found[at] = 0.0 if first_is_0 else lower
            found[at + 1] = 0.0 if second_is_0 else upper
        if at == 0:
            slope, rank = found[0], float(ranks[0])


@jit
def room_for(n: int) -> int:
    """Size of the room for slopes of a series of ``n`` samples or fewer."""
    return max(ROOM * n, DRAWN)


@jit
def _first_bounds(
    n: int, first: int, second: int, falling: int, level: int, scale: tuple[float, float]
) -> tuple[float, int, float, float, int, float]:
    """Bounds of the slopes of two ranks: from below, then from above, each with the number of slopes below it and with
    the least or largest end that a bracket may have, which keeps clear of the slopes that are 0."""
    low, below_low, least = -4 * scale[0], 0, -math.inf
    high, below_high, most = 4 * scale[0], n * (n - 1) // 2, math.inf
    if level > 0 and first >= falling + level:
        low, below_low, least = 0.0, falling + level, 2 * _rounding(scale, 0.0)
    elif level > 0 and second < falling:
        high, below_high, most = 0.0, falling, -2 * _rounding(scale, 0.0)
    return low, below_low, least, high, below_high, most


@jit
def _search(
    values: FloatArray, times: FloatArray, first: int, second: int, falling: int, level: int, at: float, rank: float,
    slack: float, density: float, counted: bool, scale: tuple[float, float], work: FloatArray, orders: IntArray,
    room: FloatArray,
) -> tuple[bool, float, float, float]:  # fmt: skip
    """The slopes of two ranks, whether they are sure, and the density of the slopes (ranks per slope) around them.

    About ``rank`` slopes lie below the slope ``at``; exactly so many where ``counted``.
    """
    n = values.size
    low, below_low, least, high, below_high, most = _first_bounds(n, first, second, falling, level, scale)
    wanted = (first + second + 1) / 2
    for step in range(STEPS):
        centre = at + (wanted - rank) / density
        narrow = high - low < 8 * _rounding(scale, at)
        far = not narrow and step >= PATIENCE and below_high - below_low > room.size
        slack = 0.0 if narrow else max(slack, n / 2)
        if far:
            share = (wanted - below_low) / (below_high - below_low)
            centre = _draw(values, times, low, high, share, 1 - 2 * (step % 2), room)
        if not low < centre < high:
            centre = low + (high - low) / 2
        counting = far or 4 * slack > room.size
        half = 0.0 if counting else max(slack / density, 4 * _rounding(scale, centre))
        slope, end = max(least, centre - half), min(most, centre + half)
        below = _order(slope, work, orders, n)
        if not counting and below <= first:
            count = _enumerate(values, times, end, work, orders, room)
            if below + count > second:
                lower, upper = select(room[:count], first - below, second - below)
                if lower > slope + _rounding(scale, slope) and upper < end - _rounding(scale, end):
                    return True, lower, upper, density
                slack *= 2
                continue
            low, below_low = slope, below
            at, rank, counted = slope, float(below), True
            if count < 0:
                if end - slope < 16 * _rounding(scale, slope):
                    break
                slack, density = NEXT_SLACK * (wanted - below), 4 * room.size / (end - slope)
                continue
            slope, below = end, below + count
        if below <= first:
            low, below_low = slope, below
        elif below > second:
            high, below_high = slope, below
        if counted and slope != at:
            density = max(1.0, abs(below - rank)) / abs(slope - at)
        at, rank, slack, counted = slope, float(below), NEXT_SLACK * abs(wanted - below), True
    return False, math.nan, math.nan, density


@jit
def _rounding(scale: tuple[float, float], slope: float) -> float:
    """How far a slope may lie from ``slope`` and still be taken for one on its other side."""
    return 8 * EPS * (scale[0] + abs(slope) * scale[1])


@jit
def _order(slope: float, work: FloatArray, orders: IntArray, n: int) -> int:
    """Order the samples by y - slope x; the number of pairs with a lower slope."""
    y, x, rest, order = work[0, :n], work[1, :n], work[2, :n], orders[0, :n]
    for i in range(n):
        rest[i], order[i] = y[i] - slope * x[i], i
    return sort_counting(rest, order, work[3, :n], orders[1, :n])


@jit
def _enumerate(
    values: FloatArray, times: FloatArray, slope: float, work: FloatArray, orders: IntArray, room: FloatArray
) -> int:
    """Go on from the last order to that of y - slope x and write the slope of every pair that changes places; their
    number, or less than -n^2 where there is no room for them."""
    n, found = values.size, ZERO
    y, x, rest, order = work[0, :n], work[1, :n], work[2, :n], orders[0, :n]
    for p in range(n):
        b, at = nb.uint64(order[p]), nb.uint64(p)
        key, value, time = y[b] - slope * x[b], values[b], times[b]
        while at > ZERO and rest[at - ONE] > key:
            a = nb.uint64(order[at - ONE])
            if found == nb.uint64(room.size):
                return -n * n
            room[found] = (value - values[a]) / (time - times[a])
            found += ONE
            rest[at], order[at] = rest[at - ONE], order[at - ONE]
            at -= ONE
        rest[at], order[at] = key, nb.int64(b)
    return nb.int64(found)


@jit
def _draw(
    values: FloatArray, times: FloatArray, low: float, high: float, share: float, side: int, room: FloatArray
) -> float:
    """A slope a little below or above (by ``side``) the quantile ``share`` of the slopes between ``low`` and ``high``,
    or NaN where few pairs are there. The draw is the same for every series; it affects how many steps the search
    takes, not what it finds.
    """
    state, size = 1, 0
    for _ in range(32 * DRAWN):
        state = (state * 1103515245 + 12345) % 2147483648
        i = (state >> 8) % values.size
        state = (state * 1103515245 + 12345) % 2147483648
        j = (state >> 8) % values.size
        if i != j:
            slope = (values[j] - values[i]) / (times[j] - times[i])
            if low < slope < high:
                room[size] = slope
                size += 1
                if size == DRAWN:
                    break
    if size < 16:
        return math.nan
    place = nb.int64(size * share + side * (2 * math.sqrt(size * share * (1 - share)) + 1))
    at = min(max(place, 0), size - 1)
    return select(room[:size], at, at)[0]


@jit
def _all_pairs(values: FloatArray, times: FloatArray, ranks: IntArray, found: FloatArray) -> None:
    n, size = values.size, 0
    slopes = np.empty(n * (n - 1) // 2)
    for i in range(n):
        for j in range(i + 1, n):
            slopes[size] = (values[j] - values[i]) / (times[j] - times[i])
            size += 1
    for at in range(0, ranks.size, 2):
        found[at] = found[at + 1] = math.nan
        if ranks[at] >= 0:
            found[at], found[at + 1] = select(slopes, ranks[at], ranks[at + 1])
