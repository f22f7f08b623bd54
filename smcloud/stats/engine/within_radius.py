"""Which rows and columns of a grid lie within a radius on the sphere, and the bands of rows that are worked on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
# Of a column: centres that lie exactly on the radius belong to the neighbourhood, whatever their rounding.
ON_THE_RADIUS = 1e-6
# Rows of a band, at least, for each row within the radius: those beyond its edges are fitted by two bands.
BAND_ROWS = 1.5


def half_widths(own: FloatArray, other: FloatArray, step: float, columns: int, radius: float) -> Indices:
    """Columns to either side that lie within ``radius`` (radians) of a cell, by (its row, other row); -1 for none.

    ``own`` and ``other``, the latitudes of the rows, and ``step``, the distance of two columns, are in radians.
    """
    own, other = own[:, np.newaxis], other[np.newaxis, :]
    with np.errstate(divide="ignore", invalid="ignore"):  # at a pole every column is as near as any other
        cosine = (math.cos(radius) - np.sin(own) * np.sin(other)) / (np.cos(own) * np.cos(other))
    inside = np.abs(own - other) <= radius + ON_THE_RADIUS * step
    width = np.floor(np.arccos(np.clip(cosine, -1.0, 1.0)) / step + ON_THE_RADIUS)
    everywhere = ~np.isfinite(cosine) | (cosine <= -1.0)
    width = np.where(everywhere, columns, np.where(np.isfinite(width), width, 0))
    return np.where(inside, width, -1).astype(np.int64)


def reach(lat: FloatArray, rows: range, step: float, radius: float) -> range:
    """Return the rows that the neighbourhoods of ``rows`` touch; all in radians."""
    near = np.abs(lat[rows.start : rows.stop, np.newaxis] - lat) <= radius + ON_THE_RADIUS * step
    touched = np.flatnonzero(near.any(axis=0))
    return range(int(touched[0]), int(touched[-1]) + 1)


def bands_of(edges: Sequence[int], lat: FloatArray, step: float, radius: float) -> list[tuple[int, int]]:
    """Put rows of blocks together to bands, [first, stop); ``edges`` are the rows of the field where they begin.

    Latitudes, the distance of two columns and the radius are in radians.
    """
    middle = len(lat) // 2
    least = BAND_ROWS * len(reach(lat, range(middle, middle + 1), step, radius))
    bands, first = [], 0
    for stop in range(1, len(edges)):
        # What is left is no band of its own where it would be too small.
        if min(edges[stop] - edges[first], edges[-1] - edges[stop]) >= least or stop == len(edges) - 1:
            bands.append((first, stop))
            first = stop
    return bands
