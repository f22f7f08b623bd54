"""A stamp between two steps is told by what the file says, or asked for: never taken for a start by itself."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.first_study.stamps import stamp_line

SPEC = VariableSpec(name="tp", units="mm", period="day", aggregate="sum", valid_range=(0, 1))
DAYS = pd.date_range("2016-01-02", periods=30)
HOURS = pd.date_range("2016-01-02", periods=9, freq="h")
MONTHS = pd.date_range("2016-02-01", periods=12, freq="MS")


def line_of(times=DAYS, period="day", attrs=None, reader="", bounds=None, axis=None, **coverage):
    """The line of a record that says this of itself."""
    ds = xr.Dataset(
        coords={"time": ("time", times, axis or {})}, attrs={f"time_coverage_{k}": v for k, v in coverage.items()}
    )
    if bounds is not None:
        ds["time_bnds"] = (("time", "bnds"), np.stack([times + bounds, times + bounds + pd.Timedelta("1D")], axis=1))
    return stamp_line(ds, "time", attrs or {}, SPEC.model_copy(update={"period": period}), reader, "a")


@pytest.mark.parametrize("period", ["hour", "6hour", "day", "8day", "month"])
def test_what_nothing_tells_is_asked_for(period):
    steps = {"hour": "h", "6hour": "6h", "8day": "8D", "day": "D", "month": "MS"}
    line = line_of(pd.date_range("2016-01-01", periods=8, freq=steps[period]), period, {"cell_methods": "time: sum"})
    assert line.choose.startswith("start if what is stamped 2016-01-01T00:00 is of the step that begins then")
    assert "end if" in line.choose and "time bounds" in line.choose and "cell_methods = time: sum" in line.choose


@pytest.mark.parametrize(
    ("said", "stamp", "by"),
    [
        ({"bounds": pd.Timedelta(0)}, "start", "by time_bnds"),
        ({"bounds": pd.Timedelta("-1D")}, "end", "by time_bnds"),
        ({"attrs": {"cell_methods": "area: mean time: point"}}, "start", "cell_methods area: mean time: point"),
        ({"attrs": {"GRIB_stepType": "instant"}}, "start", "GRIB_stepType instant"),
        ({"attrs": {"GRIB_stepType": "accum"}, "period": "hour", "times": HOURS}, "end", "GRIB_stepType accum"),
        ({"reader": "esa_cci"}, "start", "the date in a file's name"),
        ({"times": MONTHS + pd.Timedelta("14D"), "period": "month"}, "start", "the month of the stamp"),
        ({"start": "2016-01-02T00:00:00Z", "end": "2016-01-31T23:59:59Z"}, "start", "time_coverage_start 2016-01-02"),
        ({"start": "20160101T000000Z", "end": "20160131T000000Z"}, "end", "time_coverage_start 20160101"),
        ({"start": "2016-02-01", "end": "2017-01-31", "times": MONTHS, "period": "month"}, "start", "time_coverage"),
    ],
)  # fmt: skip
def test_evidence_is_named(said, stamp, by):
    line = line_of(**said)
    assert (line.value, line.choose) == (stamp, "") and line.note.startswith(by)


@pytest.mark.parametrize(
    "said",
    [
        {"start": "2016-01-02", "end": "2016-01-31"},  # of the stamps, as tools write it
        {"start": "long ago", "end": "2016-01-31"},
        {"start": "2016-01-02"},
        {"attrs": {"GRIB_stepType": "accum"}},  # of the hours that days may be made of
        {"attrs": {"GRIB_stepType": "avgua"}},
    ],
)
def test_what_settles_nothing_is_none(said):
    assert line_of(**said).choose


def test_what_the_axis_says_is_shown():
    assert "time: comment = end of the day" in line_of(axis={"long_name": "time", "comment": "end of the day"}).choose
    assert "the file says" not in line_of(axis={"long_name": "time"}).choose
