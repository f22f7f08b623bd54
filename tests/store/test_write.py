"""Staged prefixes: encoding, alignment, one pass over the sources, leftovers, appended fields."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.errors import ChunkError, GridError, ReleaseConflictError
from smcloud.store import Prefix, Store
from smcloud.store.write import align, check_alignment

PATH = "cube/one.zarr"


def files(store: Store, path: str = PATH) -> dict[str, bytes]:
    root = Path(store.join(path))
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def write(ds: xr.Dataset, store: Store, path: str = PATH) -> None:
    dask.compute(Prefix(store, path).stage(ds))


def test_what_is_written_is_what_was_given(cube: xr.Dataset, store: Store) -> None:
    write(cube, store)
    xr.testing.assert_identical(xr.open_zarr(store.url_of(PATH), consolidated=False).load(), cube.compute())


def test_every_array_has_zstd_with_checksum_and_every_chunk(cube: xr.Dataset, store: Store) -> None:
    write(cube, store)
    names = {name.removesuffix("/zarr.json") for name in files(store) if name.count("/") == 1}
    assert names == {str(name) for name in cube.variables}
    for name in names:
        metadata = json.loads(files(store)[f"{name}/zarr.json"])
        assert {"name": "zstd", "configuration": {"level": 3, "checksum": True}} in metadata["codecs"], name
        assert (metadata["fill_value"] == "NaN") == metadata["data_type"].startswith("float"), name
    # One block is all NaN and one variable all zero: fill values, written all the same.
    for name, count in (("soil_moisture", 3 * 2 * 2), ("soil_moisture_days", 3 * 2 * 2), ("land_mask", 4)):
        assert sum(key.startswith(f"{name}/c/") for key in files(store)) == count
    array = zarr.open_array(store.url_of(f"{PATH}/soil_moisture"), mode="r")
    assert array.chunks == (12, 180, 180)
    assert np.isnan(array.fill_value)


@pytest.mark.slow
def test_a_stale_encoding_is_not_used(cube: xr.Dataset, store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source.zarr"
    small = {"soil_moisture": {"chunks": (1, 50, 50), "compressors": None, "_FillValue": -9999.0}}
    cube.chunk(time=1, lat=50, lon=50).drop_vars("time_bnds").to_zarr(source, encoding=small, zarr_format=3)
    rechunked = xr.open_zarr(source).chunk(time=-1, lat=60, lon=60)
    assert rechunked["soil_moisture"].encoding["chunks"] == (1, 50, 50)
    write(rechunked, store)
    metadata = json.loads(files(store)["soil_moisture/zarr.json"])
    assert metadata["chunk_grid"]["configuration"]["chunk_shape"] == [12, 180, 180]
    assert metadata["codecs"][1]["configuration"]["checksum"] is True
    assert metadata["fill_value"] == "NaN"
    written = xr.open_zarr(store.url_of(PATH), consolidated=False)["soil_moisture"]
    np.testing.assert_array_equal(written, cube["soil_moisture"])


def test_bytes_do_not_depend_on_dask_chunks(cube: xr.Dataset, store: Store) -> None:
    write(cube, store)
    write(cube.chunk(time=-1, lat=90, lon=45), store, "cube/two.zarr")
    assert files(store) == files(store, "cube/two.zarr")


def test_each_block_is_computed_once_for_write_and_counters(store: Store) -> None:
    calls: Counter[object] = Counter()
    lock = threading.Lock()

    def block(values: np.ndarray, block_info: dict | None = None) -> np.ndarray:  # type: ignore[type-arg]
        with lock:
            calls[block_info[0]["chunk-location"] if block_info else None] += 1
        return values + 1

    source = dask.array.map_blocks(
        block, dask.array.zeros((24, 200, 200), chunks=(24, 180, 180)), dtype=float, meta=np.empty((0, 0, 0))
    )
    # A chain with one end in the counters and one in the write is what dask fuses apart, and computes twice.
    valid = dask.array.where(source > 0, source, np.nan)
    ds = xr.Dataset({"a": (("time", "lat", "lon"), valid)})
    written, counters = dask.compute(Prefix(store, PATH).stage(ds), {"bad": ds["a"].isnull().sum()})
    assert calls == dict.fromkeys(calls, 1) and len(calls) == 4
    assert counters["bad"] == 0
    assert sum(np.asarray(part).nbytes for part in written) == 0
    assert float(xr.open_zarr(store.url_of(PATH), consolidated=False)["a"].sum()) == 24 * 200 * 200


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(5, 200, 190), (26, 100, 190), (1, 1, 190), (7, 190, 181), (12, 180, 180)])
def test_blocks_are_brought_to_whole_stored_chunks(chunks: tuple[int, int, int]) -> None:
    ds = xr.Dataset({"v": (("time", "lat", "lon"), dask.array.zeros((26, 400, 370), chunks=chunks))})
    aligned = align(ds)["v"]
    for got, stored in zip(aligned.chunks or (), (12, 180, 180), strict=True):
        assert all(size % stored == 0 for size in got[:-1])
    if chunks == (12, 180, 180):
        assert aligned.chunks == ds["v"].chunks


def test_unaligned_blocks_raise() -> None:
    ds = xr.Dataset({"v": (("time", "lat", "lon"), dask.array.zeros((26, 200, 190), chunks=(26, 100, 190)))})
    with pytest.raises(ChunkError) as caught:
        check_alignment(ds)
    assert caught.value.where == "v, lat" and "180" in caught.value.next
    check_alignment(ds.chunk(lat=180))


def test_lazy_dates_and_texts_are_written_too(cube: xr.Dataset, store: Store) -> None:
    lazy = cube.assign(label=("nv", np.array(["start", "end"]))).chunk(time=5, nv=1)
    assert lazy["time_bnds"].chunks and lazy["label"].chunks
    write(lazy, store)
    xr.testing.assert_identical(xr.open_zarr(store.url_of(PATH), consolidated=False).load(), lazy.compute())


def test_leftovers_of_a_crash_are_written_over(cube: xr.Dataset, store: Store) -> None:
    write(cube, store, "cube/undisturbed.zarr")
    Prefix(store, PATH).stage(cube)
    chunk = Path(store.join(PATH, "soil_moisture/c/0/0/0"))
    chunk.parent.mkdir(parents=True, exist_ok=True)
    chunk.write_bytes(b"half a chunk")
    Path(store.join(PATH, "zarr.json")).unlink()
    write(cube, store)
    assert files(store) == files(store, "cube/undisturbed.zarr")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["chunks", "attributes"])
def test_leftovers_of_another_layout_are_removed(cube: xr.Dataset, store: Store, what: str) -> None:
    other = cube.isel(lat=slice(100)) if what == "chunks" else cube.assign_attrs(title="older", more=1)
    write(other.assign(old=cube["land_mask"] if what == "attributes" else 1), store)
    write(cube, store)
    xr.testing.assert_identical(xr.open_zarr(store.url_of(PATH), consolidated=False).load(), cube.compute())


def test_a_sealed_prefix_is_never_touched(cube: xr.Dataset, product: xr.Dataset, store: Store) -> None:
    write(cube, store)
    Prefix(store, PATH).seal()
    before = files(store)
    for attempt in (
        lambda: Prefix(store, PATH).stage(cube),
        lambda: Prefix(store, PATH).append(product[["area_km2"]]),
        lambda: Prefix(store, PATH).append(xr.Dataset(attrs={"title": "another"})),
    ):
        with pytest.raises(ReleaseConflictError, match="sealed"):
            attempt()
    # The same fields again are no conflict: another run of the same work got there first.
    Prefix(store, PATH).append(cube[["land_mask"]].assign_attrs(cube.attrs))
    assert files(store) == before


def test_append_adds_fields_and_attributes(cube: xr.Dataset, store: Store) -> None:
    write(cube, store)
    before = files(store)
    fields = xr.Dataset(
        {"zone": (("lat", "lon"), np.ones((200, 190), "uint8")), "area": ("class", np.array([1.0, np.nan]))},
        coords={"lat": cube["lat"], "lon": cube["lon"], "class": ["DD", "WW"]},
        attrs={"share": 0.25},
    )
    Prefix(store, PATH).append(fields)
    after = files(store)
    assert {name for name in before if after[name] != before[name]} <= {"zarr.json"}
    assert not Prefix(store, PATH).is_sealed
    Prefix(store, PATH).seal()
    both = xr.open_zarr(store.url_of(PATH)).load()
    xr.testing.assert_identical(both, cube.compute().merge(fields).assign_attrs(cube.attrs | fields.attrs))
    assert json.loads(after["zone/zarr.json"])["codecs"][1]["configuration"]["checksum"] is True


def test_append_refuses_another_grid(cube: xr.Dataset, store: Store) -> None:
    write(cube, store)
    before = files(store)
    zone = xr.Dataset({"zone": (("lat", "lon"), np.ones((200, 190)))}, coords={"lat": cube["lat"] + 1e-7})
    with pytest.raises(GridError, match="lat"):
        Prefix(store, PATH).append(zone)
    assert files(store) == before


def test_a_part_of_a_chunk_is_never_written(store):
    ds = xr.Dataset({"a": (("lat", "lon"), dask.array.zeros((400, 5), chunks=(90, 5)))})
    prefix = Prefix(store, PATH)
    prefix.begin(ds)
    with pytest.raises(ValueError, match="no whole chunks"):
        dask.compute(prefix.region_writes(ds, {}))
