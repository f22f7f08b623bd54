"""Whether the records of a store agree with each other: chain, names, pointers, catalog, pages, and nothing foreign."""

from __future__ import annotations

import hashlib
import re

from smcloud.errors import IntegrityError
from smcloud.io_errors import STORE, reaching
from smcloud.store.chain import RECORD, named_in_catalog, record_digest
from smcloud.store.doors import HOLDS, STAC, door_problems, entries_in_catalog
from smcloud.store.integrity import Finding
from smcloud.store.inventory import inventory_bytes, is_whole, read_inventory
from smcloud.store.layout import CATALOG, CITATION, INDEX, TEMPORARY, Store, release_path
from smcloud.store.objects import Place, read
from smcloud.store.pointers import read_pointer
from smcloud.store.records import INVENTORY, RELEASES, Release
from smcloud.store.release import read_release

# What runs leave in cube/ and products/<product>/: prefixes, the names of sealed ones, claims and leases.
OURS = re.compile(r"[^./]+\.zarr|[^./]+\.\d+\.sealed|[^./]+\.attempt-\d+-\d+\.(json|alive)")


def chain_findings(store: Store, numbers: list[int]) -> tuple[list[Release], list[Finding]]:
    """Read all records; return those that can be read, and a finding for each object of ``releases/``.

    A record is what its successor, or for the newest one ``catalog.yaml``, says that it was.
    """
    named = named_in_catalog(store)
    last = max([*numbers, named[0] if named else 0], default=0)
    findings = {n: _record(store, n) for n in range(1, last + 1)}
    releases: list[Release] = []
    for number, finding in findings.items():
        try:
            release = read_release(store, number) if not finding.problem else None
        except IntegrityError as err:
            findings[number] = _with(finding, f"cannot be read: {err.found}"[:120])
            continue
        if release is not None:
            releases.append(release)
            before = findings.get(number - 1)
            follows = release.supersedes_sha256
            if release.supersedes != (number - 1 or None):
                findings[number] = _with(finding, f"follows release {release.supersedes}")
            elif before and follows and not before.problem and before.sha256 != follows:
                findings[number - 1] = _with(before, f"is not the record that release {number} followed")
    newest = findings.get(last)
    if newest and named and named[0] == last and named[1] not in ("", newest.sha256) and not newest.problem:
        findings[last] = _with(newest, f"is not the record that {CATALOG} names")
    return releases, list(findings.values())


def name_findings(release: Release) -> list[Finding]:
    """Find products whose prefix is another product's."""
    path = release_path(release.number)
    return [
        Finding(path, 0, "", f"{name} is said to be at {product.url}")
        for name, product in release.products.items()
        if not product.url.startswith(f"products/{name}/")
    ]


def page_findings(store: Store, releases: list[Release], latest: int) -> list[Finding]:
    """Find pages of releases that are missing or not what was rendered, and doors that are not of the newest one."""
    findings = []
    for path, release in {release.report: release for release in releases}.items():
        raw = read(store, path)
        remedy = f"smcloud report {store.url} --release {release.number} renders it"
        findings.append(_finding(path, raw, "" if raw else f"missing: {remedy}"))
        findings += _rendered(Place(store, path.rpartition("/")[0]), release, remedy) if raw else []
    newest = next((release for release in releases if release.number == latest), None)
    return findings + (_door_findings(store, newest) if newest is not None else [])


def _door_findings(store: Store, newest: Release) -> list[Finding]:
    """Compare the doors with their inventory, and the catalog with what the newest release says."""
    remedy = f"smcloud report {store.url} renders it"
    raw, problem = read(store, CATALOG), f"is not what release {newest.number} gives"
    findings = [_finding(CATALOG, raw, "" if _names(store, newest) else problem)]
    if not any(read(store, path) is not None for path in (HOLDS, INDEX, CITATION)):
        return findings  # a version without other doors made them
    problems = door_problems(store)
    if not findings[0].problem and CATALOG in problems:
        findings = [_finding(CATALOG, raw, problem)]
    findings += [Finding(path, 0, "", f"{why}: {remedy}") for path, why in problems.items() if path != CATALOG]
    if HOLDS in problems:
        return findings
    known = {entry["path"] for entry in read_inventory(Place(store, STAC))[0]["objects"]} | {HOLDS}
    lying = {f"{STAC}/{name}" for name in Place(store, STAC).sizes()}
    foreign = sorted(path for path in lying - known if TEMPORARY not in path)
    return findings + [Finding(path, 0, "", "is no door to the newest release") for path in foreign]


