"""Regression of a target on its drivers: standardised coefficients, shares of R2, contributions to the trend."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel
from smcloud.stats.engine.arrays import COLUMNS, LINE, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.case_kernels import COLLINEAR_BELOW, TILE, add_axis, complete_cases, gather_lane, project_out
from smcloud.stats.engine.effect_kernels import effect, hold_time, slope_variance
from smcloud.stats.engine.kernels import copy, deviations, dot, fill
from smcloud.stats.status import COLLINEAR, DROPPED


@kernel(
    TILE, LINE, LINE, nb.int64, nb.boolean, nb.boolean, nb.float64[:, :, ::1], COLUMNS, nb.float64[::1],
    nb.uint8[:, ::1],
)  # fmt: skip
def trend_contribution(
    tile: FloatArray, t: FloatArray, floors: FloatArray, min_valid: int, control_time: bool, effective: bool,
    out: npt.NDArray[np.float64], whole: FloatArray, count: FloatArray, status: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Columns by driver: contribution, its standard error, that with the error of the driver's slope, df.

    Beside them ``whole``: slope of the rest, slope of the target; and n. ``tile`` (variable, step, LANES), the target
    first; ``status`` says how many of the lanes are in use.
    """
    (cells, size), steps = status.shape, t.size
    valid, rows, units = np.empty(steps, np.bool_), np.empty((size + 1, steps)), np.empty((size + 2, steps))
    basis, members = np.empty((size + 1, steps)), np.arange(size + 1)
    own, rest, judged = np.empty(steps), np.empty(steps), np.empty(size + 1, np.uint8)
    unexplained, x = np.empty(steps), np.empty(steps)
    for cell in range(cells):
        flags = status[cell]
        fill(whole[cell], math.nan)
        for j in range(size):
            fill(out[cell, j], math.nan)
        gather_lane(tile, cell, rows)
        n, length = complete_cases(rows, floors, min_valid, valid, units, flags)
        count[cell] = n
        if n < min_valid:
            continue
        deviations(t, valid, x)
        xx = dot(x, x)
        hold_time(t, valid, control_time, flags, units, judged)
        copy(units[0], unexplained)
        for j in range(size):
            if judged[j] == DROPPED:
                continue
            beta, own_length, _, squares, df = effect(
                units, j, judged, basis, members, own, rest, valid, float(n), effective
            )
            if beta != beta:
                flags[j] = COLLINEAR
                continue
            column, slope = out[cell, j], dot(x, units[1 + j])
            for i in range(steps):
                unexplained[i] -= beta * units[1 + j, i]
            column[0] = length * beta * slope / xx
            column[1] = length * abs(slope) / xx * math.sqrt(squares / df) / own_length
            variance = slope_variance(units[1 + j], x, valid, float(n), effective, rest)
            column[2] = math.sqrt(column[1] ** 2 + (length * beta) ** 2 * variance)
            column[3] = df
        whole[cell, 0] = length * dot(x, unexplained) / xx
        whole[cell, 1] = length * dot(x, units[0]) / xx


@jit
def _highest(subset: int) -> int:
    """The last member of a subset of the drivers, given as bits."""
    member = 0
    while subset > 1:
        subset >>= 1
        member += 1
    return member


@jit
def _parts(subset: int, parts: IntArray) -> int:
    """Write a subset, the subset without its last member, and so on; their number."""
    size = 0
    while subset > 0:
        parts[size] = subset
        subset -= 1 << _highest(subset)
        size += 1
    return size


@jit
def _coordinates(
    units: FloatArray, flags: ByteArray, basis: FloatArray, counted: IntArray, coordinates: FloatArray,
    goal: FloatArray, used: IntArray,
) -> int:  # fmt: skip
    """Write the drivers in use and the target (``goal``) in one orthonormal basis; how many drivers are in use.

    ``used`` gets the numbers of these drivers; ``basis`` is work space, ``counted`` counts from 0.
    """
    m = 0
    for j in range(flags.size):
        if flags[j] == DROPPED:
            continue
        add_axis(units[1 + j], basis, m, counted, m)
        fill(coordinates[m], 0.0)
        for i in range(m + 1):
            coordinates[m, i] = dot(units[1 + j], basis[i])
        used[m] = j
        m += 1
    fill(goal, 0.0)
    for i in range(m):
        goal[i] = dot(units[0], basis[i])
    return m


