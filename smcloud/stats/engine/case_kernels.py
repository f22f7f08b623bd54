"""Complete cases of a target and its drivers: tiles of them, their unit vectors, and projection.

Each variable is standardised over the complete cases, with 0 in the gaps, so that sums of products need no mask. What a
driver explains given the others comes from orthogonal projection, which stays accurate where the inverse of the
correlation matrix does not, and tells exactly collinear drivers apart.
"""

from __future__ import annotations

import math

import numba as nb

from smcloud.jit import jit, read_only
from smcloud.stats.engine.arrays import BoolArray, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import copy, deviations, dot, fill
from smcloud.stats.status import CONSTANT, DROPPED, EMPTY, OK, TOO_SHORT

LANES = 128
STRIDE = 4  # sums are made over this many steps at a time, and these sums are added in the order of time
# A unit vector of which projection leaves less than this counts as a combination of the others. Rounding leaves less
# than 1e-12 after two projections, even of series whose mean is 1000 times their spread.
COLLINEAR_BELOW = 1e-10

TILE = read_only(nb.float64, 3)


@jit
def gather_lane(tile: FloatArray, lane: int, rows: FloatArray) -> None:
    """Copy one cell of a tile into rows (variable, step)."""
    for j in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            rows[j, i] = tile[j, i, lane]


@jit
def mark_complete(rows: FloatArray, valid: BoolArray) -> int:
    """Mark the steps where every variable has a value; their number."""
    n = 0
    for i in range(valid.size):
        valid[i] = True
        for j in range(rows.shape[0]):
            valid[i] &= abs(rows[j, i]) < math.inf
        n += nb.int64(valid[i])
    return n


@jit
def standardise(series: FloatArray, valid: BoolArray, unit: FloatArray) -> float:
    """Write the deviations from the mean as a unit vector, 0 in the gaps; their length, 0 for equal values."""
    first, different = 0, 0
    while first < series.size - 1 and not valid[first]:
        first += 1
    level = series[first]
    for i in range(series.size):
        different += nb.int64(valid[i] and series[i] != level)
    deviations(series, valid, unit)
    length = math.sqrt(dot(unit, unit))
    if different == 0 or length == 0.0:
        fill(unit, 0.0)
        return 0.0
    for i in range(series.size):
        unit[i] /= length
    return length


@jit
def complete_cases(
    rows: FloatArray, floors: FloatArray, min_valid: int, valid: BoolArray, units: FloatArray, status: ByteArray
) -> tuple[int, float]:
    """Standardise target (row 0) and drivers (rows 1..) over the complete cases and judge each driver.

    Returns the number of cases and the length of the target's deviations.
    """
    n = mark_complete(rows, valid)
    if n < min_valid:
        for j in range(status.size):
            status[j] = EMPTY if n == 0 else TOO_SHORT
        return n, math.nan
    target_length = 0.0
    for j in range(rows.shape[0]):
        length = standardise(rows[j], valid, units[j])
        if j == 0:
            target_length = length
        elif length == 0.0 or length / math.sqrt(n - 1) < floors[j - 1]:
            status[j - 1] = DROPPED
        else:
            status[j - 1] = CONSTANT if target_length == 0.0 else OK
    return n, target_length


@jit
def project_out(vector: FloatArray, axes: FloatArray, members: IntArray, size: int) -> float:
    """Remove from ``vector`` its part in the span of orthonormal rows of ``axes``; the length that is left.

    The first ``size`` of ``members`` are the rows; a row may be 0.
    """
    for _ in range(2):  # the second pass removes what rounding left of the first
        for member in range(size):
            axis = axes[members[member]]
            share = dot(vector, axis)
            for i in range(vector.size):
                vector[i] -= share * axis[i]
    return math.sqrt(dot(vector, vector))


@jit
def _project_both_out(
    one: FloatArray, other: FloatArray, axes: FloatArray, members: IntArray, size: int
) -> tuple[float, float]:
    """As :func:`project_out` of each of two vectors: a processor goes on with one while sums of the other run."""
    for _ in range(2):
        for member in range(size):
            axis = axes[members[member]]
            share, share_of_other = dot(one, axis), dot(other, axis)
            for i in range(one.size):
                one[i] -= share * axis[i]
                other[i] -= share_of_other * axis[i]
    return math.sqrt(dot(one, one)), math.sqrt(dot(other, other))


@jit
def add_axis(vector: FloatArray, axes: FloatArray, row: int, members: IntArray, size: int) -> bool:
    """Write into a row of ``axes`` the direction that ``vector`` adds to other rows; 0 and false where it adds none."""
    axis = axes[row]
    copy(vector, axis)
    length = project_out(axis, axes, members, size)
    adds = length > COLLINEAR_BELOW
    for i in range(axis.size):
        axis[i] = axis[i] / length if adds else 0.0
    return adds


@jit
def given_others(
    units: FloatArray,
    j: int,
    status: ByteArray,
    basis: FloatArray,
    members: IntArray,
    own: FloatArray,
    rest: FloatArray,
) -> tuple[int, float, float]:
    """Residuals of driver ``j`` (``own``) and of the target (``rest``), both given all other drivers in use.

    ``members`` counts from 0. Returns the rank of these others and the lengths that are left of the two unit vectors.
    """
    rank = 0
    for other in range(status.size):
        if other != j and status[other] != DROPPED:
            rank += nb.int64(add_axis(units[1 + other], basis, rank, members, rank))
    copy(units[1 + j], own)
    copy(units[0], rest)
    own_length, rest_length = _project_both_out(own, rest, basis, members, rank)
    return rank, own_length, rest_length
