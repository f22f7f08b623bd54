"""Exclusive creation and pages for people."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from smcloud.errors import ConfigurationError, NotAStoreError, UnreachableError
from smcloud.store import Store, create_only, put, release_path
from smcloud.store.objects import copy, read, read_all
from smcloud.store.records import largest


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_one_of_many_racing_creators_wins(store: Store, kind: str) -> None:
    store = store if kind == "file" else Store.open("memory://race-of-creators")
    start = Barrier(16)

    def attempt(number: int, path: str) -> bool:
        start.wait()
        return create_only(store, path, f"writer {number}".encode() * 1000)

    with ThreadPoolExecutor(16) as pool:
        for turn in range(5):
            path = f"releases/{turn:08d}.json"
            won = list(pool.map(attempt, range(16), [path] * 16))
            assert won.count(True) == 1
            assert read(store, path) == f"writer {won.index(True)}".encode() * 1000
    if kind == "file":
        assert sorted(entry.name for entry in Path(store.join("releases")).iterdir()) == [
            f"{turn:08d}.json" for turn in range(5)
        ]


@pytest.fixture(params=[errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def no_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses hard links."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr("os.link", refuse)


@pytest.mark.usefixtures("no_links")
def test_a_disk_without_hard_links_has_one_winner_too_and_shows_whole_objects_only(store: Store) -> None:
    test_one_of_many_racing_creators_wins(store, "file")
    assert not create_only(store, "releases/00000000.json", b"again")
    seen, done = set(), Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(read(store, "releases/slow"))

    watcher = Thread(target=watch)
    watcher.start()
    assert create_only(store, "releases/slow", b"x" * 3_000_000)
    done.set()
    watcher.join()
    assert seen <= {None, b"x" * 3_000_000}


RACE = """
import errno, os, sys
from smcloud.store import Store, create_only
def refuse(*_): raise OSError(errno.EPERM, "no links")
os.link = refuse
store = Store.open(sys.argv[1])
print([create_only(store, f"releases/{turn:08d}.json", sys.argv[2].encode() * 1000) for turn in range(60)].count(True))
"""


@pytest.mark.e2e
def test_processes_race_on_a_disk_without_hard_links(store: Store) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, store.url, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    won = [int(racer.communicate(timeout=300)[0]) for racer in racers]
    assert sum(won) == 60, won
    assert sorted(path.name for path in Path(store.join("releases")).iterdir()) == [f"{i:08d}.json" for i in range(60)]


@pytest.mark.usefixtures("no_links")
def test_a_lock_that_a_dead_process_left_holds_nobody(store: Store) -> None:
    assert create_only(store, "releases/a", b"first")
    Path(store.join("releases"), ".smcloud-create.lock").write_bytes(b"")
    assert create_only(store, "releases/b", b"second")
    assert sorted(path.name for path in Path(store.join("releases")).iterdir()) == ["a", "b"]


def test_an_existing_name_is_not_touched(store: Store) -> None:
    assert create_only(store, "releases/a", b"first")
    assert not create_only(store, "releases/a", b"second")
    assert read(store, "releases/a") == b"first"
    assert read(store, "releases/b") is None
    assert read(store, "releases/a/deeper") is None


def test_a_full_disk_leaves_no_half_object(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnreachableError) as caught:
        create_only(store, "releases/a", b"text")
    assert "No space left" in caught.value.found
    assert read(store, "releases/a") is None


def test_other_protocols_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="exclusively"):
        create_only(Store.open("http://127.0.0.1:9/store"), "releases/a", b"")


def test_only_pages_for_people_are_replaced(store: Store) -> None:
    for text in (b"one", b"two"):
        assert put(store, "reports/run1/index.html", text) == f"{store.url}/reports/run1/index.html"
        assert put(store, "catalog.yaml", text) == f"{store.url}/catalog.yaml"
        assert read(store, "reports/run1/index.html") == read(store, "catalog.yaml") == text
    for path in ("releases/00000001.json", "products/trend/a.zarr/zarr.json", "cube/x"):
        with pytest.raises(ValueError, match="not a page for people"):
            put(store, path, b"")
    assert [entry.name for entry in Path(store.join("reports", "run1")).iterdir()] == ["index.html"]


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_record_that_is_too_large_is_not_read(store: Store, kind: str) -> None:
    store = store if kind == "file" else Store.open("memory://large-records")
    limit = largest(release_path(1))
    assert limit is not None
    for number, size in ((1, limit), (2, limit + 1)):
        create_only(store, release_path(number), b" " * size)
    assert len(read(store, release_path(1)) or b"") == limit
    # A disk tells the size before anything is read; of an object no more than its beginning is fetched.
    size = f"{limit + 1} bytes" if kind == "file" else f"more than {limit} bytes"
    with pytest.raises(NotAStoreError, match=f"(?s)too large.*found: +{size}.*at most {limit} bytes"):
        read(store, release_path(2))


TAKEN = ["PreconditionFailed", "ConditionalRequestConflict", "412"]


@pytest.mark.parametrize("code", [*TAKEN, "AccessDenied", None])
def test_what_a_bucket_of_s3_answers_where_an_object_is(code: str | None) -> None:
    """Every one of its words for "it is there" is no error; any other refusal is passed on."""

    def refused(*args: Any, **options: Any) -> None:
        cause = OSError("refused")
        cause.response = {"Error": {"Code": code}} if code else None  # type: ignore[attr-defined]
        raise OSError("refused") from cause

    fs = SimpleNamespace(pipe_file=refused)
    bucket: Any = SimpleNamespace(protocol="s3", fs=fs, join=lambda *parts: "/".join(parts), url_of=lambda path: path)
    if code in TAKEN:
        assert create_only(bucket, "releases/1.json", b"") is False
    else:
        with pytest.raises(UnreachableError):
            create_only(bucket, "releases/1.json", b"")


def test_one_of_several_objects_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an object that is not there is none."""
    store = Store.open("memory://several")
    create_only(store, "a/b", b"b")
    paths = {name: f"a/{name}" for name in "bc"}
    assert read_all(store, paths) == {"b": b"b", "c": None}
    failed = OSError("reset by peer")
    monkeypatch.setattr(type(store.fs), "cat", lambda self, keys, on_error: dict.fromkeys(keys, failed))
    with pytest.raises(UnreachableError):
        read_all(store, paths)


def test_a_head_that_cannot_be_read_is_an_error_unless_the_object_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open("memory://heads")
    for number, content in ((1, b"{}"), (2, b"")):
        create_only(store, release_path(number), content)

    def no_range(*args: Any, **options: Any) -> None:
        raise OSError("416")

    monkeypatch.setattr(type(store.fs), "cat_file", no_range)
    assert read(store, release_path(2)) == b""
    with pytest.raises(UnreachableError):
        read(store, release_path(1))


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_a_copy_of_what_is_not_there_is_an_error(store: Store, kind: str) -> None:
    """Never a prefix that lacks a chunk without a word."""
    store = store if kind == "file" else Store.open("memory://copies")
    for name in (b"a", b"b"):
        create_only(store, f"cube/one.zarr/{name.decode()}", name)
    pairs = {f"cube/one.zarr/{name}": f"cube/two.zarr/{name}" for name in "ab"}
    copy(store, pairs)
    assert [read(store, target) for target in pairs.values()] == [b"a", b"b"]
    with pytest.raises((FileNotFoundError, UnreachableError)):
        copy(store, pairs | {"cube/one.zarr/c": "cube/two.zarr/c"})
