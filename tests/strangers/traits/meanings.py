"""What a file says of a variable beside its unit: means of amounts, moisture that is a share, flags of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, SHAPE, cube_of, random_field, stamps

MEANS, SHARES, FLAGS = "amounts: means in the file's own words", "units: moisture that is a share", "missing: flags"
CANNOT = "attributes of texts and companions are tried in the forms that hold any"
MONTHS = pd.date_range("2000-01", periods=3, freq="MS")
JANUARY = pd.date_range("2000-01-01", "2000-01-31")
LENGTHS = np.array([31, 29, 31])[:, None, None]
PER_DAY = random_field(3, 0.0001, 0.01)
MOISTURE = random_field(31, 0.05, 0.45)
ROLES = {"precipitation": ("tp", [-0.001, 20]), "soil_moisture": ("sm", [0, 100])}


def attempt(
    role: str, values: Values, attrs: Mapping[str, Any], flag: Raw | None = None, **spec: Any
) -> Callable[[str, Path], Values]:
    """Months of a role, of monthly values or of those of January; ``flag`` stands beside them."""
    (name, limits), monthly = ROLES[role], len(values) == len(MONTHS)

    def run(form: str, folder: Path) -> Values:
        arrays = GRID | {"time": stamps(MONTHS if monthly else JANUARY), name: Raw(AXES, values, attrs)}
        arrays |= {} if flag is None else {"flag": flag}
        wanted = {"name": name, "units": attrs.get("units", "m3 m-3"), "period": "month" if monthly else "day"}
        wanted |= {"valid_range": limits, "fill": []} | ({} if flag is None else {"flag": "flag"}) | spec
        end = "2000-03" if monthly else "2000-01"
        return np.asarray(cube_of(folder, write(form, folder, arrays), wanted, role=role, end=end)[role].values)

    return run


def flag(values: Values, meanings: str = "", codes: tuple[int, ...] = (), key: str = "flag_values") -> Raw:
    attrs = {key: np.array(codes, values.dtype), "flag_meanings": meanings} if meanings else {}
    return Raw(AXES, values, attrs)


def each(line: str, name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(line, name, run, expect, FREE, CANNOT)


def rain(said: Mapping[str, str], **spec: Any) -> Callable[[str, Path], Values]:
    return attempt("precipitation", PER_DAY, {"units": "m"} | said, **spec)


def soil(values: Values, said: Mapping[str, str], **spec: Any) -> Callable[[str, Path], Values]:
    return attempt("soil_moisture", values, said, **spec)


def flagged(raw: Raw) -> Callable[[str, Path], Values]:
    return attempt("soil_moisture", MOISTURE, {"units": "m3 m-3"}, raw)


AVERAGED = Refused("unit", ("tp", "mean", "units: m day-1", "attr_units: m", "units: m month-1"))
DAILY, TOTAL = {"units": "m day-1", "attr_units": "m"}, {"units": "m month-1", "attr_units": "m"}
RELATIVE = Refused("unit", ("sm", "saturation", "attr_units", "porosity"))
NOT_CCI = Refused("variable", ("flag", "1 is ", "leave flag out"))
JANUARY_MEAN = MOISTURE.astype("f8").mean(0)[None]
WITHOUT = np.where(np.arange(12).reshape(SHAPE) == 0, np.nan, JANUARY_MEAN)
ODD = np.zeros((31, *SHAPE), "i2")
ODD[:, 0, 0] = 256
FLAG = np.zeros((31, *SHAPE), "i2")
FLAG[:, 0, 0] = 1
CCI = "no_data_inconsistency_detected snow_coverage_or_temperature_below_zero dense_vegetation"
PERCENT = {"units": "%"}
TRAITS = [
    each(MEANS, "ERA5's monthly `tp` in m, GRIB_stepType avgad", rain({"GRIB_stepType": "avgad"}), AVERAGED),
    each(MEANS, "monthly m, cell_methods time: mean", rain({"cell_methods": "area: time: mean"}), AVERAGED),
    each(MEANS, "the same, said to be m day-1", rain({"GRIB_stepType": "avgad"}, **DAILY),
         Right(1000 * PER_DAY.astype("f8") * LENGTHS)),
    each(MEANS, "the same, said to be m month-1", rain({"cell_methods": "time: mean"}, **TOTAL),
         Right(1000 * PER_DAY.astype("f8"))),
    each(MEANS, "monthly m, cell_methods time: sum", rain({"cell_methods": "time: sum"}),
         Right(1000 * PER_DAY.astype("f8"))),
    each(SHARES, "Soil Water Index in %", soil(100 * MOISTURE, PERCENT | {"long_name": "Soil Water Index"}), RELATIVE),
    each(SHARES, "surface_soil_wetness", soil(MOISTURE, {"long_name": "surface_soil_wetness"}), RELATIVE),
    each(SHARES, "volumetric soil wetness in %",
         soil(100 * MOISTURE, PERCENT | {"long_name": "volumetric soil wetness"}), Right(JANUARY_MEAN)),
    each(SHARES, "fractions that are called %", soil(MOISTURE, PERCENT),
         Refused("valid-range", ("soil_moisture", "0.01", "attr_units: %"))),
    each(SHARES, "the same, said to be m3 m-3",
         soil(MOISTURE, PERCENT, units="m3 m-3", attr_units="%"), Right(JANUARY_MEAN)),
    each(FLAGS, "flags of ESA CCI", flagged(flag(FLAG, CCI, (0, 1, 2))), Right(WITHOUT)),
    each(FLAGS, "a flag of more than eight bits: 256", flagged(flag(ODD)), Right(WITHOUT)),
    each(FLAGS, "flags whose 1 is good", flagged(flag(FLAG, "bad good", (0, 1))), NOT_CCI),
    each(FLAGS, "masks of SMAP", flagged(flag(FLAG, "recommended retrieved", (1, 2), "flag_masks")), NOT_CCI),
]  # fmt: skip
SWITCHES = [
    Switch(MEANS, "smcloud.catalog.meaning._require_total", lambda *args: None),
    Switch(SHARES, "smcloud.catalog.meaning._require_volumetric", lambda *args: None),
    Switch(SHARES, "smcloud.cube.ranges._require_enough", lambda *args: None),
    Switch(FLAGS, "smcloud.catalog.meaning._require_known_flag", lambda *args: None),
]
