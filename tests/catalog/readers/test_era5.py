"""ERA5 as ARCO's Zarr store: where its final and its provisional record end."""

import shutil

import numpy as np
import pytest

from smcloud.catalog import load_catalog
from smcloud.cube.provisional import ValidLimits
from smcloud.errors import CatalogError
from tests.catalog.readers.era5_files import ROLES


@pytest.mark.slow
def test_the_final_record_ends_the_source(cube, hourly):
    made = cube(hourly(valid_end={"attr": "valid_time_stop"}), "2000-01", "2000-03", ROLES)
    source = made.sources["precipitation"]
    assert source.limits == ValidLimits("2000-01-31", None)
    assert source.provisional is None
    assert source.steps.end[-1] == np.datetime64("2000-02-01")
    np.testing.assert_array_equal(made.dataset["provisional"], 0)
    np.testing.assert_array_equal(made.dataset["precipitation"].notnull().all(("lat", "lon")), [1, 0, 0])


@pytest.mark.slow
def test_the_provisional_part_is_read_and_its_months_are_marked(arco, cube, hourly):
    limits = {"attr": "valid_time_stop", "provisional_attr": "valid_time_stop_era5t"}
    made = cube(hourly(valid_end=limits), "2000-01", "2000-03", ROLES)
    for role in ("precipitation", "soil_moisture"):
        source = made.sources[role]
        assert source.limits == ValidLimits("2000-01-31", "2000-03-05")
        assert source.steps.end[-1] == np.datetime64("2000-03-06")
        first = source.steps.start[source.provisional][0]
        assert first == np.datetime64("2000-02-01")
        assert not source.provisional[source.steps.end <= first].any()
    ds = made.dataset
    np.testing.assert_array_equal(ds["provisional"], [0, 1, 1])
    assert ds["provisional"].attrs["flag_meanings"] == "final provisional"
    np.testing.assert_array_equal(ds["precipitation"].notnull().all(("lat", "lon")), [1, 1, 0])  # March is not over
    there = {"time": "2000-02", "lat": slice(None), "lon": slice(None)}
    hours = arco["total_precipitation"].sel(time=slice("2000-02-01T01", "2000-03-01T00")).astype("float64")
    february = hours.sum("time").roll(longitude=2).isel(latitude=slice(None, None, -1)) * 1000
    np.testing.assert_allclose(ds["precipitation"].sel(there).squeeze("time"), february, rtol=1e-6)
    height = arco["geopotential_at_surface"].roll(longitude=2).isel(latitude=slice(None, None, -1)) / 9.80665
    np.testing.assert_allclose(ds["elevation"], height, rtol=1e-6)


@pytest.mark.slow
def test_a_provisional_end_that_lags_behind_shortens_nothing(arco, tmp_path, cube, hourly):
    shutil.copytree(arco.attrs["path"], tmp_path / "copy.zarr")
    for name in (".zattrs", ".zmetadata"):
        text = (tmp_path / "copy.zarr" / name).read_text()
        (tmp_path / "copy.zarr" / name).write_text(text.replace("2000-03-05", "2000-01-10"))
    limits = {"attr": "valid_time_stop", "provisional_attr": "valid_time_stop_era5t"}
    made = cube(hourly(tmp_path / "copy.zarr", valid_end=limits), "2000-01", "2000-02", ROLES)
    assert made.sources["precipitation"].limits == ValidLimits("2000-01-31", "2000-01-10")
    assert made.sources["precipitation"].steps.end[-1] == np.datetime64("2000-02-01")
    np.testing.assert_array_equal(made.dataset["provisional"], 0)


@pytest.mark.slow
def test_an_attribute_of_the_valid_end_that_is_not_there(cube, hourly):
    for limits in ({"attr": "stop"}, {"attr": "valid_time_stop", "provisional_attr": "stop"}):
        with pytest.raises(CatalogError) as caught:
            cube(hourly(valid_end=limits), "2000-01", "2000-03", ROLES)
        assert caught.value.expected == "stop"
        assert all(caught.value.record().values())


def test_the_public_entries_name_their_ends():
    assert load_catalog("catalogs/public.yaml").sources["era5_icechunk"].metadata.valid_end.months == 3
    end = load_catalog("catalogs/public.yaml").sources["era5_hourly"].metadata.valid_end
    assert (end.attr, end.provisional_attr) == ("valid_time_stop", "valid_time_stop_era5t")
