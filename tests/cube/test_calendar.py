import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.cube import calendar
from smcloud.errors import CalendarError, PeriodError


def spec(period="day", stamp="start", aggregate="mean"):
    return VariableSpec(name="x", units="1", period=period, stamp=stamp, aggregate=aggregate, valid_range=(0, 1))


def axis(stamps):
    return xr.DataArray(pd.DatetimeIndex(stamps), dims="time", name="time")


def steps(stamps, *args):
    return calendar.steps_of(axis(stamps), spec(*args), "entry:x")


def second(text):
    return np.datetime64(text, "s")


def test_stamps_at_the_start_middle_and_end_of_a_step():
    for stamp, text in [("start", "2001-03-01T00"), ("mid", "2001-03-01T12"), ("end", "2001-03-02T00")]:
        held = steps([text], "day", stamp)
        assert held.start[0] == second("2001-03-01")
        assert held.end[0] == second("2001-03-02")
    for period, hours in [("hour", 1), ("3hour", 3), ("6hour", 6)]:
        held = steps(["2001-01-01T00"], period, "end")
        assert held.start[0] == second("2001-01-01") - np.timedelta64(hours, "h")


def test_a_stamp_a_moment_before_midnight_is_that_midnight():
    # Days since 1970 in float64 as the real file of 2000-01-01 holds them.
    raw = xr.Dataset(coords={"time": ("time", [10956.999999999534, 10958.0], {"units": "days since 1970-01-01"})})
    held = calendar.steps_of(xr.decode_cf(raw)["time"], spec(), "x")
    np.testing.assert_array_equal(held.start, np.array(["2000-01-01", "2000-01-02"], "datetime64[s]"))


def test_months_have_their_real_length():
    held = steps(["2000-02-01", "2000-03-01", "2001-02-01"], "month")
    np.testing.assert_array_equal((held.end - held.start) / np.timedelta64(1, "D"), [29, 31, 28])
    months = calendar.month_range("1999-12", "2001-02")
    assert len(months) == 15
    np.testing.assert_array_equal(calendar.days_in(months)[[0, 2, 14]], [31, 29, 28])
    np.testing.assert_array_equal(calendar.days_in(calendar.month_range("1900-02", "1900-02")), [28])


@pytest.mark.parametrize(
    ("stamp", "text"), [("start", "2001-02-01"), ("mid", "2001-02-15T12"), ("mid", "2001-02-14"), ("end", "2001-03-01")]
)
def test_monthly_stamps_name_their_month(stamp, text):
    held = steps([text], "month", stamp)
    assert held.start[0] == second("2001-02-01")
    assert held.end[0] == second("2001-03-01")


def composites(year):
    return pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D")


def test_composites_start_anew_on_1_january():
    held = steps(composites(2000).append(composites(2001)).append(composites(2002)), "8day")
    np.testing.assert_array_equal(held.end[:-1], held.start[1:])
    days = (held.end - held.start) / np.timedelta64(1, "D")
    np.testing.assert_array_equal(days[[44, 45, 46, 91, 137]], [8, 6, 8, 5, 5])


def test_composites_stamped_at_their_end_or_middle_are_the_same_intervals():
    start = composites(2000).append(composites(2001))
    expected = steps(start, "8day")
    ends = start[1:].append(pd.DatetimeIndex(["2002-01-01"]))
    held = steps(ends, "8day", "end")
    np.testing.assert_array_equal(held.start, expected.start)
    np.testing.assert_array_equal(held.end, expected.end)
    held = steps(start + pd.Timedelta(days=4), "8day", "mid")
    np.testing.assert_array_equal(held.start, expected.start)
    np.testing.assert_array_equal(held.end, expected.end)


@pytest.mark.parametrize(
    "stamps", [["2001-01-01", "2001-01-01"], ["2001-01-02", "2001-01-01"], ["2001-01-01", "2001-01-03", "2001-01-02"]]
)
def test_repeated_and_unsorted_stamps_are_refused(stamps):
    with pytest.raises(CalendarError, match="repeat or run backwards") as err:
        steps(stamps)
    assert f"time[{len(stamps) - 1}]" in err.value.where


def test_steps_that_overlap_are_refused():
    with pytest.raises(CalendarError, match="overlap") as err:
        steps(["2001-01-01T00", "2001-01-01T12"])
    assert "period" in err.value.next
    with pytest.raises(CalendarError, match="overlap"):
        steps(["2001-01-01", "2001-01-15"], "month")


