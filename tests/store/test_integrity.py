"""What a seal notices, and what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.store import Prefix, Store, integrity
from smcloud.store.integrity import Finding, describe, examine, inspect, metadata_of_all
from smcloud.store.inventory import inventory_bytes, read_inventory
from smcloud.store.records import INVENTORY

PATH = "products/trend/run1.zarr"


@pytest.fixture
def staged(product: xr.Dataset, store: Store) -> Store:
    dask.compute(Prefix(store, PATH).stage(product))
    return store


def test_the_inventory_lists_every_object_with_its_hash(staged: Store, product: xr.Dataset) -> None:
    assert not Prefix(staged, PATH).is_sealed
    record = Prefix(staged, PATH).seal()
    root = Path(staged.join(PATH))
    on_disk = {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}
    raw = on_disk.pop("inventory.json")
    listed = json.loads(raw)["objects"]
    assert [entry["path"] for entry in listed] == sorted(on_disk)
    for entry in listed:
        content = on_disk[entry["path"]]
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert record == (hashlib.sha256(raw).hexdigest(), sum(map(len, on_disk.values())), len(on_disk))
    assert Prefix(staged, PATH).inventory() == (json.loads(raw), record.inventory_sha256)
    assert Prefix(staged, PATH).seal() == record
    assert zarr.open_group(root, mode="r").metadata.consolidated_metadata is not None
    xr.testing.assert_identical(xr.open_zarr(root).load(), product.compute())


def test_equal_content_gives_equal_inventories(staged: Store, product: xr.Dataset) -> None:
    dask.compute(Prefix(staged, "products/trend/again.zarr").stage(product.chunk(lat=3)))
    assert Prefix(staged, PATH).seal() == Prefix(staged, "products/trend/again.zarr").seal()


def test_a_prefix_that_another_seals_meanwhile_has_its_record(
    staged: Store, product: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check of the chunks and the seal a run that took the folder over may end; or both write at once."""
    dask.compute(Prefix(staged, "products/trend/again.zarr").stage(product))
    expected = Prefix(staged, "products/trend/again.zarr").seal()
    checked = integrity._checked
    seals: list[Any] = []

    def sealed_meanwhile(*args: Any) -> list[Finding]:
        if not seals:
            seals.append("begun")
            seals.append(Prefix(staged, PATH).seal())
        return checked(*args)

    monkeypatch.setattr(integrity, "_checked", sealed_meanwhile)
    assert Prefix(staged, PATH).seal() == expected == seals[1]


