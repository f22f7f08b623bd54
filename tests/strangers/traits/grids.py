"""Grids that are not what their names say, that lie elsewhere, or that the files of a source write each in its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.traits.overlaps import JOINED, ONE_STORE
from tests.strangers.world import AXES, LAT, LON, cube_of, random_field, stamps

SAID, SEVERAL = "axes: what their attributes say", "axes: of several files"
CANNOT = "the grid is in the file's structure (HDF-EOS extent, GeoTIFF transform), not in arrays of axes"
MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
RIGHT = Right(RAIN)
Attrs = Mapping[str, Any]


def grid(lat: Values = LAT, lon: Values = LON, north: Attrs | None = None, east: Attrs | None = None) -> dict[str, Raw]:
    return {"lat": Raw(("lat",), lat, north or {}), "lon": Raw(("lon",), lon, east or {})}


def said(name: str, axes: Mapping[str, Raw], expect: Outcome, values: Values = RAIN) -> Trait:
    def run(form: str, folder: Path) -> Values:
        pre = Raw(AXES, values, {"units": "mm month-1"})
        place = write(form, folder, {"time": stamps(MONTHS), "pre": pre, **axes})
        return np.asarray(cube_of(folder, place, SPEC)["precipitation"].values)

    return Trait(SAID, name, run, expect, FREE, CANNOT)


def cells(axis: str, values: Values, below: float, above: float) -> dict[str, Raw]:
    """Bounds of the cells of an axis, from ``below`` its values to ``above`` them."""
    low, high = values - below, values + above
    if axis == "lat":
        low, high = np.clip(low, -90, 90), np.clip(high, -90, 90)
    return {f"{axis}_bnds": Raw((axis, "bnds"), np.stack([low, high], axis=1))}


def files(parts: Sequence[tuple[slice, Mapping[str, Raw], Values, str]]) -> Callable[[str, Path], Values]:
    """Each part (months, axes, values, unit) as a file of its own; the dims are called as its axes are."""

    def run(form: str, folder: Path) -> Values:
        urls = []
        for i, (months, axes, values, unit) in enumerate(parts):
            pre = Raw(("time", *axes), values[months], {"units": unit})
            place = write(form, folder, {"time": stamps(MONTHS[months]), "pre": pre, **axes}, f"{'abc'[i]}_pre")
            urls.append(place["args"]["urlpath"])
        place["args"] = place["args"] | {"urlpath": urls}
        return np.asarray(cube_of(folder, place, SPEC)["precipitation"].values)

    return run


def several(name: str, axes: Mapping[str, Raw], expect: Outcome, values: Values = RAIN, unit: str = "") -> Trait:
    unit = unit or "mm month-1"
    parts = [(slice(0, 6), grid(), RAIN, "mm month-1"), (slice(6, 12), axes, values, unit)]
    return Trait(SEVERAL, name, files(parts), expect, JOINED, ONE_STORE)


BOUNDED = {"north": {"units": "degrees_north", "bounds": "lat_bnds"}, "east": {"bounds": "lon_bnds"}}
CENTRED = grid(**BOUNDED) | cells("lat", LAT, 15, 15) | cells("lon", LON, 45, 45)
CORNERS = grid(**BOUNDED) | cells("lat", LAT, 0, 30) | cells("lon", LON, 0, 90)
EASTERN = np.array([45.0, 225.0, 315.0])
ACROSS = np.array([[0.0, 90.0], [180.0, 270.0], [270.0, 0.0]])
TURNED = grid(lon=EASTERN, **BOUNDED) | cells("lat", LAT, 15, 15) | {"lon_bnds": Raw(("lon", "bnds"), ACROSS)}
RENAMED = {"latitude": Raw(("latitude",), LAT), "longitude": Raw(("longitude",), LON)}
TRAITS = [
    said("longitudes in degrees_west", grid(east={"units": "degrees_west"}), Refused("grid", ("lon", "degrees_west"))),
    said("latitudes in radians", grid(north={"units": "radian"}), Refused("grid", ("lat", "radian", "degrees_north"))),
    said("a rotated pole under the names lat and lon", grid(north={"standard_name": "grid_latitude"}),
         Refused("grid", ("lat", "grid_latitude"))),
    said("kilometres under the names lat and lon", grid(east={"units": "km"}), Refused("grid", ("lon", "km"))),
    said("lat holds degrees_east", grid(north={"units": "degrees_east"}), Refused("grid", ("lat", "degrees_east"))),
    *(said(f"`{north}` and `{east}`", grid(north={"units": north}, east={"units": east}), RIGHT)
      for north, east in (("degrees", "degrees"), ("degrees_N", "degrees_E"), ("degreeN", "degreeE"))),
    said("bounds around the values", CENTRED, RIGHT),
    said("bounds over 360 degrees", TURNED, RIGHT, np.roll(RAIN, 1, axis=2)),
    said("values at the corners of the cells that their bounds say", CORNERS,
         Refused("grid", ("lat", "lat_bnds", "middles", "drop_variables: [lat_bnds]"))),
    said("another region", grid(lat=np.array([60.0, 60.5, 61.0, 61.5]), lon=LON / 1000),
         Refused("grid", ("precipitation", "source:pre", "60"))),
    several("latitude descending in one of them", grid(lat=LAT[::-1]), RIGHT, RAIN[:, ::-1]),
    several("axes in float32 in one of them", grid(LAT.astype("f4"), (LON * (1 + 1e-8)).astype("f4")), RIGHT),
    several("axes of other names in one of them", RENAMED,
            Refused("grid", ("pre", "latitude, longitude", "b_pre"))),
    several("another grid in one of them", grid(lat=LAT + 1), Refused("grid", ("lat", "urlpath"))),
    several("a unit that is spelled otherwise in one of them", grid(), RIGHT, unit="mm/month"),
]  # fmt: skip
SWITCHES = [
    Switch(SAID, "smcloud.catalog.opening.require_plain_axes", lambda *args: None),
    Switch(SAID, "smcloud.cube.build._require_common_ground", lambda *args: None),
    Switch(SEVERAL, "smcloud.catalog.joining.on_one_grid", lambda parts, *args: list(parts)),
]
