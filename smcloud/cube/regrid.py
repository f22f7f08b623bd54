"""Conservative, area-weighted regridding between regular latitude-longitude grids.

Cell areas factor into a part of latitude (difference of sines) and a part of longitude, and so do the
overlaps of two grids: a sparse matrix for each axis does the whole work. Longitude is periodic, and a
node on a pole owns the half cell below it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from smcloud.cube.axes import edges, lat_edges

if TYPE_CHECKING:
    import scipy.sparse  # half a second that a run which finds its work done need not spend


def lat_overlap(source: np.ndarray, target: np.ndarray) -> scipy.sparse.csr_array:
    """(target, source) overlap of latitude cells in units of sin(latitude); centres in degrees, ascending."""
    a, b = (np.sin(np.radians(lat_edges(axis))) for axis in (source, target))
    return _overlap(a, b)


def lon_overlap(source: np.ndarray, target: np.ndarray) -> scipy.sparse.csr_array:
    """(target, source) overlap of longitude cells in degrees, across the date line too."""
    import scipy.sparse

    a, b = edges(source), edges(target)
    total = _overlap(a, b)
    for turn in (-360.0, 360.0):
        total = total + _overlap(a + turn, b)
    return scipy.sparse.csr_array(total)


def _overlap(a: np.ndarray, b: np.ndarray) -> scipy.sparse.csr_array:
    import scipy.sparse

    low = np.maximum(a[None, :-1], b[:-1, None])
    high = np.minimum(a[None, 1:], b[1:, None])
    width = np.clip(high - low, 0.0, None)
    # Edges that agree but for rounding must not make a sliver of a cell.
    width[width < 1e-9 * np.abs(np.diff(b)).max()] = 0.0
    return scipy.sparse.csr_array(width)


def regrid(da: xr.DataArray, lat: np.ndarray, lon: np.ndarray, min_valid_share: float = 0.5) -> xr.DataArray:
    """Area-weighted mean of ``da`` (..., lat, lon) over the cells of the target grid, lazily.

    Both grids ascending, in degrees; returns float64 (..., lat, lon). Missing source values do not
    count; a target cell with less than ``min_valid_share`` of its area under valid source cells is NaN.
    A constant field stays constant, and with complete input the global area-weighted mean is kept.
    """
    if same_grid(da, lat, lon):
        return da.astype(np.float64).assign_coords(lat=lat, lon=lon)
    weights_lat = lat_overlap(da["lat"].values, lat)
    weights_lon = lon_overlap(da["lon"].values, lon)
    area_lat = np.diff(np.sin(np.radians(lat_edges(lat))))
    area = area_lat[:, None] * np.diff(edges(lon))[None, :]
    out = xr.apply_ufunc(
        _mean,
        da.chunk({"lat": -1, "lon": -1}) if da.chunks else da,
        kwargs={"weights_lat": weights_lat, "weights_lon": weights_lon, "area": area, "share": min_valid_share},
        input_core_dims=[["lat", "lon"]],
        output_core_dims=[["lat", "lon"]],
        exclude_dims={"lat", "lon"},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"lat": len(lat), "lon": len(lon)}},
        keep_attrs=True,
    )
    return out.assign_coords(lat=lat, lon=lon)


def regrid_classes(da: xr.DataArray, classes: Sequence[int], lat: np.ndarray, lon: np.ndarray) -> xr.DataArray:
    """The class with the largest area in each target cell, lazily; ``da`` (lat, lon) holds class codes.

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
    """Sets as ``bits`` bits (..., lat, lon; int32, 0 unknown) on the target grid, lazily.

    A member belongs to the set of a target cell where it is in at least half of the cell's area with a known set.
    """
    if same_grid(da, lat, lon):
        return da.assign_coords(lat=lat, lon=lon)
    known = da > 0
    sets = [regrid(((da & (1 << k)) > 0).where(known).astype(np.float64), lat, lon, 0.0) for k in range(bits)]
    members = [(share >= 0.5 - 1e-9).astype(np.int32) << k for k, share in enumerate(sets)]
    return functools.reduce(operator.or_, members)


def same_grid(da: xr.DataArray, lat: np.ndarray, lon: np.ndarray) -> bool:
    """True where ``da`` already lies on the target grid (to 1e-6 degrees)."""
    pairs = ((da["lat"].values, lat), (da["lon"].values, lon))
    return all(len(a) == len(b) and bool(np.allclose(a, b, rtol=0, atol=1e-6)) for a, b in pairs)


def _mean(
    x: np.ndarray,
    weights_lat: scipy.sparse.csr_array,
    weights_lon: scipy.sparse.csr_array,
    area: np.ndarray,
    share: float,
) -> np.ndarray:
    valid = np.isfinite(x)
    total = _apply(np.where(valid, x, 0.0).astype(np.float64), weights_lat, weights_lon)
    weight = _apply(valid.astype(np.float64), weights_lat, weights_lon)
    enough = (weight > 0) & (weight >= (share - 1e-9) * area)
    return np.where(enough, total / np.where(enough, weight, 1.0), np.nan)


def _apply(x: np.ndarray, weights_lat: scipy.sparse.csr_array, weights_lon: scipy.sparse.csr_array) -> np.ndarray:
    lead = x.shape[:-2]
    flat = x.reshape(-1, *x.shape[-2:])
    n, _, columns = flat.shape
    rows = weights_lat @ flat.transpose(1, 0, 2).reshape(flat.shape[1], n * columns)
    rows = rows.reshape(-1, n, columns)
    out = weights_lon @ rows.transpose(2, 0, 1).reshape(columns, -1)
    out = out.reshape(weights_lon.shape[0], weights_lat.shape[0], n).transpose(2, 1, 0)
    return out.reshape(*lead, weights_lat.shape[0], weights_lon.shape[0])
