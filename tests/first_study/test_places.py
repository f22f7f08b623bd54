"""Names of files: which are one record, how they are written as a pattern, what an entry is called."""

from fnmatch import fnmatchcase

import hypothesis.strategies as st
from hypothesis import given

from smcloud.errors import FileFormError
from smcloud.first_study.places import Group, alike, found_in, pattern_of

DAYS = [f"/d/ESACCI-SM-COMBINED-2000{month:02}01000000-fv04.5.nc" for month in (1, 2, 3)]


def test_files_that_differ_in_numbers_and_months_are_one_record():
    names = ["/d/tp_2000.nc", "/d/tp_2001.nc", "/d/stl1_2000.nc", "/d/rain_Jan.nc", "/d/rain_feb.nc", "/d/january.nc"]
    assert sorted(map(len, alike(names, "netcdf"))) == [1, 1, 2, 2]
    assert alike(["/d/2000/a.nc", "/d/2001/a.nc"], "netcdf") == [("/d/2000/a.nc", "/d/2001/a.nc")]
    assert len(alike(["/d/a1.tif", "/d/a2.tif"], "geotiff")) == 2


def test_a_pattern_keeps_what_is_common_and_matches_no_other_file():
    assert pattern_of(DAYS, ()) == "/d/ESACCI-SM-COMBINED-*-fv04.5.nc"
    assert pattern_of(DAYS[:1], ()) == DAYS[0]
    assert pattern_of(DAYS, ["/d/ESACCI-SM-COMBINED-x-fv04.5.nc"]) == tuple(DAYS)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=6, unique=True), st.integers(0, 99))
def test_a_pattern_matches_all_files_of_its_record(numbers, same):
    files = [f"/data/x{same}_{number}.v{same}.nc" for number in numbers]
    (group,) = alike(files, "netcdf")
    pattern = pattern_of(group, ())
    assert all(fnmatchcase(file, pattern) for file in files)
    assert pattern.startswith(f"/data/x{same}_")


def test_entries_are_called_by_what_does_not_change():
    def title(*files):
        return Group("netcdf", files, "/d", {}).title

    assert title(*DAYS) == "esacci_sm_combined"
    assert title("/d/MCD15A2.A2012177.h17v03.005.2012188150145.hdf") == "mcd15a2_h17v03"
    assert title("/d/ERA5 core.nc4") == "era5_core"
    assert title("/d/2000.nc", "/d/2001.nc") == "source"
    assert title("s3://b/SeasFireCube_v3.zarr") == "seasfirecube"


def test_a_folder_is_looked_through_and_each_form_named(tmp_path):
    (tmp_path / "below" / "store.zarr").mkdir(parents=True)
    (tmp_path / "below" / "store.zarr" / ".zgroup").write_text("{}")
    (tmp_path / "below" / "store.zarr" / "x.nc").write_bytes(b"CDF\x01")
    (tmp_path / "a1.nc").write_bytes(b"CDF\x01")
    (tmp_path / "a2.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "forecast.nc").write_bytes(b"GRIB")
    for number in range(3):
        (tmp_path / f"{number}.csv.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / ".DS_Store").touch()
    groups, left = found_in(str(tmp_path), {})
    assert {group.form: len(group.files) for group in groups} == {"netcdf": 2, "zarr": 1}
    told = {one.name.removeprefix(f"{tmp_path}/"): one.why for one in left}
    assert told == {"forecast.nc": "a GRIB file", "0.csv.gz and 2 more": "a table"}
    assert "grib_to_netcdf" in next(one.next for one in left if "GRIB" in one.why)
    try:
        found_in(str(tmp_path / "none"), {})
    except FileFormError as err:
        assert err.found == "no file and no folder"
    else:
        raise AssertionError


def test_links_that_lead_round_are_followed_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.nc").write_bytes(b"CDF\x01")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    groups, _ = found_in(str(tmp_path), {})
    assert [len(group.files) for group in groups] == [1]