@jit
def _explained_by_subsets(
    coordinates: FloatArray, goal: FloatArray, m: int, axes: FloatArray, parts: IntArray, explained: FloatArray,
    members: IntArray,
) -> None:  # fmt: skip
    """Write R2 and the number of members of every subset of ``m`` drivers; ``parts`` is work space.

    Row s of ``axes`` becomes the direction that the last member of subset s adds to the others, so the rows of s, of s
    without its last member, and so on are orthonormal.
    """
    for subset in range(1, 1 << m):
        last = _highest(subset)
        rest = subset - (1 << last)
        add_axis(coordinates[last], axes, subset, parts, _parts(rest, parts))
        explained[subset] = explained[rest] + dot(axes[subset], goal) ** 2
        members[subset] = members[rest] + 1


@jit
def _share(p: int, m: int, explained: FloatArray, members: IntArray, weights: FloatArray) -> float:
    """Mean gain in R2 when driver ``p`` enters, over all orders of entry of ``m`` drivers.

    ``weights`` gets the share of the m! orders in which a driver comes after s given others, by s.
    """
    for s in range(m):
        weights[s] = 1.0 / m if s == 0 else weights[s - 1] * s / (m - s)
    share = 0.0
    for subset in range(1 << m):
        if not subset >> p & 1:
            share += weights[members[subset]] * (explained[subset | 1 << p] - explained[subset])
    return share


@kernel(TILE, LINE, nb.int64, nb.float64[:, :, ::1], nb.float64[::1], nb.float64[::1], nb.uint8[:, ::1])
def standardised_regression(
    tile: FloatArray, floors: FloatArray, min_valid: int, out: npt.NDArray[np.float64], r2: FloatArray,
    count: FloatArray, status: npt.NDArray[np.uint8],
) -> None:  # fmt: skip
    """Columns by driver: coefficient, share of R2; beside them R2, and n. ``tile`` as for the contributions.

    All subsets of the drivers are compared in the coordinates of one orthonormal basis, which keeps the accuracy of
    orthogonal projection at the cost of a small matrix.
    """
    (cells, size), steps = status.shape, tile.shape[1]
    valid, rows, units = np.empty(steps, np.bool_), np.empty((size + 1, steps)), np.empty((size + 1, steps))
    basis, axes, counted = np.empty((size, steps)), np.empty((1 << size, size)), np.arange(size)
    coordinates, goal, own = np.empty((size, size)), np.empty(size), np.empty(size)
    used, parts = np.empty(size, np.int64), np.empty(size, np.int64)
    explained, members, weights = np.zeros(1 << size), np.zeros(1 << size, np.int64), np.empty(size)
    for cell in range(cells):
        flags = status[cell]
        r2[cell] = math.nan
        for j in range(size):
            fill(out[cell, j], math.nan)
        gather_lane(tile, cell, rows)
        n, target_length = complete_cases(rows, floors, min_valid, valid, units, flags)
        count[cell] = n
        if n < min_valid:
            continue
        constant = target_length == 0.0
        m = _coordinates(units, flags, basis, counted, coordinates, goal, used)
        _explained_by_subsets(coordinates, goal, m, axes, parts, explained, members)
        if not constant:
            r2[cell] = explained[(1 << m) - 1]
        for p in range(m):
            others = (1 << m) - 1 - (1 << p)
            copy(coordinates[p], own)
            length = project_out(own, axes, parts, _parts(others, parts))
            if length <= COLLINEAR_BELOW:
                flags[used[p]] = COLLINEAR
            elif not constant:
                out[cell, used[p], 0] = dot(own, goal) / (length * length)
                out[cell, used[p], 1] = _share(p, m, explained, members, weights)
