"""What a file says of its own values: the range that they have, and the factor that they are packed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.strangers.forms import FREE, Raw, Values, write
from tests.strangers.matrix import Outcome, Refused, Right, Switch, Trait
from tests.strangers.world import AXES, GRID, SHAPE, cube_of, stamps

RANGE, FACTOR = "missing: outside the file's own range", "packing: factors that are none"
CANNOT = "the attributes are tried in the forms that hold any"
MONTHS = pd.date_range("2000-01", periods=2, freq="MS")
TENTHS = np.random.default_rng(3).integers(1, 5000, (2, *SHAPE)).astype("i2")
CODED = TENTHS.copy()
CODED[:, 0, 0] = 20000
FLOATS = CODED.astype("f4") / np.float32(10)
MISSING = np.where(CODED == 20000, np.nan, TENTHS / 10.0)


def attempt(values: Values, attrs: Mapping[str, Any], **spec: Any) -> Callable[[str, Path], Values]:
    def run(form: str, folder: Path) -> Values:
        pre = Raw(AXES, values, {"units": "mm month-1", **attrs}, fill=-32768 if values.dtype.kind == "i" else -1e30)
        place = write(form, folder, GRID | {"time": stamps(MONTHS), "pre": pre})
        wanted = {"name": "pre", "units": "mm month-1", "period": "month", "valid_range": [0, 5000]} | spec
        return np.asarray(cube_of(folder, place, wanted, end="2000-02")["precipitation"].values)

    return run


def each(line: str, name: str, run: Callable[[str, Path], Values], expect: Outcome) -> Trait:
    return Trait(line, name, run, expect, FREE, CANNOT)


PACKED = {"scale_factor": 0.1, "valid_range": np.array([0, 10000], "i2")}
UNPACKED = {"scale_factor": 0.1, "valid_range": np.array([0.0, 5000.5])}
LIMITS = {"valid_min": np.float32(0), "valid_max": np.float32(500)}
ASKED = Refused("variable", ("source:pre", "20000", "fill: [20000]", "fill: []"))
NO_FACTOR = Refused("variable", ("pre", "scale_factor", "not 0"))
TRAITS = [
    each(RANGE, "packed, the code beyond a valid_range of stored integers", attempt(CODED, PACKED), ASKED),
    each(RANGE, "the same, fill in the entry", attempt(CODED, PACKED, fill=[20000]), Right(MISSING)),
    each(RANGE, "the same, fill: [] in the entry", attempt(CODED, PACKED, fill=[]), Right(CODED / 10.0)),
    each(RANGE, "packed, a valid_range of unpacked values", attempt(CODED, UNPACKED), Right(CODED / 10.0)),
    each(RANGE, "valid_min and valid_max, the code beyond them", attempt(FLOATS, LIMITS),
         Refused("variable", ("source:pre", "fill: [2000]", "0 to 500"))),
    each(RANGE, "valid_range of the reanalyses: -1e15 to 1e15",
         attempt(FLOATS, {"valid_range": np.array([-1e15, 1e15], "f4")}), Right(CODED / 10.0)),
    each(FACTOR, "scale_factor 0", attempt(TENTHS, {"scale_factor": 0.0, "add_offset": 15.0}), NO_FACTOR),
    each(FACTOR, "scale_factor of two numbers", attempt(TENTHS, {"scale_factor": np.array([0.1, 0.01])}), NO_FACTOR),
    each(FACTOR, "scale_factor of one number in a list", attempt(TENTHS, {"scale_factor": np.array([0.1])}),
         Right(TENTHS / 10.0)),
]  # fmt: skip
SWITCHES = [
    Switch(RANGE, "smcloud.cube.decoded.require_stated_range", lambda da, *args: da),
    Switch(FACTOR, "smcloud.catalog.packing._no_factor", lambda *args: ValueError("no factor")),
]
