"""From counts and ranks to the Mann-Kendall score and the Theil-Sen line: the formulas that all algorithms share."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit
from smcloud.stats.engine.arrays import FloatArray, IntArray
from smcloud.stats.engine.sorting import count_pairs
from smcloud.stats.status import OK, TOO_SHORT


@jit
def write_score(n: int, above: float, tied: float, ties: float, out: FloatArray) -> None:
    """S, Var S, tau-b and Z of ``n`` values, from the pairs that rise, the tied pairs and the sum over the ties of
    t(t-1)(2t+5). Constant values: 0, 0, NaN, 0."""
    pairs = n * (n - 1) / 2
    out[0] = s = 2 * above + tied - pairs
    out[1] = (n * (n - 1) * (2 * n + 5) - ties) / 18
    out[2] = s / math.sqrt(pairs) / math.sqrt(pairs - tied) if tied < pairs else math.nan
    out[3] = (s - np.sign(s)) / math.sqrt(out[1]) if tied < pairs else 0.0


@jit
def score(values: FloatArray, work: FloatArray, orders: IntArray, out: FloatArray) -> tuple[int, int]:
    """:func:`write_score` of a row; the numbers of falling and of tied pairs. ``work`` and ``orders`` (2, n or more)
    are work space; ``work[0]`` gets the sorted values."""
    n = values.size
    falling, level, ties = count_pairs(values, work, orders)
    write_score(n, n * (n - 1) // 2 - falling - level, level, ties, out)
    return falling, level


@jit
def wanted_ranks(n: int, ties: float, z: float, interpolated: bool, ranks: IntArray) -> float:
    """Ranks (from 0) of the slopes that make the median and the limits, -1 where there is none; the share of the
    second slope in an interpolated limit."""
    pairs = n * (n - 1) // 2
    ranks[0], ranks[1] = (pairs - 1) // 2, pairs // 2
    half_width = z * math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    for side in range(2):
        signed = half_width if side == 1 else -half_width
        low = high = -1
        if interpolated:
            place = (pairs + signed) / 2 - 1
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
def write_line(
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
                place = (pairs + (half_width if side == 1 else -half_width)) / 2 - 1
                out[1 + side] += (place - ranks[at]) * (found[at + 1] - found[at])
    return OK if math.isfinite(out[1]) and math.isfinite(out[2]) else TOO_SHORT
