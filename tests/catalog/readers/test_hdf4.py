"""HDF4: GLASS leaf area and MODIS land cover written as published, and a real MODIS tile."""

import pickle
import shutil

import dask
import numpy as np
import pytest
import rasterio.warp
from pyhdf.SD import SD, SDC

from smcloud.catalog.readers import hdf_eos, reader_of
from smcloud.catalog.readers.hdf_eos import read_values
from smcloud.catalog.readers.modis_tiles import Tile, bin_pixels
from smcloud.catalog.schema import Entry, VariableSpec
from smcloud.cube import validate_counters
from smcloud.errors import CalendarError, CatalogError, GridError, RangeError, UnitError, VariableError

LAI = {"name": "LAI", "units": "m2 m-2", "period": "8day", "valid_range": [0, 10]}
TYPES = {"int8": SDC.INT8, "int16": SDC.INT16, "uint8": SDC.UINT8}
STRUCTURE = """GROUP=SwathStructure
END_GROUP=SwathStructure
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="{grid}"
\t\tXDim={nx}
\t\tYDim={ny}
\t\tUpperLeftPointMtrs=({corners[0]})
\t\tLowerRightMtrs=({corners[1]})
\t\tProjection={projection}
\t\tGROUP=Dimension
\t\t\tOBJECT=Dimension_1
\t\t\t\tDimensionName="YDim"
\t\t\t\tSize={ny}
\t\t\tEND_OBJECT=Dimension_1
\t\tEND_GROUP=Dimension
\t\tGROUP=DataField
\t\t\tOBJECT=DataField_1
\t\t\t\tDataFieldName="{name}"
\t\t\t\tDataType=DFNT_{dtype}
\t\t\t\tDimList=("YDim","XDim")
\t\t\tEND_OBJECT=DataField_1
\t\tEND_GROUP=DataField
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
GROUP=PointStructure
END_GROUP=PointStructure
END
"""
PACKED = ("-180000000.000000,90000000.000000", "180000000.000000,-90000000.000000")  # degrees, minutes, seconds
PLAIN = ("-180.000000,90.000000", "180.000000,-90.000000")


def write(
    path, raw, name="LAI", dtype="int8", grid="GLASS01B01", corners=PACKED, projection="GCTP_GEO", size=None, **attrs
):
    """An HDF-EOS2 file of one array, with the attributes given."""
    ny, nx = size or raw.shape
    file = SD(str(path), SDC.WRITE | SDC.CREATE | SDC.TRUNC)
    structure = STRUCTURE.format(
        grid=grid, nx=nx, ny=ny, corners=corners, projection=projection, name=name, dtype=dtype.upper()
    )
    file.attr("StructMetadata.0").set(SDC.CHAR, structure)
    array = file.create(name, TYPES[dtype], raw.shape)
    for axis, dim in enumerate(("YDim", "XDim")):
        array.dim(axis).setname(f"{dim}:{grid}")
    array[:] = raw
    for key, value in attrs.items():
        kind = SDC.CHAR if isinstance(value, str) else SDC.FLOAT64 if isinstance(value, float) else SDC.INT32
        array.attr(key).set(kind, value)
    array.endaccess()
    file.end()
    return str(path)


def glass(folder, day, raw, **change):
    """As GLASS01B01 V60: int8 x 0.1, fill 255."""
    settings = {"scale_factor": 0.1, "add_offset": 0.0, "_FillValue": 255, "valid_range": [0, 100], "units": "m2/m2"}
    return write(folder / f"GLASS01B01.V60.A{day}.2022138.hdf", raw.astype("uint8").view("int8"), **settings | change)


def avhrr(folder, day, raw, **change):
    """As GLASS01B02: int16 x 0.01, fill 2550."""
    settings = {"scale_factor": 0.01, "_FillValue": 2550, "valid_range": [0, 1000], "units": "m2/m2"}
    name = f"GLASS01B02.V40.A{day}.2022138.hdf"
    return write(folder / name, raw.astype("int16"), dtype="int16", grid="GLASS01B02", **settings | change)


def codes(seed, top=100, fill=255, shape=(36, 72)):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(shape) < 0.3, fill, rng.integers(0, top + 1, shape))


