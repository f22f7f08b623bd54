"""Area-weighted sums by tile of 20 degrees that no chunking can change by a bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import GridError
from smcloud.stats.area_sums import BLOCK, SUMS, require_same_cells
from smcloud.stats.lattice import TILE
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

ROWS, COLUMNS = 180 // TILE, 360 // TILE
TILES = ROWS * COLUMNS


def tile_sums(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.Dataset:
    """Sum area times value, area, and cells with a value, for each group of cells and each tile of 20 degrees.

    Tiles begin at the south pole and at 180 degrees west, and a cell belongs to the tile that holds its centre, as in
    :func:`~smcloud.stats.lattice.areas_by_class`. Missing values, types, laziness, and bits that no chunking changes,
    are those of :func:`~smcloud.stats.area_weighted_sums`.

    Parameters
    ----------
    da, weights, groups : xarray.DataArray
        Field (..., lat, lon) in any unit, area of the cells (lat, lon) in km2, and members of the regions
        (region, lat, lon); ``weights`` has the coordinates of its cells, in degrees.

    Returns
    -------
    xarray.Dataset
        ``sum``, ``covered_area`` and ``n_cells`` over region, the dimensions of ``da`` before lat and lon, and
        ``tile`` (162).

    Raises
    ------
    GridError
        As :func:`~smcloud.stats.area_weighted_sums`; the cells have no coordinates.
    """
    region = require_same_cells(da, weights, groups)
    lat, lon = weights.dims
    for axis in (lat, lon):
        if axis not in weights.coords:
            raise GridError(
                "cells without coordinates lie in no tile", where=str(axis), found="none", expected="degrees"
            )
    leading = [dim for dim in da.dims if dim not in weights.dims]
    shape = tuple(da.sizes[dim] for dim in leading)
    whole = (len(SUMS), groups.sizes[region], math.prod(shape), TILES)
    fields = [da.transpose(*leading, lat, lon), weights, groups.transpose(region, lat, lon).astype(bool, copy=False)]
    south, west = (np.asarray(weights[axis].to_numpy(), np.float64) for axis in (lat, lon))
    row = np.clip(np.floor((south + 90) / TILE), 0, ROWS - 1).astype(np.int64) * COLUMNS
    column = np.floor((west + 180) % 360 / TILE).astype(np.int64) % COLUMNS
    if any(field.chunks for field in fields):
        import dask.array

        blocks = {lat: BLOCK, lon: BLOCK}
        values, area, members = (
            field.chunk({dim: -1 for dim in field.dims if dim not in blocks} | blocks).data for field in fields
        )
        blockwise: Any = dask.array.blockwise
        from_array: Any = dask.array.from_array
        partial = blockwise(
            _block_sums, "ij", values.reshape(math.prod(shape), *area.shape), "tij", area, "ij", members, "gij",
            from_array(row, BLOCK), "i", from_array(column, BLOCK), "j",
            adjust_chunks={"i": 1, "j": 1}, concatenate=True, meta=np.empty((0, 0), object),
        )  # fmt: skip
        totals = partial.rechunk(-1).map_blocks(
            _added, shape=whole, dtype=np.float64, drop_axis=(0, 1), new_axis=[0, 1, 2, 3], chunks=[(n,) for n in whole]
        )
    else:
        values, area, members = (field.data for field in fields)
        values = values.reshape(math.prod(shape), *area.shape)
        starts = [(i, j) for i in range(0, area.shape[0], BLOCK) for j in range(0, area.shape[1], BLOCK)]
        parts = [(slice(i, i + BLOCK), slice(j, j + BLOCK)) for i, j in starts]
        sums = [_block_sums(values[:, *p], area[p], members[:, *p], row[p[0]], column[p[1]]) for p in parts]
        totals = _added(np.concatenate(sums), shape=whole)
    coords = {
        name: coordinate
        for source in (da, groups)
        for name, coordinate in source.coords.items()
        if not {lat, lon} & set(coordinate.dims)
    }
    dims = (region, *leading, "tile")
    data = {name: (dims, totals[k].reshape(groups.sizes[region], *shape, TILES)) for k, name in enumerate(SUMS)}
    dataset = xr.Dataset(data, coords)
    return dataset.assign(n_cells=dataset["n_cells"].astype(np.int64))


def _block_sums(values: Block, weights: Block, groups: Block, row: Block, column: Block) -> Block:
    """The sums (3, group, step, tile) of one block, cells in their order: the places of those that are not 0, and they.

    Both as the one item of an array of objects, as a block lies in few of the tiles.
    """
    out = np.zeros((len(SUMS), groups.shape[0], values.shape[0], TILES))
    area, tile = np.asarray(weights, np.float64).ravel(), (row[:, None] + column[None, :]).ravel()
    steps, known = values.reshape(len(values), -1), area > 0
    for group in np.flatnonzero(groups.any(axis=(1, 2))):
        cells = np.flatnonzero(groups[group].ravel() & known)
        for step, field in enumerate(steps):
            own = cells[np.isfinite(field[cells])]
            at, w = tile[own], area[own]
            for place, terms in enumerate((w * field[own].astype(np.float64), w, np.ones(w.size))):
                out[place, group, step] = np.bincount(at, terms, TILES)
    sparse = np.empty((1, 1), object)
    sparse[0, 0] = (places := np.flatnonzero(out)), out.ravel()[places]
    return sparse


def _added(blocks: Block, shape: tuple[int, ...]) -> FloatArray:
    """Sum over blocks of :func:`_block_sums`, exactly rounded, as (3, group, step, tile)."""
    place, value = (np.concatenate(parts) for parts in zip(*blocks.ravel(), strict=True))
    order = np.argsort(place, kind="stable")
    there, first = np.unique(place[order], return_index=True)
    out = np.zeros(shape)
    terms = np.split(value[order], first[1:])
    out.ravel()[there] = [math.fsum(own.tolist()) for own in terms[: there.size]]
    return out
