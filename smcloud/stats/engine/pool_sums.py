"""Sums over the cells whose centres lie within a radius on the sphere, for every cell of a field.

Each row of the grid has prefix sums of its valid cells, so that a neighbourhood costs two lookups for each row that it
touches. The order of all sums is that of rows and columns, so no chunking changes a bit.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FloatArray

Indices = npt.NDArray[np.int64]
TABLE, POSITIONS, PLACES = read_only(nb.float64, 2), read_only(nb.int64, 2), read_only(nb.int64, 1)
# Of a column: centres that lie exactly on the radius belong to the neighbourhood, whatever their rounding.
ON_THE_RADIUS = 1e-6


def half_widths(lat: FloatArray, step: float, columns: int, radius: float) -> Indices:
    """Columns to either side that lie within ``radius`` (radians) of a cell, by (its row, other row); -1 for none.

    ``lat`` and ``step``, the distance of two columns, are in radians.
    """
    own, other = lat[:, np.newaxis], lat[np.newaxis, :]
    with np.errstate(divide="ignore", invalid="ignore"):  # at a pole every column is as near as any other
        cosine = (math.cos(radius) - np.sin(own) * np.sin(other)) / (np.cos(own) * np.cos(other))
    inside = np.abs(own - other) <= radius + ON_THE_RADIUS * step
    width = np.floor(np.arccos(np.clip(cosine, -1.0, 1.0)) / step + ON_THE_RADIUS)
    everywhere = ~np.isfinite(cosine) | (cosine <= -1.0)
    width = np.where(everywhere, columns, np.where(np.isfinite(width), width, 0))
    return np.where(inside, width, -1).astype(np.int64)


def neighbourhood_sums(terms: FloatArray, valid: npt.NDArray[np.bool_], widths: Indices, *, circle: bool) -> FloatArray:
    """Sum ``terms`` (valid cell, term) over the neighbourhood of each valid cell of a mask (lat, lon).

    ``circle`` says that the columns go once round the globe.
    """
    rows, columns = valid.shape
    before = np.zeros((rows, columns + 1), np.int64)
    np.cumsum(valid, axis=1, out=before[:, 1:])
    starts = np.concatenate([[0], np.cumsum(before[:, -1])])
    prefix = np.zeros((len(terms) + rows, terms.shape[1]))
    for row in range(rows):
        first = starts[row] + row
        np.cumsum(terms[starts[row] : starts[row + 1]], axis=0, out=prefix[first + 1 : first + 1 + before[row, -1]])
    before += (starts[:-1] + np.arange(rows))[:, np.newaxis]
    columns_of = np.nonzero(valid)[1].astype(np.int64)
    out = np.zeros_like(terms)
    _add_rows(prefix, before, widths, starts, columns_of, circle, out)
    return out


@kernel(TABLE, POSITIONS, POSITIONS, PLACES, PLACES, nb.boolean, COLUMNS)
def _add_rows(
    prefix: FloatArray, before: Indices, widths: Indices, starts: Indices, columns_of: Indices, circle: bool,
    out: FloatArray,
) -> None:  # fmt: skip
    """Add up, for each cell, the stretches of the rows that it reaches; ``before`` holds positions in ``prefix``.

    Row by row, so that the prefix sums of one row stay in the processor's cache.
    """
    columns, terms = before.shape[1] - 1, out.shape[1]
    for row in range(before.shape[0]):
        for other in range(before.shape[0]):
            width = widths[row, other]
            if width < 0:
                continue
            for cell in range(starts[row], starts[row + 1]):
                west, east = columns_of[cell] - width, columns_of[cell] + width + 1
                if east - west >= columns:
                    west, east = 0, columns
                total = out[cell]
                for turn in range(-1, 2):
                    start, stop = max(west + turn * columns, 0), min(east + turn * columns, columns)
                    if stop > start and (turn == 0 or circle):
                        low, high = prefix[before[other, start]], prefix[before[other, stop]]
                        for k in range(terms):
                            total[k] += high[k] - low[k]
