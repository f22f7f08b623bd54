"""The stored objects of a Zarr array, known from its metadata: their keys, positions and shape."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

ZARR_JSON = "zarr.json"
Block = npt.NDArray[Any]


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


class ChunkCodec:
    """Encodes and decodes single chunks of an array in the calling thread: zarr's own way takes an event loop."""

    def __init__(self, metadata: bytes) -> None:
        from zarr.core.array_spec import ArraySpec
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.chunk_utils import ChunkTransform, evolve_codecs

        array, _ = in_memory(metadata)
        self.shape, self.chunk, self.dtype = tuple(array.shape), steps_of(array), array.dtype
        stored = array.metadata
        self.key = stored.encode_chunk_key
        self._prototype = default_buffer_prototype()
        self._spec = ArraySpec(self.chunk, stored.dtype, stored.fill_value, array.config, self._prototype)
        self._fill = stored.fill_value
        self._codecs = ChunkTransform(codecs=evolve_codecs(stored.codecs, self._spec))

    def decode(self, raw: bytes) -> Block:
        """Return the values of a whole chunk."""
        return np.asarray(self._codecs.decode_chunk(buffer_of(raw), self._spec).as_numpy_array())

    def encode(self, values: Block) -> bytes:
        """Return the bytes of a chunk; what ``values`` lack at the ends of the array is filled."""
        if values.shape != self.chunk:
            whole = np.full(self.chunk, self._fill, self.dtype)
            whole[tuple(map(slice, values.shape))] = values
            values = whole
        block = np.ascontiguousarray(values, self.dtype)
        encoded: Any = self._codecs.encode_chunk(self._prototype.nd_buffer.from_numpy_array(block), self._spec)
        return bytes(encoded.to_bytes())


@lru_cache(maxsize=64)
def codec_of(metadata: bytes) -> ChunkCodec:
    """Return the codec of the array with this ``zarr.json``."""
    return ChunkCodec(metadata)


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
