"""Where and when a release is: its edges in degrees, its first and last day."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING

from smcloud.store import CubeEntry

if TYPE_CHECKING:
    from smcloud.doors.groups import Group


def bounding_box(cube: Group) -> list[float] | None:
    """Return west, south, east, north of the cells of ``cube``; None where it has no cells of lat and lon.

    Longitudes are from -180 to 180; west is larger than east where the cells cross the 180th meridian.
    """
    if not {"lat", "lon"} <= cube.coordinates.keys() or not all(cube.coordinates[axis].size for axis in ("lat", "lon")):
        return None
    (south, north), (west, east) = (_edges(cube, axis) for axis in ("lat", "lon"))
    if east - west >= 360 - 1e-6:
        west, east = -180.0, 180.0
    elif west < -180 or east > 180:
        west, east = (west + 180) % 360 - 180, (east + 180) % 360 - 180
        east = 180.0 if east == -180 else east
    return [round(value, 6) for value in (west, max(south, -90.0), east, min(north, 90.0))]


def _edges(group: Group, axis: str) -> tuple[float, float]:
    """The outer edges of cells: as stored, else half a step beyond the outer centres; of one cell, its centre."""
    if axis in group.bounds:
        return float(group.bounds[axis].min()), float(group.bounds[axis].max())
    ordered = sorted(float(value) for value in group.coordinates[axis])
    if len(ordered) < 2:
        return ordered[0], ordered[0]
    return ordered[0] - (ordered[1] - ordered[0]) / 2, ordered[-1] + (ordered[-1] - ordered[-2]) / 2


def interval(cube: CubeEntry) -> tuple[str, str]:
    """Return first and last second of the period of ``cube``, whose months are whole."""
    first, last = cube.period
    year, month = (int(part) for part in last.split("-")[:2])
    return f"{first[:7]}-01T00:00:00Z", f"{last[:7]}-{calendar.monthrange(year, month)[1]:02d}T23:59:59Z"
