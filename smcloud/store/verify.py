"""Comparison of what releases name, byte for byte, with what was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smcloud.errors import IntegrityError
from smcloud.store.arrays import ZARR_JSON
from smcloud.store.chain import release_numbers
from smcloud.store.integrity import Finding, describe, examine, finding_of, inspect
from smcloud.store.inventory import read_inventory
from smcloud.store.layout import TEMPORARY, Store
from smcloud.store.objects import Place
from smcloud.store.record_checks import (
    chain_findings,
    foreign_findings,
    name_findings,
    page_findings,
    product_names,
)
from smcloud.store.records import INVENTORY, MARKERS, CubeEntry, ProductEntry, Release
from smcloud.store.release import newest_release, read_release


def verify(store: Store, release: int | None = None) -> dict[str, Any]:
    """Read cube and products of a release, the newest by default, and compare them with their inventories.

    Returns ``{"release", "prefixes", "objects", "bytes"}``. Raises :class:`IntegrityError` with the number of
    objects that are missing, foreign, differ or do not decode, and the names of the first of them.
    """
    record = newest_release(store) if release is None else read_release(store, release)
    findings = release_findings(store, record)
    _require_good(store, findings, f"of release {record.number}", [record])
    return {"release": record.number, "prefixes": len(record.prefixes), **_amounts(findings)}


def verify_all(store: Store) -> dict[str, Any]:
    """Verify every release, and that the records of the store agree with each other (:mod:`.record_checks`).

    Returns ``{"releases", "prefixes", "objects", "bytes"}``; a prefix that several releases name is read once.
    Raises :class:`IntegrityError` as :func:`verify` does.
    """
    while True:
        numbers = release_numbers(store)
        releases, prefixes, findings = _everything(store, numbers)
        # A release that a run published meanwhile has pages and a catalog that none of these records can explain.
        if not any(finding.problem for finding in findings) or release_numbers(store) == numbers:
            break
    _require_good(store, findings, "of the store", releases)
    return {"releases": len(releases), "prefixes": prefixes, **_amounts(findings)}


def _everything(store: Store, numbers: list[int]) -> tuple[list[Release], int, list[Finding]]:
    """The releases, the number of prefixes that they name, and a finding for each object."""
    releases, findings = chain_findings(store, numbers)
    if not findings:
        newest_release(store)  # raises: nothing is published
    for record in releases:
        findings += name_findings(record)
    prefixes = {(entry.url, entry.inventory_sha256): entry for record in releases for entry in record.prefixes}
    for entry in prefixes.values():
        findings += prefix_findings(store, entry)
    findings += page_findings(store, releases, max(numbers, default=0)) + foreign_findings(store, product_names(store))
    return releases, len(prefixes), findings


def release_findings(store: Store, record: Release) -> list[Finding]:
    """Return a finding for each object of cube and products of a release, by its path in the store."""
    return name_findings(record) + [finding for entry in record.prefixes for finding in prefix_findings(store, entry)]


def _require_good(store: Store, findings: list[Finding], of: str, releases: Sequence[Release]) -> None:
    bad = [finding for finding in findings if finding.problem]
    if bad:
        # A repair is of one release: the newest that names what is damaged, else the newest.
        urls = {record.number: [entry.url for entry in record.prefixes] for record in releases}
        damaged = [n for n, names in urls.items() if any(f.path.startswith(f"{url}/") for f in bad for url in names)]
        which = f" --release {max(damaged)}" if damaged else ""
        raise IntegrityError(
            f"{len(bad)} objects {of} are not what was sealed",
            where=store.url,
            found=describe(bad),
            expected="size and sha256 of the inventory, chunks that decode, records that agree, and nothing else",
            next=f"smcloud repair {store.url}{which}",
        )


def _amounts(findings: list[Finding]) -> dict[str, int]:
    return {"objects": len(findings), "bytes": sum(finding.size for finding in findings)}


def prefix_findings(store: Store, named: CubeEntry | ProductEntry) -> list[Finding]:
    """Return findings with paths inside the store; the inventory itself is one of them, foreign objects are others."""
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
    documents = place.read_all(key for key in sealed if key.rpartition("/")[2] == ZARR_JSON)
    read = [finding_of(key, raw) for key, raw in documents.items()]
    # Shapes are trusted, and chunks looked for, only where the metadata is what was sealed.
    intact = [f.path for f in read if f.path != ZARR_JSON and (f.size, f.sha256) == sealed[f.path]]
    read += examine(place, {key.removesuffix(f"/{ZARR_JSON}"): documents[key] or b"" for key in intact})
    read += [inspect(place, key) for key in sealed.keys() - {finding.path for finding in read}]
    extra = sorted(place.sizes().keys() - sealed.keys() - {finding.path for finding in read} - {INVENTORY})
    passing = (f"{MARKERS}/", TEMPORARY)  # of runs that were killed: they are no content
    read += [Finding(key, 0, "", "") for key in extra if not key.startswith(passing) and f"/{TEMPORARY}" not in key]
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
