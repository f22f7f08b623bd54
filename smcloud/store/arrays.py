"""The stored objects of a Zarr array, known from its metadata: their keys, positions and shape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

ZARR_JSON = "zarr.json"


def in_memory(metadata: bytes) -> tuple[Any, dict[str, Any]]:
    """Make an array without chunks on a store in memory; return it and that store's dict."""
    import zarr
    from zarr.storage import MemoryStore

    memory = {ZARR_JSON: buffer_of(metadata)}
    return zarr.open_array(MemoryStore(memory), mode="r", config={"read_missing_chunks": False}), memory


def buffer_of(raw: bytes) -> Any:
    """Wrap bytes as zarr hands them to a store."""
    from zarr.core.buffer import default_buffer_prototype

    return default_buffer_prototype().buffer.from_bytes(raw)


def steps_of(array: Any) -> tuple[int, ...]:
    """Return the shape of one stored object: the shard where there are shards, else the chunk."""
    return tuple(array.shards or array.chunks)


def chunk_key(name: str, array: Any, position: tuple[int, ...]) -> str:
    """Return the path inside the prefix of one stored object of the array ``name``."""
    return f"{name}/{array.metadata.encode_chunk_key(position)}"


def positions(array: Any) -> Iterator[tuple[int, ...]]:
    """Iterate over the positions of all stored objects of an array."""
    counts = (math.ceil(size / step) for size, step in zip(array.shape, steps_of(array), strict=True))
    return itertools.product(*(range(count) for count in counts))
