"""Conservative, area-weighted regridding between regular latitude-longitude grids.

Cell areas factor into a part of latitude (difference of sines) and a part of longitude, and so do the
overlaps of two grids: a sparse matrix for each axis does the whole work. Longitude is periodic, and a
node on a pole owns the half cell below it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from smcloud.cube.axes import cell_edges, edges, lat_edges, steps_of

if TYPE_CHECKING:
    import scipy.sparse  # half a second that a run whose work is done already need not spend


Steps = tuple[float | None, float | None]  # of a source's axis and a target's, which those of one cell need


def lat_overlap(source: np.ndarray, target: np.ndarray, steps: Steps = (None, None)) -> scipy.sparse.csr_array:
    """Compute the (target, source) overlap of latitude cells in sin(latitude); centres in degrees, ascending."""
    a, b = (np.sin(np.radians(lat_edges(*axis))) for axis in zip((source, target), steps, strict=True))
    return _overlap(a, b)


def lon_overlap(source: np.ndarray, target: np.ndarray, steps: Steps = (None, None)) -> scipy.sparse.csr_array:
    """Compute the (target, source) overlap of longitude cells in degrees, across the date line too."""
    import scipy.sparse

    a, b = (edges(*axis) for axis in zip((source, target), steps, strict=True))
    total = _overlap(a, b)
    for turn in (-360.0, 360.0):
        total = total + _overlap(a + turn, b)
    return scipy.sparse.csr_array(total)


def _overlap(a: np.ndarray, b: np.ndarray) -> scipy.sparse.csr_array:
    """(len(b) - 1, len(a) - 1) widths shared by the cells between the edges ``a`` and those between ``b``."""
    import scipy.sparse

    cuts = np.union1d(a, b)
    width, middle = np.diff(cuts), (cuts[1:] + cuts[:-1]) / 2
    source, target = np.searchsorted(a, middle) - 1, np.searchsorted(b, middle) - 1
    inside = (source >= 0) & (source < len(a) - 1) & (target >= 0) & (target < len(b) - 1)
    # Edges that differ only by rounding must not make a sliver of a cell.
    inside &= width >= 1e-9 * np.abs(np.diff(b)).max()
    cells = (target[inside], source[inside])
    return scipy.sparse.csr_array((width[inside], cells), shape=(len(b) - 1, len(a) - 1))


def regrid(da: xr.DataArray, lat: np.ndarray, lon: np.ndarray, min_valid_share: float = 0.5) -> xr.DataArray:
    """Compute the area-weighted mean of ``da`` (..., lat, lon) over the cells of the target grid, lazily.

    Both grids ascending, in degrees; returns float64 (..., lat, lon). Missing source values do not
    count; a target cell with less than ``min_valid_share`` of its area under valid source cells is NaN.
    A constant field stays constant, and with complete input the global area-weighted mean is kept.
    """
    if same_grid(da, lat, lon):
        return da.astype(np.float64).assign_coords(lat=lat, lon=lon)
    da = da.transpose(..., "lat", "lon")
    steps = list(zip(steps_of(da["lat"].values, da["lon"].values), steps_of(lat, lon), strict=True))
    weights_lat = lat_overlap(da["lat"].values, lat, steps[0])
    weights_lon = lon_overlap(da["lon"].values, lon, steps[1])
    rows, columns = cell_edges(lat, lon)
    area = np.outer(np.diff(np.sin(np.radians(rows))), np.diff(columns))
    if not da.chunks:
        data = _mean(da.data, weights_lat, weights_lon, area, min_valid_share)
    else:
        data = _blocks(da, lat, lon, weights_lat=weights_lat, weights_lon=weights_lon, area=area, share=min_valid_share)
    coords = {name: c for name, c in da.coords.items() if not {"lat", "lon"} & set(c.dims)}
    return xr.DataArray(data, dims=da.dims, coords=coords | {"lat": lat, "lon": lon}, name=da.name, attrs=da.attrs)


def regrid_classes(da: xr.DataArray, classes: Sequence[int], lat: np.ndarray, lon: np.ndarray) -> xr.DataArray:
    """Find the class with the largest area in each target cell, lazily; ``da`` (lat, lon) holds class codes.

    Of equal areas the class listed first wins. NaN where less than half of the cell has a class of the list.
    """
    if same_grid(da, lat, lon):
        return da.where(da.isin(list(classes))).astype(np.float64).assign_coords(lat=lat, lon=lon)
    shares = [regrid((da == code).astype(np.float64), lat, lon, 0.0) for code in classes]
    stacked = xr.concat(shares, "class").round(9)  # equal areas stay equal, whatever their rounding
    codes = xr.DataArray(np.asarray(classes, np.float64), dims="class")
    if stacked.chunks:
        stacked = stacked.chunk({"class": -1})
        codes = codes.chunk({"class": -1})
    best = codes.isel({"class": stacked.fillna(0.0).argmax("class")})
    return best.where(stacked.sum("class") >= 0.5)


def regrid_bits(da: xr.DataArray, bits: int, lat: np.ndarray, lon: np.ndarray) -> xr.DataArray:
    """Regrid sets as ``bits`` bits (..., lat, lon; int32, 0 unknown) to the target grid, lazily.

    A member belongs to the set of a target cell where it is in at least half of the cell's area with a known set.
    """
    if same_grid(da, lat, lon):
        return da.assign_coords(lat=lat, lon=lon)
    known = da > 0
    sets = [regrid(((da & (1 << k)) > 0).where(known).astype(np.float64), lat, lon, 0.0) for k in range(bits)]
    members = [(share >= 0.5 - 1e-9).astype(np.int32) << k for k, share in enumerate(sets)]
    return functools.reduce(operator.or_, members)


def same_grid(da: xr.DataArray, lat: np.ndarray, lon: np.ndarray) -> bool:
    """Return whether ``da`` already lies on the target grid (to 1e-6 degrees)."""
    pairs = ((da["lat"].values, lat), (da["lon"].values, lon))
    return all(len(a) == len(b) and bool(np.allclose(a, b, rtol=0, atol=1e-6)) for a, b in pairs)


def _blocks(
    da: xr.DataArray,
    lat: np.ndarray,
    lon: np.ndarray,
    *,
    weights_lat: scipy.sparse.csr_array,
    weights_lon: scipy.sparse.csr_array,
    area: np.ndarray,
    share: float,
) -> Any:
    """One block of the target for each chunk of the source, from that chunk and the neighbours' margins alone.

    The rows and columns of a window keep their order, so the sums are those of the whole grid, bit by bit.
    """
    import dask.array
    import scipy.sparse

    outer = cell_edges(da["lat"].values, da["lon"].values)
    rows = _windows(outer[0], da.chunksizes["lat"], lat, weights_lat)
    columns = _windows(outer[1], da.chunksizes["lon"], lon, weights_lon)
    grid = []
    for target_rows, (source_rows,) in rows:
        line = []
        for target_columns, source_columns in columns:
            parts = [da.data[..., source_rows, part] for part in source_columns]
            window = dask.array.concatenate(parts, axis=-1).rechunk({-2: -1, -1: -1})
            block = window.map_blocks(
                _mean,
                weights_lat[target_rows, source_rows],
                scipy.sparse.hstack([weights_lon[target_columns, part] for part in source_columns], "csr"),
                area[target_rows, target_columns],
                share,
                chunks=(*window.chunks[:-2], *((part.stop - part.start,) for part in (target_rows, target_columns))),
                dtype=np.float64,
            )
            line.append(block)
        grid.append(line)
    return dask.array.block(grid)


def _windows(
    outer: np.ndarray, chunks: tuple[int, ...], target: np.ndarray, weights: scipy.sparse.csr_array
) -> list[tuple[slice, list[slice]]]:
    """Parts of a target axis that end where the source's chunks do, each with the source cells it needs.

    Those of a part on the date line are two runs of cells, in the axis' order.
    """
    ends = np.searchsorted(target, outer[np.cumsum(chunks)])
    ends[-1] = len(target)
    parts = []
    for start, stop in pairwise([0, *(int(end) for end in np.unique(ends[ends > 0]))]):
        cells = np.unique(weights[start:stop].indices)
        runs = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1) if cells.size else [np.zeros(1, int)]
        parts.append((slice(start, stop), [slice(int(run[0]), int(run[-1]) + 1) for run in runs]))
    return parts


def _mean(
    x: np.ndarray,
    weights_lat: scipy.sparse.csr_array,
    weights_lon: scipy.sparse.csr_array,
    area: np.ndarray,
    share: float,
) -> np.ndarray:
    total, weight = _along_lon(_along_lat(x, weights_lat), weights_lon)
    enough = (weight > 0) & (weight >= (share - 1e-9) * area)
    return np.where(enough, total / np.where(enough, weight, 1.0), np.nan)


def _along_lat(x: np.ndarray, weights: scipy.sparse.csr_array) -> np.ndarray:
    """(2, ..., target lat, lon): weighted sums of what is valid, and the weights."""
    from smcloud.cube.regrid_kernels import add_rows  # imports numba

    fields = x.reshape(-1, *x.shape[-2:])
    sums = np.zeros((len(fields), 2, weights.shape[0], x.shape[-1]))
    by_source = weights.tocsc()
    first, target = (part.astype(np.int64) for part in (by_source.indptr, by_source.indices))
    for field, out in zip(fields, sums, strict=True):
        add_rows(field, first, target, by_source.data, out)
    return sums.swapaxes(0, 1).reshape(2, *x.shape[:-2], *sums.shape[-2:])


def _along_lon(x: np.ndarray, weights: scipy.sparse.csr_array) -> np.ndarray:
    out = weights @ np.ascontiguousarray(x.reshape(-1, x.shape[-1]).T)
    return np.ascontiguousarray(out.T).reshape(*x.shape[:-1], weights.shape[0])
