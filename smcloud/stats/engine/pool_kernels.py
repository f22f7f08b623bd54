"""The least-squares slope of single series under AR(1) errors whose autocorrelation a neighbourhood shares.

Of each series with n valid samples: e its residuals, M their projection (what is left of a series after mean and line),
R(phi) = phi^|i - j| over the positions on the complete axis, L the matrix with 1/2 for neighbouring steps. With q1 and
q2 the orthonormal vectors of mean and line M = 1 - q1 q1' - q2 q2', so that all traces come from R q and L q, which
take n steps each: R q is one pass forward and one back.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, LINE, ROWS, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import copy, dot, fill
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

TABLE = read_only(nb.float64, 2)
# Columns of a fit.
SLOPE, LEVEL, SQUARES, LAG, PAIRS, COUNT = range(6)


@jit
def _pattern(row: FloatArray, t: FloatArray, at: IntArray, q: FloatArray) -> tuple[int, float]:
    """Write the positions of the valid samples and the two orthonormal vectors; their number, and the spread of ``t``.

    The spread is the sum of squares of ``t`` about its mean.
    """
    n, mean = 0, 0.0
    for i in range(row.size):
        if abs(row[i]) < math.inf:
            at[n] = i
            mean += t[i]
            n += 1
    if n == 0:
        return 0, 0.0
    mean /= n
    spread = 0.0
    for k in range(n):
        q[1, k] = t[at[k]] - mean
        spread += q[1, k] ** 2
    for k in range(n):
        q[0, k] = 1 / math.sqrt(n)
        q[1, k] = q[1, k] / math.sqrt(spread) if n > 1 else 0.0
    return n, spread


@jit
def _neighbours(q: FloatArray, at: IntArray, n: int, out: FloatArray) -> int:
    """Write L q; return the number of pairs of neighbouring steps."""
    pairs = 0
    for k in range(n):
        out[k] = 0.0
        if k > 0 and at[k] - at[k - 1] == 1:
            out[k] += 0.5 * q[k - 1]
            pairs += 1
        if k < n - 1 and at[k + 1] - at[k] == 1:
            out[k] += 0.5 * q[k + 1]
    return pairs


@jit
def _correlated(q: FloatArray, at: IntArray, n: int, powers: FloatArray, carried: FloatArray, out: FloatArray) -> None:
    """Write R q (sample, phi): what earlier samples bring, then what later ones bring; ``powers``: phi^gap by gap."""
    size = carried.size
    fill(carried, 0.0)
    for k in range(n):
        if k > 0:
            before, decay = q[k - 1], powers[at[k] - at[k - 1]]
            for p in range(size):
                carried[p] = (carried[p] + before) * decay[p]
        for p in range(size):
            out[k, p] = q[k] + carried[p]
    fill(carried, 0.0)
    for k in range(n - 2, -1, -1):
        after, decay = q[k + 1], powers[at[k + 1] - at[k]]
        for p in range(size):
            carried[p] = (carried[p] + after) * decay[p]
            out[k, p] += carried[p]


@jit
def _traces(
    at: IntArray, n: int, q: FloatArray, powers: FloatArray, lagged: bool, lq: FloatArray, work: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Write by phi tr(M L M R), where ``lagged``, tr(M R), tr(M R M R) and q2' R q2; ``lq`` and ``work`` are work
    space."""
    size, steps = powers.shape[1], lq.shape[1]
    carried, between = work[2 * steps], work[2 * steps + 1 : 2 * steps + 5]
    pairs = 0
    for a in range(2):
        _correlated(q[a], at, n, powers, carried, work[a * steps : (a + 1) * steps])
        if lagged:
            pairs = _neighbours(q[a], at, n, lq[a])
    for p in range(size):
        out[0, p], out[1, p], out[2, p] = pairs * powers[1, p], n, n
    fill(carried, 0.0)
    for k in range(1, n):
        decay = powers[at[k] - at[k - 1]]
        for p in range(size):
            carried[p] = (carried[p] + 1.0) * decay[p] * decay[p]
            out[2, p] += 2.0 * carried[p]
    for a in range(2):
        for b in range(2):
            fill(between[2 * a + b], 0.0)
        for k in range(n):
            row = work[a * steps + k]
            for p in range(size if lagged else 0):
                out[0, p] -= 2.0 * row[p] * lq[a, k]
            for p in range(size):
                out[2, p] -= 2.0 * row[p] * row[p]
                between[2 * a, p] += q[0, k] * row[p]
                between[2 * a + 1, p] += q[1, k] * row[p]
    for a in range(2):
        for b in range(2):
            neighbours = dot(q[a, :n], lq[b, :n]) if lagged else 0.0
            for p in range(size if lagged else 0):
                out[0, p] += between[2 * a + b, p] * neighbours
            for p in range(size):
                out[2, p] += between[2 * a + b, p] * between[2 * a + b, p]
        for p in range(size):
            out[1, p] -= between[3 * a, p]
    copy(between[3], out[3])


