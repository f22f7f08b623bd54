"""A tag for each release, whose values are those that are stored; readers must consent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import icechunk
import pytest
import xarray as xr

from smcloud.doors import render
from smcloud.doors.addresses import address_of
from smcloud.doors.icechunk_door import container_of
from smcloud.store import Release, Store, complete_doors, verify_all, write_doors

pytestmark = pytest.mark.slow


def repository(store: Store, consent: bool = True) -> icechunk.Repository:
    allowed = {f"file://{store.url}/": icechunk.Credentials.LocalFileSystemAccess()} if consent else None
    storage = icechunk.local_filesystem_storage(f"{store.url}/icechunk")
    return icechunk.Repository.open(storage, authorize_virtual_chunk_access=allowed)


def opened(store: Store, tag: str, group: str) -> xr.Dataset:
    return xr.open_zarr(repository(store).readonly_session(tag=tag).store, group=group, consolidated=False)


def test_a_tag_holds_what_its_release_names(store: Store, release: Release) -> None:
    for name, entry in {"cube": release.cube, **release.products}.items():
        xr.testing.assert_equal(opened(store, "release-1", name).load(), xr.open_zarr(store.url_of(entry.url)).load())
    assert repository(store).list_tags() == {"release-1"} and repository(store).list_branches() == {"main"}


def test_nothing_is_read_without_consent(store: Store) -> None:
    session = repository(store, consent=False).readonly_session(tag="release-1")
    with pytest.raises(icechunk.IcechunkError, match="authoriz"):
        xr.open_zarr(session.store, group="trend", consolidated=False).load()


def test_each_release_has_a_tag_and_those_of_before_stay(store: Store, another: Any, release: Release) -> None:
    before = repository(store).lookup_tag("release-1")
    second = another()
    third = another(products={"trend": second.products["trend"]})
    write_doors(store, render)
    assert repository(store).list_tags() == {"release-1", "release-2", "release-3"}
    assert repository(store).lookup_tag("release-1") == before
    assert repository(store).lookup_branch("main") == repository(store).lookup_tag("release-3")
    assert third.products.keys() == {"trend"}
    xr.testing.assert_equal(
        opened(store, "release-1", "annual").load(), xr.open_zarr(store.url_of(release.products["annual"].url)).load()
    )
    with pytest.raises(FileNotFoundError):
        opened(store, "release-3", "annual")


def test_what_is_there_is_written_once(store: Store) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(store.url).rglob("*")}
    assert not complete_doors(store, render)
    write_doors(store, render)
    assert {path: path.stat().st_mtime_ns for path in Path(store.url).rglob("*")} == before


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"x"), Path.unlink])
def test_a_damaged_repository_is_made_anew(store: Store, release: Release, damage: Any) -> None:
    damage(Path(store.url, "icechunk/repo"))
    assert complete_doors(store, render)
    test_a_tag_holds_what_its_release_names(store, release)


def test_a_moved_store_gets_references_of_its_new_place(store: Store, release: Release, tmp_path: Path) -> None:
    shutil.move(store.url, tmp_path / "elsewhere")
    moved = Store.open(tmp_path / "elsewhere")
    assert not complete_doors(moved, render)  # whole, as they were
    write_doors(moved, render)
    test_a_tag_holds_what_its_release_names(moved, release)


def test_an_older_release_that_is_damaged_has_no_tag(store: Store, another: Any, release: Release) -> None:
    another(products={"trend": release.products["trend"]})
    Path(store.join(release.products["annual"].url), "zarr.json").write_text("{}")
    shutil.rmtree(Path(store.url, "icechunk"))
    write_doors(store, render)
    assert repository(store).list_tags() == {"release-2"}


@pytest.mark.parametrize(
    ("url", "container"),
    [
        ("/data/store", "file:///data/store/"),
        ("/data/a store", None),
        ("gs://bucket/x", "https://storage.googleapis.com/bucket/x/"),
        ("s3://bucket/x", None),
        ("memory://x", None),
    ],
)
def test_where_there_can_be_one(url: str, container: str | None) -> None:
    assert container_of(address_of(Store.open(url))) == container


def test_it_is_no_damage(store: Store, release: Release) -> None:
    Path(store.join(release.report)).parent.mkdir(parents=True, exist_ok=True)
    from smcloud import pipeline

    pipeline.report(release, store.url)
    assert verify_all(store)["releases"] == 1


def test_its_references_are_those_that_another_library_finds(store: Store, release: Release) -> None:
    pytest.importorskip("arro3.core", reason="VirtualiZarr lists a Zarr store with arro3-core, which is not installed")
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import LocalStore
    from virtualizarr import open_virtual_dataset
    from virtualizarr.parsers import ZarrParser

    expected = set()
    for entry in (release.cube, *release.products.values()):
        url = f"file://{store.url_of(entry.url)}"
        registry = ObjectStoreRegistry({"file://": LocalStore()})
        found = open_virtual_dataset(url, registry, ZarrParser(), loadable_variables=[])
        for variable in found.variables.values():
            expected |= {chunk["path"] for chunk in variable.data.manifest.dict().values()}
    session = repository(store).readonly_session(tag="release-1")
    assert set(session.all_virtual_chunk_locations()) == expected
