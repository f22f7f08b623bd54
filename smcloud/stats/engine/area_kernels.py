"""Area-weighted sums of the cells of regions: of the values, 32 steps side by side, and of their common course."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import LINE, ROWS, FloatArray, IntArray

LANES = 32
# Rows of a group's work space; constant offsets show the compiler that they do not overlap.
COVER, CELLS = LANES, 2 * LANES
WORK_SIZE = 3 * LANES


def weighted_sums(
    values: npt.NDArray[Any],
    weights: npt.NDArray[np.generic],
    groups: npt.NDArray[np.bool_],
    out: FloatArray,
) -> None:
    """Per group and step, over the valid cells in order: sum of w x, sum of w, number.

    ``values`` (step, lat, lon), ``weights`` (lat, lon) and ``groups`` (group, lat, lon) are any views; ``out``
    (3, group, step). A cell without a positive weight does not count.
    """
    add = _add_float32 if values.dtype == np.float32 else _add_float64
    values = values if values.dtype == np.float32 else values.astype(np.float64, copy=False)
    area = np.ascontiguousarray(weights, dtype=np.float64).ravel()
    starts, which = _memberships(area, groups)
    work = np.empty((groups.shape[0], WORK_SIZE))
    for start in range(0, values.shape[0], LANES):
        inside = slice(start, min(start + LANES, values.shape[0]))
        work[:] = 0.0
        add(values[inside], area, starts, which, work)
        sums = work.reshape(-1, 3, LANES)[:, :, : inside.stop - start]
        out[:, :, inside] = sums.transpose(1, 0, 2)


def course_sums(
    values: npt.NDArray[Any], weights: npt.NDArray[Any], groups: npt.NDArray[np.bool_], out: FloatArray
) -> None:
    """Per group, the normal equations of x(cell, step) = a(cell) + b(step) + e once the a are eliminated.

    ``out`` (group, step, step + 1): the matrix, and the right side as its last column. Views and weights as in
    :func:`weighted_sums`; non-finite values are missing.
    """
    area = np.ascontiguousarray(weights, dtype=np.float64).ravel()
    starts, which = _memberships(area, groups)
    rows = np.ascontiguousarray(values.reshape(values.shape[0], -1).T, dtype=np.float64)
    out[:] = 0.0
    _add_courses(rows, area, starts, which, out)


def _memberships(area: FloatArray, groups: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Where each cell's groups begin in the second, and the groups, of the cells with a positive weight."""
    present = np.flatnonzero(groups.any(axis=(1, 2)))  # a block of cells holds few of many regions
    which, members = np.divmod(np.flatnonzero(groups[present]), area.size)
    kept = area[members] > 0
    which, members = present[which[kept]], members[kept]
    order = np.argsort(members.astype(np.uint16 if area.size <= 2**16 else np.int64), kind="stable")
    starts = np.zeros(area.size + 1, np.int64)
    np.cumsum(np.bincount(members, minlength=area.size), out=starts[1:])
    return starts, which[order]


def _add(values: npt.NDArray[Any], weights: FloatArray, starts: IntArray, groups: IntArray, work: FloatArray) -> None:
    """Add each cell of ``values`` (step, lat, lon) to the work space of the groups that it belongs to."""
    steps, rows, columns = values.shape
    lane = np.zeros(LANES)
    for row in range(rows):
        for column in range(columns):
            cell = row * columns + column
            if starts[cell] == starts[cell + 1]:
                continue
            for k in range(steps):
                lane[k] = values[k, row, column]
            weight = weights[cell]
            for member in range(starts[cell], starts[cell + 1]):
                w = work[groups[member]]
                for k in range(LANES):
                    x = lane[k]
                    valid = abs(x) < math.inf
                    w[k] += weight * x if valid else 0.0
                    w[COVER + k] += weight if valid else 0.0
                    w[CELLS + k] += 1.0 if valid else 0.0


def _any_strides(dtype: Any) -> Any:
    return nb.types.Array(dtype, 3, "A", readonly=True)


_MEMBERS = (LINE, read_only(nb.int64, 1), read_only(nb.int64, 1), nb.float64[:, ::1])
_add_float32 = kernel(_any_strides(nb.float32), *_MEMBERS)(_add)
_add_float64 = kernel(_any_strides(nb.float64), *_MEMBERS)(_add)


@kernel(ROWS, LINE, read_only(nb.int64, 1), read_only(nb.int64, 1), nb.float64[:, :, ::1])
def _add_courses(rows: FloatArray, weights: FloatArray, starts: IntArray, groups: IntArray, out: FloatArray) -> None:
    steps = rows.shape[1]
    complete, at = np.zeros(out.shape[0]), np.empty(steps, np.int64)
    for cell in range(rows.shape[0]):
        if starts[cell] == starts[cell + 1]:
            continue
        n, mean = 0, 0.0
        for k in range(steps):
            if abs(rows[cell, k]) < math.inf:
                at[n] = k
                mean += rows[cell, k]
                n += 1
        mean /= max(n, 1)
        for member in range(starts[cell], starts[cell + 1]):
            sums, w = out[groups[member]], weights[cell]
            for i in range(n):
                sums[at[i], steps] += w * (rows[cell, at[i]] - mean)
            if n == steps:
                complete[groups[member]] += w
                continue
            for i in range(n):
                sums[at[i], at[i]] += w
                for j in range(n):
                    sums[at[i], at[j]] -= w / n
    for group in range(out.shape[0]):
        for k in range(steps):
            out[group, k, k] += complete[group]
            for j in range(steps):
                out[group, k, j] -= complete[group] / steps
