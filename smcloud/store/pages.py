"""Pages for people: a folder of files that are replaced together, with the digest of each beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from smcloud.errors import ReleaseConflictError
from smcloud.store.inventory import inventory_bytes
from smcloud.store.layout import Store
from smcloud.store.objects import read_all, remove
from smcloud.store.records import INVENTORY
from smcloud.store.shown import write_shown

INDEX = "index.html"
TRIES = 5


def put_page(store: Store, folder: str, files: Mapping[str, bytes]) -> None:
    """Write the files of a page, by name: what the index shows first, then the inventory, the index last.

    Where there is no index the page is not complete, and the next run renders it again.
    """
    objects = [
        {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in sorted(files.items())
    ]
    inventory = inventory_bytes(objects)
    shown = {name: content for name, content in files.items() if name != INDEX}
    last = {INVENTORY: inventory, INDEX: files[INDEX]}
    for _ in range(TRIES):
        remove(store, f"{folder}/{INDEX}")
        for name, content in (shown | last).items():
            write_shown(store, {f"{folder}/{name}": content})
        if read_all(store, {name: f"{folder}/{name}" for name in last}) == last:
            return  # else another run renders it too, and ours and theirs do not go together
    raise ReleaseConflictError(
        "another run renders the same page again and again",
        where=store.url_of(folder),
        found=f"files of another run after each of {TRIES} tries",
        expected="a page of one run",
        next="smcloud report STORE",
    )
