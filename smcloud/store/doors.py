"""The doors to the newest release: pages and catalogs for people and tools, replaced together, the index last.

What they hold is made elsewhere, as bytes by path, from a release and what is sealed. Beside them lies an inventory of
their digests, by which a run knows that they are whole, and :func:`~smcloud.store.verify.verify_all` that they are
what was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.store.chain import named_in_catalog, record_digest, require_newest
from smcloud.store.inventory import inventory_bytes, read_inventory
from smcloud.store.layout import CATALOG, FILES, INDEX, Store
from smcloud.store.objects import Place, read, read_all, remove
from smcloud.store.records import INVENTORY, Release
from smcloud.store.release import latest_release, newest_release
from smcloud.store.shown import write_shown

STAC, ICECHUNK, EXPLORER = "stac", "icechunk", "explorer"
_BELOW = (f"{STAC}/", f"{ICECHUNK}/", f"{EXPLORER}/")
HOLDS = f"{STAC}/{INVENTORY}"
BESIDE = "{{ CATALOG_DIR }}"  # which intake fills with the place of catalog.yaml
TRIES = 20


@dataclass(frozen=True)
class Doors:
    """Contents by path in the store: ``files`` are replaced together, and ``index.html`` is one of them.

    ``beside`` are objects that a file refers to, of names that were never used before; they are written first.
    """

    files: Mapping[str, bytes]
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [path for path in (*self.files, *self.beside) if not _is_door(path)]
        if wrong or not {INDEX, CATALOG} <= self.files.keys():
            raise ValueError(f"{wrong or list(self.files)}: doors are {', '.join(FILES)}, {', '.join(_BELOW)}")


Render = Callable[[Store, Release, str], Doors]
"""Renders the doors to a release; the last argument is the sha256 of its record."""


def _is_door(path: str) -> bool:
    return path in FILES or (path.startswith(_BELOW) and path != HOLDS)


def write_doors(store: Store, render: Render) -> str:
    """Write the doors to the newest release, and return the URL of the index.

    Where another run writes them too, those of the newest release are there in the end, whole.
    """
    for _ in range(TRIES):
        record = newest_release(store)
        doors = render(store, record, record_digest(store, record.number))
        last = {HOLDS: _inventory(doors.files), INDEX: doors.files[INDEX]}
        shown = {path: content for path, content in doors.files.items() if path != INDEX}
        if not _are_there(store, shown | last):
            write_shown(store, doors.beside)
            write_shown(store, shown)
            for path in _listed(store) - doors.files.keys():
                if path.startswith((f"{STAC}/", f"{EXPLORER}/")):  # of what the newest release does not have
                    remove(store, path)
            write_shown(store, {HOLDS: last[HOLDS]})
            write_shown(store, {INDEX: last[INDEX]})
            if not _are_there(store, shown | last):
                continue  # another run writes its own, and ours and theirs do not go together
        if latest_release(store) == record.number:  # else another run's may have been replaced
            return store.url_of(INDEX)
    raise ReleaseConflictError(
        "other runs write the pages of the store again and again",
        where=store.url,
        found=f"files of another run after each of {TRIES} tries",
        expected="the pages of one run",
        next=f"smcloud report {store.url}",
    )


def _are_there(store: Store, files: Mapping[str, bytes]) -> bool:
    return read_all(store, {path: path for path in files}) == files


def complete_doors(store: Store, render: Render) -> bool:
    """Write the doors where they are not whole or not those of the newest release; True if they were written.

    A run may have ended between the release and its doors, or a version without them have made it. Raises
    :class:`IntegrityError` where ``catalog.yaml`` names a later release: that one is lost, and nothing else tells.
    """
    named, latest = named_in_catalog(store), latest_release(store)
    require_newest(store, latest)
    if not latest or (named is not None and named[0] >= latest and not door_problems(store)):
        return False
    write_doors(store, render)
    return True


def door_problems(store: Store) -> dict[str, str]:
    """Say what is wrong with each of the doors, by path; a store that has none yet has a problem of its inventory."""
    try:
        sealed = _inventoried(store)
    except IntegrityError as err:
        return {HOLDS: f"cannot be read: {err.found}"[:120]}
    found = read_all(store, {path: path for path in sealed})
    return {
        path: "is not what was rendered" if found[path] is not None else "missing"
        for path, expected in sealed.items()
        if _measured(found[path] or b"") != expected
    }


def entries_in_catalog(store: Store) -> dict[str, Any] | None:
    """Return what ``catalog.yaml`` says of cube and products, as a release does; None where it cannot be read."""
    import yaml

    try:
        sources = yaml.safe_load(read(store, CATALOG) or b"")["sources"]
        return {
            name: {"url": source["args"]["urlpath"].removeprefix(f"{BESIDE}/")} | source["metadata"]
            for name, source in sources.items()
        }
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _inventoried(store: Store) -> dict[str, tuple[int, str]]:
    """Size and sha256 of each door, as the inventory has them."""
    objects = read_inventory(Place(store, STAC))[0]["objects"]
    sealed = {entry["path"]: (entry["size"], entry["sha256"]) for entry in objects}
    if not {INDEX, CATALOG} <= sealed.keys() or not all(_is_door(path) for path in sealed):
        raise IntegrityError("the inventory is not one of doors", found="another list")
    if read(store, HOLDS) != inventory_bytes(objects):
        raise IntegrityError("the inventory is not what was written", found="other bytes")
    return sealed


def _listed(store: Store) -> set[str]:
    try:
        return set(_inventoried(store))
    except IntegrityError:
        return set()


def _inventory(files: Mapping[str, bytes]) -> bytes:
    measured = {path: _measured(content) for path, content in sorted(files.items())}
    return inventory_bytes([{"path": path, "sha256": sha, "size": size} for path, (size, sha) in measured.items()])


def _measured(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()
