"""Axes of latitude and longitude as files have them: names, precision, order, windows, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Refused, Right, Switch, Trait
from tests.strangers.world import GRID, LAT, LON, SHAPE, cube_of, dates, random_field, stamps

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
SOIL = random_field(12, 0.05, 0.45)
SPEC = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}
CANNOT = "the grid is in the file's structure (HDF-EOS extent, GeoTIFF transform), not in arrays of axes"
IN_ORDER = "the columns of HDF4 and GeoTIFF lie in order from west to east, and GeoTIFF has no time axis"
NO_TIME = "a GeoTIFF has no time axis"
DATED = "the HDF4 files of the reader are steps dated by their names"
NAMED, WINDOW = "axes: names and dimensions", "axes: windows and circles"
KINDS = ("latitude", "longitude")
NORTH, EAST = {"units": "degrees_north"}, {"units": "degrees_east"}
Arrays = Mapping[str, Raw]


def _source(dims: tuple[str, ...] = ("time", "lat", "lon"), values: Values = SOIL, **more: Raw) -> dict[str, Raw]:
    return {"time": stamps(MONTHS), "sm": Raw(dims, values, {"units": "m3 m-3"})} | more


def _trait(
    name: str, arrays: Arrays, expect: Values | Refused = SOIL, line: str = "axes: names and dimensions", **said: Any
) -> Trait:
    """``said`` are keys of the entry."""

    def attempt(form: str, folder: Path) -> Values:
        made = cube_of(folder, write(form, folder, arrays), SPEC, role="soil_moisture", **said)
        return np.asarray(made["soil_moisture"].values)

    return Trait(line, name, attempt, expect if isinstance(expect, Refused) else Right(expect), FREE, CANNOT)


def _window(name: str, stored: Sequence[float], west: float) -> Trait:
    """Longitudes of a window in the order of the file; the cube's run from ``west`` on, and so do the values."""
    lon = np.array(stored)
    order = np.argsort((lon - west) % 360)
    values = np.random.default_rng(3).uniform(0.05, 0.45, (12, 4, lon.size)).astype("f4")

    def attempt(form: str, folder: Path) -> Values:
        there = {"time": dates(MONTHS)} if form == "hdf4" else {}
        arrays = _source(values=values, lat=GRID["lat"], lon=_axis("lon", lon)) | there
        cube = cube_of(folder, write(form, folder, arrays), SPEC, role="soil_moisture")
        np.testing.assert_allclose(cube["lon"], west + np.arange(lon.size) * (lon[1] - lon[0]), atol=1e-9)
        return np.asarray(cube["soil_moisture"].values)

    even = (*FREE, "hdf4") if (np.diff(lon) > 0).all() and np.ptp(np.diff(lon)) == 0 else FREE
    cannot = IN_ORDER if even == FREE else NO_TIME
    return Trait(WINDOW, name, attempt, Right(values[:, :, order]), even, cannot)


def _layer() -> Trait:
    """A map of 90 to 270 degrees, under a cube of -180 to 90: the half of it that is beyond 180 fills a column."""
    clay = np.random.default_rng(4).uniform(5, 60, (4, 2)).astype("f4")
    whole = np.full(SHAPE, np.nan, "f4")
    whole[:, 0] = clay[:, 1]
    spec = {"name": "clay", "units": "%", "period": "static", "valid_range": [0, 100]}

    def attempt(form: str, folder: Path) -> Values:
        axes = {"lat": GRID["lat"], "lon": _axis("lon", np.array([135.0, 225.0]))}
        place = write(form, folder, {"clay": Raw(("lat", "lon"), clay, {"units": "%"}), **axes})
        named = spec | ({"name": "band_1"} if form == "geotiff" else {})
        return np.asarray(cube_of(folder, place, named, role="clay")["clay"].values)

    return Trait(WINDOW, "a map over 180 degrees", attempt, Right(whole), (*FREE, "geotiff"), DATED)


def _axis(dim: str, values: Values, attrs: Mapping[str, str] | None = None) -> Raw:
    return Raw((dim,), values, attrs or {})


def _fine(step: float, n: int, dtype: str, start: float) -> dict[str, Raw]:
    """A strip of ``n`` cells along longitude, whose coordinates are stored in ``dtype``."""
    lon = (start + step * np.arange(n)).astype(dtype)
    values = np.random.default_rng(2).uniform(0.05, 0.45, (12, 3, n)).astype("f4")
    lat = (-30 + step * np.arange(3)).astype(dtype)
    return _source(values=values, lat=_axis("lat", lat), lon=_axis("lon", lon))


