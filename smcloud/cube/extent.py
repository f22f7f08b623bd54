"""What a cube is of: the globe, or a region with its name and its area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from smcloud.config import Region
from smcloud.cube.axes import cell_edges

Floats = npt.NDArray[np.float64]

# All land but Antarctica and some of Greenland lies between these latitudes.
REGION_ATTRIBUTES = ("region_name", "region_area_km2")
SOUTH, NORTH = -56.0, 75.0
EARTH_RADIUS_KM = 6371.0072
NEAR = 1e-6
MANY = 6  # names of polygons are listed up to so many


def is_global(lat: Floats, lon: Floats) -> bool:
    """Whether cells with these centres (degrees, ascending) go round the earth, from 56 S or beyond to 75 N."""
    lat_edges, lon_edges = cell_edges(lat, lon)
    round_it = abs(lon_edges[-1] - lon_edges[0] - 360.0) < NEAR * 360.0
    return bool(round_it and lat_edges[0] <= SOUTH + NEAR and lat_edges[-1] >= NORTH - NEAR)


def region_attributes(
    region: Region | None, lat: Floats, lon: Floats, share: Floats | None = None, polygons: Mapping[str, Floats] = {}
) -> dict[str, Any]:
    """Return ``region_name`` and ``region_area_km2`` of what these cells are of; nothing of a run on the globe.

    What a source's own extent leaves of the globe is a region too. The area is that within the polygons.
    """
    if region is None and is_global(lat, lon):
        return {}
    lat_edges, lon_edges = cell_edges(lat, lon)
    rows = EARTH_RADIUS_KM**2 * np.diff(np.sin(np.radians(lat_edges)))
    area = np.outer(rows, np.radians(np.diff(lon_edges))) * (1.0 if share is None else share)
    spans = ((lat_edges[0], lat_edges[-1], "SN"), (lon_edges[0], lon_edges[-1], "WE"))
    name = ", ".join(f"{_degrees(low, signs)} to {_degrees(high, signs)}" for low, high, signs in spans)
    if region is not None and region.shape is not None:
        name = f"polygons within {name}"
        if region.field is not None:
            name = ", ".join(polygons) if len(polygons) <= MANY else f"{len(polygons)} polygons by {region.field}"
    if region is not None and region.name:
        name = region.name
    return {"region_name": name, "region_area_km2": float(round(area.sum(), 3))}


def _degrees(value: float, signs: str) -> str:
    if signs == "WE" and abs(value) > 180:
        value = (value + 180.0) % 360.0 - 180.0
    value = round(float(value), 4)
    return f"{abs(value):g}\N{DEGREE SIGN}{signs[value > 0] if value and abs(value) != 180 else ''}"
