"""Releases: numbered records, each created once, that make sealed prefixes visible all together."""

from __future__ import annotations

import json
import random
import time
import uuid
from datetime import UTC, datetime

from pydantic import ValidationError

from smcloud.errors import (
    IntegrityError,
    NothingPublishedError,
    ReleaseConflictError,
    UnreachableError,
)
from smcloud.store.integrity import read_inventory
from smcloud.store.layout import CATALOG, Store, release_path
from smcloud.store.objects import Place, create_only, put, read
from smcloud.store.records import RELEASE_SCHEMA, Release, ReleaseContent, require_inside

ATTEMPTS = 100


def latest_release(store: Store) -> int:
    """Find the number of the newest release, 0 where there is none; probes numbers and needs no listing."""
    # Numbers are contiguous, so the last one is found by doubling, then bisection.
    low, high = 0, 1
    while _exists(store, high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _exists(store, middle) else (low, middle)
    return low


def read_release(store: Store, number: int) -> Release:
    """Read the record of one release; raises :class:`NothingPublishedError` with the numbers that exist."""
    record = _read(store, number) if number > 0 else None
    if record is None:
        latest = latest_release(store)
        raise NothingPublishedError(
            "there is no such release" if latest else "nothing has been published in this store",
            where=store.url,
            found=f"releases 1 to {latest}" if latest else "no release",
            expected=f"release {number}",
            next=f"smcloud products {store.url}" if latest else "smcloud run CONFIG",
        )
    return record


def newest_release(store: Store) -> Release:
    """Read the record of the newest release; raises :class:`NothingPublishedError` where there is none."""
    return read_release(store, latest_release(store) or 1)


def list_releases(store: Store) -> list[Release]:
    """Read all records, newest first; empty where nothing is published."""
    return [read_release(store, number) for number in range(latest_release(store), 0, -1)]


def find_release(store: Store, run_id: str) -> Release | None:
    """Find the newest release with a product of ``run_id``, or None."""
    for number in range(latest_release(store), 0, -1):
        record = read_release(store, number)
        if any(product.run_id == run_id for product in record.products.values()):
            return record
    return None


def publish(store: Store, content: ReleaseContent) -> Release:
    """Make ``content`` the next release and return it as it was published.

    URLs are relative to the store; schema, number, write_id, created and supersedes are filled in. Where the newest
    release, or the winner of a race, names the same cube and products, that one is returned and nothing is written.
    Raises :class:`IntegrityError` for a prefix that is not sealed as the content says, :class:`ReleaseConflictError`
    when other publishers win every number tried, ValueError for an absolute URL.
    """
    _require_sealed(store, content)
    write_id = uuid.uuid4().hex
    for _ in range(ATTEMPTS):
        latest = latest_release(store)
        if latest:
            winner = read_release(store, latest)
            if winner.write_id == write_id or _names(winner) == _names(content):
                return winner
        candidate = Release(
            schema=RELEASE_SCHEMA,
            number=latest + 1,
            write_id=write_id,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            supersedes=latest or None,
            **dict(content),
        )
        if _create(store, candidate):
            return candidate
        time.sleep(random.uniform(0, 0.05))
    raise ReleaseConflictError(
        "other publishers took every release number that was tried",
        where=store.url,
        found=f"release {latest_release(store)}",
        expected=f"a free number within {ATTEMPTS} attempts",
        next="run the same command again: it publishes what is already sealed",
    )


def write_catalog(store: Store) -> str:
    """Render ``catalog.yaml``, an intake catalog of the newest release for people, and return its URL."""
    import yaml

    record = newest_release(store)
    entries = {"cube": record.cube.as_json()} | {name: product.as_json() for name, product in record.products.items()}
    sources = {
        name: {
            "driver": "zarr",
            "description": f"{name} of release {record.number}",
            "args": {"urlpath": "{{ CATALOG_DIR }}/" + entry["url"], "chunks": {}},
            "metadata": {key: value for key, value in entry.items() if key != "url"},
        }
        for name, entry in entries.items()
    }
    text = yaml.safe_dump(
        {"metadata": {"release": record.number, "created": record.created}, "sources": sources},
        sort_keys=False,
        width=120,
    )
    return put(store, CATALOG, text.encode())


def _create(store: Store, candidate: Release) -> bool:
    body = json.dumps(candidate.as_json(), indent=2, allow_nan=False).encode()
    try:
        return create_only(store, release_path(candidate.number), body)
    except UnreachableError:
        # The answer may have been lost after the object was created.
        existing = _read(store, candidate.number)
        if existing is not None and existing.write_id == candidate.write_id:
            return True
        raise


def _exists(store: Store, number: int) -> bool:
    return read(store, release_path(number)) is not None


def _read(store: Store, number: int) -> Release | None:
    raw = read(store, release_path(number))
    if raw is None:
        return None
    try:
        record = Release.model_validate_json(raw)
        if record.schema_ != RELEASE_SCHEMA or record.number != number:
            raise ValueError(f"schema {record.schema_}, number {record.number}")
    except ValueError as err:
        raise IntegrityError(
            "the release record cannot be read",
            where=store.url_of(release_path(number)),
            found=_why(err),
            expected=f"a record of schema {RELEASE_SCHEMA} with number {number}",
            next="restore this object from a copy of the store, or use a newer smcloud",
        ) from err
    return record


def _why(err: ValueError) -> str:
    if not isinstance(err, ValidationError):
        return str(err)
    first = err.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the record'}: {first['msg'].removeprefix('Value error, ')}"


def _names(content: ReleaseContent) -> tuple[str, dict[str, tuple[str, str]]]:
    products = {name: (entry.url, entry.inventory_sha256) for name, entry in content.products.items()}
    return content.cube.id, products


def _require_sealed(store: Store, content: ReleaseContent) -> None:
    for entry in content.prefixes:
        require_inside(entry.url)
        digest = read_inventory(Place(store, entry.url))[1]
        if (entry.inventory_sha256 or digest) != digest:
            raise IntegrityError(
                "the prefix is not sealed with the inventory that would be released",
                where=store.url_of(entry.url),
                found=digest,
                expected=entry.inventory_sha256,
                next="run the same command again",
            )
