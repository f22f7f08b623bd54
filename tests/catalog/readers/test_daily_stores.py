"""ESA CCI as a Zarr store and as kerchunk references, and active soil moisture in percent."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.errors import UnitError
from tests.catalog.readers.real_images import CCI, FLAGGED, IMAGES, SM, unpacked


@pytest.fixture
def active(tmp_path):
    """A file as CCI's ACTIVE product: percent of saturation, float32, -9999, latitude descending."""
    values = np.array([[[50.0, -9999.0, 25.0], [100.0, 0.0, 75.0]]], "float32")
    sm = ("time", "lat", "lon")
    ds = xr.Dataset(
        {
            "sm": (sm, values, {"units": "percent", "long_name": "Percent of Saturation Soil Moisture"}),
            "t0": (sm, np.full((1, 2, 3), 14791.25), {"units": "days since 1970-01-01 00:00:00 UTC"}),
        },
        coords={"time": ("time", [14791.0], {"units": "days since 1970-01-01 00:00:00 UTC", "calendar": "standard"})}
        | {"lat": np.array([0.125, -0.125], "float32"), "lon": np.array([10.125, 10.375, 10.625], "float32")},
    )
    ds["sm"].attrs["_FillValue"] = np.float32(-9999)
    path = tmp_path / (CCI + "ACTIVE-20100701000000-fv04.5.nc")
    ds.to_netcdf(path, engine="h5netcdf")
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["default", "esa_cci"])
def test_percent_of_saturation_is_not_volumetric(active, opened, cube, entry, reader):
    for change in ({}, {"units": "percent"}, {"attr_units": "percent"}, {"units": "percent", "scale": 0.45}):
        with pytest.raises(UnitError) as caught:
            opened(entry(active, {"soil_moisture": SM | change}, reader=reader))
        assert all(caught.value.record().values())
    told = SM | {"attr_units": "percent", "scale": 0.0045}  # the catalog's porosity: 0.45
    made = cube(entry(active, {"soil_moisture": told}, reader=reader), "2010-07", "2010-07")
    expected = np.array([[0.45, 0.0, 0.3375], [0.225, np.nan, 0.1125]])
    np.testing.assert_allclose(made.dataset["soil_moisture"][0], expected, rtol=1e-6)


