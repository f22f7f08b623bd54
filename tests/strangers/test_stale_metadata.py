"""Consolidated metadata that is older than its arrays: the longer one is used, and said, in the forms that have any.

Icechunk and NetCDF keep no second copy of the shape of an array.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from smcloud.catalog import load_catalog, open_entry

FORMS = ["zarr2", "zarr3", "group of zarr2", "group of zarr3", "kerchunk"]
MONTHS = pd.date_range("2000-01-01", periods=8, freq="MS")


def record() -> xr.Dataset:
    values = np.random.default_rng(5).random((8, 3, 4), "f4")
    return xr.Dataset(
        {"sm": (("time", "lat", "lon"), values, {"units": "m3 m-3"}), "other": ("time", np.arange(8.0))},
        coords={"time": MONTHS, "lat": [10.0, 0, -10], "lon": [0.0, 90, 180, 270]},
    )


def grown(folder: Path, form: str, stale: bool = True) -> dict[str, Any]:
    """A store of six months with consolidated metadata, to which two were appended without a word in it."""
    path, ds = folder / "a.zarr", record()
    zarr_format: Any = 3 if form.endswith("zarr3") else 2
    group = "deep/er" if form.startswith("group") else None
    first = ds.isel(time=slice(0, 6))
    first["time"].encoding = {"units": "days since 1999-01-01", "dtype": "i4"}
    first.to_zarr(path, zarr_format=zarr_format, consolidated=False, group=group)
    zarr.consolidate_metadata(path, zarr_format=zarr_format)
    place = path / (".zmetadata" if zarr_format == 2 else "zarr.json")
    old = place.read_bytes()
    later = ds.isel(time=slice(6, 8)).drop_vars(["lat", "lon"])
    later.to_zarr(path, append_dim="time", consolidated=False, group=group, zarr_format=zarr_format)
    if stale:
        place.write_bytes(old)
    else:
        zarr.consolidate_metadata(path, zarr_format=zarr_format)
    if form != "kerchunk":
        return {"urlpath": str(path), "xarray_kwargs": {"group": group} if group else {}}
    refs = {
        (key := file.relative_to(path).as_posix()): file.read_text() if file.name[0] == "." else [f"a.zarr/{key}"]
        for file in path.rglob("*") if file.is_file()
    }  # fmt: skip
    (folder / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    options = {"fo": str(folder / "refs.json"), "remote_protocol": "file"}
    return {"urlpath": "reference://", "storage_options": options}


def opened(folder: Path, args: dict[str, Any]) -> xr.Dataset:
    spec = {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]}
    metadata = {"licence": "x", "citation": "x", "variables": {"soil_moisture": spec}}
    entry = {"driver": "zarr", "description": "x", "args": args, "metadata": metadata}
    (folder / "c.yaml").write_text(json.dumps({"sources": {"a": entry}}))
    return open_entry(load_catalog(folder / "c.yaml"), "a")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_longer_of_two_lengths_is_used_and_said(
    tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    args = grown(tmp_path, form)
    name = args.get("xarray_kwargs", {}).get("group", "").removesuffix("/") + "/sm"
    assert zarr.open_consolidated(tmp_path / "a.zarr")[name.strip("/")].shape == (6, 3, 4)  # what a reader believes
    with caplog.at_level(logging.WARNING, "smcloud"):
        ds = opened(tmp_path, args)
    np.testing.assert_array_equal(ds["time"], MONTHS)
    np.testing.assert_array_equal(ds["sm"], record()["sm"])
    (line,) = [line.getMessage() for line in caplog.records if "consolidated" in line.getMessage()]
    assert "sm [6, 3, 4] is [8, 3, 4]" in line and "time [6] is [8]" in line


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_said_of_metadata_that_is_up_to_date(
    tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "smcloud"):
        ds = opened(tmp_path, grown(tmp_path, form, stale=False))
    np.testing.assert_array_equal(ds["sm"], record()["sm"])
    assert not [line for line in caplog.records if "consolidated" in line.getMessage()]
