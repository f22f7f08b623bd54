"""Compressed chunks of HDF5: read as the library reads them, but never to more bytes than the file declares."""

from __future__ import annotations

import bz2
import itertools
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest

from smcloud.catalog.stores import hdf5_chunks
from smcloud.errors import ChunkError

SHAPE, CHUNK = (7, 5, 6), (2, 3, 4)


CHAINS: dict[str, dict[str, Any]] = {
    "deflate": {"compression": "gzip"},
    "shuffle and deflate": {"compression": "gzip", "shuffle": True},
    "checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "lzf": {"compression": "lzf"},
    "lzf behind shuffle": {"compression": "lzf", "shuffle": True},
    "scale-offset": {"scaleoffset": 0},
    "scale-offset behind shuffle": {"scaleoffset": 0, "shuffle": True},
    "shuffle alone": {"shuffle": True},
    "none": {},
}


KINDS = ["<f4", ">f4", "<f8", "<i2", ">i4", "u1", "<i8", "f2", "?"]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[h5py.File]:
    with h5py.File(tmp_path / "a.h5", "w") as opened:
        yield opened


def numbers(kind: str) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 2 if kind == "?" else 120, SHAPE).astype(kind)


def read(dataset: Any, *key: Any) -> np.ndarray:
    layout = hdf5_chunks.layout_of(dataset)
    assert layout is not None
    return hdf5_chunks.read(lambda: nullcontext(dataset), layout, key, dataset.shape, "here")


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_library(file: Any, chain: str, kind: str) -> None:
    if "scale" in chain and np.dtype(kind).kind not in "iu":
        pytest.skip("scale-offset is for integers")
    values = numbers(kind)
    dataset = file.create_dataset("x", SHAPE, kind, chunks=CHUNK, fillvalue=1, **CHAINS[chain])
    for at in itertools.product(*(range(0, n, c) for n, c in zip(SHAPE, CHUNK, strict=True))):
        region = tuple(slice(a, a + c) for a, c in zip(at, CHUNK, strict=True))
        if at not in ((2, 0, 0), (6, 3, 4)):  # two are never written
            dataset[region] = values[region]
    made = hdf5_chunks.whole(dataset, "here")
    np.testing.assert_array_equal(made, dataset[...])
    assert made.dtype == dataset.dtype


@pytest.mark.parametrize(
    "key",
    [
        (slice(None), slice(None), slice(None)),
        (3, slice(1, 4), slice(None, None, 2)),
        (slice(6, None), -1, slice(2, 3)),
        (np.array([0, 5, 6]), slice(None), np.array([5, 0])),
        (np.array([], int), slice(None), slice(None)),
        (slice(5, 1, -2), slice(None), slice(None)),
        (0, 0, 0),
    ],
)
def test_any_part_is_that_of_numpy(file: Any, key: Any) -> None:
    values = numbers("<f4")
    dataset = file.create_dataset("x", data=values, chunks=CHUNK, compression="gzip", shuffle=True)
    expected = values
    for axis, part in reversed(list(enumerate(key))):
        expected = expected[(slice(None),) * axis + (part,)]
    np.testing.assert_array_equal(read(dataset, *key), expected)


def test_a_type_that_is_stored_in_another_way_is_left_to_the_library(file: Any) -> None:
    """Numbers of 12 bits in two bytes, and texts of any length: their chunks are only looked at."""
    narrow = h5py.h5t.STD_I16LE.copy()
    narrow.set_precision(12)
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((4,))
    created.set_deflate(4)
    space = h5py.h5s.create_simple((8,))
    dataset = h5py.Dataset(h5py.h5d.create(file.id, b"narrow", narrow, space, created))
    dataset[:] = np.arange(8, dtype="i2")
    layout = hdf5_chunks.layout_of(dataset)
    assert layout is not None and not layout.plain
    np.testing.assert_array_equal(hdf5_chunks.whole(dataset, "here"), np.arange(8))
    texts = file.create_dataset("texts", (3,), h5py.string_dtype(), chunks=(2,), compression="gzip")
    texts[:] = ["a", "bb", "ccc"]
    assert list(hdf5_chunks.whole(texts, "here")) == [b"a", b"bb", b"ccc"]


