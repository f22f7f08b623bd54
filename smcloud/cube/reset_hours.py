"""At which hours of the day the values of a record fall: how the gate tells running totals from plain amounts.

A total falls where it begins anew and nowhere else; amounts fall as often as they rise. Totals that are known as such
must fall at the hours that the catalog names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.time_keys import LENGTHS, SUBDAILY
from smcloud.cube.reduction import Block, ChunkMonth, Maps
from smcloud.errors import AccumulationError

HOURS = 24
COUNTED = ("pairs", "falls", "rises", "jumps")
TIMES_A_DAY = (1, 2, 4, 8)  # forecasts from 06 and 18 UTC begin anew twice a day, others every six or three hours
COUNTERS = ("reset_pairs", "reset_falls", "other_pairs", "other_falls", "rises")
LEAST_PAIRS = 10
MOST_FALLS = 0.02  # within a day a running total falls by noise only; rain falls as often as it rises
LEAST_FALLS = 0.5  # at its reset a total falls, unless the first hours bring more than the day before
LEAST_RISES = 0.25  # for each reset: a day in equal parts never rises
LEAST_FLAT = 0.02  # a total stays while it is dry or night; the sun in steps of six hours only rises and falls
LEAST_JUMP = 0.25  # of the change at the hours that are named: what changes less is no reset beside them
JUMP = 2  # so many times as much as at any other hour changes a total where it begins anew
SELDOM = 0.25  # so seldom do values fall at an hour that is no reset; so often they stay at one that is none


@dataclass(frozen=True)
class DailyPattern:
    """Where in the day the values of a sub-daily record fall and rise: counts by hour, in each month.

    Of pairs of consecutive steps with a first value above ``rounding``: how many there are, in how many the second is
    smaller, and in how many it is larger, by their sizes; and the sum of the sizes of the changes. By the hour at which
    the second one's step begins, which lies ``before`` its middle. ``declared`` are the hours that the catalog names,
    where it says that the values are totals.
    """

    rounding: float
    before: float
    array: int = 0
    declared: tuple[int, ...] | None = None
    maps: ClassVar[Maps] = ()
    numbers: ClassVar[int] = len(COUNTED) * HOURS

    def start(self, months: int, shape: tuple[int, ...]) -> tuple[Block, list[Any]]:
        """Return zeros, and of each month no last step."""
        return np.zeros((months, len(COUNTED), HOURS)), [None] * months

    def add(self, state: tuple[Block, list[Any]], steps: Block, chunk_month: ChunkMonth) -> None:
        """Count the steps of the month, in their order."""
        numbers, last = state
        month = chunk_month.month
        for middle, values in zip(chunk_month.middles.tolist(), steps[chunk_month.own], strict=True):
            if last[month] is not None and middle - last[month][0] < 0.26:  # the next one, at most 6 hours later
                size, before = np.abs(values), np.abs(last[month][1])  # evaporation is negative in ERA5
                with np.errstate(invalid="ignore"):
                    known = np.isfinite(values) & (before > self.rounding)
                    change = [size < before - self.rounding, size > before + self.rounding]
                counts = [known, known & change[0], known & change[1]]
                jumps = np.abs(values - last[month][1], dtype=np.float64)[known].sum()
                hour = round(middle * HOURS - self.before) % HOURS
                numbers[month, :, hour] += [*(np.count_nonzero(count) for count in counts), jumps]
            last[month] = middle, values

    def finish(self, state: tuple[Block, list[Any]]) -> tuple[Block, ...]:
        """Return the counts (month, 1, number)."""
        return (state[0].reshape(-1, 1, self.numbers),)


def pattern_of(spec: VariableSpec, rounding: float, array: int = 0) -> DailyPattern | None:
    """Return the reduction that finds running totals in what the catalog calls plain amounts, and the hours of those
    that it calls totals, at the position ``array``; None where there is no such doubt.

    Totals are stamped where their step ends: amounts that are said to be stamped at their begin would, as totals, be
    those of the step before.
    """
    if spec.aggregate != "sum" or spec.period not in SUBDAILY:
        return None
    half = LENGTHS[spec.period] / 2
    if spec.accumulation is None:
        return DailyPattern(rounding, half if spec.stamp in ("mid", "end") else 3 * half, array)
    declared = spec.accumulation.hours if spec.accumulation.reset == "day" else ()
    return DailyPattern(rounding, half, array, declared)


def by_reset(numbers: xr.DataArray, declared: Sequence[int] | None = None) -> dict[str, xr.DataArray]:
    """Make lazy counters (time) of the numbers (time, block, 96).

    Of amounts: at the hours with most falls, and at all others; ``reset_hours``: which they are, a bit for each. Of
    totals that begin anew at the hours ``declared``: ``total_hours`` at which they fall, and ``total_wrong``, 1 where
    these are others.
    """
    names = ("total_hours", "total_wrong") if declared is not None else (*COUNTERS, "reset_hours")
    counted = xr.apply_ufunc(
        _at_reset if declared is None else _against,
        numbers.sum("block").chunk(number=-1),
        input_core_dims=[["number"]],
        output_core_dims=[["counter"]],
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"counter": len(names)}},
        kwargs={} if declared is None else {"declared": tuple(declared)},
    )
    return {name: counted.isel(counter=i) for i, name in enumerate(names)}


def _at_reset(numbers: Block) -> Block:
    months = numbers.reshape(-1, len(COUNTED), HOURS)
    return np.array([_at_hours(*month[:3]) for month in months]).reshape(*numbers.shape[:-1], len(COUNTERS) + 1)


def _at_hours(pairs: Block, falls: Block, rises: Block) -> list[float]:
    """The counters of one month at the fewest hours, evenly apart, outside which hardly any value falls."""
    everywhere = [
        np.arange(HOURS) % (HOURS // times) == int(np.argmax(falls.reshape(times, -1).sum(axis=0)))
        for times in TIMES_A_DAY
    ]
    few = (at for at in everywhere if falls[~at].sum() <= MOST_FALLS * pairs[~at].sum())
    at = next(few, everywhere[0])
    rest = [count[~at].sum() for count in (pairs, falls, rises)]
    return [pairs[at].sum(), falls[at].sum(), *rest, _mask(np.flatnonzero(at))]


def _against(numbers: Block, declared: tuple[int, ...]) -> Block:
    months = numbers.reshape(-1, len(COUNTED), HOURS)
    return np.array([_seen(month, declared) for month in months]).reshape(*numbers.shape[:-1], 2)


def _seen(month: Block, declared: tuple[int, ...]) -> list[float]:
    """At which hours of a month totals fall, 0 where too few are known, and whether ``declared`` are others.

    Where they fall evenly apart and nowhere else, these are the resets. Where they fall in between as well (evaporation
    behind dew), they must at least do so at one of the hours that are named, and the largest change by far must be at
    one of them: at a reset a whole day goes.
    """
    pairs, falls, rises, jumps = month
    known = np.where(pairs >= LEAST_PAIRS, pairs, np.nan)
    share, flat = falls / known, (pairs - falls - rises) / known
    resets = np.flatnonzero(share >= LEAST_FALLS)
    if not resets.size:
        return [0.0, 0.0]
    jump = np.nan_to_num(jumps / known)
    rest = np.delete(np.arange(HOURS), resets)
    if _is_even(resets.tolist()) and falls[rest].sum() <= MOST_FALLS * pairs[rest].sum():
        least = LEAST_JUMP * jump[list(declared)].max(initial=0.0)  # dew takes a little of the sun's total every night
        others = {hour for hour in resets.tolist() if jump[hour] >= least}
        wrong = bool(others - set(declared)) or any(flat[hour] >= SELDOM for hour in declared)
    else:
        wrong = bool(declared) and all(share[hour] < SELDOM for hour in declared)
        largest = int(resets[np.argmax(jump[resets])])
        wrong |= largest not in declared and bool(jump[largest] >= JUMP * np.delete(jump, largest).max())
    return [_mask(resets), float(wrong)]


def _is_even(hours: Sequence[int]) -> bool:
    apart = HOURS // len(hours)
    return len(hours) in TIMES_A_DAY and {hour % apart for hour in hours} == {hours[0] % apart}


def _mask(hours: Sequence[int] | Block) -> float:
    return float(sum(1 << hour for hour in {int(hour) for hour in hours}))


def _hours(mask: float) -> list[int]:
    return [hour for hour in range(HOURS) if int(mask) >> hour & 1]


def _key(hours: Sequence[int]) -> str:
    """The key of the catalog for totals that begin anew at ``hours``."""
    if list(hours) == [0]:
        return "accumulation: {reset: day}"
    return f"accumulation: {{reset: day, hour: {hours[0] if len(hours) == 1 else list(hours)}}}"


def _clock(hours: Sequence[int]) -> str:
    return " and ".join(f"{hour:02d}" for hour in hours) + " UTC"


def hours_of_totals(counted: Mapping[str, Any]) -> list[int]:
    """Return the hours of the day at which counted plain amounts begin anew, if they are running totals; else none."""
    resets, reset_falls, pairs, falls, rises = (sum(counted[name].values()) for name in COUNTERS)
    grows = falls <= MOST_FALLS * pairs and rises >= LEAST_RISES * resets and pairs >= resets / 2
    rests = pairs - falls - rises >= LEAST_FLAT * pairs or rises > 2 * resets
    if not (resets >= LEAST_PAIRS and reset_falls >= LEAST_FALLS * resets and grows and rests):
        return []
    weight: Counter[float] = Counter()
    for month, mask in counted["reset_hours"].items():
        weight[mask] += counted["reset_falls"][month]
    return _hours(weight.most_common(1)[0][0])


def judge_pattern(role: str, counted: Mapping[str, Any], where: str) -> None:
    """Raise :class:`AccumulationError` where plain amounts fall at a few hours of the day only: running totals."""
    hours = hours_of_totals(counted)
    if hours:
        resets, reset_falls, pairs, falls, _ = (sum(counted[name].values()) for name in COUNTERS)
        raise AccumulationError(
            f"{role} looks like a running total, not like the amount of each step",
            where=where,
            found=f"within a day {falls:.0f} of {pairs:.0f} values are smaller than the one before, but "
            f"{reset_falls:.0f} of {resets:.0f} behind {_clock(hours)}",
            expected="amounts, which fall as often as they rise",
            next=f"add {_key(hours)} and stamp: end to the variable in the catalog entry",
        )


def judge_hours(role: str, counted: Mapping[str, Any], where: str) -> None:
    """Raise :class:`AccumulationError` where, in most months, totals begin anew at other hours than the catalog's."""
    masks = [mask for mask in counted["total_hours"].values() if mask]
    if not masks or 2 * sum(counted["total_wrong"].values()) <= len(masks):
        return
    hours = _hours(Counter(masks).most_common(1)[0][0])
    key = _key(hours) if _is_even(hours) else "the hour of accumulation at which the source's forecasts begin"
    raise AccumulationError(
        f"the totals of {role} begin anew at another hour than the catalog says",
        where=where,
        found=f"they fall behind {_clock(hours)}",
        expected="the hour of accumulation",
        next=f"set {key} in the catalog entry; if stamps mark where steps end and stamp says otherwise, set "
        "stamp: end first",
    )
