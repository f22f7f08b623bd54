"""Partial correlations, 128 cells side by side.

One pass over the complete cases, taken relative to the first of them, gives the correlation matrix of most cells, and
its inverse the partial correlations. Cells where this would have too few correct digits, where drivers are nearly or
exactly collinear, or whose residuals are needed, are treated one by one with orthogonal projection.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import LINE, BoolArray, FloatArray
from smcloud.stats.engine.case_kernels import COLLINEAR_BELOW, LANES, TILE, complete_cases, gather_lane, given_others
from smcloud.stats.engine.case_moments import first_cases, invert, moments
from smcloud.stats.engine.kernels import EPS, dot, fill, lag1
from smcloud.stats.status import COLLINEAR, CONSTANT, DROPPED, EMPTY, OK, TOO_SHORT


@jit
def _half_width(df: float, z: float) -> float:
    """tanh h, h half the width of the interval on Fisher's scale."""
    return math.tanh(z / math.sqrt(df - 1)) if df > 1 else 1.0


@jit
def _describe(r: float, df: float, n_effective: float, half: float, column: FloatArray) -> None:
    """Fill the columns of one driver from its r: tanh(atanh(r) +- h) = (r +- tanh h)/(1 +- r tanh h)."""
    if abs(r) > 1 - 4 * EPS:
        r = math.copysign(1.0, r)
    column[0], column[4], column[5] = r, df, n_effective
    if abs(r) == 1.0:
        column[1], column[2], column[3] = r, r, math.copysign(math.inf, r)
    else:
        column[1], column[2] = (r - half) / (1 - r * half), (r + half) / (1 + r * half)
        column[3] = r * math.sqrt(df / ((1 - r) * (1 + r)))
    if df <= 1:
        column[1], column[2] = -1.0, 1.0


def partial_correlation(
    tile: FloatArray, floors: FloatArray, min_valid: int, *, effective: bool, z: float, out: npt.NDArray[np.float64],
    count: FloatArray, status: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Columns by driver: r, its lower and upper limit, t statistic, degrees of freedom, n_effective.

    ``tile`` (variable, step, LANES), the target first; ``status`` says how many of the lanes are in use.
    """
    project = np.zeros(len(status), np.bool_)
    _by_inverse(tile, floors, min_valid, z, out, count, status, project)
    if effective or project.any():
        _by_projection(tile, floors, min_valid, effective, z, project, out, status)


@kernel(TILE, LINE, nb.int64, nb.float64, nb.float64[:, :, ::1], nb.float64[::1], nb.uint8[:, ::1], nb.boolean[::1])
def _by_inverse(
    tile: FloatArray, floors: FloatArray, min_valid: int, z: float, out: npt.NDArray[np.float64], count: FloatArray,
    status: npt.NDArray[np.uint8], project: BoolArray,
) -> None:  # fmt: skip
    """The columns for ``dof="n"``; ``project`` says which cells need projection instead."""
    cells, size = status.shape
    variables = size + 1
    cases, first, sums = np.empty(LANES), np.empty((variables, LANES)), np.empty((variables, LANES))
    products, inverse = np.empty((variables, variables, LANES)), np.empty((variables, variables))
    first_cases(tile, first, cases)
    moments(tile, first, cases, sums, products)
    for cell in range(cells):
        n, flags = cases[cell], status[cell]
        count[cell] = n
        for j in range(size):
            fill(out[cell, j], math.nan)
            flags[j] = OK if n >= min_valid else EMPTY if n == 0 else TOO_SHORT
        if n < min_valid:
            continue
        project[cell] = not invert(n, sums, products, cell, floors, inverse, flags)
        if not project[cell]:
            row, kept = 0, 0
            for j in range(size):
                kept += nb.int64(flags[j] == OK)
            df = max(1.0, n - 1 - kept)
            half = _half_width(df, z)
            for j in range(size):
                if flags[j] == OK:
                    row += 1
                    r = -inverse[0, row] / math.sqrt(inverse[0, 0] * inverse[row, row])
                    _describe(r, df, n, half, out[cell, j])


@kernel(TILE, LINE, nb.int64, nb.boolean, nb.float64, nb.boolean[::1], nb.float64[:, :, ::1], nb.uint8[:, ::1])
def _by_projection(
    tile: FloatArray, floors: FloatArray, min_valid: int, effective: bool, z: float, project: BoolArray,
    out: npt.NDArray[np.float64], status: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """The columns from the residuals of target and driver; r stays as it is in cells that do not ``project``."""
    (cells, size), steps = status.shape, tile.shape[1]
    valid, units, rows = np.empty(steps, np.bool_), np.empty((size + 1, steps)), np.empty((size + 1, steps))
    basis, members, judged = np.empty((size, steps)), np.arange(size), np.empty(size, np.uint8)
    own, rest = np.empty(steps), np.empty(steps)
    for cell in range(cells):
        flags = status[cell]
        if not (effective or project[cell]) or flags[0] == EMPTY or flags[0] == TOO_SHORT:
            continue
        gather_lane(tile, cell, rows)
        cases, _ = complete_cases(rows, floors, min_valid, valid, units, flags)
        n = float(cases)
        for j in range(size):
            judged[j] = flags[j]
        for j in range(size):
            if judged[j] == DROPPED:
                continue
            rank, own_length, rest_length = given_others(units, j, judged, basis, members, own, rest)
            if own_length <= COLLINEAR_BELOW or (judged[j] == OK and rest_length <= COLLINEAR_BELOW):
                flags[j] = COLLINEAR
                continue
            n_effective, column = n, out[cell, j]
            if effective and judged[j] == OK:
                product = lag1(own, valid) * lag1(rest, valid)
                if product != product:
                    flags[j] = TOO_SHORT
                    column[0] = dot(own, rest) / (own_length * rest_length) if project[cell] else column[0]
                    fill(column[1:], math.nan)
                    continue
                n_effective = min(n, n * (1 - product) / (1 + product))
            df = max(1.0, n_effective - 2 - rank)
            if judged[j] == CONSTANT:
                column[3], column[4], column[5] = 0.0, df, n_effective
            else:
                r = dot(own, rest) / (own_length * rest_length) if project[cell] else column[0]
                _describe(r, df, n_effective, _half_width(df, z), column)
