"""The configuration of a first study: entries by role, and the months that they hold together."""

import numpy as np
import pandas as pd
import xarray as xr

from smcloud.cube.calendar import Steps
from smcloud.first_study.drafts import Draft, Line
from smcloud.first_study.places import Group
from smcloud.first_study.study import study_of


def steps(begin, periods, days=1):
    start = pd.date_range(begin, periods=periods, freq=f"{days}D").values.astype("M8[s]")
    return Steps(start, start + np.timedelta64(days, "D"))


def draft(name, period="day", **records):
    """An entry with a record of each role; None is a static layer."""
    made = Draft(name, Group("netcdf", ("a",), "/", {}), xr.Dataset(), {}, {}, {})
    for role, record in records.items():
        kind = "static" if record is None else period
        made.roles[role] = {"name": Line("x"), "units": Line("1"), "period": Line(kind), "valid_range": Line((0, 1))}
        made.steps[role] = record
    return made


def of(*drafts):
    return study_of(drafts, ["here"], "catalog.yaml", "results")


def test_months_are_the_longest_run_that_soil_moisture_holds():
    first, second = steps("2000-01-01", 60), steps("2001-03-28", 70)
    both = Steps(*(np.concatenate([getattr(one, end) for one in (first, second)]) for end in ("start", "end")))
    study = of(draft("a", soil_moisture=both, lai=None))
    # Four days of March are too few, five of June are enough.
    assert [study["period"][key].value for key in ("start", "end")] == ["2001-04", "2001-06"]
    assert study["inputs"] == {"soil_moisture": Line("a"), "lai": Line("a")} and "monthly" not in study


def test_too_few_days_are_asked_for():
    study = of(draft("a", soil_moisture=steps("2016-12-29", 3)))
    assert study["monthly"]["min_days"].choose.startswith("1 up to the days of the fullest month: 3 of a")
    assert study["period"]["start"].value == "2016-12"


def test_a_record_that_does_not_hold_the_months_is_left_out_with_its_reason():
    soil = draft("a", soil_moisture=steps("2000-01-01", 91))
    study = of(
        soil, draft("rain", precipitation=steps("2000-01-02", 90)), draft("t", temperature=steps("2000-01-10", 90))
    )
    assert study["inputs"]["precipitation"].value is None
    assert (
        "rain is left out: all of each month is needed, and 2000-01 has less" in study["inputs"]["precipitation"].note
    )
    assert study["inputs"]["temperature"].value == "t"  # half of a month is enough for a mean


def test_two_records_of_one_role_are_asked_for():
    one, other = draft("a", soil_moisture=steps("2000-01-01", 31)), draft("b", soil_moisture=steps("2001-01-01", 31))
    study = of(draft("m", land_mask=None), one, other, draft("n", land_mask=None))
    assert list(study["inputs"]) == ["soil_moisture", "land_mask"]
    assert "a (2000-01 to 2000-01) or b (2001-01 to 2001-01)" in study["inputs"]["soil_moisture"].choose
    assert study["period"]["start"].choose == "the first month, YYYY-MM: 2000-01 with a, 2001-01 with b"
    assert study["inputs"]["land_mask"].choose == "m or n, or remove the line"


def test_without_soil_moisture_its_entry_is_asked_for():
    study = of(draft("m", land_mask=None))
    assert "smcloud init here FOLDER" in study["inputs"]["soil_moisture"].choose
    assert study["period"]["end"].choose
