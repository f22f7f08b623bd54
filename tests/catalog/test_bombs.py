"""Chunks and documents of a few kilobytes that would take gigabytes are refused before they do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import icechunk
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.catalog import open_entry
from smcloud.catalog.stores import documents
from smcloud.errors import ChunkError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.entries import catalog_of, changed, small

DECODED = 200 * 2**20  # of each bomb; the array declares 4 x 3 x 5 values of 4 bytes
MOST = 60 * 2**20
DECLARED = 240


def zstd_without_size() -> bytes:
    """A frame that states no size: blocks of one repeated byte, 128 kB each."""
    block = ((2**17 << 3) | 2).to_bytes(3, "little") + b"\0"
    last = ((1 << 3) | 3).to_bytes(3, "little") + b"\0"
    return b"\x28\xb5\x2f\xfd\x00\x58" + block * (DECODED >> 17) + last


def zstd_of_many_frames() -> bytes:
    return bytes(numcodecs.Zstd().encode(np.zeros(DECLARED, "u1"))) * 100_000


def zeros() -> bytes:
    return bytes(DECODED)


BOMBS: dict[str, tuple[str, dict[str, Any], Callable[[], bytes]]] = {
    "zstd": ("zstd", {}, lambda: bytes(numcodecs.Zstd().encode(zeros()))),
    "zstd without a size": ("zstd", {}, zstd_without_size),
    "zstd of many frames": ("zstd", {}, zstd_of_many_frames),
    "blosc": ("blosc", {}, lambda: bytes(numcodecs.Blosc("zstd").encode(np.zeros(DECODED, "u1")))),
    "gzip": ("gzip", {}, lambda: gzip.compress(zeros(), 6)),
    "zlib": ("zlib", {}, lambda: zlib.compress(zeros(), 6)),
    "gzip of many members": ("gzip", {}, lambda: gzip.compress(bytes(2**20), 6) * 200),
    "lz4": ("lz4", {}, lambda: struct.pack("<i", DECODED) + b"\x1f\0\1\0" + b"\xff" * 1000),
    "bz2": ("bz2", {}, lambda: bz2.compress(zeros())),
    "lzma": ("lzma", {"format": lzma.FORMAT_XZ}, lambda: lzma.compress(zeros(), preset=0)),
}


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {name: make() for name, (_, _, make) in BOMBS.items()}


def plain(path: Any, zarr_format: Any, shards: bool = False) -> None:
    """The small store without compression, its chunks whole."""
    encoding: dict[str, Any] = {"sm": {"chunks": (4, 3, 5)}}
    encoding["sm"] |= {"shards": (4, 3, 5)} if shards else {}
    encoding["sm"] |= {"compressors": None} if zarr_format == 3 else {"compressors": None, "filters": None}
    small().to_zarr(path, zarr_format=zarr_format, consolidated=False, encoding=encoding, mode="w")


def planted(folder: Path, form: str, codec: str, options: dict[str, Any], bomb: bytes) -> dict[str, Any]:
    """An entry of the store in ``form`` whose only chunk of ``sm`` is ``bomb``."""
    path = folder / "a.zarr"
    shutil.rmtree(path, ignore_errors=True)
    plain(path, 2 if form in ("zarr2", "filter", "kerchunk") else 3, form == "sharded")
    if form in ("zarr2", "filter", "kerchunk"):
        document = json.loads((path / "sm" / ".zarray").read_text())
        compressor = {"id": codec, **options}
        document |= {"filters": [compressor]} if form == "filter" else {"compressor": compressor}
        (path / "sm" / ".zarray").write_text(json.dumps(document))
        (path / "sm" / "0.0.0").write_bytes(bomb)
    else:
        document = json.loads((path / "sm" / "zarr.json").read_text())
        name = codec if codec in ("zstd", "blosc", "gzip") else f"numcodecs.{codec}"
        needed = {"zstd": {"level": 3, "checksum": False}, "gzip": {"level": 5}, "blosc": {
            "cname": "zstd", "clevel": 5, "shuffle": "noshuffle", "typesize": 1, "blocksize": 0}}  # fmt: skip
        stage = {"name": name, "configuration": needed.get(codec, options)}
        chain = document["codecs"] if form == "zarr3" else document["codecs"][0]["configuration"]["codecs"]
        chain.append(stage)
        (path / "sm" / "zarr.json").write_text(json.dumps(document))
        index = struct.pack("<QQ", 0, len(bomb))
        index += numcodecs.CRC32C().encode(index)[-4:].tobytes()
        (path / "sm" / "c" / "0" / "0" / "0").write_bytes(bomb + (index if form == "sharded" else b""))
    if form != "kerchunk":
        return changed()
    refs = {
        (key := file.relative_to(path).as_posix()): file.read_text()
        if file.name.startswith(".z")
        else [f"a.zarr/{key}"]
        for file in path.rglob("*")
        if file.is_file()
    }
    (folder / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    options = {"fo": str(folder / "refs.json"), "remote_protocol": "file"}
    return changed(args__urlpath="reference://", args__storage_options=options)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zarr2", "filter", "zarr3", "sharded", "kerchunk"])
@pytest.mark.parametrize("name", list(BOMBS))
def test_a_chunk_that_decodes_to_more_than_declared_is_refused(
    tmp_path: Path, bombs: dict[str, bytes], name: str, form: str
) -> None:
    codec, options, _ = BOMBS[name]
    ds = open_entry(catalog_of(tmp_path, planted(tmp_path, form, codec, options, bombs[name])), "source0")
    tracemalloc.start()
    try:
        with pytest.raises(ChunkError) as caught, reaching(VALUES, "here"):
            ds["sm"].load()
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert caught.value.expected == f"{DECLARED} bytes"
    assert caught.value.where == {"zarr3": "sm/c/0/0/0", "sharded": "sm/c/0/0/0"}.get(form, "sm/0.0.0")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["zarr2", "filter", "zarr3", "sharded", "kerchunk"])
@pytest.mark.parametrize("codec", ["zstd", "blosc", "gzip", "zlib", "lz4", "bz2", "lzma"])
def test_an_honest_chunk_is_read_by_every_codec(tmp_path: Path, form: str, codec: str) -> None:
    made = numcodecs.get_codec({"id": codec})
    options = {"format": 1} if codec == "lzma" else {}
    values = np.ascontiguousarray(small()["sm"].values)
    entry = planted(tmp_path, form, codec, options, bytes(made.encode(values)))
    np.testing.assert_array_equal(open_entry(catalog_of(tmp_path, entry), "source0")["sm"], values)


def test_an_honest_zstd_frame_without_a_size_is_read(tmp_path: Path) -> None:
    raw = np.zeros((4, 3, 5), "f4").tobytes()
    frame = b"\x28\xb5\x2f\xfd\x00\x58" + ((len(raw) << 3) | 1).to_bytes(3, "little") + raw
    for form in ("zarr2", "zarr3"):
        entry = planted(tmp_path, form, "zstd", {}, frame)
        np.testing.assert_array_equal(open_entry(catalog_of(tmp_path, entry), "source0")["sm"], np.zeros((4, 3, 5)))


@pytest.mark.slow
def test_icechunk_chunks_are_bounded_too(tmp_path: Path, bombs: dict[str, bytes]) -> None:
    icechunk.set_logs_filter("error")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "ice")))
    session = repository.writable_session("main")
    small().to_zarr(session.store, zarr_format=3, consolidated=False, encoding={"sm": {"chunks": (4, 3, 5)}})
    zarr.core.sync.sync(session.store.set("sm/c/0/0/0", zarr.core.buffer.cpu.Buffer.from_bytes(bombs["zstd"])))
    session.commit("a bomb")
    entry = changed(args__urlpath=str(tmp_path / "ice"), metadata__reader="icechunk", args__xarray_kwargs={})
    ds = open_entry(catalog_of(tmp_path, entry), "source0")
    with pytest.raises(ChunkError) as caught, reaching(VALUES, "here"):
        ds["sm"].load()
    assert caught.value.where == "sm/c/0/0/0"


def test_pickled_values_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where the environment allows it to Zarr: what a stranger pickled can run."""
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)
    with zarr.config.set({"array.allow_unsafe_pickle_decode": True}):
        plain(tmp_path / "a.zarr", 2)
        names = zarr.open_group(tmp_path / "a.zarr", mode="r+").create_array("names", shape=3, chunks=3, dtype="f4")
        names[:] = 0
        document = tmp_path / "a.zarr" / "names" / ".zarray"
        held = json.loads(document.read_text()) | {"filters": [{"id": "pickle", "protocol": 4}], "compressor": None}
        document.write_text(json.dumps(held | {"dtype": "|O", "fill_value": None}))
        (document.parent / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["names"]}')
        (document.parent / "0").write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
        with pytest.raises(ChunkError) as caught:
            open_entry(catalog_of(tmp_path, changed()), "source0")
    assert caught.value.found == "pickle"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_texts_are_counted_before_there_is_room_for_them(tmp_path: Path, zarr_format: Any) -> None:
    texts = np.array(["a", "bb", "ccc"], dtype=object)
    ds = small().assign_coords(name=("name", texts))
    ds.to_zarr(
        tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=False, encoding={"name": {"compressors": None}}
    )
    catalog = catalog_of(tmp_path, changed())
    assert list(open_entry(catalog, "source0")["name"].values) == list(texts)
    chunk = tmp_path / "a.zarr" / "name" / ("0" if zarr_format == 2 else "c/0")
    chunk.write_bytes(struct.pack("<I", 2**32 - 1) + chunk.read_bytes()[4:])
    with pytest.raises(ChunkError) as caught:
        open_entry(catalog, "source0")
    assert caught.value.found == f"{2**32 - 1} items"


