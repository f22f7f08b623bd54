"""The inventory of a sealed prefix: path, size and sha256 of every object in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from smcloud.errors import IntegrityError
from smcloud.store.objects import Place
from smcloud.store.records import INVENTORY, require_inside


def is_sealed(place: Place) -> bool:
    """Return whether the prefix ``path`` carries an inventory."""
    return place.read(INVENTORY) is not None


def read_inventory(place: Place) -> tuple[dict[str, Any], str]:
    """Read the inventory of a sealed prefix, and its sha256; raises :class:`IntegrityError` where there is none."""
    raw = place.read(INVENTORY)
    try:
        if raw is None:
            raise ValueError("nothing")
        inventory: dict[str, Any] = json.loads(raw)
        for entry in inventory["objects"]:
            require_inside(entry["path"])
            if not (isinstance(entry["size"], int) and isinstance(entry["sha256"], str)):
                raise ValueError(f"{entry['path']} without size or sha256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise IntegrityError(
            "the prefix is not sealed, or its inventory cannot be read",
            where=f"{place.url}/{INVENTORY}",
            found=err,
            expected="an inventory of its objects",
            next="smcloud verify STORE lists all that is wrong",
        ) from err
    return inventory, hashlib.sha256(raw).hexdigest()


def is_whole(place: Place, digest: str = "") -> bool:
    """Return whether every object of the inventory is there with its size, by a listing; nothing else is read.

    ``digest``, where given, is the sha256 that the inventory must have.
    """
    try:
        inventory, actual = read_inventory(place)
    except IntegrityError:
        return False
    return digest in ("", actual) and not lost_objects(place, inventory)


def lost_objects(place: Place, inventory: Mapping[str, Any]) -> list[str]:
    """List the objects of the inventory that are missing or have another size."""
    sizes = place.sizes()
    return [entry["path"] for entry in inventory["objects"] if sizes.get(entry["path"]) != entry["size"]]


def inventory_bytes(objects: list[dict[str, Any]]) -> bytes:
    """Return the inventory of ``objects``, each with path, sha256 and size: the same bytes for the same objects."""
    return json.dumps({"schema": 1, "objects": objects}, sort_keys=True, indent=0).encode()
