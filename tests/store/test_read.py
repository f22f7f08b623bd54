"""Readers: one line of xarray, versions, and chunks that are lost after opening."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
import zarr

from smcloud.errors import IntegrityError, NothingPublishedError
from smcloud.store import Prefix, Release, Store, open_cube, open_product

Released = Callable[..., Release]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_plain_xarray_opens_what_a_release_names(
    store: Store, kind: str, released: Released, cube: xr.Dataset, product: xr.Dataset
) -> None:
    store = store if kind == "file" else Store.open("memory://plain-reader")
    record = released(store)
    plain = xr.open_zarr(store.url_of(record.cube.url))
    assert plain.chunks["time"] == (12, 12, 2)
    xr.testing.assert_identical(plain.load(), cube.compute())
    xr.testing.assert_identical(open_cube(store.url).load(), cube.compute())
    trend = store.url_of(record.products["trend"].url)
    xr.testing.assert_identical(xr.open_zarr(trend).load(), product.compute())
    xr.testing.assert_identical(open_product(store.url, "trend").load(), product.compute())


def test_the_cube_has_one_block_along_time(store: Store, released: Released) -> None:
    released(store)
    chunks = open_cube(f"file://{store.url}").chunks
    assert (chunks["time"], chunks["lat"], chunks["lon"]) == ((26,), (180, 20), (180, 10))


def test_versions(store: Store, released: Released) -> None:
    released(store)
    released(store, "run2")
    for version, run_id in ((None, "run2"), (1, "run1"), (2, "run2"), ("run1", "run1")):
        assert open_product(store.url, "trend", version).encoding["source"].endswith(f"{run_id}.zarr")
    assert open_cube(store.url, "run2").sizes["time"] == 26


def test_what_does_not_exist_is_answered_with_what_does(store: Store, released: Released) -> None:
    with pytest.raises(NothingPublishedError, match="nothing has been published"):
        open_cube(store.url)
    assert not Path(store.url).exists()
    released(store)
    with pytest.raises(NothingPublishedError) as product:
        open_product(store.url, "trnd")
    assert (product.value.found, product.value.expected) == ("trnd", "trend")
    with pytest.raises(NothingPublishedError) as number:
        open_cube(store.url, 3)
    assert number.value.found == "releases 1 to 1"
    with pytest.raises(NothingPublishedError, match="no release has this run"):
        open_cube(store.url, "run9")


def test_a_chunk_that_is_lost_after_opening_is_never_nan(store: Store, released: Released) -> None:
    url = released(store).products["trend"].url
    opened = open_product(store.url, "trend")
    assert zarr.config.get("array.read_missing_chunks") is True
    Path(store.join(url, "p_value/c/0/0")).unlink()
    for dataset in (opened, pickle.loads(pickle.dumps(opened)), open_product(store.url, "trend")):
        with pytest.raises(zarr.errors.ChunkNotFoundError):
            dataset["p_value"].load()
        assert not dataset["slope"].load().isnull().any()


def test_a_damaged_chunk_raises(store: Store, released: Released) -> None:
    chunk = Path(store.join(released(store).products["trend"].url, "slope/c/0/0"))
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 4
    chunk.write_bytes(content)
    with pytest.raises(RuntimeError, match="Zstd"):
        open_product(store.url, "trend")["slope"].load()


def test_a_prefix_that_is_gone(store: Store, released: Released) -> None:
    import shutil

    shutil.rmtree(store.join(released(store).products["trend"].url))
    with pytest.raises(IntegrityError, match="gone"):
        open_product(store.url, "trend")


def test_a_staged_prefix_is_read_lazily_before_its_chunks_exist(cube: xr.Dataset, store: Store) -> None:
    import dask

    writes = Prefix(store, "cube/x.zarr").stage(cube)
    opened = Prefix(store, "cube/x.zarr").open()
    assert opened.chunks["time"] == (26,) and opened.chunks["lat"] == (180, 20)
    with pytest.raises(zarr.errors.ChunkNotFoundError):
        opened["soil_moisture"].load()
    dask.compute(writes)
    xr.testing.assert_identical(Prefix(store, "cube/x.zarr").open({"time": 12}).load(), cube.compute())
