"""HDF4: GLASS leaf area and MODIS land cover, written with the structure of the originals."""

import pickle
import shutil

import dask
import numpy as np
import pytest
from pyhdf.SD import SD

from smcloud.catalog.readers import hdf_eos, reader_of
from smcloud.catalog.schema import Entry
from smcloud.cube import validate_counters
from smcloud.errors import CalendarError, CatalogError, GridError, RangeError, UnitError
from tests.catalog.readers.hdf_eos_files import LAI, write

PLAIN = ("-180.000000,90.000000", "180.000000,-90.000000")


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
