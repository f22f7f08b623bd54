"""Comparison of what a release names, byte for byte, with what was sealed."""

from __future__ import annotations

from typing import Any

from smcloud.errors import IntegrityError
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.integrity import Finding, describe, examine, inspect, read_inventory
from smcloud.store.layout import Store
from smcloud.store.objects import Place
from smcloud.store.records import INVENTORY, CubeEntry, ProductEntry
from smcloud.store.release import newest_release, read_release


def verify(store: Store, release: int | None = None) -> dict[str, Any]:
    """Read cube and products of a release, the newest by default, and compare them with their inventories.

    Returns ``{"release", "prefixes", "objects", "bytes"}``. Raises :class:`IntegrityError` with the number of
    objects that are missing, differ or do not decode, and the names of the first of them.
    """
    record = newest_release(store) if release is None else read_release(store, release)
    findings = [finding for named in record.prefixes for finding in _check_prefix(store, named)]
    bad = [finding for finding in findings if finding.problem]
    if bad:
        raise IntegrityError(
            f"{len(bad)} objects of release {record.number} are not what was sealed",
            where=store.url,
            found=describe(bad),
            expected="size and sha256 of the inventory, and chunks that decode",
            next="restore these objects from a copy of the store",
        )
    return {
        "release": record.number,
        "prefixes": len(record.prefixes),
        "objects": len(findings),
        "bytes": sum(finding.size for finding in findings),
    }


def _check_prefix(store: Store, named: CubeEntry | ProductEntry) -> list[Finding]:
    """Findings with paths inside the store; the inventory itself is one of them."""
    path = named.url
    place = Place(store, path)
    own = inspect(place, INVENTORY)
    try:
        inventory, digest = read_inventory(place)
    except IntegrityError as err:
        return [Finding(f"{path}/{INVENTORY}", own.size, own.sha256, own.problem or f"cannot be read: {err.found}")]
    if (named.inventory_sha256 or digest) != digest:
        return [Finding(f"{path}/{INVENTORY}", own.size, digest, "not the inventory that was released")]
    sealed = {entry["path"]: (entry["size"], entry["sha256"]) for entry in inventory["objects"]}
    read = [inspect(place, key) for key in sealed if key.rpartition("/")[2] == ZARR_JSON]
    # Shapes are trusted, and chunks looked for, only where the metadata is what was sealed.
    intact = [f.path for f in read if f.path != ZARR_JSON and (f.size, f.sha256) == sealed[f.path]]
    read += examine(place, [key.removesuffix(f"/{ZARR_JSON}") for key in intact])
    read += [inspect(place, key) for key in sealed.keys() - {finding.path for finding in read}]
    return [
        Finding(f"{path}/{f.path}", f.size, f.sha256, _difference(f, sealed.get(f.path)))
        for f in sorted(read, key=lambda finding: finding.path)
    ] + [Finding(f"{path}/{INVENTORY}", own.size, own.sha256)]


def _difference(finding: Finding, sealed: tuple[int, str] | None) -> str:
    if sealed is None:
        return finding.problem or "not in the inventory"
    if finding.problem != "missing" and (finding.size, finding.sha256) != sealed:
        return f"sha256 differs, {finding.size} bytes for {sealed[0]}"
    return finding.problem
