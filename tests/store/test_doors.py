"""Doors are replaced together, the index last; those of the newest release win, and the next run completes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.store import (
    Doors,
    Release,
    Store,
    complete_doors,
    newest_release,
    open_product,
    put_page,
    require_store,
    verify_all,
    write_doors,
)
from smcloud.store.chain import named_in_catalog
from smcloud.store.doors import HOLDS, door_problems
from smcloud.store.objects import read
from tests.plain_doors import plain_doors

Released = Callable[..., Release]
PATHS = ("stac/catalog.json", "catalog.yaml", HOLDS, "index.html")


def page_of(store: Store) -> str:
    return (read(store, "index.html") or b"").decode()


def ending_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """The process ends after so many writes."""
    doors: Any = import_module("smcloud.store.doors")
    real, left = doors.write_shown, [writes]

    def write(store: Store, objects: Mapping[str, bytes]) -> None:
        for path, content in objects.items():
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            real(store, {path: content})

    monkeypatch.setattr(doors, "write_shown", write)


@pytest.mark.parametrize("writes", range(5))
def test_what_a_killed_run_leaves_is_completed(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    released(store)
    write_doors(store, plain_doors)
    released(store, "run2")
    with monkeypatch.context() as patch:
        ending_after(patch, writes)
        if writes < len(PATHS):
            with pytest.raises(KeyboardInterrupt):
                write_doors(store, plain_doors)
        else:
            write_doors(store, plain_doors)
    assert newest_release(store).number == 2 and open_product(store.url, "trend")["slope"].notnull().any()
    assert ("release 2" in page_of(store)) == (writes >= len(PATHS))  # it comes last
    assert complete_doors(store, plain_doors) == (writes < len(PATHS))
    assert "release 2" in page_of(store) and named_in_catalog(store) == (2, (read(store, PATHS[0]) or b"").decode())
    assert not door_problems(store) and not complete_doors(store, plain_doors)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{}")])
def test_doors_that_are_damaged_are_named_and_completed(
    store: Store, released: Released, name: str, damage: Callable[[Path], Any]
) -> None:
    put_page(store, "reports/run1", {"index.html": b"<html></html>"})
    released(store)
    write_doors(store, plain_doors)
    require_store(store)
    verify_all(store)
    damage(Path(store.join(name)))
    assert list(door_problems(store)) == [name]
    with pytest.raises(IntegrityError, match=r"1 objects of the store") as raised:
        verify_all(store)
    assert name in str(raised.value.found)
    assert complete_doors(store, plain_doors)
    verify_all(store)


@pytest.mark.parametrize("change", [lambda text: f"{text}\n", lambda text: text.replace('"size": ', '"size": 1', 1)])
def test_an_inventory_is_what_was_written(store: Store, released: Released, change: Callable[[str], str]) -> None:
    released(store)
    write_doors(store, plain_doors)
    file = Path(store.join(HOLDS))
    file.write_text(change(file.read_text()))
    assert len(door_problems(store)) == 1 and complete_doors(store, plain_doors) and not door_problems(store)


def test_a_foreign_object_among_them_is_found(store: Store, released: Released) -> None:
    put_page(store, "reports/run1", {"index.html": b"<html></html>"})
    released(store)
    write_doors(store, plain_doors)
    Path(store.join("stac/notes.json")).write_text("{}")
    with pytest.raises(IntegrityError) as raised:
        verify_all(store)
    assert "stac/notes.json (is no door" in str(raised.value.found)


def test_the_doors_of_the_newest_release_win(store: Store, released: Released) -> None:
    """Another run publishes, and writes its doors, while ours are rendered."""
    released(store)
    rendered = []

    def render(store: Store, release: Release, digest: str) -> Doors:
        rendered.append(release.number)
        if len(rendered) == 1:
            released(store, "run2")
            write_doors(store, plain_doors)
        return plain_doors(store, release, digest)

    write_doors(store, render)
    assert rendered == [1, 2] and "release 2" in page_of(store)
    assert named_in_catalog(store) is not None and not complete_doors(store, plain_doors)


def test_doors_that_others_replace_again_and_again_are_an_error(
    store: Store, released: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors: Any = import_module("smcloud.store.doors")
    real = doors.write_shown
    theirs = {"index.html": b"<html>theirs</html>"}
    monkeypatch.setattr(doors, "write_shown", lambda store, objects: real(store, objects) or real(store, theirs))
    released(store)
    with pytest.raises(ReleaseConflictError, match="again and again"):
        write_doors(store, plain_doors)


def test_what_a_product_had_is_removed_with_it(store: Store, released: Released) -> None:
    released(store)

    def with_more(store: Store, release: Release, digest: str) -> Doors:
        plain = plain_doors(store, release, digest)
        return Doors({**plain.files, "stac/old/collection.json": b"{}"}, {"icechunk/snapshots/a": b"a"})

    write_doors(store, with_more)
    assert read(store, "stac/old/collection.json") == b"{}"
    write_doors(store, plain_doors)
    assert read(store, "stac/old/collection.json") is None and read(store, "icechunk/snapshots/a") == b"a"


def test_nothing_else_is_a_door(store: Store) -> None:
    for path in ("releases/00000001.json", "stac/inventory.json", "cube/x.zarr/zarr.json", "other.html"):
        with pytest.raises(ValueError, match="doors are"):
            Doors({"index.html": b"", "catalog.yaml": b"", path: b""})
    with pytest.raises(ValueError, match="doors are"):
        Doors({"catalog.yaml": b""})


@pytest.mark.slow
def test_an_object_store_hands_them_out_with_their_media_type(bucket: str) -> None:
    import s3fs

    from smcloud.store.shown import write_shown

    store = Store.open(f"s3://{bucket}/deep/store")
    write_shown(store, {"index.html": b"<html></html>", "stac/catalog.json": b"{}", "catalog.yaml": b"a: 1"})
    info = s3fs.S3FileSystem().info
    assert [info(store.join(name))["ContentType"] for name in ("index.html", "stac/catalog.json", "catalog.yaml")] == [
        "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8",
    ]  # fmt: skip
