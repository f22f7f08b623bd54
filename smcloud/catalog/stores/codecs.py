"""Codecs that decode to no more than an array declares: the size is known, or limited, before memory is taken.

The metadata documents of a store are handed to Zarr with these in the place of their compressors.
"""

from __future__ import annotations

import bz2
import lzma
import math
import struct
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import numcodecs
import numcodecs.abc
import numcodecs.registry
import numpy as np
import numpy.typing as npt
import zarr.registry
from zarr.abc.codec import BytesBytesCodec
from zarr.core.buffer.cpu import as_numpy_array_wrapper

from smcloud.catalog.validation import too_large

NAME = "smcloud.bounded"
COMPRESSORS = ("zstd", "blosc", "gzip", "zlib", "lz4", "bz2", "lzma")
COUNTED = ("vlen-utf8", "vlen-bytes", "vlen-array")  # texts, behind their number in the first four bytes
ITEMS = "items"  # of ours: looks at that number, and changes nothing
CHECKSUMS = ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")
RESIZING = ("fixedscaleoffset", "quantize", "astype", "packbits", "delta")
PLAIN = ("shuffle", "bitround", *CHECKSUMS, *RESIZING)
LZMA_MEMORY = 256 * 2**20
ANY_SIZE = 256 * 2**20  # of a chunk whose items have no fixed size

_keys: dict[int, str] = {}


def remember(key: str, chunk: npt.NDArray[Any]) -> None:
    """Remember of which object of a store ``chunk`` is the content, as long as it lives: errors name it."""
    _keys[id(chunk)] = key
    weakref.finalize(chunk, _keys.pop, id(chunk), None).atexit = False


def _key_of(chunk: Any, otherwise: str) -> str:
    return _keys.get(id(chunk)) or _keys.get(id(getattr(chunk, "base", None))) or otherwise


def decode(codec: Any, data: Any, limit: int, array: str, out: Any = None) -> Any:
    """Decode ``data`` with a codec of numcodecs to at most ``limit`` bytes; raises :class:`ChunkError` beyond them."""
    where, view = _key_of(data, array), memoryview(data).cast("B")
    kind = codec.codec_id if codec is not None else ITEMS
    if kind == "zstd":
        return _zstd(codec, data, limit, where)
    if kind in _STREAMS:
        return _stream(_STREAMS[kind](codec), view, limit, where)
    (size,) = struct.unpack_from("<i" if kind == "lz4" else "<I", view, 4 if kind == "blosc" else 0)
    if not 0 <= size <= limit:
        raise too_large(f"{size} {'items' if kind == ITEMS else 'bytes'}", limit, where)
    if kind == "blosc" and struct.unpack_from("<I", view, 12)[0] > len(view):  # it would read on behind the end
        raise ValueError(f"{where}: the compressed data of a chunk ends too early")
    return data if kind == ITEMS else codec.decode(data, out=out)


def _zstd(codec: Any, data: Any, limit: int, where: str) -> Any:
    out = np.empty(limit, np.uint8)
    try:
        codec.decode(data, out=out)  # into this memory only, whatever its frames say
    except (ValueError, RuntimeError) as err:
        if "too small" in str(err):
            raise too_large("more", limit, where) from err
        if "expected to decompress" not in str(err):
            raise
        return codec.decode(data)  # fewer bytes
    return out if content_size(memoryview(data).cast("B")) == limit else codec.decode(data)


def content_size(frame: memoryview) -> int | None:
    """Return the size that the header of a zstd frame states; None where it states none."""
    if len(frame) < 6:
        return None
    descriptor = frame[4]
    flag, single = descriptor >> 6, descriptor >> 5 & 1
    start = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    size = (1 if single else 0, 2, 4, 8)[flag]
    return int.from_bytes(frame[start : start + size], "little") + (256 if size == 2 else 0) if size else None


