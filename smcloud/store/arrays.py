"""The stored objects of a Zarr array, known from its metadata: keys, positions, shape, and how they are coded."""

from __future__ import annotations

import itertools
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from smcloud.store.objects import Place

ZARR_JSON = "zarr.json"
LARGEST_TEXTS = 64 * 2**20  # bytes of the texts of one chunk: labels are small
Block = npt.NDArray[Any]


class StoredArray:
    """An array as its ``zarr.json`` says; its objects are coded in the calling thread, where zarr takes an event loop.

    ``chunk`` is the shape of one stored object: the shard where there are shards, else the chunk.
    """

    def __init__(self, metadata: bytes) -> None:
        from zarr.core.array_spec import ArrayConfig, ArraySpec
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.chunk_utils import ChunkTransform, evolve_codecs
        from zarr.core.metadata.v3 import ArrayV3Metadata

        stored: Any = ArrayV3Metadata.from_dict(json.loads(metadata))
        self.shape, self.chunk = tuple(stored.shape), tuple(stored.chunk_grid.chunk_shape)
        self.dtype = stored.dtype.to_native_dtype()
        self._encode_key, self._fill = stored.encode_chunk_key, stored.fill_value
        self._prototype = default_buffer_prototype()
        config = ArrayConfig.from_dict({})
        self._spec = ArraySpec(self.chunk, stored.dtype, stored.fill_value, config, self._prototype)
        self._codecs = ChunkTransform(codecs=evolve_codecs(stored.codecs, self._spec))
        self._zstd = _only_zstd(stored.codecs)
        self._texts = [codec.to_dict()["name"] for codec in stored.codecs] == ["vlen-utf8", "zstd"]

    def key(self, position: tuple[int, ...]) -> str:
        """Return the path of one stored object inside the array."""
        return str(self._encode_key(position))

    def positions(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the positions of all stored objects."""
        counts = (math.ceil(size / step) for size, step in zip(self.shape, self.chunk, strict=True))
        return itertools.product(*(range(count) for count in counts))

    def decode(self, raw: bytes) -> Block:
        """Return the values of a whole object; ValueError where texts are not as many as the chunk holds."""
        if self._texts:
            require_count(raw, math.prod(self.chunk))
        block: Any = self._codecs.decode_chunk(self._prototype.buffer.from_bytes(raw), self._spec)
        return np.asarray(block.as_numpy_array())

    def decode_into(self, raw: bytes, out: Block) -> None:
        """Write the values of a whole object to ``out``, which is contiguous and of the chunk's shape."""
        from smcloud.catalog.stores.codecs import content_size  # imports zarr

        if self._zstd is None or content_size(memoryview(raw)) != out.nbytes:
            out[...] = self.decode(raw)
        else:  # checked against the size that is stated and against its checksum
            self._zstd.decode(raw, out=out)

    def encode(self, values: Block) -> bytes:
        """Return the bytes of an object; what ``values`` lack at the ends of the array is filled."""
        if values.shape != self.chunk:
            whole = np.full(self.chunk, self._fill, self.dtype)
            whole[tuple(map(slice, values.shape))] = values
            values = whole
        block = np.ascontiguousarray(values, self.dtype)
        encoded: Any = self._codecs.encode_chunk(self._prototype.nd_buffer.from_numpy_array(block), self._spec)
        return bytes(encoded.to_bytes())


def require_count(raw: bytes, expected: int) -> None:
    """Raise ValueError unless ``raw`` holds ``expected`` texts: their decoder makes room for as many as it is told."""
    from numcodecs.zstd import Zstd

    from smcloud.catalog.stores.codecs import content_size  # imports zarr

    if (content_size(memoryview(raw)) or 0) > LARGEST_TEXTS:
        raise ValueError(f"more than {LARGEST_TEXTS} bytes of texts")
    content = bytes(Zstd().decode(raw))
    told = int.from_bytes(content[:4], "little")
    if told != expected or len(content) < 4 * (expected + 1):
        raise ValueError(f"{told} texts for {expected}")


def _only_zstd(codecs: Sequence[Any]) -> Any:
    """The decoder of an array whose objects are nothing but its bytes in this machine's order in one zstd frame."""
    from numcodecs.zstd import Zstd

    words = [codec.to_dict() for codec in codecs]
    if [word["name"] for word in words] != ["bytes", "zstd"]:
        return None
    order = words[0].get("configuration", {}).get("endian", sys.byteorder)
    return Zstd() if order == sys.byteorder else None


@lru_cache(maxsize=512)
def stored_array(metadata: bytes) -> StoredArray:
    """Return the array with this ``zarr.json``."""
    return StoredArray(metadata)


@dataclass(frozen=True)
class ArrayOfPrefix:
    """An array of a prefix: where it is, its name, and its ``zarr.json``. It may cross process borders."""

    place: Place
    name: str
    metadata: bytes

    @property
    def stored(self) -> StoredArray:
        """How its objects are coded."""
        return stored_array(self.metadata)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dims."""
        return self.stored.shape

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a value."""
        return self.stored.dtype
