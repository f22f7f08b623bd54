"""What the kernels over rows of single series share: sums, deviations from the mean, gaps, ties, medians.

A kernel takes rows of float64 (cells, steps), writes float64 columns and a uint8 status per cell, and treats each
row alone, so that blocks, threads and neighbours never change a bit. Non-finite values are missing and keep their
place on the axis. Sums run in the order of time.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit
from smcloud.stats.engine.arrays import BoolArray, FloatArray
from smcloud.stats.status import CONSTANT, EMPTY, FEWEST_PAIRS, OK, TOO_SHORT

EPS = float(np.finfo(np.float64).eps)
AUTOCORRELATION_LIMIT = 0.99


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
def dot(a: FloatArray, b: FloatArray) -> float:
    """Sum of products, in eight sums of every eighth step, which the processor adds side by side."""
    s0, s1, s2, s3, s4, s5, s6, s7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = a.size // 8
    for i in range(whole):
        p, q = a[8 * i : 8 * i + 8], b[8 * i : 8 * i + 8]
        s0 += p[0] * q[0]
        s1 += p[1] * q[1]
        s2 += p[2] * q[2]
        s3 += p[3] * q[3]
        s4 += p[4] * q[4]
        s5 += p[5] * q[5]
        s6 += p[6] * q[6]
        s7 += p[7] * q[7]
    rest = 0.0
    for i in range(8 * whole, a.size):
        rest += a[i] * b[i]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + rest


@jit
def pairs_weight(n: float, pairs: float, lag: int, by_pairs: bool) -> float:
    """What turns a ratio of sums (of ``pairs`` products, of ``n`` squares) into an autocorrelation; NaN for too few.

    It is exactly 1 without gaps, and always where the sums are not to be divided by their numbers.
    """
    if not by_pairs:
        return 1.0
    return (n - lag) / pairs if pairs >= FEWEST_PAIRS else math.nan


@jit
def autocorrelation(deviations: FloatArray, squares: float, valid: BoolArray, lag: int, by_pairs: bool) -> float:
    """Autocorrelation at a lag of deviations from the mean that are 0 in the gaps, clipped to +-0.99; ``squares`` is
    their sum of squares.

    A pair with a gap adds nothing to the numerator; ``by_pairs`` sets it against the number of pairs (NaN below five).
    """
    n, pairs = 0, 0
    for i in range(valid.size):
        n += nb.int64(valid[i])
        pairs += nb.int64(i >= lag and valid[i] and valid[i - lag])
    weight = pairs_weight(float(n), float(pairs), lag, by_pairs)
    if weight != weight:
        return math.nan
    if squares == 0.0 or lag >= deviations.size:
        return 0.0
    numerator = dot(deviations[: deviations.size - lag], deviations[lag:])
    return max(-AUTOCORRELATION_LIMIT, min(AUTOCORRELATION_LIMIT, numerator / squares * weight))


@jit
def lag1(deviations: FloatArray, valid: BoolArray) -> float:
    """:func:`autocorrelation` at lag 1, set against the number of pairs."""
    return autocorrelation(deviations, dot(deviations, deviations), valid, 1, True)


@jit
def total(values: FloatArray) -> float:
    """Sum, in the order of :func:`dot`."""
    s0, s1, s2, s3, s4, s5, s6, s7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = values.size // 8
    for i in range(whole):
        p = values[8 * i : 8 * i + 8]
        s0 += p[0]
        s1 += p[1]
        s2 += p[2]
        s3 += p[3]
        s4 += p[4]
        s5 += p[5]
        s6 += p[6]
        s7 += p[7]
    rest = 0.0
    for i in range(8 * whole, values.size):
        rest += values[i]
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + rest


@jit
def least_squares(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    """Slope of y against x, and its standard error."""
    n = y.size
    y_mean, x_mean = total(y) / n, total(x) / n
    xx, xy, yy = 0.0, 0.0, 0.0
    for i in range(n):
        xx += (x[i] - x_mean) ** 2
        xy += (x[i] - x_mean) * (y[i] - y_mean)
        yy += (y[i] - y_mean) ** 2
    return xy / xx, math.sqrt(max(0.0, yy - xy * xy / xx) / (n - 2) / xx)


@jit
def deviations(values: FloatArray, valid: BoolArray, out: FloatArray) -> float:
    """Write the deviations from the mean of the valid samples, 0 in the gaps; the mean.

    Values are first taken relative to one of them: the mean of a series on a high level is known to fewer digits
    than the differences of its samples.
    """
    first, n = 0, 0
    while first < values.size - 1 and not valid[first]:
        first += 1
    level = values[first]
    for i in range(values.size):
        n += nb.int64(valid[i])
        out[i] = values[i] - level if valid[i] else 0.0
    mean = total(out) / n
    for i in range(values.size):
        out[i] = out[i] - mean if valid[i] else 0.0
    return float(level + mean)


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
