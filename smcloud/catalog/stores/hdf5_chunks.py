"""Compressed chunks of HDF5 (NetCDF-4), decoded here: to the size that the file declares, and no byte more.

The HDF5 library inflates whatever it finds, up to a thousand times its size, and cannot be asked before. What is not
compressed it reads itself.
"""

from __future__ import annotations

import itertools
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numcodecs
import numpy as np
import numpy.typing as npt

from smcloud.catalog.stores.codecs import decode
from smcloud.catalog.validation import MAX_CHUNK_BYTES, too_large
from smcloud.errors import ChunkError

Opened = Callable[[], AbstractContextManager[Any]]  # gives the dataset of h5py, while nobody else uses the library
SHUFFLE, FLETCHER32, SZIP, NBIT, SCALE_OFFSET, LZF = 2, 3, 4, 5, 6, 32000  # numbers that the HDF Group has given
LEFT = (SZIP, NBIT, SCALE_OFFSET, LZF)  # to the library, once it is known what they will take
CODECS = {1: "zlib", 307: "bz2", 32001: "blosc", 32015: "zstd"}
CHECKSUM = 4
OF_A_TEXT = 16  # bytes in a chunk: where a text of any length lies
MOST_OF_LZF = 88  # three bytes stand for at most 264
NUMBER, SIZE = 2, 4  # where nbit and scale-offset keep how many values they make, and of how many bytes


class Filter(NamedTuple):
    """One filter of a dataset, in the order of writing: its number and its parameters."""

    number: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How the values of a dataset lie in its file."""

    chunk: tuple[int, ...]
    shape: tuple[int, ...]  # of what is written: along an unlimited dimension another variable may be longer
    dtype: np.dtype[Any]
    fill: Any
    filters: tuple[Filter, ...]
    size: int  # bytes of a decoded chunk; if not plain, at most
    plain: bool  # whether all filters are undone here, and the bytes are the values then


def layout_of(dataset: Any) -> Layout | None:
    """Look how a dataset of h5py is stored; None where the library may read it: no filter makes more of less."""
    import h5py

    created = dataset.id.get_create_plist()
    held = [created.get_filter(i) for i in range(created.get_nfilters())]
    filters = tuple(Filter(number, tuple(values)) for number, _, values, _ in held)
    if dataset.chunks is None or all(one.number in (SHUFFLE, FLETCHER32) for one in filters):
        return None
    stored = dataset.id.get_type()
    plain = dataset.dtype.kind in "iufb" and bool(h5py.h5t.py_create(dataset.dtype) == stored)
    plain = plain and not any(one.number in LEFT for one in filters)
    fill = dataset.fillvalue if plain else None
    item = dataset.dtype.itemsize if dataset.dtype.kind in "iufb" else 2 * stored.get_size() + OF_A_TEXT
    size = math.prod(dataset.chunks) * item
    return Layout(dataset.chunks, dataset.shape, dataset.dtype, fill, filters, size, plain)


def read(
    opened: Opened, layout: Layout, key: Sequence[Any], shape: Sequence[int], where: str
) -> npt.NDArray[Any] | None:
    """Read ``key`` (for each axis an integer, a slice or an array of positions) of a dataset of the ``shape``.

    What was never written is its fill value. None where the library may and must read these chunks. Raises
    :class:`ChunkError` for a chunk that decodes to more than it may, or of which that cannot be known; OSError, as the
    library does, for one that is damaged.
    """
    if layout.size > MAX_CHUNK_BYTES:
        raise too_large(f"{layout.size} bytes in one chunk", MAX_CHUNK_BYTES, where)
    positions = [np.arange(n)[part] for n, part in zip(shape, key, strict=True)]
    wanted = [np.atleast_1d(along) for along in positions]
    out = np.full([along.size for along in wanted] if layout.plain else 0, layout.fill, layout.dtype)
    parts = [_by_chunk(*axis) for axis in zip(wanted, layout.chunk, layout.shape, strict=True)]
    for touched in itertools.product(*parts):
        at = tuple(number * length for (number, _), length in zip(touched, layout.chunk, strict=True))
        block = _chunk(opened, layout, at, where)
        if block is not None:
            into = [found for _, found in touched]
            of = [along[found] - begin for along, found, begin in zip(wanted, into, at, strict=True)]
            out[_region(into)] = block[_region(of)]
    if not layout.plain:
        return None
    return out[tuple(0 if along.ndim == 0 else slice(None) for along in positions)]


def _by_chunk(wanted: npt.NDArray[np.int64], length: int, written: int) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """Of each chunk along an axis, where in ``wanted`` its positions stand."""
    numbers = wanted // length
    order = np.argsort(numbers, kind="stable")
    order = order[wanted[order] < written]
    groups = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1) if order.size else []
    return [(int(numbers[group[0]]), group) for group in groups]


def _region(axes: Sequence[npt.NDArray[np.int64]]) -> tuple[Any, ...]:
    if all((np.diff(along) == 1).all() for along in axes):
        return tuple(slice(int(along[0]), int(along[-1]) + 1) for along in axes)
    return np.ix_(*axes)


def _chunk(opened: Opened, layout: Layout, at: tuple[int, ...], where: str) -> npt.NDArray[Any] | None:
    """The chunk that begins at ``at``; None where it was never written or is for the library to decode."""
    with opened() as dataset:
        if not dataset.id.get_chunk_info_by_coord(at).size:
            return None
        mask, raw = dataset.id.read_direct_chunk(at)
    data: Any = raw
    for position, one in reversed(list(enumerate(layout.filters))):
        if mask >> position & 1:  # the writer left it out for this chunk
            continue
        if one.number in LEFT:
            _require_bounded(one, memoryview(data), layout, where)
            return None
        try:
            data = _undone(one, data, layout, where)
        except (zlib.error, struct.error, EOFError, IndexError, RuntimeError, ValueError) as err:
            raise OSError(f"a chunk of {where} cannot be decoded: {err}") from err
    if layout.plain and len(data) != layout.size:
        raise OSError(f"a chunk of {where} holds {len(data)} bytes in place of {layout.size}")
    return np.frombuffer(data, layout.dtype).reshape(layout.chunk) if layout.plain else None


def _undone(one: Filter, data: Any, layout: Layout, where: str) -> Any:
    if one.number == FLETCHER32:
        return numcodecs.Fletcher32().decode(np.frombuffer(data, np.uint8))
    if one.number == SHUFFLE:
        return _unshuffled(np.frombuffer(data, np.uint8), one.values[0])
    if one.number not in CODECS:
        raise _unknown(one.number, where)
    checksums = sum(other.number == FLETCHER32 for other in layout.filters)
    codec = numcodecs.get_codec({"id": CODECS[one.number]})
    return np.frombuffer(decode(codec, data, layout.size + CHECKSUM * checksums, where), np.uint8)


def _unshuffled(data: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Bytes in their order, of items of ``size``; what is left over at the end stays where it is."""
    whole = len(data) // size * size
    items = numcodecs.Shuffle(size).decode(np.ascontiguousarray(data[:whole])) if whole and size > 1 else data[:whole]
    made = np.frombuffer(items, np.uint8)
    return made if whole == len(data) else np.concatenate([made, data[whole:]])


