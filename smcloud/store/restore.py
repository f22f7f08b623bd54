"""Objects of a sealed prefix put back, from a folder in which the same work was done once more."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from smcloud.errors import IntegrityError
from smcloud.store.inventory import read_inventory
from smcloud.store.objects import Place, copy
from smcloud.store.records import INVENTORY


def restore(damaged: Place, source: Place, names: Iterable[str], inventory_sha256: str) -> tuple[list[str], list[str]]:
    """Put the objects ``names`` of ``damaged`` back from ``source``, each only with the sha256 that it was sealed with.

    Returns the names of those that were put back, and of those that were not: what ``source`` has is not what was
    sealed, or nothing is known of it. ``inventory_sha256`` is what the release says.
    """
    if source.path == damaged.path:
        return [], sorted(names)
    sealed, actual = _digests(damaged)
    if actual != inventory_sha256:  # the inventory itself is damaged: that of the source serves if it is the same
        sealed, actual = _digests(source)
        if actual != inventory_sha256:
            return [], sorted(names)
    sealed[INVENTORY] = inventory_sha256
    wanted = sorted(names)
    content = source.read_all(wanted)
    good = [name for name in wanted if hashlib.sha256(content[name] or b"").hexdigest() == sealed.get(name)]
    copy(damaged.store, {f"{source.path}/{name}": f"{damaged.path}/{name}" for name in good})
    return good, sorted(set(wanted) - set(good))


def _digests(place: Place) -> tuple[dict[str, str], str]:
    try:
        inventory, digest = read_inventory(place)
    except IntegrityError:
        return {}, ""
    return {entry["path"]: entry["sha256"] for entry in inventory["objects"]}, digest
