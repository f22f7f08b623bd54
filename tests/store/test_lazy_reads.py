"""Reading of chunks: any region as plain xarray reads it, and no value of a chunk that is not whole."""

from __future__ import annotations

from pathlib import Path

import dask
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr

from smcloud.errors import IntegrityError
from smcloud.store import Prefix, Store

PATH = "cube/a.zarr"


@pytest.fixture(params=["file", "memory"])
def prefix(request: pytest.FixtureRequest, store: Store, cube: xr.Dataset) -> Prefix:
    """The cube, staged on a disk or in an object store."""
    kind: Store = store if request.param == "file" else Store.open("memory://lazy-reads")
    out = Prefix(kind, PATH)
    out.remove()
    dask.compute(out.stage(cube))
    return out


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"time": slice(11, 25), "lat": slice(170, 200), "lon": slice(3, 185)},
        {"time": slice(1, 26, 5), "lat": slice(None, None, 7)},
        {"time": 13, "lon": 181},
        {"time": 25, "lat": 0, "lon": -1},
        {"time": slice(4, 4)},
        {"lat": slice(None, None, -1)},
        {"lat": [0, 199, 3]},
    ],
)
def test_any_region_is_as_xarray_reads_it(prefix: Prefix, index: dict[str, object]) -> None:
    plain = xr.open_zarr(prefix.url, chunks=None)
    for chunks in ({"time": -1, "lat": 180, "lon": 180}, {}, {"time": 5, "lat": 77, "lon": 190}):
        xr.testing.assert_identical(prefix.open(chunks).isel(index).load(), plain.isel(index).load())


def test_a_number_without_dims_is_read(store: Store) -> None:
    ds = xr.Dataset({"share": 1.5, "count": np.int32(7)})
    Prefix(store, PATH).stage(ds)
    xr.testing.assert_identical(Prefix(store, PATH).open({}).load(), ds)


def test_what_xarray_decodes_is_left_to_it(store: Store) -> None:
    names = np.array(["dry", "wet", "neither"])
    ds = xr.Dataset(
        {
            "class": ("class", names.astype("U7")),
            "when": ("time", np.array(["2001-02-03", "2002-03-04"], "M8[ns]")),
            "flag": (("lat", "lon"), np.array([[1, 0], [255, 3]], "uint8")),
            "land": (("lat", "lon"), np.array([[True, False], [False, True]])),
        }
    )
    dask.compute(Prefix(store, PATH).stage(ds))
    zarr.open_array(f"{store.url}/{PATH}/flag", mode="r+").attrs["scale_factor"] = 0.5
    opened, plain = Prefix(store, PATH).open({}), xr.open_zarr(store.url_of(PATH), chunks=None)
    xr.testing.assert_identical(opened.load(), plain.load())
    assert opened["flag"].values.tolist() == [[0.5, 0.0], [127.5, 1.5]]


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (None, zarr.errors.ChunkNotFoundError, "soil_moisture/c/1/0/0"),
        (numcodecs.Zstd().encode(b"\0" * 400), ValueError, "400|reshape|size"),
        (b"", (ValueError, RuntimeError), ""),
        (b"no zstd at all", (ValueError, RuntimeError), ""),
    ],
)
def test_a_chunk_that_is_not_whole_raises(
    store: Store, cube: xr.Dataset, content: bytes | None, error: type[Exception], says: str
) -> None:
    prefix = Prefix(store, PATH)
    dask.compute(prefix.stage(cube))
    chunk = Path(store.join(PATH, "soil_moisture/c/1/0/0"))
    chunk.unlink()
    if content is not None:
        chunk.write_bytes(content)
    with pytest.raises(error, match=says):
        prefix.open()["soil_moisture"].load(scheduler="synchronous")
    assert prefix.open({"time": 12})["soil_moisture"].isel(time=slice(0, 12)).load().notnull().any()


def test_a_cut_or_changed_chunk_raises(store: Store, cube: xr.Dataset) -> None:
    prefix = Prefix(store, PATH)
    dask.compute(prefix.stage(cube))
    chunk = Path(store.join(PATH, "soil_moisture/c/0/0/0"))
    whole = chunk.read_bytes()
    for content in (whole[:-9], whole[: len(whole) // 2], whole[:4000] + b"\x7f" + whole[4001:]):
        assert content != whole
        chunk.unlink()
        chunk.write_bytes(content)
        with pytest.raises((RuntimeError, ValueError)):
            prefix.open()["soil_moisture"].load(scheduler="synchronous")


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"zarr_format": 3, "node_type": "array"}'])
def test_metadata_that_are_gone_or_damaged_are_named(store: Store, cube: xr.Dataset, content: bytes | None) -> None:
    prefix = Prefix(store, PATH)
    dask.compute(prefix.stage(cube))
    prefix.seal()  # xarray finds what it needs in the root
    file = Path(store.join(PATH, "soil_moisture/zarr.json"))
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(IntegrityError, match="gone or damaged") as caught:
        prefix.open()
    assert caught.value.where.endswith("soil_moisture/zarr.json") and "smcloud verify" in caught.value.next