def _require_bounded(one: Filter, data: memoryview, layout: Layout, where: str) -> None:
    """Raise :class:`ChunkError` where a filter that only the library undoes would take more than the chunk's size."""
    if one.number == LZF:
        size, limit = MOST_OF_LZF * len(data), max(layout.size, MAX_CHUNK_BYTES // 2)
    elif one.number == SZIP:
        size, limit = int.from_bytes(data[:4], "little"), layout.size + CHECKSUM
    else:
        size, limit = one.values[NUMBER] * one.values[SIZE], layout.size + CHECKSUM
    if size > limit:
        raise too_large(f"up to {size} bytes", limit, where)


def _unknown(number: int, where: str) -> ChunkError:
    return ChunkError(
        "how large a chunk will be cannot be known before it is decoded",
        where=where,
        found=f"filter {number} of HDF5",
        expected="deflate, zstd, blosc, bzip2, lzf, szip, nbit or scale-offset",
        next="write the file anew with deflate: h5repack -f GZIP=4 old.nc new.nc",
    )


def whole(dataset: Any, where: str) -> npt.NDArray[Any]:
    """Read all of a dataset of h5py that nobody else uses; raises as :func:`read` does."""
    layout, everything = layout_of(dataset), [slice(None)] * dataset.ndim
    made = read(lambda: nullcontext(dataset), layout, everything, dataset.shape, where) if layout else None
    return np.asarray(dataset[...]) if made is None else made