_STREAMS: Mapping[str, Callable[[Any], Any]] = {
    "zlib": lambda codec: partial(zlib.decompressobj, 15),
    "gzip": lambda codec: partial(zlib.decompressobj, 31),
    "bz2": lambda codec: bz2.BZ2Decompressor,
    "lzma": lambda codec: partial(
        lzma.LZMADecompressor, codec.format, None if codec.format == lzma.FORMAT_RAW else LZMA_MEMORY,
        codec.filters if codec.format == lzma.FORMAT_RAW else None,
    ),
}  # fmt: skip


def _stream(start: Callable[[], Any], data: memoryview, limit: int, where: str) -> npt.NDArray[np.uint8]:
    """Decompress one stream behind the other, up to one byte beyond ``limit``."""
    parts: list[bytes] = []
    left, rest = limit, bytes(data)
    while rest:
        stream = start()
        part = stream.decompress(rest, left + 1)
        left -= len(part)
        if left < 0:
            raise too_large("more", limit, where)
        parts.append(part)
        if not stream.eof:
            # All input may be inside the stream while its last bytes are still to come out.
            last = stream.flush() if hasattr(stream, "flush") and not stream.unconsumed_tail else b""
            if not stream.eof or len(last) > left:
                raise ValueError(f"{where}: the compressed data of a chunk ends too early")
            left -= len(last)
            parts.append(last)
        rest = stream.unused_data.lstrip(b"\0")  # writers of gzip may pad
    whole = parts[0] if len(parts) == 1 else b"".join(parts)
    return np.frombuffer(whole, np.uint8)


def _decoder(codec: Mapping[str, Any]) -> Any:
    return None if codec["id"] == ITEMS else numcodecs.get_codec(dict(codec))


@dataclass(frozen=True)
class BoundedCodec(BytesBytesCodec):
    """A compressor of Zarr 3, ``codec`` in the words of numcodecs, that decodes to the size of its chunk; it reads."""

    is_fixed_size = False
    codec: Mapping[str, Any]
    array: str
    extra: int = 0  # bytes of the checksums that it covers

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BoundedCodec:
        """Read what :meth:`to_dict` wrote."""
        return cls(**data["configuration"])

    def to_dict(self) -> dict[str, Any]:
        """Return the codec as it stands in metadata."""
        configuration = {"codec": dict(self.codec), "array": self.array, "extra": self.extra}
        return {"name": NAME, "configuration": configuration}

    @cached_property
    def _decoder(self) -> Any:
        return _decoder(self.codec)

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        size = items = math.prod(chunk_spec.shape)
        if self._decoder is not None:
            size = items * getattr(chunk_spec.dtype, "item_size", 0) or ANY_SIZE
        read = partial(decode, self._decoder, limit=size + self.extra, array=self.array)
        return as_numpy_array_wrapper(read, chunk_bytes, chunk_spec.prototype)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        import asyncio

        return await asyncio.to_thread(self._decode_sync, chunk_bytes, chunk_spec)

    def _encode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        raise NotImplementedError("sources are only read")

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """Not known before it is encoded."""
        raise NotImplementedError


class BoundedFilter(numcodecs.abc.Codec):  # type: ignore[misc]
    """A compressor of Zarr 2 that decodes to at most ``limit`` bytes (or counts as many items); it reads."""

    codec_id: ClassVar[str] = NAME

    def __init__(self, codec: Mapping[str, Any], limit: int, array: str) -> None:
        self.codec, self.limit, self.array = dict(codec), limit, array
        self._decoder = _decoder(self.codec)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode; raises :class:`ChunkError` beyond the limit."""
        return decode(self._decoder, buf, self.limit, self.array, out)

    def encode(self, buf: Any) -> Any:
        """Sources are only read."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the codec as it stands in metadata."""
        return {"id": NAME, "codec": self.codec, "limit": self.limit, "array": self.array}


numcodecs.registry.register_codec(BoundedFilter)
zarr.registry.register_codec(NAME, BoundedCodec)