def test_equal_inventories_of_two_at_once_are_no_conflict(staged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both made the same; the second is told that the inventory exists."""
    create = Prefix.create
    monkeypatch.setattr(Prefix, "create", lambda place, name, body: create(place, name, body) and False)
    record = Prefix(staged, PATH).seal()
    assert Prefix(staged, PATH).is_sealed and Prefix(staged, PATH).seal() == record


@pytest.mark.slow
@pytest.mark.parametrize("key", ["p_value/c/0/0", "lat/c/0", "class/c/0"])
@pytest.mark.parametrize("damage", ["delete", "flip", "cut", "swap"])
def test_a_lost_or_damaged_chunk_is_named_and_nothing_is_sealed(staged: Store, key: str, damage: str) -> None:
    chunk = Path(staged.join(PATH, key))
    content = bytearray(chunk.read_bytes())
    if damage == "flip":
        content[-2] ^= 1
    if damage == "swap":
        content = bytearray(Path(staged.join(PATH, "slope/c/0/0")).read_bytes())
    chunk.write_bytes(content[:-3] if damage == "cut" else content)
    if damage == "delete":
        chunk.unlink()
    metadata = Path(staged.join(PATH, "zarr.json")).read_bytes()
    with pytest.raises(IntegrityError) as caught:
        Prefix(staged, PATH).seal()
    assert key in caught.value.found
    assert caught.value.what.startswith("1 of ")
    assert ("missing" in caught.value.found) == (damage == "delete")
    assert not Prefix(staged, PATH).is_sealed
    assert Path(staged.join(PATH, "zarr.json")).read_bytes() == metadata


def test_no_bit_flip_changes_a_value_unnoticed(staged: Store, product: xr.Dataset) -> None:
    chunk = Path(staged.join(PATH, "slope/c/0/0"))
    good = chunk.read_bytes()
    noticed = 0
    for bit in np.random.default_rng(1).choice(8 * len(good), 60, replace=False):
        content = bytearray(good)
        content[bit // 8] ^= 1 << (bit % 8)
        chunk.write_bytes(content)
        (finding,) = examine(Prefix(staged, PATH), metadata_of_all(Prefix(staged, PATH), ["slope"]))
        assert finding.sha256 != hashlib.sha256(good).hexdigest()
        noticed += bool(finding.problem)
        if not finding.problem:
            np.testing.assert_array_equal(zarr.open_array(staged.url_of(f"{PATH}/slope"))[:], product["slope"])
    assert noticed > 50


def test_nothing_to_seal(store: Store) -> None:
    with pytest.raises(IntegrityError, match="nothing to seal"):
        Prefix(store, PATH).seal()
    assert not Path(store.url).exists()


def test_an_array_that_should_be_there(staged: Store) -> None:
    with pytest.raises(IntegrityError) as caught:
        Prefix(staged, PATH).seal(expected=["slope", "zone"])
    assert caught.value.found == "zone (array missing)"
    assert not Prefix(staged, PATH).is_sealed


def test_arrays_of_an_older_version_are_removed(staged: Store, product: xr.Dataset) -> None:
    Prefix(staged, PATH).append(xr.Dataset({"old": 1.0}))
    Prefix(staged, PATH).seal(expected=[str(name) for name in product.variables])
    assert not Path(staged.join(PATH, "old")).exists()
    xr.testing.assert_identical(xr.open_zarr(staged.url_of(PATH)).load(), product.compute())


def test_another_inventory_is_never_replaced(staged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # The other run seals between this run's look and its own seal.
    Path(staged.join(PATH, "inventory.json")).write_bytes(b'{"objects": [], "schema": 1}')
    monkeypatch.setattr(import_module("smcloud.store.integrity"), "is_sealed", lambda place: False)
    with pytest.raises(ReleaseConflictError) as caught:
        Prefix(staged, PATH).seal()
    assert caught.value.found == "another inventory" and caught.value.exit_code == 5
    assert Path(staged.join(PATH, "inventory.json")).read_bytes() == b'{"objects": [], "schema": 1}'


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"objects": [{"path": "a"}]}'])
def test_an_unreadable_inventory(staged: Store, content: bytes) -> None:
    Path(staged.join(PATH, "inventory.json")).write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be read"):
        Prefix(staged, PATH).inventory()


def test_a_shard_is_one_object(store: Store) -> None:
    array = zarr.create_array(
        store.url_of(f"{PATH}/v"),
        shape=(5, 4),
        shards=(4, 4),
        chunks=(2, 2),
        dtype="f4",
        compressors=zarr.codecs.ZstdCodec(checksum=True),
        config={"write_empty_chunks": True},
    )
    array[:] = 1
    findings = examine(Prefix(store, PATH), metadata_of_all(Prefix(store, PATH), ["v"]))
    assert [finding.path for finding in findings] == ["v/c/0/0", "v/c/1/0"]
    assert not any(finding.problem for finding in findings)


def test_an_array_without_metadata_is_named(staged: Store) -> None:
    with pytest.raises(IntegrityError, match=r"(?s)the array has no metadata.*trend/run1.zarr/slopes/zarr.json"):
        metadata_of_all(Prefix(staged, PATH), ["slope", "slopes"])


@pytest.mark.parametrize("entry", [{"size": "5"}, {"size": 5, "sha256": None}])
def test_an_inventory_whose_entries_are_none_is_refused(staged: Store, entry: dict[str, Any]) -> None:
    place = Prefix(staged, PATH)
    whole = {"path": "slope/zarr.json", "size": 5, "sha256": "0" * 64}
    place.write(INVENTORY, json.dumps({"schema": 1, "objects": [whole | entry]}).encode())
    with pytest.raises(IntegrityError, match=r"slope/zarr.json without size or sha256"):
        read_inventory(place)


def test_a_seal_leaves_its_objects_and_nothing_else(staged: Store) -> None:
    prefix = Prefix(staged, PATH)
    prefix.mark_tile("lat-0", {"cells": 5})
    prefix.write("slope/c/0/0.half", b"what a killed run left")
    record = prefix.seal()
    inventory, digest = prefix.inventory()
    assert prefix.sizes().keys() == {entry["path"] for entry in inventory["objects"]} | {INVENTORY}
    assert record == prefix.seal() and record.inventory_sha256 == digest  # the same again, and not only the first time
    assert (record.objects, record.bytes) == (len(inventory["objects"]), sum(e["size"] for e in inventory["objects"]))


def test_where_a_chunk_is_lost_the_markers_of_tiles_go(staged: Store) -> None:
    """Else the next run would take the tile for done."""
    prefix = Prefix(staged, PATH)
    prefix.mark_tile("lat-0", {"cells": 5})
    prefix.remove("p_value/c/0/0")
    with pytest.raises(IntegrityError):
        prefix.seal()
    assert prefix.tile_record("lat-0") is None


def test_every_lost_chunk_of_an_array_is_found(store: Store, cube: xr.Dataset) -> None:
    prefix = Prefix(store, "cube/cube1.zarr")
    dask.compute(prefix.stage(cube))
    chunks = sorted(key for key in prefix.sizes() if key.startswith("soil_moisture/c/"))
    prefix.remove(chunks[0])
    prefix.remove(chunks[2])
    metadata = metadata_of_all(prefix, ["soil_moisture"])
    found = {finding.path: finding.problem for finding in examine(prefix, metadata)}
    assert found == dict.fromkeys(chunks, "") | dict.fromkeys((chunks[0], chunks[2]), "missing")


@pytest.mark.parametrize(("count", "end"), [(1, "a0 (missing)"), (5, "a4 (missing)"), (7, "a4 (missing) and 2 more")])
def test_five_findings_are_described(count: int, end: str) -> None:
    text = describe([Finding(f"a{number}", 0, "", "missing") for number in range(count)])
    assert text.endswith(end) and text.count("; ") == min(count, 5) - 1


def test_the_bytes_of_an_inventory_are_those_of_stores_that_are_there() -> None:
    """Its digest stands in releases."""
    assert inventory_bytes([{"path": "a/b", "size": 5, "sha256": "0f"}]) == (
        b'{\n"objects": [\n{\n"path": "a/b",\n"sha256": "0f",\n"size": 5\n}\n],\n"schema": 1\n}'
    )


@pytest.mark.parametrize("path", ["../run2.zarr/slope/zarr.json", "/etc/passwd", "a/../../b"])
def test_an_inventory_that_leads_out_of_its_prefix_is_refused(staged: Store, path: str) -> None:
    place = Prefix(staged, PATH)
    place.write(INVENTORY, inventory_bytes([{"path": path, "size": 5, "sha256": "0" * 64}]))
    with pytest.raises(IntegrityError, match="inventory cannot be read"):
        read_inventory(place)


def test_what_is_begun_is_what_is_written_region_by_region(store: Store, product: xr.Dataset) -> None:
    prefix = Prefix(store, PATH)
    begun = prefix.begin(product)
    xr.testing.assert_identical(begun.compute(), product.compute())
    dask.compute(prefix.region_writes(begun, {}))
    assert prefix.seal().objects > 4


def test_a_twin_that_sealed_the_same_content_first_is_no_conflict(
    staged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(place: Prefix, name: str, content: bytes) -> bool:
        place.write(name, content)  # the twin's, which are the same bytes
        return False

    monkeypatch.setattr(Prefix, "create", late)
    prefix = Prefix(staged, PATH)
    assert prefix.seal().inventory_sha256 == prefix.inventory()[1]


def test_chunks_that_were_taken_over_are_there_in_their_sizes(staged: Store) -> None:
    prefix = Prefix(staged, PATH)
    key = "slope/c/0/0"
    whole = inspect(prefix, key)
    for finding, problem in (
        (Finding("slope/c/9/9", 5, "0f"), "slope/c/9/9 (missing)"),
        (Finding(key, whole.size + 1, whole.sha256), f"{key} ({whole.size} bytes for {whole.size + 1})"),
    ):
        with pytest.raises(IntegrityError) as caught:
            prefix.seal(copied={finding.path: finding})
        assert problem in caught.value.found
    assert prefix.seal(copied={key: whole}).inventory_sha256 == prefix.inventory()[1]
