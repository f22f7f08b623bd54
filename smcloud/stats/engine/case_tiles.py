"""Tiles of cells: a target and its drivers as the kernels of complete cases take them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from smcloud.stats.engine.arrays import Block, FloatArray, copy_lanes
from smcloud.stats.engine.case_kernels import LANES, STRIDE
from smcloud.stats.engine.idle_drivers import settle_idle_drivers


def case_tiles(
    blocks: Sequence[Block], floors: FloatArray, min_valid: int, lags: Sequence[int] = ()
) -> Iterator[tuple[slice, FloatArray]]:
    """Target and drivers (..., step) as float64 tiles (variable, step, LANES), and the cells in each.

    A driver with a lag is moved towards later steps by that many, with NaN before its first value. The tile is the same
    memory each time. Lanes beyond the last cell hold NaN, and so do steps beyond the last one, up to a multiple of
    STRIDE. Drivers that a cell cannot use are constant there, as :mod:`smcloud.stats.engine.idle_drivers` says.
    """
    shape = np.broadcast_shapes(*(block.shape for block in blocks))
    cells, steps = math.prod(shape[:-1]), shape[-1]
    series = [np.broadcast_to(block, shape).reshape(cells, steps) for block in blocks]
    tile = np.full((len(series), -(-steps // STRIDE) * STRIDE, LANES), np.nan)
    for start in range(0, cells, LANES):
        inside = slice(start, min(start + LANES, cells))
        width = inside.stop - start
        tile[:, :steps, width:] = np.nan
        for rows, variable, lag in zip(tile, series, [0, *(lags or [0] * len(series[1:]))], strict=True):
            copy_lanes(variable[inside, : steps - lag], rows[lag:steps])
        settle_idle_drivers(tile, floors, min_valid)
        yield inside, tile
