"""Sensor codes as bits: the bit masks of real files stay, the numbers of v02.2 become bits."""

import numpy as np
import pytest
import xarray as xr

from smcloud.catalog.readers.sensor_codes import SENSORS, as_bits, bits_of_codes
from smcloud.errors import VariableError

# As v02.2 states them.
OLD = {
    "flag_values": np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 18], "int8"),
    "flag_meanings": "SMMR SSMI TMI AMSR_E AMI_WS ASCAT SSMI+AMI_WS TMI+AMI_WS AMSR_E+AMI_WS AMSR_E+ASCAT WindSat "
    "AMSR2 WindSat+ASCAT AMSR2+ASCAT",
}
BITS = [1, 2, 4, 8, 128, 256, 130, 132, 136, 264, 16, 32, 272, 288]  # of DATA.md, as v04.5 states them


def test_the_numbers_of_v02_2_are_bits():
    assert list(bits_of_codes(OLD, "here").values()) == BITS
    assert bits_of_codes(OLD | {"flag_meanings": OLD["flag_meanings"].encode()}, "here") == bits_of_codes(OLD, "here")
    raw = xr.DataArray(np.array([[3.0, np.nan, 6.0], [10.0, 1.0, 18.0]]), dims=("lat", "lon"), attrs=OLD)
    for da in (raw, raw.chunk(lat=1)):
        made = as_bits(da, "here")
        np.testing.assert_array_equal(made, [[4, np.nan, 256], [264, 1, 288]])
        assert (made.chunks is None) == (da.chunks is None)
        assert made.attrs["flag_meanings"].split() == list(SENSORS)
        xr.testing.assert_identical(as_bits(made, "here"), made)


def test_a_bit_mask_stays_as_it_is(test_data):
    for name in ("COMBINED-20100701000000-fv04.5", "PASSIVE-20161229000000-fv04.2"):
        path = test_data / "cci_images" / f"ESACCI-SOILMOISTURE-L3S-SSMV-{name}.nc"
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as ds:
            assert len(ds["sensor"].attrs["flag_values"]) > 10
            xr.testing.assert_identical(as_bits(ds["sensor"], "here"), ds["sensor"])
    assert bits_of_codes({}, "here") is None


@pytest.mark.parametrize(
    ("attrs", "found"),
    [
        ({"flag_values": [1, 2], "flag_meanings": "SMMR SPAM"}, "SPAM"),
        ({"flag_values": [1, 3], "flag_meanings": "SMMR SSMI+HAM"}, "HAM"),
        ({"flag_values": [1, 2, 3], "flag_meanings": "SMMR SSMI"}, "3 flag_values, 2 flag_meanings"),
    ],
)
def test_a_sensor_that_is_not_known_is_refused(attrs, found):
    with pytest.raises(VariableError) as caught:
        bits_of_codes(attrs, "here")
    assert found == caught.value.found
    assert all(caught.value.record().values())


def test_a_code_without_a_meaning_is_refused():
    with pytest.raises(VariableError) as caught:
        as_bits(xr.DataArray([3.0, 13.0], attrs=OLD), "here")
    assert caught.value.found == "code 13"
