"""Time axes as files of others write them: other units, names, orders and calendars, and records that are not whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FILES, FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, SHAPE, cube_of, random_field, stamps

LINE = "time: axes"
BY_NAME = "HDF4 files are dated by their names, GeoTIFF has no time"
ONE_STORE = "kerchunk and Icechunk are one store with one time axis, HDF4 is dated by names, GeoTIFF has no time"
MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
COUNT = np.arange(12)
SPEC = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
RIGHT = Right(RAIN)


def months(
    time: Values, attrs: Mapping[str, Any], axis: str = "time", values: Values = RAIN, **more: Raw
) -> Callable[[str, Path], Values]:
    """A year of monthly rain on the axis ``time``, which is stored under the name ``axis``."""

    def run(form: str, folder: Path) -> Values:
        dims = (axis, "lat", "lon")
        arrays = {axis: Raw((axis,), time, attrs), "pre": Raw(dims, values, {"units": "mm month-1"})} | GRID | more
        return np.asarray(cube_of(folder, write(form, folder, arrays), SPEC)["precipitation"].values)

    return run


def days(
    times: pd.DatetimeIndex, role: str, end: str, min_days: int = 20, **spec: Any
) -> Callable[[str, Path], Values]:
    """Daily values 1, 2, 3 ... (in hundredths) from 2000-01 to ``end``."""

    def run(form: str, folder: Path) -> Values:
        values = np.ones((len(times), *SHAPE), "f4") * (
            (times - pd.Timestamp("2000-01-01")).days.values[:, None, None] + 1
        )
        time = stamps(times)
        arrays = {"time": time, "x": Raw(AXES, values / np.float32(100))} | GRID
        wanted = {"name": "x", "period": "day", "valid_range": [0, 1000], "coverage_change": 1} | spec
        settings = {"monthly": {"min_days": min_days, "min_share": 0.9}}
        place = write(form, folder, arrays)
        return np.asarray(cube_of(folder, place, wanted, role=role, end=end, settings=settings)[role].values)

    return run


def files(axis: str, dim: bool) -> Callable[[str, Path], Values]:
    """A file for each month, its time a scalar called ``axis``; ``dim``: a time dimension without a coordinate too."""

    def run(form: str, folder: Path) -> Values:
        urls = []
        for i in (*range(5, 12), *range(5)):
            time = Raw((), np.array(float((MONTHS[i] - MONTHS[0]).days)), {"units": "days since 2000-01-01"})
            held = RAIN[i : i + 1] if dim else RAIN[i]
            pre = Raw(AXES if dim else AXES[1:], held, {"units": "mm month-1", "coordinates": axis})
            place = write(form, folder, {axis: time, "pre": pre} | GRID, f"m{i}")
            urls.append(place["args"]["urlpath"])
        place["args"]["urlpath"] = urls
        return np.asarray(cube_of(folder, place, SPEC)["precipitation"].values)

    return run


def mean_of(*parts: tuple[str, str]) -> Values:
    """The means of days (numbered in hundredths) from the first to the last of each part."""
    out = []
    for first, last in parts:
        numbers = (pd.date_range(first, last) - pd.Timestamp("2000-01-01")).days.values + 1
        out.append(np.full(SHAPE, np.float32(numbers / 100).mean(dtype="f8")))
    return np.array(out)


def each(name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(LINE, name, run, expect, FREE, BY_NAME)


def scalar(name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(LINE, name, run, expect, ("zarr2", "zarr3", *FILES), ONE_STORE)


SINCE = {"units": "months since 2000-01-01", "calendar": "standard"}
PLAIN = {"units": "days since 2000-01-01", "calendar": "proleptic_gregorian"}
DAYS = np.asarray((MONTHS - MONTHS[0]).days, "f8")
YYYYMM = 200001 + COUNT
NO_DATES = Refused("calendar", ("no dates", "days since 2000-01-01", "YYYYMM"))
NAMED = {"units": "days since 2000-01-01", "standard_name": "time"}
START = PLAIN | {"standard_name": "forecast_reference_time"}
NAMES = ("Time", "T", "t", "date", "month", "valid_time")
LATE = pd.date_range("2000-01-02", "2000-03-30")  # the first and the last day missing
GAP = pd.date_range("2000-01-01", "2000-02-29").delete([9, 45])
SHORT = pd.date_range("2000-01-20", "2000-02-29")
SOIL: dict[str, Any] = {"role": "soil_moisture", "units": "m3 m-3"}
HEAT: dict[str, Any] = {"role": "other_role", "units": "K"}
SUM: dict[str, Any] = {"role": "precipitation", "units": "mm", "aggregate": "sum"}
OUTSIDE = Refused("period", ("outside the record", "monthly.min_days", "within 2000-02 to 2000-02"))
PARTS = mean_of(("2000-01-02", "2000-01-31"), ("2000-02-01", "2000-02-29"), ("2000-03-01", "2000-03-30"))
GAPS = np.array([np.full(SHAPE, np.float32((np.delete(np.arange(31), 9) + 1) / 100).mean(dtype="f8")),
                 np.full(SHAPE, np.float32((np.delete(np.arange(29), 14) + 32) / 100).mean(dtype="f8"))])  # fmt: skip


def other(calendar: str) -> Refused:
    return Refused("calendar", (calendar, "Gregorian", "convert_calendar"))


TRAITS = [
    each("months since", months(COUNT.astype("i4"), SINCE), RIGHT),
    each("YYYYMM in int32, without units", months(YYYYMM.astype("i4"), {}), RIGHT),
    each("day as %Y%m%d.%f", months(YYYYMM * 100 + 15.5, {"units": "day as %Y%m%d.%f"}), RIGHT),
    each("descending", months(DAYS[::-1], PLAIN, values=RAIN[::-1]), RIGHT),
    each("calendar noleap", months(DAYS, PLAIN | {"calendar": "noleap"}), other("noleap")),
    each("a soil moisture that begins and ends a day late and early", days(LATE, end="2000-03", **SOIL), Right(PARTS)),
    each("months since, with halves: their middles", months(COUNT + 0.5, SINCE), RIGHT),
    each("months since the 15th of a month", months(COUNT + 1.0, {"units": "Months since 1999-12-15 00:00:00"}), RIGHT),
    each("years since, in twelfths", months(COUNT / 12 + 30, {"units": "years since 1970-01-01"}), RIGHT),
    each("YYYYMM in float32, units YYYYMM", months(YYYYMM.astype("f4"), {"units": "YYYYMM"}), RIGHT),
    each("YYYYMMDD in int32", months((YYYYMM * 100 + 1).astype("i4"), {"long_name": "date"}), RIGHT),
    each("YYYYMMDD in float32, which holds every second day", months((YYYYMM * 100 + 1).astype("f4"), {}), NO_DATES),
    each("numbers 1 to 12", months((COUNT + 1).astype("i4"), {}, "month"), Refused("calendar", ("month", "no dates"))),
    each("calendar 360_day", months(DAYS, PLAIN | {"calendar": "360_day"}), other("360_day")),
    each("a missing stamp", months(np.where(COUNT == 5, np.nan, DAYS), PLAIN), Refused("calendar", ("missing",))),
    *(each(f"named {name}", months(DAYS, NAMED, name), RIGHT) for name in NAMES),
    each("named record, without a standard name", months(DAYS, PLAIN, "record"), RIGHT),
    each("valid_time beside time", months(DAYS, PLAIN, valid_time=Raw(("time",), DAYS, NAMED)), RIGHT),
    each("reference times beside valid ones", months(DAYS - 40, START, valid_time=Raw(("time",), DAYS, NAMED)), RIGHT),
    scalar("a scalar time in a file for each month", files("time", dim=False), RIGHT),
    scalar("a scalar valid_time in a file for each month", files("valid_time", dim=False), RIGHT),
    each("a mean that begins and ends a day late and early", days(LATE, end="2000-03", **HEAT), Right(PARTS)),
    each("a sum that begins and ends a day late and early", days(LATE, end="2000-03", **SUM), OUTSIDE),
    each("a soil moisture that begins on the 20th", days(SHORT, end="2000-02", **SOIL),
        Refused("period", ("within 2000-02 to 2000-02", "monthly.min_days"))),
    each("the same, where 10 days are enough", days(SHORT, end="2000-02", min_days=10, **SOIL),
        Right(mean_of(("2000-01-20", "2000-01-31"), ("2000-02-01", "2000-02-29")))),
    each("days missing in the middle", days(GAP, end="2000-02", **SOIL), Right(GAPS)),
]  # fmt: skip
SWITCHES = [
    Switch(LINE, "smcloud.catalog.time_axis._months_after", lambda start, months: start + months.astype("m8[D]") * 30),
    Switch(LINE, "smcloud.cube.sources.ascending", lambda ds: (ds, True)),
    Switch(LINE, "smcloud.catalog.time_axis._require_gregorian", lambda *args: None),
    Switch(LINE, "smcloud.catalog.time_axis._missing", lambda where: ValueError(where)),
]
