"""Dates beside years."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from smcloud.conventions import with_record, with_years


def test_each_year_has_its_middle_between_its_ends():
    ds = with_years(xr.Dataset(coords={"year": [1999, 2000, 2004]}))
    assert ds["time"].dims == ("year",) and ds["time_bnds"].dims == ("year", "bnds")
    np.testing.assert_array_equal(ds["time"].dt.year, [1999, 2000, 2004])
    first, last = (ds["time_bnds"].isel(bnds=k) for k in (0, 1))
    assert ((first < ds["time"]) & (ds["time"] < last)).all()
    np.testing.assert_array_equal((last - first).dt.days, [365, 366, 366])


@pytest.mark.parametrize(("first", "last", "middle"), [(2000, 2021, "2011-01-01"), (2000, 2000, "2000-07-02")])
def test_a_record_has_one_date_in_its_middle(first, last, middle):
    ds = with_record(xr.Dataset({"slope": ("lat", [1.0])}), first, last)
    assert ds["time"].dims == () and str(ds["time"].values)[:10] == middle and ds["slope"].dims == ("lat",)