@pytest.mark.parametrize("name", ["360_day", "noleap"])
def test_another_calendar_is_refused(name):
    time = xr.date_range("2001-01-01", periods=30, freq="D", calendar=name, use_cftime=True)
    with pytest.raises(CalendarError, match="calendar"):
        calendar.steps_of(xr.DataArray(time, dims="time"), spec(), "x")


def test_numbers_are_no_dates():
    with pytest.raises(CalendarError, match="calendar"):
        calendar.steps_of(xr.DataArray([1, 2, 3], dims="time"), spec(), "x")


def test_complete_months_of_a_record():
    def record(*args):
        return tuple(map(str, calendar.complete_months(steps(*args))))

    assert record(pd.date_range("2000-01-01", "2000-03-31")) == ("2000-01", "2000-03")
    assert record(pd.date_range("2000-01-02", "2000-03-30")) == ("2000-02", "2000-02")
    hours = pd.date_range("2000-01-01T01", "2000-02-01T00", freq="h")
    assert record(hours, "hour", "end") == ("2000-01", "2000-01")
    assert record(hours[1:], "hour", "end") == ("2000-02", "2000-01")  # none is complete
    assert record(composites(2000).append(composites(2001)), "8day") == ("2000-01", "2001-12")


HOURS = pd.date_range("2021-12-30T00", "2022-01-02T23", freq="h")


@pytest.mark.parametrize(
    ("period", "stamp", "stamps", "value", "last"),
    [
        ("hour", "end", HOURS, "2021-12-31", "2022-01-01T00"),
        ("hour", "start", HOURS, "2021-12-31", "2021-12-31T23"),
        ("hour", "end", HOURS, "2021-12-31T23:00", "2021-12-31T23"),
        ("hour", "start", HOURS, "2021-12-31T23:00:00Z", "2021-12-31T23"),
        ("hour", "end", HOURS, "2022-01-01 00:00:00.000000000", "2022-01-01T00"),
        ("day", "start", HOURS[::24], "2021-12-31", "2021-12-31"),
        ("day", "end", HOURS[::24], "2021-12-31", "2022-01-01"),
        ("day", "mid", HOURS[12::24], "2021-12-31", "2021-12-31T12"),
        ("month", "start", pd.date_range("2021-01-01", periods=24, freq="MS"), "2021-12-01", "2021-12-01"),
        ("month", "start", pd.date_range("2021-01-01", periods=24, freq="MS"), "2021-12-31", "2021-12-01"),
        ("month", "end", pd.date_range("2021-02-01", periods=23, freq="MS"), "2021-12-31", "2022-01-01"),
    ],
)
def test_the_valid_end_by_date_and_by_time(period, stamp, stamps, value, last):
    count = calendar.until_valid_end(steps(stamps, period, stamp), spec(period, stamp), value, "x")
    assert stamps[count - 1] == pd.Timestamp(last)


@pytest.mark.parametrize("value", ["soon", "20211231", "2021", "NaT", 20211231, "2021-13-01"])
def test_a_valid_end_that_is_no_date_is_refused(value):
    with pytest.raises(CalendarError, match="valid end"):
        calendar.until_valid_end(steps(["2001-01-01"]), spec(), value, "x")


def test_missing_months_of_a_monthly_source_are_named():
    held = steps(["2001-01-01", "2001-02-01", "2001-04-01", "2001-06-01"], "month")
    months = calendar.month_range("2001-01", "2001-06")
    with pytest.raises(CalendarError, match="missing") as err:
        calendar.require_months(held, months, spec("month"), "x")
    assert "2001-03, 2001-05" in err.value.found
    calendar.require_months(held, months[:2], spec("month"), "x")
    calendar.require_months(held, months, spec("day"), "x")  # days may be missing: the minimum of days judges them


def test_a_period_outside_the_record_names_both():
    months = calendar.month_range("2001-01", "2001-06")
    calendar.require_within(months, months[0], months[-1], "x")
    for first, last in [(months[1], months[-1]), (months[0], months[-2])]:
        with pytest.raises(PeriodError) as err:
            calendar.require_within(months, first, last, "sm")
        assert err.value.found == "2001-01 to 2001-06"
        assert err.value.expected == f"within {first} to {last}"
