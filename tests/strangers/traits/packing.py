"""Packed values: scales that are stated twice, files that are packed one by one, and the kinds of numbers in files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FILES, FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, axes, cube_of, random_field

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
LAI = {"name": "LAI", "units": "m2 m-2", "period": "month", "valid_range": [0, 10], "coverage_change": 1}
TWICE, APART, NUMBERS = "packing: a scale stated twice", "packing: files packed one by one", "packing: kinds of numbers"
STRUCTURE = "a GeoTIFF has no months; it is tried with a static layer"
RAW = np.random.default_rng(6).integers(0, 90, (12, 4, 3)).astype("u1")
KEPT = {"units": "m2 m-2"}


def _lai(form: str, folder: Path, raw: Raw, **more: Any) -> Values:
    if form == "geotiff":
        place = write(form, folder, GRID | {"LAI": Raw(AXES[1:], raw.values[0], raw.attrs)})
        spec = LAI | {"name": "band_1", "period": "static"} | more
        return np.asarray(cube_of(folder, place, spec, role="leaf")["leaf"].values)
    place = write(form, folder, axes(form, MONTHS) | {"LAI": raw})
    return np.asarray(cube_of(folder, place, LAI | more, role="leaf")["leaf"].values)


def _twice(name: str, attrs: Mapping[str, Any], expect: Values | Refused, forms: tuple[str, ...], **more: Any) -> Trait:
    def attempt(form: str, folder: Path) -> Values:
        fill = {"zarr2": np.uint8(255), "kerchunk": np.uint8(255)}.get(form)
        return _lai(form, folder, Raw(AXES, RAW, KEPT | attrs, fill=fill), **more)

    def outcome(form: str) -> Outcome:
        if isinstance(expect, Refused):
            return expect
        return Right(expect[0] if form == "geotiff" else expect, 1e-6)

    return Trait(TWICE, name, attempt, outcome, forms, "bytes are not unsigned there")


BYTES = ("zarr2", "zarr3", "kerchunk", "icechunk", "netcdf4", "hdf4", "geotiff")
TENTHS = (RAW * np.float32(0.1)).astype("f4")


def _apart(form: str, folder: Path) -> Values:
    """Two files of one source: 0.002 K + 280 K and 0.001 K + 290 K, each with the code 0 for missing values."""
    kelvin = random_field(12, 282, 310, seed=7)
    out = kelvin.copy()
    places = []
    for number, (scale, offset) in enumerate(((0.002, 280.0), (0.001, 290.0))):
        half = slice(6 * number, 6 * number + 6)
        raw = np.clip(np.rint((kelvin[half] - offset) / scale), 1, 32767).astype("i2")
        raw[2, 1] = 0
        out[half] = np.where(raw == 0, np.nan, raw * scale + offset)
        attrs = {"units": "K", "scale_factor": scale, "add_offset": offset}
        places.append(write(form, folder, axes(form, MONTHS[half]) | {"t": Raw(AXES, raw, attrs)}, f"part{number}"))
    place = places[0] | {"args": places[0]["args"] | {"urlpath": [each["args"]["urlpath"] for each in places]}}
    spec = {"name": "t", "units": "K", "period": "month", "valid_range": [180, 350], "fill": [0], "coverage_change": 1}
    made = np.asarray(cube_of(folder, place, spec, role="soil_temperature")["soil_temperature"].values)
    return np.where(np.isnan(out), made, made - out)


HOLES = np.zeros((12, 4, 3))
HOLES[[2, 8], 1] = np.nan


def _numbers(dtype: str, forms: tuple[str, ...], attrs: Mapping[str, Any] | None = None, **more: Any) -> Trait:
    values = np.random.default_rng(8).integers(0, 2 if dtype == "?" else 10, (12, 4, 3)).astype(dtype)
    if dtype[-2:] in ("i8", "i4", "u4", "u8"):
        values = values * 1_000_003 + 20_000_001  # beyond 24 bits
        more = {"valid_range": [0, 1e9]} | more

    def attempt(form: str, folder: Path) -> Values:
        fill = values.dtype.type(0) if form in ("zarr2", "kerchunk") else None
        return _lai(form, folder, Raw(AXES, values, attrs or {}, fill=fill), fill=[], units="1", **more)

    def outcome(form: str) -> Outcome:
        right = values[0] if form == "geotiff" else values
        return Right(right.astype("f8").astype("f4"), 0.0)

    return Trait(
        NUMBERS,
        f"{dtype}{' with ' + ', '.join(attrs) if attrs else ''}",
        attempt,
        outcome,
        forms,
        "no such numbers there",
    )


def _unsigned(form: str, folder: Path) -> Values:
    attrs = {"_Unsigned": "true", "scale_factor": 0.1} | KEPT
    fill = np.int8(-1) if form in ("zarr2", "kerchunk") else None
    return _lai(form, folder, Raw(AXES, UNSIGNED.view("i1"), attrs, fill=fill), fill=[255], valid_range=[0, 26])


UNSIGNED = np.random.default_rng(9).integers(0, 255, (12, 4, 3)).astype("u1")
UNSIGNED[3, 2] = 255
OPENED = np.where(UNSIGNED == 255, np.nan, UNSIGNED * 0.1).astype("f4")


def _text(form: str, folder: Path) -> Values:
    values = np.full((12, 4, 3), "x", "S1")
    return _lai(form, folder, Raw(AXES, values))


def _flagged(form: str, folder: Path) -> Values:
    arrays = {
        "sm": Raw(AXES, HALVES, {"units": "m3 m-3"}, fill=np.float16(-1)),
        "flag": Raw(AXES, np.zeros(HALVES.shape, "i8"), fill=np.int64(127)),
    }
    place = write(form, folder, axes(form, MONTHS) | arrays)
    spec = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1], "flag": "flag"}
    return np.asarray(cube_of(folder, place, spec, role="soil_moisture")["soil_moisture"].values)


HALVES = random_field(12, 0.05, 0.45, seed=10, dtype="f2")
STORED = ("zarr2", "zarr3", "kerchunk", "icechunk")
OTHER = Refused("unit", ("scale", "0.01"))
READERS = "one array has one packing; HDF4 and GeoTIFF have readers of their own"
TRAITS = [
    _twice("0.10000000149011612 and 0.1", {"scale_factor": 0.10000000149011612}, TENTHS, BYTES, scale=0.1),
    _twice("float32 0.1 and 0.1", {"scale_factor": np.float32(0.1)}, TENTHS, BYTES, scale=0.1),
    _twice("0.1 and 0.01", {"scale_factor": 0.1}, OTHER, BYTES, scale=0.01),
    _twice("0.1 and 0.01 for one unit", {"scale_factor": 0.1}, OTHER, BYTES, scale=0.01, attr_units="m2 m-2"),
    _twice("in the catalog only", {}, TENTHS, BYTES, scale=0.1),
    _twice("in the file only", {"scale_factor": 0.1}, TENTHS, BYTES),
    Trait(APART, "two packings, a code of the catalog", _apart, Right(HOLES, 0.0, 1e-4), FILES, READERS),
    _numbers("f2", STORED),
    _numbers(">f4", STORED),
    _numbers(">i2", STORED),
    _numbers("f8", FREE),
    _numbers("i4", FREE),
    _numbers("i8", (*STORED, "netcdf4")),
    _numbers("u2", (*STORED, "netcdf4", "hdf4", "geotiff")),
    _numbers("u4", (*STORED, "netcdf4")),
    _numbers("?", STORED),
    _numbers("f4", FREE, {"units": "days"}, attr_units="days"),
    Trait(NUMBERS, "f2 with a flag of i8", _flagged, Right(HALVES.astype("f4"), 0.0), STORED, "no such numbers there"),
    Trait(NUMBERS, "i1 with _Unsigned", _unsigned, Right(OPENED, 1e-6), FREE, "an attribute of NetCDF"),
    Trait(NUMBERS, "letters", _text, Refused("variable", ("LAI",)), ("netcdf3", "netcdf4"), "no letters there"),
]  # fmt: skip

SWITCHES = [
    Switch(TWICE, "smcloud.cube.decoded._scaled", lambda da, spec, where: da * np.float32(spec.scale or 1.0)),
    Switch(APART, "smcloud.catalog.missing_values._stated", lambda variable, codes: {}, "netcdf4"),
    Switch(NUMBERS, "smcloud.cube.decoded.float_of", lambda dtype: dtype),
]
