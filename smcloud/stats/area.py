"""The area of the cells of a latitude-longitude grid."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import xarray as xr

from smcloud.errors import GridError
from smcloud.stats.time_axis import FloatArray

EARTH_RADIUS_KM = 6371.0072


def cell_area(
    lat: xr.DataArray,
    lon: xr.DataArray,
    lat_bounds: xr.DataArray | None = None,
    lon_bounds: xr.DataArray | None = None,
    chunks: Mapping[Hashable, tuple[int, ...]] | None = None,
) -> xr.DataArray:
    """Compute the area of every cell of a latitude-longitude grid on the sphere.

    It is R^2 dlon (sin lat2 - sin lat1) with R = 6371.0072 km. Coordinates may be float32; the result is float64 and
    has no NaN.

    Parameters
    ----------
    lat, lon : xarray.DataArray
        Centres of the cells in degrees, one-dimensional, ascending or descending.
    lat_bounds, lon_bounds : xarray.DataArray, optional
        Edges of the cells in degrees: the dimension of the centres and one of two edges. Without them the centres must
        be evenly spaced; edges then lie half-way between the centres, latitudes clipped to +-90.
    chunks : mapping, optional
        Lengths of the dask chunks along the two dimensions; given, the result is lazy.

    Returns
    -------
    xarray.DataArray
        ``cell_area`` over (lat, lon), km2.

    Raises
    ------
    GridError
        Without bounds the centres are uneven, or there is one only; bounds do not fit their centres; an edge lies
        beyond a pole; a cell has no area.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import cell_area
    >>> lat = xr.DataArray(np.arange(-89.5, 90), dims="lat", name="lat")
    >>> lon = xr.DataArray(np.arange(-179.5, 180), dims="lon", name="lon")
    >>> area = cell_area(lat, lon)
    >>> print(f"{float(area.sum()):,.0f} km2, {float(area[90, 0]):,.0f} km2 at the equator")
    510,065,625 km2, 12,364 km2 at the equator
    """
    south, north = _edges(lat, lat_bounds)
    west, east = _edges(lon, lon_bounds)
    if lat_bounds is None:
        south, north = np.clip(south, -90, 90), np.clip(north, -90, 90)
    width = np.abs(east - west)
    if width.size > 2:  # the shorter way round, where the edges lie on both sides of the date line or of Greenwich
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
