"""Values judged in the cube's unit: counts by hand, whatever the chunks, and what an error says."""

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.cube.quality import add_counters, validate_counters
from smcloud.cube.ranges import CUBE_RANGES, count_cube, limits_of, without_drizzle_below_zero
from smcloud.cube.units import CUBE_UNITS
from smcloud.errors import RangeError

MONTHS = pd.date_range("2000-01", periods=5, freq="MS")


def months(values):
    return xr.DataArray(values, {"time": MONTHS, "lat": np.arange(4.0), "lon": np.arange(3.0)}, ("time", "lat", "lon"))


def rain():
    values = np.random.default_rng(3).uniform(0, 300, (5, 4, 3))
    values[0, 0, :2], values[3, 1, 1], values[2] = [-0.0099, -1e-9], np.nan, np.nan
    return values


def test_every_role_with_a_fixed_unit_has_a_range_but_codes_and_errors():
    assert set(CUBE_UNITS) - set(CUBE_RANGES) == {"land_cover", "soil_moisture_uncertainty"}
    assert limits_of("no_such_role") == (-np.inf, np.inf)


def test_rain_a_little_below_zero_is_set_to_zero_and_counted():
    values = rain()
    made, counters = without_drizzle_below_zero("precipitation", months(values).chunk(time=2))
    np.testing.assert_array_equal(made, np.where(values < 0, 0, values))
    assert counters["zeroed"].values.tolist() == [2, 0, 0, 0, 0]
    kept, none = without_drizzle_below_zero("potential_evaporation", months(values))
    np.testing.assert_array_equal(kept, values)
    assert not none


@pytest.mark.parametrize("chunks", [{}, {"time": 2}, {"time": 3, "lat": 2, "lon": 1}])
@pytest.mark.parametrize("transposed", [False, True])
def test_months_are_counted_whatever_their_chunks(chunks, transposed):
    values = rain()
    values[4, 2, 2], values[1, 0, 0] = 10_001.0, -0.02
    da = months(values).transpose("lon", "time", "lat") if transposed else months(values)
    got = dask.compute(count_cube("precipitation", da.chunk(chunks)))[0]
    assert got["coverage"].values.tolist() == [12, 12, 0, 11, 12]
    assert got["cube_outside"].values.tolist() == [0, 1, 0, 0, 1]
    filled = values.reshape(5, -1)
    for name, of, empty in (("cube_smallest", np.nanmin, np.inf), ("cube_largest", np.nanmax, -np.inf)):
        expected = [empty if np.isnan(month).all() else of(month) for month in filled]
        assert got[name].values.tolist() == expected
        assert got[name]["time"].values.tolist() == MONTHS.values.tolist()


def test_a_static_layer_has_scalars():
    layer = xr.DataArray([[10.0, 101.0, np.nan]], dims=("lat", "lon"))
    got = dask.compute(count_cube("clay", layer))[0]
    assert {name: float(value) for name, value in got.items()} == {
        "cube_outside": 1, "cube_smallest": 10, "cube_largest": 101,
    }  # fmt: skip


def judged(role, values, units, raw):
    numbers = {"valid": 60.0, "outside": 0.0, "smallest": raw[0], "largest": raw[1]}
    counters = add_counters([{role: dask.compute(numbers | count_cube(role, months(values)))[0]}])[role]
    validate_counters(role, counters, (-1e9, 1e9), units, "entry:name")


@pytest.mark.parametrize(
    ("role", "low", "high"),
    [("potential_evaporation", -300, -1), ("precipitation", 0, 9300), ("soil_temperature", 183, 340),
     ("soil_moisture_reference", -0.0033, 0.7), ("lai", 0, 10), ("soil_moisture", 0, 1 + 1e-7)],
)  # fmt: skip
def test_what_is_measured_passes(role, low, high):
    judged(role, np.linspace(low, high, 60).reshape(5, 4, 3), CUBE_UNITS[role], (low, high))


@pytest.mark.parametrize(
    ("role", "units", "factor", "raw", "words"),
    [("temperature", "K", 1, (-20, 30), ["degC", "-20 to 30 K", "180 to 350 K"]),
     ("temperature", "degC", 1, (500, 560), ["500 to 560 K", "units: degC"]),
     ("soil_moisture", "1", 1, (5, 45), ["in %", "-0.01 to 1 m3 m-3"]),
     ("precipitation", "m", 1000, (0, 20), ["20000 mm month-1", "scale or aggregate"]),
     ("precipitation", "mm", 1, (-5, 20), ["-5", "below 0"]),
     ("lai", "", 1, (0, 100), ["100 m2 m-2", "made of values in 1"])],
)  # fmt: skip
def test_what_cannot_be_is_an_error_that_names_unit_values_and_cause(role, units, factor, raw, words):
    values = np.linspace(*raw, 60).reshape(5, 4, 3) * factor
    with pytest.raises(RangeError) as err:
        judged(role, values, units, raw)
    text = str(err.value).replace("from ", "")
    assert not [word for word in (*words, "entry:name") if word.replace("units: ", "attr_units: ") not in text], text