def test_composites_of_glass_are_dated_scaled_and_laid_on_their_grid(tmp_path, opened, entry):
    days = ["2000361", "2001001", "2001009"]
    for i in (2, 0, 1):
        glass(tmp_path, days[i], codes(i))
    ds = opened(entry(f"{tmp_path}/GLASS01B01.V60.*.hdf", {"lai": LAI}, reader="hdf4"))
    np.testing.assert_array_equal(ds["time"], np.array(["2000-12-26", "2001-01-01", "2001-01-09"], "datetime64[ns]"))
    np.testing.assert_allclose(ds["lat"], 87.5 - 5 * np.arange(36), rtol=0, atol=1e-12)
    np.testing.assert_allclose(ds["lon"], -177.5 + 5 * np.arange(72), rtol=0, atol=1e-12)
    assert ds["LAI"].data.chunksize == (1, 36, 72)
    for i in range(3):
        raw = codes(i)
        np.testing.assert_allclose(ds["LAI"][i], np.where(raw == 255, np.nan, raw / 10), rtol=1e-6)
    assert ds["LAI"].attrs["units"] == "m2/m2"


@pytest.mark.slow
def test_the_full_grid_of_glass(tmp_path, cube, entry):
    """7200 x 3600: 0.05 degrees, every cell centre where it belongs, also after the cube's own axes."""
    raw = np.full((3600, 7200), 255)
    raw[0, 0], raw[1800, 3600], raw[3599, 7199] = 1, 50, 100
    glass(tmp_path, "2001001", raw)
    made = cube(
        entry(f"{tmp_path}/*.hdf", {"soil_moisture": LAI | {"units": "m3 m-3", "attr_units": "m2 m-2"}}, reader="hdf4"),
        "2001-01", "2001-01",
    )  # fmt: skip
    source = made.sources["soil_moisture"].values
    np.testing.assert_allclose(source["lat"], -89.975 + 0.05 * np.arange(3600), rtol=0, atol=1e-9)
    np.testing.assert_allclose(source["lon"], -179.975 + 0.05 * np.arange(7200), rtol=0, atol=1e-9)
    at = made.dataset["soil_moisture"].isel(time=0)
    for lat, lon, value in ((89.975, -179.975, 0.1), (-0.025, 0.025, 5.0), (-89.975, 179.975, 10.0)):
        assert float(at.sel(lat=lat, lon=lon, method="nearest")) == pytest.approx(value, rel=1e-6)
    assert int(at.notnull().sum()) == 3
    assert made.counters["soil_moisture"]["largest"] == {np.datetime64("2001-01"): pytest.approx(10.0)}


@pytest.mark.parametrize("fill", [255, -1])
def test_a_fill_of_255_in_signed_bytes(tmp_path, opened, entry, fill):
    raw = codes(1)
    glass(tmp_path, "2001001", raw, _FillValue=fill)
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    np.testing.assert_allclose(ds["LAI"][0], np.where(raw == 255, np.nan, raw / 10), rtol=1e-6)


def test_each_file_is_scaled_by_itself(tmp_path, opened, entry):
    """The AVHRR series, and one of its files that was packed in another way."""
    avhrr(tmp_path, "1999001", codes(1, 1000, 2550))
    avhrr(tmp_path, "1999009", codes(2, 100, 255), scale_factor=0.1, _FillValue=255)
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    for i, (top, fill, scale) in enumerate(((1000, 2550, 0.01), (100, 255, 0.1))):
        raw = codes(i + 1, top, fill)
        np.testing.assert_allclose(ds["LAI"][i], np.where(raw == fill, np.nan, raw * scale), rtol=1e-5)


def test_corners_in_plain_degrees(tmp_path, opened, entry):
    glass(tmp_path, "2001001", codes(1), corners=PLAIN)
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    np.testing.assert_allclose(ds["lat"].values[[0, -1]], [87.5, -87.5])
    glass(tmp_path, "2001001", codes(1), corners=("-10030000.0,50015030.0", "20000000.0,-10000000.0"))
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    north, west = 50 + 15 / 60 + 30 / 3600, -10.5
    assert float(ds["lat"][0]) == pytest.approx(north - (north + 10) / 72)
    assert float(ds["lon"][0]) == pytest.approx(west + (20 - west) / 144)


