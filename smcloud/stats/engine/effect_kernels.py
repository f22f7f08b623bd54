"""Effects of drivers in the regression on all of them, and on time where it is held: sizes, errors, which one leads.

All is by orthogonal projection of unit vectors over the complete cases. Time, where it is held, is one more driver that
no result is asked for.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import LINE, BoolArray, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.case_kernels import (
    COLLINEAR_BELOW,
    TILE,
    complete_cases,
    gather_lane,
    given_others,
    standardise,
)
from smcloud.stats.engine.kernels import EPS, dot, fill, lag1
from smcloud.stats.status import COLLINEAR, DROPPED, OK


@jit
def hold_time(
    time: FloatArray, valid: BoolArray, held: bool, flags: ByteArray, units: FloatArray, judged: ByteArray
) -> None:
    """Copy the flags of the drivers and put time behind these as one more, which is in use where it is ``held``."""
    size = flags.size
    for j in range(size):
        judged[j] = flags[j]
    judged[size] = OK if held else DROPPED
    standardise(time, valid, units[size + 1])


@jit
def effect(
    units: FloatArray, j: int, judged: ByteArray, basis: FloatArray, members: IntArray, own: FloatArray,
    rest: FloatArray, valid: BoolArray, n: float, effective: bool,
) -> tuple[float, float, int, float, float]:  # fmt: skip
    """Driver ``j`` given all others in use: its coefficient, the length of its own part, the number of the others.

    Then the sum of squares of the residuals of the whole regression (``rest``), and its degrees of freedom, with the
    effective sample size of the two series that are left of target and driver where that is asked for. All is of unit
    vectors. A driver that the others make up has a coefficient of NaN.
    """
    rank, length, _ = given_others(units, j, judged, basis, members, own, rest)
    if length <= COLLINEAR_BELOW:
        return math.nan, length, rank, math.nan, math.nan
    coefficient = dot(own, units[0]) / (length * length)
    n_effective = n
    if effective and judged[j] == OK:
        product = lag1(own, valid) * lag1(rest, valid)
        n_effective = n * (1 - product) / (1 + product)
        if n_effective > n:
            n_effective = n
    for i in range(rest.size):
        rest[i] -= coefficient * own[i]
    df = n_effective - 2 - rank
    if df < 1.0:  # NaN, where an autocorrelation is not known, stays
        df = 1.0
    return coefficient, length, rank, dot(rest, rest), df


@jit
def slope_variance(
    series: FloatArray, x: FloatArray, valid: BoolArray, n: float, effective: bool, rest: FloatArray
) -> float:
    """Variance of the least-squares slope of deviations from the mean against ``x``, also deviations; ``rest`` is work.

    With the effective sample size of an AR(1) where that is asked for; NaN where no degree of freedom is left.
    """
    xx = dot(x, x)
    slope = dot(series, x) / xx
    for i in range(x.size):
        rest[i] = series[i] - slope * x[i]
    n_effective = n
    if effective:
        if n <= 4:
            return math.nan
        phi = (n * lag1(rest, valid) + 2) / (n - 4)
        if phi < 0.0:
            phi = 0.0
        n_effective = n * (1 - phi) / (1 + phi)
    if not n_effective > 2:
        return math.nan
    return dot(rest, rest) / (n_effective - 2) / xx


@kernel(
    TILE, LINE, LINE, nb.int64, nb.boolean, nb.boolean, nb.boolean, nb.float64[:, :, ::1], nb.float64[::1],
    nb.uint8[:, ::1],
)  # fmt: skip
def leading_driver(
    tile: FloatArray, t: FloatArray, floors: FloatArray, min_valid: int, control_time: bool, ranked: bool,
    effective: bool, out: npt.NDArray[np.float64], count: FloatArray, status: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Columns by driver: effect, t statistic of the leader's lead over this driver, degrees of freedom of that test.

    ``tile`` (variable, step, LANES), the target first, holds ranks where it is ``ranked``; time then takes its own.
    """
    (cells, size), steps = status.shape, t.size
    valid, rows, units = np.empty(steps, np.bool_), np.empty((size + 1, steps)), np.empty((size + 2, steps))
    basis, members = np.empty((size + 1, steps)), np.arange(size + 1)
    parts, rest, time = np.empty((size, steps)), np.empty(steps), np.empty(steps)
    judged = np.empty(size + 1, np.uint8)
    for cell in range(cells):
        flags, columns = status[cell], out[cell]
        for j in range(size):
            fill(columns[j], math.nan)
        gather_lane(tile, cell, rows)
        n, target_length = complete_cases(rows, floors, min_valid, valid, units, flags)
        count[cell] = n
        if n < min_valid or target_length == 0.0:
            continue
        seen = 0
        for i in range(steps):
            seen += nb.int64(valid[i])
            time[i] = seen if ranked else t[i]
        hold_time(time, valid, control_time, flags, units, judged)
        leader, squares, others = -1, 0.0, 0
        for j in range(size):
            if judged[j] == DROPPED:
                continue
            own = parts[j]
            beta, length, rank, left, df = effect(
                units, j, judged, basis, members, own, rest, valid, float(n), effective
            )
            if beta != beta:
                flags[j] = COLLINEAR
                continue
            for i in range(steps):
                own[i] /= length
            columns[j, 0], columns[j, 2] = beta * length, df
            if leader < 0 or abs(columns[j, 0]) > abs(columns[leader, 0]):
                leader, squares, others = j, left, rank
        if leader >= 0:
            _compare(leader, parts, squares, flags, columns)
            for j in range(size):
                columns[j, 0] *= target_length / math.sqrt(n - 1 - others)


@jit
def _compare(leader: int, parts: FloatArray, squares: float, flags: ByteArray, columns: FloatArray) -> None:
    """Test the lead of ``leader`` over each other driver in use.

    The effects are of unit vectors (``parts``), so the variance of each is that of the residuals, and the covariance of
    two of them this times the product of their vectors. No lead is shown over a driver whose part cannot be told from
    those of others, nor where an autocorrelation is not known.
    """
    first, most = columns[leader, 0], columns[leader, 2]
    columns[leader, 2] = math.nan
    for j in range(columns.shape[0]):
        if j == leader or flags[j] == DROPPED:
            continue
        df = columns[j, 2]
        if df != df or most != most:
            columns[j, 1], columns[j, 2] = 0.0, 1.0
            continue
        df = min(most, df)
        together = math.copysign(1.0, first) * math.copysign(1.0, columns[j, 0]) * dot(parts[leader], parts[j])
        error = math.sqrt(2 * squares / df * (1 - together))
        ahead = abs(first) - abs(columns[j, 0])
        columns[j, 1] = 0.0 if ahead <= COLLINEAR_BELOW else ahead / max(error, EPS)
        columns[j, 2] = df
