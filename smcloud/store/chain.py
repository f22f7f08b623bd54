"""What holds the releases together: numbers without gaps, each record with the digest of the one before it.

A record that is lost would be a silent step back, so gaps are looked for by listing, and ``catalog.yaml``, which names
the newest release and its digest, tells when that one is lost.
"""

from __future__ import annotations

import hashlib
import json
import re

from smcloud.errors import IntegrityError, UnreachableError
from smcloud.io_errors import STORE, reaching
from smcloud.store.layout import CATALOG, Store, release_path
from smcloud.store.objects import read
from smcloud.store.records import RELEASES

RECORD = re.compile(r"(\d{8})\.json")


def release_numbers(store: Store) -> list[int]:
    """Return the numbers of all releases, ascending: by a listing, by probing them where one is refused."""
    try:
        with reaching(STORE, store.url_of(RELEASES)):
            try:
                keys = store.fs.ls(store.join(RELEASES), detail=False)
            except FileNotFoundError:
                return []
    except UnreachableError as err:
        if not (isinstance(err.__cause__, PermissionError) or str(err.__cause__).startswith("Forbidden")):
            raise
        return list(range(1, _last_by_probing(store) + 1))
    matches = (RECORD.fullmatch(key.rpartition("/")[2]) for key in keys)
    return sorted(int(match[1]) for match in matches if match)


def _last_by_probing(store: Store) -> int:
    """The last number: by doubling, then bisection, as numbers have no gaps."""
    low, high = 0, 1
    while _exists(store, high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _exists(store, middle) else (low, middle)
    return low


def _exists(store: Store, number: int) -> bool:
    return read(store, release_path(number)) is not None


def require_no_gap(store: Store, numbers: list[int]) -> None:
    """Raise :class:`IntegrityError` that names the numbers missing below the last one."""
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    if missing:
        named = ", ".join(map(str, missing[:5])) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise _lost(store, missing[0], f"no record of {named} of {max(numbers)} releases")


def require_newest(store: Store, latest: int) -> None:
    """Raise :class:`IntegrityError` where ``catalog.yaml`` names a later release than ``latest``, and it is not there.

    It may be there: another run may have published it since ``latest`` was looked for.
    """
    named = named_in_catalog(store)
    if named is not None and named[0] > latest and not _exists(store, named[0]):
        raise _lost(store, named[0], f"release {latest or 'none'} as the newest, where {CATALOG} names {named[0]}")


def require_linked(store: Store, latest: int) -> None:
    """Raise :class:`IntegrityError` where the two newest records are not those that were written.

    The newest one says what the one before it was, ``catalog.yaml`` what the newest one was, where it names it.
    """
    raw = read(store, release_path(latest)) if latest else None
    named = named_in_catalog(store)
    if raw is None:
        return
    if named is not None and named[0] == latest and named[1] not in ("", hashlib.sha256(raw).hexdigest()):
        raise _another(
            store, latest, f"{CATALOG} says", f"remove {CATALOG} if that was edited, else restore the record"
        )
    try:
        follows = str(json.loads(raw).get("supersedes_sha256") or "")
    except (ValueError, AttributeError, RecursionError):
        return  # whoever reads it says what is wrong
    if latest > 1 and follows and record_digest(store, latest - 1) != follows:
        restore = "restore this object from a copy of the store (soft delete or versions of the bucket)"
        raise _another(store, latest - 1, f"release {latest} says", restore)


def _another(store: Store, number: int, who: str, remedy: str) -> IntegrityError:
    return IntegrityError(
        "a release is not the record that was written",
        where=store.url_of(release_path(number)),
        found=f"sha256 {record_digest(store, number)[:16]}",
        expected=f"the sha256 that {who}",
        next=remedy,
    )


def _lost(store: Store, number: int, found: str) -> IntegrityError:
    return IntegrityError(
        "a release is missing: without its record the store would step back in silence",
        where=store.url_of(release_path(number)),
        found=found,
        expected="a record for every number from 1 to the newest",
        next="restore this object from a copy of the store (soft delete or versions of the bucket)",
    )


def named_in_catalog(store: Store) -> tuple[int, str] | None:
    """Return number and sha256 of the release that ``catalog.yaml`` names; None where there is none, or no such file.

    It is a page for people that every run writes anew: damaged it says nothing.
    """
    import yaml

    try:
        metadata = yaml.safe_load(read(store, CATALOG) or b"")["metadata"]
        return int(metadata["release"]), str(metadata.get("record_sha256", ""))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return None


def record_digest(store: Store, number: int) -> str:
    """Return the sha256 of the record of a release, as it is stored."""
    raw = read(store, release_path(number))
    if raw is None:
        raise _lost(store, number, "nothing")
    return hashlib.sha256(raw).hexdigest()
