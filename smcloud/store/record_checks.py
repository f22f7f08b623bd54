"""Whether the records of a store agree with each other: chain, names, pointers, catalog, pages, and nothing foreign."""

from __future__ import annotations

import hashlib
import re

from smcloud.errors import IntegrityError
from smcloud.io_errors import STORE, reaching
from smcloud.store.chain import RECORD, named_in_catalog
from smcloud.store.integrity import Finding
from smcloud.store.layout import CATALOG, TEMPORARY, Store, release_path
from smcloud.store.objects import read
from smcloud.store.pointers import read_pointer
from smcloud.store.records import RELEASES, Release
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


def page_findings(store: Store, releases: list[Release]) -> list[Finding]:
    """Find pages of releases that are missing or empty, and a catalog that is not of the newest release."""
    findings = []
    for path in dict.fromkeys(release.report for release in releases):
        raw = read(store, path)
        findings.append(_finding(path, raw, "" if raw else "missing: smcloud report renders it"))
    named, latest = named_in_catalog(store), max((release.number for release in releases), default=0)
    if latest:
        behind = named is None or named[0] < latest
        findings.append(_finding(CATALOG, read(store, CATALOG), f"is not of release {latest}" if behind else ""))
    return findings


def foreign_findings(store: Store, products: list[str]) -> list[Finding]:
    """Find what no run writes there, by listing, and pointers that cannot be read."""
    findings = []
    for folder in ("cube", *(f"products/{name}" for name in products), RELEASES):
        for name in _names(store, folder):
            path = f"{folder}/{name}"
            if not (RECORD if folder == RELEASES else OURS).fullmatch(name):
                findings.append(Finding(path, 0, "", "is no object of smcloud"))
            elif name.endswith(".sealed"):
                stem, number, _ = name.rsplit(".", 2)
                try:
                    read_pointer(store, f"{folder}/{stem}.zarr", int(number))
                except IntegrityError as err:
                    findings.append(Finding(path, 0, "", f"cannot be read: {err.found}"[:120]))
    return findings


def product_names(store: Store) -> list[str]:
    """List the folders of ``products/``."""
    return _names(store, "products")


def _names(store: Store, folder: str) -> list[str]:
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
