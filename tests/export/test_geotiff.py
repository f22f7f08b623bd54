"""Cloud Optimized GeoTIFF as rasterio reads it back: the right value at the right place, whatever the axes are."""

import json

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import smcloud
from smcloud.errors import GridError
from smcloud.export import Region, export_release
from smcloud.export.geotiff import Map, maps, no_data, raster_grid, write_map
from smcloud.export.selection import select
from smcloud.report import flag_colours


@pytest.fixture(scope="module")
def folder(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("tif") / "out"
    return export_release(store, "geotiff", out, colours=flag_colours).out


def test_one_file_for_each_map(folder, store):
    names = {path.name for path in folder.glob("*.tif")}
    assert {"trend_slope.tif", "trend_break_year_1.tif", "trend_break_year_2.tif", "annual_lai_2003.tif"} <= names
    assert {"drivers_partial_correlation_lai.tif", "ddww_zone.tif", "annual_elevation.tif"} <= names
    assert not [name for name in names if name.startswith("regional") or "area_km2" in name]
    notes = json.loads((folder / "smcloud-export.json").read_text())["notes"]
    assert any("regional" in note for note in notes) and any("area_km2" in note for note in notes)


def test_every_value_and_no_data_are_those_of_the_product(folder, store):
    read = 0
    for product in ("annual", "trend", "drivers", "ddww"):
        ds = smcloud.open_product(store, product).load()
        for one in maps(product, ds):
            wanted = ds[one.variable].isel(dict(one.place)).transpose("lat", "lon").sortby("lat", ascending=False)
            with rasterio.open(folder / f"{one.name}.tif") as raster:
                values = raster.read(1)
                assert values.dtype == wanted.dtype and raster.crs.to_epsg() == 4326
                np.testing.assert_array_equal(values, wanted.values)
                assert raster.bounds == (-180, -90, 180, 90) and raster.res == (30, 30)
                assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and raster.profile["tiled"]
                assert raster.units[0] == ds[one.variable].attrs["units"]
                assert "A. Person" in raster.tags()["citation"] and raster.tags(1)["units"]
                if values.dtype.kind == "f":
                    assert np.isnan(raster.nodata)
            read += 1
    assert read > 30


def test_codes_have_names_colours_and_their_no_data(folder, tmp_path):
    expected = {"trend_significant": 255, "drivers_dominant_driver": 255, "ddww_ddww_class": 255, "ddww_zone": 0}
    for name, code in expected.items():
        with rasterio.open(folder / f"{name}.tif") as raster:
            assert raster.nodata == code and raster.tags(1)["flag_meanings"]
            assert len({raster.colormap(1)[known] for known in map(int, raster.tags(1)["flag_values"].split())}) > 2
    with rasterio.open(folder / "trend_status.tif") as raster:
        assert raster.nodata == 255 and not (raster.read(1) == 255).any()  # every code says something
    with rasterio.open(folder / "ddww_ddww_class.tif") as raster:
        assert raster.colormap(1)[1][:3] == (0x8A, 0x45, 0x00)
    # GDAL itself reads the names that lie beside the file.
    rasterio.shutil.copy(folder / "ddww_ddww_class.tif", tmp_path / "x.vrt", driver="VRT")
    text = (tmp_path / "x.vrt").read_text()
    assert "<Category>not_significant</Category>" in text and "<Category>no_data</Category>" in text
    assert text.index("<Category>DD</Category>") < text.index("<Category>DW</Category>")


def test_no_data_of_a_map_is_a_value_that_means_nothing_else():
    assert no_data(np.array([0, 255], "u1"), {}) is None  # both occur
    assert no_data(np.array([0, 1], "u2"), {}) == 65535
    assert no_data(np.array([0, 1], "u1"), {0: "none", 255: "no_data"}) == 255


def test_overviews_are_nearest_for_codes_and_means_for_floats(tmp_path):
    lat, lon = np.arange(-89.75, 90, 0.5), np.arange(-179.75, 180, 0.5)
    checks = (np.indices((lat.size, lon.size)).sum(0) % 2).astype("uint8")
    ds = xr.Dataset(
        {"code": (("lat", "lon"), 2 * checks + 1), "number": (("lat", "lon"), checks.astype("f4"))},
        coords={"lat": lat, "lon": lon},
    )
    ds["code"].attrs = {"flag_values": [1, 3], "flag_meanings": "no yes"}
    grid = raster_grid(ds, ds)
    for name, wanted in (("code", {1, 3}), ("number", {0.5})):
        write_map(ds, Map(name, name, {}, ""), grid, tmp_path / name, lambda *_: {})
        with rasterio.open(tmp_path / name) as raster:
            assert raster.overviews(1) == [2, 4] and raster.block_shapes == [(256, 256)]
        with rasterio.open(tmp_path / name, overview_level=0) as raster:
            assert {*np.unique(raster.read(1))} <= wanted


@st.composite
def grids(draw):
    """A grid of even cells: ascending or descending, of either convention, whole or regional, down to one row."""
    step = draw(st.sampled_from([0.25, 1.0, 5.0, 30.0]))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    south = -90 + step / 2 + step * draw(st.integers(0, round(180 / step) - rows))
    if draw(st.booleans()):
        columns = round(360 / step) if step >= 5 else columns
    west = draw(st.sampled_from([-180.0, 0.0, 170.0, 350.0, -10.0])) + step / 2
    lat, lon = south + step * np.arange(rows), west + step * np.arange(columns)
    if draw(st.booleans()):
        lat = lat[::-1]
    if draw(st.booleans()):
        lon = lon[::-1]
    return lat, lon, step


@given(grids())
def test_each_value_lies_where_its_cell_is(tmp_path_factory, grid):
    lat, lon, step = grid
    values = np.arange(lat.size * lon.size, dtype="f8").reshape(lat.size, lon.size)
    ds = xr.Dataset({"x": (("lat", "lon"), values)}, coords={"lat": lat, "lon": lon})
    for axis, centres in (("lat", lat), ("lon", lon)):
        ds.coords[f"{axis}_bnds"] = ((axis, "bnds"), np.stack([centres - step / 2, centres + step / 2], axis=1))
        ds[axis].attrs["bounds"] = f"{axis}_bnds"
    path = tmp_path_factory.mktemp("grid") / "x.tif"
    write_map(ds, Map("x", "x", {}, ""), raster_grid(ds, ds), path, lambda *_: {})
    with rasterio.open(path) as raster:
        assert raster.transform.e < 0 < raster.transform.a
        assert raster.res == pytest.approx((step, step)) and raster.shape == (lat.size, lon.size)
        for i in range(lat.size):
            for j in range(lon.size):
                found = []
                for turn in (-720, -360, 0, 360):
                    x, y = lon[j] + turn, lat[i]
                    if raster.bounds.left < x < raster.bounds.right:
                        found += [next(raster.sample([(x, y)]))[0]]
                assert found == [values[i, j]]
        if lon.size * step == 360 and (lon.min() - step / 2) % 180 == 0:
            assert (raster.bounds.left, raster.bounds.right) == pytest.approx((-180, 180))


@pytest.mark.parametrize("lon", [np.arange(2.5, 360, 5), np.arange(0.0, 360, 5), np.arange(357.5, 0, -5)])
def test_a_globe_from_0_to_360_degrees_is_turned(lon, tmp_path):
    ds = xr.Dataset({"x": (("lat", "lon"), np.tile(lon, (2, 1)))}, coords={"lat": [0.0, 5.0], "lon": lon})
    write_map(ds, Map("x", "x", {}, ""), raster_grid(ds, ds), tmp_path / "x.tif", lambda *_: {})
    with rasterio.open(tmp_path / "x.tif") as raster:
        assert raster.bounds.left == (-180 if lon[0] % 5 else -182.5) and raster.width == 72
        assert [next(raster.sample([(x, 2.5)]))[0] % 360 for x in (-93, 0.1, 93)] == [
            next(value for value in lon if abs((value - x + 180) % 360 - 180) <= 2.5) for x in (-93, 0.1, 93)
        ]


def test_a_region_across_180_lies_side_by_side(store, tmp_path):
    ds = smcloud.open_product(store, "trend").load()
    part = select(ds, Region.of("130,-40,-130,40"))
    write_map(part, Map("x", "slope", {}, ""), raster_grid(ds, part), tmp_path / "x.tif", lambda *_: {})
    with rasterio.open(tmp_path / "x.tif") as raster:
        assert raster.bounds == (120, -30, 240, 30)
        wanted = ds["slope"].sel(lat=[15, -15], lon=[135, 165, -165, -135]).values
        np.testing.assert_array_equal(raster.read(1), wanted)


def test_uneven_steps_are_refused_and_a_grid_mapping_is_used(tmp_path):
    ds = xr.Dataset({"x": (("lat", "lon"), np.zeros((3, 2)))}, coords={"lat": [0.0, 1, 3], "lon": [0.0, 1]})
    with pytest.raises(GridError) as refused:
        raster_grid(ds, ds)
    assert "netcdf" in refused.value.next
    ds = ds.isel(lat=[0, 1]).assign(crs=((), 0, {"grid_mapping_name": "latitude_longitude", "crs_wkt": "EPSG:4258"}))
    write_map(ds, Map("x", "x", {}, ""), raster_grid(ds, ds), tmp_path / "x.tif", lambda *_: {})
    with rasterio.open(tmp_path / "x.tif") as raster:
        assert raster.crs.to_epsg() == 4258
