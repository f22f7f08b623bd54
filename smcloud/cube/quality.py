"""Checks that need values: lazy counters computed together with the staged write, checked before the seal."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from smcloud.catalog.packing import UNPACKED, Packing
from smcloud.cube import ranges
from smcloud.cube.accumulation import judge_falls
from smcloud.cube.fill_values import advice
from smcloud.cube.reduction import Block, ChunkMonth, Maps
from smcloud.cube.reset_hours import judge_hours, judge_pattern
from smcloud.errors import ClimatologyError, CoverageError, NoDataError, RangeError

TOGETHER: Mapping[str, Callable[[Any, Any], Any]] = {
    "valid": operator.add, "outside": operator.add, "smallest": min, "largest": max, "absent": operator.add,
}  # fmt: skip
NUMBERS = ("valid", "outside", "smallest", "largest")
# Leaf area is a fixed climatology where its change from year to year is this small beside that from month to month,
# by their squares. A climatology of 8-day composites moves by a day in leap years: about 1/2000.
FIXED = 0.01
MONTHS = 12
COMPARED = ("lai",)  # roles whose months are compared with earlier ones


@dataclass(frozen=True)
class ValueCounts:
    """Counts and extremes of a source's values, by month, in the source's unit, after flags and fills.

    ``valid`` (finite values), ``outside`` (beyond ``valid_range`` or infinite), ``smallest``, ``largest``. A step of
    two months counts in the first.
    """

    valid_range: tuple[float, float]
    array: int = 0
    maps: ClassVar[Maps] = ()
    numbers: ClassVar[int] = len(NUMBERS)

    def start(self, months: int, shape: tuple[int, ...]) -> Block:
        """Return the counters of no values."""
        return np.tile([0.0, 0.0, np.inf, -np.inf], (months, 1))

    def add(self, state: Block, steps: Block, chunk_month: ChunkMonth) -> None:
        """Count the steps that no earlier month has counted."""
        from smcloud.cube.month_kernels import count_values  # imports numba

        count_values(steps[chunk_month.fresh], *_limits(self.valid_range), state[chunk_month.month])

    def finish(self, state: Block) -> tuple[Block, ...]:
        """Return the counters (month, 1, number)."""
        return (state[:, np.newaxis],)


def _limits(valid_range: tuple[float, float]) -> tuple[float, float]:
    low, high = valid_range
    slack = 1e-6 * (high - low)  # packed integers may decode to just beyond the limit
    return low - slack, high + slack


def count(da: xr.DataArray, valid_range: tuple[float, float]) -> dict[str, xr.DataArray]:
    """Compute the numbers of :class:`ValueCounts` of a static source, as lazy scalars."""
    low, high = _limits(valid_range)
    da = da if da.size else xr.DataArray(np.nan)
    return {
        "valid": np.isfinite(da).sum(),
        "outside": ((da < low) | (da > high)).sum(),
        "smallest": da.fillna(np.inf).min(),
        "largest": da.fillna(-np.inf).max(),
    }


def by_name(numbers: xr.DataArray, prefix: str = "") -> dict[str, xr.DataArray]:
    """Convert the numbers (time, block, number) of :class:`ValueCounts` to lazy counters (time)."""
    from smcloud.cluster.internals import over_blocks

    of_blocks = over_blocks(numbers.transpose("time", "block", "number").data, (np.sum, np.sum, np.min, np.max))
    return {
        f"{prefix}{name}": xr.DataArray(one, {"time": numbers["time"]}, ("time",))
        for name, one in zip(NUMBERS, of_blocks, strict=True)
    }


def count_months(role: str, value: xr.DataArray) -> dict[str, xr.DataArray]:
    """Make lazy counters (time) of the months (time, lat, lon) of a role as they are written, on the source's grid:

    those of :func:`smcloud.cube.ranges.count_cube`. Of :data:`COMPARED` roles ``yearly`` and ``monthly``: the sums of
    the squared differences from the same month a year before, and from the month before; ``pairs``: how many there are
    of the first.
    """
    counters = ranges.count_cube(role, value)
    if role in COMPARED:
        for name, months in (("yearly", MONTHS), ("monthly", 1)):
            later = value.isel(time=slice(months, None))
            change = later - value.isel(time=slice(None, -months)).assign_coords(time=later["time"])
            counters[name] = (change * change).sum(["lat", "lon"])
            if months == MONTHS:
                counters["pairs"] = change.notnull().sum(["lat", "lon"])
    return counters


def add_counters(counted: Sequence[Mapping[str, Mapping[str, xr.DataArray]]]) -> dict[str, dict[str, Any]]:
    """Combine the computed counters of several periods, by role, to those of all periods together.

    A counter along time becomes a mapping of months to numbers; of a month that is in two periods the later counts.
    """
    total: dict[str, dict[str, Any]] = {}
    for stretch in counted:
        for role, counters in stretch.items():
            number = {key: _plain(value) for key, value in counters.items()}
            so_far = total.setdefault(role, number)
            if so_far is not number:
                total[role] = {key: _joined(key, so_far[key], value) for key, value in number.items()}
    return total


def _joined(key: str, earlier: Any, later: Any) -> Any:
    return earlier | later if isinstance(later, dict) else TOGETHER[key](earlier, later)


def _plain(value: Any) -> Any:
    if not isinstance(value, xr.DataArray):
        return value
    if not value.ndim:
        return float(value)
    return dict(zip(value["time"].values.astype("datetime64[M]"), value.values.tolist(), strict=True))


def _whole(key: str, value: Any) -> float:
    """Reduce a counter to the whole record."""
    if not isinstance(value, dict):
        return float(value)
    together: Callable[[Any], Any] = {"smallest": min, "largest": max}.get(key, sum)
    return float(together(value.values()))


def validate_counters(
    role: str,
    counted: Mapping[str, Any],
    valid_range: tuple[float, float],
    units: str,
    where: str,
    coverage_change: float = 0.5,
    *,
    packing: Packing = UNPACKED,
) -> None:
    """Raise where the computed counters of ``role`` say that it must not be published.

    ``packing`` is how the source stores its values: with it a fill value is named as it is stored.

    :class:`RangeError` names how many values lie outside and the extremes, in the source's ``units`` or, where they
    cannot be true only there, in the cube's; :class:`NoDataError` says that nothing is valid, or which months are
    empty; :class:`CoverageError` which month differs from the one before; :class:`ClimatologyError` that every year is
    the same; :class:`AccumulationError` that amounts are running totals, or that totals fall.
    """
    number = {key: _plain(value) for key, value in counted.items()}
    if "total_hours" in number:
        judge_hours(role, number, where)
    if "largest_fall" in number:
        judge_falls(role, min(number["largest_fall"].values()), units, where)
    if "reset_falls" in number:
        judge_pattern(role, number, where)
    _judge_range(role, number, valid_range, (units, where, packing))
    if "cube_outside" in number:
        extremes = (_whole("smallest", number["smallest"]), _whole("largest", number["largest"]))
        ranges.judge(role, number, extremes, units, where)
    if "uncertainty_valid" in number:
        of_days = {key: number[f"uncertainty_{key}"] for key in NUMBERS}
        _judge_range(
            f"the uncertainty of {role}", of_days, (0.0, valid_range[1] - valid_range[0]), (units, where, packing)
        )
    if not _whole("valid", number["valid"]):
        raise NoDataError(
            f"{role} has no valid value in the period",
            where=where,
            found="all values missing or masked",
            expected="at least one valid value",
            next="check flags, fill values and the period",
        )
    if "coverage" in number and coverage_change < 1:
        _judge_coverage(role, number["coverage"], coverage_change, where)
    if "yearly" in number:
        yearly, monthly = (_whole(key, number[key]) for key in ("yearly", "monthly"))
        share = math.sqrt(yearly / monthly) if monthly else 0.0
        if _whole("pairs", number["pairs"]) and yearly <= FIXED * monthly:
            raise ClimatologyError(
                f"{role} is the same in every year",
                where=where,
                found=f"its change from year to year is {share:.2g} of that from month to month",
                expected=f"an observed series: more than {math.sqrt(FIXED):g}",
                next="use an observed leaf area index: a fixed climatology cannot explain a change",
            )


def _judge_range(
    role: str, number: Mapping[str, Any], valid_range: tuple[float, float], source: tuple[str, str, Packing]
) -> None:
    low, high = valid_range
    units, where, packing = source
    outside = number["outside"]
    if not _whole("outside", outside):
        return
    extremes = _whole("smallest", number["smallest"]), _whole("largest", number["largest"])
    months = [value.values() for value in (number["smallest"], number["largest"]) if isinstance(value, dict)]
    repeated = tuple(value for value in extremes if sum(value == other for each in months for other in each) > 1)
    first = next((f", first in {month}" for month, n in outside.items() if n), "") if isinstance(outside, dict) else ""
    raise RangeError(
        f"{role} has values outside its valid range",
        where=where,
        found=f"{_whole('outside', outside):.0f} values, from {extremes[0]:.6g} to {extremes[1]:.6g} {units}{first}",
        expected=f"{low:g} to {high:g} {units}",
        next=advice(extremes, repeated, _limits(valid_range), packing),
    )


def _judge_coverage(role: str, coverage: Mapping[np.datetime64, int], most: float, where: str) -> None:
    empty = [str(month) for month, cells in coverage.items() if not cells]
    if empty:
        raise NoDataError(
            f"{role} has months without any value",
            where=where,
            found=f"{', '.join(empty[:6])}{' ...' if len(empty) > 6 else ''} ({len(empty)} of {len(coverage)} months)",
            expected="a value in every month",
            next="check period of the catalog entry (it is the length of one step), its fill and its flags"
            if len(empty) == len(coverage)
            else "complete the source or shorten period; if it is so, set coverage_change: 1 in the catalog entry",
        )
    for month, cells in coverage.items():
        before = coverage.get(month - np.timedelta64(1, "M"))
        if before is not None and abs(cells - before) > most * max(cells, before):
            raise CoverageError(
                f"{role} covers a suspiciously different area than in the month before",
                where=where,
                found=f"{cells:.0f} cells in {month}, {before:.0f} in the month before",
                expected=f"a change of at most {most:.0%}",
                next=f"look at the source in {month}; if it is so, raise coverage_change in the catalog entry",
            )
