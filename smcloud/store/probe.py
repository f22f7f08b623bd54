"""Whether another process sees this very store: one object is put there, looked for, and taken away."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from smcloud.io_errors import STORE, reaching
from smcloud.store.layout import TEMPORARY, Store


@contextmanager
def probe(store: Store) -> Iterator[str]:
    """An object in the store while the context lasts: its path. Readers and checks take no notice of it."""
    path = f"{TEMPORARY}probe-{uuid.uuid4().hex}"
    with reaching(STORE, store.url):
        if store.protocol == "file":
            store.fs.makedirs(store.join(), exist_ok=True)
        store.fs.pipe_file(store.join(path), b"")
    try:
        yield path
    finally:
        with reaching(STORE, store.url):
            store.fs.rm_file(store.join(path))


def can_read(store: Store, path: str) -> str:
    """Empty where this process finds the object, else what it found instead."""
    try:
        return "" if store.fs.exists(store.join(path)) else "another store, without the client's object"
    except Exception as err:  # whatever a client library raises on a worker is the answer, not a failure
        return f"{type(err).__name__}: {err}"[:200]
