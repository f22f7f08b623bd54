"""What a time stamp marks: the catalog, the time bounds, or the edge that it lies on; never a guess."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FORMS, FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, EPOCH, GRID, SHAPE, axes, cube_of, stamps

LINE = "time: stamps"
ANY_STAMP = "HDF4 files are dated by the day of their names, GeoTIFF has no time"
NO_TIME = "GeoTIFF has no time"
DAY = pd.Timedelta("1D")
DAYS = pd.date_range("2000-01-31", "2000-03-01")  # one day of January, all of February, one of March
RAIN = np.zeros((len(DAYS), *SHAPE), "f4")
RAIN[0], RAIN[1:30], RAIN[30] = 62, np.random.default_rng(7).integers(0, 40, (29, *SHAPE)), 31
FEBRUARY = RAIN[1:30].sum(axis=0, dtype="f8")[np.newaxis]
HOURS = pd.date_range("2000-01-31", "2000-03-01T23", freq="h")
HOUR_RAIN = np.random.default_rng(8).integers(0, 9, (len(HOURS), *SHAPE)).astype("f4")
OF_HOURS = HOUR_RAIN[24:-24].sum(axis=0, dtype="f8")[np.newaxis]
MONTHS = pd.date_range("1999-12-01", "2000-06-01", freq="MS")
MONTH_RAIN = np.random.default_rng(9).integers(0, 300, (len(MONTHS), *SHAPE)).astype("f4")
WEEKS = pd.DatetimeIndex([*pd.date_range("1999-01-01", "1999-12-31", freq="8D"),
                          *pd.date_range("2000-01-01", "2000-12-31", freq="8D")])  # fmt: skip
WEEK_VALUES = np.random.default_rng(10).integers(0, 9, (len(WEEKS), *SHAPE)).astype("f4")


def edges(start: pd.DatetimeIndex, end: pd.DatetimeIndex) -> Values:
    """Bounds as files hold them, in days since 2000."""
    epoch = pd.Timestamp("2000-01-01")
    return np.stack([(of - epoch) / DAY for of in (start, end)], axis=1)


def attempt(
    values: Values,
    times: pd.DatetimeIndex,
    bounds: tuple[pd.DatetimeIndex, pd.DatetimeIndex] | None = None,
    period: str = "day",
    months: tuple[str, str] = ("2000-02", "2000-02"),
    **spec: Any,
) -> Callable[[str, Path], Values]:
    """Rain of steps stamped at ``times``; its months, as the catalog's ``period`` and the rest of ``spec`` say."""

    def run(form: str, folder: Path) -> Values:
        axis = stamps(times)
        arrays: dict[str, Raw] = {"time": axis, "pre": Raw(AXES, values, {"units": "mm"})} | GRID
        if form == "hdf4":
            arrays |= axes(form, times)
        elif bounds is not None:
            named = dict(axis.attrs) | {"bounds": "time_bnds"}
            arrays |= {
                "time": Raw(("time",), axis.values, named),
                "time_bnds": Raw(("time", "bnds"), edges(*bounds), {"units": EPOCH} if period == "hour" else {}),
            }
        wanted = {"name": "pre", "units": "mm", "period": period, "aggregate": "sum", "valid_range": [0, 1000]} | spec
        made = cube_of(folder, write(form, folder, arrays), wanted, start=months[0], end=months[1])
        return np.asarray(made["precipitation"].values)

    return run


def mean_of_weeks() -> Values:
    """Monthly sums of 8-day amounts in 2000, each spread evenly over its days."""
    out = np.zeros((12, *SHAPE))
    for start, amount in zip(WEEKS, WEEK_VALUES, strict=True):
        days = pd.date_range(start, min(start + 8 * DAY, pd.Timestamp(start.year + 1, 1, 1)), inclusive="left")
        for day in days[days.year == 2000]:
            out[day.month - 1] += np.float64(amount) / len(days)
    return out