def _called(lat: str, lon: str, *attrs: Mapping[str, str]) -> Arrays:
    north, east = attrs or ({}, {})
    return _source(("time", lat, lon), **{lat: _axis(lat, LAT, north), lon: _axis(lon, LON, east)})


def _levels(*depths: float) -> dict[str, Raw]:
    """Soil moisture at the first of the levels; the others hold 0.04 each."""
    values = np.full((12, len(depths), *SHAPE), 0.04, "f4")
    values[:, 0] = SOIL
    return _source(("time", "depth", "lat", "lon"), values, **GRID, depth=_axis("depth", np.array(depths, "f4")))


ISSUED = _axis("time", np.arange(12.0), {"units": "days since 2000-01-01"})
EASTERN = _axis("lon", np.array([45.0, 225.0, 315.0]))
PRECISION, ENTRY = "axes: precision", "axes: named or chosen in the entry"
FINE = {
    "0.01 degrees in float32": _fine(0.01, 60, "f4", 170.005),
    "1/120 degrees in float32, 0..360": _fine(1 / 120, 60, "f4", 350.0 + 1 / 240),
    "1 degree in whole numbers": _fine(1.0, 8, "i4", 10.0),
}

TRAITS = [
    _trait("Latitude and Longitude", _called("Latitude", "Longitude")),
    _trait("nav_lat and nav_lon", _called("nav_lat", "nav_lon")),
    _trait("y and x with a standard_name", _called("y", "x", *({"standard_name": kind} for kind in KINDS))),
    _trait("r and c whose axis is Y and X", _called("r", "c", {"axis": "Y"}, {"axis": "X", "units": "degrees"})),
    _trait("lat(nlat) and lon(nlon)", _source(("time", "i", "j"), lat=_axis("i", LAT), lon=_axis("j", LON))),
    _trait("y in degrees_north, x in degrees_east", _called("y", "x", NORTH, EAST)),
    _trait(
        "y and x that say nothing of degrees",
        _called("y", "x"),
        Refused("grid", ("source:sm", "axes: {lat: name}", "standard_name", "latitude")),
    ),
    _trait("valid_time(time) beside time", _source(**GRID, valid_time=ISSUED)),
    _trait("latitude(lat) beside lat", _source(**GRID, latitude=_axis("lat", LAT), longitude=_axis("lon", LON))),
    _trait("a level of length one", _levels(0.05)),
    _trait("two levels", _levels(0.05, 0.2), Refused("grid", ("source:sm", "select: {depth: 0.05"))),
    _trait("row and col, named in the entry", _called("row", "col"), SOIL, ENTRY, axes={"lat": "row", "lon": "col"}),
    _trait("row(i) and col(j), named in the entry",
           _source(("time", "i", "j"), row=_axis("i", LAT), col=_axis("j", LON)), SOIL, ENTRY,
           axes={"lat": "row", "lon": "col"}),
    _trait("an axis of the entry that is not there", _called("row", "col"),
           Refused("grid", ("axes.lat", "line", "row")), ENTRY, axes={"lat": "line", "lon": "col"}),
    _trait("a level of two", _levels(0.05, 0.2), SOIL, ENTRY, select={"depth": 0.05}),
    _trait("a member of two without numbers", {key: raw for key, raw in _levels(1, 2).items() if key != "depth"}, SOIL,
           ENTRY, select={"depth": 0}),
    _trait("a level that is not there", _levels(0.05, 0.2), Refused("grid", ("select.depth", "0.1", "0.05, 0.2")),
           ENTRY, select={"depth": 0.1}),
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
    _window("170 to 190", [170.0, 180.0, 190.0], 170.0),
    _window("170 to 180", [170.0, 175.0, 180.0], 170.0),
    _window("-179 to -171", [-179.0, -175.0, -171.0], -179.0),
    _window("171 to 189, stored from -180 on", [-177.0, -171.0, 171.0, 177.0], 171.0),
    _layer(),
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
    Switch(WINDOW, "smcloud.cube.axes.eastwards", lambda lon, precision: (lon + 180.0) % 360.0 - 180.0),
    Switch(ENTRY, "smcloud.catalog.opening.with_stated_axes", lambda ds, *args: ds),
    Switch(ENTRY, "smcloud.catalog.opening.selected", lambda ds, *args: ds),
]
