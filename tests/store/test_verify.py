"""A release is compared byte for byte with what was sealed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smcloud.errors import IntegrityError, NothingPublishedError
from smcloud.store import Release, Store, verify, verify_all

Released = Callable[..., Release]
PRODUCT = "products/trend/run1.zarr"


def objects(store: Store, *folders: str) -> list[Path]:
    return [file for folder in folders for file in Path(store.join(folder)).rglob("*") if file.is_file()]


@pytest.mark.slow
def test_an_intact_release(store: Store, released: Released) -> None:
    released(store)
    there = objects(store, "cube", "products")
    expected = {"release": 1, "prefixes": 2, "objects": len(there), "bytes": sum(f.stat().st_size for f in there)}
    assert verify(store) == verify(store, 1) == expected


def test_nothing_to_verify(store: Store) -> None:
    with pytest.raises(NothingPublishedError):
        verify(store)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path, word",
    [
        (f"{PRODUCT}/slope/c/0/0", "sha256 differs"),
        (f"{PRODUCT}/slope/zarr.json", "sha256 differs"),
        (f"{PRODUCT}/zarr.json", "sha256 differs"),
        (f"{PRODUCT}/inventory.json", "inventory"),
        ("cube/cube1.zarr/soil_moisture/c/2/1/1", "sha256 differs"),
    ],
)
@pytest.mark.parametrize("lost", [False, True])
def test_one_changed_or_lost_object_is_named(
    store: Store, released: Released, path: str, word: str, lost: bool
) -> None:
    released(store)
    file = Path(store.join(path))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    if lost:
        file.unlink()
    with pytest.raises(IntegrityError) as caught:
        verify(store)
    assert caught.value.what.startswith("1 objects of release 1")
    assert path in caught.value.found
    assert ("missing" if lost else word) in caught.value.found
    assert caught.value.exit_code == 4


def test_all_bad_objects_are_counted_and_the_first_named(store: Store, released: Released) -> None:
    released(store)
    chunks = [file for file in objects(store, "cube") if "soil_moisture/c" in str(file)]
    for file in chunks:
        file.unlink()
    with pytest.raises(IntegrityError) as caught:
        verify(store)
    assert caught.value.what.startswith(f"{len(chunks)} objects")
    assert caught.value.found.endswith(f"and {len(chunks) - 5} more")


def test_an_older_release_is_verified_by_number(store: Store, released: Released) -> None:
    released(store)
    released(store, "run2")
    Path(store.join(PRODUCT, "lat/c/0")).write_bytes(b"")
    assert verify(store)["release"] == 2
    with pytest.raises(IntegrityError, match="release 1"):
        verify(store, 1)


def test_a_chunk_that_neither_store_nor_inventory_has(store: Store, released: Released) -> None:
    released(store)
    inventory = Path(store.join("cube/cube1.zarr/inventory.json"))
    record = Path(store.join("releases/00000001.json"))
    older = json.loads(record.read_text())  # of schema 1: it knows no digest of the cube's inventory
    del older["cube"]["inventory_sha256"]
    record.write_text(json.dumps(older | {"schema": 1}))
    lost = "soil_moisture/c/1/0/0"
    objects_left = [entry for entry in json.loads(inventory.read_bytes())["objects"] if entry["path"] != lost]
    inventory.write_text(json.dumps({"schema": 1, "objects": objects_left}))
    with pytest.raises(IntegrityError) as unlisted:
        verify(store)
    assert f"{lost} (not in the inventory)" in unlisted.value.found
    Path(store.join("cube/cube1.zarr", lost)).unlink()
    with pytest.raises(IntegrityError) as missing:
        verify(store)
    assert f"{lost} (missing)" in missing.value.found


def test_the_next_command_repairs_the_newest_release_that_names_the_damage(store: Store, released: Released) -> None:
    first, second = released(store, "run1"), released(store, "run2")
    Path(store.url_of(first.products["trend"].url), "slope", "c", "0", "0").write_bytes(b"rubbish")
    with pytest.raises(IntegrityError) as caught:
        verify_all(store)
    assert caught.value.next == f"smcloud repair {store.url} --release 1"
    Path(store.url_of(second.cube.url), "lat", "c", "0").write_bytes(b"rubbish")
    with pytest.raises(IntegrityError) as caught:
        verify_all(store)
    assert caught.value.next == f"smcloud repair {store.url} --release 2"  # both name the cube
