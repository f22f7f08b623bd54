"""Codes as files state and store them: in another type, as text, by default, on an axis, and what the gate advises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FILES, FORMS, FREE, STORES, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.traits.missing import AXIS, CODES, OUTSIDE
from tests.strangers.traits.packing import APART, NUMBERS, TWICE
from tests.strangers.world import AXES, GRID, axes, cube_of, random_field

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
UNWRITTEN, ADVICE = "missing: what was never written", "missing: advice"
NO_OWN = "an array of these files has no default of its own"
NO_TYPE = "the form has no such attribute or type"
SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000], "coverage_change": 1}
AT = np.zeros((12, 4, 3), bool)
AT[np.arange(12), np.arange(12) % 4, np.arange(12) % 3] = True  # one cell of each month
RAIN = random_field(12, 1, 90)
WHOLE = np.random.default_rng(5).integers(10, 90, (12, 4, 3)).astype("i2")
BIG = WHOLE + np.int64(16_777_217)  # beyond the whole numbers of float32
ZERO = {"scale_factor": np.float32(0.5), "add_offset": np.float32(-8_388_608.0)}
PACKED = {"scale_factor": 0.01, "add_offset": 400.0}
TENTH = np.float32(0.1)


def months_of(
    form: str, folder: Path, values: Values, own: Any = None, attrs: dict[str, Any] | None = None, **spec: Any
) -> Values:
    """The months of rain with these values (GeoTIFF: clay, the first); ``own`` is the array's own default."""
    if form == "geotiff":
        layer = Raw(("lat", "lon"), values[0], {"units": "%"} | (attrs or {}))
        static = SPEC | {"name": "band_1", "units": "%", "period": "static"} | spec
        return np.asarray(cube_of(folder, write(form, folder, GRID | {"pre": layer}), static, role="clay")["clay"])
    raw = Raw(AXES, values, {"units": "mm month-1"} | (attrs or {}), fill=own)
    place = write(form, folder, axes(form, MONTHS) | {"pre": raw})
    return np.asarray(cube_of(folder, place, SPEC | spec)["precipitation"].values)


def coded(code: float, dtype: str = "f4", values: Values = RAIN) -> Values:
    """The values with a code in one cell of each month."""
    return np.where(AT, np.dtype(dtype).type(code), values.astype(dtype))


def stored(
    line: str, name: str, values: Values, wanted: Values | Refused, forms: Any, cannot: str, **given: Any
) -> Trait:
    """These values are stored, and those months come out."""

    def expect(form: str) -> Outcome:
        return wanted if isinstance(wanted, Refused) else Right(wanted[0] if form == "geotiff" else wanted)

    return Trait(line, name, lambda form, folder: months_of(form, folder, values, **given), expect, forms, cannot)


def stated_in_json(form: str, folder: Path) -> Values:
    """``_FillValue`` as a plain number in the attributes of Zarr, beside a default of 0 that is a value."""
    values = coded(-9999)
    values[:, 3, 2] = np.where(AT[:, 3, 2], -9999, 0)
    place = write(form, folder, axes(form, MONTHS) | {"pre": Raw(AXES, values, {"units": "mm month-1"}, fill=0.0)})
    document = folder / "source.zarr" / "pre" / (".zattrs" if form == "zarr2" else "zarr.json")
    content = json.loads(document.read_text())
    (content if form == "zarr2" else content["attributes"])["_FillValue"] = -9999.0
    document.write_text(json.dumps(content))
    return np.asarray(cube_of(folder, place, SPEC)["precipitation"].values)


def time_with(value: float, attrs: dict[str, Any]) -> Any:
    """An attempt with one time replaced."""

    def attempt(form: str, folder: Path) -> Values:
        arrays = axes(form, MONTHS) | {"pre": Raw(AXES, RAIN, {"units": "mm month-1"})}
        days = arrays["time"].values.copy()
        days[2] = value
        arrays["time"] = Raw(("time",), days, {**arrays["time"].attrs, **attrs})
        return np.asarray(cube_of(folder, write(form, folder, arrays), SPEC)["precipitation"].values)

    return attempt


def advised(words: str, code: float, name: str, dtype: str = "f4", forms: Any = FREE, **given: Any) -> Trait:
    """The gate finds a code, and its advice holds ``words``."""
    values = coded(code, dtype, WHOLE if dtype == "i2" else RAIN)
    return stored(ADVICE, name, values, Refused("valid-range", (words,)), forms, NO_TYPE, **given)


def one_states(form: str, folder: Path) -> Values:
    """Two files, of which the first states the scale that the catalog gives."""
    places = []
    for number, attrs in enumerate(({"scale_factor": 0.5}, {})):
        half = slice(6 * number, 6 * number + 6)
        arrays = axes(form, MONTHS[half]) | {"pre": Raw(AXES, WHOLE[half], {"units": "mm month-1"} | attrs)}
        places.append(write(form, folder, arrays, f"part{number}")["args"]["urlpath"])
    place = {"driver": "netcdf", "reader": "hdf4" if form == "hdf4" else "default", "args": {"urlpath": places}}
    return np.asarray(cube_of(folder, place, SPEC | {"scale": 0.5})["precipitation"].values)


