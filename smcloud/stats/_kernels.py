"""Kernels over rows of single series, and the area-weighted sums.

A kernel takes rows of float64 (cells, steps), writes float64 columns and a uint8 status per cell, and treats each
row alone, so that blocks, threads and neighbours never change a bit. Non-finite values are missing and keep their
place on the axis. Sums run in the order of time.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import jit, kernel, read_only
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]

EPS = float(np.finfo(np.float64).eps)
AUTOCORRELATION_LIMIT = 0.99

ROWS, LINE = read_only(nb.float64, 2), read_only(nb.float64, 1)
COLUMNS, FLAGS = nb.float64[:, ::1], nb.uint8[::1]


@jit
def copy(source: FloatArray, to: FloatArray) -> None:
    """Copy one row; a loop compiles much faster than an assignment of slices."""
    for i in range(source.size):
        to[i] = source[i]


@jit
def fill(row: FloatArray, value: float) -> None:
    """Set one row to one value."""
    for i in range(row.size):
        row[i] = value


@jit
def lag1(deviations: FloatArray) -> float:
    """Lag-1 autocorrelation of deviations from the mean that are 0 in the gaps, clipped to +-0.99.

    A pair with a gap adds nothing to the numerator, and the sample sizes of both sums cancel.
    """
    numerator, denominator = 0.0, 0.0
    for i in range(deviations.size):
        denominator += deviations[i] * deviations[i]
        if i > 0:
            numerator += deviations[i - 1] * deviations[i]
    if denominator == 0.0:
        return 0.0
    return max(-AUTOCORRELATION_LIMIT, min(AUTOCORRELATION_LIMIT, numerator / denominator))


@jit
def dot(a: FloatArray, b: FloatArray) -> float:
    """Sum of products in the order of time."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@jit
def deviations(values: FloatArray, valid: BoolArray, out: FloatArray) -> float:
    """Write the deviations from the mean of the valid samples, 0 in the gaps; the mean.

    Values are first taken relative to one of them: the mean of a series on a high level is known to fewer digits
    than the differences of its samples.
    """
    first, n, total = -1, 0, 0.0
    for i in range(values.size):
        if valid[i]:
            if first < 0:
                first = i
            n += 1
            total += values[i] - values[first]
    for i in range(values.size):
        out[i] = (values[i] - values[first]) - total / n if valid[i] else 0.0
    return float(values[first] + total / n)


@jit
def gather(series: FloatArray, t: FloatArray, values: FloatArray, times: FloatArray) -> int:
    """Copy the valid samples and their times to the front of two buffers; their number."""
    n = 0
    for i in range(series.size):
        if math.isfinite(series[i]):
            values[n], times[n] = series[i], t[i]
            n += 1
    return n


@jit
def reason(n: int, min_valid: int, low: float, high: float) -> int:
    """The status of a series from its number of samples and its extremes."""
    if n == 0:
        return EMPTY
    if n < min_valid:
        return TOO_SHORT
    return CONSTANT if low == high else OK


@jit
def tie_sums(ordered: FloatArray) -> tuple[float, float]:
    """Over groups of equal values: sum of t(t-1)(2t+5), and of the pairs t(t-1)/2."""
    variance, pairs = 0, 0
    group = 1
    for i in range(1, ordered.size + 1):
        if i < ordered.size and ordered[i] == ordered[i - 1]:
            group += 1
        else:
            variance += group * (group - 1) * (2 * group + 5)
            pairs += group * (group - 1) // 2
            group = 1
    return float(variance), float(pairs)


@jit
def median_of_sorted(ordered: FloatArray) -> float:
    """Median of sorted values."""
    half = ordered.size // 2
    if ordered.size % 2:
        return float(ordered[half])
    return float((ordered[half - 1] + ordered[half]) / 2)


@jit
def _ols(
    series: FloatArray,
    t: FloatArray,
    min_valid: int,
    effective: bool,
    valid: BoolArray,
    y: FloatArray,
    x: FloatArray,
    out: FloatArray,
) -> int:
    n, low, high, t_largest = 0, math.inf, -math.inf, 0.0
    for i in range(series.size):
        valid[i] = math.isfinite(series[i])
        if valid[i]:
            n += 1
            low, high, t_largest = min(low, series[i]), max(high, series[i]), max(t_largest, abs(t[i]))
    fill(out, math.nan)
    out[6] = n
    status = reason(n, min_valid, low, high)
    if status in (EMPTY, TOO_SHORT):
        return status
    if status == CONSTANT:
        out[0], out[1], out[2], out[3], out[4], out[5] = 0.0, low, 0.0, 0.0, n - 2.0, float(n)
        return status
    y_mean, x_mean = deviations(series, valid, y), deviations(t, valid, x)
    xx, total = dot(x, x), dot(y, y)
    slope = dot(x, y) / xx
    out[0], out[1] = slope, y_mean - slope * x_mean
    largest = 0.0
    for i in range(series.size):
        y[i] -= slope * x[i]
        largest = max(largest, abs(y[i]))
    squares = dot(y, y)
    # A straight line leaves rounding noise only. Both conditions are needed: a series that is itself rounding
    # noise around a constant has residuals as small, but no line that stands out from them.
    straight = largest <= 16 * EPS * (max(abs(low), abs(high)) + abs(slope) * t_largest) and squares <= 1e-12 * total
    n_effective = float(n)
    if effective and n <= 4:
        return TOO_SHORT
    if effective and not straight:
        phi = min(1.0, max(0.0, (n * lag1(y) + 2) / (n - 4)))
        n_effective = n * (1 - phi) / (1 + phi)
    out[5] = n_effective
    if n_effective <= 2:
        return TOO_SHORT
    out[4] = n_effective - 2
    out[2] = 0.0 if straight else math.sqrt(squares / (n_effective - 2) / xx)
    out[3] = slope / out[2] if out[2] > 0 else math.copysign(math.inf, slope)
    return OK


