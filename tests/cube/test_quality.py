import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import month_range, steps_of
from smcloud.cube.monthly import monthly
from smcloud.cube.quality import ValueCounts, add_counters, by_name, count, count_months, validate_counters
from smcloud.cube.reduction import reduce_months
from smcloud.errors import ClimatologyError, NoDataError, RangeError


def computed(values, valid_range=(0.0, 1.0)):
    (numbers,) = dask.compute(count(xr.DataArray(np.asarray(values, np.float32)).chunk(), valid_range))
    return numbers


def test_values_inside_pass():
    validate_counters("soil_moisture", computed([0.0, 0.5, 1.0, np.nan]), (0, 1), "m3 m-3", "x")


@pytest.mark.parametrize("wrong", [-9999.0, 1.1, -0.01, np.inf, -np.inf])
def test_values_outside_are_counted_and_named(wrong):
    with pytest.raises(RangeError) as err:
        validate_counters("soil_moisture", computed([0.2, wrong, wrong, np.nan]), (0, 1), "m3 m-3", "cci:sm")
    assert err.value.found.startswith("2 values")
    assert f"{wrong:g}" in err.value.found
    assert "0 to 1 m3 m-3" in err.value.expected
    assert err.value.where == "cci:sm"


def test_the_rounding_of_packed_values_beside_the_limit_passes():
    validate_counters("soil_moisture", computed([np.float32(0.1) * 10, 1 + 1e-7]), (0, 1), "m3 m-3", "x")


def test_nothing_valid_is_an_error():
    with pytest.raises(NoDataError, match="no valid value"):
        validate_counters("lai", computed([np.nan, np.nan]), (0, 1), "m2 m-2", "x")


def test_an_empty_window_is_nothing_valid():
    with pytest.raises(NoDataError):
        validate_counters("lai", computed(np.zeros((0, 2, 3))), (0, 1), "m2 m-2", "x")


def steps(da, period):
    return steps_of(da["time"], VariableSpec(name="x", units="1", period=period, valid_range=(0, 1)), "x")


def record(first, last, freq, values):
    time = pd.date_range(first, last, freq=freq)
    return xr.DataArray(values(time), {"time": time, "lat": [0.0, 1], "lon": [0.0]}, ("time", "lat", "lon"))


@pytest.mark.parametrize("chunks", [{"time": 1}, {"time": 5, "lat": 1}, {}])
def test_a_record_is_counted_by_month_whatever_its_chunks(chunks):
    rng = np.random.default_rng(4)
    da = record("2000-01-01", "2000-12-31", "8D", lambda t: rng.normal(0.5, 0.5, (len(t), 2, 1)).astype("f4"))
    da[3, 0], da[4, 1], da[10], da[12, 1] = np.nan, np.inf, np.nan, -np.inf
    at = steps(da, "8day"), month_range("2000-02", "2000-11")
    ((numbers,),) = reduce_months([da.chunk(chunks)], *at, [ValueCounts((0.0, 1.0))])
    got = add_counters([{"x": dask.compute(by_name(numbers))[0]}])["x"]
    first = np.maximum(da["time"].values.astype("datetime64[M]"), np.datetime64("2000-02"))
    ends = da["time"].values + np.timedelta64(8, "D") > np.datetime64("2000-02-01")  # it reaches into the period
    for month in at[1]:
        held = da.values[(first == month) & ends]
        assert got["valid"][month] == np.isfinite(held).sum()
        assert got["outside"][month] == ((held < 0) | (held > 1)).sum()
        assert (got["smallest"][month], got["largest"][month]) == (np.nanmin(held), np.nanmax(held))


def test_the_first_month_outside_is_named():
    months = {np.datetime64(f"2000-0{i}"): n for i, n in ((1, 0), (2, 3), (3, 1))}
    counted = {"valid": months, "outside": months, "smallest": months, "largest": months}
    with pytest.raises(RangeError, match="values outside") as err:
        validate_counters("lai", counted, (0, 1), "1", "x")
    assert err.value.found == "4 values, from 0 to 3 1, first in 2000-02"


@pytest.mark.parametrize("wrong", [-9999.0, 9.96921e36, np.inf, -0.01, 1.2])
def test_an_uncertainty_outside_its_range_is_refused(wrong):
    good, bad = computed([0.1, 0.2]), computed([0.01, wrong])
    counted = good | {f"uncertainty_{key}": value for key, value in good.items()}
    validate_counters("soil_moisture", counted, (0, 1), "m3 m-3", "x")
    with pytest.raises(RangeError, match="uncertainty of soil_moisture"):
        validate_counters(
            "soil_moisture", counted | {f"uncertainty_{key}": v for key, v in bad.items()}, (0, 1), "m3 m-3", "x"
        )


def leaf_area(years_alike):
    """Composites of 8 days with a season; each year has the same, or its own departures."""
    rng = np.random.default_rng(8)

    def values(time):
        position = (time.dayofyear - 1) // 8
        season = 3 + 2 * np.sin(2 * np.pi * position / 46)
        departures = 0.3 * rng.normal(size=(46 if years_alike else len(time), 2, 1))
        return season.values[:, None, None] + (departures[position] if years_alike else departures)

    stamps = [pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D") for year in range(2000, 2006)]
    time = stamps[0].append(stamps[1:])
    da = xr.DataArray(values(time), {"time": time, "lat": [0.0, 1], "lon": [0.0]}, ("time", "lat", "lon"))
    return monthly(da, steps(da, "8day"), month_range("2000-01", "2005-12"))[0]


@pytest.mark.parametrize("alike", [True, False])
def test_a_climatology_of_composites_is_found_though_leap_years_move_it(alike):
    value = leaf_area(alike)
    assert not alike or len(np.unique(value.isel(lat=0, lon=0, time=slice(2, None, 12)))) > 1
    counted = computed([0.1, 3.0], (0, 10)) | dask.compute(count_months("lai", value))[0]
    if not alike:
        validate_counters("lai", counted, (0, 10), "1", "x")
        return
    with pytest.raises(ClimatologyError, match="same in every year"):
        validate_counters("lai", counted, (0, 10), "1", "x")


def test_coverage_is_that_of_the_months_as_written():
    value = xr.DataArray([[[0.1, np.nan]], [[np.nan, np.nan]]], dims=("time", "lat", "lon"))
    value = value.assign_coords(time=month_range("2001-01", "2001-02").astype("datetime64[ns]"))
    with pytest.raises(NoDataError, match="without any value") as err:
        validate_counters("lai", computed([0.5]) | {"coverage": count_months("x", value)["coverage"]}, (0, 1), "1", "x")
    assert "2001-02 (1 of 2 months)" in err.value.found
