"""Files of a store on a local disk: written whole under another name first, created once, shared by hard links."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from smcloud.store.layout import TEMPORARY

SYNCED_AT_A_TIME = 8  # a disk writes several files together
# Errors of a disk that has no hard links, or no more of them for this file.
UNLINKABLE = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


def share_bytes(source: Path, target: Path) -> None:
    """Give a file a second name; a real copy where the disk has no hard links. A target is replaced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        if not target.samefile(source):  # what an interrupted run left
            target.unlink()
            share_bytes(source, target)
    except OSError as err:
        if err.errno not in UNLINKABLE:
            raise
        os.replace(write_beside(target, source.read_bytes()), target)


def create_file(target: Path, content: bytes) -> bool:
    """Hard-link a complete file: "create unless it exists" in one step, which lasts where the process does not.

    A disk without hard links (FAT, exFAT, some network and cloud drives) has the complete file renamed instead.
    """
    make_folders(target.parent)
    temporary = write_beside(target, content)
    try:
        _sync(temporary)
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as err:
        if err.errno not in UNLINKABLE:
            raise
        return _rename(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)
    return True


def _rename(temporary: Path, target: Path) -> bool:
    """Rename a complete file unless ``target`` exists; one creator of a folder at a time looks and renames.

    The system frees the lock of a process that dies, so nobody waits for one that is left.
    """
    with _locked(target.parent / f"{TEMPORARY}create.lock"):
        if os.path.lexists(target):
            return False
        os.rename(temporary, target)
        _sync(target.parent)
        return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is there only as long as somebody wants it."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    while not _is_at(descriptor, path):  # who held it before has removed the file: those who come later lock another
        os.close(descriptor)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        path.unlink()
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def write_beside(target: Path, content: bytes) -> Path:
    """Write ``content`` to a temporary file in the folder of ``target``; returns its path."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}.tmp"
    temporary.write_bytes(content)
    return temporary


def make_folders(folder: Path) -> None:
    """Make a folder and those above it that are missing; each new name lasts."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in reversed(missing):
        _sync(made.parent)


def sync_tree(root: Path, top: Path) -> None:
    """Bring all files below ``root`` to the disk, then the names in every folder, and in those above up to ``top``.

    Whoever has written the files: what a process of this machine wrote, the system has.
    """
    folders, files = [], []
    for folder, _, names in os.walk(root):
        folders.append(Path(folder))
        files += [Path(folder, name) for name in names]
    with ThreadPoolExecutor(SYNCED_AT_A_TIME) as pool:
        list(pool.map(_sync, files))
        list(pool.map(_sync, folders))
    for above in root.parents:
        _sync(above)
        if above == top.parent:
            break


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
