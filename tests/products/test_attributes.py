"""Attributes of products."""

import xarray as xr

from smcloud.products.attributes import without_attributes


def test_a_dataset_without_attributes_is_that_of_xarray_and_its_source_keeps_its_own():
    lat = xr.Variable("lat", [1.0, 2.0], {"units": "degrees_north"})
    coords = {"lat": lat, "at": ("lat", [5, 6], {"a": 1})}
    ds = xr.Dataset({"v": ("lat", [3.0, 4.0], {"units": "K"})}, coords, {"t": 2})
    xr.testing.assert_identical(without_attributes(ds), ds.drop_attrs())
    assert [dict(each.attrs) for each in (ds, ds["v"], ds["lat"], ds["at"])] == [
        {"t": 2}, {"units": "K"}, {"units": "degrees_north"}, {"a": 1},
    ]  # fmt: skip
