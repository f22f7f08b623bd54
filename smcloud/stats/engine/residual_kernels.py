"""What the residuals of straight lines tell of their series."""

from __future__ import annotations

import math

import numba as nb

from smcloud.jit import kernel
from smcloud.stats.engine.arrays import LINE, ROWS, FloatArray
from smcloud.stats.engine.kernels import AUTOCORRELATION_LIMIT
from smcloud.stats.status import FEWEST_PAIRS


@kernel(ROWS, LINE, ROWS, nb.float64[::1])
def lag1_of_residuals(series: FloatArray, t: FloatArray, lines: FloatArray, out: FloatArray) -> None:
    """Mean product of neighbouring residuals over their mean square, of each row; clipped to +-0.99.

    ``lines`` (row, 2) are slope and intercept. NaN values are missing. NaN for fewer than 5 pairs of neighbours, and
    where all residuals are 0 or there is no line. Sums are in the order of time.
    """
    for cell in range(series.shape[0]):
        row, slope, intercept = series[cell], lines[cell, 0], lines[cell, 1]
        n, pairs, squares, products = 0, 0, 0.0, 0.0
        valid_before, before = False, math.nan
        for i in range(row.size):
            rest = row[i] - (slope * t[i] + intercept)
            valid = row[i] == row[i]
            n += nb.int64(valid)
            pairs += nb.int64(valid and valid_before)
            square, product = rest * rest, rest * before
            squares += square if square == square else 0.0
            products += product if product == product else 0.0
            valid_before, before = valid, rest
        out[cell] = math.nan
        if pairs >= FEWEST_PAIRS and squares > 0.0:
            r1 = products / squares * ((n - 1) / pairs)
            out[cell] = min(max(r1, -AUTOCORRELATION_LIMIT), AUTOCORRELATION_LIMIT) if r1 == r1 else math.nan
