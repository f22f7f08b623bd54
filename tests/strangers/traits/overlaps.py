"""Several files for one record: overlapping, repeated, contradicting, of two versions, of different units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import Place, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, axes, cube_of, random_field

LINE = "time: overlapping files and versions"
JOINED = ("zarr2", "zarr3", "netcdf3", "cdf5", "netcdf4")
ONE_STORE = "kerchunk and Icechunk are one store with one time axis; GeoTIFF has no time; HDF4 is below, by its names"
MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
RAIN[3, 0, 0] = np.nan  # a missing value equals a missing value
OTHER = random_field(12, 1, 200, seed=1)
Piece = tuple[str, slice, Values]


def attempt(
    pieces: Sequence[Piece], units: Sequence[str] = ("mm month-1",), **metadata: Any
) -> Callable[[str, Path], Values]:
    """Write each piece (name, months, values) as a file of its own, and make the year of all of them."""

    def run(form: str, folder: Path) -> Values:
        places: list[Place] = []
        for i, (name, months, values) in enumerate(pieces):
            unit = units[i % len(units)]
            pre = Raw(AXES, values[months], {"units": unit})
            places.append(write(form, folder, axes(form, MONTHS[months]) | {"pre": pre}, name))
        place = dict(places[0])
        if form == "hdf4":
            _together(folder, [name for name, _, _ in pieces])
            place["args"] = {"urlpath": str(folder / "all" / "*.hdf")}
        else:
            place["args"] = place["args"] | {"urlpath": [held["args"]["urlpath"] for held in places]}
        spec = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
        return np.asarray(cube_of(folder, place, spec, **metadata)["precipitation"].values)

    return run


def _together(folder: Path, names: Sequence[str]) -> None:
    """The HDF4 files of each name in one folder, the name as the collection that their names state."""
    (folder / "all").mkdir()
    for name in names:
        for path in (folder / name).glob("*.hdf"):
            path.rename(folder / "all" / f"{path.stem}.{name.rpartition('.')[2]}.{name}.hdf")


def each(name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(LINE, name, run, expect, JOINED, ONE_STORE)


def hdf4(name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(LINE, name, run, expect, ("hdf4",), "of the forms only HDF4 is dated by names")


def spoiled() -> Values:
    """The same months but for one cell of May."""
    values = RAIN.copy()
    values[4, 1, 1] += 1e-3
    return values


ALL, FIRST, LATE, EARLY = slice(0, 12), slice(0, 7), slice(4, 12), slice(0, 5)
RIGHT = Right(RAIN)
NEWER = RAIN.copy()
NEWER[LATE] = OTHER[LATE]
PREFER: dict[str, Any] = {"versions": {"prefer": "newest"}}
TWO_FILES = Refused("calendar", ("pre", "2000-05", "a_pre", "b_pre", "urlpath"))
VERSIONS = Refused("calendar", ("v04.5", "v07.1", "versions: {prefer: newest}"))
TRAITS = [
    each("parts of a year, named otherwise", attempt([("b", FIRST, RAIN), ("a", slice(7, 12), RAIN)]), RIGHT),
    each("parts that interlock", attempt([("a", slice(0, 12, 2), RAIN), ("b", slice(1, 12, 2), RAIN)]), RIGHT),
    each("overlapping parts, equal to the last bit", attempt([("a_pre", FIRST, RAIN), ("b_pre", LATE, RAIN)]), RIGHT),
    each("the same file twice", attempt([("a_pre", ALL, RAIN), ("b_pre", ALL, RAIN)]), RIGHT),
    each("overlapping parts that differ", attempt([("a_pre", FIRST, RAIN), ("b_pre", LATE, spoiled())]), TWO_FILES),
    each("the same, named otherwise", attempt([("b_pre", FIRST, spoiled()), ("a_pre", LATE, RAIN)]), TWO_FILES),
    each("two files of all months that differ", attempt([("a_pre", ALL, RAIN), ("b_pre", ALL, spoiled())]), TWO_FILES),
    each("equal first stamps, one file longer", attempt([("a_pre", EARLY, RAIN), ("b_pre", ALL, RAIN)]), RIGHT),
    each("the same, which differ", attempt([("b_pre", EARLY, RAIN), ("a_pre", ALL, spoiled())]),
         TWO_FILES),
    each("two versions for different months", attempt([("x_v04.5", FIRST, RAIN), ("x_v07.1", slice(7, 12), OTHER)]),
         VERSIONS),
    each("two versions for the same months", attempt([("x-fv07.1-", LATE, OTHER), ("x-fv04.5-", ALL, RAIN)]), VERSIONS),
    each("the same, the newest preferred", attempt([("x-fv07.1-", LATE, OTHER), ("x-fv04.5-", ALL, RAIN)], **PREFER),
         Right(NEWER)),
    each("versions 9 and 10, the newest preferred", attempt([("x_v10", LATE, OTHER), ("x_v9", ALL, RAIN)], **PREFER),
         Right(NEWER)),
    each("one version twice that differs, the newest preferred",
         attempt([("a_pre_v2", ALL, RAIN), ("b_pre_v2", ALL, spoiled())], **PREFER), TWO_FILES),
    each("two units", attempt([("a_pre", FIRST, RAIN), ("b_pre", slice(7, 12), RAIN)], ["mm month-1", "cm month-1"]),
         Refused("unit", ("pre", "a_pre", "b_pre", "cm month-1"))),
    hdf4("two collections for different months", attempt([("006", FIRST, RAIN), ("061", slice(7, 12), OTHER)]),
         Refused("calendar", (".006.", ".061.", "versions: {prefer: newest}"))),
    hdf4("for the same months, newest preferred", attempt([("061", LATE, OTHER), ("006", ALL, RAIN)], **PREFER),
         Right(NEWER)),
    hdf4("two files for one month", attempt([("x.006", ALL, RAIN), ("y.006", EARLY, RAIN)]),
         Refused("calendar", ("two files are of one date", "x.006", "y.006"))),
]  # fmt: skip
SWITCHES = [
    Switch(LINE, "smcloud.catalog.joining._require_equal", lambda *args: None),
    Switch(LINE, "smcloud.catalog.joining.require_one_version", lambda *args: None),
    Switch(LINE, "smcloud.catalog.joining._require_same_units", lambda *args: None),
    Switch(LINE, "smcloud.catalog.readers.local_files.require_one_version", lambda *args: None, "hdf4"),
]
