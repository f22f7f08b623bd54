"""Mann-Kendall scores and Theil-Sen slopes: which algorithm is fastest depends on the length of the series.

All give the same bits. Scores of short series compare all pairs, 64 series side by side; those of long ones come from
the inversions that a merge sort counts. Slopes of short series go through a sorting network, 64 series side by side.
For long ones the pairs whose slope lies between a and b are those that change places between the orders of y - a t
and of y - b t: a band around the wanted ranks is narrowed by counting inversions, and only its pairs are enumerated
(Matousek 1991, doi:10.1016/0020-0190(91)90071-O).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import jit, kernel
from smcloud.stats._kernels import (
    COLUMNS,
    EPS,
    FLAGS,
    LINE,
    ROWS,
    Block,
    ByteArray,
    FloatArray,
    fill,
    gather,
    lane_tiles,
    median_of_sorted,
    reason,
    row_tiles,
    tie_sums,
)
from smcloud.stats.status import CONSTANT, OK, TOO_SHORT

IntArray = npt.NDArray[np.int64]

LANES = 64
# Rows of the work space of a tile; constant offsets let the compiler see that they are apart.
ABOVE, TIED, TIES, COUNT, EQUAL = (LANES * row for row in range(5))
WORK_SIZE = 5 * LANES
# Lengths from which the other algorithm is faster, measured.
SCORE_BY_SORTING = 600
SLOPES_BY_BANDS = 56
# Fewer valid samples than this in a long series: all pairs.
ALL_PAIRS_BELOW = 24
BUCKETS = 4096


@jit
def _compare_pairs(tile: FloatArray, w: FloatArray) -> None:
    """Write by lane: pairs above, pairs equal, sum of t(t-1)(2t+5) over ties, samples.

    With e the number of later values equal to a value, the sum over the ties is that of 6 e (e + 2). Infinite values
    become NaN, and a comparison with NaN never holds.
    """
    for i in range(tile.shape[0]):
        row = tile[i]
        for k in range(LANES):
            row[k] = row[k] if abs(row[k]) < math.inf else math.nan
    for k in range(LANES):
        w[ABOVE + k] = w[TIED + k] = w[TIES + k] = w[COUNT + k] = 0.0
    for i in range(tile.shape[0]):
        row = tile[i]
        for k in range(LANES):
            w[EQUAL + k] = 0.0
        for j in range(i + 1, tile.shape[0]):
            other = tile[j]
            for k in range(LANES):
                a, b = row[k], other[k]
                w[ABOVE + k] += 1.0 if b > a else 0.0
                w[EQUAL + k] += 1.0 if b == a else 0.0
        for k in range(LANES):
            a, e = row[k], w[EQUAL + k]
            w[TIED + k] += e
            w[TIES + k] += 6.0 * e * (e + 2.0)
            w[COUNT + k] += 1.0 if a == a else 0.0


@jit
def sort_counting(values: FloatArray, carried: IntArray, spare: FloatArray, spare_carried: IntArray) -> int:
    """Sort by merging, stably, and carry the other array along; the number of strict inversions."""
    n, inversions = values.size, 0
    run = 8
    for begin in range(0, n, run):
        for i in range(begin + 1, min(begin + run, n)):
            value, which, j = values[i], carried[i], i
            while j > begin and values[j - 1] > value:
                values[j], carried[j] = values[j - 1], carried[j - 1]
                j -= 1
            values[j], carried[j] = value, which
            inversions += i - j
    source, source_c, to, to_c = values, carried, spare, spare_carried
    while run < n:
        for begin in range(0, n, 2 * run):
            middle, end = min(begin + run, n), min(begin + 2 * run, n)
            i, j, k = begin, middle, begin
            while i < middle and j < end:
                second = source[j] < source[i]
                at = j if second else i
                to[k], to_c[k] = source[at], source_c[at]
                inversions += middle - i if second else 0
                j += nb.int64(second)
                i += 1 - nb.int64(second)
                k += 1
            while i < middle:
                to[k], to_c[k] = source[i], source_c[i]
                i += 1
                k += 1
            while j < end:
                to[k], to_c[k] = source[j], source_c[j]
                j += 1
                k += 1
        source, source_c, to, to_c = to, to_c, source, source_c
        run *= 2
    for i in range(n):
        values[i], carried[i] = source[i], source_c[i]
    return inversions


def mann_kendall(series: Block, t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """Columns: S, Var S, tau-b, Z, n. ``series`` (cell, step) may be any view of any real numbers."""
    if t.size < SCORE_BY_SORTING:
        for cells, tile in lane_tiles(series, LANES):
            score_of_lanes(tile, min_valid, out[cells], status[cells])
    else:
        for cells, rows in row_tiles(series):
            score_of_rows(rows, t, min_valid, out[cells], status[cells])


def theil_sen(
    series: Block, t: FloatArray, min_valid: int, z: float, interpolated: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, lower and upper limit, intercept, n. ``series`` (cell, step) as for :func:`mann_kendall`."""
    if t.size < SLOPES_BY_BANDS:
        for cells, tile in lane_tiles(series, LANES):
            slopes_of_lanes(tile, t, min_valid, z, interpolated, out[cells], status[cells])
    else:
        for cells, rows in row_tiles(series):
            slopes_of_rows(rows, t, min_valid, z, interpolated, ALL_PAIRS_BELOW, out[cells], status[cells])


