"""Whether amounts of hours are running totals: by the pattern that the gate of the cube looks for, in a few days."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import Steps
from smcloud.cube.reduction import ChunkMonth
from smcloud.cube.reset_hours import by_reset, hours_of_totals, pattern_of
from smcloud.first_study.drafts import Line

STEPS, SIDE = 72, 64  # what is looked at: three days of hours, a window of cells
DAY = np.timedelta64(86400, "s")


def total_lines(values: xr.DataArray, steps: Steps, spec: VariableSpec) -> dict[str, Line]:
    """Make the lines accumulation and stamp where the first days of ``values`` (time, lat, lon) are running totals."""
    pattern = pattern_of(spec, 0.0)
    if pattern is None or values.sizes["time"] < 4:
        return {}
    middle = {dim: max(0, values.sizes[dim] - SIDE) // 2 for dim in ("lat", "lon")}
    window = {dim: slice(start, start + SIDE) for dim, start in middle.items()}
    some = values.isel({"time": slice(0, STEPS)} | window).transpose("time", "lat", "lon").values
    begin, end = steps.start[: len(some)], steps.end[: len(some)]
    middles = (begin + (end - begin) // 2 - np.datetime64("1970-01-01", "s")) / DAY
    every, one = slice(0, len(some)), np.ones(len(some))
    state = pattern.start(1, some.shape[1:])
    pattern.add(state, some, ChunkMonth(0, every, one, one, every, middles, every))
    numbers = xr.DataArray(pattern.finish(state)[0], dims=("time", "block", "number")).chunk()
    counted = {name: {0: float(counter[0])} for name, counter in by_reset(numbers).items()}
    hours = hours_of_totals(counted)
    if not hours:
        return {}
    hour = {} if hours == [0] else {"hour": hours[0] if len(hours) == 1 else hours}
    found = "a guess: within a day the values grow, and begin anew behind " + ", ".join(f"{at:02d} UTC" for at in hours)
    return {
        "accumulation": Line({"reset": "day"} | hour, found),
        "stamp": Line("end", "a running total is stamped where its step ends"),
    }
