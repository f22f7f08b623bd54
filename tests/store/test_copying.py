"""A prefix made from a sealed one: copies inside the store, on a disk, in memory and through S3."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.store import Lineage, Prefix, Store, align, cube_lineages, lineage_object
from smcloud.store.objects import copy

OLD, NEW = "cube/old.zarr", "cube/new.zarr"
LINEAGE = Lineage(basis="b", period=("2000-01", "2002-02"), roles={"soil_moisture": ("1", "2")}, provisional=())


@pytest.fixture
def longer(cube: xr.Dataset) -> xr.Dataset:
    """The cube of 26 months in the first two chunks, others behind them, and 3 months more."""
    more = cube.isel(time=slice(3)).assign_coords(time=np.arange("2002-03", "2002-06", dtype="M8[M]").astype("M8[ns]"))
    more["soil_moisture"] = more["soil_moisture"] + 1
    joined = xr.concat([cube, more], "time", data_vars="minimal", combine_attrs="override")
    return joined.chunk(time=12).assign(time_bnds=joined["time_bnds"].compute()).assign_attrs(cube.attrs)


def refreshed(store: Store, cube: xr.Dataset, longer: xr.Dataset) -> tuple[dict[str, int], set[str]] | None:
    """Seal the cube, refresh it to the longer one, and seal that; the seal, and the chunks that were copied."""
    dask.compute(Prefix(store, OLD).stage(cube.chunk(time=12)))
    Prefix(store, OLD).seal(beside=lineage_object(LINEAGE))
    copied = Prefix(store, NEW).begin_with_copies(longer, [(24, longer.sizes["time"])], Prefix(store, OLD))
    if copied is None:
        return None
    tail = longer.isel(time=slice(24, None))
    dask.compute(Prefix(store, NEW).region_writes(align(tail.drop_encoding()), {"time": 24}))
    return Prefix(store, NEW).seal(copied=copied), set(copied)


@pytest.mark.slow
@pytest.mark.parametrize("url", ["disk", "memory://refresh-tests/store"])
def test_what_is_refreshed_is_what_would_be_written(
    url: str, tmp_path: Path, cube: xr.Dataset, longer: xr.Dataset
) -> None:
    store = Store.open(tmp_path / "store" if url == "disk" else url)
    found = refreshed(store, cube, longer)
    assert found is not None
    dask.compute(Prefix(store, "cube/whole.zarr").stage(longer))
    assert found[0] == Prefix(store, "cube/whole.zarr").seal()
    assert {key for key in found[1] if key.startswith("soil_moisture/")} == {
        f"soil_moisture/c/{t}/{i}/{j}" for t in (0, 1) for i in (0, 1) for j in (0, 1)
    }
    xr.testing.assert_identical(xr.open_zarr(store.url_of(NEW)).load(), longer.compute())
    assert cube_lineages(store) == {OLD: LINEAGE}
    assert "made-from.json" in [entry["path"] for entry in Prefix(store, OLD).inventory()[0]["objects"]]
    if url.startswith("memory"):
        store.fs.rm(store.join(), recursive=True)


@pytest.mark.slow
def test_through_s3_the_server_copies(
    bucket: str, cube: xr.Dataset, longer: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    store = Store.open(f"s3://{bucket}/store")
    real, copies = s3fs.S3FileSystem._cp_file, []

    async def counted(self, source, target, **kwargs):  # type: ignore[no-untyped-def]
        copies.append(target)
        await real(self, source, target, **kwargs)

    monkeypatch.setattr(s3fs.S3FileSystem, "_cp_file", counted)
    found = refreshed(store, cube, longer)
    assert found is not None and len(copies) == len(found[1]) > 0
    xr.testing.assert_identical(xr.open_zarr(store.url_of(NEW), storage_options=store.options).load(), longer.compute())


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.assign_coords(lat=ds["lat"] + 0.1),
        lambda ds: ds.isel(lat=slice(100)),
        lambda ds: ds.assign(more=ds["soil_moisture"]),
        lambda ds: ds.drop_vars("soil_moisture_days"),
        lambda ds: ds.assign(soil_moisture=ds["soil_moisture"].astype("float64")),
        lambda ds: ds.assign(soil_moisture=ds["soil_moisture"].assign_attrs(units="%")),
    ],
)
def test_another_grid_variable_or_encoding_is_not_refreshed(
    change: Callable[[xr.Dataset], xr.Dataset], store: Store, cube: xr.Dataset, longer: xr.Dataset
) -> None:
    assert refreshed(store, cube, change(longer)) is None
    assert not Path(store.join(NEW)).exists()


@pytest.mark.parametrize("answer", [errno.EXDEV, errno.EMLINK])
def test_where_there_are_no_hard_links_bytes_are_copied(
    answer: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path(store.join("cube/a"))
    place.parent.mkdir(parents=True)
    place.write_bytes(b"chunk")

    def refuse(source: str, target: str) -> None:
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(os, "link", refuse)
    copy(store, {"cube/a": "cube/deep/b"})
    other = Path(store.join("cube/deep/b"))
    assert other.read_bytes() == b"chunk" and not other.samefile(place)
    assert sorted(path.name for path in other.parent.iterdir()) == ["b"]


def test_a_cube_without_seal_or_record_is_not_built_upon(store: Store, cube: xr.Dataset) -> None:
    assert cube_lineages(store) == {}
    dask.compute(Prefix(store, OLD).stage(cube))
    Path(store.join(OLD, "made-from.json")).write_text(json.dumps({"number": 1}))
    dask.compute(Prefix(store, NEW).stage(cube))
    Prefix(store, NEW).seal()
    assert cube_lineages(store) == {}
