"""Stores that lack chunks or say less than they hold, and files that are not what their names say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import STORES, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, SHAPE, axes, cube_of, random_field

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200, seed=12)
SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000], "coverage_change": 1}
ABSENT, STALE, NAMED = "stores: chunks that are not there", "stores: stale metadata", "files: what they are"
LEFT_OUT = ((1, 0, 0), (4, 0, 0))  # of six chunks of two months
ONE_PIECE = (
    "values lie in one piece, or are tried elsewhere (NetCDF 4 and GeoTIFF in tests/strangers/test_absent_chunks.py)"
)


def _left_out(value: float) -> Values:
    out = RAIN.copy()
    out[2:4], out[8:10] = value, value
    return out


def _lacking(form: str, folder: Path, **metadata: Any) -> Values:
    raw = Raw(AXES, RAIN, {"units": "mm month-1"}, fill=np.float32(0), chunks=(2, *SHAPE), absent=LEFT_OUT)
    place = write(form, folder, axes(form, MONTHS) | {"pre": raw})
    return np.asarray(cube_of(folder, place, SPEC | {"fill": []}, **metadata)["precipitation"].values)


def _filled(form: str, folder: Path) -> Values:
    return _lacking(form, folder, absent_chunks="fill")


def _complete(form: str, folder: Path) -> Values:
    return _lacking(form, folder, complete=True)


def _stale(form: str, folder: Path) -> Values:
    """Consolidated when the store held six months; six more came later."""
    import zarr

    zarr_format = 2 if form == "zarr2" else 3
    halves = [slice(0, 6), slice(0, 12)]
    for number, months in enumerate(halves):
        raw = Raw(AXES, RAIN[months], {"units": "mm month-1"}, fill=np.float32(-1), chunks=(6, *SHAPE))
        place = write(form, folder, axes(form, MONTHS[months]) | {"pre": raw}, f"half{number}")
    early, late = (folder / f"half{number}.zarr" for number in (0, 1))
    zarr.consolidate_metadata(str(early), zarr_format=zarr_format)
    document = ".zmetadata" if zarr_format == 2 else "zarr.json"
    shutil.copy(early / document, late / document)
    place["args"]["xarray_kwargs"] = {"consolidated": True}
    return np.asarray(cube_of(folder, place, SPEC)["precipitation"].values)


def _file(form: str, folder: Path) -> tuple[dict[str, Any], Path, dict[str, Any], str]:
    """A sound file of a form: its place, its path, the variable of its catalog entry, and the role."""
    if form == "geotiff":
        place = write(form, folder, GRID | {"clay": Raw(("lat", "lon"), RAIN[0] / 4, {"units": "%"})})
        spec = {"name": "band_1", "units": "%", "period": "static", "valid_range": [0, 100]}
        return place, folder / "clay.tif", spec, "clay"
    place = write(form, folder, axes(form, MONTHS) | {"pre": Raw(AXES, RAIN, {"units": "mm month-1"})})
    path = sorted((folder / "source").glob("*.hdf"))[5] if form == "hdf4" else folder / "source.nc"
    return place, path, SPEC, "precipitation"


def _changed(change: Callable[[bytes], bytes]) -> Callable[[str, Path], Values]:
    def attempt(form: str, folder: Path) -> Values:
        place, path, spec, role = _file(form, folder)
        path.write_bytes(change(path.read_bytes()))
        return np.asarray(cube_of(folder, place, spec, role=role)[role].values)

    return attempt


def _refused(*words: str) -> Callable[[str], Outcome]:
    names = {"hdf4": ".hdf", "geotiff": "clay.tif"}
    return lambda form: Refused("file-form", (names.get(form, "source.nc"), *words))


SINGLE = ("netcdf3", "cdf5", "netcdf4", "hdf4", "geotiff")
FOLDERS = "a store is a folder of many objects"
TRAITS = [
    Trait(ABSENT, "two chunks were never written", _lacking, Right(_left_out(np.nan)), STORES, ONE_PIECE),
    Trait(ABSENT, "the same, absent_chunks: fill", _filled, Right(_left_out(0.0)), STORES, ONE_PIECE),
    Trait(ABSENT, "the same, complete: true", _complete, Refused("source-read"), STORES, ONE_PIECE),
    Trait(
        STALE, "consolidated before it grew", _stale, Right(RAIN), ("zarr2", "zarr3"),
        "only Zarr on a disk keeps such a copy (others: tests/strangers/test_stale_metadata.py)",
    ),
    Trait(NAMED, "cut in the middle", _changed(lambda b: b[: len(b) // 2]), _refused(), SINGLE, FOLDERS),
    Trait(NAMED, "empty", _changed(lambda b: b""), _refused("empty"), SINGLE, FOLDERS),
    Trait(NAMED, "a log-in page", _changed(lambda b: b"<!DOCTYPE html><html>"), _refused("HTML"), SINGLE, FOLDERS),
    Trait(NAMED, "a ZIP archive", _changed(lambda b: b"PK\x03\x04" + b), _refused("ZIP"), SINGLE, FOLDERS),
    Trait(NAMED, "GRIB", _changed(lambda b: b"GRIB" + b), _refused("GRIB"), SINGLE, FOLDERS),
]  # fmt: skip


def _as_they_are(ds: Any, chunks: Any, entry: Any, where: str) -> Any:
    return ds


async def _not_looked_at(self: Any, key: str, document: Any, prototype: Any) -> bool:
    return False


SWITCHES = [
    Switch(ABSENT, "smcloud.catalog.opening.with_marks", _as_they_are),
    Switch(STALE, "smcloud.catalog.stores.guarded.GuardedStore._refresh", _not_looked_at, "zarr2"),
    Switch(NAMED, "smcloud.catalog.readers.netcdf_files.require_form", lambda *given: None, "netcdf3"),
]