@pytest.mark.slow
def test_the_zarr_store_of_v07_1(tmp_path, cube, opened, entry):
    """Its layout: Zarr format 2, chunks of 16 days by half the globe (a small one), t0 "days after"."""
    lat, lon, days = 6, 12, 40
    rng = np.random.default_rng(7)
    sm = rng.uniform(0.05, 0.6, (days, lat, lon)).astype("float32")
    sm[rng.random(sm.shape) < 0.5] = np.nan
    flag = np.where(np.isnan(sm), 127, rng.choice([0, 0, 0, 1, 64], sm.shape)).astype("int8")
    dims, since = ("time", "lat", "lon"), "1970-01-01 00:00:00 UTC"
    ds = xr.Dataset(
        {
            "sm": (dims, np.where(np.isnan(sm), np.float32(-9999), sm), {"units": "m3 m-3", "_FillValue": -9999.0}),
            "sm_uncertainty": (dims, np.full_like(sm, 0.02), {"units": "m3 m-3", "_FillValue": -9999.0}),
            "flag": (dims, flag, {"_FillValue": np.int8(127)}),
            "sensor": (dims, np.full(sm.shape, 2, "int32"), {"_FillValue": np.int32(0)}),
            "t0": (dims, np.full(sm.shape, 7609.5), {"units": f"days after {since}", "_FillValue": -9999.0}),
        },
        coords={"time": ("time", 7609.0 + np.arange(days), {"units": f"days since {since}", "calendar": "standard"})}
        | {"lat": 75 - 30.0 * np.arange(lat), "lon": -165 + 30.0 * np.arange(lon)},
    )
    chunks = {name: {"chunks": (16, lat, lon // 2)} for name in ds.data_vars}
    ds.to_zarr(tmp_path / "cci.zarr", zarr_format=2, encoding=chunks, consolidated=True)
    where = str(tmp_path / "cci.zarr")
    for drop in ({}, {"xarray_kwargs": {"drop_variables": ["t0"]}}):
        made = opened(entry(where, {"soil_moisture": FLAGGED}, driver="zarr", args=drop))
        assert made["sm"].data.chunksize == (16, lat, lon // 2)
        np.testing.assert_array_equal(made["sm"], sm)
    built = cube(entry(where, {"soil_moisture": FLAGGED}, driver="zarr"), "1990-11", "1990-11")
    kept = np.where((flag == 0) | (flag == 64), sm, np.nan)[:30, ::-1]
    with np.errstate(invalid="ignore"):
        mean = np.nansum(kept, axis=0) / np.isfinite(kept).sum(axis=0)
    np.testing.assert_allclose(built.dataset["soil_moisture"][0], mean, rtol=1e-6)
    assert built.dataset["time"].values[0] == np.datetime64("1990-11-01")


KERCHUNK = """
import json, sys
from kerchunk.combine import MultiZarrToZarr
from kerchunk.hdf import SingleHdf5ToZarr
single = [SingleHdf5ToZarr(path).translate() for path in sys.argv[2:]]
chain = MultiZarrToZarr(single, concat_dims=["time"], identical_dims=["lat", "lon"]).translate()
json.dump(chain if len(single) > 1 else single[0], open(sys.argv[1], "w"))
"""


def kerchunked(files, folder):
    """References to ``files``, from another process: kerchunk holds HDF5's lock while it waits for Zarr's thread."""
    made = folder / "made.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KERCHUNK, str(made), *map(str, files)], check=True, timeout=120
    )
    return json.loads(made.read_text())


@pytest.mark.e2e
def test_kerchunk_references_to_real_files(test_data, tmp_path, cube, opened, entry):
    """References made by kerchunk itself, one for each file and one for their sequence, opened by intake and fsspec."""
    files = sorted((test_data / "cci_images").glob(CCI + "PASSIVE-*.nc"))
    old_file = test_data / "cci_images" / IMAGES["v02.2"][0]
    chain, old = kerchunked(files, tmp_path), kerchunked([old_file], tmp_path)
    args = {"storage_options": {"fo": "", "remote_protocol": "file"}, "xarray_kwargs": {"consolidated": False}}
    place = [str(test_data / "cci_images")]

    def references(content, name):
        (tmp_path / name).write_text(json.dumps(content))
        options = args["storage_options"] | {"fo": str(tmp_path / name)}
        more = {"drop_variables": ["t0"]}
        return entry(
            "reference://",
            {"soil_moisture": FLAGGED},
            driver="zarr",
            args={
                "storage_options": options,
                "xarray_kwargs": args["xarray_kwargs"] | more,
                "chunks": {},
                "points_to": place,
            },
        )

    ds = opened(references(chain, "chain.json"))
    assert ds["sm"].chunks is not None
    np.testing.assert_array_equal(ds["time"], pd.date_range("2016-12-29", periods=3))
    for i, path in enumerate(files):
        for name in ("sm", "flag"):
            np.testing.assert_array_equal(ds[name][i], unpacked(path, name))
    plain = cube(
        entry([str(path) for path in files], {"soil_moisture": FLAGGED}, reader="esa_cci"), "2016-12", "2016-12"
    )
    xr.testing.assert_identical(cube(references(chain, "again.json"), "2016-12", "2016-12").dataset, plain.dataset)

    packed = opened(references(old, "old.json"))
    # JSON keeps no float32: the scale comes back in double precision.
    np.testing.assert_allclose(packed["sm"][0], unpacked(old_file, "sm"), rtol=1e-6)
