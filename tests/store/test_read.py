"""Readers: one line of xarray, versions, and chunks that are lost after opening."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import zarr

from smcloud.errors import IntegrityError, NothingPublishedError
from smcloud.store import Prefix, Release, Store, open_cube, open_product
from tests.sealed_part import sealed_part

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
    xr.testing.assert_identical(sealed_part(open_cube(store.url).load()), cube.compute())
    trend = store.url_of(record.products["trend"].url)
    xr.testing.assert_identical(xr.open_zarr(trend).load(), product.compute())
    xr.testing.assert_identical(sealed_part(open_product(store.url, "trend").load()), product.compute())


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


def swap(store: Store, path: str, other: str) -> None:
    """Exchange two objects of the store: each decodes, with a checksum that fits."""
    one, two = Path(store.join(path)), Path(store.join(other))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


def rewritten(store: Store, path: str) -> None:
    """Seal the prefix anew as it is: its inventory fits, and is not the one that was released."""
    Path(store.join(path, "inventory.json")).unlink()
    Prefix(store, path).seal()


@pytest.mark.parametrize("verify", ["metadata", "chunks"])
def test_what_was_sealed_is_read_as_it_was(
    store: Store, released: Released, cube: xr.Dataset, product: xr.Dataset, verify: Any
) -> None:
    released(store)
    xr.testing.assert_identical(sealed_part(open_product(store.url, "trend", verify=verify).load()), product.compute())
    xr.testing.assert_identical(sealed_part(open_cube(store.url, verify=verify).load()), cube.compute())
    moved = pickle.loads(pickle.dumps(open_product(store.url, "trend", verify=verify)))
    xr.testing.assert_identical(sealed_part(moved.load()), product.compute())


@pytest.mark.parametrize("name", ["zarr.json", "slope/zarr.json", "lat/zarr.json", "inventory.json"])
def test_metadata_that_were_changed_are_noticed_at_opening(store: Store, released: Released, name: str) -> None:
    released(store)
    file = Path(store.join("products/trend/run1.zarr", name))
    file.write_bytes(file.read_bytes() + b" ")
    if name == "lat/zarr.json":  # an index is read by xarray from the root's metadata, which are sealed
        open_product(store.url, "trend")
        with pytest.raises(IntegrityError, match="not what was sealed"):
            open_product(store.url, "trend", verify="chunks")
        return
    with pytest.raises(IntegrityError, match="not what was sealed") as caught:
        open_product(store.url, "trend")
    assert caught.value.where.endswith(f"run1.zarr/{name}") and "smcloud verify" in caught.value.next


def test_a_chunk_that_was_swapped_is_noticed_when_it_is_read(store: Store, released: Released) -> None:
    released(store)
    swap(store, "cube/cube1.zarr/soil_moisture/c/0/0/0", "cube/cube1.zarr/soil_moisture/c/1/0/0")
    wrong = open_cube(store.url).soil_moisture.load()  # both decode: only their digests tell
    assert wrong.notnull().any()
    cube = open_cube(store.url, verify="chunks")
    with pytest.raises(IntegrityError, match="soil_moisture/c/"):
        cube.soil_moisture.load()
    cube.soil_moisture_days.load()  # all else can be read


@pytest.mark.parametrize("name", ["class/c/0", "lat/c/0", "p_value/c/0/0"])
def test_what_xarray_reads_itself_is_held_against_its_digests_at_opening(
    store: Store, released: Released, name: str
) -> None:
    released(store)
    file = Path(store.join("products/trend/run1.zarr", name))
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(IntegrityError, match=name):
        open_product(store.url, "trend", verify="chunks").load()


def test_a_chunk_replaced_together_with_its_inventory_is_noticed(store: Store, released: Released) -> None:
    released(store)
    for path in ("products/trend/run1.zarr", "cube/cube1.zarr"):
        array = zarr.open_array(store.join(path, "lat"), mode="r+")
        array[0] = -89.0
        rewritten(store, path)
    for opened in (lambda: open_product(store.url, "trend"), lambda: open_cube(store.url)):
        with pytest.raises(IntegrityError, match="as the release says"):
            opened()


def test_a_word_that_is_none_is_refused(store: Store, released: Released) -> None:
    released(store)
    with pytest.raises(ValueError, match="neither 'metadata' nor 'chunks'"):
        open_product(store.url, "trend", verify="all")  # type: ignore[arg-type]
