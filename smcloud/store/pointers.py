"""Which prefix of an id is the sealed one: named by an object beside it that is created once.

Beside ``products/trend/<run id>.zarr`` lies ``<run id>.1.sealed``. Where the prefix that it names has lost an
object, the same work may be done again elsewhere, and ``<run id>.2.sealed`` names that.
"""

from __future__ import annotations

import random
import time
from itertools import count

from pydantic import ValidationError

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.store.inventory import is_whole, read_inventory
from smcloud.store.layout import Store
from smcloud.store.objects import create_only, read, write_whole
from smcloud.store.prefix import Prefix
from smcloud.store.records import Pointer

TRIES = 20


def stem_of(path: str) -> str:
    """Return the path of a prefix without its ending: objects beside it begin so."""
    return path.removesuffix(".zarr")


def pointer_path(path: str, number: int) -> str:
    """Return ``products/trend/<run id>.1.sealed``."""
    return f"{stem_of(path)}.{number}.sealed"


def named_prefix(store: Store, path: str) -> Prefix | None:
    """Find the prefix that is named for the id at ``path``, every object of its inventory there; else None."""
    for number in count(1):
        try:
            pointer = read_pointer(store, path, number)
        except IntegrityError:
            continue  # it names nothing whole; repair writes it anew where a release says what it named
        if pointer is None:
            return None
        named = Prefix(store, pointer.url)
        if is_whole(named, pointer.inventory_sha256):
            return named
    raise AssertionError("numbers do not end")


def sealed_prefix(store: Store, path: str) -> Prefix | None:
    """Find the sealed prefix of the id at ``path``, every object of its inventory there; None where there is none.

    A prefix at ``path`` itself needs no pointer: stores of schema 1 have none, nor has a run that was ended between
    seal and pointer.
    """
    named = named_prefix(store, path)
    if named is not None:
        return named
    own = Prefix(store, path)
    return own if own.is_sealed and is_whole(own) else None


def point_to(sealed: Prefix, path: str, digest: str) -> Prefix:
    """Name ``sealed`` as the prefix of the id at ``path``, unless another one is named: that one is returned then.

    ``digest`` is the sha256 of its inventory. Raises :class:`ReleaseConflictError` where the other one differs.
    """
    body = Pointer(of=path, url=sealed.path, inventory_sha256=digest)
    for number in count(1):
        try:
            pointer = _created(sealed.store, path, number, body)
        except IntegrityError:
            continue  # damaged: the next one is read after it
        if pointer.url == sealed.path:
            return sealed
        named = Prefix(sealed.store, pointer.url)
        if not is_whole(named, pointer.inventory_sha256):
            continue
        if pointer.inventory_sha256 != digest:
            raise ReleaseConflictError(
                "another run sealed the same work with other content",
                where=named.url,
                found=pointer.inventory_sha256,
                expected=f"equal bytes for an equal id: {digest}",
                next="smcloud verify STORE, then run the same command again",
            )
        return named
    raise AssertionError("numbers do not end")


def _created(store: Store, path: str, number: int, body: Pointer) -> Pointer:
    """Create the pointer unless there is one; return the one that is there."""
    for _ in range(TRIES):
        pointer = read_pointer(store, path, number)
        if pointer is not None:
            return pointer
        if create_only(store, pointer_path(path, number), body.as_bytes()):
            return body
        time.sleep(random.uniform(0, 0.1))  # another creates it just now
    raise ReleaseConflictError(
        "the name of a sealed prefix can neither be created nor read",
        where=store.url_of(pointer_path(path, number)),
        found=f"refused {TRIES} times",
        expected="an object that can be created, or read",
        next="run the same command again",
    )


def read_pointer(store: Store, path: str, number: int) -> Pointer | None:
    """Read what is named for the id at ``path``, None where nothing is; raises :class:`IntegrityError` if damaged."""
    raw = read(store, pointer_path(path, number))
    if raw is None:
        return None
    try:
        pointer = Pointer.model_validate_json(raw)
        if pointer.of != path:
            raise ValueError(f"the name of {pointer.of}")
        return pointer
    except ValueError as err:
        raise IntegrityError(
            "the record of a sealed prefix cannot be read",
            where=store.url_of(pointer_path(path, number)),
            found=err.errors()[0]["msg"] if isinstance(err, ValidationError) else err,
            expected=f"url and inventory_sha256 of {path}",
            next="smcloud repair STORE",
        ) from err


def is_named(folder: Prefix, path: str) -> bool:
    """Return whether a pointer of the id at ``path`` names ``folder``, whole or not: a release may name it too."""
    for number in count(1):
        try:
            pointer = read_pointer(folder.store, path, number)
        except IntegrityError:
            return True  # it may have named this one
        if pointer is None:
            return False
        if pointer.url == folder.path:
            return True
    raise AssertionError("numbers do not end")


def mend_pointers(store: Store, path: str, url: str, digest: str) -> list[str]:
    """Write pointers of the id at ``path`` that were changed anew, as a release names ``url``; return their paths."""
    mended: list[str] = []
    for number in count(1):
        name = pointer_path(path, number)
        try:
            pointer = read_pointer(store, path, number)
            if pointer is None:
                return mended
            good = read(store, name) == pointer.as_bytes()
        except IntegrityError:
            good = False
        if not good:
            write_whole(store, name, Pointer(of=path, url=url, inventory_sha256=digest).as_bytes())
            mended.append(name)
    raise AssertionError("numbers do not end")


def digest_of(prefix: Prefix) -> str:
    """Return the sha256 of the inventory of a sealed prefix."""
    return read_inventory(prefix)[1]
