"""Cell areas, and area-weighted sums that no chunking and no number of workers can change by a bit."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud import chunking
from smcloud.errors import GridError
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

EARTH_RADIUS_KM = 6371.0072
BLOCK = chunking.CHUNK
# Sums over one block and over all: of weight times value, of weight, of cells.
SUMS = ("sum", "covered_area", "n_cells")


def cell_area(
    lat: xr.DataArray,
    lon: xr.DataArray,
    lat_bounds: xr.DataArray | None = None,
    lon_bounds: xr.DataArray | None = None,
    chunks: Mapping[Hashable, tuple[int, ...]] | None = None,
) -> xr.DataArray:
    """Area of each cell of a latitude-longitude grid, in km2: R^2 dlon (sin lat2 - sin lat1), R = 6371.0072 km.

    ``lat`` and ``lon`` are one-dimensional centres in degrees, in either order; bounds have a second dimension of two
    edges. Without bounds the centres must be evenly spaced: edges lie half-way between them, latitudes clipped to +-90.
    Returns float64 (lat, lon), without NaN; lazy where ``chunks`` of the two dimensions are given.

    Raises :class:`GridError` for uneven or single centres without bounds, edges beyond the poles, cells without area.
    """
    south, north = _edges(lat, lat_bounds)
    west, east = _edges(lon, lon_bounds)
    if lat_bounds is None:
        south, north = np.clip(south, -90, 90), np.clip(north, -90, 90)
    width = np.abs(east - west)
    if width.size > 2:  # edges on both sides of the date line or of Greenwich
        width = np.minimum(width, 360 - width)
    height = np.abs(np.sin(np.radians(north)) - np.sin(np.radians(south)))
    if np.any(np.abs(np.concatenate([south, north])) > 90 + 1e-9) or np.any(height <= 0) or np.any(width <= 0):
        raise GridError(
            "a cell has no area on the globe",
            where=f"{lat.name}, {lon.name}",
            found=f"latitudes {south.min()} to {north.max()}, cells {width.min()} to {width.max()} degrees wide",
            expected="edges within -90 and 90, each cell with two different edges",
        )
    rows = xr.DataArray(EARTH_RADIUS_KM**2 * height, dims=lat.dims)
    columns = xr.DataArray(np.radians(width), dims=lon.dims)
    if chunks is not None:
        rows, columns = (da.chunk({dim: chunks[dim] for dim in da.dims}) for da in (rows, columns))
    area = (rows * columns).assign_coords({lat.dims[0]: lat, lon.dims[0]: lon}).rename("cell_area")
    return area.assign_attrs(standard_name="cell_area", units="km2")


def _edges(centres: xr.DataArray, bounds: xr.DataArray | None) -> tuple[FloatArray, FloatArray]:
    if bounds is not None:
        if not set(centres.dims) <= set(bounds.dims) or sorted(bounds.shape) != sorted((centres.size, 2)):
            raise GridError(
                "bounds do not fit their centres",
                where=str(bounds.name),
                found=dict(bounds.sizes),
                expected={**centres.sizes, "edges": 2},
            )
        edges = bounds.transpose(*centres.dims, ...).to_numpy().astype(np.float64)
        return edges[:, 0], edges[:, 1]
    values = centres.to_numpy().astype(np.float64)
    steps = np.diff(values)
    if steps.size == 0 or np.any(np.abs(steps - steps.mean()) > 1e-3 * abs(steps.mean())):
        raise GridError(
            "cell edges cannot be told from these centres",
            where=str(centres.name),
            found="one centre" if steps.size == 0 else f"steps from {steps.min()} to {steps.max()} degrees",
            expected="two or more evenly spaced centres",
            next="give the bounds",
        )
    middles = (values[1:] + values[:-1]) / 2
    edges = np.concatenate([[values[0] - steps[0] / 2], middles, [values[-1] + steps[-1] / 2]])
    return edges[:-1], edges[1:]


def area_weighted_series(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.Dataset:
    """Area-weighted mean of each group of cells, for every step.

    ``da`` (time, lat, lon), or any dimensions before lat and lon; ``weights`` (lat, lon) in km2; ``groups``
    (region, lat, lon), true or 1 where a cell belongs, regions may overlap. Returns over (region, time): ``mean`` =
    sum(w x)/sum(w), ``covered_area`` = sum(w) in km2, ``n_cells`` (int64), all over the cells with a value.

    NaN rule: non-finite values and cells without a positive weight do not count; no cell: mean NaN, area 0. Lazy for
    dask input; bit-identical for any chunks, see :func:`area_weighted_sums`. Raises :class:`GridError`.
    """
    sums = area_weighted_sums(da, weights, groups)
    mean = sums["sum"] / sums["covered_area"].where(sums["covered_area"] > 0)
    return xr.Dataset({"mean": mean, "covered_area": sums["covered_area"], "n_cells": sums["n_cells"]})


def area_weighted_sums(da: xr.DataArray, weights: xr.DataArray, groups: xr.DataArray) -> xr.Dataset:
    """``sum`` of w x, ``covered_area`` = sum of w, and ``n_cells`` over the cells with a value, per group.

    Arguments and NaN rule as :func:`area_weighted_series`; the result has the group dimension, then those of ``da``
    before lat and lon (which may be none). Partial sums run over fixed blocks of 180 x 180 cells counted from the
    array's origin, and are added with ``math.fsum``: chunks and workers do not change a bit. Other chunks are brought
    to these blocks. Raises :class:`GridError` where the coordinates differ.
    """
    regions = [dim for dim in groups.dims if dim not in weights.dims]
    cells = set(weights.dims)
    if len(cells) != 2 or len(regions) != 1 or not cells <= set(da.dims) or not cells <= set(groups.dims):
        raise GridError(
            "field, weights and groups do not have the same two dimensions of cells",
            where=str(da.name or "field"),
            found=f"{da.dims}, {weights.dims}, {groups.dims}",
            expected="(..., lat, lon), (lat, lon), (region, lat, lon)",
        )
    (lat, lon), region = weights.dims, regions[0]
    try:
        xr.align(da, weights, groups, join="exact", copy=False)
    except ValueError as err:
        raise GridError(
            "field, weights and groups lie on different grids",
            where=f"{lat}, {lon}",
            found=str(err),
            expected="the same coordinates",
            next="make weights and groups on the grid of the field",
        ) from err
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


def _totals(values: Block, weights: Block, groups: Block) -> FloatArray:
    """(3, group, step) of (step, lat, lon), (lat, lon) and (group, lat, lon)."""
    starts = [(i, j) for i in range(0, weights.shape[0], BLOCK) for j in range(0, weights.shape[1], BLOCK)]
    blocks = [(..., slice(i, i + BLOCK), slice(j, j + BLOCK)) for i, j in starts]
    partial = [_block_sums(values[block], weights[block], groups[block]) for block in blocks]
    return _add_blocks(np.concatenate(partial, axis=-1))


def _lazy_totals(values: Any, weights: Any, groups: Any) -> Any:
    """As :func:`_totals` for dask arrays in chunks of BLOCK x BLOCK cells, all groups in one."""
    import dask.array

    blockwise: Any = dask.array.blockwise
    partial = blockwise(
        _block_sums, "sgtij", values, "tij", weights, "ij", groups, "gij",
        new_axes={"s": len(SUMS)}, adjust_chunks={"i": 1, "j": 1}, concatenate=True, meta=np.empty((0,) * 5),
    )  # fmt: skip
    return partial.rechunk({-2: -1, -1: -1}).map_blocks(_add_blocks, drop_axis=(3, 4), dtype=np.float64)


def _block_sums(values: Block, weights: Block, groups: Block) -> FloatArray:
    """(3, group, step, 1, 1) of one block, or of a part of its steps."""
    from smcloud.stats.engine import area_kernels

    out = np.empty((len(SUMS), groups.shape[0], values.shape[0]))
    area_kernels.weighted_sums(values, weights, groups, out)
    return out[..., np.newaxis, np.newaxis]


def _add_blocks(partial: FloatArray) -> FloatArray:
    """Sum over the blocks (the last two axes), exactly rounded."""
    rows = partial.reshape(-1, math.prod(partial.shape[-2:]))
    return np.array([math.fsum(row) for row in rows.tolist()]).reshape(partial.shape[:-2])