@jit
def _fit(row: FloatArray, t: FloatArray, at: IntArray, n: int, q: FloatArray, spread: float, fit: FloatArray) -> None:
    """Fill a fit from the orthonormal vectors; residuals are taken step by step, so that no digits cancel."""
    level, rise = 0.0, 0.0
    for k in range(n):
        level += row[at[k]] / n
    for k in range(n):
        rise += q[1, k] * (row[at[k]] - level)
    squares, lag, pairs, before = 0.0, 0.0, 0, 0.0
    for k in range(n):
        rest = row[at[k]] - level - rise * q[1, k]
        squares += rest * rest
        if k > 0 and at[k] - at[k - 1] == 1:
            lag += rest * before
            pairs += 1
        before = rest
    middle = t[at[0]] - q[1, 0] * math.sqrt(spread)
    fit[SLOPE] = rise / math.sqrt(spread)
    fit[LEVEL] = level - fit[SLOPE] * middle
    fit[SQUARES], fit[LAG], fit[PAIRS] = squares, lag, pairs


@jit
def _gaps(at: IntArray, n: int, steps: int) -> int:
    """A number for the valid positions, below 0 where the series is too long for one."""
    bits = nb.int64(0)
    if steps > 62:
        return nb.int64(-1)
    for k in range(n):
        bits |= nb.int64(1) << nb.int64(at[k])
    return bits


@kernel(ROWS, LINE, TABLE, nb.int64, nb.int64[::1], COLUMNS, COLUMNS, COLUMNS, FLAGS)
def fit_lines(
    rows: FloatArray, t: FloatArray, powers: FloatArray, min_valid: int, known: IntArray, kept: FloatArray,
    fits: FloatArray, traces: FloatArray, status: ByteArray,
) -> None:  # fmt: skip
    """Fit each row. ``traces``: tr(M L M R) by phi, then tr(M R); ``powers``: phi^gap by (gap, phi).

    ``fits``: slope, level at t = 0, e'e, e'L e, pairs of neighbours, n. NaN where a series is empty or too short; a
    constant one has slope, e'e and e'L e 0. Many cells have the same gaps: ``kept`` holds traces of the gaps ``known``
    from one call to the next, each in the place that its number gives it; -1 is no gaps.
    """
    steps, size = t.size, powers.shape[1]
    at = np.empty(steps, np.int64)
    q, lq = np.empty((2, steps)), np.empty((2, steps))
    work, found = np.empty((2 * steps + 5, size)), np.empty((4, size))
    for cell in range(rows.shape[0]):
        row = rows[cell]
        n, spread = _pattern(row, t, at, q)
        fill(fits[cell], math.nan)
        fill(traces[cell], math.nan)
        fits[cell, COUNT] = n
        status[cell] = EMPTY if n == 0 else TOO_SHORT
        if n < min_valid:
            continue
        _fit(row, t, at, n, q, spread, fits[cell])
        different = 0
        for k in range(1, n):
            different += nb.int64(row[at[k]] != row[at[0]])
        status[cell] = OK if different else CONSTANT
        if different == 0:
            fits[cell, SLOPE], fits[cell, LEVEL], fits[cell, SQUARES], fits[cell, LAG] = 0.0, row[at[0]], 0.0, 0.0
        gaps = _gaps(at, n, steps)
        place = (gaps ^ (gaps >> 11) ^ (gaps >> 29)) % known.size
        if gaps < 0 or known[place] != gaps:
            _traces(at, n, q, powers, True, lq, work, found)
            known[place] = gaps
            copy(found[0], kept[place, :size])
            copy(found[1], kept[place, size:])
        copy(kept[place], traces[cell])


@kernel(ROWS, LINE, LINE, COLUMNS, FLAGS, COLUMNS)
def test_slopes(
    rows: FloatArray, t: FloatArray, phi: FloatArray, fits: FloatArray, status: ByteArray, out: FloatArray
) -> None:
    """Test each slope under AR(1) errors of ``phi``; ``out``: standard error, statistic, degrees of freedom.

    Var(slope) = q2'R q2 / Sxx e'e / tr(M R), df = tr(M R)^2 / tr(M R M R). A constant series has standard error and
    statistic 0; NaN where there is no fit or no ``phi``.
    """
    steps = t.size
    at, powers = np.empty(steps, np.int64), np.empty((steps, 1))
    q, lq = np.empty((2, steps)), np.empty((2, steps))
    work, found = np.empty((2 * steps + 5, 1)), np.empty((4, 1))
    for cell in range(rows.shape[0]):
        fill(out[cell], math.nan)
        if status[cell] != OK and status[cell] != CONSTANT:
            continue
        n, spread = _pattern(rows[cell], t, at, q)
        power = 1.0
        for gap in range(steps):
            powers[gap, 0] = power
            power *= 0.0 if status[cell] == CONSTANT else phi[cell]
        _traces(at, n, q, powers, False, lq, work, found)
        slope, variance = fits[cell, SLOPE], found[1, 0]
        stderr = math.sqrt(found[3, 0] / spread * fits[cell, SQUARES] / variance)
        out[cell, 0] = stderr
        out[cell, 1] = slope / stderr if stderr > 0.0 else 0.0 if slope == 0.0 else math.copysign(math.inf, slope)
        out[cell, 2] = variance * variance / found[2, 0]
