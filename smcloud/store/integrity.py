"""Sealing of a prefix: check that every chunk exists, decode and hash it, then write the inventory."""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.io_errors import STORE, reaching
from smcloud.store.arrays import ZARR_JSON, stored_array
from smcloud.store.inventory import inventory_bytes, is_sealed, read_inventory
from smcloud.store.objects import Place
from smcloud.store.records import INVENTORY, MARKERS

BATCH = 16
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Finding:
    """One object of a prefix as it was read: path inside the prefix, size, sha256, and what is wrong with it."""

    path: str
    size: int
    sha256: str
    problem: str = ""


class SealRecord(NamedTuple):
    """Result of a seal: sha256 of the inventory, bytes and number of the objects."""

    inventory_sha256: str
    bytes: int
    objects: int


def seal(
    place: Place,
    expected: Iterable[str] = (),
    beside: Mapping[str, bytes] = NOTHING,
    copied: Mapping[str, Finding] = NOTHING,
    elsewhere: Callable[[str], bool] = lambda digest: False,
) -> SealRecord:
    """Check every chunk of every array below ``place``, consolidate the metadata, then write the inventory, once.

    ``expected``, where given, names all arrays; others, left by an older version, are removed. ``beside`` are
    small objects, by name, that are written and sealed too. ``copied`` are chunks taken over from a sealed prefix, as
    its inventory has them: they are not read again, only their sizes are compared by a listing. ``elsewhere`` is asked
    with the sha256 of the inventory before it is written: where it says yes, the prefix stays unsealed. A prefix that
    is sealed already returns the same record. Raises :class:`IntegrityError` naming array and chunk key, and
    :class:`ReleaseConflictError` where another run sealed other content; nothing is sealed then. The chunks are read
    by dask, on the cluster where one is open.
    """
    if not is_sealed(place):
        existing = _array_names(place)
        names = sorted(expected) or existing
        metadata = metadata_of_all(place, [name for name in names if name in existing])
        findings = _checked(place, names, metadata, copied)
        if is_sealed(place):  # by a run that took the folder over while this one was stopped: it is that one's
            return _record_of(place)
        for stray in set(existing) - set(names):
            place.remove(stray)
        findings += [finding_of(f"{name}/{ZARR_JSON}", raw) for name, raw in metadata.items()]
        _remove_leftovers(place, {finding.path for finding in findings} | {ZARR_JSON, *beside})
        place.write(ZARR_JSON, _consolidated(place, metadata))
        place.write_all(beside)
        findings += [finding_of(key, raw) for key, raw in place.read_all((ZARR_JSON, *beside)).items()]
        objects = [
            {"path": finding.path, "sha256": finding.sha256, "size": finding.size}
            for finding in sorted(findings, key=lambda finding: finding.path)
        ]
        body = inventory_bytes(objects)
        digest = hashlib.sha256(body).hexdigest()
        if elsewhere(digest):
            return SealRecord(digest, sum(finding.size for finding in findings), len(findings))
        place.settle()
        if not place.create(INVENTORY, body) and place.read(INVENTORY) != body:
            raise ReleaseConflictError(
                "another run sealed the same prefix with other content",
                where=place.url,
                found="another inventory",
                expected="equal bytes for an equal id",
                next="smcloud verify STORE, then run the same command again",
            )
    return _record_of(place)


def _record_of(place: Place) -> SealRecord:
    inventory, digest = read_inventory(place)
    total = sum(entry["size"] for entry in inventory["objects"])
    return SealRecord(digest, total, len(inventory["objects"]))


def _checked(
    place: Place, names: list[str], metadata: Mapping[str, bytes], copied: Mapping[str, Finding]
) -> list[Finding]:
    """Read and check every chunk of the arrays ``names``; raises :class:`IntegrityError`."""
    findings = [Finding(name, 0, "", "array missing") for name in names if name not in metadata]
    findings += examine(place, metadata, copied)
    findings += _copied(place, copied)
    bad = [finding for finding in findings if finding.problem]
    if bad or not findings:
        raise IntegrityError(
            f"{len(bad)} of {len(findings)} chunks are missing or damaged" if bad else "there is nothing to seal",
            where=place.url,
            found=describe(bad) if bad else "no array",
            expected="every chunk of every array, each with a checksum that fits",
            next="run the same command again: it starts this prefix anew",
        )
    return findings


