"""The types of arrays that kernels take, and tiles: how blocks of any layout become arrays of these types.

A tile is a part of a block as contiguous float64, with as many cells as a kernel treats at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only

Block = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

ROWS, LINE = read_only(nb.float64, 2), read_only(nb.float64, 1)
COLUMNS, FLAGS = nb.float64[:, ::1], nb.uint8[::1]


def lane_tiles(series: Block, lanes: int, stride: int = 1) -> Iterator[tuple[slice, FloatArray]]:
    """Series (cell, step), any view of any real numbers, as float64 tiles (step, lanes), and the cells in each.

    The tile is the same memory each time. Lanes beyond the last cell hold NaN, and so do steps beyond the last one, up
    to a multiple of ``stride``.
    """
    cells, steps = series.shape
    tile = np.full((-(-steps // stride) * stride, lanes), np.nan)
    for start in range(0, cells, lanes):
        inside = slice(start, min(start + lanes, cells))
        tile[:steps, inside.stop - start :] = np.nan
        copy_lanes(series[inside], tile[:steps])
        yield inside, tile


def copy_lanes(series: Block, to: FloatArray) -> None:
    """Write ``series`` (cell, step), any view of any real numbers, to the front of ``to`` (step, lanes), contiguous.

    float32 and float64 are copied by a compiled loop, because numpy is slow for many short rows.
    """
    if series.dtype == np.float32:
        _lanes_of_float32(series, to)
    elif series.dtype == np.float64:
        _lanes_of_float64(series, to)
    else:
        to[:, : series.shape[0]] = series.T


def _copy_lanes(series: FloatArray, to: FloatArray) -> None:
    for i in range(to.shape[0]):
        row = to[i]
        for k in range(series.shape[0]):
            row[k] = series[k, i]


_lanes_of_float32, _lanes_of_float64 = (
    kernel(nb.types.Array(dtype, 2, "A", readonly=True), COLUMNS)(_copy_lanes) for dtype in (nb.float32, nb.float64)
)


def row_tiles(series: Block, rows: int = 64) -> Iterator[tuple[slice, FloatArray]]:
    """As :func:`lane_tiles`, with tiles (cell, step)."""
    for start in range(0, series.shape[0], rows):
        inside = slice(start, min(start + rows, series.shape[0]))
        yield inside, np.ascontiguousarray(series[inside], dtype=np.float64)
