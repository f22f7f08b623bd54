"""Files without a quirk: what every form must read right, so that an error elsewhere is the trait's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.strangers.forms import FORMS, Raw, Values, write
from tests.strangers.matrix import Right, Switch, Trait
from tests.strangers.world import AXES, GRID, axes, cube_of, random_field

MONTHS = pd.date_range("2000-01", periods=12, freq="MS")
RAIN = random_field(12, 1, 200)
CLAY = random_field(1, 1, 60)[0]


def _months(form: str, folder: Path) -> Values:
    if form == "geotiff":
        place = write(form, folder, GRID | {"clay": Raw(("lat", "lon"), CLAY, {"units": "%"})})
        spec = {"name": "band_1", "units": "%", "period": "static", "valid_range": [0, 100]}
        return np.asarray(cube_of(folder, place, spec, role="clay")["clay"].values)
    place = write(form, folder, axes(form, MONTHS) | {"pre": Raw(AXES, RAIN, {"units": "mm month-1"})})
    spec = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 2000]}
    return np.asarray(cube_of(folder, place, spec)["precipitation"].values)


def _expected(form: str) -> Right:
    return Right(CLAY if form == "geotiff" else RAIN)


TRAITS = [Trait("plain", "monthly rain in mm month-1 (GeoTIFF: clay)", _months, _expected, FORMS)]
SWITCHES: list[Switch] = []
