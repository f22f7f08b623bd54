"""Kernels of the Mann-Kendall variants: corrected variance, pre-whitening, seasons.

Rows of float64 (cells, steps) on a complete axis; non-finite values are missing and keep their place. Each row is
treated alone. Pairs are compared in loops over slices, which the compiler turns into vector instructions.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import jit, kernel, read_only
from smcloud.stats.status import CONSTANT, EMPTY, NOT_CORRECTED, OK, TOO_SHORT

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]

EPS = float(np.finfo(np.float64).eps)
AUTOCORRELATION_LIMIT = 0.99
TIE_TOLERANCE = 1e-12
ALL_PAIRS_UP_TO = 36
# Pairs between the bounds below which computing their slopes is faster than narrowing further.
FEW = 64
HAMED_RAO, YUE_WANG, PREWHITENING, TFPW, THREE_PW = range(5)

ROWS, LINE, LABELS = read_only(nb.float64, 2), read_only(nb.float64, 1), read_only(nb.int64, 1)
COLUMNS, FLAGS = nb.float64[:, ::1], nb.uint8[::1]


@jit
def _score(y: FloatArray, n: int, out: FloatArray) -> None:
    """S, Var S, tau-b and Z of the first ``n`` values, with exact ties.

    With e later values equal to a value, its group's t(t-1)(2t+5) is the sum of 6 e (e + 2).
    """
    s, tie_pairs, tie_variance = 0, 0, 0
    for i in range(n - 1):
        later, own = y[i + 1 : n], y[i]
        above, below = 0, 0
        for k in range(later.size):
            above += later[k] > own
            below += later[k] < own
        equal = later.size - above - below
        s += above - below
        tie_pairs += equal
        tie_variance += 6 * equal * (equal + 2)
    pairs = n * (n - 1) / 2
    out[0] = s
    out[1] = (n * (n - 1) * (2 * n + 5) - tie_variance) / 18
    out[2] = s / math.sqrt(pairs) / math.sqrt(pairs - tie_pairs) if tie_pairs < pairs else math.nan
    out[3] = (s - np.sign(s)) / math.sqrt(out[1]) if out[1] > 0 else 0.0


@jit
def _below(y: FloatArray, t: FloatArray, n: int, slope: float, rest: FloatArray, falling: FloatArray) -> int:
    """Number of pairs with a slope below ``slope``: those that fall in the series less that slope, ``rest``.

    ``falling`` gets the number by the earlier sample of the pair.
    """
    for i in range(n):
        rest[i] = y[i] - slope * t[i]
    total = 0
    for i in range(n - 1):
        later, own = rest[i + 1 : n], rest[i]
        count = 0
        for k in range(later.size):
            count += later[k] < own
        falling[i] = count
        total += count
    return total


@jit
def _median_of_slopes(slopes: FloatArray, first: int, second: int) -> float:
    slopes.sort()
    return float((slopes[first] + slopes[second]) / 2) if first < second else float(slopes[first])


@jit
def _all_slopes(values: FloatArray, times: FloatArray, n: int) -> float:
    slopes, count = np.empty(n * (n - 1) // 2), 0
    for i in range(n):
        for j in range(i + 1, n):
            slopes[count] = (values[j] - values[i]) / (times[j] - times[i])
            count += 1
    return _median_of_slopes(slopes, (count - 1) // 2, count // 2)


@jit
def _least_squares(y: FloatArray, t: FloatArray, n: int) -> tuple[float, float]:
    """Slope and its standard error; where the search for the median begins."""
    ym, tm, yy, ty, tt = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        ym += y[i]
        tm += t[i]
    ym, tm = ym / n, tm / n
    for i in range(n):
        yy += (y[i] - ym) ** 2
        ty += (y[i] - ym) * (t[i] - tm)
        tt += (t[i] - tm) ** 2
    return ty / tt, math.sqrt(max(0.0, yy - ty * ty / tt) / (n - 2) / tt)


@jit
def _sen_slope(values: FloatArray, times: FloatArray, n: int, work: FloatArray) -> float:
    """Median of the slopes of all pairs, exactly.

    Longer series: a bracket around the median is narrowed by counting, and only the slopes inside it are computed.
    Counting is exact to rounding, so at the end the bracket is widened by what rounding can do.
    """
    if n <= ALL_PAIRS_UP_TO:
        return _all_slopes(values, times, n)
    pairs = n * (n - 1) // 2
    first, second = (pairs - 1) // 2, pairs // 2
    y, t, rest, falling = work[0], work[1], work[2], work[4]
    y_largest, t_largest, step = 0.0, 0.0, math.inf
    for i in range(n):
        y[i], t[i] = values[i] - values[0], times[i] - times[n // 2]
        y_largest, t_largest = max(y_largest, abs(y[i])), max(t_largest, abs(t[i]))
        if i > 0:
            step = min(step, t[i] - t[i - 1])
    middle, error = _least_squares(y, t, n)
    width = max(0.3 * error, EPS * abs(middle))
    noise = 8 * EPS * (y_largest + 2 * (abs(middle) + 16 * width) * t_largest) / step
    width = max(width, 4 * noise)
    low, high, below_low, below_high = -math.inf, math.inf, 0, pairs
    for _ in range(5):
        if low == -math.inf:
            count = _below(y, t, n, middle - width, rest, falling)
            if count <= first:
                low, below_low = middle - width, count
            elif count > second:
                high, below_high = middle - width, count
        if high == math.inf:
            count = _below(y, t, n, middle + width, rest, falling)
            if count > second:
                high, below_high = middle + width, count
            elif count <= first:
                low, below_low = middle + width, count
        if low > -math.inf and high < math.inf:
            break
        width *= 2
    if low == -math.inf or high == math.inf:
        return _all_slopes(values, times, n)
    for _ in range(16):
        inside = below_high - below_low
        if inside <= FEW or high - low <= 4 * noise:
            break
        base, begin, span = below_low, low, high - low
        margin = 0.4 * math.sqrt(inside) + 2
        for side in (-1, 1):
            guess = begin + span * min(0.9, max(0.1, (first - base + side * margin) / inside))
            if low < guess < high:
                count = _below(y, t, n, guess, rest, falling)
                if count <= first:
                    low, below_low = guess, count
                elif count > second:
                    high, below_high = guess, count
    return _median_inside(values, times, n, low - 2 * noise, high + 2 * noise, work)


@jit
def _median_inside(values: FloatArray, times: FloatArray, n: int, low: float, high: float, work: FloatArray) -> float:
    """Median of all slopes, given that it lies between ``low`` and ``high``; y and t as in :func:`_sen_slope`."""
    y, t, low_rest, high_rest, low_falling, high_falling = work[0], work[1], work[2], work[3], work[4], work[5]
    pairs = n * (n - 1) // 2
    below = _below(y, t, n, low, low_rest, low_falling)
    inside = _below(y, t, n, high, high_rest, high_falling) - below
    slopes, count = np.empty(inside), 0
    smallest, largest = math.inf, -math.inf
    for i in range(n - 1):
        if high_falling[i] > low_falling[i]:
            own_low, own_high = low_rest[i], high_rest[i]
            for j in range(i + 1, n):
                if (high_rest[j] < own_high) & (low_rest[j] >= own_low) and count < inside:
                    slope = (values[j] - values[i]) / (times[j] - times[i])
                    smallest, largest = min(smallest, slope), max(largest, slope)
                    slopes[count] = slope
                    count += 1
    if smallest == largest:
        return smallest
    return _median_of_slopes(slopes[:count], (pairs - 1) // 2 - below, pairs // 2 - below)


@jit
def _lag_sum(a: FloatArray, lag: int) -> float:
    """Sum of a_t a_(t + lag), in four interleaved parts: one alone waits for every addition."""
    early, late = a[: a.size - lag], a[lag:]
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = early.size - early.size % 4
    for i in range(0, whole, 4):
        first += early[i] * late[i]
        second += early[i + 1] * late[i + 1]
        third += early[i + 2] * late[i + 2]
        fourth += early[i + 3] * late[i + 3]
    for i in range(whole, early.size):
        first += early[i] * late[i]
    return (first + second) + (third + fourth)


@jit
def _autocorrelation(deviations: FloatArray, squares: float, lag: int) -> float:
    """Lag ``lag`` on the true axis of deviations that are 0 in the gaps, clipped to +-0.99."""
    if squares == 0.0 or lag >= deviations.size:
        return 0.0
    r = _lag_sum(deviations, lag) / squares
    return max(-AUTOCORRELATION_LIMIT, min(AUTOCORRELATION_LIMIT, r))


@jit
def _deviations(values: FloatArray, places: IntArray, n: int, noise: float, out: FloatArray) -> float:
    """Put deviations from the mean on the axis, 0 in the gaps; their sum of squares, 0 where all lie within noise."""
    total, squares, largest = 0.0, 0.0, 0.0
    for i in range(n):
        total += values[i] - values[0]
    for i in range(out.size):
        out[i] = 0.0
    for i in range(n):
        deviation = (values[i] - values[0]) - total / n
        out[places[i]] = deviation
        squares += deviation * deviation
        largest = max(largest, abs(deviation))
    return squares if largest > noise else 0.0


@jit
def _ranks(rest: FloatArray, n: int, noise: float, out: FloatArray) -> None:
    """Mid-ranks; values no further apart than ``noise`` share one."""
    every = rest[:n]
    for i in range(n):
        lower, upper = every[i] - noise, every[i] + noise
        below, up_to = 0, 0
        for k in range(every.size):
            below += every[k] < lower
            up_to += every[k] <= upper
        out[i] = (below + up_to + 1) / 2


@jit
def _variance_factor(
    method: int, rest: FloatArray, places: IntArray, n: int, noise: float, lags: int, z: float, work: FloatArray
) -> float:
    """Var*/Var of Hamed-Rao or Yue-Wang from the detrended series ``rest``; ``lags`` < 0 means all."""
    on_axis, ranks = work[4], work[5]
    total = 0.0
    if method == HAMED_RAO:
        _ranks(rest, n, noise, ranks)
        squares = _deviations(ranks, places, n, 0.0, on_axis)
        most = n - 3 if lags < 0 else min(lags, n - 3)
        for k in range(1, most + 1):
            rho = _autocorrelation(on_axis, squares, k)
            if abs(rho) > z / math.sqrt(n):
                total += float(n - k) * (n - k - 1) * (n - k - 2) * rho
        return 1 + 2 * total / (float(n) * (n - 1) * (n - 2))
    squares = _deviations(rest, places, n, noise, on_axis)
    most = n - 1 if lags < 0 else min(lags, n - 1)
    for k in range(1, most + 1):
        total += (1 - k / n) * _autocorrelation(on_axis, squares, k)
    return 1 + 2 * total


@jit
def _whiten(values: FloatArray, carried: FloatArray, places: IntArray, n: int, r1: float, out: FloatArray) -> int:
    """Write values less r1 times what the step before carries, for neighbouring valid steps; their number."""
    m = 0
    for i in range(1, n):
        if places[i] == places[i - 1] + 1:
            out[m] = values[i] - r1 * carried[i - 1]
            m += 1
    return m


@jit
def _variance(values: FloatArray, n: int) -> float:
    total, squares = 0.0, 0.0
    for i in range(n):
        total += values[i] - values[0]
    for i in range(n):
        squares += ((values[i] - values[0]) - total / n) ** 2
    return squares / (n - 1)


@jit
def _vctfpw_slope(
    values: FloatArray, rest: FloatArray, times: FloatArray, places: IntArray, n: int, slope: float, r1: float,
    removed: bool, work: FloatArray,
) -> float:  # fmt: skip
    """Sen slope of the variance-corrected trend-free pre-whitened series."""
    series, at = work[6], work[7]
    m = 0
    if removed:
        for i in range(1, n):
            if places[i] == places[i - 1] + 1:
                series[m], at[m] = rest[i] - r1 * rest[i - 1], times[i]
                m += 1
    else:
        for i in range(n):
            series[i], at[i] = rest[i], times[i]
        m = n
    spread = _variance(series, m)
    ratio = _variance(values, n) / spread if spread > 0 else 1.0
    corrected = slope / math.sqrt((1 + r1) / (1 - r1)) if r1 > 0 else slope
    for i in range(m):
        series[i] = series[i] * ratio + corrected * (at[i] - at[0])
    return _sen_slope(series, at, m, work)


@jit
def _variant(
    series: FloatArray, t: FloatArray, method: int, min_valid: int, lags: int, z: float, significant: bool,
    values: FloatArray, times: FloatArray, places: IntArray, work: FloatArray, out: FloatArray,
) -> int:  # fmt: skip
    n, low, high, t_largest = 0, math.inf, -math.inf, 0.0
    for i in range(series.size):
        if math.isfinite(series[i]):
            values[n], times[n], places[n] = series[i], t[i], i
            low, high, t_largest = min(low, series[i]), max(high, series[i]), max(t_largest, abs(t[i]))
            n += 1
    for i in range(out.size):
        out[i] = math.nan
    out[4] = n
    if n < min_valid:
        return EMPTY if n == 0 else TOO_SHORT
    if low == high:
        out[0], out[1], out[3], out[5] = 0.0, 0.0, 0.0, 0.0
        return CONSTANT
    rest, white, on_axis = work[8], work[9], work[4]
    slope, noise = 0.0, 0.0
    if method != PREWHITENING:
        slope = _sen_slope(values, times, n, work)
        noise = TIE_TOLERANCE * (max(abs(low), abs(high)) + abs(slope) * t_largest)
        for i in range(n):
            rest[i] = values[i] - slope * (times[i] - times[0])
    if method in (HAMED_RAO, YUE_WANG):
        _score(values, n, out)
        factor = _variance_factor(method, rest, places, n, noise, lags, z, work)
        if factor <= 0:
            return NOT_CORRECTED
        out[1] *= factor
        out[3] = (out[0] - np.sign(out[0])) / math.sqrt(out[1])
        return OK
    neighbours = 0
    for i in range(1, n):
        neighbours += places[i] == places[i - 1] + 1
    r1, r1_of_rest, removed, removed_from_rest, straight = 0.0, 0.0, True, True, False
    limit = z / math.sqrt(n)
    if method != TFPW or significant:
        r1 = _autocorrelation(on_axis, _deviations(values, places, n, 0.0, on_axis), 1)
        removed = not significant or abs(r1) > limit
    if method != PREWHITENING:
        squares = _deviations(rest, places, n, noise, on_axis)
        straight = squares == 0.0
        r1_of_rest = _autocorrelation(on_axis, squares, 1)
        removed_from_rest = not significant or (removed and abs(r1_of_rest) > limit)
    if neighbours < 3 and (removed or removed_from_rest):
        return TOO_SHORT
    best = math.inf
    for trend_free in range(2):
        if method == (PREWHITENING if trend_free else TFPW):
            continue
        # The residual at t with its trend is the value itself, so that r1 = 0 changes no bit.
        if removed_from_rest if trend_free else removed:
            m = _whiten(values, rest if trend_free else values, places, n, r1_of_rest if trend_free else r1, white)
            _score(white, m, work[10])
        else:
            _score(values, n, work[10])
        if abs(work[10, 3]) < best:
            best = abs(work[10, 3])
            for column in range(4):
                out[column] = work[10, column]
    if method == THREE_PW:
        if removed and not straight:
            out[5] = _vctfpw_slope(values, rest, times, places, n, slope, r1_of_rest, removed_from_rest, work)
        else:
            out[5] = slope
    return OK if out[1] > 0 else CONSTANT


@kernel(ROWS, LINE, nb.int64, nb.int64, nb.int64, nb.float64, nb.boolean, COLUMNS, FLAGS)
def variants(
    rows: FloatArray, t: FloatArray, method: int, min_valid: int, lags: int, z: float, significant: bool,
    out: FloatArray, status: ByteArray,
) -> None:  # fmt: skip
    """Columns: S, Var S, tau-b, Z, n, slope (of 3PW only). ``t`` ascends; ``z`` is the normal quantile of the tests."""
    values, times, places = np.empty(t.size), np.empty(t.size), np.empty(t.size, np.int64)
    work = np.empty((11, max(t.size, 4)))
    for cell in range(rows.shape[0]):
        status[cell] = _variant(
            rows[cell], t, method, min_valid, lags, z, significant, values, times, places, work, out[cell]
        )  # fmt: skip


@jit
def _sign(a: float, b: float) -> int:
    """Sign of b - a; 0 where one is missing."""
    return int(b > a) - int(b < a)


@jit
def _covariance(grid: FloatArray, ranks: FloatArray, counts: IntArray, g: int, h: int) -> float:
    """Three times the covariance of the scores of two seasons, whose missing values have the mean rank."""
    cycles = grid.shape[1]
    concordance, product = 0, 0.0
    for i in range(cycles):
        product += ranks[g, i] * ranks[h, i]
        for j in range(i + 1, cycles):
            concordance += _sign(grid[g, i], grid[g, j]) * _sign(grid[h, i], grid[h, j])
    return float(concordance + 4 * product - float(cycles) * (counts[g] + 1) * (counts[h] + 1))


@kernel(ROWS, LABELS, LABELS, nb.int64, nb.boolean, COLUMNS, FLAGS)
def seasonal(
    rows: FloatArray, season: IntArray, cycle: IntArray, min_valid: int, dependent: bool, out: FloatArray,
    status: ByteArray,
) -> None:  # fmt: skip
    """Columns: S, Var S, tau, Z, n. ``season`` and ``cycle`` give each step its place, from 0.

    Variances are summed as whole multiples of 1/18, so that the order of the seasons does not matter.
    """
    seasons, cycles = season.max() + 1, cycle.max() + 1
    grid, ranks, counts = np.empty((seasons, cycles)), np.empty((seasons, cycles)), np.empty(seasons, np.int64)
    values, one = np.empty(cycles), np.empty(4)
    for cell in range(rows.shape[0]):
        s, variance, covariance, scale, n, pairs = 0.0, 0.0, 0.0, 0.0, 0, 0.0
        for g in range(seasons):
            counts[g] = 0
            for i in range(cycles):
                grid[g, i] = math.nan
        for i in range(season.size):
            if math.isfinite(rows[cell, i]):
                grid[season[i], cycle[i]] = rows[cell, i]
        for g in range(seasons):
            m = 0
            for i in range(cycles):
                if math.isfinite(grid[g, i]):
                    values[m] = grid[g, i]
                    m += 1
            counts[g] = m
            n += m
            if m > 1:
                _score(values, m, one)
                s, variance, pairs = s + one[0], variance + np.rint(18 * one[1]), pairs + m * (m - 1) / 2
                if one[0] != 0:
                    scale += one[0] / one[2]
                elif one[1] > 0:
                    tied = 0
                    for i in range(m):
                        for j in range(i + 1, m):
                            tied += values[i] == values[j]
                    scale += math.sqrt(m * (m - 1) / 2) * math.sqrt(m * (m - 1) / 2 - tied)
        for column in range(4):
            out[cell, column] = math.nan
        out[cell, 4] = n
        if n < min_valid or pairs == 0:
            status[cell] = EMPTY if n == 0 else TOO_SHORT
            continue
        if variance == 0:
            out[cell, 0], out[cell, 1], out[cell, 3] = 0.0, 0.0, 0.0
            status[cell] = CONSTANT
            continue
        status[cell] = OK
        if dependent:
            for g in range(seasons):
                for i in range(cycles):
                    rank = float(counts[g] + 1)
                    for j in range(cycles):
                        rank += _sign(grid[g, j], grid[g, i])
                    ranks[g, i] = rank / 2
            for g in range(seasons):
                for h in range(g + 1, seasons):
                    covariance += 12 * _covariance(grid, ranks, counts, g, h)
            if variance + covariance > 0:
                variance += covariance
            else:
                status[cell] = NOT_CORRECTED
        out[cell, 0], out[cell, 1], out[cell, 2] = s, variance / 18, s / scale
        out[cell, 3] = (s - np.sign(s)) / math.sqrt(out[cell, 1])
