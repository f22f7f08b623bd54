"""Links of a disk: a store that somebody else packed may hold some that lead out of it."""

from __future__ import annotations

import os
from pathlib import Path

from smcloud.errors import NotAStoreError
from smcloud.store.layout import Store


def key_inside(store: Store, path: str) -> str:
    """Return the key of the object; raises :class:`NotAStoreError` where a link of the disk leads out of the store."""
    key = store.join(path)
    if (
        store.protocol == "file"
        and _may_lead_out(store.join(), key)
        and not Path(os.path.realpath(key)).is_relative_to(os.path.realpath(store.join()))
    ):
        raise _leads_out(store, path)
    return key


def _may_lead_out(root: str, key: str) -> bool:
    """Whether a part of ``key`` below ``root`` is a link or goes up: to resolve every path took longer than to read."""
    if "/../" in f"{key}/":
        return True
    while len(key) > len(root):
        if os.path.islink(key):
            return True
        key = os.path.dirname(key)
    return False


def require_no_way_out(store: Store, path: str) -> None:
    """Raise :class:`NotAStoreError` where anything below ``path`` is a link of the disk that leads out of the store."""
    for folder, folders, files in os.walk(key_inside(store, path)) if store.protocol == "file" else ():
        for name in (*folders, *files):
            if os.path.islink(place := os.path.join(folder, name)):
                key_inside(store, os.path.relpath(place, store.join()))


def _leads_out(store: Store, path: str) -> NotAStoreError:
    return NotAStoreError(
        "a link leads out of the store",
        where=store.url_of(path),
        found=f"a link to {os.path.realpath(store.join(path))}",
        expected="files and folders of the store itself",
        next="put the files themselves in the place of the link, or name another store",
    )
