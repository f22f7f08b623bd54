"""Area-weighted means and sums that no chunking and no number of workers can change by a bit."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud import chunking
from smcloud.errors import GridError
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

BLOCK = chunking.CHUNK
# Sums over one block and over all: of weight times value, of weight, of cells.
SUMS = ("sum", "covered_area", "n_cells")


def area_weighted_series(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.Dataset:
    """Average each group of cells, weighted by area, at every step.

    Non-finite values and cells without a positive weight do not count. Values may be float32; sums and means are
    float64. Any chunks are allowed, along time too, and the result is bit-identical for all of them (see
    :func:`area_weighted_sums`). Lazy for dask input.

    Parameters
    ----------
    da : xarray.DataArray
        Field (time, lat, lon), or with any dimensions before lat and lon, in any unit.
    weights : xarray.DataArray
        Area of the cells (lat, lon), km2.
    groups : xarray.DataArray
        (region, lat, lon), true or 1 where a cell belongs to the region; regions may overlap.

    Returns
    -------
    xarray.Dataset
        Over (region, time), or region and the dimensions of ``da`` before lat and lon, over the cells with a value:

        - ``mean``: sum(w x)/sum(w), unit of ``da``; NaN where no cell has a value
        - ``covered_area``: sum(w), km2; 0 where no cell has a value
        - ``n_cells``: number of cells, int64

    Raises
    ------
    GridError
        The three do not share the two dimensions of the cells, or lie on different coordinates.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import area_weighted_series
    >>> field = xr.DataArray([[[0.1, 0.3], [0.2, np.nan]]], dims=("time", "lat", "lon"))
    >>> weights = xr.DataArray([[3.0, 1.0], [2.0, 2.0]], dims=("lat", "lon"))
    >>> everywhere = xr.ones_like(weights, bool).expand_dims("region")
    >>> out = area_weighted_series(field, weights, everywhere)
    >>> print(f"{float(out['mean'][0, 0]):.3f}", float(out.covered_area[0, 0]), int(out.n_cells[0, 0]))
    0.167 6.0 3
    """
    sums = area_weighted_sums(da, weights, groups)
    mean = sums["sum"] / sums["covered_area"].where(sums["covered_area"] > 0)
    return xr.Dataset({"mean": mean, "covered_area": sums["covered_area"], "n_cells": sums["n_cells"]})


def area_weighted_sums(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.Dataset:
    """Sum area times value, area, and cells with a value, for each group of cells.

    Partial sums run over fixed blocks of 180 x 180 cells counted from the origin of the array and are added with
    ``math.fsum``, so that neither chunks nor workers change a bit; other chunks are brought to these blocks. Non-finite
    values and cells without a positive weight do not count. Values may be float32; sums are float64. Lazy for dask
    input.

    Parameters
    ----------
    da, weights, groups : xarray.DataArray
        Field (..., lat, lon) in any unit, area of the cells (lat, lon) in km2, and members of the regions
        (region, lat, lon), as in :func:`area_weighted_series`; the field may have no dimension before lat and lon.

    Returns
    -------
    xarray.Dataset
        Over region, then the dimensions of ``da`` before lat and lon:

        - ``sum``: sum of w x, unit of ``da`` times km2; 0 where no cell has a value
        - ``covered_area``: sum of w over the cells with a value, km2
        - ``n_cells``: number of these cells, int64

    Raises
    ------
    GridError
        Field, weights and groups have no two dimensions in common, or differ in their coordinates.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import area_weighted_sums
    >>> field = xr.DataArray([[1.0, 0.0], [1.0, np.nan]], dims=("lat", "lon"))
    >>> weights = xr.DataArray([[3.0, 1.0], [2.0, 2.0]], dims=("lat", "lon"))
    >>> north = xr.DataArray([[[True, True], [False, False]]], dims=("region", "lat", "lon"))
    >>> out = area_weighted_sums(field, weights, north)
    >>> print({name: out[name].values.tolist() for name in out})
    {'sum': [3.0], 'covered_area': [4.0], 'n_cells': [2]}
    """
    region = require_same_cells(da, weights, groups)
    lat, lon = weights.dims
    cells = set(weights.dims)
    leading = [dim for dim in da.dims if dim not in cells]
    fields = [da.transpose(*leading, lat, lon), weights, groups.transpose(region, lat, lon).astype(bool, copy=False)]
    lazy = any(field.chunks for field in fields)
    if lazy:
        blocks: dict[Hashable, int] = {lat: BLOCK, lon: BLOCK}
        fields = [field.chunk(blocks) for field in fields[:2]] + [fields[2].chunk({region: -1, **blocks})]
    values, area, members = (field.data for field in fields)
    shape = tuple(da.sizes[dim] for dim in leading)
    values = values.reshape(math.prod(shape), *area.shape)
    totals = _lazy_totals(values, area, members) if lazy else _totals(values, area, members)
    coords = {
        name: coordinate
        for source in (da, groups)
        for name, coordinate in source.coords.items()
        if not cells & set(coordinate.dims)
    }
    data = {name: ((region, *leading), totals[i].reshape(groups.sizes[region], *shape)) for i, name in enumerate(SUMS)}
    dataset = xr.Dataset(data, coords)
    return dataset.assign(n_cells=dataset["n_cells"].astype(np.int64))


def require_same_cells(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> Hashable:
    """Return the dimension of the regions; raises :class:`GridError` unless the three share their cells."""
    regions = [dim for dim in groups.dims if dim not in weights.dims]
    cells = set(weights.dims)
    if len(cells) != 2 or len(regions) != 1 or not cells <= set(da.dims) or not cells <= set(groups.dims):
        raise GridError(
            "field, weights and groups do not have the same two dimensions of cells",
            where=str(da.name or "field"),
            found=f"{da.dims}, {weights.dims}, {groups.dims}",
            expected="(..., lat, lon), (lat, lon), (region, lat, lon)",
        )
    try:
        xr.align(da, weights, groups, join="exact", copy=False)
    except ValueError as err:
        raise GridError(
            "field, weights and groups lie on different grids",
            where=", ".join(map(str, weights.dims)),
            found=str(err),
            expected="the same coordinates",
            next="make weights and groups on the grid of the field",
        ) from err
    return regions[0]


def _totals(values: Block, weights: Block, groups: Block) -> FloatArray:
    """(3, group, step) of (step, lat, lon), (lat, lon) and (group, lat, lon)."""
    starts = [(i, j) for i in range(0, weights.shape[0], BLOCK) for j in range(0, weights.shape[1], BLOCK)]
    blocks = [(..., slice(i, i + BLOCK), slice(j, j + BLOCK)) for i, j in starts]
    partial = [_block_sums(values[block], weights[block], groups[block]) for block in blocks]
    return add_blocks(np.concatenate(partial, axis=-1))


def _lazy_totals(values: Any, weights: Any, groups: Any) -> Any:
    """As :func:`_totals` for dask arrays in chunks of BLOCK x BLOCK cells, all groups in one."""
    import dask.array

    blockwise: Any = dask.array.blockwise
    partial = blockwise(
        _block_sums, "sgtij", values, "tij", weights, "ij", groups, "gij",
        new_axes={"s": len(SUMS)}, adjust_chunks={"i": 1, "j": 1}, concatenate=True, meta=np.empty((0,) * 5),
    )  # fmt: skip
    return partial.rechunk({-2: -1, -1: -1}).map_blocks(add_blocks, drop_axis=(3, 4), dtype=np.float64)


def _block_sums(values: Block, weights: Block, groups: Block) -> FloatArray:
    """(3, group, step, 1, 1) of one block, or of a part of its steps."""
    from smcloud.stats.engine import area_kernels

    out = np.empty((len(SUMS), groups.shape[0], values.shape[0]))
    area_kernels.weighted_sums(values, weights, groups, out)
    return out[..., np.newaxis, np.newaxis]


def add_blocks(partial: FloatArray) -> FloatArray:
    """Sum over the blocks (the last two axes), exactly rounded."""
    rows = partial.reshape(-1, math.prod(partial.shape[-2:]))
    return np.array([math.fsum(row.tolist()) for row in rows]).reshape(partial.shape[:-2])