@kernel(COLUMNS, nb.int64, COLUMNS, FLAGS)
def score_of_lanes(tile: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """Columns: S, Var S, tau-b, Z, n. ``tile`` (step, LANES); ``status`` says how many lanes are in use."""
    w = np.empty(WORK_SIZE)
    _compare_pairs(tile, w)
    for k in range(status.size):
        status[k] = _score(int(w[COUNT + k]), w[ABOVE + k], w[TIED + k], w[TIES + k], min_valid, out[k])


@kernel(ROWS, LINE, nb.int64, COLUMNS, FLAGS)
def score_of_rows(rows: FloatArray, t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """As :func:`score_of_lanes`, for rows (cell, step) of long series."""
    values, times, spare = np.empty(t.size), np.empty(t.size), np.empty(t.size)
    carried, spare_carried = np.zeros(t.size, np.int64), np.zeros(t.size, np.int64)
    for cell in range(rows.shape[0]):
        n = gather(rows[cell], t, values, times)
        below = sort_counting(values[:n], carried, spare, spare_carried) if n > 0 else 0
        ties, tied = tie_sums(values[:n])
        pairs = n * (n - 1) // 2
        status[cell] = _score(n, pairs - below - tied, tied, ties, min_valid, out[cell])


@jit
def _score(n: int, above: float, tied: float, ties: float, min_valid: int, out: FloatArray) -> int:
    fill(out, math.nan)
    out[4] = n
    if n < min_valid:
        return reason(n, min_valid, 0.0, 0.0)
    pairs = n * (n - 1) / 2
    if tied == pairs:
        out[0], out[1], out[3] = 0.0, 0.0, 0.0
        return CONSTANT
    s = 2 * above + tied - pairs
    out[0] = s
    out[1] = (n * (n - 1) * (2 * n + 5) - ties) / 18
    out[2] = s / math.sqrt(pairs) / math.sqrt(pairs - tied)
    out[3] = (s - np.sign(s)) / math.sqrt(out[1])
    return OK


@jit
def _wanted(n: int, ties: float, z: float, interpolated: bool, ranks: IntArray) -> float:
    """Ranks (from 0) of the slopes that make the median and the limits, -1 where there is none; the share of the
    second slope in an interpolated limit."""
    pairs = n * (n - 1) // 2
    ranks[0], ranks[1] = (pairs - 1) // 2, pairs // 2
    half_width = z * math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    for side in range(2):
        signed = half_width if side == 1 else -half_width
        low = high = -1
        if interpolated:
            place = (pairs - 1 + signed) / 2
            if 0 <= place <= pairs - 1:
                low = nb.int64(math.floor(place))
                high = min(low + 1, pairs - 1)
        else:
            rank = nb.int64(np.rint((pairs + signed) / 2)) + side
            if 1 <= rank <= pairs:
                low = high = rank - 1
        ranks[2 + 2 * side], ranks[3 + 2 * side] = low, high
    return half_width


@jit
def _line(
    n: int, half_width: float, interpolated: bool, ranks: IntArray, found: FloatArray, middle: float, t_middle: float,
    out: FloatArray,
) -> int:  # fmt: skip
    """Slope, limits and intercept from the slopes of the wanted ranks, and the medians of values and times."""
    pairs = n * (n - 1) // 2
    out[0] = found[0] if pairs % 2 else (found[0] + found[1]) / 2
    out[3] = middle - out[0] * t_middle
    for side in range(2):
        at = 2 + 2 * side
        if ranks[at] >= 0:
            out[1 + side] = found[at]
            if interpolated:
                place = (pairs - 1 + (half_width if side == 1 else -half_width)) / 2
                out[1 + side] += (place - ranks[at]) * (found[at + 1] - found[at])
    return OK if math.isfinite(out[1]) and math.isfinite(out[2]) else TOO_SHORT


@jit
def _sort_lanes(slopes: FloatArray, size: int) -> None:
    """Batcher's odd-even merge sort of each column, for any size."""
    p = 1
    while p < size:
        k = p
        while k >= 1:
            for j in range(k % p, size - k, 2 * k):
                for i in range(j, min(j + k, size - k)):
                    if i // (2 * p) == (i + k) // (2 * p):
                        upper, lower = slopes[i], slopes[i + k]
                        for lane in range(LANES):
                            a, b = upper[lane], lower[lane]
                            upper[lane] = a if a < b else b
                            lower[lane] = b if a < b else a
            k //= 2
        p *= 2


@kernel(COLUMNS, LINE, nb.int64, nb.float64, nb.boolean, COLUMNS, FLAGS)
def slopes_of_lanes(
    tile: FloatArray, t: FloatArray, min_valid: int, z: float, interpolated: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, lower and upper limit, intercept, n. ``tile`` (step, LANES) of short series."""
    steps = t.size
    w = np.empty(WORK_SIZE)
    ordered, slopes = np.empty((steps, LANES)), np.empty((steps * (steps - 1) // 2, LANES))
    ranks, found, times = np.empty(6, np.int64), np.empty(6), np.empty(steps)
    _compare_pairs(tile, w)
    at = 0
    for i in range(steps):
        row, to = tile[i], ordered[i]
        for k in range(LANES):
            to[k] = row[k] if row[k] == row[k] else math.inf
        for j in range(i + 1, steps):
            other, by, dt = tile[j], slopes[at], t[j] - t[i]
            for k in range(LANES):
                slope = (other[k] - row[k]) / dt
                by[k] = slope if slope == slope else math.inf
            at += 1
    _sort_lanes(ordered, steps)
    _sort_lanes(slopes, at)
    for k in range(status.size):
        n, lane = int(w[COUNT + k]), out[k]
        fill(lane, math.nan)
        lane[4] = n
        if n < min_valid:
            status[k] = reason(n, min_valid, 0.0, 0.0)
            continue
        half = n // 2
        middle = ordered[half, k] if n % 2 else (ordered[half - 1, k] + ordered[half, k]) / 2
        if ordered[0, k] == ordered[n - 1, k]:
            lane[0], lane[1], lane[2], lane[3] = 0.0, 0.0, 0.0, ordered[0, k]
            status[k] = CONSTANT
            continue
        count = 0
        for i in range(steps):
            if tile[i, k] == tile[i, k]:
                times[count] = t[i]
                count += 1
        half_width = _wanted(n, w[TIES + k], z, interpolated, ranks)
        for which in range(6):
            found[which] = slopes[ranks[which], k] if ranks[which] >= 0 else math.nan
        t_middle = median_of_sorted(times[:n])
        status[k] = _line(n, half_width, interpolated, ranks, found, middle, t_middle, lane)


@jit
def _order(y: FloatArray, x: FloatArray, slope: float, z: FloatArray, order: IntArray, spare: FloatArray,
           spare_order: IntArray) -> int:  # fmt: skip
    """Order the samples by y - slope x; the number of pairs with a lower slope."""
    for i in range(y.size):
        z[i] = y[i] - slope * x[i]
        order[i] = i
    return sort_counting(z, order, spare, spare_order)


@jit
def _enumerate(values: FloatArray, times: FloatArray, y: FloatArray, x: FloatArray, slope: float, order: IntArray,
               z: FloatArray, slopes: FloatArray) -> int:  # fmt: skip
    """Bring ``order`` into that of y - slope x and write the slope of every pair that changes places; their number,
    or -1 where there is no room for them."""
    n, found = y.size, 0
    for p in range(n):
        b = order[p]
        key, q = y[b] - slope * x[b], p
        while q > 0 and z[q - 1] > key:
            a = order[q - 1]
            if found == slopes.size:
                return -1
            slopes[found] = (values[b] - values[a]) / (times[b] - times[a])
            found += 1
            z[q], order[q] = z[q - 1], a
            q -= 1
        z[q], order[q] = key, b
    return found


@jit
def _pick(slopes: FloatArray, low: float, high: float, below: int, ranks: IntArray, starts: IntArray,
          places: IntArray, found: FloatArray) -> None:  # fmt: skip
    """The slopes of the wanted ranks among those of the band from ``low`` to ``high``, by counting in buckets.

    Only the slopes of buckets with a wanted rank are sorted, all together; ``places`` (2, buckets) is work space.
    """
    buckets = max(256, min(BUCKETS, slopes.size // 16))
    scale = buckets / (high - low)
    wanted, skipped = places[0], places[1]
    for bucket in range(buckets + 1):
        starts[bucket] = 0
    for i in range(slopes.size):
        starts[1 + min(buckets - 1, max(0, int((slopes[i] - low) * scale)))] += 1
    for bucket in range(buckets):
        starts[bucket + 1] += starts[bucket]
        wanted[bucket] = 0
    for which in range(6):
        if ranks[which] >= 0:
            wanted[np.searchsorted(starts[: buckets + 1], ranks[which] - below, side="right") - 1] = 1
    left_out = 0
    for bucket in range(buckets):
        size = starts[bucket + 1] - starts[bucket]
        left_out += size * (1 - wanted[bucket])
        skipped[bucket] = left_out
    few, held = np.empty(slopes.size - left_out + 1), 0
    for i in range(slopes.size):
        few[held] = slopes[i]
        held += wanted[min(buckets - 1, max(0, int((slopes[i] - low) * scale)))]
    few[:held].sort()
    for which in range(6):
        found[which] = math.nan
        if ranks[which] >= 0:
            rank = ranks[which] - below
            found[which] = few[rank - skipped[np.searchsorted(starts[: buckets + 1], rank, side="right") - 1]]


@jit
def _guess(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    """Least-squares slope and its standard error."""
    n = y.size
    y_mean, x_mean, xx, xy, yy = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        y_mean += y[i] / n
        x_mean += x[i] / n
    for i in range(n):
        xx += (x[i] - x_mean) ** 2
        xy += (x[i] - x_mean) * (y[i] - y_mean)
        yy += (y[i] - y_mean) ** 2
    return xy / xx, math.sqrt(max(0.0, yy - xy * xy / xx) / (n - 2) / xx)


@jit
def _rounding(y: FloatArray, x: FloatArray, shortest: float, slope: float) -> float:
    """How far a slope may lie from ``slope`` and still be taken for one on its other side."""
    largest = 0.0
    for i in range(y.size):
        largest = max(largest, abs(y[i]))
    return float(8 * EPS * (largest + abs(slope) * x[x.size - 1]) / shortest)


@jit
def _narrow(values: FloatArray, times: FloatArray, y: FloatArray, x: FloatArray, shortest: float, first: int,
            last: int, room: int, z: FloatArray, order: IntArray, spare: FloatArray,
            spare_order: IntArray) -> tuple[float, float, int]:  # fmt: skip
    """A band with the ranks ``first`` to ``last`` and at most ``room`` pairs, or as few as ties allow; their number.

    Quantiles of the slopes of pairs drawn from the band narrow it, whatever the distribution. The draw is the same
    for every series and decides on the effort, not on the result.
    """
    n = y.size
    pairs = n * (n - 1) // 2
    low, high = 0.0, 0.0
    for i in range(n):
        low, high = min(low, y[i]), max(high, y[i])
    bound = 2 * (high - low) / shortest
    low, high, below_low, below_high = -bound, bound, 0, pairs
    state, sample = 1, np.empty(512)
    for _ in range(40):
        inside, start = below_high - below_low, below_low
        if inside <= room:
            break
        size, draws = 0, 0
        while size < sample.size and draws < 100 * sample.size:
            draws += 1
            state = (state * 1103515245 + 12345) % 2147483648
            i = (state >> 8) % n
            state = (state * 1103515245 + 12345) % 2147483648
            j = (state >> 8) % n
            if i != j:
                slope = (values[j] - values[i]) / (times[j] - times[i])
                if low < slope < high:
                    sample[size] = slope
                    size += 1
        sample[:size].sort()
        for side in range(2):
            share = ((last + 1 if side == 1 else first) - start) / inside
            slack = 3 * math.sqrt(size * share * (1 - share)) + 2
            at = nb.int64(math.floor(size * share + (slack if side == 1 else -slack)))
            if 0 <= at < size:
                slope = sample[at]
                slope += (2 if side == 1 else -2) * _rounding(y, x, shortest, slope)
                if low < slope < high:
                    below = _order(y, x, slope, z, order, spare, spare_order)
                    if below <= first:
                        low, below_low = slope, below
                    elif below > last:
                        high, below_high = slope, below
        if below_high - below_low == inside:
            break
    return low, high, below_high - below_low


@jit
def _all_pairs(values: FloatArray, times: FloatArray, ranks: IntArray, found: FloatArray) -> None:
    n, at = values.size, 0
    slopes = np.empty(n * (n - 1) // 2)
    for i in range(n):
        for j in range(i + 1, n):
            slopes[at] = (values[j] - values[i]) / (times[j] - times[i])
            at += 1
    slopes.sort()
    for which in range(6):
        found[which] = slopes[ranks[which]] if ranks[which] >= 0 else math.nan


@jit
def _by_band(values: FloatArray, times: FloatArray, z_limits: float, ranks: IntArray, y: FloatArray, x: FloatArray,
             z: FloatArray, spare: FloatArray, order: IntArray, spare_order: IntArray, starts: IntArray,
             places: IntArray, room: FloatArray, found: FloatArray) -> bool:  # fmt: skip
    """Write the slopes of the wanted ranks, from a band of slopes around them; false where rounding hides them."""
    n = values.size
    shortest = math.inf
    for i in range(n):
        y[i], x[i] = values[i] - values[0], times[i] - times[0]
        if i > 0:
            shortest = min(shortest, times[i] - times[i - 1])
    first, last = ranks[0], ranks[1]
    for which in range(2, 6):
        if ranks[which] >= 0:
            first, last = min(first, ranks[which]), max(last, ranks[which])
    slope, error = _guess(y, x)
    half = max((1.05 * z_limits + 0.45) * error, 4 * _rounding(y, x, shortest, slope))
    low, high, slopes = slope - half, slope + half, room
    below, count = _order(y, x, low, z, order, spare, spare_order), -1
    if below <= first:
        count = _enumerate(values, times, y, x, high, order, z, slopes)
    if count < 0 or below + count <= last:
        low, high, inside = _narrow(values, times, y, x, shortest, first, last, room.size, z, order, spare, spare_order)
        if inside > slopes.size:
            slopes = np.empty(inside)
        below = _order(y, x, low, z, order, spare, spare_order)
        count = _enumerate(values, times, y, x, high, order, z, slopes)
    if count < 0 or below > first or below + count <= last:
        return False
    _pick(slopes[:count], low, high, below, ranks, starts, places, found)
    least, most = low + _rounding(y, x, shortest, low), high - _rounding(y, x, shortest, high)
    inside = True
    for which in range(6):
        inside = inside and (ranks[which] < 0 or least < found[which] < most)
    return inside


@kernel(ROWS, LINE, nb.int64, nb.float64, nb.boolean, nb.int64, COLUMNS, FLAGS)
def slopes_of_rows(
    rows: FloatArray,
    t: FloatArray,
    min_valid: int,
    z: float,
    interpolated: bool,
    shortest: int,
    out: FloatArray,
    status: ByteArray,
) -> None:
    """As :func:`slopes_of_lanes`, for rows (cell, step); all pairs are sorted where there are fewer than ``shortest``
    samples."""
    steps = t.size
    values, times, ordered, spare = np.empty(steps), np.empty(steps), np.empty(steps), np.empty(steps)
    y, x, by_slope = np.empty(steps), np.empty(steps), np.empty(steps)
    order, spare_order = np.empty(steps, np.int64), np.empty(steps, np.int64)
    starts, places = np.empty(BUCKETS + 1, np.int64), np.empty((2, BUCKETS), np.int64)
    ranks, found = np.empty(6, np.int64), np.empty(6)
    # Room for the slopes between the limits and half as many more.
    between = z * math.sqrt(steps * (steps - 1.0) * (2 * steps + 5) / 18)
    room = np.empty(min(steps * (steps - 1) // 2, int(1.5 * between) + 16 * steps))
    for cell in range(rows.shape[0]):
        out_cell = out[cell]
        n = gather(rows[cell], t, values, times)
        fill(out_cell, math.nan)
        out_cell[4] = n
        if n < min_valid:
            status[cell] = reason(n, min_valid, 0.0, 0.0)
            continue
        for i in range(n):
            ordered[i] = values[i]
        sort_counting(ordered[:n], order[:n], spare, spare_order)
        if ordered[0] == ordered[n - 1]:
            out_cell[0], out_cell[1], out_cell[2], out_cell[3] = 0.0, 0.0, 0.0, ordered[0]
            status[cell] = CONSTANT
            continue
        ties, _ = tie_sums(ordered[:n])
        half_width = _wanted(n, ties, z, interpolated, ranks)
        if n < shortest or not _by_band(
            values[:n], times[:n], z, ranks, y[:n], x[:n], by_slope[:n], spare, order[:n], spare_order, starts, places,
            room, found,
        ):  # fmt: skip
            _all_pairs(values[:n], times[:n], ranks, found)
        middle, t_middle = median_of_sorted(ordered[:n]), median_of_sorted(times[:n])
        status[cell] = _line(n, half_width, interpolated, ranks, found, middle, t_middle, out_cell)
