"""Which calendar and clock a time axis counts by, what is no record at all, and the bounds of several files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.traits.overlaps import JOINED, ONE_STORE
from tests.strangers.traits.time_axes import BY_NAME, RIGHT, months
from tests.strangers.world import AXES, GRID, cube_of, random_field

CLOCK, BOUNDS = "time: calendars and clocks", "time: bounds and stamps of several files"
MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
DAYS = np.asarray((MONTHS - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1), np.float64)
EDGES = np.append(DAYS, 366.0)
ORDINALS = np.array([month.toordinal() - 1.0 for month in MONTHS])
FROM_YEAR_1 = {"units": "days since 0001-01-01", "calendar": "proleptic_gregorian"}
EPOCH = {"units": "days since 2000-01-01"}
NO_DATES = Refused("calendar", ("no dates", "days since 0000-01-01", "time"))
OVER_YEARS = "time: mean within years time: mean over years"


def clock(name: str, time: Values, attrs: dict[str, str], expect: Outcome = RIGHT, **more: Raw) -> Trait:
    return Trait(CLOCK, name, months(time, attrs, **more), expect, FREE, BY_NAME)


def zone(text: str, found: str) -> Trait:
    refused = Refused("calendar", ("UTC", found, f"leave {found} out"))
    return clock(f"days since 2000-01-01 00:00{text}", DAYS, {"units": f"days since 2000-01-01 00:00{text}"}, refused)


def over_years(form: str, folder: Path) -> Values:
    """Months of many years together, which only the variable says."""
    pre = Raw(AXES, RAIN, {"units": "mm month-1", "cell_methods": OVER_YEARS})
    place = write(form, folder, GRID | {"time": Raw(("time",), DAYS, EPOCH), "pre": pre})
    spec = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
    return np.asarray(cube_of(folder, place, spec)["precipitation"].values)


def halves(
    time: Values, named: tuple[bool, bool] = (True, True), held: tuple[bool, bool] = (True, True), ref: str = "2000"
) -> Callable[[str, Path], Values]:
    """Two files of six months; whether each axis names its bounds, and whether they are there."""

    def run(form: str, folder: Path) -> Values:
        urls = []
        for i, part in enumerate((slice(0, 6), slice(6, 12))):
            attrs = {"units": f"days since {ref}-01-01"} | ({"bounds": "time_bnds"} if named[i] and held[i] else {})
            arrays: dict[str, Raw] = GRID | {"pre": Raw(AXES, RAIN[part], {"units": "mm month-1"})}
            arrays["time"] = Raw(("time",), time[part], attrs)
            if held[i]:
                bounds = np.stack([EDGES[:-1], EDGES[1:]], axis=1)[part]
                arrays["time_bnds"] = Raw(("time", "bnds"), bounds)
            place = write(form, folder, arrays, f"{'ab'[i]}_pre")
            urls.append(place["args"]["urlpath"])
        place["args"] = place["args"] | {"urlpath": urls}
        spec: dict[str, Any] = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
        return np.asarray(cube_of(folder, place, spec, end="2000-11")["precipitation"].values)

    return run


def one_by_one(form: str, folder: Path) -> Values:
    """A file for each month: a scalar time at its end, and bounds of two values."""
    urls = []
    for i in range(12):
        arrays: dict[str, Raw] = GRID | {"pre": Raw(("lat", "lon"), RAIN[i], {"units": "mm month-1"})}
        arrays["time"] = Raw((), EDGES[i + 1], EPOCH | {"bounds": "time_bnds"})
        arrays["time_bnds"] = Raw(("bnds",), EDGES[i : i + 2])
        place = write(form, folder, arrays, f"pre_{i:02}")
        urls.append(place["args"]["urlpath"])
    place["args"] = place["args"] | {"urlpath": urls}
    spec = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
    return np.asarray(cube_of(folder, place, spec, end="2000-11")["precipitation"].values)


def files(name: str, run: Callable[[str, Path], Values], expect: Outcome | None = None) -> Trait:
    return Trait(BOUNDS, name, run, expect or Right(RAIN[:11]), JOINED, ONE_STORE)


SINCE_1800 = DAYS + (pd.Timestamp("2000-01-01") - pd.Timestamp("1800-01-01")).days
NONE = (False, False)
ONE_OF_TWO = Refused("calendar", ("a_pre", "time_bnds", "none", "drop_variables: [time_bnds]", "stamp"))
IN_SECONDS = Raw(("time", "bnds"), 86400 * np.stack([EDGES[:-1], EDGES[1:]], axis=1))
TRAITS = [
    clock("days since the year 1, proleptic_gregorian", ORDINALS, FROM_YEAR_1),
    clock("days since the year 1, standard: of Julius Caesar up to 1582", ORDINALS + 2,
          {"units": "days since 0001-01-01", "calendar": "standard"}),
    clock("days since the year 0", ORDINALS + 366, {"units": "days since 0000-01-01"}, NO_DATES),
    clock("months since 0001-01", np.arange(12.0) + 1999 * 12, {"units": "months since 0001-01-01"}),
    clock("days since 2000-01-01 00:00:00 UTC", DAYS, {"units": "days since 2000-01-01 00:00:00 UTC"}),
    clock("days since 2000-01-01 00:00:00 +0:00", DAYS, {"units": "days since 2000-01-01 00:00:00 +0:00"}),
    zone(":00 +08:00", "+08:00"), zone(":00.0 -6", "-6"), zone(" EST", "EST"),
    clock("an axis with the attribute climatology", DAYS, EPOCH | {"climatology": "bounds_of_years"},
          Refused("calendar", ("climatology", "time"))),
    Trait(CLOCK, "a mean over years by its cell_methods", over_years,
          Refused("calendar", ("climatology", "pre", "over years")), FREE, BY_NAME),
    clock("bounds in seconds that state no unit, on an axis of days", DAYS, EPOCH | {"bounds": "time_bnds"},
          Refused("calendar", ("time_bnds", "no dates")), time_bnds=IN_SECONDS),
    files("months stamped at their end, with bounds", halves(EDGES[1:])),
    files("the same, bounds that no axis names", halves(EDGES[1:], (False, False))),
    files("the same, bounds that one axis names", halves(EDGES[1:], (True, False))),
    files("months stamped at their end, bounds in one file", halves(EDGES[1:], held=(True, False)), ONE_OF_TWO),
    files("months stamped at their start, bounds in one file", halves(EDGES[:-1], held=(False, True))),
    files("a scalar time at the end of its month, with bounds", one_by_one),
    files("months a fraction of a second before they begin", halves(SINCE_1800 - 5e-10, held=NONE, ref="1800")),
]  # fmt: skip
SWITCHES = [
    Switch(CLOCK, "smcloud.catalog.time_axis._require_utc", lambda *args: None),
    Switch(CLOCK, "smcloud.catalog.time_axis.require_no_climatology", lambda *args: None),
    Switch(BOUNDS, "smcloud.catalog.joining.joinable", lambda parts, *args: [p.drop_vars("time_bnds") for p in parts]),
]
