"""Amounts and rates of water: steps that are summed, rates that are averaged, and months that are not whole."""

from __future__ import annotations

import numpy as np

from smcloud.cube.units import Conversion
from tests.strangers.matrix import Refused, Right, Switch
from tests.strangers.traits.units import days, months, moving
from tests.strangers.world import random_field

RAIN = random_field(31, 0, 40, 11)
UPWARDS = -random_field(31, 0.0005, 0.009, 12)
MONTHLY = random_field(3, 0, 300, 13)
GAPS = RAIN.copy()
GAPS[8:23, 1, 2] = np.nan
GAPS[30, 0, 0] = np.nan
WHOLE = np.where(np.isnan(GAPS).any(0), np.nan, RAIN.astype("f8").sum(0))[None]
SUM, MEAN, WIDE = {"aggregate": "sum"}, {"aggregate": "mean"}, {"valid_range": [-1000, 10000]}

TOTALS = "amounts: totals and rates"
MISSING = "amounts: missing steps"
TRAITS = [
    moving(TOTALS, "daily rain in `mm`, averaged", days("precipitation", "mm", RAIN, WIDE | MEAN),
           Refused("unit", ("source:x", "found:    mm", "aggregate: sum", "attr_units: mm"))),
    moving(TOTALS, "daily potential evaporation in `m of water equivalent`, averaged",
           days("potential_evaporation", "m of water equivalent", UPWARDS, WIDE | MEAN),
           Refused("unit", ("source:x", "m of water equivalent", "aggregate: sum"))),
    moving(TOTALS, "daily rain in `kg m**-2`, summed", days("precipitation", "kg m**-2", RAIN, WIDE | SUM),
           Right(RAIN.astype("f8").sum(0)[None])),
    moving(TOTALS, "potential evaporation of ERA5, negative, in `m`, summed",
           days("potential_evaporation", "m", UPWARDS, WIDE | SUM), Right(1000 * UPWARDS.astype("f8").sum(0)[None])),
    moving(TOTALS, "a daily rate in `mm/d`, summed", days("precipitation", "mm/d", RAIN, WIDE | SUM),
           Refused("unit", ("source:x", "mm/d", "aggregate: mean"))),
    moving(TOTALS, "monthly rain in `mm`, said to be a mean", months("precipitation", "mm", MONTHLY, WIDE | MEAN),
           Right(MONTHLY)),
    moving(MISSING, "a daily rate with days missing", days("precipitation", "mm/d", GAPS, WIDE | MEAN), Right(WHOLE)),
    moving(MISSING, "daily amounts with days missing", days("precipitation", "mm", GAPS, WIDE | SUM), Right(WHOLE)),
]  # fmt: skip
SWITCHES = [
    Switch(TOTALS, "smcloud.cube.units._to_depth", lambda *entry: Conversion()),
    Switch(MISSING, "smcloud.cube.sources.is_per_month", lambda units: False),
]
