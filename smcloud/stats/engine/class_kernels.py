"""Areas by zone and direction of change for many maps of both at once: in all, and on a lattice."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import LINE, FloatArray

CodeArray = npt.NDArray[np.uint8]
CODES, MAPS = read_only(nb.uint8, 2), read_only(nb.uint8, 2)
ZONES, DIRECTIONS = 3, 2
CLASSES = ZONES * DIRECTIONS
TRANSITION = 1  # place of the transition zone among the zones
# Places of the sums after those of the classes.
ZONE, DIRECTION, DIRECTION_OUTSIDE = CLASSES, CLASSES + ZONES, CLASSES + ZONES + DIRECTIONS
COUNTED, COUNTED_OUTSIDE, VALID = CLASSES + ZONES + 2 * DIRECTIONS, CLASSES + 8, CLASSES + 9
SUMS = CLASSES + 10


@kernel(CODES, MAPS, LINE, nb.float64[:, :, ::1])
def class_sums(change: CodeArray, zone: CodeArray, area: FloatArray, out: FloatArray) -> None:
    """Add the area of each cell, in their order, to the sums that it belongs to: ``out`` (zones, change, sum).

    ``change`` (change, cell) is 0 without a trend, 1 unchanged, 2 drier, 3 wetter; ``zone`` (zones, cell) 0 none, 1
    dry, 2 transition, 3 wet. A cell without a positive area does not count. The order of the sums is that of
    :data:`smcloud.stats.class_areas.GROUPS`.
    """
    out[:] = 0.0
    for each in range(change.shape[0]):
        for cell in range(area.size):
            code, weight = change[each, cell], area[cell]
            if code == 0 or not weight > 0:
                continue
            for scheme in range(zone.shape[0]):
                place = zone[scheme, cell]
                if place == 0:
                    continue
                sums = out[scheme, each]
                sums[VALID] += weight
                if code == 1:
                    continue
                which, direction = place - 1, code - 2
                sums[which * DIRECTIONS + direction] += weight
                sums[ZONE + which] += weight
                sums[DIRECTION + direction] += weight
                sums[COUNTED] += weight
                if which != TRANSITION:
                    sums[DIRECTION_OUTSIDE + direction] += weight
                    sums[COUNTED_OUTSIDE] += weight


@kernel(CODES, MAPS, LINE, read_only(nb.int64, 1), nb.float64[:, :, :, ::1])
def class_lattice(
    change: CodeArray, zone: CodeArray, area: FloatArray, place: npt.NDArray[np.int64], out: FloatArray
) -> None:
    """Add the area of each changed cell to its class at its ``place``: ``out`` (zones, change, class, place)."""
    out[:] = 0.0
    for each in range(change.shape[0]):
        for cell in range(area.size):
            code, weight = change[each, cell], area[cell]
            if code < 2 or not weight > 0:
                continue
            for scheme in range(zone.shape[0]):
                if zone[scheme, cell] > 0:
                    which = (zone[scheme, cell] - 1) * DIRECTIONS + code - 2
                    out[scheme, each, which, place[cell]] += weight