def converted(form: str, folder: Path) -> Values:
    """The file packs tenths of another unit, which the catalog converts by a scale of its own."""
    unit = "g kg-1" if form == "geotiff" else "cm month-1"
    attrs = {"scale_factor": TENTH, "units": unit}
    return months_of(form, folder, WHOLE, attrs=attrs, attr_units=unit, scale=0.25)


def _never_written(kind: str, code: int, forms: tuple[str, ...], whose: str = "") -> Trait:
    words = ("pre", "fill: []", f"fill: [{code}]")
    name, values = f"the default of {kind}{whose}, inside the range", coded(code, kind, WHOLE)
    given = {"attrs": PACKED, "valid_range": [-500, 2000]}
    return stored(UNWRITTEN, name, values, Refused("catalog", words), forms, NO_TYPE, **given)


HOLES = np.where(AT, np.nan, RAIN)
JSON_HOLES = HOLES.copy()
JSON_HOLES[:, 3, 2] = np.where(AT[:, 3, 2], np.nan, 0.0)
REPEATS = "if -77.7 stands for missing, add fill: [-77.7]"
BEYOND = BIG * 0.5 - 8_388_608.0
NO_PLACE = Refused("calendar", ("time", "missing"))
NEW = (*STORES, "cdf5", "netcdf4")
TRAITS = [
    stored(OUTSIDE, "default -9999 in any version of Zarr", coded(-9999), HOLES, STORES, NO_OWN, own=-9999.0),
    stored(CODES, "missing_value in float64 of float32", coded(-999.99), HOLES, FREE, NO_TYPE,
           attrs={"missing_value": -999.99}),
    stored(CODES, "missing_value as text", coded(-999.99), HOLES, FREE, NO_TYPE, attrs={"missing_value": "-999.99"}),
    Trait(CODES, "_FillValue is a plain number in JSON", stated_in_json, Right(JSON_HOLES), ("zarr2", "zarr3"),
          "the test writes into the JSON of a store on disk"),
    _never_written("i1", -127, FILES),
    _never_written("u1", 255, ("cdf5", "netcdf4")),
    _never_written("i2", -32767, FILES),
    _never_written("u2", 65535, ("cdf5", "netcdf4", "hdf4")),
    _never_written("u1", 129, ("hdf4",), " in HDF4"),
    _never_written("u2", 32769, ("hdf4",), " in HDF4"),
    stored(UNWRITTEN, "the default of i2, said to be a value", coded(-32767, "i2", WHOLE),
           np.where(AT, -32767, WHOLE) * 0.01 + 400, FILES, NO_TYPE, attrs=PACKED, valid_range=[-500, 2000], fill=[]),
    Trait(UNWRITTEN, "a time", time_with(9.969209968386869e36, {}), NO_PLACE, FREE, NO_TYPE),
    Trait(AXIS, "a time is the fill value that is stated", time_with(-999.0, {"missing_value": -999.0}), NO_PLACE, FREE,
          NO_TYPE),
    advised("add fill: [-999.99] to", -999.99, "a usual code without an attribute"),
    advised("add fill: [-9999, -999.99] to", -999.99, "another code than the catalog's", fill=[-9999]),
    advised("add fill: [32767] to", 32767, "a packed code is named as it is stored", "i2",
            (*FREE, "geotiff"), attrs={"scale_factor": 10.0}),
    advised(REPEATS, -77.7, "an unknown code repeats"),
    stored(TWICE, "an offset alone, and a scale in the catalog", WHOLE, Refused("unit", ("scale 0.1",)),
           (*FREE, "hdf4"), NO_TYPE, attrs={"add_offset": 5.0}, scale=0.1),
    stored(TWICE, "as text", WHOLE, WHOLE * 0.1, FREE, NO_TYPE, attrs={"scale_factor": "0.1"}, scale=0.1),
    stored(TWICE, "as text that is no number", WHOLE, Refused("variable", ("tenth", "pre")), FREE, NO_TYPE,
           attrs={"scale_factor": "tenth"}),
    Trait(TWICE, "one that converts the unit", converted,
          lambda form: Right((WHOLE[0] if form == "geotiff" else WHOLE) * 0.025), FORMS),
    Trait(APART, "only the first file states the scale", one_states,
          lambda form: Right(WHOLE * 0.5) if form == "hdf4" else Refused("variable", ("pre", "0.5", "None")),
          (*FILES, "hdf4"), "a store is one file"),
    stored(NUMBERS, "i4 under a scale of float32", BIG.astype("i4"), BEYOND, FREE, NO_TYPE, attrs=ZERO),
    stored(NUMBERS, "i8 under a scale of float32", BIG, BEYOND, NEW, NO_TYPE, attrs=ZERO),
]  # fmt: skip

SWITCHES = [
    Switch(UNWRITTEN, "smcloud.catalog.unwritten.UNWRITTEN", {}, "netcdf4"),
    Switch(ADVICE, "smcloud.cube.quality.advice", lambda *given: "correct fill in the catalog entry"),
    Switch(AXIS, "smcloud.catalog.missing_values._require_no_code", lambda *given: None),
]
