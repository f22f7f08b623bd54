"""ESA CCI and C3S: daily files of every generation."""

import shutil

import h5py
import netCDF4
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.errors import CalendarError, CatalogError, FileFormError, VariableError
from smcloud.io_errors import VALUES, reaching
from tests.catalog.readers.real_images import CCI, FLAGGED, IMAGES, SM, unpacked


@pytest.mark.slow
@pytest.mark.parametrize("which", IMAGES)
def test_every_generation_of_real_files(test_data, opened, entry, which):
    name, day = IMAGES[which]
    path = test_data / "cci_images" / name
    ds = opened(entry(str(path), {"soil_moisture": SM}, reader="esa_cci"))
    assert ds["time"].values == [np.datetime64(day)]
    assert "t0" not in ds
    assert ds["sm"].dtype == np.float32
    with xr.open_dataset(path, engine="netcdf4") as plain:
        for name in set(ds.data_vars) & {"sm", "sm_uncertainty", "flag", "sensor"}:
            np.testing.assert_array_equal(ds[name][0], unpacked(path, name), err_msg=name)
            np.testing.assert_array_equal(ds[name][0], plain[name][0], err_msg=name)
            assert ds[name].attrs["long_name"] == plain[name].attrs["long_name"]
        np.testing.assert_array_equal(ds["lat"], plain["lat"])


def test_values_of_packed_integers_survive_their_valid_range(test_data, opened, entry):
    path = test_data / "cci_images" / IMAGES["v02.2"][0]
    with netCDF4.Dataset(path) as file:
        assert file["sm"].dtype == np.int16  # and valid_range is 0 to 1
        hidden = file["sm"][0].count()
    for reader in ("default", "esa_cci"):
        ds = opened(entry(str(path), {"soil_moisture": SM}, reader=reader))
        valid = int(ds["sm"].notnull().sum())
        assert valid == np.isfinite(unpacked(path, "sm")).sum()
        assert hidden < valid / 100


@pytest.mark.slow
def test_the_stamp_a_microsecond_before_midnight_is_the_day_of_its_name(test_data, cube, entry):
    path = test_data / "cci_images" / IMAGES["v02.2"][0]
    with xr.open_dataset(path, engine="netcdf4") as raw:
        assert str(raw["time"].values[0]).startswith("1999-12-31T23:59:59.9999")
    for reader in ("default", "esa_cci"):
        made = cube(entry(str(path), {"soil_moisture": FLAGGED}, reader=reader), "1999-12", "2000-01")
        assert made.sources["soil_moisture"].steps.start == np.array(["2000-01-01"], "datetime64[s]")
        assert made.dataset["soil_moisture"][0].isnull().all()
        assert made.dataset["soil_moisture"][1].notnull().any()


@pytest.mark.slow
def test_daily_images_give_the_cube_of_the_default_reader(test_data, cube, entry):
    files = str(test_data / "cci_images" / (CCI + "PASSIVE-*.nc"))
    drop = {"xarray_kwargs": {"drop_variables": ["t0"]}, "chunks": {}}
    plain = cube(entry(files, {"soil_moisture": FLAGGED}, args=drop), "2016-12", "2016-12")
    made = cube(entry(files, {"soil_moisture": FLAGGED}, reader="esa_cci"), "2016-12", "2016-12")
    xr.testing.assert_identical(made.dataset, plain.dataset)
    assert made.counters == plain.counters
    assert made.dataset["soil_moisture_days"].max() == 3


@pytest.mark.slow
def test_the_sensors_of_v02_2_are_bits_beside_those_of_later_files(test_data, opened, cube, entry):
    """Its code 3 is TMI (4), in the bits of v04.5 it would be SMMR and SSMI; each file is read by its own list."""
    old, late = (test_data / "cci_images" / IMAGES[version][0] for version in ("v02.2", "v04.5"))
    spec = FLAGGED | {"sensor": "sensor"}
    codes, bits = unpacked(old, "sensor"), unpacked(late, "sensor")
    assert set(codes[np.isfinite(codes)]) == {2, 3}
    want = np.where(codes == 3, 4, codes)
    versions = {"prefer": "newest"}
    ds = opened(entry([str(late), str(old)], {"soil_moisture": spec}, reader="esa_cci", versions=versions))
    np.testing.assert_array_equal(ds["sensor"], np.stack([want, bits]))
    assert ds["sensor"].attrs["flag_masks"][:3] == [1, 2, 4]
    for reader in ("default", "esa_cci"):
        made = cube(entry(str(old), {"soil_moisture": spec}, reader=reader), "2000-01", "2000-01")
        got = made.dataset["soil_moisture_sensors"][0]
        valid = np.isfinite(unpacked(old, "sm"))[::-1] & (unpacked(old, "flag")[::-1] == 0)
        np.testing.assert_array_equal(got, np.where(valid, np.nan_to_num(want)[::-1], 0))
        assert set(np.unique(got)) == {0, 2, 4}


@pytest.mark.parametrize("which", [0, 1])
def test_a_sensor_that_is_not_known_is_refused(copies, opened, entry, which):
    """In the first file when the entry is opened, in a later one when it is read."""
    folder = copies("2010-07-01", "2010-07-02")
    with h5py.File(sorted(folder.glob("*.nc"))[which], "r+") as file:
        words = file["sensor"].attrs["flag_meanings"].decode().replace("SMMR", "SPAM")
        file["sensor"].attrs["flag_meanings"] = np.bytes_(words)
    with pytest.raises(VariableError) as caught:
        ds = opened(entry(f"{folder}/*.nc", {"soil_moisture": SM | {"sensor": "sensor"}}, reader="esa_cci"))
        if which:
            ds["sensor"].compute()
    assert caught.value.found == "SPAM"
    assert all(caught.value.record().values())