@pytest.mark.parametrize("name", ["zarr.json", "sm/zarr.json"])
def test_a_document_without_end_is_not_parsed(tmp_path: Path, name: str) -> None:
    small().to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    with open(tmp_path / "a.zarr" / name, "ab") as file:
        file.truncate(documents.MAX_BYTES + 1)  # a hole in the file: it takes no room
    tracemalloc.start()
    with pytest.raises(ChunkError) as caught:
        open_entry(catalog_of(tmp_path, changed()), "source0")
    assert tracemalloc.get_traced_memory()[1] < documents.MAX_BYTES / 2
    tracemalloc.stop()
    assert caught.value.where == name


def test_attributes_without_end_are_not_parsed(tmp_path: Path) -> None:
    plain(tmp_path / "a.zarr", 2)
    with open(tmp_path / "a.zarr" / "sm" / ".zattrs", "ab") as file:
        file.truncate(documents.MAX_BYTES + 1)
    with pytest.raises(ChunkError) as caught:
        open_entry(catalog_of(tmp_path, changed()), "source0")
    assert caught.value.where == "sm/.zattrs"


def test_the_values_of_every_other_codec_stay_what_they_are(tmp_path: Path) -> None:
    filters = [numcodecs.Shuffle(4), numcodecs.FixedScaleOffset(0, 1e4, "f4", "i2"), numcodecs.Delta("f4")]
    for one in filters:
        encoding = {"sm": {"filters": [one], "compressors": [numcodecs.Zlib(1)]}}
        small().to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False, encoding=encoding, mode="w")
        expected = xr.open_zarr(tmp_path / "a.zarr", consolidated=False).load()
        xr.testing.assert_equal(open_entry(catalog_of(tmp_path, changed()), "source0").load(), expected)


def test_a_chunk_of_hdf5_that_is_larger_than_it_can_be_is_refused(tmp_path: Path) -> None:
    """HDF5 inflates what it finds: a chunk of 240 bytes took 800 MiB."""
    import h5py

    small().to_netcdf(
        tmp_path / "a.nc", engine="h5netcdf", encoding={"sm": {"chunksizes": (4, 3, 5), "zlib": True}}
    )  # fmt: skip
    entry = changed(driver="netcdf", args__urlpath=str(tmp_path / "a.nc"), args__xarray_kwargs={})
    xr.testing.assert_equal(open_entry(catalog_of(tmp_path, entry), "source0").load(), small())
    xr.backends.file_manager.FILE_CACHE.clear()
    with h5py.File(tmp_path / "a.nc", "r+") as file:
        file["sm"].id.write_direct_chunk((0, 0, 0), zlib.compress(zeros(), 6))
    with pytest.raises(ChunkError) as caught:
        open_entry(catalog_of(tmp_path, entry), "source0")
    assert caught.value.expected == f"{DECLARED} bytes"
    assert caught.value.where.endswith(": sm")
