"""Equal content has an equal state, wherever it lies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from smcloud.catalog.fingerprints import source_state
from smcloud.errors import (
    UnreachableError,
)
from tests.catalog.entries import catalog_of, changed, small, write_store


def state(folder: Path, **changes: Any) -> str:
    folder.mkdir(exist_ok=True)
    return source_state(catalog_of(folder, changed(**changes)), "source0")


def test_the_same_content_elsewhere_has_the_same_state(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    first = state(tmp_path)
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "other" / "renamed.zarr", copy_function=shutil.copyfile)
    assert state(tmp_path / "other", args__urlpath="{{ CATALOG_DIR }}/renamed.zarr") == first
    assert state(tmp_path, args__chunks={"time": 1}) == first
    assert state(tmp_path, metadata__licence="other words") == first


def test_changed_content_or_reading_has_another_state(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small(), encoding={"sm": {"compressors": None}})
    states = [state(tmp_path)]
    sizes = {path: path.stat().st_size for path in (tmp_path / "a.zarr").rglob("*")}
    chunk = tmp_path / "a.zarr" / "sm" / "c" / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, the same size
    chunk.write_bytes(bytes(content))
    assert sizes == {path: path.stat().st_size for path in (tmp_path / "a.zarr").rglob("*")}
    states.append(state(tmp_path))
    chunk.unlink()
    states.append(state(tmp_path))
    states.append(state(tmp_path, metadata__variables__soil_moisture__stamp="end"))
    states.append(state(tmp_path, args__xarray_kwargs={"consolidated": False, "drop_variables": ["x"]}))
    assert len(set(states)) == len(states)


def test_of_large_sources_the_time_of_change_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smcloud.catalog.fingerprints.objects.FULL_DIGEST_BYTES", 10)
    write_store(tmp_path / "a.zarr", small())
    first = state(tmp_path)
    assert state(tmp_path) == first
    os.utime(tmp_path / "a.zarr" / "sm" / "zarr.json", (0, 0))
    assert state(tmp_path) != first


def test_one_file_and_many_files(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        for i in (0, 1):
            small(i).to_netcdf(folder / f"{i}.nc", engine="h5netcdf")
    every = {"driver": "netcdf", "args__urlpath": "{{ CATALOG_DIR }}/*.nc", "args__xarray_kwargs": {}}
    first = state(tmp_path / "one", **every)
    assert state(tmp_path / "two", **every) == first
    (tmp_path / "two" / "1.nc").unlink()
    assert state(tmp_path / "two", **every) != first


def test_a_remote_store_is_known_by_its_metadata(tmp_path: Path, http: Callable[[Path], str]) -> None:
    write_store(tmp_path / "a.zarr", small())
    write_store(tmp_path / "same.zarr", small(seed=1))
    write_store(tmp_path / "longer.zarr", xr.concat([small(), small()], "time"))
    base = http(tmp_path)
    states = [state(tmp_path, args__urlpath=f"{base}/{name}.zarr") for name in ("a", "same", "longer")]
    assert states[0] == states[1]
    assert states[0] != states[2]
    with pytest.raises(UnreachableError):
        state(tmp_path, args__urlpath=f"{base}/nothing.zarr")
