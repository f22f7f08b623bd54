"""Missing values: codes and defaults that files keep, and what of them is a value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FILES, FREE, STORES, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, LAT, LON, SHAPE, axes, cube_of, random_field, stamps

DAYS = pd.date_range("2000-01-01", "2000-12-31")
MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
RAIN[3, 1], RAIN[7, :, 2] = 0.0, 0.0  # months without rain
SOIL = random_field(12, 0.05, 0.45, seed=4)
MM = {"units": "mm month-1"}
SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
SM = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}
INSIDE, OUTSIDE, FLAGS, AXIS, CODES = (
    "missing: a default inside the range", "missing: a default outside the range", "missing: flags",
    "missing: axes", "missing: codes of the catalog",
)  # fmt: skip
V2 = ("zarr2", "kerchunk")
ONLY_V2 = "only Zarr 2 (and references to its like) gives a default that xarray takes for a code"
STRUCTURE = "steps and grid are in names of files and in the file's structure"


def _rain(form: str, folder: Path, raw: Raw, **more: Any) -> Values:
    place = write(form, folder, axes(form, MONTHS) | {"pre": raw})
    return np.asarray(cube_of(folder, place, SPEC | {"coverage_change": 1} | more)["precipitation"].values)


def _default(value: float, expect: Outcome, name: str, line: str = INSIDE, rain: Values = RAIN, **more: Any) -> Trait:
    def attempt(form: str, folder: Path) -> Values:
        return _rain(form, folder, Raw(AXES, rain, MM, fill=np.float32(value)), **more)

    return Trait(line, name, attempt, expect, V2, ONLY_V2)


def _coded(values: Values, code: float) -> Values:
    """Values with a code in some cells."""
    out = values.copy()
    out[2, 0], out[9, :, 1] = code, code
    return out


def _holes(values: Values) -> Values:
    out = values.astype("f4")
    out[2, 0], out[9, :, 1] = np.nan, np.nan
    return out


def _code(code: float, dtype: str, forms: tuple[str, ...] = (*FREE, "hdf4")) -> Trait:
    values = RAIN.astype(dtype)

    def attempt(form: str, folder: Path) -> Values:
        of_dtype = np.dtype(dtype).type
        other = of_dtype(7e4) if dtype[0] == "f" else None  # a default that is outside the range, and not the code
        return _rain(form, folder, Raw(AXES, _coded(values, of_dtype(code)), MM, fill=other), fill=[code])

    return Trait(CODES, f"{code:g} in {dtype}, named in fill", attempt, Right(_holes(values)), forms, STRUCTURE)


def _flagged(attrs: Mapping[str, Any], fill: int, name: str) -> Trait:
    """Soil moisture whose flag is 0 where it is good, in arrays whose default is ``fill``; 1 is bad."""
    flag = np.zeros(SOIL.shape, "i1")
    flag[4, 2], flag[5] = 1, 127
    right = np.where(flag != 0, np.nan, SOIL)
    right = right.astype("f4")

    def attempt(form: str, folder: Path) -> Values:
        arrays = {
            "sm": Raw(AXES, SOIL, {"units": "m3 m-3"}, fill=np.float32(-9999)),
            "flag": Raw(AXES, flag, attrs, fill=np.int8(fill)),
        }
        place = write(form, folder, axes(form, MONTHS) | arrays)
        settings = SM | {"flag": "flag", "coverage_change": 1}
        return np.asarray(cube_of(folder, place, settings, role="soil_moisture")["soil_moisture"].values)

    return Trait(FLAGS, name, attempt, Right(right), STORES, "the default of an array is Zarr's")


def _soil(form: str, folder: Path, **axis: Raw) -> Values:
    arrays = {"time": stamps(MONTHS)} | GRID | axis | {"sm": Raw(AXES, SOIL, {"units": "m3 m-3"}, fill=np.float32(-1))}
    return np.asarray(cube_of(folder, write(form, folder, arrays), SM, role="soil_moisture")["soil_moisture"].values)


def _axis(name: str, **axis: Raw) -> Trait:
    def attempt(form: str, folder: Path) -> Values:
        return _soil(form, folder, **axis)

    return Trait(AXIS, name, attempt, Right(SOIL), FREE, STRUCTURE)


def _hole_in_time(form: str, folder: Path) -> Values:
    days = stamps(MONTHS)
    values = days.values.copy()
    values[5] = np.nan
    return _soil(form, folder, time=Raw(days.dims, values, days.attrs))


BOTH = Refused("catalog", ("source", "pre", "fill: []", "fill: [0]"))
DRY = RAIN.copy()
DRY[DRY == 0] = np.nan
FROM_ZERO = Raw(("time",), stamps(MONTHS).values, stamps(MONTHS).attrs, fill=0.0)
GREENWICH = Raw(("lon",), np.array([-90.0, 0.0, 90.0]), {"units": "degrees_east"}, fill=0.0)

TRAITS = [
    _default(0, BOTH, "default 0, months without rain, nothing said"),
    _default(0, Right(RAIN), "default 0, fill: []", fill=[]),
    _default(0, Right(DRY), "default 0, fill: [0]", fill=[0]),
    _default(-9999, Right(_holes(RAIN)), "default -9999 in cells that miss", OUTSIDE, _coded(RAIN, -9999)),
    _default(-9999, Right(_holes(RAIN)), "default -9999 beside fill: [-1]", OUTSIDE, _coded(RAIN, -9999), fill=[-1]),
    _flagged({}, 0, "a flag whose default 0 means good"),
    _flagged({"flag_values": [0, 1], "flag_meanings": "good bad"}, 0, "the same, listed in flag_values"),
    _flagged({}, 127, "a flag whose default 127 means missing"),
    _flagged({"flag_masks": [1, 2, 4, 8, 16, 32, 64]}, 127, "the same, with all bits as flag_masks"),
    _axis("a time axis that begins with its default 0", time=FROM_ZERO),
    _axis("Greenwich, and longitudes whose default is 0", lon=GREENWICH),
    Trait(AXIS, "a time axis with NaN", _hole_in_time, Refused("calendar", ("source", "time")), FREE, STRUCTURE),
    _code(1e20, "f4"),
    _code(-999.99, "f4"),
    _code(-9999.9, "f4"),
    _code(9.96921e36, "f4"),
    _code(-999.99, "f8", FREE),
    _code(-32767, "i2"),
    _code(255, "u1", ("zarr2", "zarr3", "kerchunk", "icechunk", "netcdf4", "hdf4")),
]
assert (LAT.size, LON.size) == SHAPE and FILES

SWITCHES = [
    Switch(INSIDE, "smcloud.catalog.missing_values._means_missing", lambda *given: True, "zarr2"),
    Switch(OUTSIDE, "smcloud.catalog.missing_values._means_missing", lambda *given: False, "zarr2"),
    Switch(FLAGS, "smcloud.catalog.missing_values._has_meaning", lambda default, attrs: False, "zarr2"),
    Switch(CODES, "smcloud.catalog.missing_values._stated", lambda variable, codes: {}, "zarr3"),
]
