"""Exclusive creation and pages for people."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from smcloud.errors import ConfigurationError, UnreachableError
from smcloud.store import Store, create_only, put
from smcloud.store.objects import read


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


@pytest.mark.slow
def test_processes_race_on_a_disk_without_hard_links(store: Store) -> None:
    racers = [
        subprocess.Popen([sys.executable, "-c", RACE, store.url, str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
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
