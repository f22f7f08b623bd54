"""Units as strangers spell them: Celsius in words, months of their own length, shares, angles, and wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from smcloud.catalog.units import Unit, unit_of, unit_registry
from smcloud.cube.units import Conversion, _linear
from tests.strangers.forms import FORMS, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, axes, cube_of, random_field

MONTHS = pd.date_range("2000-01", periods=3, freq="MS")
DAYS = pd.date_range("2000-01-01", periods=31)
MOVING = tuple(form for form in FORMS if form != "geotiff")
STATIC = tuple(form for form in FORMS if form != "hdf4")
NO_TIME, NO_LAYER = "a GeoTIFF has no time axis", "the HDF4 files of the reader are steps dated by their names"


def months(role: str, units: str, values: Values, spec: Mapping[str, Any]) -> Callable[[str, Path], Values]:
    """A monthly source whose attribute says ``units``; ``spec`` overrides the entry, which says the same."""
    return _source(role, units, values, MONTHS[: len(values)], {"period": "month"} | dict(spec))


def days(role: str, units: str, values: Values, spec: Mapping[str, Any]) -> Callable[[str, Path], Values]:
    """The days of January 2000."""
    return _source(role, units, values, DAYS, {"period": "day"} | dict(spec))


def _source(
    role: str, units: str, values: Values, times: pd.DatetimeIndex, spec: Mapping[str, Any]
) -> Callable[[str, Path], Values]:
    def attempt(form: str, folder: Path) -> Values:
        place = write(form, folder, axes(form, times) | {"x": Raw(AXES, values, {"units": units})})
        said = {"name": "x", "units": units} | dict(spec)
        ds = cube_of(folder, place, said, role=role, start=f"{times[0]:%Y-%m}", end=f"{times[-1]:%Y-%m}")
        return np.asarray(ds[role].values)

    return attempt


def layer(role: str, units: str, values: Values, spec: Mapping[str, Any]) -> Callable[[str, Path], Values]:
    """A static layer."""

    def attempt(form: str, folder: Path) -> Values:
        place = write(form, folder, GRID | {"x": Raw(("lat", "lon"), values, {"units": units})})
        name = "band_1" if form == "geotiff" else "x"
        said = {"name": name, "units": units, "period": "static"} | dict(spec)
        return np.asarray(cube_of(folder, place, said, role=role)[role].values)

    return attempt


def moving(line: str, name: str, attempt: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    """A trait of all forms that have a time axis."""
    return Trait(line, name, attempt, expect, MOVING, NO_TIME)


CELSIUS = random_field(3, -30, 35, 1)
DEPTH = random_field(3, 0, 30, 2)
RATE = random_field(31, 0, 300, 3)
SHARE = random_field(3, 5, 45, 4)
CLAY = random_field(1, 10, 600, 5)[0]
DRIZZLE = random_field(3, 0, 90, 6)
DRIZZLE[0, 0, 0], DRIZZLE[2, 1, 1] = -0.009, -0.0001
BELOW = DRIZZLE.copy()
BELOW[1, 1, 1] = -0.02
WIDE = {"valid_range": [-1000, 10000]}

SPELLED = "units: spellings"
PER = "units: a month is this month"
LIMITS = "ranges in the unit of the cube"
TRAITS = [
    moving(SPELLED, "temperature in `degrees Celsius`", months("temperature", "degrees Celsius", CELSIUS, WIDE),
           Right(CELSIUS.astype("f8") + 273.15)),
    moving(SPELLED, "soil moisture in `percentage`", months("soil_moisture", "percentage", SHARE, WIDE),
           Right(SHARE.astype("f8") / 100)),
    moving(SPELLED, "temperature in `degrees`, an angle", months("temperature", "degrees", CELSIUS, WIDE),
           Refused("unit", ("source:x", "angle", "degrees", "attr_units"))),
    Trait(SPELLED, "clay in `g/kg`", layer("clay", "g/kg", CLAY, WIDE),
          Right(CLAY.astype("f8") / 10), STATIC, NO_LAYER),
    moving(PER, "monthly rain in `cm/month`", months("precipitation", "cm/month", DEPTH, WIDE),
           Right(DEPTH.astype("f8") * 10)),
    moving(PER, "daily rain as a rate in `kg m-2 month-1`", days("precipitation", "kg m-2 month-1", RATE, WIDE),
           Right(RATE.astype("f8").mean(0)[None])),
    moving(PER, "monthly rain in `mm/year`", months("precipitation", "mm/year", DEPTH, WIDE),
           Refused("unit", ("source:x", "mm/year", "mm day-1", "scale"))),
    moving(LIMITS, "Celsius that the entry calls K", months("temperature", "K", CELSIUS, WIDE),
           Refused("valid-range", ("source:x", "K", "would be possible in degC", "180 to 350"))),
    Trait(LIMITS, "clay in g/kg that the entry calls %", layer("clay", "%", CLAY, WIDE),
          Refused("valid-range", ("source:", "clay", "would be possible in g kg-1", "0 to 100 %")), STATIC, NO_LAYER),
    moving(LIMITS, "soil moisture in percent that the entry calls 1", months("soil_moisture", "1", SHARE, WIDE),
           Refused("valid-range", ("source:x", "m3 m-3", "would be possible in %"))),
    moving(LIMITS, "rain a little below 0", months("precipitation", "mm/month", DRIZZLE, WIDE),
           Right(np.maximum(DRIZZLE, 0))),
    moving(LIMITS, "rain below 0", months("precipitation", "mm/month", BELOW, WIDE),
           Refused("valid-range", ("source:x", "1 values, from -0.02", "first in 2000-02", "-0.01 to 10000 mm"))),
]  # fmt: skip


def as_pint_reads(text: str) -> Unit:
    """The words of a unit as pint alone takes them."""
    words = unit_registry().parse_units(text)._units.items()
    return Unit(1.0, tuple((str(word), int(power)) for word, power in words))


def months_of_pint(role: str, units: str, aggregate: str, period: str, where: str) -> Conversion:
    """A month of 30.44 days, times the days of the month."""
    factor, _ = _linear(unit_of(units), Unit(1.0, (("mm", 1), ("day", -1))), units, role, where)
    return Conversion(factor, by_days=True)


SWITCHES = [
    Switch(SPELLED, "smcloud.cube.units.unit_of", as_pint_reads),
    Switch(PER, "smcloud.cube.units._to_depth", months_of_pint),
    Switch(LIMITS, "smcloud.cube.ranges.judge", lambda *counted: None),
]