@kernel(ROWS, LINE, nb.int64, nb.boolean, COLUMNS, FLAGS)
def linear_trend(
    rows: FloatArray, t: FloatArray, min_valid: int, effective: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, intercept, standard error, t statistic, its degrees of freedom, n_effective, n."""
    valid, y, x = np.empty(t.size, np.bool_), np.empty(t.size), np.empty(t.size)
    for cell in range(rows.shape[0]):
        status[cell] = _ols(rows[cell], t, min_valid, effective, valid, y, x, out[cell])


@jit
def _sen(
    series: FloatArray,
    t: FloatArray,
    min_valid: int,
    z: float,
    interpolated: bool,
    values: FloatArray,
    times: FloatArray,
    slopes: FloatArray,
    out: FloatArray,
) -> int:
    n = gather(series, t, values, times)
    fill(out, math.nan)
    out[4] = n
    if n < min_valid:
        return reason(n, min_valid, 0.0, 0.0)
    pairs = 0
    for i in range(n):
        for j in range(i + 1, n):
            slopes[pairs] = (values[j] - values[i]) / (times[j] - times[i])
            pairs += 1
    ordered = np.sort(values[:n])
    if ordered[0] == ordered[n - 1]:
        out[0], out[1], out[2], out[3] = 0.0, 0.0, 0.0, ordered[0]
        return CONSTANT
    by_size = slopes[:pairs]
    by_size.sort()
    out[0] = median_of_sorted(by_size)
    out[3] = median_of_sorted(ordered) - out[0] * median_of_sorted(times[:n])
    ties, _ = tie_sums(ordered)
    half_width = z * math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    for side in range(2):
        signed = half_width if side == 1 else -half_width
        if interpolated:
            place = (pairs - 1 + signed) / 2
            below = math.floor(place)
            if 0 <= place <= pairs - 1:
                above = min(below + 1, pairs - 1)
                out[1 + side] = by_size[below] + (place - below) * (by_size[above] - by_size[below])
        else:
            rank = int(np.rint((pairs + signed) / 2)) + side
            if 1 <= rank <= pairs:
                out[1 + side] = by_size[rank - 1]
    return OK if math.isfinite(out[1]) and math.isfinite(out[2]) else TOO_SHORT


@kernel(ROWS, LINE, nb.int64, nb.float64, nb.boolean, COLUMNS, FLAGS)
def theil_sen(
    rows: FloatArray, t: FloatArray, min_valid: int, z: float, interpolated: bool, out: FloatArray, status: ByteArray
) -> None:
    """Columns: slope, lower and upper limit, intercept, n."""
    values, times = np.empty(t.size), np.empty(t.size)
    slopes = np.empty(t.size * (t.size - 1) // 2)
    for cell in range(rows.shape[0]):
        status[cell] = _sen(rows[cell], t, min_valid, z, interpolated, values, times, slopes, out[cell])


@jit
def _mann_kendall(
    series: FloatArray, t: FloatArray, min_valid: int, values: FloatArray, times: FloatArray, out: FloatArray
) -> int:
    n = gather(series, t, values, times)
    fill(out, math.nan)
    out[4] = n
    if n < min_valid:
        return reason(n, min_valid, 0.0, 0.0)
    ordered = np.sort(values[:n])
    if ordered[0] == ordered[n - 1]:
        out[0], out[1], out[3] = 0.0, 0.0, 0.0
        return CONSTANT
    s = 0
    for i in range(n):
        for j in range(i + 1, n):
            s += (values[j] > values[i]) - (values[j] < values[i])
    tie_variance, tie_pairs = tie_sums(ordered)
    pairs = n * (n - 1) / 2
    out[0] = s
    out[1] = (n * (n - 1) * (2 * n + 5) - tie_variance) / 18
    out[2] = s / math.sqrt(pairs) / math.sqrt(pairs - tie_pairs)
    out[3] = (s - np.sign(s)) / math.sqrt(out[1])
    return OK


@kernel(ROWS, LINE, nb.int64, COLUMNS, FLAGS)
def mann_kendall(rows: FloatArray, t: FloatArray, min_valid: int, out: FloatArray, status: ByteArray) -> None:
    """Columns: S, Var S, tau-b, Z, n."""
    values, times = np.empty(t.size), np.empty(t.size)
    for cell in range(rows.shape[0]):
        status[cell] = _mann_kendall(rows[cell], t, min_valid, values, times, out[cell])


@kernel(ROWS, LINE, read_only(nb.boolean, 2), nb.float64[:, :, ::1])
def weighted_sums(rows: FloatArray, weights: FloatArray, groups: BoolArray, out: FloatArray) -> None:
    """Per group and step, over the valid cells in order: sum of w x, sum of w, number.

    ``rows`` (cell, step), ``weights`` (cell), ``groups`` (group, cell), ``out`` (3, group, step), zero at entry.
    """
    for group in range(groups.shape[0]):
        for cell in range(weights.size):
            if groups[group, cell] and weights[cell] > 0:
                for step in range(rows.shape[1]):
                    if math.isfinite(rows[cell, step]):
                        out[0, group, step] += weights[cell] * rows[cell, step]
                        out[1, group, step] += weights[cell]
                        out[2, group, step] += 1