def examine(place: Place, metadata: Mapping[str, bytes], but: Container[str] = ()) -> list[Finding]:
    """Read and decode every chunk that arrays have by their ``metadata``, by name, except ``but``."""
    from dask.base import compute
    from dask.delayed import delayed

    def wanted(name: str) -> Iterator[tuple[int, ...]]:
        array = stored_array(metadata[name])
        return (position for position in array.positions() if f"{name}/{array.key(position)}" not in but)

    tasks = [
        delayed(_examine_batch, pure=False)(place, name, metadata[name], batch)
        for name in metadata
        for batch in itertools.batched(wanted(name), BATCH)
    ]
    (results,) = compute(tasks)
    return [finding for batch in results for finding in batch]


def _remove_leftovers(place: Place, sealed: Container[str]) -> None:
    """Remove what is no part of the content: half-written files of a run that was killed here. Markers go later."""
    for key in place.sizes():
        if key not in sealed and key != INVENTORY and not key.startswith(f"{MARKERS}/"):
            place.remove(key)


def _copied(place: Place, copied: Mapping[str, Finding]) -> list[Finding]:
    sizes = place.sizes() if copied else {}
    findings = []
    for key, finding in copied.items():
        if key not in sizes:
            finding = Finding(key, 0, "", "missing")
        elif sizes[key] != finding.size:
            finding = Finding(key, sizes[key], "", f"{sizes[key]} bytes for {finding.size}")
        findings.append(finding)
    return findings


def inspect(place: Place, key: str) -> Finding:
    """Read size and sha256 of one object, without decoding it."""
    return finding_of(key, place.read(key))


def finding_of(key: str, raw: bytes | None) -> Finding:
    """Size and sha256 of one object as it was read, None where it is missing."""
    if raw is None:
        return Finding(key, 0, "", "missing")
    return Finding(key, len(raw), hashlib.sha256(raw).hexdigest())


def describe(bad: list[Finding]) -> str:
    """Describe the first five findings in words."""
    text = "; ".join(f"{finding.path} ({finding.problem})" for finding in bad[:5])
    return text + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")


def _examine_batch(place: Place, name: str, metadata: bytes, positions: tuple[tuple[int, ...], ...]) -> list[Finding]:
    """Examine objects; each is fetched once, so the bytes that are hashed are the bytes that are decoded."""
    import zarr

    array = stored_array(metadata)
    findings = []
    for position in positions:
        key = f"{name}/{array.key(position)}"
        raw = place.read(key)
        if raw is None:
            findings.append(Finding(key, 0, "", "missing"))
            continue
        problem = ""
        try:
            array.decode(raw)
        except (RuntimeError, ValueError, TypeError, zarr.errors.BaseZarrError) as err:
            problem = f"does not decode: {' '.join(str(err).split())}"[:120]
        findings.append(Finding(key, len(raw), hashlib.sha256(raw).hexdigest(), problem))
    return findings


def metadata_of_all(place: Place, names: Iterable[str]) -> dict[str, bytes]:
    """Read the ``zarr.json`` of arrays, by name; raises :class:`IntegrityError` where there is none."""
    metadata = {}
    for key, raw in place.read_all(f"{name}/{ZARR_JSON}" for name in names).items():
        if raw is None:
            raise IntegrityError(
                "the array has no metadata",
                where=f"{place.url}/{key}",
                found="nothing",
                expected=ZARR_JSON,
                next="run the same command again: it starts this prefix anew",
            )
        metadata[key.removesuffix(f"/{ZARR_JSON}")] = raw
    return metadata


def _array_names(place: Place) -> list[str]:
    return sorted(key.removesuffix(f"/{ZARR_JSON}") for key in place.sizes() if key.endswith(f"/{ZARR_JSON}"))


def _consolidated(place: Place, metadata: Mapping[str, bytes]) -> bytes:
    """The ``zarr.json`` of the prefix with the ``metadata`` of its arrays in it, which were read already."""
    import zarr
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    documents = {ZARR_JSON: place.read(ZARR_JSON)} | {f"{name}/{ZARR_JSON}": raw for name, raw in metadata.items()}
    buffer = default_buffer_prototype().buffer
    store: dict[str, Any] = {key: buffer.from_bytes(raw) for key, raw in documents.items() if raw is not None}
    with reaching(STORE, place.url), warnings.catch_warnings():
        # xarray and zarr read and write it; that other readers may not is why each array keeps its own.
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(MemoryStore(store))
    return bytes(store[ZARR_JSON].to_bytes())
