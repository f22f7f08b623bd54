"""Running totals since midnight (as ERA5-Land keeps them), since a month's or a year's begin, and what is not one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, SHAPE, cube_of, stamps

LINE = "time: running totals"
HOURLY = "HDF4 files are dated by the day, GeoTIFF has no time"
HOURS = pd.date_range("2000-02-01T01", "2000-03-01T00", freq="h")  # each hour stamped where it ends
LIMITS = {"valid_range": [0, 0.1], "units": "m"}


def storms(n: int, seed: int = 1) -> Values:
    """Rain of each step in m: dry and wet spells of a few steps (a Markov chain), amounts of 2^-20 m exactly."""
    rng = np.random.default_rng(seed)
    wet = np.zeros((n, *SHAPE), bool)
    for i in range(1, n):
        wet[i] = rng.random(SHAPE) < np.where(wet[i - 1], 0.75, 0.08)
    return np.where(wet, rng.integers(64, 4096, wet.shape), 0) * 2.0**-20


RAIN = storms(len(HOURS))


def since_reset(amounts: Values, times: pd.DatetimeIndex, freq: str) -> Values:
    """The running total of ``amounts`` since the begin of each ``freq``; ``times`` are the ends of the steps."""
    begin = (times - pd.Timedelta(seconds=1)).to_period(freq)
    total = np.array(amounts, np.float64)
    for i in range(1, len(total)):
        if begin[i] == begin[i - 1]:
            total[i] += total[i - 1]
    return total


TOTAL = since_reset(RAIN, HOURS, "D")
FEBRUARY = RAIN.sum(axis=0)[np.newaxis] * 1000


def attempt(
    values: Callable[[], Values], times: pd.DatetimeIndex = HOURS, end: str = "2000-02", dtype: str = "f4", **spec: Any
) -> Callable[[str, Path], Values]:
    """Write ``values`` in chunks that end within days, and make the months February 2000 to ``end`` of them."""

    def run(form: str, folder: Path) -> Values:
        attrs: dict[str, Any] = {"units": "m"}
        stored = values()
        if dtype == "i2":
            attrs |= {"scale_factor": 2.0**-14, "add_offset": 1.0}
            stored = np.rint((stored - 1.0) / 2.0**-14)
        pre = Raw(AXES, stored.astype(dtype), attrs, chunks=(min(100, len(stored)), *SHAPE))
        place = write(form, folder, {"time": stamps(times), "pre": pre} | GRID)
        wanted = {"name": "pre", "period": "hour", "aggregate": "sum"} | LIMITS | spec
        made = cube_of(folder, place, wanted, start="2000-02", end=end)
        return np.asarray(made["precipitation"].values)

    return run


def trait(name: str, run: Callable[[str, Path], Values], expect: Right | Refused) -> Trait:
    return Trait(LINE, name, run, expect, FREE, HOURLY)


DAILY: dict[str, Any] = {"accumulation": {"reset": "day"}}
SIX = pd.date_range("2000-02-01T06", "2000-03-01T00", freq="6h")
SIX_RAIN = storms(len(SIX), 2)
DAYS = pd.date_range("2000-02-02", "2000-05-01", freq="D")
DAY_RAIN = storms(len(DAYS), 3)
IN_MONTH = [DAY_RAIN[(pd.Timedelta(seconds=-1) + DAYS).month == month].sum(axis=0) * 1000 for month in (2, 3, 4)]
DRIZZLE = np.full_like(RAIN, 2.0**-13)
# Each day's amount in 24 equal parts, as weather generators make hours of days.
SPREAD = np.repeat(storms(len(HOURS) // 24, 4), 24, axis=0) / 16


def _packed() -> Values:
    """Totals on a grid of 2^-14 m, one unit too small in every 7th step: so packing rounds."""
    units = np.rint(TOTAL / 2.0**-14)
    return (units - ((np.arange(len(HOURS)) % 7 == 3)[:, None, None] & (units > 0))) * 2.0**-14


def _of_packed() -> Right:
    """Their months: each step's difference, a fall by one unit counting nothing."""
    total = _packed()
    step = np.diff(total, axis=0, prepend=0)
    first = np.arange(len(HOURS)) % 24 == 0
    step = np.where(first[:, None, None], total, np.where((step < 0) & (step > -1.5 * 2.0**-14), 0, step))
    return Right(step.sum(axis=0)[np.newaxis] * 1000, 1e-5)


def _since_month() -> Values:
    return since_reset(DAY_RAIN, DAYS, "M")


def _since_year() -> Values:
    return since_reset(DAY_RAIN, DAYS, "Y")


def _gap() -> Values:
    """One total missing in one cell: the step after it cannot be known either."""
    total = TOTAL.copy()
    total[250, 1, 1] = np.nan
    return total


