"""Whether another process sees this very store: an object is put there, looked for, and removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from smcloud.errors import ConfigurationError
from smcloud.io_errors import STORE, brief, reaching
from smcloud.store.layout import TEMPORARY, Store
from smcloud.store.objects import create_only, read, remove


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


def require_create_only(store: Store) -> None:
    """Try whether the store creates an object only once, on which releases rest.

    Raises :class:`ConfigurationError` where a second writer is told that it was first, or takes the first one's place.
    """
    path = f"{TEMPORARY}probe-{uuid.uuid4().hex}"
    try:
        answers = create_only(store, path, b"first"), create_only(store, path, b"second")
        kept = read(store, path)
    finally:
        remove(store, path)
    # The first may be refused too, where its answer was lost and its client asked again.
    if answers[1] or kept != b"first":
        raise ConfigurationError(
            "the store does not keep an object that may be created only once: releases would be lost there",
            where=f"store: {store.url}",
            found=f"two writers were told {answers}, and {(kept or b'nothing').decode()} is there",
            expected="the first writer's object, and a refusal to the second",
            next="name a store that keeps preconditions of writing (If-None-Match, if-generation-match)",
        )
