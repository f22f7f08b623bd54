"""Releases: numbered records, each created once, that make sealed prefixes visible all together."""

from __future__ import annotations

import json
import random
import time
import uuid
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from smcloud.errors import (
    IntegrityError,
    NothingPublishedError,
    ReleaseConflictError,
    UnreachableError,
)
from smcloud.store.chain import (
    record_digest,
    release_numbers,
    require_linked,
    require_newest,
    require_no_gap,
)
from smcloud.store.inventory import lost_objects, read_inventory
from smcloud.store.layout import Store, release_path
from smcloud.store.objects import Place, create_only, read
from smcloud.store.older import require_not_older, same_study
from smcloud.store.records import RELEASE_SCHEMA, RELEASE_SCHEMAS, Release, ReleaseContent, require_inside

ATTEMPTS = 1000  # each that is lost is another's release
LOOKED_BACK = 50  # releases, for one of the same study
RECENT = 12  # a monthly run seldom finds the content of last year's release


def latest_release(store: Store) -> int:
    """Find the number of the newest release, 0 where there is none."""
    return max(release_numbers(store), default=0)


def read_release(store: Store, number: int) -> Release:
    """Read the record of one release; raises :class:`NothingPublishedError` with the numbers that exist.

    :class:`IntegrityError` where ``catalog.yaml`` names a later one: it is lost.
    """
    record = _read(store, number) if number > 0 else None
    if record is None:
        latest = latest_release(store)
        require_newest(store, latest)
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
    """Read all records, newest first; raises :class:`IntegrityError` where one is missing."""
    numbers = release_numbers(store)
    require_no_gap(store, numbers)
    require_newest(store, max(numbers, default=0))
    return [read_release(store, number) for number in reversed(numbers)]


def find_release(store: Store, run_id: str) -> Release | None:
    """Find the newest release with a product of ``run_id``, or None."""
    for number in reversed(release_numbers(store)):
        record = read_release(store, number)
        if any(product.run_id == run_id for product in record.products.values()):
            return record
    return None


def require_forward(store: Store, content: ReleaseContent) -> None:
    """Raise :class:`ReleaseConflictError` where ``content`` steps back behind the newest release of its study."""
    for number in release_numbers(store)[: -LOOKED_BACK - 1 : -1]:
        release = read_release(store, number)
        if same_study(content, release):
            require_not_older(content, release, store.url)
            return


def released_products(store: Store) -> dict[str, dict[str, str]]:
    """Collect the paths of the products of the newest releases, by product and sha256 of the inventory.

    A record that cannot be read is left out: what it names is stored once more.
    """
    paths: dict[str, dict[str, str]] = {}
    for number in release_numbers(store)[-RECENT:]:
        with suppress(IntegrityError, NothingPublishedError):
            for name, product in read_release(store, number).products.items():
                paths.setdefault(name, {})[product.inventory_sha256] = product.url
    return paths


def require_chain(store: Store) -> None:
    """Raise :class:`IntegrityError` where a release is missing or another: nothing could be published after it."""
    numbers = release_numbers(store)
    require_no_gap(store, numbers)
    require_newest(store, max(numbers, default=0))
    require_linked(store, max(numbers, default=0))


def publish(store: Store, content: ReleaseContent, allow_older: str = "", parent: int | None = None) -> Release:
    """Make ``content`` the next release and return it as it was published.

    URLs are relative to the store; schema, number, write_id, created and what links it to the release before are filled
    in. Where the newest release, or the winner of a race, names the same cube and products, that one is returned and
    nothing is written; so is one that came after ``parent``, the newest when the run began. ``allow_older`` is the
    reason why it may step back behind the newest of its study (:mod:`.older`).
    Raises :class:`IntegrityError` for a prefix that is not sealed as the content says or has lost an object, and where
    a release is missing, :class:`ReleaseConflictError` where it would step back, or other publishers win every number
    tried, ValueError for an absolute URL.
    """
    _require_sealed(store, content)
    write_id = uuid.uuid4().hex
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        numbers = release_numbers(store)
        require_no_gap(store, numbers)
        latest = max(numbers, default=0)
        require_newest(store, latest)
        require_linked(store, latest)
        before = max(0, min(latest - 1, latest if parent is None else parent))
        for number in range(latest, before, -1):
            winner = read_release(store, number)
            if winner.write_id == write_id or _names(winner) == _names(content):
                return winner
        if latest and not allow_older:
            require_forward(store, content)
        candidate = Release(
            schema=RELEASE_SCHEMA,
            number=latest + 1,
            write_id=write_id,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            supersedes=latest or None,
            supersedes_sha256=record_digest(store, latest) if latest else None,
            allowed_older=allow_older or None,
            **dict(content),
        )
        if _create(store, candidate):
            return candidate
        # All who lost begin again at once: without a pause as long as an attempt the slowest would lose each time.
        time.sleep(random.uniform(0, time.monotonic() - began))
    raise ReleaseConflictError(
        "other publishers took every release number that was tried",
        where=store.url,
        found=f"release {latest_release(store)}",
        expected=f"a free number within {ATTEMPTS} attempts",
        next="run the same command again: it publishes what is already sealed",
    )


def _create(store: Store, candidate: Release) -> bool:
    body = json.dumps(candidate.as_json(), indent=2, allow_nan=False).encode()
    try:
        created = create_only(store, release_path(candidate.number), body)
    except UnreachableError:
        # The answer may have been lost after the object was created.
        existing = _read(store, candidate.number)
        if existing is None or existing.write_id != candidate.write_id:
            raise
        return True
    if not created:  # or it was by us, and its client asked again
        existing = _read(store, candidate.number)
        return existing is not None and existing.write_id == candidate.write_id
    if read(store, release_path(candidate.number)) != body:
        raise ReleaseConflictError(
            "the release that was written is not the one that is there",
            where=store.url_of(release_path(candidate.number)),
            found="another record, or none",
            expected="an object that is created once and stays",
            next="smcloud verify STORE --all, and a store that keeps preconditions of writing",
        )
    return created


def _read(store: Store, number: int) -> Release | None:
    raw = read(store, release_path(number))
    if raw is None:
        return None
    try:
        record = Release.model_validate_json(raw)
        if record.schema_ not in RELEASE_SCHEMAS or record.number != number:
            raise ValueError(f"schema {record.schema_}, number {record.number}")
    except ValueError as err:
        raise IntegrityError(
            "the release record cannot be read",
            where=store.url_of(release_path(number)),
            found=_why(err),
            expected=f"a record of schema {' or '.join(map(str, RELEASE_SCHEMAS))} with number {number}",
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
        place = Place(store, entry.url)
        inventory, digest = read_inventory(place)
        if (entry.inventory_sha256 or digest) != digest:
            raise IntegrityError(
                "the prefix is not sealed with the inventory that would be released",
                where=place.url,
                found=digest,
                expected=entry.inventory_sha256,
                next="run the same command again",
            )
        if lost := lost_objects(place, inventory):
            raise IntegrityError(
                f"{len(lost)} objects of a prefix were lost since it was sealed",
                where=place.url,
                found=f"{', '.join(lost[:3])} missing or of another size",
                expected="every object that the inventory lists",
                next="run the same command again: it does this work anew",
            )
