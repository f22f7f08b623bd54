"""How long steps are, which are missing, and which months they fill."""

import numpy as np
import pandas as pd
import pytest

from smcloud.first_study.times import gaps_of, longest_run, months_of, period_of, record_of, sayings


def stamps(begin, periods, step):
    return pd.date_range(begin, periods=periods, freq=step).values


@pytest.mark.parametrize(
    ("step", "period"),
    [("h", "hour"), ("3h", "3hour"), ("6h", "6hour"), ("D", "day"), ("8D", "8day"), ("MS", "month"), ("ME", "month")],
)
def test_the_distance_of_stamps_decides(step, period):
    times = np.delete(stamps("2000-01-01", 20, step), 7)  # a gap changes nothing
    assert period_of(times, {"title": "daily"})[::2] == (period, "")


def test_steps_that_are_not_read_are_refused():
    for step in ("YS", "5D", "2h"):
        with pytest.raises(ValueError, match="steps of"):
            period_of(stamps("2000-01-01", 9, step), {})


def test_one_stamp_is_told_by_the_file_and_asked_for_where_it_contradicts_itself():
    one = stamps("2014-01-01", 1, "D")
    period, note, choose = period_of(one, sayings(["x_DAILY_2014.nc"], {"time_coverage_resolution": "P1D"}))
    assert (period, choose) == ("day", "") and "a guess" in note and "P1D" in note
    assert period_of(one, {"long_name": "LAI (8-day composite)"})[0] == "8day"
    _, _, choose = period_of(one, {"name": "X-MONTHLY-2014", "time_coverage_resolution": "P1D"})
    assert choose.startswith("month or day: one stamp, and the file says X-MONTHLY-2014 (name) and P1D")
    _, _, choose = period_of(one, {"title": "P10D or 18-day or commonly used"})
    assert "nothing says how long a step is" in choose
    assert "two stamps far apart" in period_of(one.repeat(2) + np.array([0, 900], "m8[D]"), {})[2]


def test_gaps_are_named_by_what_is_missing():
    days = stamps("2000-01-01", 31, "D").astype("M8[s]")
    assert gaps_of(days, "day") == []
    assert gaps_of(np.delete(days, [4, 10, 11]), "day") == ["2000-01-05", "2000-01-11 to 2000-01-12"]
    months = stamps("2000-01-01", 24, "MS").astype("M8[s]")
    assert gaps_of(np.delete(months, [3, 4]), "month") == ["2000-04 to 2000-05"]
    hours = stamps("2000-01-01", 9, "6h").astype("M8[s]")
    assert gaps_of(np.delete(hours, 3), "6hour") == ["2000-01-01T18"]
    assert record_of(np.delete(days, 4), "day") == "2000-01-01 to 2000-01-31, 30 steps, 1 gap: 2000-01-05"
    # The last composite of a year is shorter: no gap.
    composites = np.concatenate([stamps(f"{year}-01-01", 46, "8D") for year in (2001, 2002)]).astype("M8[s]")
    assert gaps_of(composites, "8day") == []


def test_hours_of_months_add_up_to_those_of_the_steps():
    begin = stamps("2000-01-25", 8, "8D").astype("M8[s]")
    hours = months_of(begin, begin + np.timedelta64(8, "D"))
    assert {str(month): some / 24 for month, some in hours.items()} == {"2000-01": 7, "2000-02": 29, "2000-03": 28}


def test_the_longest_run_of_months():
    months = list(np.array(["2000-01", "2000-02", "2001-01", "2001-02", "2003-07"], "M8[M]"))
    assert list(map(str, longest_run(months))) == ["2001-01", "2001-02"]  # the later one of two
    assert list(map(str, longest_run(months[:1]))) == ["2000-01", "2000-01"]
