"""Sealing a prefix: every chunk there, decoded and hashed, then the inventory that says so."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.store.layout import Store, reaching
from smcloud.store.objects import create_only, read, write_whole

INVENTORY = "inventory.json"
ZARR_JSON = "zarr.json"
BATCH = 16
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Finding:
    """One object of a prefix as it was read: path inside the prefix, size, sha256, and what is wrong with it."""

    path: str
    size: int
    sha256: str
    problem: str = ""


def is_sealed(store: Store, path: str) -> bool:
    """Whether the prefix ``path`` carries an inventory."""
    return read(store, f"{path}/{INVENTORY}") is not None


def read_inventory(store: Store, path: str) -> tuple[dict[str, Any], str]:
    """The inventory of a sealed prefix and its sha256; raises :class:`IntegrityError` where there is none."""
    raw = read(store, f"{path}/{INVENTORY}")
    try:
        if raw is None:
            raise ValueError("nothing")
        inventory: dict[str, Any] = json.loads(raw)
        {(entry["path"], entry["size"], entry["sha256"]) for entry in inventory["objects"]}
    except (ValueError, KeyError, TypeError) as err:
        raise IntegrityError(
            "the prefix is not sealed, or its inventory cannot be read",
            where=store.url_of(f"{path}/{INVENTORY}"),
            found=err,
            expected="an inventory of its objects",
            next="smcloud verify STORE lists all that is wrong",
        ) from err
    return inventory, hashlib.sha256(raw).hexdigest()


def seal(
    store: Store,
    path: str,
    expected: Iterable[str] = (),
    beside: Mapping[str, bytes] = NOTHING,
    copied: Mapping[str, Finding] = NOTHING,
) -> dict[str, Any]:
    """Check every chunk of every array under ``path``, consolidate the metadata, then write the inventory, once.

    ``expected``, where given, names all arrays; others, left by an older version, are removed. ``beside`` are
    small objects, by name, that are written and sealed too. ``copied`` are chunks taken over from a sealed prefix, as
    its inventory has them: they are not read again, only their sizes are compared by a listing. Returns
    ``{"inventory_sha256", "bytes", "objects"}``; a prefix that is sealed already returns the same. Raises
    :class:`IntegrityError` naming array and chunk key, and :class:`ReleaseConflictError` where another run sealed
    other content; nothing is sealed then. The chunks are read by dask, on the cluster where one is open.
    """
    if not is_sealed(store, path):
        there = _array_names(store, path)
        names = sorted(expected) or there
        findings = [Finding(name, 0, "", "array missing") for name in names if name not in there]
        names = [name for name in names if name in there]
        findings += examine(store, path, names, copied)
        findings += _copied(store, path, copied)
        bad = [finding for finding in findings if finding.problem]
        if bad or not findings:
            raise IntegrityError(
                f"{len(bad)} of {len(findings)} chunks are missing or damaged" if bad else "there is nothing to seal",
                where=store.url_of(path),
                found=describe(bad) if bad else "no array",
                expected="every chunk of every array, each with a checksum that fits",
                next="run the same command again: it starts this prefix anew",
            )
        with reaching(store.url_of(path)):
            for stray in set(there) - set(names):
                store.fs.rm(store.join(path, stray), recursive=True)
        _consolidate(store, path)
        for name, content in beside.items():
            write_whole(store, f"{path}/{name}", content)
        metadata = (ZARR_JSON, *(f"{name}/{ZARR_JSON}" for name in names))
        findings += [inspect(store, path, key) for key in (*metadata, *beside)]
        objects = [
            {"path": finding.path, "sha256": finding.sha256, "size": finding.size}
            for finding in sorted(findings, key=lambda finding: finding.path)
        ]
        body = json.dumps({"schema": 1, "objects": objects}, sort_keys=True, indent=0).encode()
        if not create_only(store, f"{path}/{INVENTORY}", body) and read(store, f"{path}/{INVENTORY}") != body:
            raise ReleaseConflictError(
                "another run sealed the same prefix with other content",
                where=store.url_of(path),
                found="another inventory",
                expected="equal bytes for an equal id",
                next="smcloud verify STORE, then run the same command again",
            )
    inventory, digest = read_inventory(store, path)
    total = sum(entry["size"] for entry in inventory["objects"])
    return {"inventory_sha256": digest, "bytes": total, "objects": len(inventory["objects"])}


def examine(store: Store, path: str, names: list[str], but: Container[str] = ()) -> list[Finding]:
    """Read and decode every chunk that the shapes of the arrays ``names`` under ``path`` call for, ``but`` these."""
    from dask.base import compute
    from dask.delayed import delayed

    def wanted(name: str) -> Iterator[tuple[int, ...]]:
        array, _ = _open_metadata(store, path, name)
        return (position for position in positions(array) if chunk_key(name, array, position) not in but)

    tasks = [
        delayed(_examine_batch, pure=False)(store, path, name, batch)
        for name in names
        for batch in itertools.batched(wanted(name), BATCH)
    ]
    (results,) = compute(tasks)
    return [finding for batch in results for finding in batch]


def sizes(store: Store, path: str) -> dict[str, int]:
    """Size of every object under ``path``, by a listing."""
    root = store.join(path)
    with reaching(store.url_of(path)):
        return {key[len(root) + 1 :]: info["size"] for key, info in store.fs.find(root, detail=True).items()}


def _copied(store: Store, path: str, copied: Mapping[str, Finding]) -> list[Finding]:
    there = sizes(store, path) if copied else {}
    findings = []
    for key, finding in copied.items():
        if key not in there:
            finding = Finding(key, 0, "", "missing")
        elif there[key] != finding.size:
            finding = Finding(key, there[key], "", f"{there[key]} bytes for {finding.size}")
        findings.append(finding)
    return findings


def inspect(store: Store, path: str, key: str) -> Finding:
    """Size and sha256 of one object, without decoding it."""
    raw = read(store, f"{path}/{key}")
    if raw is None:
        return Finding(key, 0, "", "missing")
    return Finding(key, len(raw), hashlib.sha256(raw).hexdigest())


def describe(bad: list[Finding]) -> str:
    """The first five findings in words."""
    text = "; ".join(f"{finding.path} ({finding.problem})" for finding in bad[:5])
    return text + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")


def _examine_batch(store: Store, path: str, name: str, positions: tuple[tuple[int, ...], ...]) -> list[Finding]:
    """Each object is fetched once; the bytes that are hashed are the bytes that are decoded."""
    import zarr

    array, memory = _open_metadata(store, path, name)
    findings = []
    for position in positions:
        key = array.metadata.encode_chunk_key(position)
        raw = read(store, f"{path}/{name}/{key}")
        if raw is None:
            findings.append(Finding(f"{name}/{key}", 0, "", "missing"))
            continue
        problem = ""
        memory[key] = _buffer(raw)
        try:
            array[tuple(slice(i * n, (i + 1) * n) for i, n in zip(position, _steps(array), strict=True))]
        except (RuntimeError, ValueError, TypeError, zarr.errors.BaseZarrError) as err:
            problem = f"does not decode: {' '.join(str(err).split())}"[:120]
        del memory[key]
        findings.append(Finding(f"{name}/{key}", len(raw), hashlib.sha256(raw).hexdigest(), problem))
    return findings


def _open_metadata(store: Store, path: str, name: str) -> tuple[Any, dict[str, Any]]:
    """The array on a store in memory that holds only its metadata, and that store's dict, to put chunks in."""
    raw = read(store, f"{path}/{name}/{ZARR_JSON}")
    if raw is None:
        raise IntegrityError(
            "the array has no metadata",
            where=store.url_of(f"{path}/{name}/{ZARR_JSON}"),
            found="nothing",
            expected=ZARR_JSON,
            next="run the same command again: it starts this prefix anew",
        )
    return in_memory(raw)


