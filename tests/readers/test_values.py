"""That readers of others see the values, labels, gaps and places that xarray sees."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.crs import CRS

import smcloud
from smcloud.products.attributes import EXACT
from smcloud.store import Store, newest_release
from tests.readers.everything import NAMES

NO_DATA = {"significant": 255, "ddww_class": 255, "dominant_driver": 255, "zone": 0, "status": 255, "n_years": 65535}
PRODUCTS = NAMES[:-1]


def url_of(store: str, name: str) -> str:
    record = newest_release(Store.open(store))
    return f"{store}/{(record.cube if name == 'cube' else record.products[name]).url}"


def opened(store: str, name: str) -> xr.Dataset:
    return smcloud.open_cube(store) if name == "cube" else smcloud.open_product(store, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["annual", "trend", "drivers", "ddww"])
def test_gdal_reads_values_gaps_and_place_of_every_map(released, name):
    url = url_of(released, name)
    ds = xr.open_zarr(url).load()
    maps = [key for key, da in ds.data_vars.items() if {"lat", "lon"} <= {*da.dims}]
    assert len(maps) >= 2
    for key in maps:
        da = ds[key]
        with rasterio.open(f'ZARR:"{url}":/{key}') as found:
            assert found.crs == CRS.from_epsg(4326), key
            assert found.transform[:6] == (5.0, 0.0, -180.0, 0.0, 5.0, -90.0), key  # rows go north, as lat does
            stacked = da.to_numpy().reshape(-1, *da.shape[-2:])
            np.testing.assert_array_equal(found.read(), stacked, err_msg=key)
            assert set(found.dtypes) == {str(da.dtype)}, key
            if key in NO_DATA:
                assert found.nodata == NO_DATA[key], key
            elif da.dtype.kind == "f":
                assert np.isnan(found.nodata), key
            gaps = stacked == found.nodata if da.dtype.kind in "iu" else np.isnan(stacked)
            assert ((found.read_masks() == 0) == gaps).all(), key


@pytest.mark.slow
def test_no_code_but_that_for_no_data_is_a_gap(released):
    """What a map of codes says of a cell is never taken for nothing said: not significant, status ok, no driver."""
    found = {}
    for name in PRODUCTS:
        ds = xr.open_zarr(url_of(released, name))
        for key, da in ds.data_vars.items():
            if da.dtype.kind not in "iu":
                continue
            assert "_FillValue" not in da.attrs | da.encoding and da.dtype.kind in "iu"
            fill = int(da.encoding["fill_value"])
            meanings = str(da.attrs.get("flag_meanings", "")).split()
            codes = dict(zip(np.atleast_1d(da.attrs.get("flag_values", [])).tolist(), meanings, strict=True))
            assert codes.get(fill, "no_data") in ("no_data", "none"), (name, key)
            found[key] = codes.get(fill, "")
            if fill not in codes:
                assert not (da == fill).any(), (name, key)
    assert found["zone"] == "none" and found["ddww_class"] == found["significant"] == "no_data"
    assert found["status"] == found["n_years"] == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_plain_netcdf_copy_says_the_same(released, name, tmp_path):
    ds = opened(released, name).load()
    ds.to_netcdf(tmp_path / "copy.nc")
    copy = xr.open_dataset(tmp_path / "copy.nc", decode_timedelta=False)
    for key in ds.variables:
        np.testing.assert_array_equal(copy[key].astype(ds[key].dtype), ds[key], err_msg=str(key))
        assert copy[key].dtype == ds[key].dtype or ds[key].dtype.kind == "T", key
    with netCDF4.Dataset(tmp_path / "copy.nc") as raw:
        for key, variable in raw.variables.items():
            whole = key in ds.coords or np.dtype(variable.dtype).kind in "iu"
            assert not whole or "_FillValue" not in variable.ncattrs(), key
            for flags in {"flag_values", "flag_masks"} & {*variable.ncattrs()}:
                assert variable.getncattr(flags).dtype == variable.dtype, key
            attributes = variable.__dict__
            related = [name for it in ("coordinates", "grid_mapping") for name in attributes.get(it, "").split()]
            assert set(related) <= set(raw.variables), key
            assert "crs" not in attributes.get("coordinates", ""), key


@pytest.mark.slow
@pytest.mark.parametrize("name", PRODUCTS)
def test_references_between_variables_lead_somewhere(released, name):
    ds = xr.open_zarr(url_of(released, name))
    for key, variable in ds.variables.items():
        for attribute in ("ancillary_variables", "bounds", "grid_mapping", "coordinates"):
            for other in (variable.attrs | variable.encoding).get(attribute, "").split():
                assert other in ds.variables, (name, key, attribute)
    if "lat" in ds.dims:
        assert {"crs", "lat_bnds", "lon_bnds"} <= {*ds.coords}
    if "year" in ds.dims:
        assert ds["year"].dtype.kind == "i" and ds["time"].dims == ("year",)
        assert (ds["time"].dt.year == ds["year"]).all()
        assert (ds["time_bnds"].isel(bnds=1) - ds["time_bnds"].isel(bnds=0)).dt.days.isin([365, 366]).all()


@pytest.mark.slow
def test_labels_are_texts_that_select_and_compare(released):
    ds = xr.open_zarr(url_of(released, "drivers"))
    assert ds["driver"].dtype.kind == "T" and list(ds["driver"].values) == ["precipitation", "soil_temperature", "lai"]
    assert (ds["driver"] == "lai").sum() == 1
    assert ds["p_value"].sel(driver="lai").dims == ("lat", "lon")


@pytest.mark.slow
def test_maps_are_float32_but_for_p_values(released):
    for name in ("trend", "drivers", "ddww"):
        for key, da in xr.open_zarr(url_of(released, name)).data_vars.items():
            if {"lat", "lon"} <= {*da.dims} and da.dtype.kind == "f":
                exact = key in EXACT or any(part in str(key) for part in ("p_value", "p_adjusted", "probability"))
                assert da.dtype == ("float64" if exact else "float32"), (name, key)
