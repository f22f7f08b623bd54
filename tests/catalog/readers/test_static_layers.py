"""Static layers as GeoTIFF, NetCDF and Zarr, and leaf area as an 8-day Zarr store."""

from typing import get_args

import dask.array
import netCDF4
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine, from_origin

from smcloud.catalog import Metadata, load_catalog
from smcloud.catalog.readers import geotiff, reader_of
from smcloud.cube import validate_counters
from smcloud.errors import CatalogError, FileFormError, GridError, RangeError, VariableError

ARIDITY = {"name": "band_1", "units": "1", "period": "static", "valid_range": [0, 10], "scale": 0.0001}
MONTH, STATIC = ("2000-01", "2000-01"), ("soil_moisture", "aridity_index")
PLAIN = {"name": "band_1", "units": "1", "period": "static", "valid_range": [-1e6, 1e6]}


def write(path, bands, crs="EPSG:4326", transform=None, scale=None, offset=None, units=None, **profile):
    bands = bands if bands.ndim == 3 else bands[None]
    _, height, width = bands.shape
    transform = transform or from_origin(-180, 90, 360 / width, 180 / height)
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=len(bands), dtype=bands.dtype, crs=crs,
        transform=transform, **profile,
    ) as file:  # fmt: skip
        file.write(bands)
        if scale is not None:
            file.scales, file.offsets = [scale] * len(bands), [offset or 0.0] * len(bands)
        if units:
            file.units = [units] * len(bands)
    return str(path)


def numbers(seed=0, low=0, high=30000, shape=(36, 72)):
    return np.random.default_rng(seed).integers(low, high, shape)


def test_the_aridity_index_as_integers_of_ten_thousandths(tmp_path, cube, entry):
    raw = numbers().astype("uint16")
    raw[:2] = 65535
    path = write(tmp_path / "ai_v31_yr.tif", raw, nodata=65535, tiled=True, blockxsize=16, blockysize=16)
    spec = ARIDITY | {"units": "m3 m-3", "attr_units": "1"}
    made = cube(entry(path, {"aridity_index": ARIDITY, "soil_moisture": spec}, reader="geotiff"), *MONTH, STATIC)
    want = np.where(raw == 65535, np.nan, raw.astype("float32") * np.float32(1e-4))[::-1]
    np.testing.assert_allclose(made.dataset["aridity_index"], want, rtol=1e-6)
    np.testing.assert_allclose(made.dataset["lat"], -87.5 + 5 * np.arange(36))
    np.testing.assert_allclose(made.dataset["lon"], -177.5 + 5 * np.arange(72))


def test_scale_offset_unit_and_nodata_of_the_file(tmp_path, opened, entry):
    raw = numbers(1, -100, 100).astype("int16")
    raw[5] = -32768
    path = write(tmp_path / "a.tif", raw, nodata=-32768, scale=0.5, offset=-3.0, units="m")
    ds = opened(entry(path, {"elevation": PLAIN | {"units": "m"}}, reader="geotiff"))
    assert isinstance(ds["band_1"].data, dask.array.Array)
    assert ds["band_1"].dtype == np.float32
    np.testing.assert_allclose(ds["band_1"], np.where(raw == -32768, np.nan, raw * 0.5 - 3), rtol=1e-6)
    assert ds["band_1"].attrs["units"] == "m"


def test_floats_with_nan_and_the_fill_of_the_catalog(tmp_path, cube, entry):
    raw = numbers(2).astype("float32") / 1e4
    raw[3], raw[4] = np.nan, -9999
    path = write(tmp_path / "a.tif", raw, nodata=np.nan)
    spec = ARIDITY | {"scale": None, "fill": [-9999]}
    moist = spec | {"units": "m3 m-3"}
    made = cube(entry(path, {"aridity_index": spec, "soil_moisture": moist}, reader="geotiff"), *MONTH, STATIC)
    want = np.where(raw > -1, raw, np.nan)[::-1]
    np.testing.assert_array_equal(made.dataset["aridity_index"], want)
    validate_counters("aridity_index", made.counters["aridity_index"], (0, 10), "1", "here")
    without = {"aridity_index": spec | {"fill": []}, "soil_moisture": moist | {"fill": []}}
    made = cube(entry(path, without, reader="geotiff"), *MONTH, STATIC)
    with pytest.raises(RangeError):
        validate_counters("aridity_index", made.counters["aridity_index"], (0, 10), "1", "here")


