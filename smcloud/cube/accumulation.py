"""Running totals: back to the amount of each step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.time_keys import Accumulation
from smcloud.cube.calendar import HOUR, HOURS, Steps, Times
from smcloud.errors import AccumulationError

UNITS = {"month": "M", "year": "Y"}
# Fields are packed in 16 bits: a difference below this share of the valid range is rounding.
ROUNDING = 2.0**-16


def never_negative(spec: VariableSpec) -> bool:
    """Return whether the valid range says that an amount is never negative, rounding apart."""
    return spec.valid_range[0] >= -0.01 * spec.valid_range[1]


def amounts(totals: xr.DataArray, steps: Steps, spec: VariableSpec, rounding: float) -> xr.DataArray:
    """Compute the amount of each step from ``totals`` (time, ...) since the last reset; lazy, in the same chunks.

    The first step after a reset keeps its value, any other is the difference from the step before. NaN where that one
    is missing: at a gap, and at the begin of a record inside a period. Where the valid range rules negative amounts
    out, a fall by no more than ``rounding`` is 0; a larger one stays, for the gate to find.
    """
    assert spec.accumulation is not None
    period, first = _periods(steps.start, spec.accumulation)
    follows = np.append(False, (period[1:] == period[:-1]) & (steps.start[1:] == steps.end[:-1]))
    before = totals.shift(time=1) if totals.sizes["time"] > 1 else totals.where(False)
    difference = (totals - before).where(xr.DataArray(follows, {"time": totals["time"]}, ["time"]))
    if never_negative(spec):
        difference = difference.where((difference >= 0) | ~(difference >= -rounding), 0.0)
    made = totals.where(xr.DataArray(first, {"time": totals["time"]}, ["time"]), difference)
    return made.astype(totals.dtype).assign_attrs(totals.attrs)


def _periods(start: Times, accumulation: Accumulation) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Number the stretches between two resets: that of each step, and whether it is the first of its own."""
    if accumulation.reset != "day":
        period = start.astype(f"datetime64[{UNITS[accumulation.reset]}]")
        return period.astype(np.int64), start == period.astype("datetime64[s]")
    day, resets = start.astype("datetime64[D]"), np.array(accumulation.hours) * HOUR
    since = start - day
    return day.astype(np.int64) * len(resets) + np.searchsorted(resets, since, side="right"), np.isin(since, resets)


def require_resets(steps: Steps, spec: VariableSpec, where: str) -> None:
    """Raise :class:`AccumulationError` where no step begins at an hour at which totals of a day begin anew."""
    assert spec.accumulation is not None
    if spec.accumulation.reset != "day":
        return
    begins = sorted({str(start)[11:16] for start in steps.start})
    missing = [hour for hour in spec.accumulation.hours if f"{hour:02d}:00" not in begins]
    whole = steps.end[-1] - steps.start[0] >= HOURS["day"] * HOUR
    if missing and (whole or len(missing) == len(spec.accumulation.hours)):
        raise AccumulationError(
            "no step begins where the totals begin anew",
            where=where,
            found=f"steps of {spec.period} that begin at {', '.join(begins[:8])}{' ...' if len(begins) > 8 else ''}",
            expected=f"one that begins at {missing[0]:02d}:00",
            next="correct hour (accumulation) or stamp of the variable in the catalog entry",
        )


def rounding_of(raw: xr.DataArray, spec: VariableSpec) -> float:
    """Return by how much two equal values may differ: one unit of the packing, or its like where none is known."""
    if np.dtype(raw.encoding.get("dtype", raw.dtype)).kind not in "iu":
        return ROUNDING * (spec.valid_range[1] - spec.valid_range[0])
    stated = float(raw.encoding.get("scale_factor", 1.0))
    return 1.01 * abs(stated if spec.scale in (None, stated) else stated * spec.scale)


def judge_falls(role: str, smallest: float, units: str, where: str) -> None:
    """Raise :class:`AccumulationError` where a running total falls between two resets."""
    if smallest < 0:
        raise AccumulationError(
            f"the running total of {role} falls between two resets",
            where=where,
            found=f"by {-smallest:.6g} {units}",
            expected="a total that grows until its reset",
            next="correct accumulation and stamp in the catalog entry: totals of a day that are stamped where they end "
            "need reset: day and stamp: end, and hour if it is not midnight (UTC); plain amounts need no accumulation",
        )
