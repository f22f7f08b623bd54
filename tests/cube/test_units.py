import numpy as np
import pytest
import xarray as xr

from smcloud.cube.units import convert, cube_units
from smcloud.errors import UnitError

DAYS = xr.DataArray([31.0, 29.0, 28.0], dims="time")
ONES = xr.DataArray([1.0, 2.0, np.nan], dims="time")


@pytest.mark.parametrize(
    ("role", "units", "aggregate", "expected", "target"),
    [
        ("precipitation", "m", "sum", [1000, 2000], "mm month-1"),
        ("precipitation", "mm", "sum", [1, 2], "mm month-1"),
        ("precipitation", "kg m-2", "sum", [1, 2], "mm month-1"),
        ("precipitation", "mm month-1", "mean", [1, 2], "mm month-1"),
        ("precipitation", "mm day-1", "mean", [31, 58], "mm month-1"),
        ("precipitation", "m day-1", "mean", [31000, 58000], "mm month-1"),
        ("precipitation", "kg m-2 s-1", "mean", [31 * 86400, 2 * 29 * 86400], "mm month-1"),
        ("potential_evaporation", "m", "sum", [1000, 2000], "mm month-1"),
        ("soil_temperature", "K", "mean", [1, 2], "K"),
        ("soil_temperature", "degC", "mean", [274.15, 275.15], "K"),
        ("soil_temperature", "Celsius", "mean", [274.15, 275.15], "K"),
        ("soil_moisture", "m3 m-3", "mean", [1, 2], "m3 m-3"),
        ("soil_moisture", "%", "mean", [0.01, 0.02], "m3 m-3"),
        ("soil_moisture", "percent", "mean", [0.01, 0.02], "m3 m-3"),
        ("lai", "1", "mean", [1, 2], "m2 m-2"),
        ("clay", "g kg-1", "mean", [0.1, 0.2], "%"),
        ("elevation", "km", "mean", [1000, 2000], "m"),
        ("snow_depth", "cm", "mean", [1, 2], "cm"),
        ("runoff", "mm", "sum", [1, 2], "mm month-1"),
    ],
)
def test_conversions(role, units, aggregate, expected, target):
    out = convert(ONES, role, units, aggregate, DAYS, "x")
    np.testing.assert_allclose(out.values[:2], expected, rtol=1e-12)
    assert np.isnan(out.values[2])
    assert out.attrs["units"] == target == cube_units(role, units, aggregate)


@pytest.mark.parametrize(
    ("role", "units", "aggregate"),
    [
        ("precipitation", "m", "mean"),  # a depth without a time is no rate
        ("precipitation", "K", "sum"),
        ("precipitation", "mm day-1", "sum"),
        ("soil_temperature", "m", "mean"),
        ("soil_moisture", "kg m-2", "mean"),
        ("soil_moisture", "furlongs of soil", "mean"),
        ("lai", "(0 - 2)", "mean"),
    ],
)
def test_what_cannot_be_converted_names_both_units(role, units, aggregate):
    with pytest.raises(UnitError) as err:
        convert(ONES, role, units, aggregate, DAYS, "entry:name")
    assert err.value.found == units
    assert err.value.where == "entry:name"
    assert err.value.expected


def test_a_static_rate_has_no_month():
    with pytest.raises(UnitError, match="static"):
        convert(ONES, "precipitation", "mm day-1", "mean", None, "x")
