"""NetCDF4 files that xarray and the reference library read as what was exported."""

import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import smcloud
from smcloud.export import Region, export_release
from smcloud.export.netcdf import write_netcdf
from smcloud.export.selection import select

PRODUCTS = ["annual", "trend", "drivers", "ddww", "regional"]


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    return export_release(store, "netcdf", tmp_path_factory.mktemp("netcdf") / "out").out


@pytest.mark.parametrize("product", PRODUCTS)
def test_xarray_opens_the_same(store, folder, product):
    wanted = smcloud.open_product(store, product).load()
    with xr.open_dataset(folder / f"{product}.nc") as opened:
        got = opened.load()
    xr.testing.assert_equal(got, wanted)
    kinds = [{name: ds[name].dtype.kind.replace("T", "U") for name in ds.variables} for ds in (got, wanted)]
    assert kinds[0] == kinds[1]
    for name, variable in wanted.variables.items():
        if variable.dtype.kind in "fiu":
            assert got[name].dtype == variable.dtype
        for key, value in variable.attrs.items():
            np.testing.assert_array_equal(got[name].attrs[key], value)
    assert got.attrs["citation"] == wanted.attrs["citation"]
    np.testing.assert_array_equal(got.attrs["limits"], wanted.attrs["limits"])


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_reference_library_finds_cf(folder, product):
    with netCDF4.Dataset(folder / f"{product}.nc") as file:
        assert file.data_model == "NETCDF4"
        for name, variable in file.variables.items():
            held = variable.ncattrs()
            axis = name in file.dimensions or name.endswith("_bnds") or name in ("label", "kind")
            whole = variable.dtype is str or variable.dtype.kind in "iu"
            assert ("_FillValue" in held) != (axis or whole), name
            if "flag_values" in held:
                assert np.asarray(variable.flag_values).dtype == variable.dtype
                assert len(np.atleast_1d(variable.flag_values)) == len(variable.flag_meanings.split())
            if variable.ndim > 1 and not axis and not whole:
                assert variable.filters()["zlib"] and variable.filters()["shuffle"]


def test_labels_are_strings_and_a_map_of_flags_stays_one(folder, store):
    with netCDF4.Dataset(folder / "drivers.nc") as file:
        assert list(file["driver"][:]) == ["precipitation", "lai"]
        file.set_auto_mask(False)
        wanted = smcloud.open_product(store, "drivers")["dominant_driver"].values
        np.testing.assert_array_equal(file["dominant_driver"][:], wanted)
        assert file["dominant_driver"].dtype == "uint8"


def test_time_and_grid_mapping_are_kept(tmp_path):
    time = pd.date_range("2000-07-01", periods=2, freq="YS-JUL").values
    ds = xr.Dataset(
        {
            "x": (("year", "lat", "lon"), np.zeros((2, 2, 2)), {"grid_mapping": "crs"}),
            "time_bnds": (("year", "bnds"), np.stack([time, time + np.timedelta64(365, "D")], axis=1)),
        },
        coords={"year": [2000, 2001], "lat": [0.0, 1.0], "lon": [0.0, 1.0], "time": ("year", time),
                "crs": ((), np.int32(0), {"grid_mapping_name": "latitude_longitude"})},
    )  # fmt: skip
    ds["x"].encoding["coordinates"] = "time"
    ds["time"].attrs["bounds"] = "time_bnds"
    ds["time"].encoding["units"] = "days since 2000-01-01"
    write_netcdf(ds, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc") as opened:
        xr.testing.assert_equal(opened.load(), ds)
        assert opened["year"].dtype.kind == "i"
    with netCDF4.Dataset(tmp_path / "x.nc") as file:
        assert (
            file["x"].grid_mapping == "crs"
            and file["x"].coordinates == "time"
            and file["time"].units == "days since 2000-01-01"
        )
        assert "_FillValue" not in file["time"].ncattrs() and file["time"].bounds == "time_bnds"
        assert file["crs"].grid_mapping_name == "latitude_longitude"


def test_of_a_region_nothing_is_left_of_the_whole_run(store, tmp_path):
    done = export_release(store, "netcdf", tmp_path / "x.nc", ["ddww"], region=Region.of("0,0,90,90"))
    with xr.open_dataset(done.out) as got:
        assert {*map(str, got.variables)} == {"lat", "lon", "zone", "ddww_class"}


def test_the_extent_is_that_of_the_region(made):
    whole = made["annual"].assign_attrs(geospatial_bounds="all", geospatial_lat_min=-75.0, title="kept")
    part = select(whole, Region.of("130,0,-130,50"))
    assert part.attrs["geospatial_bounds"] == "POLYGON ((0 120, 0 240, 60 240, 60 120, 0 120))"
    assert (part.attrs["geospatial_lat_min"], part.attrs["geospatial_lon_max"]) == (15, 225)
    assert part.attrs["title"] == "kept" and whole.attrs["geospatial_lat_min"] == -75
    assert "geospatial_bounds" not in select(made["annual"], Region.of("0,0,90,90")).attrs


def test_longitudes_grow_across_the_end_of_the_axis(store, tmp_path):
    done = export_release(store, "netcdf", tmp_path / "x.nc", ["annual"], region=Region.of("130,-90,-130,90"))
    with xr.open_dataset(done.out) as got:
        assert got["lon"].values.tolist() == [135.0, 165.0, 195.0, 225.0]
        assert got["lon_bnds"].values.tolist() == [[120, 150], [150, 180], [180, 210], [210, 240]]
        wanted = smcloud.open_product(store, "annual")["elevation"].sel(lon=[135, 165, -165, -135])
        np.testing.assert_array_equal(got["elevation"].values, wanted.values)