def _names(store: Store, newest: Release) -> bool:
    """Whether ``catalog.yaml`` names the newest release, its record, and where its cube and products lie."""
    digest = record_digest(store, newest.number)
    if newest.schema_ == 1:  # a version without digests may have rendered it
        return (named_in_catalog(store) or (0, ""))[0] == newest.number
    expected = {"cube": newest.cube.as_json()} | {name: entry.as_json() for name, entry in newest.products.items()}
    return named_in_catalog(store) == (newest.number, digest) and entries_in_catalog(store) == expected


def _rendered(page: Place, release: Release, remedy: str) -> list[Finding]:
    """Compare the files of a page with the inventory beside them; those of schema 1 may have none."""
    inventory = page.read(INVENTORY)
    if inventory is None and release.schema_ == 1:
        return []
    try:
        objects = read_inventory(page)[0]["objects"]
        if inventory_bytes(objects) != inventory:
            raise IntegrityError("changed", found="not what was written")
        sealed = {entry["path"]: entry["sha256"] for entry in objects}
    except IntegrityError as err:
        return [Finding(f"{page.path}/{INVENTORY}", 0, "", f"cannot be read: {err.found}"[:120])]
    findings = [_finding(f"{page.path}/{INVENTORY}", inventory, "")]
    for name, digest in sealed.items():
        raw = page.read(name)
        path = f"{page.path}/{name}"
        same = hashlib.sha256(raw or b"").hexdigest() == digest
        if path != release.report or not same:
            findings.append(_finding(path, raw, "" if same else f"is not what was rendered: {remedy}"))
    extra = sorted(page.sizes().keys() - sealed.keys() - {INVENTORY})
    foreign = [name for name in extra if not name.startswith(TEMPORARY)]
    return findings + [Finding(f"{page.path}/{name}", 0, "", "is no file of the page") for name in foreign]


def foreign_findings(store: Store, products: list[str]) -> list[Finding]:
    """Find what no run writes there, by listing, and pointers that cannot be read."""
    findings = []
    for folder in ("cube", *(f"products/{name}" for name in products), RELEASES):
        for name in _listed(store, folder):
            path = f"{folder}/{name}"
            if not (RECORD if folder == RELEASES else OURS).fullmatch(name):
                findings.append(Finding(path, 0, "", "is no object of smcloud"))
            elif name.endswith(".sealed"):
                stem, number, _ = name.rsplit(".", 2)
                findings += _pointer(store, f"{folder}/{stem}.zarr", int(number), path)
    return findings


def _pointer(store: Store, prefix: str, number: int, path: str) -> list[Finding]:
    """Find a pointer that cannot be read, or that is the last of its id and names nothing whole."""
    try:
        pointer = read_pointer(store, prefix, number)
        if pointer is not None and read(store, path) != pointer.as_bytes():
            return [Finding(path, 0, "", "is not what was written")]
        if pointer is None or read_pointer(store, prefix, number + 1) is not None:
            return []
        if is_whole(Place(store, pointer.url), pointer.inventory_sha256):
            return []
        return [Finding(path, 0, "", f"names {pointer.url}, which is not whole or another")]
    except IntegrityError as err:
        return [Finding(path, 0, "", f"cannot be read: {err.found}"[:120])]


def product_names(store: Store) -> list[str]:
    """List the folders of ``products/``."""
    return _listed(store, "products")


def _listed(store: Store, folder: str) -> list[str]:
    with reaching(STORE, store.url_of(folder)):
        try:
            keys = store.fs.ls(store.join(folder), detail=False)
        except FileNotFoundError:
            return []
    names = {key.rstrip("/").rpartition("/")[2] for key in keys} - {folder.rpartition("/")[2]}
    return sorted(name for name in names if not name.startswith(TEMPORARY))


def _record(store: Store, number: int) -> Finding:
    path = release_path(number)
    raw = read(store, path)
    return _finding(path, raw, "missing" if raw is None else "")


def _finding(path: str, raw: bytes | None, problem: str) -> Finding:
    content = raw or b""
    return Finding(path, len(content), hashlib.sha256(content).hexdigest(), problem)


def _with(finding: Finding, problem: str) -> Finding:
    return Finding(finding.path, finding.size, finding.sha256, problem)
