"""Metadata documents of Zarr as they are handed on: of limited size, and with codecs that keep to what they declare."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from smcloud.catalog.stores.codecs import (
    ANY_SIZE,
    CHECKSUMS,
    COMPRESSORS,
    COUNTED,
    ITEMS,
    NAME,
    PLAIN,
    RESIZING,
)
from smcloud.errors import ChunkError

MAX_BYTES = 64 * 2**20
SHAPES = (".zarray", "zarr.json", ".zmetadata")  # documents that describe arrays
DOCUMENTS = (*SHAPES, ".zattrs", ".zgroup")
CODECS = ("bytes", "transpose", "sharding_indexed", "vlen-utf8", "vlen-bytes", "cast_value", "scale_offset", "crc32c")


def is_document(key: str) -> bool:
    """Return whether ``key`` names a metadata document, not a chunk."""
    return key.rpartition("/")[2] in DOCUMENTS


def require_size(size: int, key: str) -> None:
    """Refuse a document of more than 64 MiB."""
    if size > MAX_BYTES:
        raise ChunkError(
            "a metadata document is too large to read",
            where=key,
            found=f"{size / 2**20:.0f} MiB",
            expected=f"at most {MAX_BYTES >> 20} MiB",
            next="check the source's metadata",
        )


def arrays_of(key: str, document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Iterate over the arrays that a document describes: path from the store's root, key of its own document, and
    the description, which may be changed in place."""
    folder, _, name = key.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    if name == ".zmetadata":
        for own, content in document.get("metadata", {}).items():
            if own.endswith(".zarray"):
                yield prefix + own.removesuffix("/.zarray"), prefix + own, content
    elif name == ".zarray" or document.get("node_type") == "array":
        yield folder, key, document
    else:
        for own, content in ((document.get("consolidated_metadata") or {}).get("metadata") or {}).items():
            if content.get("node_type") == "array":
                yield prefix + own, f"{prefix}{own}/zarr.json", content


def bound(path: str, array: dict[str, Any]) -> None:
    """Put codecs that keep to the declared size in the place of an array's own, in its description."""
    if "codecs" in array:
        array["codecs"] = _bounded_codecs(array["codecs"], path)
        return
    items = math.prod(array["chunks"])
    dtype = array["dtype"]
    limit = items * np.dtype(dtype if isinstance(dtype, str) else [tuple(field) for field in dtype]).itemsize
    filters = [codec["id"] for codec in array.get("filters") or ()]
    if dtype == "|O":
        limit = ANY_SIZE
    elif set(filters) & set(RESIZING):
        limit *= 8
    limit += 4 * sum(name in CHECKSUMS for name in filters)
    if array.get("compressor"):
        array["compressor"] = _bounded_filter(array["compressor"], limit, path)
    if array.get("filters"):
        array["filters"] = [_bounded_filter(codec, limit, path) for codec in array["filters"]]
    for position in [place for place, name in enumerate(filters) if name in COUNTED]:
        array["filters"].insert(position + 1, {"id": NAME, "codec": {"id": ITEMS}, "limit": items, "array": path})


def _bounded_filter(codec: dict[str, Any], limit: int, path: str) -> dict[str, Any]:
    if codec["id"] in COMPRESSORS:
        return {"id": NAME, "codec": codec, "limit": limit, "array": path}
    if codec["id"] not in (*PLAIN, *COUNTED):
        raise _unknown(codec["id"], path)
    return codec


def _unknown(name: str, path: str) -> ChunkError:
    return ChunkError(
        "the chunks of an array are of a form that is not read",
        where=path,
        found=name,
        expected=", ".join((*COMPRESSORS, *PLAIN)),
        next="write the source anew with one of these",
    )


def _bounded_codecs(codecs: list[Any], path: str) -> list[Any]:
    names = [codec if isinstance(codec, str) else codec["name"] for codec in codecs]
    extra = 4 * sum(name.removeprefix("numcodecs.") in CHECKSUMS for name in names)
    bounded = [_bounded_codec(codec, name, extra, path) for codec, name in zip(codecs, names, strict=True)]
    for position in [place for place, name in enumerate(names) if name in COUNTED]:
        configuration = {"codec": {"id": ITEMS}, "array": path}
        bounded.insert(position + 1, {"name": NAME, "configuration": configuration})
    return bounded


def _bounded_codec(codec: Any, name: str, extra: int, path: str) -> Any:
    configuration = {} if isinstance(codec, str) else codec.get("configuration") or {}
    plain = name.removeprefix("numcodecs.")
    if plain in COMPRESSORS:
        # What only writers need is left out: the words of Zarr 3 for it differ from those of numcodecs.
        known = configuration if name != plain else {}
        return {"name": NAME, "configuration": {"codec": {**known, "id": plain}, "array": path, "extra": extra}}
    if name == "sharding_indexed":
        chains = [key for key in ("codecs", "index_codecs") if key in configuration]
        parts = {key: _bounded_codecs(configuration[key], path) for key in chains}
        return {"name": name, "configuration": {**configuration, **parts}}
    if name not in CODECS and plain not in PLAIN:
        raise _unknown(name, path)
    return codec


def load(key: str, content: bytes) -> dict[str, Any]:
    """Read a document; ValueError where it is no JSON object, :class:`ChunkError` where it is too large."""
    require_size(len(content), key)
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError(f"{key} is no JSON object")
    return document


def needed(key: str, document: dict[str, Any], names: tuple[str, ...]) -> set[str]:
    """Return the keys of the documents of the arrays ``names`` of a consolidated group, and of their axes."""
    folder = key.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    arrays = {path: (own, array) for path, own, array in arrays_of(key, document)}
    found: set[str] = set()
    for name in names:
        for path, (own, array) in arrays.items():
            if path != name and not path.endswith(f"/{name}"):
                continue
            group = path.removesuffix(name)
            attributes = document.get("metadata", {}).get(f"{path.removeprefix(prefix)}/.zattrs", {})
            dims = array.get("dimension_names") or attributes.get("_ARRAY_DIMENSIONS") or ()
            found |= {own} | {arrays[f"{group}{dim}"][0] for dim in dims if f"{group}{dim}" in arrays}
    return found
