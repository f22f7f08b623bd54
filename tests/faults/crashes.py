"""A run is killed at every mutating operation: before it, after it, and on a disk with half of it written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from smcloud.errors import UnreachableError
from smcloud.store import Store, list_releases, verify, verify_all
from tests.faults.stores import NewStore
from tests.faults.work import Study

DISK = {os: ("link", "replace", "rename", "unlink", "remove", "mkdir", "rmdir"), Path: ("write_bytes",)}
S3_READS = ("get_object", "head_object", "head_bucket", "list_objects_v2", "list_buckets")


class Killed(Exception):
    """The process is gone: this and every later operation does not happen."""


class Killer:
    """Lets operations pass and counts them, kills at the one numbered ``at``; ``when``: before, after or half.

    ``full``: nobody is killed, but from then on the disk takes nothing more; it can be read, and objects be removed.
    """

    def __init__(self, at: int = 0, when: str = "before", full: bool = False) -> None:
        self.at, self.when, self.full, self.count = at, when, full, 0

    def step(self) -> str:
        """Count an operation: empty where it passes, else how it ends. A killed process does no more."""
        self.count += 1
        if self.at and self.count > self.at:
            self.end("later")
        return self.when if self.count == self.at else ""

    def end(self, how: str) -> NoReturn:
        """Raise what ends an operation."""
        raise OSError(errno.ENOSPC, "No space left on device") if self.full else Killed(how)

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an operation of a disk."""

        def operation(*args: Any, **kwargs: Any) -> Any:
            if self.full and real.__name__ in ("unlink", "remove", "rmdir"):
                return real(*args, **kwargs)
            end = self.step()
            if end == "half" and real.__name__ == "write_bytes":
                real(args[0], args[1][: len(args[1]) // 2])
            if end in ("before", "half"):
                self.end(end)
            result = real(*args, **kwargs)
            if end == "after":
                raise Killed(end)
            return result

        return operation

    def around_request(self, real: Callable[..., Any], reads: Callable[..., bool]) -> Callable[..., Any]:
        """Wrap the requests of a client; those that read pass uncounted."""

        async def request(fs: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            end = "" if reads(method) else self.step()
            if end == "before":
                raise Killed(end)
            result = await real(fs, method, *args, **kwargs)
            if end == "after":
                raise Killed(end)
            return result

        return request


@contextmanager
def killing(kind: str, killer: Killer) -> Iterator[None]:
    """Let ``killer`` watch all mutating operations of this process on stores of ``kind``."""
    with ExitStack() as stack:
        if kind == "disk":
            for owner, names in DISK.items():
                for name in names:
                    stack.enter_context(mock.patch.object(owner, name, killer.around(getattr(owner, name))))
        elif kind == "gcs":
            from gcsfs import GCSFileSystem

            request = killer.around_request(GCSFileSystem._call, lambda method: method == "GET")
            stack.enter_context(mock.patch.object(GCSFileSystem, "_call", request))
        else:
            from s3fs import S3FileSystem

            request = killer.around_request(S3FileSystem._call_s3, lambda method: method in S3_READS)
            stack.enter_context(mock.patch.object(S3FileSystem, "_call_s3", request))
        yield


@contextmanager
def process_gone() -> Iterator[None]:
    """The leases of a killed process have ended."""
    with mock.patch("smcloud.store.attempts.has_ended", lambda lease: True):
        yield


def sweep(kind: str, new: NewStore, step: int = 1) -> dict[str, int]:
    """Kill at every ``step``-th operation in every way; what was counted. AssertionError at the first that is wrong."""
    counted = {"points": 0, "unreadable": 0, "torn": 0, "twice": 0}
    first = new()
    Study(first).run(1)
    for when in ("before", "after", "half") if kind == "disk" else ("before", "after"):
        at = 1
        while _crash(kind, first, new, Killer(at, when)):
            counted["points"] += 1
            at += step
    return counted


def fill(new: NewStore, step: int = 1) -> dict[str, int]:
    """Let the disk be full from every ``step``-th operation on: one error says so, and a later run goes on."""
    counted = {"points": 0, "unreadable": 0, "torn": 0, "twice": 0}
    first = new()
    Study(first).run(1)
    for when in ("before", "half"):
        at = 1
        while _crash("disk", first, new, Killer(at, when, full=True)):
            counted["points"] += 1
            at += step
    return counted


def _crash(kind: str, first: Store, new: NewStore, killer: Killer) -> bool:
    """One point: False where the run ended before it was reached."""
    store = new()
    if kind == "disk":
        shutil.copytree(first.url, store.url)
    else:
        store.fs.copy(first.join(), store.join(), recursive=True)
    study = Study(store)
    try:
        with killing(kind, killer):
            study.run(2)
    except Exception as err:  # what a client makes of it
        assert killer.at and killer.count >= killer.at, err
        if killer.full:
            assert isinstance(err, UnreachableError) and "No space left" in err.found and "make room" in err.next, err
    if killer.count < killer.at:
        return False
    require_whole(study)
    _remove(kind, store)
    return True


def require_whole(study: Study) -> None:
    """Readers see a whole release, and the second run, which a fault ended, goes to its end. AssertionError if not."""
    assert study.read() in (1, 2)
    verify(study.store)
    with process_gone():
        study.run(2)
    assert study.read() == 2
    assert [release.number for release in list_releases(study.store)] == [2, 1]
    assert verify_all(study.store)["releases"] == 2


def _remove(kind: str, store: Store) -> None:
    if kind == "disk":
        shutil.rmtree(store.url)
    else:
        store.fs.rm(store.join(), recursive=True)
