"""Whether another process sees this very store: an object is put there, looked for, and removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from smcloud.io_errors import STORE, brief, reaching
from smcloud.store.layout import TEMPORARY, Store


@contextmanager
def probe(store: Store) -> Iterator[str]:
    """Put an object in the store while the context lasts, and give its path. Readers and checks ignore it."""
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
    """Look for the object: empty where this process finds it, else what it found instead."""
    try:
        return "" if store.fs.exists(store.join(path)) else "another store, without the client's object"
    except Exception as err:  # whatever a client library raises on a worker is the answer, not a failure
        return brief(err)