def test_blocks_of_rows_are_those_of_the_file(tmp_path, monkeypatch, opened, entry):
    monkeypatch.setattr(geotiff, "BLOCK_CELLS", 72 * 7)
    raw = numbers(3).astype("int32")
    ds = opened(entry(write(tmp_path / "a.tif", raw), {"aridity_index": ARIDITY}, reader="geotiff"))
    assert ds["band_1"].data.chunks == ((7, 7, 7, 7, 7, 1), (72,))
    np.testing.assert_array_equal(ds["band_1"], raw)


def test_bands_by_number_and_files_by_name(tmp_path, opened, entry):
    both = np.stack([numbers(4), numbers(5)]).astype("int16")
    ds = opened(entry(write(tmp_path / "a.tif", both), {"x": PLAIN, "y": PLAIN | {"name": "band_2"}}, reader="geotiff"))
    np.testing.assert_array_equal(ds["band_2"], both[1])
    clay = write(tmp_path / "clay_0-5cm_mean_5000.tif", both[0])
    sand = write(tmp_path / "sand_0-5cm_mean_5000.tif", both[1])
    names = {"clay": PLAIN | {"name": "clay"}, "sand": PLAIN | {"name": "sand"}}
    ds = opened(entry([sand, clay], names, reader="geotiff"))
    np.testing.assert_array_equal(ds["clay"], both[0])
    np.testing.assert_array_equal(ds["sand"], both[1])
    for files, name in (([sand, clay], "silt"), ([clay], "band_2"), ([clay, clay.replace("clay", "sand")], "cla")):
        with pytest.raises(VariableError) as caught:
            opened(entry(files, {"x": PLAIN | {"name": name}}, reader="geotiff"))
        assert all(caught.value.record().values())
    write(tmp_path / "sand_0-5cm_mean_5000.tif", numbers(6, shape=(18, 36)).astype("int16"))
    with pytest.raises(GridError) as caught:
        opened(entry([sand, clay], names, reader="geotiff"))
    assert all(caught.value.record().values())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"crs": "EPSG:3857"}, "EPSG:3857"),
        ({"crs": "+proj=igh +datum=WGS84"}, "igh"),  # Goode's homolosine, as SoilGrids comes
        ({"crs": "EPSG:4267"}, "EPSG:4267"),  # degrees of another datum
        ({"crs": None}, "no reference system"),
        ({"transform": Affine(5, 0.1, -180, 0.1, -5, 90)}, "0.1"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_other_reference_systems_and_rotated_images_are_refused(tmp_path, opened, entry, change, found):
    path = write(tmp_path / "a.tif", numbers().astype("int16"), **change)
    with pytest.raises(GridError) as caught:
        opened(entry(path, {"aridity_index": PLAIN}, reader="geotiff"))
    assert found in caught.value.found
    assert all(caught.value.record().values())


def test_images_elsewhere_absent_or_broken(tmp_path, opened, entry):
    with pytest.raises(CatalogError):
        opened(entry("memory://a.tif", {"x": PLAIN}, reader="geotiff"))
    (tmp_path / "b.tif").write_bytes(b"II*\0 and no more")
    for path in (tmp_path / "none.tif", tmp_path / "b.tif"):
        with pytest.raises(FileFormError):
            opened(entry(str(path), {"x": PLAIN}, reader="geotiff"))


# ---------------------------------------------------------------------------------- NetCDF and Zarr


def with_moisture(path, variables, entry, **more):
    """An entry of a static layer that also serves as soil moisture, which every cube needs."""
    name = next(iter(variables.values()))
    moist = name | {"units": "m3 m-3", "attr_units": name.get("attr_units", name["units"])}
    return entry(str(path), variables | {"soil_moisture": moist}, **more)


def test_the_real_land_mask_of_era5(test_data, cube, entry):
    path = test_data / "static" / "ERA5_landmask_0.25.nc"
    mask = {"name": "land", "units": "1", "attr_units": "(0,1)", "period": "static", "valid_range": [0, 1]}
    made = cube(with_moisture(path, {"land_mask": mask}, entry), *MONTH, ("soil_moisture", "land_mask"))
    with netCDF4.Dataset(path) as file:
        lat, lon = np.asarray(file["latitude"]), np.asarray(file["longitude"])
        land = np.asarray(np.ma.filled(file["land"][:], np.nan), "float32")
    order = np.argsort((lon + 180) % 360 - 180)
    want = (np.nan_to_num(land[np.argsort(lat)][:, order]) >= 0.5).astype("float32")
    np.testing.assert_array_equal(made.dataset["land_mask"], want)
    assert made.dataset["lat"].values[[0, -1]].tolist() == [-90.0, 90.0]
    assert 0.2 < want.mean() < 0.25  # without Antarctica


def test_the_real_land_mask_of_gldas_has_a_time_and_a_fill(test_data, opened, cube, entry):
    path = test_data / "static" / "GLDASp4_landmask_025d.nc4"
    mask = {"name": "GLDAS_mask", "units": "1", "attr_units": "0 = water; 1 = land", "period": "static"}
    mask |= {"valid_range": [0, 1]}
    made = cube(with_moisture(path, {"land_mask": mask}, entry), *MONTH, ("soil_moisture", "land_mask"))
    with netCDF4.Dataset(path) as file:
        assert file["lat"][0] < file["lat"][-1]
        raw = np.ma.filled(file["GLDAS_mask"][0], 0.0)
    np.testing.assert_array_equal(made.dataset["land_mask"], raw)
    assert made.dataset["lat"].values[[0, -1]].tolist() == [-59.875, 89.875]


def test_a_static_layer_of_a_zarr_store(tmp_path, cube, entry):
    height = np.random.default_rng(1).uniform(0, 9.80665e3, (3, 4)).astype("float32")
    ds = xr.Dataset(
        {"z": (("time", "latitude", "longitude"), height[None], {"units": "m**2 s**-2"})},
        {"time": [np.datetime64("2000-01-01", "ns")], "latitude": [60.0, 0, -60], "longitude": [0.0, 90, 180, 270]},
    )
    ds.to_zarr(tmp_path / "z.zarr", zarr_format=2)
    spec = {"name": "z", "units": "m", "attr_units": "m2 s-2", "period": "static", "scale": 1 / 9.80665}
    spec |= {"valid_range": [-500, 9000]}
    variables = {"elevation": spec, "soil_moisture": spec | {"units": "m3 m-3"}}
    made = cube(entry(str(tmp_path / "z.zarr"), variables, driver="zarr"), *MONTH, ("soil_moisture", "elevation"))
    np.testing.assert_allclose(made.dataset["elevation"], np.roll(height[::-1], 2, axis=1) / 9.80665, rtol=1e-6)


def test_leaf_area_of_an_eight_day_zarr_store(tmp_path, cube, entry):
    """SeasFire's layout: Zarr format 2, latitude descending, 46 composites a year from 1 January, LAI as float."""
    days = [pd.Timestamp(f"{year}-01-01") + pd.Timedelta(days=8 * i) for year in (2001, 2002) for i in range(46)]
    lai = np.random.default_rng(2).uniform(0, 6, (92, 6, 12)).astype("float32")
    lai[:4, 0] = np.nan  # high latitudes have gaps in winter
    ds = xr.Dataset(
        {"lai": (("time", "latitude", "longitude"), lai, {"units": "m²/m²", "long_name": "Leaf Area Index"})},
        {"time": days, "latitude": 75 - 30.0 * np.arange(6), "longitude": -165 + 30.0 * np.arange(12)},
    )
    ds.to_zarr(tmp_path / "SeasFireCube_v3.zarr", zarr_format=2, encoding={"lai": {"chunks": (46, 6, 12)}})
    known = load_catalog("catalogs/public.yaml").sources["seasfire_lai"].metadata.variables["lai"]
    public = known.model_dump(mode="json")
    variables = {"lai": public, "soil_moisture": public | {"units": "m3 m-3", "attr_units": "m2 m-2"}}
    source = entry(str(tmp_path / "SeasFireCube_v3.zarr"), variables, driver="zarr", args={"chunks": {}})
    made = cube(source, "2001-12", "2002-01", ("soil_moisture", "lai"))
    # The composite of 27 December ends with the year.
    starts = np.array(days, "datetime64[D]")
    ends = np.append(starts[1:], np.datetime64("2003-01-01"))
    for month, first, last in ((0, "2001-12-01", "2002-01-01"), (1, "2002-01-01", "2002-02-01")):
        first, last = np.datetime64(first), np.datetime64(last)
        share = (np.minimum(ends, last) - np.maximum(starts, first)).astype(int).clip(0)[:, None, None]
        valid = np.isfinite(lai)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (np.nan_to_num(lai) * share).sum(axis=0) / (valid * share).sum(axis=0)
        enough = (valid * share).sum(axis=0) >= 15.5
        want = np.where(enough, mean, np.nan)[::-1]
        np.testing.assert_allclose(made.dataset["lai"][month], want, rtol=1e-5)


def test_every_reader_of_the_public_catalog_is_there():
    public = load_catalog("catalogs/public.yaml")
    named = {entry.metadata.reader for entry in public.sources.values()}
    assert named == set(get_args(Metadata.model_fields["reader"].annotation))
    assert all(callable(reader_of(name)) for name in named - {"default"})
