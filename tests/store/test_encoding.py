"""What stands for no data, which coordinates a variable names, and how texts and dates are stored."""

from __future__ import annotations

import json
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from numcodecs.zstd import Zstd

from smcloud.errors import IntegrityError
from smcloud.store import Prefix, Store, encoding, open_product, publish
from smcloud.store.arrays import stored_array
from smcloud.store.encoding import fill_value


@pytest.mark.parametrize(
    ("dtype", "meanings", "values", "expected"),
    [
        ("uint8", "none dry wet", [0, 1, 3], 0),
        ("uint8", "none a tie no_data", [0, 1, 254, 255], 255),
        ("uint8", "ok empty", [0, 1], 255),
        ("uint8", "", None, 255),
        ("uint16", "", None, 65535),
        ("int32", "", None, -(2**31)),
        ("int8", "final provisional", [0, 1], -128),
    ],
)
def test_no_data_is_its_code_or_a_number_that_is_never_there(dtype, meanings, values, expected):
    attrs = ({"flag_meanings": meanings} if meanings else {}) | ({"flag_values": values} if values else {})
    assert fill_value(np.dtype(dtype), attrs) == expected


@pytest.fixture
def staged(store: Store):
    ds = xr.Dataset(
        {
            "map": (("lat", "lon"), np.zeros((2, 3), "uint8"), {"grid_mapping": "crs"}),
            "series": (("region", "year"), np.zeros((2, 2))),
        },
        {
            "lat": ("lat", [0.0, 1.0], {"bounds": "lat_bnds"}),
            "lon": [0.0, 1.0, 2.0],
            "lat_bnds": (("lat", "bnds"), [[-0.5, 0.5], [0.5, 1.5]]),
            "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude"}),
            "region": ["north", "süd"],
            "label": ("region", ["North", "South"]),
            "year": [2000, 2001],
            "time": ("year", np.array(["2000-07-01", "2001-07-01"], "M8[ns]"), {"bounds": "time_bnds"}),
            "time_bnds": (("year", "bnds"), np.array([["2000", "2001"], ["2001", "2002"]], "M8[Y]").astype("M8[ns]")),
        },
    )
    prefix = Prefix(store, "products/trend/a.zarr")
    dask.compute(prefix.stage(ds))
    prefix.seal()
    return store.url_of(prefix.path), ds


def metadata(url: str, name: str) -> dict:
    with open(f"{url}/{name}/zarr.json") as file:
        return json.load(file)


def test_variables_name_their_auxiliary_coordinates_and_neither_bounds_nor_grid_mapping(staged):
    url, _ = staged
    assert metadata(url, "map")["attributes"] == {"grid_mapping": "crs"}
    assert metadata(url, "series")["attributes"]["coordinates"] == "label time"
    opened = xr.open_zarr(url)
    assert set(opened.data_vars) == {"map", "series"}
    assert {"crs", "lat_bnds", "time_bnds", "label", "time"} <= set(opened.coords)


def test_texts_have_the_type_that_others_read(staged):
    url, ds = staged
    assert metadata(url, "region")["data_type"] == metadata(url, "label")["data_type"] == "string"
    opened = xr.open_zarr(url)
    assert opened["region"].values.tolist() == ds["region"].values.tolist()
    assert str(opened.sel(region="süd")["label"].values) == "South"


def test_a_date_and_its_bounds_are_in_the_same_units(staged):
    url, ds = staged
    units = {metadata(url, name)["attributes"].get("units", "days since 1970-01-01") for name in ("time", "time_bnds")}
    assert units == {"days since 1970-01-01"}
    for name in ("time", "time_bnds"):
        np.testing.assert_array_equal(xr.open_zarr(url)[name], ds[name])


def test_what_is_told_depends_on_the_dataset_alone(staged):
    _, ds = staged
    assert encoding(ds) == encoding(ds.copy(deep=True))
    assert encoding(ds)["map"]["fill_value"] == 255 and encoding(ds)["lat"]["_FillValue"] is None


BOMB = np.array([3_000_000_000], "<u4").tobytes() + bytes(100)


def damaged(url: str, content: bytes) -> None:
    with open(f"{url}/label/c/0", "wb") as file:
        file.write(bytes(Zstd(level=3, checksum=True).encode(content)))


@pytest.mark.parametrize("content", [BOMB, BOMB[:4], np.array([1], "<u4").tobytes() + bytes(4)])
def test_texts_that_are_not_as_many_as_they_should_be_take_no_memory(staged, content):
    """The decoder of texts makes room for as many as the chunk says, 24 GB of them here."""
    url, _ = staged
    array = stored_array(json.dumps(metadata(url, "label")).encode())
    damaged(url, content)
    with open(f"{url}/label/c/0", "rb") as file, pytest.raises(ValueError, match="texts for 2"):
        array.decode(file.read())


def test_a_release_with_such_texts_is_refused_when_it_is_opened(store, sealed_content):
    release = publish(store, sealed_content(store))
    url = store.url_of(release.products["trend"].url)
    chunk = Path(url, "class", "c", "0")
    chunk.write_bytes(bytes(Zstd(level=3, checksum=True).encode(BOMB)))
    with pytest.raises(IntegrityError, match=r"3000000000 texts for 2"):
        open_product(store.url, "trend")
    chunk.unlink()
    with pytest.raises(IntegrityError, match=r"(?s)class/c/0.*nothing"):
        open_product(store.url, "trend")