def read_as(file: Any, number: int, raw: bytes, values: tuple[int, ...] = ()) -> np.ndarray:
    """Read a dataset of one chunk of 60 values that holds ``raw``, as if it were behind the filter ``number``.

    It is written behind one that nobody has: of others the library corrects the values, and some need a plugin.
    """
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((60,))
    created.set_filter(NOBODYS, h5py.h5z.FLAG_OPTIONAL, ())
    space, stored = h5py.h5s.create_simple((60,)), h5py.h5t.py_create(np.dtype("<f4"))
    if "x" in file:
        del file["x"]
    dataset = h5py.Dataset(h5py.h5d.create(file.id, b"x", stored, space, created))
    dataset.id.write_direct_chunk((0,), raw)
    layout = hdf5_chunks.layout_of(dataset)
    assert layout is not None and [one.number for one in layout.filters] == [NOBODYS]
    layout = replace(layout, filters=(hdf5_chunks.Filter(number, values),))
    made = hdf5_chunks.read(lambda: nullcontext(dataset), layout, (slice(None),), (60,), "here")
    assert made is not None
    return made


NOBODYS = 32100


FLOATS = np.arange(60, dtype="<f4")


HONEST: dict[int, Callable[[bytes], bytes]] = {
    1: zlib.compress,
    307: bz2.compress,
    32001: lambda raw: bytes(numcodecs.Blosc("lz4").encode(raw)),
    32015: lambda raw: bytes(numcodecs.Zstd(3).encode(raw)),
}


@pytest.mark.parametrize("number", HONEST)
def test_every_compressor_is_decoded_and_bounded(file: Any, number: int) -> None:
    np.testing.assert_array_equal(read_as(file, number, HONEST[number](FLOATS.tobytes())), FLOATS)
    bomb = HONEST[number](bytes(100 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(ChunkError) as caught:
            read_as(file, number, bomb)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
    assert caught.value.expected == "240 bytes" and caught.value.where == "here"
    with pytest.raises(OSError, match="in place of 240"):
        read_as(file, number, HONEST[number](bytes(100)))
    for cut in (b"?", b"????????", HONEST[number](FLOATS.tobytes())[:-9]):
        with pytest.raises((OSError, ChunkError)):
            read_as(file, number, cut)


@pytest.mark.parametrize(
    ("number", "values", "raw", "found"),
    [
        (4, (141, 32), struct.pack("<I", 3 * 2**30) + bytes(50), f"up to {3 * 2**30} bytes"),
        (5, (8, 0, 2**28, 1, 4), bytes(50), f"up to {2**30} bytes"),
        (6, (2, 0, 2**28, 1, 4, 0, 0, 0), bytes(50), f"up to {2**30} bytes"),
        (32000, (4, 0, 240), bytes(15 * 2**20), f"up to {88 * 15 * 2**20} bytes"),
        (32013, (), bytes(50), "filter 32013"),
    ],
    ids=["szip", "nbit", "scale-offset", "lzf", "zfp"],
)
def test_what_only_the_library_decodes_is_bounded_before(
    file: Any, number: int, values: tuple[int, ...], raw: bytes, found: str
) -> None:
    with pytest.raises(ChunkError) as caught:
        read_as(file, number, raw, values)
    assert found in caught.value.found and all(caught.value.record().values())


def test_a_chunk_that_declares_more_than_any_memory_is_refused(file: Any) -> None:
    dataset = file.create_dataset("x", (2**31,), "u1", chunks=(2**31 + 2**20,), maxshape=(None,), compression="gzip")
    with pytest.raises(ChunkError):
        read(dataset, slice(0, 1))


def test_a_damaged_checksum_is_an_error(file: Any) -> None:
    dataset = file.create_dataset("x", data=FLOATS, chunks=(60,), compression="gzip", fletcher32=True)
    _, raw = dataset.id.read_direct_chunk((0,))
    dataset.id.write_direct_chunk((0,), raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:])
    with pytest.raises(OSError, match="cannot be decoded"):
        read(dataset, slice(None))
