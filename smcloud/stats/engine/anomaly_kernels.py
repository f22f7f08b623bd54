"""Annual values of the departures of months from their levels, and the months that they are made of."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, LINE, ROWS, BoolArray, ByteArray, FloatArray
from smcloud.stats.engine.level_kernels import MONTHS

MASKS, CHOSEN = read_only(nb.boolean, 2), nb.boolean[:, ::1]


@kernel(ROWS, MASKS, nb.float64, nb.boolean, CHOSEN, CHOSEN, nb.uint8[:, ::1])
def choose_months(
    series: FloatArray, among: BoolArray, least: float, only: bool, used: BoolArray, chosen: BoolArray,
    count: ByteArray,
) -> None:  # fmt: skip
    """Mark the ``used`` values of each row of whole years: those that are valid and ``among`` those that may be.

    ``chosen`` (row, 12) are the calendar months with at least ``least`` of these; ``only`` these are used where that is
    set. ``count`` (row, year): valid months, used or not.
    """
    for cell in range(series.shape[0]):
        x, may, use = series[cell], among[cell], used[cell]
        for i in range(x.size):
            use[i] = may[i] & (x[i] == x[i])
        for m in range(MONTHS):
            seen = 0
            for i in range(m, x.size, MONTHS):
                seen += nb.int64(use[i])
            chosen[cell, m] = seen >= least
            if only and not chosen[cell, m]:
                for i in range(m, x.size, MONTHS):
                    use[i] = False
        for year in range(count.shape[1]):
            n = 0
            for i in range(year * MONTHS, (year + 1) * MONTHS):
                n += nb.int64(x[i] == x[i])
            count[cell, year] = n


@kernel(ROWS, MASKS, ROWS, LINE, nb.boolean, COLUMNS, CHOSEN)
def year_values(
    series: FloatArray, used: BoolArray, levels: FloatArray, least: FloatArray, summed: bool, out: FloatArray,
    enough: BoolArray,
) -> None:  # fmt: skip
    """Mean (or sum) of the departures of the ``used`` months of each year, plus that of the levels of all that are.

    ``levels`` (row, 12): the level of each calendar month. NaN, and not ``enough`` (row, year), for fewer used months
    than the ``least`` of the row. The mean of equal levels is exactly their value. Added from January to December.
    """
    among = np.empty(MONTHS, np.bool_)
    for cell in range(series.shape[0]):
        x, use, level = series[cell], used[cell], levels[cell]
        for m in range(MONTHS):
            i = m
            while i < x.size - MONTHS and not use[i]:
                i += MONTHS
            among[m] = use[i]
        first, total, n = 0, 0.0, 0
        while first < MONTHS - 1 and not among[first]:
            first += 1
        for m in range(first, MONTHS):
            total += level[m] - level[first] if among[m] else 0.0
            n += nb.int64(among[m])
        base = level[first] + total / n if n > 0 else math.nan
        base = base * n if summed else base
        for year in range(out.shape[1]):
            total, n = 0.0, 0
            for m in range(MONTHS):
                i = year * MONTHS + m
                rest = x[i] - level[m]  # found in any case: a step aside would cost more
                total += rest if use[i] else 0.0
                n += nb.int64(use[i])
            enough[cell, year] = n >= least[cell]
            out[cell, year] = base + (total if summed else total / max(n, 1)) if enough[cell, year] else math.nan
