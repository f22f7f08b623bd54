"""Grid mapping, extent and Zarr conventions, against pyproj, shapely and rasterio."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import xarray as xr
import zarr_cm
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.warp import transform

from smcloud.conventions import convention_attributes, extent_attributes, with_grid_mapping
from smcloud.conventions.georeference import WGS84


def edges(first: float, step: float, count: int, dim: str) -> xr.DataArray:
    """Edges of ``count`` cells from ``first`` on, southern or western edge first in each."""
    at = first + step * np.arange(count + 1)
    pairs = np.sort(np.stack([at[:-1], at[1:]], axis=1), axis=1)
    return xr.DataArray(pairs, {dim: pairs.mean(axis=1)}, (dim, "bnds"))


def test_the_text_is_that_of_epsg_4326():
    pyproj = pytest.importorskip("pyproj")
    ours, theirs = pyproj.CRS.from_wkt(WGS84["crs_wkt"]), pyproj.CRS.from_epsg(4326)
    assert ours.to_epsg() == 4326 and ours.ellipsoid == theirs.ellipsoid
    cf = theirs.to_cf()
    assert WGS84["grid_mapping_name"] == cf["grid_mapping_name"]
    for key in ("semi_major_axis", "inverse_flattening", "longitude_of_prime_meridian"):
        assert WGS84[key] == pytest.approx(cf[key], rel=1e-15), key
    assert transform(WGS84["crs_wkt"], "EPSG:4326", [12.5], [47.25]) == ([12.5], [47.25])


@given(
    st.sampled_from([0.25, 0.5, 1.0, 2.5]), st.sampled_from([-1, 1]), st.integers(1, 40), st.integers(1, 60),
    st.integers(-60, 20), st.integers(-180, 200),
)  # fmt: skip
def test_extent_and_transform_are_those_of_the_cells(size, up, rows, columns, south, west):
    lat = edges(south if up > 0 else south + rows * size, up * size, rows, "lat")
    lon = edges(west, size, columns, "lon")
    box = shapely.from_wkt(extent_attributes(lat, lon)["geospatial_bounds"]).bounds  # latitude first
    north, east = south + rows * size, west + columns * size
    np.testing.assert_allclose(box, (south, west, north, east), atol=1e-9)
    told = convention_attributes(lat, lon)
    zarr_cm.validate_all(told)
    np.testing.assert_allclose(told["spatial:bbox"], (west, south, east, north), atol=1e-9)
    assert told["spatial:shape"] == [rows, columns]
    if rows > 1 and up < 0:
        expected = from_origin(west, north, size, size)
        np.testing.assert_allclose(told["spatial:transform"], tuple(expected)[:6], atol=1e-9)
    elif rows > 1:  # the first row is the southern one
        np.testing.assert_allclose(told["spatial:transform"], (size, 0, west, 0, size, south), atol=1e-9)


def test_cells_of_several_sizes_have_no_transform_and_no_resolution():
    lat = xr.DataArray([[0.0, 1.0], [1.0, 3.0]], dims=("lat", "bnds"))
    lon = edges(0, 1, 3, "lon")
    assert "spatial:transform" not in convention_attributes(lat, lon)
    told = extent_attributes(lat, lon)
    assert "geospatial_lat_resolution" not in told
    assert (told["geospatial_lat_min"], told["geospatial_lat_max"]) == (0.5, 2.0)


def test_only_maps_name_the_grid_mapping():
    ds = xr.Dataset({"map": (("lat", "lon"), np.zeros((2, 2))), "table": ("class", [1.0])})
    out = with_grid_mapping(ds)
    assert out["map"].attrs == {"grid_mapping": "crs"} and out["table"].attrs == {} and "crs" in out.coords
    assert ds["map"].attrs == {}
    assert "crs" not in with_grid_mapping(ds[["table"]])
