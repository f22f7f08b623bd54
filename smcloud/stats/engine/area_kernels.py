"""Area-weighted sums of the cells of regions, 32 steps side by side."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import LINE, FloatArray, IntArray

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
    which, members = np.divmod(np.flatnonzero(groups), area.size)
    kept = area[members] > 0
    which, members = which[kept], members[kept]
    order = np.argsort(members.astype(np.uint16 if area.size <= 2**16 else np.int64), kind="stable")
    which, starts = which[order], np.zeros(area.size + 1, np.int64)
    np.cumsum(np.bincount(members, minlength=area.size), out=starts[1:])
    work = np.empty((groups.shape[0], WORK_SIZE))
    for start in range(0, values.shape[0], LANES):
        inside = slice(start, min(start + LANES, values.shape[0]))
        work[:] = 0.0
        add(values[inside], area, starts, which, work)
        sums = work.reshape(-1, 3, LANES)[:, :, : inside.stop - start]
        out[:, :, inside] = sums.transpose(1, 0, 2)


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
