"""The part of a grid that a region or a point names, whatever the order and the convention of its axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.conventions import extent_attributes
from smcloud.cube.axes import cell_edges
from smcloud.errors import OutsideGridError
from smcloud.export.frames import bounds_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A box in degrees; its longitudes run eastwards from ``west`` and may cross 180 or Greenwich."""

    west: float
    south: float
    east: float
    north: float

    def __str__(self) -> str:
        return ",".join(f"{edge:g}" for edge in (self.west, self.south, self.east, self.north))

    @classmethod
    def of(cls, text: str) -> Region:
        """Read ``W,S,E,N``; ValueError says what is wrong with it."""
        try:
            west, south, east, north = (float(part) for part in text.split(","))
        except ValueError as err:
            raise ValueError(f"{text!r} is not four numbers W,S,E,N, such as 60,10,150,55") from err
        if not -90 <= south < north <= 90:
            raise ValueError(f"{text!r}: S and N are latitudes, S below N; the order is W,S,E,N")
        if not (-360 <= west <= 360 and -360 <= east <= 360) or west == east:
            raise ValueError(f"{text!r}: W and E are two longitudes between -360 and 360")
        return cls(west, south, east, north)


def on_grid(ds: xr.Dataset) -> bool:
    """Whether ``ds`` has cells: latitudes and longitudes."""
    return {"lat", "lon"} <= {*ds.dims}


def select(ds: xr.Dataset, region: Region) -> xr.Dataset:
    """Take the cells of ``ds`` whose centres lie in ``region``, edges included; longitudes run eastwards from its west.

    Centres keep the values that they have; the extent in the attributes is that of the cells taken. Raises
    :class:`OutsideGridError` where there is no cell.
    """
    lat, lon = ds["lat"].values.astype(float), ds["lon"].values.astype(float)
    rows = np.flatnonzero((lat >= region.south) & (lat <= region.north))
    width = 360.0 if region.east - region.west >= 360 else (region.east - region.west) % 360
    offset = (lon - region.west) % 360
    columns = np.flatnonzero(offset <= width)
    columns = columns[np.argsort(offset[columns], kind="stable")]
    if not rows.size or not columns.size:
        raise OutsideGridError(
            "the region holds no centre of a cell",
            where="--region",
            found=str(region),
            expected=f"a box W,S,E,N on the grid: {extent(ds)}",
            next="give a box that meets the grid, and is larger than a cell",
        )
    return _with_extent(ds.isel(lat=rows, lon=columns))


def _with_extent(part: xr.Dataset) -> xr.Dataset:
    """``part`` with the extent of its own cells, where its attributes tell one that can be told from its bounds."""
    ds = eastwards(part)
    bounds = [bounds_of(ds[axis]) for axis in ("lat", "lon")]
    if "geospatial_bounds" not in ds.attrs or not {*bounds} <= {*ds.variables}:
        return part
    edges = [ds[name].transpose(axis, ...).compute() for name, axis in zip(bounds, ("lat", "lon"), strict=True)]
    return part.assign_attrs(extent_attributes(*edges))


def eastwards(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` with longitudes that only grow, beyond 180 or 360 where its columns cross the end of the axis."""
    lon = ds["lon"].values
    back = np.diff(lon)
    # A step back that is a short step on round the globe is the end of the axis; others are of an axis that descends.
    turned = np.cumsum(np.concatenate([[0.0], np.where((back < 0) & (back % 360 <= 180), 360.0, 0.0)]))
    if not turned.any():
        return ds
    bounds = bounds_of(ds["lon"])
    out = ds.assign_coords(lon=ds["lon"].copy(data=lon + turned.astype(lon.dtype)))
    if bounds in ds.variables:
        moved = ds[bounds].variable + xr.Variable(("lon",), turned)
        out = out.assign_coords({bounds: ds[bounds].variable.copy(data=moved.transpose(*ds[bounds].dims).data)})
    return out


def edges_of(ds: xr.Dataset) -> tuple[Floats, Floats]:
    """The lower and upper edges of the cells of both axes, (n, 2) each: their bounds, else half way to the next."""
    evens = dict(zip(("lat", "lon"), cell_edges(ds["lat"].values, ds["lon"].values), strict=True))
    found = []
    for axis in ("lat", "lon"):
        name = bounds_of(ds[axis])
        known = ds[name].values if name in ds.variables else np.stack([evens[axis][:-1], evens[axis][1:]], axis=1)
        found.append(np.sort(known.astype(float), axis=1))
    return found[0], found[1]


def cell_at(ds: xr.Dataset, lat: float, lon: float) -> tuple[int, int]:
    """Find the row and the column of the cell that holds a point; a point on an edge belongs to the north and east.

    Longitudes of any convention fit. Raises :class:`OutsideGridError` with the extent of the grid.
    """
    rows, columns = edges_of(ds)
    top, offset = rows[:, 1].max(), (lon - columns[:, 0]) % 360
    width = columns[:, 1] - columns[:, 0]
    in_row = ((rows[:, 0] <= lat) & (lat < rows[:, 1])) | ((lat == top) & (rows[:, 1] == top))
    in_column = offset < width
    if not in_column.any():  # the eastern edge of a grid that does not go round
        in_column = offset == width
    if not in_row.any() or not in_column.any():
        raise OutsideGridError(
            "the point lies outside the grid of this release",
            where="LAT LON",
            found=f"latitude {lat:g}, longitude {lon:g}",
            expected=f"a point on the grid: {extent(ds)}",
            next="smcloud point STORE LAT LON, latitude first",
        )
    return int(np.flatnonzero(in_row)[0]), int(np.flatnonzero(in_column)[0])


def extent(ds: xr.Dataset) -> str:
    """The edges of the grid of ``ds`` in words."""
    rows, columns = edges_of(ds)
    return (
        f"latitudes {rows.min():g} to {rows.max():g}, longitudes {columns.min():g} to {columns.max():g} "
        f"({ds.sizes['lat']} x {ds.sizes['lon']} cells)"
    )
