"""The part of a grid that a region takes: its rows and columns, and of polygons the share of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.shapes import read_polygons
from smcloud.config import Region
from smcloud.cube.axes import cell_edges, edges
from smcloud.cube.axis_names import axes_of
from smcloud.errors import GridError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]

SHARE, SHARES = "region_share", "polygon_share"
ALIKE = 1e-3  # relative: steps of axes in float32 scatter
NEAR = 1e-6  # of a step: what two axes of one grid may differ by
# Edges of polygons are straight in degrees. In the plane where areas are true they are cut to pieces so short that what
# lies between a piece and its arc is less than 1e-6 of a cell.
PIECE, PIECES = 0.02, 20  # degrees, and of a cell's step


@dataclass(frozen=True)
class RegionCells:
    """Cell centres (lat, lon) of a region: contiguous, ascending, from -180 to 180 on.

    ``share`` (lat, lon) is the part of each cell's area that lies in the region's polygons, ``polygons`` the same for
    each by name; None and none where the region is a box.
    """

    lat: Floats
    lon: Floats
    share: Floats | None = None
    polygons: Mapping[str, Floats] = field(default_factory=dict)

    def masked(self, da: xr.DataArray) -> xr.DataArray:
        """Return ``da`` (..., lat, lon) without a value (0 for integers) where no part of a cell is in the region."""
        if self.share is None:
            return da
        inside = xr.DataArray(self.share > 0, {"lat": self.lat, "lon": self.lon}, ("lat", "lon"))
        return da.where(inside, 0) if da.dtype.kind == "i" else da.where(inside)

    def variables(self) -> dict[str, xr.DataArray]:
        """Return ``region_share`` (lat, lon), and of several polygons ``polygon_share`` (polygon, lat, lon)."""
        if self.share is None:
            return {}
        coords = {"lat": self.lat, "lon": self.lon}
        made = {SHARE: xr.DataArray(self.share, coords, ("lat", "lon"))}
        if len(self.polygons) > 1:
            names = {"polygon": list(self.polygons)}
            shares = np.stack([*self.polygons.values()]).astype(np.float32)
            made[SHARES] = xr.DataArray(shares, names | coords, ("polygon", "lat", "lon"))
        return made


def cells_of_region(region: Region, lat: Floats, lon: Floats) -> RegionCells:
    """Find the cells of ``region`` on the grid of these centres (degrees, ascending).

    Of a box those whose centres lie in it. Of polygons those that share any area with them, and the rows and columns
    between. Raises :class:`GridError` where there is none, or where the grid has a gap within the region.
    """
    if region.bbox is not None:
        west, south, east, north = region.bbox
        width = (east - west) % 360.0 or 360.0
        rows = (lat >= south - NEAR) & (lat <= north + NEAR)
        columns = (lon - west + NEAR) % 360.0 <= width + 2 * NEAR
        at = _run_of(columns, lon, region) if rows.any() and columns.any() else np.array([], int)
        _require_cells(at.size > 0, region, lat, lon)
        require_known_cells({"lat": lat, "lon": lon}, {"lat": int(rows.sum()), "lon": at.size}, "the grid")
        return RegionCells(lat[rows], _onwards(lon[at]))
    polygons = read_polygons(region)
    shares = {name: area_shares(geometry, lat, lon) for name, geometry in polygons.items()}
    share = next(iter(shares.values())) if len(shares) == 1 else _union_share(polygons, lat, lon)
    rows, columns = (share > 0).any(axis=1), (share > 0).any(axis=0)
    _require_cells(bool(rows.any()), region, lat, lon)
    first, *_, last = (*np.flatnonzero(rows), np.flatnonzero(rows)[-1])
    at = _run_of(columns, lon, region)
    require_known_cells({"lat": lat, "lon": lon}, {"lat": int(last - first + 1), "lon": at.size}, "the grid")
    cut = np.ix_(np.arange(first, last + 1), at)
    return RegionCells(
        lat[first : last + 1], _onwards(lon[at]), share[cut], {name: own[cut] for name, own in shares.items()}
    )


def area_shares(geometry: BaseGeometry, lat: Floats, lon: Floats) -> Floats:
    """Compute which share (lat, lon) of the area of each cell lies within ``geometry``, in 0..1, on the sphere.

    Centres and geometry are in degrees; longitudes of both may go beyond 180. On the plane of longitude and sine of
    latitude areas are those of the sphere (Lambert's cylindrical equal-area projection), so a share is the area of an
    intersection there.
    """
    import shapely

    lat_edges, lon_edges = cell_edges(lat, lon)
    step = min(float(np.diff(lat_edges).max()), float(np.diff(lon_edges).max()))
    plane = shapely.transform(shapely.segmentize(geometry, min(PIECE, step / PIECES)), _equal_area)
    y = _equal_area(np.stack([np.zeros(lat_edges.size), lat_edges], axis=1))[:, 1]
    out = np.zeros((lat.size, lon.size))
    for turn in (-360.0, 0.0, 360.0):
        _add_shares(shapely.transform(plane, lambda xy, by=turn: xy + np.array([by, 0.0])), lon_edges, y, out)
    return np.where(out > 1 - 1e-9, 1.0, np.where(out < 1e-9, 0.0, out))


def _equal_area(xy: Floats) -> Floats:
    return np.stack([xy[:, 0], np.degrees(np.sin(np.radians(np.clip(xy[:, 1], -90, 90))))], axis=1)


def _add_shares(plane: BaseGeometry, x: Floats, y: Floats, out: Floats) -> None:
    """Add to ``out`` the share of each cell between the edges ``x`` and ``y`` within ``plane``, row by row."""
    import shapely

    west, south, east, north = plane.bounds
    if west >= x[-1] or east <= x[0]:
        return
    for row in range(len(y) - 1):
        if south >= y[row + 1] or north <= y[row]:
            continue
        strip = shapely.intersection(plane, shapely.box(x[0], y[row], x[-1], y[row + 1]))
        if strip.is_empty:
            continue
        low, _, high, _ = strip.bounds
        at = np.flatnonzero((x[1:] > low) & (x[:-1] < high))
        boxes = shapely.box(x[at], y[row], x[at + 1], y[row + 1])
        out[row, at] += shapely.area(shapely.intersection(strip, boxes)) / shapely.area(boxes)


def _union_share(polygons: Mapping[str, BaseGeometry], lat: Floats, lon: Floats) -> Floats:
    import shapely

    return area_shares(shapely.union_all(list(polygons.values())), lat, lon)


def _run_of(columns: npt.NDArray[np.bool_], lon: Floats, region: Region) -> npt.NDArray[np.int64]:
    """Positions of the columns from the westernmost on: the shortest run of the grid that holds all ``columns``."""
    at = np.flatnonzero(columns)
    outer = edges(lon, 1.0)
    circle = abs(outer[-1] - outer[0] - 360.0) < NEAR * 360.0
    if not circle:
        return np.arange(at[0], at[-1] + 1)
    gaps = np.diff(np.concatenate([at, [at[0] + lon.size]]))
    widest = int(np.argmax(gaps))
    if gaps[widest] == 1 or widest == at.size - 1:  # all of the circle, or none behind its end
        return np.arange(at[0], at[-1] + 1)
    return np.arange(at[widest + 1], at[widest] + lon.size + 1) % lon.size


def _onwards(lon: Floats) -> Floats:
    """The same longitudes, ascending from one within -180..180, beyond 180 where they go on there."""
    turns = np.concatenate([[0], np.cumsum(np.diff(lon) < 0)]) - np.floor((lon[0] + 180.0) / 360.0)
    return lon + 360.0 * turns


def _require_cells(found: bool, region: Region, lat: Floats, lon: Floats) -> None:
    if not found:
        raise GridError(
            "a region holds no cell of the grid",
            where=f"region.{'bbox' if region.bbox else 'shape'}",
            found=str(region.shape or list(region.bbox or ())),
            expected=f"part of {lat[0]:g} to {lat[-1]:g} north, {lon[0]:g} to {lon[-1]:g} east (centres of cells)",
            next="correct region in the configuration, or name inputs that hold it",
        )


def require_known_cells(axes: Mapping[str, Floats], left: Mapping[str, int], where: str) -> None:
    """Raise :class:`GridError` where the size of the cells ``left`` of ``axes`` could not be told from their centres.

    An axis of one cell takes the step of the other axis: right where cells are square, and not of a single cell.
    """
    steps = {name: float(np.median(np.abs(np.diff(axis)))) for name, axis in axes.items() if axis.size > 1}
    if min(left.values()) > 1 or len(steps) < 2:
        return
    lat, lon = steps["lat"], steps["lon"]
    if abs(lat - lon) > ALIKE * lat or (max(left.values()) == 1 and abs(lat - 1.0) > ALIKE):
        raise GridError(
            "the region leaves too few cells to tell their size",
            where=where,
            found=f"{left['lat']} x {left['lon']} cells of {lat:g} x {lon:g} degrees (latitude, longitude)",
            expected="two or more along each axis; one row or column of them is enough where cells are square",
            next="widen region in the configuration, or set grid: {resolution: degrees} to a finer grid",
        )


def cells_under(ds: xr.Dataset, name: str, cells: RegionCells, where: str) -> dict[str, npt.NDArray[np.int64]]:
    """Find the positions of the rows and columns of the variable ``name`` that lie under ``cells``, by dimension.

    Axes may have any names and order, and longitudes any turn. Where an axis has one value it is not among them. Raises
    :class:`GridError` where nothing lies there.
    """
    lat_edges, lon_edges = cell_edges(cells.lat, cells.lon)
    kept, axes = {}, {}
    for axis, key in axes_of(ds, name).items():
        values = np.asarray(ds.variables[key].values, np.float64)
        if values.size < 2:
            continue
        axes[axis] = np.sort(values)
        step = float(np.median(np.abs(np.diff(np.sort(values)))))
        half, near = step / 2, NEAR * step + _precision(ds.variables[key].values)
        if axis == "lat":
            inside = (values + half > lat_edges[0] + near) & (values - half < lat_edges[-1] - near)
        else:
            begin = (values - half - lon_edges[0]) % 360.0
            inside = (begin < lon_edges[-1] - lon_edges[0] - near) | (begin > 360.0 - step + near)
        if not inside.any():
            raise GridError(
                "a source holds nothing of the region",
                where=where,
                found=f"{key} from {values.min():g} to {values.max():g}",
                expected=f"some of {cells.lat[0]:g} to {cells.lat[-1]:g} north, {cells.lon[0]:g} to "
                f"{cells.lon[-1]:g} east",
                next="correct region in the configuration, or name another entry",
            )
        kept[axis] = str(ds.variables[key].dims[0]), np.flatnonzero(inside)
    if len(kept) == 2:
        require_known_cells(axes, {axis: at.size for axis, (_, at) in kept.items()}, where)
    return dict(kept.values())


def as_slice(at: npt.NDArray[np.int64]) -> slice | npt.NDArray[np.int64]:
    """Return ascending positions as a slice where they are one run: dask then reads whole blocks as they are."""
    return slice(int(at[0]), int(at[-1]) + 1) if at.size == at[-1] - at[0] + 1 else at


def _precision(values: npt.NDArray[np.generic]) -> float:
    return float(np.spacing(np.abs(values).max())) if values.dtype.kind == "f" else 0.0