def each(name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(LINE, name, run, expect, FREE, ANY_STAMP)


NOON, NEXT = DAYS + DAY / 2, DAYS + DAY
HALF_PAST = HOURS + pd.Timedelta("30min")
MIDDLE = MONTHS + pd.Timedelta("14D12h")
ENDS = MONTHS + pd.offsets.MonthBegin()
BOUNDED = (DAYS, NEXT)
YEAR: dict[str, Any] = {"months": ("2000-01", "2000-06"), "period": "month"}
WEEKLY: dict[str, Any] = {"months": ("2000-01", "2000-12"), "period": "8day"}
RIGHT, OF_MONTHS = Right(FEBRUARY), Right(MONTH_RAIN[1:])
NAMED = ("stamp: start", "stamp: mid", "stamp: end", "source:pre")
BOTH = Refused("calendar", ("time_bnds", "stamp: start", "drop_variables: [time_bnds]"))
CLIMATE = (MONTHS - pd.DateOffset(years=30), ENDS)
TRAITS = [
    Trait(LINE, "days dated by their midnight", attempt(RAIN, DAYS), RIGHT, FORMS[:-1], NO_TIME),
    each("days stamped at noon, with bounds", attempt(RAIN, NOON, BOUNDED), RIGHT),
    each("days stamped at noon, without bounds", attempt(RAIN, NOON), Refused("calendar", (*NAMED, "12:00"))),
    each("days stamped at noon, stamp: start against the bounds", attempt(RAIN, NOON, BOUNDED, stamp="start"), BOTH),
    each("days stamped at noon, stamp: mid", attempt(RAIN, NOON, stamp="mid"), RIGHT),
    each("days stamped at their end, with bounds", attempt(RAIN, NEXT, BOUNDED), RIGHT),
    each("days stamped at 09:00, with bounds", attempt(RAIN, DAYS + pd.Timedelta("9h"), BOUNDED), RIGHT),
    each("days whose bounds end at 23:00", attempt(RAIN, NOON, (DAYS, DAYS + pd.Timedelta("23h"))), RIGHT),
    each("hours stamped at half past, with bounds", attempt(
        HOUR_RAIN, HALF_PAST, (HOURS, HOURS + pd.Timedelta("1h")), "hour"), Right(OF_HOURS)),
    each("hours stamped at half past, without bounds", attempt(HOUR_RAIN, HALF_PAST, None, "hour"),
        Refused("calendar", (*NAMED, "00:30"))),
    each("hours that the entry calls days", attempt(HOUR_RAIN, HOURS),
        Refused("calendar", ("source:pre", "1 hours apart", "correct period"))),
    each("days that the entry calls hours", attempt(RAIN, DAYS, None, "hour"),
        Refused("no-data", ("2000-02", "check period"))),
    each("months stamped in their middle", attempt(MONTH_RAIN, MIDDLE, **YEAR), OF_MONTHS),
    each("months stamped in their middle, with bounds", attempt(MONTH_RAIN, MIDDLE, (MONTHS, ENDS), **YEAR), OF_MONTHS),
    each("months stamped at their end, with bounds", attempt(MONTH_RAIN, ENDS, (MONTHS, ENDS), **YEAR), OF_MONTHS),
    each("months stamped at their end, stamp: end", attempt(MONTH_RAIN, ENDS, **YEAR, stamp="end"), OF_MONTHS),
    each("months stamped at their end, stamp: start against the bounds",
        attempt(MONTH_RAIN, ENDS, (MONTHS, ENDS), **YEAR, stamp="start"), BOTH),
    each("months, bounds to their last day", attempt(MONTH_RAIN, MIDDLE, (MONTHS, ENDS - DAY), **YEAR), OF_MONTHS),
    each("bounds of thirty years: a climatology", attempt(MONTH_RAIN, MONTHS, CLIMATE, **YEAR),
        Refused("calendar", ("time_bnds", "climatology", "not one month long"))),
    each("eight days stamped at their start", attempt(WEEK_VALUES, WEEKS, **WEEKLY), Right(mean_of_weeks())),
    each("eight days stamped in their middle, with bounds", attempt(
        WEEK_VALUES, WEEKS + 4 * DAY, (WEEKS, pd.DatetimeIndex([*WEEKS[1:], pd.Timestamp("2001-01-01")])), **WEEKLY),
        Right(mean_of_weeks())),
    each("eight days stamped in their middle, without bounds", attempt(WEEK_VALUES, WEEKS + 4 * DAY, **WEEKLY),
        Refused("calendar", (*NAMED, "8day"))),
]  # fmt: skip
SWITCHES = [
    Switch(LINE, "smcloud.cube.stamps.time_bounds", lambda ds: None),
    Switch(LINE, "smcloud.cube.stamps._by_place", lambda *args: "start"),
    Switch(LINE, "smcloud.cube.stamps._require_one_period", lambda *args: None),
]