@pytest.fixture
def copies(test_data, tmp_path):
    """A function that makes a folder of a real file under the days given."""

    def make(*days, which="v04.5"):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        for day in days:
            path = folder / IMAGES[which][0].replace("20100701", day.replace("-", ""))
            shutil.copyfile(test_data / "cci_images" / IMAGES[which][0], path)
            with h5py.File(path, "r+") as file:
                file["time"][0] = (pd.Timestamp(day) - pd.Timestamp("1970-01-01")).days
        return folder

    return make


def test_only_the_first_file_is_opened_for_the_metadata(copies, opened, entry):
    folder = copies("2010-07-01", "2010-07-02")
    (folder / IMAGES["v04.5"][0].replace("20100701", "20100630")).write_bytes(b"")
    cut = folder / IMAGES["v04.5"][0].replace("20100701", "20100703")
    cut.write_bytes(next(folder.glob("*20100701*")).read_bytes()[:-4000])
    with pytest.raises(FileFormError, match=r"20100630.* is an empty file"):
        opened(entry(f"{folder}/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
    (folder / IMAGES["v04.5"][0].replace("20100701", "20100630")).unlink()
    ds = opened(entry(f"{folder}/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
    np.testing.assert_array_equal(ds["time"], pd.date_range("2010-07-01", periods=3))
    assert ds["sm"][:2].notnull().any()
    with pytest.raises(FileFormError) as caught, reaching(VALUES, "here"):
        ds["sm"][2].compute()
    assert (caught.value.exit_code, caught.value.where) == (3, str(cut))


def test_files_that_are_not_what_their_names_promise(copies, opened, entry):
    def change(name, day, alter):
        folder = copies("2010-07-01", day)
        with h5py.File(folder / IMAGES["v04.5"][0].replace("20100701", day.replace("-", "")), "r+") as file:
            alter(file)
        ds = opened(entry(f"{folder}/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
        with pytest.raises(ValueError, match=name):
            ds["sm"][-1].compute()

    def lengthen(file):
        del file["lat"]
        file.create_dataset("lat", shape=(3_000_000_000,), maxshape=(None,), chunks=(2**20,), dtype="f4")

    change("another day", "2010-07-02", lambda file: file["time"].write_direct(np.array([14790.0])))
    change("another grid", "2010-07-03", lambda file: file["lat"].write_direct(file["lat"][:][::-1].copy()))
    change("states sm in perc", "2010-07-04", lambda file: file["sm"].attrs.modify("units", np.bytes_("percent")))
    change("another shape", "2010-07-05", lengthen)


def test_two_versions_of_a_day_and_names_without_a_day(copies, opened, entry):
    folder = copies("2010-07-01")
    first = folder / IMAGES["v04.5"][0]
    shutil.copyfile(first, folder / first.name.replace("fv04.5", "fv04.7"))
    with pytest.raises(CalendarError) as caught:
        opened(entry(f"{folder}/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
    assert "fv04.5" in caught.value.found
    assert "fv04.7" in caught.value.found
    assert all(caught.value.record().values())
    shutil.copyfile(first, folder / "readme.nc")
    with pytest.raises(CalendarError) as caught:
        opened(entry(f"{folder}/readme.nc", {"soil_moisture": SM}, reader="esa_cci"))
    assert caught.value.found == "readme.nc"


@pytest.mark.slow
def test_interim_files_of_c3s_follow_the_final_ones(copies, cube, entry):
    """Named ICDR, they are provisional; where a final file of the day came later, that one is read."""
    folder = copies("2010-06-30", "2010-07-01", "2010-07-02")

    def c3s(day, kind):
        return folder / f"C3S-SOILMOISTURE-L3S-SSMV-COMBINED-DAILY-{day}000000-{kind}-v202212.0.0.nc"

    for path, kind in zip(sorted(folder.glob("ESACCI*")), ("TCDR", "TCDR", "ICDR"), strict=True):
        path.rename(c3s(path.name.split("-")[5][:8], kind))
    shutil.copyfile(c3s("20100701", "TCDR"), c3s("20100701", "ICDR"))
    with h5py.File(c3s("20100701", "ICDR"), "r+") as file:
        file["sm"][:] = 0.5
    source = entry(f"{folder}/C3S-*-*CDR-*.nc", {"soil_moisture": FLAGGED}, reader="esa_cci")
    made = cube(source, "2010-06", "2010-07")
    np.testing.assert_array_equal(made.sources["soil_moisture"].provisional, [False, False, True])
    np.testing.assert_array_equal(made.dataset["provisional"], [0, 1])
    days = made.dataset["soil_moisture"]
    np.testing.assert_array_equal(days[0], days[1])  # of one real file, and not the half of the interim one
    assert made.sources["soil_moisture"].values["time"].size == 3
    c3s("20100702", "ICDR").unlink()
    assert cube(source, "2010-06", "2010-07").sources["soil_moisture"].provisional is None


def test_remote_and_absent_files_are_refused(opened, entry):
    with pytest.raises(CatalogError) as caught:
        opened(entry("memory://images/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
    assert all(caught.value.record().values())
    with pytest.raises(FileFormError) as caught:
        opened(entry("/nowhere/*.nc", {"soil_moisture": SM}, reader="esa_cci"))
    assert caught.value.exit_code == 3
