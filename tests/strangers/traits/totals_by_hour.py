"""Running totals that begin anew at another hour than midnight, or several times a day, as those of forecasts do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FILES, Raw, Values, write
from tests.strangers.matrix import Refused, Right, Switch, Trait
from tests.strangers.traits.totals import (
    DAILY,
    LIMITS,
    LINE,
    LONG,
    LONG_RAIN,
    TOTAL,
    WANTS,
    attempt,
    storms,
    trait,
)  # fmt: skip
from tests.strangers.world import AXES, GRID, SHAPE, cube_of, stamps

LONG_MONTH = Right(LONG_RAIN[24 : 24 * 30].sum(axis=0)[np.newaxis] * 1000)
LONG_THREE = pd.date_range("2000-01-31T03", "2000-03-02T00", freq="3h")
THREE_RAIN = storms(len(LONG_THREE), 6)
THREE_MONTH = Right(THREE_RAIN[8 : 8 * 30].sum(axis=0)[np.newaxis] * 1000)


def since(*hours: int) -> Callable[[], Values]:
    return lambda: since_hours(LONG_RAIN, LONG, hours)


def three_since(*hours: int) -> Callable[[], Values]:
    return lambda: since_hours(THREE_RAIN, LONG_THREE, hours)


def wants(key: str) -> Refused:
    return Refused("accumulation", ("precipitation", f"accumulation: {{reset: day, hour: {key}}}", "stamp: end"))


def _in_files(form: str, folder: Path) -> Values:
    """Totals since 06 and 18 UTC in two files, whose seam lies between two resets."""
    totals, places = since_hours(LONG_RAIN, LONG, (6, 18)).astype("f4"), []
    for name, part in (("a", slice(0, 301)), ("b", slice(301, None))):
        pre = Raw(AXES, totals[part], {"units": "m"}, chunks=(50, *SHAPE))
        places.append(write(form, folder, {"time": stamps(LONG[part]), "pre": pre} | GRID, name))
    place = dict(places[0]) | {"args": {"urlpath": [held["args"]["urlpath"] for held in places]}}
    spec = {"name": "pre", "period": "hour", "aggregate": "sum"} | LIMITS | at_hours(6, 18)
    return np.asarray(cube_of(folder, place, spec, start="2000-02", end="2000-02")["precipitation"].values)


def since_hours(amounts: Values, times: pd.DatetimeIndex, hours: tuple[int, ...]) -> Values:
    """The running total since the last of ``hours`` (UTC); ``times`` are the ends of steps of one hour or more."""
    begin = times - (times[1] - times[0])
    total = np.array(amounts, np.float64)
    for i in range(1, len(total)):
        if begin[i].hour not in hours:
            total[i] += total[i - 1]
    return total


def at_hours(*hours: int, **more: Any) -> dict[str, Any]:
    """The key for totals that begin anew at ``hours``, as one number where it is one."""
    return {"accumulation": {"reset": "day", "hour": hours[0] if len(hours) == 1 else list(hours)}} | more


TRAITS = [
    trait("reset at 06:00, said to be amounts", attempt(lambda: np.roll(TOTAL, 6, axis=0), stamp="end"), wants("6")),
    trait("reset at 06:00", attempt(since(6), LONG, **at_hours(6)), LONG_MONTH),
    trait("reset at 06:00, said to be at midnight", attempt(since(6), LONG, **DAILY), wants("6")),
    trait("reset at midnight, said to be at 06:00", attempt(since(0), LONG, **at_hours(6)), WANTS),
    trait("reset at 06:00 and 18:00, said to be amounts", attempt(since(6, 18), LONG, stamp="end"), wants("[6, 18]")),
    trait("reset at 06:00 and 18:00", attempt(since(6, 18), LONG, **at_hours(18, 6)), LONG_MONTH),
    trait(
        "reset at 06:00 and 18:00, said to be at 06:00", attempt(since(6, 18), LONG, **at_hours(6)), wants("[6, 18]")
    ),
    trait("reset at 06:00, said to be at 06:00 and 18:00", attempt(since(6), LONG, **at_hours(6, 18)), wants("6")),
    trait(
        "three-hourly, reset at 00:00 and 12:00",
        attempt(three_since(0, 12), LONG_THREE, period="3hour", **at_hours(0, 12)),
        THREE_MONTH,
    ),
    trait(
        "three-hourly, reset at 00:00 and 12:00, said to be amounts, stamp left out",
        attempt(three_since(0, 12), LONG_THREE, period="3hour", valid_range=[0, 1]),
        wants("[0, 12]"),
    ),
    trait(
        "reset at 05:00 in steps of three hours",
        attempt(three_since(6), LONG_THREE, period="3hour", **at_hours(5)),
        Refused("accumulation", ("pre", "05:00", "hour")),
    ),
    trait("reset at 30:00", attempt(since(6), LONG, **at_hours(30)), Refused("catalog", ("hour",))),
    Trait(
        LINE,
        "reset at 06:00 and 18:00, in two files",
        _in_files,
        LONG_MONTH,
        FILES,
        "HDF4 files are dated by the day, GeoTIFF has no time; a seam of stores is a seam of chunks",
    ),
]
SWITCHES = [
    Switch(LINE, "smcloud.cube.quality.judge_hours", lambda *args: None),
]