@pytest.mark.slow
def test_a_file_without_scale_takes_the_catalogs_once(tmp_path, cube, entry):
    raw = codes(1)
    write(tmp_path / "GLASS01B01.V60.A2001001.x.hdf", raw.astype("uint8").view("int8"))
    spec = LAI | {"scale": 0.1, "fill": [255], "units": "m3 m-3"}
    made = cube(entry(f"{tmp_path}/*.hdf", {"soil_moisture": spec}, reader="hdf4"), "2001-01", "2001-01")
    want = np.where(raw == 255, np.nan, raw / 10)[::-1]
    np.testing.assert_allclose(made.dataset["soil_moisture"][0], want, rtol=1e-6)
    # Leaf area under the name of soil moisture: only its own unit is judged here.
    counters = {key: n for key, n in made.counters["soil_moisture"].items() if not key.startswith("cube_")}
    validate_counters("lai", counters, (0, 10), "m2 m-2", "LAI")


def test_a_scale_that_both_give_is_applied_once(tmp_path, cube, entry):
    raw = codes(1)
    glass(tmp_path, "2001001", raw, units="m3 m-3")
    spec = LAI | {"scale": 0.1, "fill": [255], "units": "m3 m-3"}
    made = cube(entry(f"{tmp_path}/*.hdf", {"soil_moisture": spec}, reader="hdf4"), "2001-01", "2001-01")
    want = np.where(raw == 255, np.nan, raw / 10)[::-1]
    np.testing.assert_allclose(made.dataset["soil_moisture"][0], want, rtol=1e-6)


def test_the_two_series_of_glass_are_not_taken_for_each_other(tmp_path, opened, entry):
    avhrr(tmp_path, "2001001", codes(1, 1000, 2550))
    with pytest.raises(UnitError) as caught:
        opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI | {"scale": 0.1}}, reader="hdf4"))
    assert (caught.value.found, caught.value.expected) == ("scale_factor 0.01", "scale 0.1")
    assert all(caught.value.record().values())


@pytest.mark.parametrize("change", [{"scale_factor": 1.0}, {"scale_factor": 0.5}, {"_FillValue": 254}])
def test_what_cannot_be_leaf_area_is_refused_when_it_is_read(tmp_path, opened, entry, change):
    glass(tmp_path, "2001001", codes(1), **change)
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    with pytest.raises(RangeError) as caught:
        ds["LAI"].load()
    assert caught.value.expected == "0 to 10 m2 m-2"
    assert "A2001001" in caught.value.where
    assert all(caught.value.record().values())


def test_names_without_a_day_and_two_files_of_one(tmp_path, opened, entry):
    path = glass(tmp_path, "2001001", codes(1))
    shutil.copyfile(path, tmp_path / "GLASS01B01.V50.A2001001.2021110.hdf")
    shutil.copyfile(path, tmp_path / "GLASS01B01.V60.A2001400.2022138.hdf")
    for pattern, found in (("*A2001001*", "V50"), ("*A2001400*", "A2001400")):
        with pytest.raises(CalendarError) as caught:
            opened(entry(f"{tmp_path}/{pattern}", {"lai": LAI}, reader="hdf4"))
        assert found in caught.value.found
        assert all(caught.value.record().values())


def test_a_file_of_another_grid_in_the_series(tmp_path, opened, entry):
    glass(tmp_path, "2001001", codes(1))
    glass(tmp_path, "2001009", codes(1, shape=(18, 36)))
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    with pytest.raises(ValueError, match="A2001009"):
        ds["LAI"][1].load()


@pytest.mark.parametrize("change", [{"projection": "GCTP_LAMAZ"}, {"size": (18, 36)}])
def test_another_grid_than_latitude_and_longitude(tmp_path, opened, entry, change):
    glass(tmp_path, "2001001", codes(1), **change)
    with pytest.raises(GridError) as caught:
        opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    assert next(iter(change.values())) in (caught.value.found, (18, 36))


