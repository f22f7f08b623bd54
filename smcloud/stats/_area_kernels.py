"""Area-weighted sums of the cells of regions, 32 steps side by side."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.stats._compile import kernel, read_only
from smcloud.stats._kernels import LINE, FloatArray

LANES = 32
# Rows of a group's work space; constant offsets let the compiler see that they are apart.
COVER, CELLS = LANES, 2 * LANES
WORK_SIZE = 3 * LANES

IntArray = npt.NDArray[np.int64]


def weighted_sums(
    values: npt.NDArray[np.generic], weights: FloatArray, groups: npt.NDArray[np.bool_], out: FloatArray
) -> None:
    """Per group and step, over the valid cells in order: sum of w x, sum of w, number.

    ``values`` (step, cell), any view of any real numbers; ``weights`` (cell); ``groups`` (group, cell); ``out``
    (3, group, step). A cell without a positive weight does not count.
    """
    steps, cells = values.shape
    which, members = np.divmod(np.flatnonzero(groups), cells)
    order = np.argsort(members.astype(np.uint16 if cells < 2**16 else np.int64), kind="stable")
    order = order[weights[members[order]] > 0]
    which, starts = which[order], np.zeros(cells + 1, np.int64)
    np.cumsum(np.bincount(members[order], minlength=cells), out=starts[1:])
    tile = np.zeros((cells, LANES))
    work = np.zeros((groups.shape[0], WORK_SIZE))
    for start in range(0, steps, LANES):
        inside = slice(start, min(start + LANES, steps))
        size = inside.stop - start
        tile[:, :size] = values[inside].T
        work[:] = 0.0
        _add(tile, weights, starts, which, work)
        out[:, :, inside] = work.reshape(-1, 3, LANES)[:, :, :size].transpose(1, 0, 2)


@kernel(read_only(nb.float64, 2), LINE, read_only(nb.int64, 1), read_only(nb.int64, 1), nb.float64[:, ::1])
def _add(tile: FloatArray, weights: FloatArray, starts: IntArray, groups: IntArray, work: FloatArray) -> None:
    """Add each cell (row of ``tile``) to the work space of the groups that it belongs to."""
    for cell in range(weights.size):
        row, weight = tile[cell], weights[cell]
        for member in range(starts[cell], starts[cell + 1]):
            w = work[groups[member]]
            for k in range(LANES):
                x = row[k]
                valid = abs(x) < math.inf
                w[k] += weight * x if valid else 0.0
                w[COVER + k] += weight if valid else 0.0
                w[CELLS + k] += 1.0 if valid else 0.0
