"""Running totals: back to the amount of each step, and how the gate tells them from plain amounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.time_keys import SUBDAILY
from smcloud.cube.calendar import Steps
from smcloud.cube.reduction import Block, ChunkMonth, Maps
from smcloud.errors import AccumulationError

UNITS = {"day": "D", "month": "M", "year": "Y"}
# Fields are packed in 16 bits: a difference below this share of the valid range is rounding.
ROUNDING = 2.0**-16
COUNTERS = ("reset_pairs", "reset_falls", "other_pairs", "other_falls", "rises")
LEAST_PAIRS = 10
MOST_FALLS = 0.02  # within a day a running total falls by noise only; rain falls as often as it rises
LEAST_FALLS = 0.5  # at its reset a total falls, unless the first hours bring more than the day before
LEAST_RISES = 0.25  # for each reset: a day in equal parts never rises
LEAST_FLAT = 0.02  # a total stays while it is dry or night; the sun in steps of six hours only rises and falls


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
    period = steps.start.astype(f"datetime64[{UNITS[spec.accumulation.reset]}]")
    first = steps.start == period.astype("datetime64[s]")
    follows = np.append(False, (period[1:] == period[:-1]) & (steps.start[1:] == steps.end[:-1]))
    before = totals.shift(time=1) if totals.sizes["time"] > 1 else totals.where(False)
    difference = (totals - before).where(xr.DataArray(follows, {"time": totals["time"]}, ["time"]))
    if never_negative(spec):
        difference = difference.where((difference >= 0) | ~(difference >= -rounding), 0.0)
    made = totals.where(xr.DataArray(first, {"time": totals["time"]}, ["time"]), difference)
    return made.astype(totals.dtype).assign_attrs(totals.attrs)


def rounding_of(raw: xr.DataArray, spec: VariableSpec) -> float:
    """Return by how much two equal values may differ: one unit of the packing, or its like where none is known."""
    if np.dtype(raw.encoding.get("dtype", raw.dtype)).kind not in "iu":
        return ROUNDING * (spec.valid_range[1] - spec.valid_range[0])
    stated = float(raw.encoding.get("scale_factor", 1.0))
    return 1.01 * abs(stated if spec.scale in (None, stated) else stated * spec.scale)


@dataclass(frozen=True)
class DailyPattern:
    """Where in the day the values of a sub-daily record fall and rise: counts by hour, in each month.

    Of pairs of consecutive steps with a first value above ``rounding``: how many there are, in how many the second is
    smaller, and in how many it is larger. By the hour of the second one's middle.
    """

    rounding: float
    array: int = 0
    maps: ClassVar[Maps] = ()
    numbers: ClassVar[int] = 72

    def start(self, months: int, shape: tuple[int, ...]) -> tuple[Block, list[Any]]:
        """Return zeros, and of each month no last step."""
        return np.zeros((months, 3, 24)), [None] * months

    def add(self, state: tuple[Block, list[Any]], steps: Block, chunk_month: ChunkMonth) -> None:
        """Count the steps of the month, in their order."""
        numbers, last = state
        month = chunk_month.month
        # By size: evaporation is negative in ERA5, and so are its totals.
        for middle, values in zip(chunk_month.middles.tolist(), np.abs(steps[chunk_month.own]), strict=True):
            if last[month] is not None and middle - last[month][0] < 0.26:  # the next one, at most 6 hours later
                before = last[month][1]
                with np.errstate(invalid="ignore"):
                    known = np.isfinite(values) & (before > self.rounding)
                    change = [values < before - self.rounding, values > before + self.rounding]
                counts = [known, known & change[0], known & change[1]]
                numbers[month, :, int(middle * 24) % 24] += [np.count_nonzero(count) for count in counts]
            last[month] = middle, values

    def finish(self, state: tuple[Block, list[Any]]) -> tuple[Block, ...]:
        """Return the counts (month, 1, number)."""
        return (state[0].reshape(-1, 1, self.numbers),)


def pattern_of(spec: VariableSpec, rounding: float) -> DailyPattern | None:
    """Return the reduction that finds running totals in what the catalog calls plain amounts; None where there is no
    such doubt."""
    if spec.accumulation or spec.aggregate != "sum" or spec.period not in SUBDAILY:
        return None
    return DailyPattern(rounding)


def by_reset(numbers: xr.DataArray) -> dict[str, xr.DataArray]:
    """Make lazy counters (time) of the numbers (time, block, 72): at the hour with most falls, and at all others."""
    counted = xr.apply_ufunc(
        _at_reset,
        numbers.sum("block").chunk(number=-1),
        input_core_dims=[["number"]],
        output_core_dims=[["counter"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"counter": len(COUNTERS)}},
    )
    return {name: counted.isel(counter=i) for i, name in enumerate(COUNTERS)}


def _at_reset(numbers: Block) -> Block:
    pairs, falls, rises = np.moveaxis(numbers.reshape(*numbers.shape[:-1], 3, 24), -2, 0)
    at = np.argmax(falls, axis=-1)[..., np.newaxis]
    at_reset = [np.take_along_axis(count, at, -1)[..., 0] for count in (pairs, falls, rises)]
    rest = [count.sum(-1) - held for count, held in zip((pairs, falls, rises), at_reset, strict=True)]
    return np.stack([at_reset[0], at_reset[1], *rest], axis=-1)


def judge_pattern(role: str, counted: Mapping[str, Any], where: str) -> None:
    """Raise :class:`AccumulationError` where plain amounts fall at one hour of the day only: running totals."""
    resets, reset_falls, pairs, falls, rises = (sum(counted[name].values()) for name in COUNTERS)
    grows = falls <= MOST_FALLS * pairs and rises >= LEAST_RISES * resets and pairs >= resets / 2
    rests = pairs - falls - rises >= LEAST_FLAT * pairs or rises > 2 * resets
    if resets >= LEAST_PAIRS and reset_falls >= LEAST_FALLS * resets and grows and rests:
        raise AccumulationError(
            f"{role} looks like a running total, not like the amount of each step",
            where=where,
            found=f"within a day {falls:.0f} of {pairs:.0f} values are smaller than the one before, but "
            f"{reset_falls:.0f} of {resets:.0f} at one hour",
            expected="amounts, which fall as often as they rise",
            next="add accumulation: {reset: day} and stamp: end to the variable in the catalog entry",
        )


def judge_falls(role: str, smallest: float, units: str, where: str) -> None:
    """Raise :class:`AccumulationError` where a running total falls between two resets."""
    if smallest < 0:
        raise AccumulationError(
            f"the running total of {role} falls between two resets",
            where=where,
            found=f"by {-smallest:.6g} {units}",
            expected="a total that grows until its reset",
            next="correct accumulation and stamp in the catalog entry: totals of a day that are stamped where they end "
            "need reset: day and stamp: end; plain amounts need no accumulation",
        )
