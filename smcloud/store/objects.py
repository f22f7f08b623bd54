"""Single small objects of a store: read, put, or created once and never overwritten."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smcloud.errors import ConfigurationError, NotAStoreError
from smcloud.io_errors import STORE, reaching
from smcloud.store.disk import create_file, share_bytes, sync_tree, write_beside
from smcloud.store.layout import CATALOG, Store
from smcloud.store.links import key_inside
from smcloud.store.records import largest

# Error codes of S3 for If-None-Match when the object exists, or is being written by somebody else.
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412")
_memory_lock = threading.Lock()


@dataclass(frozen=True)
class Place:
    """One path of a store, relative to it, and the objects below that path by their names."""

    store: Store
    path: str

    @property
    def url(self) -> str:
        """The full URL, or absolute local path."""
        return self.store.url_of(self.path)

    def key(self, *names: str) -> str:
        """Return the key of an object inside the store's file system."""
        return self.store.join(self.path, *names)

    def read(self, name: str) -> bytes | None:
        """Read the bytes of one object, None where there is none; see :func:`read`."""
        return read(self.store, f"{self.path}/{name}")

    def read_all(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Read several objects as :meth:`read` does; an object store is asked for all at a time."""
        return read_all(self.store, {name: f"{self.path}/{name}" for name in names})

    def write(self, name: str, content: bytes) -> None:
        """Write or replace one object so that nobody sees a part of it."""
        write_whole(self.store, f"{self.path}/{name}", content)

    def write_all(self, objects: Mapping[str, bytes]) -> None:
        """Write or replace several objects, each so that nobody sees a part of it."""
        write_all(self.store, {f"{self.path}/{name}": content for name, content in objects.items()})

    def create(self, name: str, content: bytes) -> bool:
        """Create one object unless one of its name exists: True if this call created it."""
        return create_only(self.store, f"{self.path}/{name}", content)

    def settle(self) -> None:
        """Bring every object to the disk, where the store is one: what is created after it never lasts without them."""
        if self.store.protocol == "file":
            with reaching(STORE, self.url):
                sync_tree(Path(self.key()), Path(self.store.join()))

    def sizes(self) -> dict[str, int]:
        """List the size of every object."""
        root = self.key()
        with reaching(STORE, self.url):
            return {key[len(root) + 1 :]: info["size"] for key, info in self.store.fs.find(root, detail=True).items()}

    def remove(self, *names: str) -> None:
        """Remove all objects below ``names``, or all of the place; a missing object is no error."""
        remove(self.store, "/".join((self.path, *names)))


def read(store: Store, path: str) -> bytes | None:
    """Read the object's bytes, or None where there is none; raises :class:`UnreachableError` for all other failures.

    :class:`NotAStoreError` for a record that is larger than any real one: it is not read.
    """
    key, limit = key_inside(store, path), largest(path)
    with reaching(STORE, store.url_of(path)):
        try:
            if limit is None or store.protocol != "file":
                content = bytes(store.fs.cat_file(key) if limit is None else _head(store, key, limit + 1))
            elif (size := store.fs.info(key)["size"] or 0) > limit:
                raise _too_large(store, path, f"{size} bytes", limit)
            else:
                content = bytes(store.fs.cat_file(key))
        except (FileNotFoundError, NotADirectoryError):
            return None
    if limit is not None and len(content) > limit:
        raise _too_large(store, path, f"more than {limit} bytes", limit)
    return content


def _head(store: Store, key: str, size: int) -> bytes:
    """The first bytes of an object, in one request; an empty object has no range to ask for."""
    try:
        return bytes(store.fs.cat_file(key, start=0, end=size))
    except FileNotFoundError:
        raise
    except Exception:  # each client has an error of its own for a range that is not there: only of an empty object
        if store.fs.info(key)["size"]:
            raise
        return b""


def _too_large(store: Store, path: str, found: str, limit: int) -> NotAStoreError:
    return NotAStoreError(
        "a record of the store is too large to be one",
        where=store.url_of(path),
        found=found,
        expected=f"at most {limit} bytes",
        next="restore this object from a copy of the store",
    )


def read_all(store: Store, paths: Mapping[str, str]) -> dict[str, bytes | None]:
    """Read the objects at ``paths`` under the names that they have there, None where there is none; as :func:`read`."""
    if store.protocol == "file" or len(paths) < 2:
        return {name: read(store, path) for name, path in paths.items()}
    keys = {name: key_inside(store, path) for name, path in paths.items()}
    with reaching(STORE, store.url):
        answers = store.fs.cat(list(keys.values()), on_error="return")
        for answer in answers.values():
            if isinstance(answer, Exception) and not isinstance(answer, FileNotFoundError):
                raise answer
    return {name: None if isinstance(answers[key], Exception) else answers[key] for name, key in keys.items()}


def create_only(store: Store, path: str, content: bytes) -> bool:
    """Create the object unless one of its name exists: True if this call created it, False if it existed.

    Of any number of concurrent callers at most one gets True, and nobody ever sees half an object. After an
    :class:`UnreachableError` it is unknown whether the object was created: read it again.
    """
    key = key_inside(store, path)
    with reaching(STORE, store.url_of(path)):
        match store.protocol:
            case "file":
                return create_file(Path(key), content)
            case "gs" | "s3":
                try:
                    store.fs.pipe_file(key, content, mode="create")
                except FileExistsError:
                    return False
                except OSError as err:
                    response = getattr(err.__cause__, "response", None) or {}
                    if response.get("Error", {}).get("Code") not in TAKEN:
                        raise
                    return False
                return True
            case "memory":
                with _memory_lock:
                    if store.fs.exists(key):
                        return False
                    store.fs.pipe_file(key, content)
                return True
    raise ConfigurationError(
        "the protocol cannot create an object exclusively",
        where=store.url_of(path),
        found=f"{store.protocol}://",
        expected="gs://, s3://, file:// or a path",
        next="correct the key store in the configuration",
    )


def put(store: Store, path: str, content: bytes) -> str:
    """Write or replace a page for people, under ``reports/`` or ``catalog.yaml``, and return its URL.

    All else in a store is never replaced: ValueError.
    """
    if path != CATALOG and not path.startswith("reports/"):
        raise ValueError(f"{path} is not a page for people: only reports/ and {CATALOG} may be replaced")
    write_whole(store, path, content)
    return store.url_of(path)


def write_whole(store: Store, path: str, content: bytes) -> None:
    """Write or replace one object so that nobody sees a part of it; for unsealed prefixes and :func:`put`."""
    write_all(store, {path: content})


def write_all(store: Store, objects: Mapping[str, bytes]) -> None:
    """Write or replace several objects as :func:`write_whole` does; an object store is asked for all at a time."""
    keys = {key_inside(store, path): content for path, content in objects.items()}
    with reaching(STORE, store.url_of(next(iter(objects), ""))):
        if store.protocol == "file":
            for key, content in keys.items():
                os.replace(write_beside(Path(key), content), key)
        elif len(keys) == 1:
            store.fs.pipe_file(*keys.popitem())
        elif keys:
            store.fs.pipe(keys)


def remove(store: Store, path: str) -> None:
    """Remove an object, or all below ``path``; one that is missing is no error. For unsealed prefixes and leases."""
    key = key_inside(store, path)
    with reaching(STORE, store.url_of(path)), suppress(FileNotFoundError):  # another process may be removing it too
        if store.fs.exists(key):
            store.fs.rm(key, recursive=True)


def copy(store: Store, pairs: Mapping[str, str]) -> None:
    """Copy objects, source -> target, inside the store; their bytes do not pass through this process.

    On a local disk the two names become one file (hard links; a real copy where the disk has none): so no object
    may ever be changed in place, only replaced. On an object store the server copies. A target is replaced.
    """
    keys = {key_inside(store, source): key_inside(store, target) for source, target in pairs.items()}
    with reaching(STORE, store.url):
        if store.protocol == "file":
            for source, target in keys.items():
                share_bytes(Path(source), Path(target))
        elif keys:
            store.fs.copy(list(keys), list(keys.values()), on_error="raise")
