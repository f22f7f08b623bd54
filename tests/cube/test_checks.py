import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.cube.checks import count, judge
from smcloud.errors import NoDataError, RangeError


def computed(values, valid_range=(0.0, 1.0)):
    (numbers,) = dask.compute(count(xr.DataArray(np.asarray(values, np.float32)).chunk(), valid_range))
    return numbers


def test_values_inside_pass():
    judge("soil_moisture", computed([0.0, 0.5, 1.0, np.nan]), (0, 1), "m3 m-3", "x")


@pytest.mark.parametrize("wrong", [-9999.0, 1.1, -0.01, np.inf, -np.inf])
def test_values_outside_are_counted_and_named(wrong):
    with pytest.raises(RangeError) as err:
        judge("soil_moisture", computed([0.2, wrong, wrong, np.nan]), (0, 1), "m3 m-3", "cci:sm")
    assert err.value.found.startswith("2 values")
    assert f"{wrong:g}" in err.value.found
    assert "0 to 1 m3 m-3" in err.value.expected
    assert err.value.where == "cci:sm"


def test_the_rounding_of_packed_values_beside_the_limit_passes():
    judge("soil_moisture", computed([np.float32(0.1) * 10, 1 + 1e-7]), (0, 1), "m3 m-3", "x")


def test_nothing_valid_is_an_error():
    with pytest.raises(NoDataError, match="no valid value"):
        judge("lai", computed([np.nan, np.nan]), (0, 1), "m2 m-2", "x")


def test_an_empty_window_is_nothing_valid():
    with pytest.raises(NoDataError):
        judge("lai", computed(np.zeros((0, 2, 3))), (0, 1), "m2 m-2", "x")
