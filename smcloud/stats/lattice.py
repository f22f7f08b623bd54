"""Area by class on a fixed lattice of the globe, and on tiles of it that are drawn with replacement.

Everything here takes and returns numpy arrays of a map that is loaded: a map of classes is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from smcloud.stats.time_axis import FloatArray

# Degrees. The edges of both begin at the south pole and at 180 degrees west, so a tile is 10 x 10 cells of the lattice.
STEP, TILE = 2, 20
ROWS, COLUMNS = 180 // STEP, 360 // STEP


def areas_by_class(
    code: npt.NDArray[Any], area: FloatArray, lat: FloatArray, lon: FloatArray, codes: Sequence[int]
) -> FloatArray:
    """Sum the area of the cells of each class on the lattice: (90, 180, len(codes)), in the unit of ``area``.

    ``code`` and ``area`` are (lat, lon), ``lat`` and ``lon`` the centres in degrees, longitudes of any turn. A cell
    belongs to the lattice cell, and so to the tile, that holds its centre; the north pole to the last row. Cells of
    other codes do not count. The order of the sums is that of the cells in the map.
    """
    places = places_of(lat, lon)
    out = np.empty((ROWS, COLUMNS, len(codes)))
    for position, value in enumerate(codes):
        held = code == value
        out[..., position] = np.bincount(places[held], area[held], ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    return out


def places_of(lat: FloatArray, lon: FloatArray) -> npt.NDArray[np.int64]:
    """Return the place on the lattice, counted row by row from the south, of the cells (lat, lon) with these centres.

    Degrees, longitudes of any turn; the north pole belongs to the last row.
    """
    row = np.clip(np.floor((lat + 90) / STEP), 0, ROWS - 1).astype(np.int64)
    column = np.floor((lon + 180) % 360 / STEP).astype(np.int64) % COLUMNS
    return row[:, np.newaxis] * COLUMNS + column


def tiles_of(lattice: FloatArray) -> FloatArray:
    """Add up the lattice (90, 180, class) over tiles of 20 degrees: (162, class)."""
    side = TILE // STEP
    parts = lattice.reshape(ROWS // side, side, COLUMNS // side, side, -1)
    return parts.sum(axis=(1, 3)).reshape(-1, lattice.shape[-1])


def draw_tiles(tiles: FloatArray, replicates: int, seed: int) -> FloatArray:
    """Draw tiles (tile, class) with replacement, as many as hold any area, and add them up: (replicate, class).

    Tiles without area are never drawn. The same arguments give the same sums.
    """
    held = tiles[tiles.sum(axis=-1) > 0]
    drawn = np.random.default_rng(seed).integers(len(held), size=(replicates, len(held)))
    total: FloatArray = held[drawn].cumsum(axis=1)[:, -1]  # a cumulative sum adds in the order of the draws
    return total


def limits_of(values: FloatArray, alpha: float) -> tuple[float, float]:
    """Return the ``alpha``/2 and 1 - ``alpha``/2 quantiles of ``values``; NaN does not count.

    A limit that is infinite bounds nothing and is NaN; both are, where there is no value.
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        return np.nan, np.nan
    with np.errstate(invalid="ignore"):  # between two infinite values
        lower, upper = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return (lower if np.isfinite(lower) else np.nan), (upper if np.isfinite(upper) else np.nan)