def in_memory(metadata: bytes) -> tuple[Any, dict[str, Any]]:
    """An array without chunks on a store in memory, and that store's dict."""
    import zarr
    from zarr.storage import MemoryStore

    memory = {ZARR_JSON: _buffer(metadata)}
    return zarr.open_array(MemoryStore(memory), mode="r", config={"read_missing_chunks": False}), memory


def _buffer(raw: bytes) -> Any:
    from zarr.core.buffer import default_buffer_prototype

    return default_buffer_prototype().buffer.from_bytes(raw)


def _steps(array: Any) -> tuple[int, ...]:
    """Shape of one stored object: the shard where there are shards, else the chunk."""
    return tuple(array.shards or array.chunks)


def chunk_key(name: str, array: Any, position: tuple[int, ...]) -> str:
    """Path inside the prefix of one stored object of the array ``name``."""
    return f"{name}/{array.metadata.encode_chunk_key(position)}"


def positions(array: Any) -> Iterator[tuple[int, ...]]:
    """Position of every stored object of an array."""
    counts = (math.ceil(size / step) for size, step in zip(array.shape, _steps(array), strict=True))
    return itertools.product(*(range(count) for count in counts))


def _array_names(store: Store, path: str) -> list[str]:
    return sorted(key.removesuffix(f"/{ZARR_JSON}") for key in sizes(store, path) if key.endswith(f"/{ZARR_JSON}"))


def _consolidate(store: Store, path: str) -> None:
    import zarr
    from zarr.storage import FsspecStore

    url = store.url_of(path)
    with reaching(url), warnings.catch_warnings():
        # xarray and zarr read and write it; that other readers may not is why each array keeps its own.
        warnings.filterwarnings("ignore", "Consolidated metadata")
        zarr.consolidate_metadata(FsspecStore.from_url(url, store.options) if store.options else url)