def test_many_files_are_read_side_by_side(tmp_path, opened, entry, monkeypatch):
    """The HDF4 library knows no threads: of four only one is in it, and the tasks travel to other processes."""
    import pyhdf.SD

    inside = []

    def alone(*arguments):
        inside.append(hdf_eos._library.locked())
        return SD(*arguments)

    monkeypatch.setattr(pyhdf.SD, "SD", alone)
    for i in range(24):
        glass(tmp_path, f"2001{1 + 8 * i:03}", codes(i))
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": LAI}, reader="hdf4"))
    ds = pickle.loads(pickle.dumps(ds))
    with dask.config.set(scheduler="threads", num_workers=4):
        values = ds["LAI"].values
    assert len(inside) == 25
    assert all(inside)
    for i in range(24):
        raw = codes(i)
        np.testing.assert_allclose(values[i], np.where(raw == 255, np.nan, raw / 10), rtol=1e-6)


# ------------------------------------------------------------------------------------- land cover


def test_land_cover_is_one_static_file(tmp_path, entry):
    """As MCD12C1: uint8 classes, no scale, fill 255, grid MOD12C1."""
    raw = np.random.default_rng(5).integers(0, 3, (36, 72))
    raw[0] = 255
    file = {"name": "Majority_Land_Cover_Type_1", "dtype": "uint8", "grid": "MOD12C1"}
    write(tmp_path / "MCD12C1.A2001001.061.2022146170409.hdf", raw.astype("uint8"), **file, _FillValue=255)
    cover = {
        "name": file["name"], "units": "1", "period": "static", "aggregate": "class", "valid_range": [0, 16],
        "fill": [255], "legend": {0: "water", 1: "forest", 2: "crop"},
    }  # fmt: skip
    source = entry(f"{tmp_path}/MCD12C1.*.hdf", {"land_cover": cover}, reader="hdf4")
    ds = reader_of("hdf4")(Entry.model_validate(source), "here")
    assert ds[file["name"]].dims == ("lat", "lon")
    np.testing.assert_array_equal(ds[file["name"]], np.where(raw == 255, np.nan, raw))
    write(tmp_path / "MCD12C1.A2002001.061.2022146170409.hdf", raw.astype("uint8"), **file)
    with pytest.raises(CatalogError) as caught:
        reader_of("hdf4")(Entry.model_validate(source), "here")
    assert "2 files" in caught.value.found


# --------------------------------------------------------------------------------------- real bytes

TILE = "MCD15A2.A2012177.h17v03.005.2012188150145.hdf"
MODIS = LAI | {"name": "Lai_1km", "fill": [249, 250, 251, 252, 253, 254, 255]}


def test_the_values_of_a_real_tile(test_data):
    path = str(test_data / "lai" / TILE)
    values = read_values(path, VariableSpec(**MODIS))
    file = SD(path, SDC.READ)
    raw = file.select("Lai_1km").get()
    file.end()
    assert values.shape == (1200, 1200)
    assert {249, 250, 253, 254, 255} & set(np.unique(raw).tolist())
    np.testing.assert_array_equal(np.isnan(values), raw >= 249)
    np.testing.assert_allclose(values[raw < 249], raw[raw < 249] * 0.1, rtol=1e-6)
    assert 0 <= np.nanmin(values) < np.nanmax(values) <= 10
    with pytest.raises(RangeError) as caught:  # the file's own fill is 255 alone
        read_values(path, VariableSpec(**MODIS | {"fill": []}))
    assert "to 25.4," in caught.value.found


