import numpy as np
import pytest
import xarray as xr

from smcloud.cube.flags import where_usable


def usable(flags, **options):
    """Where one of the values 0.25 comes through; the others must be NaN."""
    out = where_usable(xr.full_like(flags, 0.25, np.float32), flags, **options)
    assert out.dtype == np.float32 and set(np.unique(out[out.notnull()])) <= {np.float32(0.25)}
    return out.notnull()


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lazy_with_the_chunks_of_the_values(dtype):
    rng = np.random.default_rng(1)
    values = xr.DataArray(rng.normal(size=(10, 4)).astype(dtype), dims=("time", "lat"))
    values[2, 1] = np.nan
    flags = xr.DataArray(rng.choice([0, 1, 64, 127], (10, 4)).astype(np.int8), dims=("time", "lat"))
    lazy = where_usable(values.chunk(time=3, lat=2), flags.chunk(time=3, lat=2))
    assert lazy.chunks == ((3, 3, 3, 1), (2, 2)) and lazy.dtype == dtype
    xr.testing.assert_identical(lazy.compute(), values.where((flags == 0) | (flags == 64)))
