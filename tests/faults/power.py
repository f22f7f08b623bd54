"""The power is cut at every operation of a disk: of what was written, only what was synced is there afterwards."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.faults.crashes import require_whole
from tests.faults.stores import NewStore
from tests.faults.work import Study

NAMES = ("link", "replace", "rename", "unlink", "mkdir", "rmdir")
Tree = dict[str, bytes]  # the files below the root, by path
Key = tuple[int, int]  # a file in one of its contents: inode and time of the last change


def _key(path: str | Path) -> Key:
    about = os.stat(path)
    return about.st_ino, about.st_mtime_ns


class Disk:
    """Records, below ``root``, what a machine finds there when its power is cut after each operation.

    Two kinds of disk, the extremes of what file systems promise: ``tree(False)`` has the names of a folder as they were
    when that was last synced, ``tree(True)`` every name at once. Both have the contents that were synced, and an empty
    file in place of any other. All that lies below ``root`` at the beginning is on the disk.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.lock = root, threading.RLock()
        self.contents: dict[Key, bytes] = {}
        self.names: dict[str, dict[str, Key | None]] = {}  # by folder; None is a folder
        self.states: dict[frozenset[tuple[str, bytes]], Tree] = {}
        for folder, _, files in os.walk(root):
            for name in files:
                self._sync_file(os.path.join(folder, name))
            self._sync_folder(folder)
        self._sync_folder(str(root.parent))

    def _sync_file(self, path: str) -> None:
        self.contents[_key(path)] = Path(path).read_bytes()

    def _sync_folder(self, path: str) -> None:
        self.names[path] = {
            entry.name: None if entry.is_dir() else _key(entry.path)
            for entry in os.scandir(path)
            if self._is_own(entry)
        }

    def _is_own(self, entry: os.DirEntry[str]) -> bool:
        return entry.path == str(self.root) or entry.path.startswith(f"{self.root}{os.sep}")

    def tree(self, names_at_once: bool) -> Tree:
        """The files that a cut leaves."""
        if names_at_once:
            paths = (Path(folder, name) for folder, _, files in os.walk(self.root) for name in files)
            return {str(path.relative_to(self.root)): self.contents.get(_key(path), b"") for path in paths}
        return dict(self._known(str(self.root))) if self.root.name in self.names[str(self.root.parent)] else {}

    def _known(self, folder: str) -> Iterator[tuple[str, bytes]]:
        for name, key in self.names.get(folder, {}).items():
            path = os.path.join(folder, name)
            if key is None:
                yield from self._known(path)
            else:
                yield os.path.relpath(path, self.root), self.contents.get(key, b"")

    def fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        """Wrap ``os.fsync``."""

        def operation(descriptor: int) -> None:
            with self.lock:
                real(descriptor)
                path = os.readlink(f"/proc/self/fd/{descriptor}")
                (self._sync_folder if os.path.isdir(path) else self._sync_file)(path)
                self.record()

        return operation

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap an operation that changes names."""

        def operation(*args: Any, **kwargs: Any) -> Any:
            with self.lock:
                result = real(*args, **kwargs)
                self.record()
            return result

        return operation

    def record(self) -> None:
        """Keep both trees of this moment, each once."""
        for names_at_once in (False, True):
            tree = self.tree(names_at_once)
            self.states.setdefault(frozenset(tree.items()), tree)


@contextmanager
def recording(root: Path) -> Iterator[Disk]:
    """Let a :class:`Disk` watch what this process does below ``root``."""
    disk = Disk(root)
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(os, "fsync", disk.fsync(os.fsync)))
        for name in NAMES:
            stack.enter_context(mock.patch.object(os, name, disk.around(getattr(os, name))))
        yield disk


def cut(new: NewStore, step: int = 1) -> dict[str, int]:
    """Cut the power after every ``step``-th operation of a run; what was counted. AssertionError at the first wrong."""
    counted = {"states": 0, "unreadable": 0, "torn": 0, "twice": 0}
    store = new()
    Study(store).run(1)
    with recording(Path(store.join())) as disk:
        Study(store).run(2)
    for tree in list(disk.states.values())[::-step]:  # what is not synced is missed most at the end
        _check(tree, new)
        counted["states"] += 1
    return counted


def _check(tree: Tree, new: NewStore) -> None:
    """Readers see a whole release, and the same run goes to its end."""
    store = new()
    for name, content in tree.items():
        path = Path(store.join(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    require_whole(Study(store))
    shutil.rmtree(store.url)