def _with_gap() -> Values:
    month = FEBRUARY.copy()
    month[0, 1, 1] = np.nan
    return month


def _falling() -> Values:
    total = TOTAL.copy()
    total[30] -= 0.02
    return total


def _six() -> Values:
    return since_reset(SIX_RAIN, SIX, "D")


def _forecasts(form: str, folder: Path) -> Values:
    values = Raw(("time", "step", "lat", "lon"), TOTAL[:672].reshape(28, 24, *SHAPE).astype("f4"), {"units": "m"})
    starts, step = stamps(pd.date_range("2000-02-01", periods=28)), Raw(("step",), np.arange(1, 25, dtype="i4"))
    place = write(form, folder, {"time": starts, "step": step, "pre": values} | GRID)
    spec = {"name": "pre", "period": "hour", "aggregate": "sum"} | LIMITS | DAILY
    return np.asarray(cube_of(folder, place, spec, start="2000-02", end="2000-02")["precipitation"].values)


def _months_of(amounts: Values) -> Right:
    return Right(amounts.sum(axis=0)[np.newaxis] * 1000)


# A day more on both sides, so that a wrong stamp does not lead out of the record.
LONG = pd.date_range("2000-01-31T01", "2000-03-02T00", freq="h")
LONG_RAIN = storms(len(LONG), 5)
LONG_TOTAL = since_reset(LONG_RAIN, LONG, "D")
WANTS = Refused("accumulation", ("precipitation", "accumulation: {reset: day}", "stamp: end"))
AS_YEAR: dict[str, Any] = {"accumulation": {"reset": "year"}, "period": "day", "valid_range": [0, 1]}
AS_MONTH = AS_YEAR | {"accumulation": {"reset": "month"}}
TRAITS = [
    trait("hourly, stamped at their end", attempt(lambda: TOTAL, stamp="end", **DAILY), Right(FEBRUARY)),
    trait("packed in 16 bits, so that totals fall by rounding", attempt(_packed, dtype="i2", **DAILY), _of_packed()),
    trait("said to be amounts", attempt(lambda: TOTAL, stamp="end", valid_range=[0, 1]), WANTS),
    trait("true hourly rain", attempt(lambda: RAIN, stamp="end"), Right(FEBRUARY)),
    trait("stamp left out", attempt(lambda: TOTAL, **DAILY), Right(FEBRUARY)),
    trait("six-hourly", attempt(_six, SIX, period="6hour", **DAILY), _months_of(SIX_RAIN)),
    trait("six-hourly, said to be amounts", attempt(_six, SIX, period="6hour", stamp="end"), WANTS),
    trait(
        "daily, since the month's begin", attempt(_since_month, DAYS, "2000-04", **AS_MONTH), Right(np.array(IN_MONTH))
    ),
    trait(
        "since the year's begin, of a record that begins in February: its first day is not known",
        attempt(_since_year, DAYS, "2000-04", **AS_YEAR, coverage_change=1),
        Right(np.array([np.full(SHAPE, np.nan), *IN_MONTH[1:]])),
    ),
    trait("one total missing", attempt(_gap, **DAILY), Right(_with_gap())),
    trait("falling within a day", attempt(_falling, **DAILY), Refused("accumulation", ("falls between two resets",))),
    trait(
        "amounts that are said to be totals",
        attempt(lambda: RAIN, **DAILY),
        Refused("accumulation", ("precipitation", "plain amounts need no accumulation")),
    ),
    trait(
        "said to be stamped at their start",
        attempt(lambda: LONG_TOTAL, LONG, stamp="start", **DAILY),
        Refused("accumulation", ("precipitation", "stamp: end")),
    ),
    trait("said to be amounts, stamp left out", attempt(lambda: LONG_TOTAL, LONG, valid_range=[0, 1]), WANTS),
    trait("no rain at all", attempt(lambda: np.zeros_like(RAIN), stamp="end"), Right(np.zeros((1, *SHAPE)))),
    trait("drizzle without an end", attempt(lambda: DRIZZLE, stamp="end"), _months_of(DRIZZLE)),
    trait("days in 24 equal parts", attempt(lambda: SPREAD, stamp="end"), _months_of(SPREAD)),
    trait(
        "since a forecast's start",
        attempt(lambda: TOTAL, accumulation={"reset": "forecast"}),
        Refused("catalog", ("reset", "forecast", "da.diff('step')")),
    ),
    trait("since the start of forecasts of 24 steps", _forecasts, Refused("grid", ("pre", "step", "da.diff('step')"))),
]
SWITCHES = [
    Switch(LINE, "smcloud.cube.reset_hours.pattern_of", lambda *args: None),
    Switch(LINE, "smcloud.cube.quality.judge_falls", lambda *args: None),
    Switch(LINE, "smcloud.cube.sources.amounts", lambda values, *args: values),
]