@pytest.mark.slow
def test_a_real_tile_is_averaged_on_its_cells(test_data, opened, entry):
    """Against eight points in each pixel's row, each put into its cell by PROJ, of 120 of the tile's rows."""
    path = str(test_data / "lai" / TILE)
    ds = opened(entry(path, {"lai": MODIS}, reader="hdf4")).isel(time=0)
    np.testing.assert_allclose(ds["lat"], 59.975 - 0.05 * np.arange(200), rtol=0, atol=1e-9)
    np.testing.assert_allclose(ds["lon"], -19.975 + 0.05 * np.arange(400), rtol=0, atol=1e-9)
    values, parts = read_values(path, VariableSpec(**MODIS))[960:1080], 8
    x = -1111950.519667 + (np.arange(1200 * parts) + 0.5) * 1111950.519667 / 1200 / parts
    y = 6671703.118 - (np.arange(960, 1080) + 0.5) * 1111950.519667 / 1200
    xx, yy = np.broadcast_arrays(x, y[:, None])
    sphere = "+R=6371007.181 +no_defs"
    lon, lat = rasterio.warp.transform(f"+proj=sinu {sphere}", f"+proj=longlat {sphere}", xx.ravel(), yy.ravel())
    cell = ((52 - np.array(lat)) // 0.05 * 400 + (np.array(lon) + 20) // 0.05).astype(int)
    held = np.repeat(values, parts, axis=1).ravel()
    valid = np.isfinite(held)
    points, good = np.bincount(cell, minlength=8000), np.bincount(cell[valid], minlength=8000)
    total = np.bincount(cell[valid], held[valid], minlength=8000)
    ds = ds.isel(lat=slice(160, 180))
    # A cell of the slanted side of the tile lies partly in its neighbour, which is not there.
    area = 6 * parts * np.cos(np.radians(ds["lat"].values)) * 0.05 / (10 / 1200)
    share = good / np.repeat(area, 400)
    np.testing.assert_allclose(ds["Lai_1km_valid_share"].values.ravel(), share, rtol=0, atol=0.04)
    clear = np.abs(share - 0.5) > 0.04
    np.testing.assert_array_equal(ds["Lai_1km"].notnull().values.ravel()[clear], (share > 0.5)[clear])
    full = (points > 0) & (share > 0.54)
    assert full.sum() > 1000
    difference = ds["Lai_1km"].values.ravel()[full] - (total[full] / good[full])
    assert np.abs(difference).max() < 0.1
    assert np.median(np.abs(difference)) < 0.005


def test_an_array_that_a_real_tile_lacks(test_data, opened, entry):
    with pytest.raises(VariableError) as missing:
        opened(entry(str(test_data / "lai" / TILE), {"lai": MODIS | {"name": "Lai_500m"}}, reader="hdf4"))
    assert "Lai_1km" in missing.value.found


# ------------------------------------------------------------------------------------ made tiles

SIZE = np.pi * 6371007.181 / 18


def tile(folder, h, v, raw, day="2001001", name=None, **change):
    """A tile as MCD15A2H, of 1 km."""
    x, y = (h - 18) * SIZE, (9 - v) * SIZE
    settings = {
        "name": "Lai_1km", "dtype": "uint8", "grid": "MOD_Grid_MOD15A2H", "projection": "GCTP_SNSOID",
        "corners": (f"{x:.6f},{y:.6f}", f"{x + SIZE:.6f},{y - SIZE:.6f}"), "scale_factor": 0.1, "_FillValue": 255,
        "units": "m^2/m^2",
    }  # fmt: skip
    path = folder / (name or f"MCD15A2H.A{day}.h{h:02}v{v:02}.061.2021083171821.hdf")
    return write(path, raw.astype("uint8"), **settings | change)


def even(code):
    return np.full((1200, 1200), code)


@pytest.mark.slow
def test_a_constant_stays_constant_over_the_seams_of_tiles(tmp_path, opened, entry):
    """Four tiles around 60 N, 20 W: the seam of their columns is slanted, that of their rows a parallel."""
    for h, v in ((16, 3), (17, 3), (15, 2), (16, 2), (17, 2)):
        tile(tmp_path, h, v, even(37))
    ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4")).isel(time=0)
    assert ds["Lai_1km"].data.chunks[0] == (200, 200)
    lai, share = ds["Lai_1km"].values, ds["Lai_1km_valid_share"].values
    np.testing.assert_array_equal(lai[share >= 0.5], np.float32(3.7))
    assert np.isnan(lai[share < 0.5]).all()
    inner = ds["Lai_1km_valid_share"].sel(lat=slice(69.9, 50.1), lon=slice(-29, -0.05))
    np.testing.assert_allclose(inner, 1.0, rtol=1e-6)
    # The sphere's area between the parallels of a tile, on a tenth of its circumference there and less.
    cosines = np.cos(np.radians(ds["lat"]))
    area = float((ds["Lai_1km_valid_share"] * cosines).sum()) * (np.radians(0.05) * 6371007.181) ** 2
    assert area == pytest.approx(5 * SIZE**2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("h", "v"), [(17, 0), (18, 17), (0, 8), (35, 9), (10, 2)])
def test_the_sum_of_a_tile_is_kept_at_the_poles_and_the_date_line(h, v):
    """Only what lies on the globe counts: beyond the date line the grid has corners without one."""
    raw = np.random.default_rng(1).uniform(0, 6, (1200, 1200)).astype("f4")
    raw[np.random.default_rng(2).random(raw.shape) < 0.3] = np.nan
    y = (9 - v) * SIZE - (np.arange(1200) + 0.5) * SIZE / 1200
    x = (h - 18) * SIZE + np.arange(1201) * SIZE / 1200
    lon = np.degrees(x / (6371007.181 * np.cos(y / 6371007.181))[:, None])
    onto = (np.clip(lon[:, 1:], -180, 180) - np.clip(lon[:, :-1], -180, 180)) / np.diff(lon, axis=1)
    total, valid, area = bin_pixels(raw, Tile(h, v), np.radians(np.linspace(-180, 180, 7201)))
    assert total.sum() == pytest.approx(np.nansum(raw * onto), rel=1e-9)
    assert valid.sum() == pytest.approx((np.isfinite(raw) * onto).sum(), rel=1e-9)
    assert (valid <= area * (1 + 1e-9)).all()
    west, east = Tile(h, v).longitudes
    held = np.flatnonzero(valid.sum(axis=0)) * 0.05 - 180
    assert held[0] >= west - 0.05
    assert held[-1] <= east


def test_dates_and_tiles_that_are_missing(tmp_path, opened, entry, cube):
    tile(tmp_path, 17, 9, even(10))
    tile(tmp_path, 17, 9, even(20), day="2001009")
    tile(tmp_path, 18, 9, even(30), day="2001009")
    source = entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4")
    ds = opened(source)
    np.testing.assert_array_equal(ds["time"], np.array(["2001-01-01", "2001-01-09"], "datetime64[ns]"))
    at = ds["Lai_1km"].sel(lat=-5.025, method="nearest")
    for day, lon, want in ((0, -4.975, 1.0), (1, -4.975, 2.0), (0, 5.025, np.nan), (1, 5.025, 3.0)):
        np.testing.assert_array_equal(at.sel(lon=lon, method="nearest")[day], np.float32(want))
    moist = MODIS | {"units": "m3 m-3", "attr_units": "m2 m-2"}
    made = cube(entry(f"{tmp_path}/*.hdf", {"soil_moisture": moist}, reader="hdf4"), "2001-01", "2001-01")
    west = made.dataset["soil_moisture"].sel(lat=-5.025, lon=-4.975, method="nearest")
    np.testing.assert_allclose(west, (8 * 1.0 + 8 * 2.0) / 16, rtol=1e-6)


def test_tiles_that_are_not_what_their_names_promise(tmp_path, opened, entry):
    def refused(error, read=True):
        with pytest.raises(error) as caught:
            ds = opened(entry(f"{tmp_path}/*.hdf", {"lai": MODIS}, reader="hdf4"))
            if read:
                ds["Lai_1km"].load()
        for path in tmp_path.glob("*.hdf"):
            path.unlink()
        assert all(caught.value.record().values())
        return caught.value

    tile(tmp_path, 17, 3, even(1), name="MCD15A2H.A2001001.h18v03.061.hdf")
    assert "-1111950.5" in refused(GridError).found
    tile(tmp_path, 17, 3, np.ones((600, 600)))
    assert refused(GridError).found == "(600, 600)"
    tile(tmp_path, 17, 3, even(1), name="MCD15A2H.A2001001.h36v03.061.hdf")
    assert "h36v03" in refused(CatalogError, read=False).found
    tile(tmp_path, 17, 3, even(1))
    tile(tmp_path, 17, 3, even(1), name="MYD15A2H.A2001001.h17v03.061.hdf")
    assert "MYD15A2H" in refused(CalendarError, read=False).found
    tile(tmp_path, 17, 3, even(150))
    assert "15" in refused(RangeError).found
