"""Where on the earth a grid lies, for readers of any kind: CF grid mapping, ACDD extent, and the Zarr conventions.

Coordinates are geographic, on WGS 84 as their sources give them; only areas are computed on a sphere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

GRID_MAPPING = "crs"
EPSG = "EPSG:4326"
# GEOGCRS of EPSG:4326 without its history, which no reader asks for.
WKT = (
    'GEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563,'
    'LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],CS[ellipsoidal,2],'
    'AXIS["geodetic latitude (Lat)",north,ORDER[1],ANGLEUNIT["degree",0.0174532925199433]],'
    'AXIS["geodetic longitude (Lon)",east,ORDER[2],ANGLEUNIT["degree",0.0174532925199433]],ID["EPSG",4326]]'
)
WGS84: dict[str, Any] = {
    "long_name": "coordinate reference system",
    "grid_mapping_name": "latitude_longitude",
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "longitude_of_prime_meridian": 0.0,
    "crs_wkt": WKT,
    "comment": "Areas of cells are computed on the sphere of the same area.",
}


def with_grid_mapping(ds: xr.Dataset) -> xr.Dataset:
    """Give ``ds`` the scalar coordinate ``crs``, and name it in every variable over lat and lon; lazy.

    A ``ds`` without such a variable stays as it is.
    """
    maps = [name for name, da in ds.data_vars.items() if {"lat", "lon"} <= {*da.dims}]
    if not maps:
        return ds
    out = ds.assign_coords({GRID_MAPPING: xr.Variable((), np.int32(0), WGS84)})
    for name in maps:
        out[name].attrs = out[name].attrs | {"grid_mapping": GRID_MAPPING}
    return out


def extent_attributes(lat_bnds: xr.DataArray, lon_bnds: xr.DataArray) -> dict[str, Any]:
    """Return ``geospatial_*`` (ACDD-1.3) of cells with these edges: (lat, bnds) and (lon, bnds), degrees, in memory.

    ``geospatial_bounds`` goes by the edges; the limits of latitude and longitude are those of the cell centres, as
    checkers compare them with the coordinates.
    """
    west, south, east, north = _box(lat_bnds, lon_bnds)
    corners = ((south, west), (south, east), (north, east), (north, west), (south, west))
    attributes: dict[str, Any] = {
        "geospatial_bounds": f"POLYGON (({', '.join(f'{lat:.10g} {lon:.10g}' for lat, lon in corners)}))",
        "geospatial_bounds_crs": EPSG,
    }
    for bounds, units in ((lat_bnds, "degrees_north"), (lon_bnds, "degrees_east")):
        axis = str(bounds.dims[0])
        centres = bounds[axis] if axis in bounds.coords else bounds.mean("bnds")
        attributes |= {
            f"geospatial_{axis}_min": float(centres.min()),
            f"geospatial_{axis}_max": float(centres.max()),
            f"geospatial_{axis}_units": units,
        }
    steps = _steps(lat_bnds, lon_bnds)
    if steps is not None:
        attributes |= {
            f"geospatial_{axis}_resolution": abs(step) for axis, step in zip(("lat", "lon"), steps, strict=True)
        }
    return attributes


def convention_attributes(lat_bnds: xr.DataArray, lon_bnds: xr.DataArray) -> dict[str, Any]:
    """Return what the Zarr conventions ``proj`` and ``spatial`` (v0.1) say of a grid with these edges, in memory.

    Without the affine transform where the cells are of several sizes.
    """
    import zarr_cm

    spatial: dict[str, Any] = {
        "spatial:dimensions": ["lat", "lon"],
        "spatial:bbox": list(_box(lat_bnds, lon_bnds)),
        "spatial:shape": [lat_bnds.sizes["lat"], lon_bnds.sizes["lon"]],
    }
    steps = _steps(lat_bnds, lon_bnds)
    if steps is not None:
        first = (float(bounds[0, 0 if step > 0 else -1]) for bounds, step in _sorted(lat_bnds, lon_bnds, steps))
        (top, left), (dy, dx) = first, steps
        spatial |= {"spatial:transform": [dx, 0.0, left, 0.0, dy, top], "spatial:registration": "pixel"}
    return dict(zarr_cm.create_many({"geo-proj": {"proj:code": EPSG}, "spatial": spatial}))


def _box(lat_bnds: xr.DataArray, lon_bnds: xr.DataArray) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    return float(lon_bnds.min()), float(lat_bnds.min()), float(lon_bnds.max()), float(lat_bnds.max())


def _steps(lat_bnds: xr.DataArray, lon_bnds: xr.DataArray) -> tuple[float, float] | None:
    """Signed sizes of the cells along lat and lon; None where these are of several sizes."""
    found = []
    for bounds in (lat_bnds, lon_bnds):
        edges = bounds.to_numpy()
        sizes = np.abs(np.diff(edges, axis=1)[:, 0])
        if np.ptp(sizes) > 1e-6 * sizes.mean():
            return None
        down = len(edges) > 1 and edges[0].mean() > edges[-1].mean()
        step = round(float(sizes.mean()), 10)
        found.append(-step if down else step)
    return found[0], found[1]


def _sorted(lat_bnds: xr.DataArray, lon_bnds: xr.DataArray, steps: tuple[float, float]) -> list[tuple[Any, float]]:
    """Edges in ascending order within each cell, beside the signed size of the cells."""
    return [
        (np.sort(bounds.to_numpy(), axis=1), step) for bounds, step in zip((lat_bnds, lon_bnds), steps, strict=True)
    ]
