import dask.array
import numpy as np
import pytest
import xarray as xr

from smcloud.cube.flags import usable


@pytest.mark.parametrize("bit", [1, 2, 4, 8, 16, 32])
def test_each_unusable_bit_drops_a_day_alone_and_with_others(bit):
    flags = xr.DataArray(np.array([bit, bit | 64, bit | 1], np.int8))
    assert not usable(flags).any()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "float32"])
def test_good_and_barren_ground_count_and_a_missing_flag_does_not(dtype):
    flags = xr.DataArray(np.array([0, 64, 127], dtype))
    np.testing.assert_array_equal(usable(flags), [True, True, False])


def test_barren_ground_is_dropped_only_when_asked():
    flags = xr.DataArray(np.array([0, 64, 65], np.float32))
    np.testing.assert_array_equal(usable(flags), [True, True, False])
    np.testing.assert_array_equal(usable(flags, drop_barren=True), [True, False, False])


def test_nan_after_decoding_is_a_missing_flag():
    flags = xr.DataArray(np.array([0.0, np.nan, 3.0, 64.0], np.float32))
    np.testing.assert_array_equal(usable(flags), [True, False, False, True])


def test_every_byte_as_the_bits_say():
    codes = np.arange(256)
    expected = [not any(code & bit for bit in (1, 2, 4, 8, 16, 32)) for code in codes]
    np.testing.assert_array_equal(usable(xr.DataArray(codes.astype(np.float32))), expected)
    np.testing.assert_array_equal(usable(xr.DataArray(codes.astype(np.uint8))), expected)


def test_lazy_with_the_chunks_of_the_flags():
    flags = xr.DataArray(dask.array.zeros((10, 4), chunks=(3, 2), dtype=np.int8))
    assert usable(flags).chunks == flags.chunks
