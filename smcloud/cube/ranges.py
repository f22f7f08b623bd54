"""What each role can be in the cube's unit: values are judged again after conversion, as a wrong unit shows there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smcloud.cube.reduction import Block
from smcloud.cube.units import CUBE_UNITS, conversion
from smcloud.errors import RangeError, UnitError

Range = tuple[float, float]
# Of a month or a static layer. Rain: the wettest month on record had 9300 mm (Cherrapunji, July 1861). Potential
# evaporation: five times what pans lose in deserts, with the sign that the source gives it (ERA5's is negative).
# Temperatures: the limits of what was measured on the ground, wide. Packing leaves a little less than nothing.
CUBE_RANGES: Mapping[str, Range] = {
    "soil_moisture": (-0.01, 1.0),
    "soil_moisture_reference": (-0.01, 1.0),
    "precipitation": (-0.01, 10_000.0),
    "potential_evaporation": (-2000.0, 2000.0),
    "soil_temperature": (180.0, 350.0),
    "temperature": (180.0, 350.0),
    "lai": (-0.01, 15.0),
    "aridity_index": (0.0, 500.0),
    "elevation": (-500.0, 9000.0),
    "clay": (0.0, 100.0),
    "sand": (0.0, 100.0),
    "land_mask": (0.0, 1.0),
}
# Somewhere at some time a soil holds more than this; a fraction that is called percent never does.
LEAST_LARGEST = {"soil_moisture": 0.01, "soil_moisture_reference": 0.01}
ANY: Range = (-math.inf, math.inf)
NOT_NEGATIVE = ("precipitation",)  # what lies between the lower limit and 0 becomes 0, and is counted
# Units that a role is often given in, tried where its values cannot be true in the one that the catalog says.
OFTEN = {"K": ("K", "degC", "degF"), "m3 m-3": ("1", "%"), "%": ("%", "1", "g kg-1"), "m": ("m", "km", "cm", "ft")}
NAMES = ("coverage", "cube_outside", "cube_smallest", "cube_largest")


def limits_of(role: str) -> Range:
    """Return smallest and largest possible value of a role, widened by the rounding of packed and of float32 values."""
    low, high = CUBE_RANGES.get(role, ANY)
    return low - 1e-6 * max(1.0, abs(low)), high + 1e-6 * max(1.0, abs(high))


def without_drizzle_below_zero(role: str, value: xr.DataArray) -> tuple[xr.DataArray, dict[str, xr.DataArray]]:
    """Set the rounding of packed rain below 0 to 0; lazy. Returns the months, and how many cells of each were set."""
    if role not in NOT_NEGATIVE:
        return value, {}
    below = (value < 0) & (value >= limits_of(role)[0])
    return value.where(~below, 0.0), {"zeroed": below.reduce(np.sum, ["lat", "lon"])}


def count_cube(role: str, value: xr.DataArray) -> dict[str, xr.DataArray]:
    """Count, in one pass over the months (time, lat, lon) of a role in the cube's unit; lazy counters (time):

    ``coverage`` (cells with a value), ``cube_outside`` (beyond what the role can be), ``cube_smallest``,
    ``cube_largest``. A static layer has no coverage, and scalars.
    """
    from smcloud.cluster.internals import over_blocks

    months = (value if "time" in value.dims else value.expand_dims("time")).transpose("time", "lat", "lon")
    data = months.data if months.chunks else months.chunk().data
    chunks = (data.chunks[0], *((1,) * n for n in data.numblocks[1:]), (len(NAMES),))
    numbers = data.map_blocks(_counted, *limits_of(role), chunks=chunks, new_axis=3, meta=np.empty((0,) * 4))
    counters = dict(zip(NAMES, over_blocks(numbers, (np.sum, np.sum, np.min, np.max)), strict=True))
    if "time" in value.dims:
        return {name: xr.DataArray(one, {"time": value["time"]}, ("time",)) for name, one in counters.items()}
    return {name: xr.DataArray(one[0]) for name, one in counters.items() if name != "coverage"}


def _counted(block: Block, low: float, high: float) -> Block:
    from smcloud.cube.month_kernels import count_values  # imports numba

    numbers = np.tile([0.0, 0.0, np.inf, -np.inf], (len(block), 1, 1, 1))
    for values, of_month in zip(block, numbers, strict=True):
        count_values(values, low, high, of_month[0, 0])
    return numbers


def judge(role: str, number: Mapping[str, Any], source: Range, units: str, where: str) -> None:
    """Raise :class:`RangeError` where counted values of the cube (``cube_*`` of :func:`count_cube`) cannot be true.

    ``source`` holds the extremes in the source's own ``units``: where they would fit in another, it is named.
    """
    outside = number["cube_outside"]
    total = sum(outside.values()) if isinstance(outside, Mapping) else outside
    _require_enough(role, number["cube_largest"], source, units, where)
    if not total:
        return
    cells = [number[key] for key in NAMES[2:]]
    smallest, largest = (
        of(one.values()) if isinstance(one, Mapping) else one for of, one in zip((min, max), cells, strict=True)
    )
    low, high = CUBE_RANGES[role]
    first = f", first in {next(m for m, n in outside.items() if n)}" if isinstance(outside, Mapping) else ""
    unit, own = CUBE_UNITS[role], units or "1"
    fits = _fitting(role, source)
    if fits:
        cause = f": {source[0]:.6g} to {source[1]:.6g} would be possible in {' or '.join(fits)}"
    else:
        cause = "; below 0 it may be a fill value, an offset or a flux upwards" if smallest < low == -0.01 else ""
    raise RangeError(
        f"{role} is beyond what it can be in {unit}, made of values in {own}",
        where=where,
        found=f"{total:.0f} values, from {smallest:.6g} to {largest:.6g} {unit}{first}",
        expected=f"{low:g} to {high:g} {unit}",
        next=f"correct units, scale or aggregate in the catalog entry (attr_units: {own} if the source says so){cause}",
    )


def _require_enough(role: str, largest: Mapping[Any, float] | float, source: Range, units: str, where: str) -> None:
    most = max(largest.values()) if isinstance(largest, Mapping) else largest
    if 0 < most <= LEAST_LARGEST.get(role, -math.inf):
        raise RangeError(
            f"{role} is nowhere more than {most:.3g} {CUBE_UNITS[role]}, made of values in {units or '1'}",
            where=where,
            found=f"values from {source[0]:.6g} to {source[1]:.6g} {units or '1'}",
            expected=f"more than {LEAST_LARGEST[role]:g} {CUBE_UNITS[role]} somewhere at some time",
            next=f"correct units or scale in the catalog entry: fractions that the source calls percent are units: "
            f"m3 m-3 with attr_units: {units or '1'}",
        )


def _fitting(role: str, source: Range) -> list[str]:
    low, high = limits_of(role)
    fits = []
    for units in OFTEN.get(CUBE_UNITS[role], ()):
        try:
            how = conversion(role, units, "mean", "month", "")
        except UnitError:
            continue
        if all(low <= how.factor * value + how.offset <= high for value in source):
            fits.append(units)
    return fits
