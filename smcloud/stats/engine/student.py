"""Two-sided p values of Student's t, as a continued fraction of the incomplete beta function.

p = I_x(df/2, 1/2) with x = df/(df + t^2) (Abramowitz and Stegun 26.5.27 and 26.5.8): many times as fast as a general
function, because the gamma functions depend on the degrees of freedom only, which hardly change from cell to cell.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import LINE, FloatArray
from smcloud.stats.engine.kernels import EPS

MOST_TERMS = 10_000  # far more than the fraction ever needs


def two_sided(statistic: npt.NDArray[np.float64], df: npt.NDArray[np.float64]) -> FloatArray:
    """p of |t| >= |``statistic``| for ``df`` > 0 degrees of freedom, elementwise; NaN where one is NaN."""
    out = np.empty(statistic.shape)
    _two_sided(np.ascontiguousarray(statistic).ravel(), np.ascontiguousarray(df).ravel(), out.reshape(-1))
    return out


@jit
def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) from its convergents; quick where x < (a+1)/(a+b+2).

    Two terms share one division, because divisions take most of the time.
    """
    above_before, above, below_before, below = 0.0, 1.0, 1.0, 1.0
    value = 1.0
    for m in range(1, MOST_TERMS):
        if m == 1:
            term = -(a + b) * x / (a + 1)
            above_before, above = above, above
            below_before, below = below, below + term
        c = a + 2 * m
        scale = x / ((c - 1) * c * (c + 1))
        even, odd = m * (b - m) * scale * (c + 1), -(a + m) * (a + b + m) * scale * (c - 1)
        above_before, above = above, above + even * above_before
        below_before, below = below, below + even * below_before
        above_before, above = above, above + odd * above_before
        below_before, below = below, below + odd * below_before
        size = 1.0 / below
        last, value = value, above * size
        above_before, above, below_before, below = above_before * size, value, below_before * size, 1.0
        if abs(value - last) <= EPS * abs(value):
            break
    return value


@jit
def _log_beta(a: float) -> float:
    """ln B(a, 1/2), by the series of ln Gamma(a + 1/2) - ln Gamma(a) where the two would cancel digits."""
    if a < 50.0:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    return math.lgamma(0.5) - 0.5 * math.log(a) + 1 / (8 * a) - 1 / (192 * a**3) + 1 / (640 * a**5)


@kernel(LINE, LINE, nb.float64[::1])
def _two_sided(statistic: FloatArray, df: FloatArray, out: FloatArray) -> None:
    known, log_beta = math.nan, 0.0
    for i in range(out.size):
        t, n = abs(statistic[i]), df[i]
        if not (t >= 0.0 and n > 0.0):
            out[i] = math.nan
            continue
        if math.isinf(t) or math.isinf(t * t):
            out[i] = 0.0
            continue
        a, square = n / 2, t * t
        if n != known:
            known, log_beta = n, _log_beta(a)
        x, y = n / (n + square), square / (n + square)
        front = math.sqrt(y) * math.exp(-a * math.log1p(square / n) - log_beta)
        if x < (a + 1) / (a + 2.5):
            out[i] = front * _fraction(a, 0.5, x) / a
        else:
            out[i] = 1.0 - 2 * front * _fraction(0.5, a, y)
