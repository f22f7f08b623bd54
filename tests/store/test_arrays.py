"""Chunks that are encoded in the calling thread are those that zarr writes, byte by byte."""

import numpy as np
import pytest
import xarray as xr

from smcloud.store.arrays import ZARR_JSON, stored_array
from smcloud.store.write import template_of

RNG = np.random.default_rng(1)
KINDS = {
    "float32": RNG.normal(size=(14, 190, 5)).astype("f4"),
    "float64 with gaps": np.where(RNG.random((14, 190, 5)) < 0.3, np.nan, 1.5),
    "flags": RNG.integers(0, 7, (14, 190, 5)).astype("u1"),
    "bits": RNG.integers(-5, 7, (14, 190, 5)).astype("i4"),
    "truth": RNG.random((14, 190, 5)) < 0.5,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_chunk_is_encoded_as_zarr_does_it_and_decoded_to_what_it_was(kind):
    values = KINDS[kind]
    objects = template_of(xr.Dataset({"a": (("time", "lat", "lon"), values)}))
    metadata = objects[f"a/{ZARR_JSON}"]
    array = stored_array(metadata)
    assert (array.shape, array.dtype) == (values.shape, values.dtype)
    for position in array.positions():  # 2 x 2 of them, three with ends that are filled
        cells = tuple(slice(i * step, (i + 1) * step) for i, step in zip(position, array.chunk, strict=True))
        raw = objects[f"a/{array.key(position)}"]
        assert array.encode(values[cells]) == raw
        back = array.decode(raw)
        np.testing.assert_array_equal(back[tuple(map(slice, values[cells].shape))], values[cells])


def test_labels_and_dates_are_decoded():
    dates = np.array(["2000-01-01", "2001-01-01"], "M8[ns]")
    ds = xr.Dataset({"label": ("region", np.array(["a", "bcd"], object)), "time": ("x", dates)})
    objects = template_of(ds)
    label, time = (stored_array(objects[f"{name}/{ZARR_JSON}"]).decode(objects[f"{name}/c/0"]) for name in ds.variables)
    assert label.tolist() == ["a", "bcd"] and (time[1] - time[0]) in (366, 366 * 86400 * 10**9)  # days or nanoseconds


def test_a_damaged_chunk_does_not_decode():
    objects = template_of(xr.Dataset({"a": (("lat", "lon"), KINDS["float32"][0])}))
    raw = bytearray(objects["a/c/0/0"])
    raw[len(raw) // 2] ^= 1
    with pytest.raises((RuntimeError, ValueError)):
        stored_array(objects[f"a/{ZARR_JSON}"]).decode(bytes(raw))
