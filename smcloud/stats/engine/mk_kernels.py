"""Kernels of the Mann-Kendall variants for autocorrelated series: corrected variance and pre-whitening.

Rows of float64 (cells, steps) on a complete axis; non-finite values are missing and keep their place. Each row is
treated alone.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, BoolArray, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import autocorrelation, deviations, dot, fill
from smcloud.stats.engine.rank_formulas import score
from smcloud.stats.engine.sorting import mid_ranks
from smcloud.stats.status import CONSTANT, EMPTY, FEWEST_PAIRS, NOT_CORRECTED, OK, TOO_SHORT

TIE_TOLERANCE = 1e-12
HAMED_RAO, YUE_WANG, PREWHITENING, TFPW, THREE_PW = range(5)


@jit
def _deviations(values: FloatArray, places: IntArray, valid: BoolArray, noise: float, out: FloatArray) -> float:
    """Put deviations from the mean on the axis, 0 in the gaps; their sum of squares, 0 where all lie within noise."""
    for i in range(values.size):
        out[places[i]] = values[i]
    deviations(out, valid, out)
    largest = 0.0
    for i in range(out.size):
        largest = max(largest, abs(out[i]))
    return dot(out, out) if largest > noise else 0.0


@jit
def _variance_factor(
    method: int, rest: FloatArray, places: IntArray, valid: BoolArray, noise: float, lags: int, z: float,
    by_pairs: bool, work: FloatArray, orders: IntArray,
) -> float:  # fmt: skip
    """Var*/Var of Hamed-Rao or Yue-Wang from the detrended series ``rest``; ``lags`` < 0 means all that are known.

    NaN where an autocorrelation that it needs is not known.
    """
    n, on_axis, ranks, total = rest.size, work[4], work[5, : rest.size], 0.0
    if method == HAMED_RAO:
        mid_ranks(rest, noise, work, orders, ranks)
        squares = _deviations(ranks, places, valid, 0.0, on_axis)
        most = n - 3 if lags < 0 else min(lags, n - 3)
        for k in range(1, most + 1):
            rho = autocorrelation(on_axis, squares, valid, k, by_pairs)
            if rho != rho and (lags >= 0 or k == 1):
                return math.nan
            if abs(rho) > z / math.sqrt(n):
                total += float(n - k) * (n - k - 1) * (n - k - 2) * rho
        return 1 + 2 * total / (float(n) * (n - 1) * (n - 2))
    squares = _deviations(rest, places, valid, noise, on_axis)
    most = n - 1 if lags < 0 else min(lags, n - 1)
    for k in range(1, most + 1):
        r = autocorrelation(on_axis, squares, valid, k, by_pairs)
        if r != r and (lags >= 0 or k == 1):
            return math.nan
        total += (1 - k / n) * r if r == r else 0.0
    return 1 + 2 * total


@jit
def _whiten(values: FloatArray, carried: FloatArray, places: IntArray, r1: float, out: FloatArray) -> int:
    """Write values less r1 times what the step before carries, for neighbouring valid steps; their number."""
    m = 0
    for i in range(1, values.size):
        if places[i] == places[i - 1] + 1:
            out[m] = values[i] - r1 * carried[i - 1]
            m += 1
    return m


@jit
def _variance(values: FloatArray) -> float:
    total, squares = 0.0, 0.0
    for i in range(values.size):
        total += values[i] - values[0]
    for i in range(values.size):
        squares += ((values[i] - values[0]) - total / values.size) ** 2
    return squares / (values.size - 1)


@jit
def _vctfpw_series(
    values: FloatArray, rest: FloatArray, times: FloatArray, places: IntArray, slope: float, r1: float, removed: bool,
    series: FloatArray, out: FloatArray,
) -> None:  # fmt: skip
    """Write the variance-corrected trend-free pre-whitened series on the axis; ``series`` is work space."""
    n, m, first = rest.size, 0, 0
    for i in range(n):
        if not removed or (i > 0 and places[i] == places[i - 1] + 1):
            series[m] = rest[i] - r1 * rest[i - 1] if removed else rest[i]
            first = i if m == 0 else first
            m += 1
    spread = _variance(series[:m])
    ratio = _variance(values) / spread if spread > 0 else 1.0
    corrected = slope / math.sqrt((1 + r1) / (1 - r1)) if r1 > 0 else slope
    m = 0
    for i in range(n):
        if not removed or (i > 0 and places[i] == places[i - 1] + 1):
            out[places[i]] = series[m] * ratio + corrected * (times[i] - times[first])
            m += 1


@jit
def _samples(
    series: FloatArray, t: FloatArray, slope: float, min_valid: int, places: IntArray, valid: BoolArray,
    work: FloatArray, out: FloatArray,
) -> tuple[int, int, float]:  # fmt: skip
    """The status of a series, its number of samples, and what counts as noise in its residuals.

    Samples, their times and their residuals from the Sen line go to ``work[8]``, ``work[9]`` and ``work[10]``.
    """
    n, low, high, t_largest = 0, math.inf, -math.inf, 0.0
    values, times, rest = work[8], work[9], work[10]
    for i in range(series.size):
        valid[i] = math.isfinite(series[i])
        if valid[i]:
            values[n], times[n], places[n] = series[i], t[i], i
            low, high, t_largest = min(low, series[i]), max(high, series[i]), max(t_largest, abs(t[i]))
            n += 1
    fill(out, math.nan)
    out[4] = n
    if n < min_valid:
        return EMPTY if n == 0 else TOO_SHORT, n, 0.0
    if low == high:
        out[0], out[1], out[3], out[5] = 0.0, 0.0, 0.0, 0.0
        return CONSTANT, n, 0.0
    for i in range(n):
        rest[i] = values[i] - slope * (times[i] - times[0])
    return OK, n, TIE_TOLERANCE * (max(abs(low), abs(high)) + abs(slope) * t_largest)


@kernel(ROWS, LINE, LINE, nb.int64, nb.int64, nb.int64, nb.float64, nb.boolean, COLUMNS, FLAGS)
def corrected(
    rows: FloatArray, t: FloatArray, slopes: FloatArray, method: int, min_valid: int, lags: int, z: float,
    by_pairs: bool, out: FloatArray, status: ByteArray,
) -> None:  # fmt: skip
    """Hamed-Rao and Yue-Wang. Columns: S, Var S, tau-b, Z, n, and one not used. ``t`` ascends; ``slopes`` are the Sen
    slopes of the rows, ``z`` is the normal quantile of the tests."""
    steps = t.size
    places, valid = np.empty(steps, np.int64), np.empty(steps, np.bool_)
    work, orders = np.empty((11, steps)), np.empty((2, steps), np.int64)
    for cell in range(rows.shape[0]):
        row = out[cell]
        status[cell], n, noise = _samples(rows[cell], t, slopes[cell], min_valid, places, valid, work, row)
        if status[cell] != OK:
            continue
        score(work[8, :n], work, orders, row)
        factor = _variance_factor(method, work[10, :n], places, valid, noise, lags, z, by_pairs, work, orders)
        if factor != factor:
            row[1], row[3], status[cell] = math.nan, math.nan, TOO_SHORT
        elif factor > 0:
            row[1] *= factor
            row[3] = (row[0] - np.sign(row[0])) / math.sqrt(row[1])
        else:
            status[cell] = NOT_CORRECTED


@jit
def _prewhitened(
    n: int, noise: float, slope: float, method: int, z: float, significant: bool, by_pairs: bool, places: IntArray,
    valid: BoolArray, work: FloatArray, orders: IntArray, one: FloatArray, series: FloatArray, out: FloatArray,
) -> int:  # fmt: skip
    values, times, rest, white, on_axis = work[8, :n], work[9, :n], work[10, :n], work[11], work[4]
    neighbours = 0
    for i in range(1, n):
        neighbours += places[i] == places[i - 1] + 1
    if by_pairs and neighbours < FEWEST_PAIRS:
        return TOO_SHORT
    r1, r1_of_rest, removed, removed_from_rest, straight = 0.0, 0.0, True, True, False
    limit = z / math.sqrt(n)
    if method != TFPW or significant:
        r1 = autocorrelation(on_axis, _deviations(values, places, valid, 0.0, on_axis), valid, 1, by_pairs)
        removed = not significant or abs(r1) > limit
    if method != PREWHITENING:
        squares = _deviations(rest, places, valid, noise, on_axis)
        straight = squares == 0.0
        r1_of_rest = autocorrelation(on_axis, squares, valid, 1, by_pairs)
        removed_from_rest = not significant or (removed and abs(r1_of_rest) > limit)
    if neighbours < 3 and (removed or removed_from_rest):
        return TOO_SHORT
    best = math.inf
    for trend_free in range(2):
        if method == (PREWHITENING if trend_free else TFPW):
            continue
        # A residual plus its trend is the value itself, so where no r1 is removed both tests are of the values.
        tested = values
        if removed_from_rest if trend_free else removed:
            carried, r = (rest, r1_of_rest) if trend_free else (values, r1)
            tested = white[: _whiten(values, carried, places, r, white)]
        score(tested, work, orders, one)
        if abs(one[3]) < best:
            best = abs(one[3])
            for column in range(4):
                out[column] = one[column]
    if method == THREE_PW:
        if removed and not straight:
            _vctfpw_series(values, rest, times, places, slope, r1_of_rest, removed_from_rest, white, series)
        else:
            out[5] = slope
    return OK if out[1] > 0 else CONSTANT


@kernel(ROWS, LINE, LINE, nb.int64, nb.int64, nb.float64, nb.boolean, nb.boolean, COLUMNS, COLUMNS, FLAGS)
def prewhitened(
    rows: FloatArray, t: FloatArray, slopes: FloatArray, method: int, min_valid: int, z: float, significant: bool,
    by_pairs: bool, series: FloatArray, out: FloatArray, status: ByteArray,
) -> None:  # fmt: skip
    """The tests after pre-whitening. Columns and arguments as for :func:`corrected`, and as the last column of 3PW its
    slope; it is NaN where the series whose slope it is stands in the row of ``series``, which is all NaN at first."""
    steps = t.size
    places, valid = np.empty(steps, np.int64), np.empty(steps, np.bool_)
    work, orders, one = np.empty((12, steps)), np.empty((2, steps), np.int64), np.empty(4)
    for cell in range(rows.shape[0]):
        slope, row = slopes[cell], out[cell]
        status[cell], n, noise = _samples(rows[cell], t, slope, min_valid, places, valid, work, row)
        if status[cell] == OK:
            status[cell] = _prewhitened(
                n, noise, slope, method, z, significant, by_pairs, places, valid, work, orders, one, series[cell], row
            )  # fmt: skip
