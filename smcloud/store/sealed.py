"""What a release says of a prefix: the digest of each object, against which readers hold what they read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from smcloud.errors import IntegrityError
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.inventory import read_inventory
from smcloud.store.objects import Place
from smcloud.store.records import INVENTORY, CubeEntry, ProductEntry

Verify = Literal["metadata", "chunks"]
Digests = Mapping[str, str]
ALONG_ONE_DIM = re.compile(r"[^/]+/c(/\d+)?")


def require_digest(place: Place, name: str, content: bytes, expected: str) -> None:
    """Raise :class:`IntegrityError` where the object ``name`` is not what was sealed."""
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        raise IntegrityError(
            "an object is not what was sealed",
            where=f"{place.url}/{name}",
            found=f"sha256 {actual[:16]}, {len(content)} bytes",
            expected=f"sha256 {expected[:16]}, as the release says" if expected else "no such object in the inventory",
            next=f"smcloud verify {place.store.url}",
        )


class Sealed(NamedTuple):
    """What a released prefix holds: the bytes of its root metadata, and sha256 and size of each object by its path."""

    root: bytes
    digests: dict[str, str]
    sizes: dict[str, int]


def read_sealed(place: Place, entry: CubeEntry | ProductEntry) -> Sealed:
    """Read inventory and root metadata of a released prefix, held against the release.

    Raises :class:`IntegrityError` where one of them is not what was sealed. The cube of a store of schema 1 has its
    inventory's word only.
    """
    root = place.read(ZARR_JSON)
    if root is None:
        raise IntegrityError(
            "a prefix that a release names is gone",
            where=place.url,
            found="nothing",
            expected="a sealed prefix",
            next=f"smcloud verify {place.store.url}",
        )
    inventory, actual = read_inventory(place)
    if (entry.inventory_sha256 or actual) != actual:
        require_digest(place, INVENTORY, place.read(INVENTORY) or b"", entry.inventory_sha256 or "")
    digests, sizes = ({each["path"]: each[key] for each in inventory["objects"]} for key in ("sha256", "size"))
    require_digest(place, ZARR_JSON, root, digests.get(ZARR_JSON, ""))
    return Sealed(root, digests, sizes)


def require_sealed_objects(place: Place, digests: Digests, names: Sequence[str] = ()) -> None:
    """Read all objects of the arrays ``names``, which are small, and hold them against what was sealed.

    Without names those of one dim or none: axes, which xarray reads when it opens them, and labels.
    """
    chosen = names or [key.partition("/")[0] for key in digests if ALONG_ONE_DIM.fullmatch(key)]
    keys = [key for key in digests if key.partition("/")[0] in chosen]
    for key, content in place.read_all(keys).items():
        require_digest(place, key, content or b"", digests[key])
