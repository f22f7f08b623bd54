"""Sources open lazily, and files that do not belong together are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray as xr

from smcloud.catalog import open_entry
from smcloud.catalog.fingerprints import source_state
from smcloud.errors import (
    CalendarError,
    CatalogError,
    GridError,
)
from tests.catalog.entries import ENTRY, catalog_of, changed, small, write_store


def test_a_source_opens_lazily_with_its_values(tmp_path: Path) -> None:
    write_store(tmp_path / "a.zarr", small())
    catalog = catalog_of(tmp_path, ENTRY)
    ds = open_entry(catalog, "source0")
    assert isinstance(ds["sm"].data, dask.array.Array)
    xr.testing.assert_equal(ds.load(), small())


def test_a_role_is_found_by_name_or_by_variable(tmp_path: Path) -> None:
    two = changed()
    two["metadata"]["variables"]["wetness"] = ENTRY["metadata"]["variables"]["soil_moisture"] | {"name": "w"}
    catalog = catalog_of(tmp_path, two)
    assert catalog.spec("soil_moisture", "source0")[1].name == "sm"
    assert catalog.spec("soil_moisture", "source0:wetness")[1].name == "w"
    for reference, where in (("other", "sources.other"), ("source0:x", "sources.source0.metadata.variables")):
        with pytest.raises(CatalogError) as caught:
            catalog.spec("soil_moisture", reference)
        assert caught.value.where.endswith(where)
        assert "inputs.soil_moisture" in caught.value.next
    with pytest.raises(CatalogError) as caught:
        catalog.spec("lai", "source0")
    assert caught.value.found == "lai"
    with pytest.raises(CatalogError):
        open_entry(catalog, "other")


def test_daily_files_join_into_one_axis_and_disagreeing_ones_fail(tmp_path: Path) -> None:
    ds = small()
    for i in range(4):
        ds.isel(time=[i]).to_netcdf(tmp_path / f"day{i}.nc", engine="h5netcdf")
    entry = changed(driver="netcdf", args__urlpath="{{ CATALOG_DIR }}/day*.nc", args__xarray_kwargs={})
    catalog = catalog_of(tmp_path, entry)
    xr.testing.assert_equal(open_entry(catalog, "source0").load(), ds)
    files = [f"{{{{ CATALOG_DIR }}}}/day{i}.nc" for i in (2, 0)]
    listed = catalog_of(tmp_path, changed(driver="netcdf", args__urlpath=files, args__xarray_kwargs={}))
    xr.testing.assert_equal(open_entry(listed, "source0").load(), ds.isel(time=[0, 2]))
    # another variable on latitudes that differ by more than a rounding: an outer join would double the rows
    other = ds.rename(sm="other").isel(time=[0]).assign_coords(lat=ds["lat"] + 0.1)
    other.to_netcdf(tmp_path / "day0_other.nc", engine="h5netcdf")
    files = [f"{{{{ CATALOG_DIR }}}}/{name}.nc" for name in ("day0", "day0_other")]
    two = catalog_of(tmp_path, changed(driver="netcdf", args__urlpath=files, args__xarray_kwargs={}))
    with pytest.raises(GridError) as caught:
        open_entry(two, "source0")
    assert "lat" in caught.value.found
    assert all(caught.value.record().values())
    other.assign_coords(lat=ds["lat"], time=other["time"] + np.timedelta64(6, "h")).to_netcdf(
        tmp_path / "day0_other.nc", engine="h5netcdf"
    )
    with pytest.raises(CalendarError) as late:
        open_entry(two, "source0")
    assert "time" in late.value.expected
    assert all(late.value.record().values())


def test_references_open_over_http(tmp_path: Path, http: Callable[[Path], str]) -> None:
    write_store(tmp_path / "a.zarr", small(), zarr_format=2)
    base = http(tmp_path)
    files = [path for path in (tmp_path / "a.zarr").rglob("*") if path.is_file()]
    refs: dict[str, Any] = {}
    for path in files:
        key = path.relative_to(tmp_path / "a.zarr").as_posix()
        refs[key] = path.read_text() if path.name.startswith(".z") else [f"{base}/a.zarr/{key}"]
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    entry = changed(
        args__urlpath="reference://",
        args__storage_options={
            "fo": f"{base}/refs.json",
            "remote_protocol": "http",
            "remote_options": {"asynchronous": True},
        },
    )
    catalog = catalog_of(tmp_path, entry)
    xr.testing.assert_equal(open_entry(catalog, "source0").load(), small())
    before = source_state(catalog, "source0")
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}, indent=1))
    assert source_state(catalog, "source0") == before  # the same references in other words
    next(held for key, held in refs.items() if key.startswith("sm/") and isinstance(held, list))[0] += "?again"
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    assert source_state(catalog, "source0") != before
