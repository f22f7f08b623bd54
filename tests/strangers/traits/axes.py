"""Axes of latitude and longitude as files have them: names, precision, order, windows, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Refused, Right, Switch, Trait
from tests.strangers.world import GRID, LAT, LON, SHAPE, cube_of, random_field, stamps

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
SOIL = random_field(12, 0.05, 0.45)
SPEC = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}
CANNOT = "the grid is in the file's structure (HDF-EOS extent, GeoTIFF transform), not in arrays of axes"
NAMED = "axes: names and dimensions"
NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}
Arrays = Mapping[str, Raw]


def _source(dims: tuple[str, ...] = ("time", "lat", "lon"), values: Values = SOIL, **more: Raw) -> dict[str, Raw]:
    return {"time": stamps(MONTHS), "sm": Raw(dims, values, {"units": "m3 m-3"})} | more


def _trait(
    name: str, arrays: Arrays, expect: Values | Refused = SOIL, line: str = "axes: names and dimensions"
) -> Trait:
    def attempt(form: str, folder: Path) -> Values:
        made = cube_of(folder, write(form, folder, arrays), SPEC, role="soil_moisture")
        return np.asarray(made["soil_moisture"].values)

    return Trait(line, name, attempt, expect if isinstance(expect, Refused) else Right(expect), FREE, CANNOT)


def _axis(dim: str, values: Values, attrs: Mapping[str, str] | None = None) -> Raw:
    return Raw((dim,), values, attrs or {})


def _fine(step: float, n: int, dtype: str, start: float) -> dict[str, Raw]:
    """A strip of ``n`` cells along longitude, whose coordinates are stored in ``dtype``."""
    lon = (start + step * np.arange(n)).astype(dtype)
    values = np.random.default_rng(2).uniform(0.05, 0.45, (12, 3, n)).astype("f4")
    lat = (-30 + step * np.arange(3)).astype(dtype)
    return _source(values=values, lat=_axis("lat", lat), lon=_axis("lon", lon))


def _dateline() -> tuple[dict[str, Raw], Values]:
    """Longitudes 165 to 195 by 30 of a circle of 12: in order of -180..180 the last comes first, and 10 are empty."""
    lon = np.array([165.0, 195.0])
    values = random_field(12, 0.05, 0.45, seed=3)[:, :, :2]
    whole = np.full((12, 4, 12), np.nan, "f4")
    whole[:, :, 11], whole[:, :, 0] = values[:, :, 0], values[:, :, 1]
    return _source(values=values, lat=GRID["lat"], lon=_axis("lon", lon)), whole


def _like(make: Callable[[], tuple[dict[str, Raw], Values]], name: str, line: str) -> Trait:
    arrays, values = make()
    return _trait(name, arrays, values, line)


def _called(lat: str, lon: str, *attrs: Mapping[str, str]) -> Arrays:
    north, east = attrs or ({}, {})
    return _source(("time", lat, lon), **{lat: _axis(lat, LAT, north), lon: _axis(lon, LON, east)})


def _levels(*depths: float) -> Arrays:
    values = SOIL[:, np.newaxis].repeat(len(depths), axis=1)
    return _source(("time", "depth", "lat", "lon"), values, **GRID, depth=_axis("depth", np.array(depths)))


ISSUED = _axis("time", np.arange(12.0), {"units": "days since 2000-01-01"})
EASTERN = _axis("lon", np.array([45.0, 225.0, 315.0]))
PRECISION, WINDOW = "axes: precision", "axes: windows and circles"
FINE = {
    "0.01 degrees in float32": _fine(0.01, 60, "f4", 170.005),
    "1/120 degrees in float32, 0..360": _fine(1 / 120, 60, "f4", 350.0 + 1 / 240),
    "1 degree in whole numbers": _fine(1.0, 8, "i4", 10.0),
}

TRAITS = [
    _trait("Latitude and Longitude", _called("Latitude", "Longitude")),
    _trait("lat(nlat) and lon(nlon)", _source(("time", "i", "j"), lat=_axis("i", LAT), lon=_axis("j", LON))),
    _trait("y in degrees_north, x in degrees_east", _called("y", "x", NORTH, EAST)),
    _trait(
        "y and x that say nothing of degrees",
        _called("y", "x"),
        Refused("grid", ("source:sm", "standard_name", "latitude")),
    ),
    _trait("valid_time(time) beside time", _source(**GRID, valid_time=ISSUED)),
    _trait("latitude(lat) beside lat", _source(**GRID, latitude=_axis("lat", LAT), longitude=_axis("lon", LON))),
    _trait("a level of length one", _levels(0.05)),
    _trait("two levels", _levels(0.05, 0.2), Refused("grid", ("source:sm", "depth"))),
    _trait("latitude descending", _source(values=SOIL[:, ::-1], lat=_axis("lat", LAT[::-1]), lon=GRID["lon"])),
    _trait("lon, lat, time", _source(("lon", "lat", "time"), SOIL.transpose(2, 1, 0), **GRID)),
    *(_trait(name, arrays, arrays["sm"].values, PRECISION) for name, arrays in FINE.items()),
    _trait(
        "an axis with a hole",
        _source(lat=_axis("lat", np.array([-45.0, -15.0, 15.0, 60.0])), lon=GRID["lon"]),
        Refused("grid", ("source:sm: lat", "15")),
        PRECISION,
    ),
    _trait("0..360", _source(values=np.roll(SOIL, 1, axis=2), lat=GRID["lat"], lon=EASTERN)),
    _like(_dateline, "a window over 180 degrees", WINDOW),
    _trait(
        "a cyclic point: 0 and 360",
        _source(lat=GRID["lat"], lon=_axis("lon", np.array([0.0, 180.0, 360.0]))),
        Refused("grid", ("source:sm: lon", "cyclic")),
        WINDOW,
    ),
]  # fmt: skip
assert SOIL.shape[1:] == SHAPE


def _as_it_is(ds, name):  # type: ignore[no-untyped-def]
    return ds[name]


SWITCHES = [
    Switch("axes: names and dimensions", "smcloud.cube.decoded.name_axes", _as_it_is),
    Switch(PRECISION, "smcloud.cube.axes._precision", lambda values, where: 0.0),
    Switch(WINDOW, "smcloud.cube.axes._round_the_globe", lambda da, precision: da),
]
