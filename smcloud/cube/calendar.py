"""From the steps of a source (hours, days, 8-day composites, months) to calendar months.

A step is an interval [start, end); its value is spread over the months it overlaps, in proportion to
the time spent in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.errors import CalendarError, PeriodError

Times = npt.NDArray[np.datetime64]
HOURS = {"hour": 1, "3hour": 3, "6hour": 6, "day": 24, "8day": 192}
HOUR = np.timedelta64(3600, "s")
MONTH = np.timedelta64(1, "M")
YEAR = np.timedelta64(1, "Y")
VALID_END = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}(:\d{2}(:\d{2}(\.\d+)?)?)?)?")


@dataclass(frozen=True)
class Steps:
    """Start and end of each step, to the second, ascending and free of overlap."""

    start: Times
    end: Times

    def select(self, window: slice) -> Steps:
        """Return the steps of a positional slice."""
        return Steps(self.start[window], self.end[window])

    def within(self, months: Times) -> slice:
        """Find the positions of the steps that overlap ``months``."""
        begin, end = months[0].astype("datetime64[s]"), (months[-1] + MONTH).astype("datetime64[s]")
        return slice(
            int(np.searchsorted(self.end, begin, side="right")), int(np.searchsorted(self.start, end, side="left"))
        )


def steps_of(time: xr.DataArray, spec: VariableSpec, where: str) -> Steps:
    """Find the intervals that the stamps of ``time`` stand for, by ``period`` and ``stamp`` (left out: start).

    Stamps are rounded to the second (a day count in float64 may decode to a microsecond before midnight).
    Raises :class:`CalendarError` for another calendar, unsorted, repeated or overlapping stamps.
    """
    if time.dtype.kind != "M":
        raise CalendarError(
            "the time axis is not of the standard calendar",
            where=where,
            found=f"{time.dtype} {time.encoding.get('calendar', '')}".strip(),
            expected="dates of the Gregorian calendar",
            next="convert the source to the standard calendar; where its dates lie in another group of the file than "
            "its values, write both into one",
        )
    stamp = to_seconds(time)
    disorder = np.flatnonzero(np.diff(stamp) <= np.timedelta64(0, "s"))
    if disorder.size:
        i = int(disorder[0])
        raise CalendarError(
            "time stamps repeat or run backwards",
            where=f"{where}: time[{i + 1}]",
            found=stamp[i + 1],
            expected=f"after {stamp[i]}",
            next="sort the source by time and remove repeated steps",
        )
    start, end = _month_steps(stamp, spec) if spec.period == "month" else _fixed_steps(stamp, spec)
    overlap = np.flatnonzero(start[1:] < end[:-1])
    if overlap.size:
        i = int(overlap[0])
        raise CalendarError(
            f"steps of one {spec.period} overlap",
            where=f"{where}: time[{i + 1}]",
            found=stamp[i + 1],
            expected=f"no step before {end[i]}",
            next="correct period and stamp in the catalog entry",
        )
    return Steps(start, end)


def to_seconds(time: xr.DataArray) -> Times:
    """Round stamps to the second."""
    seconds: Times = (time.values.astype("datetime64[ms]") + np.timedelta64(500, "ms")).astype("datetime64[s]")
    return seconds


def _month_steps(stamp: Times, spec: VariableSpec) -> tuple[Times, Times]:
    shifted = stamp - np.timedelta64(1, "s") if spec.stamp == "end" else stamp
    month = shifted.astype("datetime64[M]")
    return month.astype("datetime64[s]"), (month + MONTH).astype("datetime64[s]")


def _fixed_steps(stamp: Times, spec: VariableSpec) -> tuple[Times, Times]:
    length = HOURS[spec.period] * HOUR
    back = {"start": 0 * length, "mid": length // 2, "end": length}[spec.stamp or "start"]
    start = stamp - back
    end = start + length
    if spec.period == "8day":  # composites start anew on 1 January: the last of a year is shorter
        if spec.stamp == "end":
            year = (stamp - np.timedelta64(1, "s")).astype("datetime64[Y]")
            last = year.astype("datetime64[s]") + 360 * 24 * HOUR
            start = np.where(stamp == (year + YEAR).astype("datetime64[s]"), last, start)
        end = np.minimum(end, (start.astype("datetime64[Y]") + YEAR).astype("datetime64[s]"))
    return start, end


def complete_months(steps: Steps) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last calendar month that lie completely between the first and the last step."""
    first = (steps.start[0] - np.timedelta64(1, "s")).astype("datetime64[M]") + MONTH
    last = steps.end[-1].astype("datetime64[M]") - MONTH
    return first, last


def months_with(steps: Steps, hours: Callable[[int], float]) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last calendar month of which the record holds enough; gaps inside it do not count here.

    ``hours`` says how many of a month of so many days are enough.
    """
    first = steps.start[0].astype("datetime64[M]")
    last = (steps.end[-1] - np.timedelta64(1, "s")).astype("datetime64[M]")
    begin = (first + MONTH).astype("datetime64[s]") - steps.start[0]
    end = steps.end[-1] - last.astype("datetime64[s]")
    if begin / HOUR < hours(int(days_in(np.array([first]))[0])):
        first = first + MONTH
    if end / HOUR < hours(int(days_in(np.array([last]))[0])):
        last = last - MONTH
    return first, last


def until_valid_end(steps: Steps, spec: VariableSpec, value: object, where: str) -> int:
    """Count the leading steps that a source vouches for, by its attribute ``value``.

    A date vouches for that whole day: for the stamps on it, and for the step that ends at the next
    midnight. A date with a time vouches for the stamps up to then.
    """
    text = str(value).strip().removesuffix("Z").replace(" ", "T")
    try:
        if not VALID_END.fullmatch(text):
            raise ValueError(text)
        limit = np.datetime64(text, "s")
    except ValueError as err:
        raise CalendarError(
            "the valid end of a source is not a date",
            where=where,
            found=text,
            expected="YYYY-MM-DD or YYYY-MM-DDTHH:MM",
            next="correct metadata.valid_end of the catalog entry",
        ) from err
    if "T" not in text:
        limit = limit + np.timedelta64(86400 if spec.stamp == "end" else 86399, "s")
    return int(np.searchsorted(steps.end if spec.stamp == "end" else steps.start, limit, side="right"))


def require_months(steps: Steps, months: Times, spec: VariableSpec, where: str) -> None:
    """Raise :class:`CalendarError` where a monthly source lacks a month inside ``months``."""
    if spec.period != "month":
        return
    missing = np.setdiff1d(months, steps.start.astype("datetime64[M]"))
    if missing.size:
        raise CalendarError(
            "months are missing from a source",
            where=where,
            found=", ".join(map(str, missing[:6])) + " missing",
            expected=f"every month of {months[0]} to {months[-1]}",
            next="complete the source or shorten period",
        )


def month_range(first: str | np.datetime64, last: str | np.datetime64) -> Times:
    """Return all months from ``first`` to ``last``, both included."""
    return np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + MONTH)


def require_within(months: Times, first: np.datetime64, last: np.datetime64, where: str) -> None:
    """Raise :class:`PeriodError` where ``months`` go beyond the record ``first``..``last``."""
    if months[0] < first or months[-1] > last:
        raise PeriodError(
            "the period is outside the record of a source",
            where=where,
            found=f"{months[0]} to {months[-1]}",
            expected=f"within {first} to {last}",
            next="correct period in the configuration; a month that the record holds in part counts where that is "
            "enough for monthly.min_days (of other means min_share, of a sum all days)",
        )


def days_in(months: Times) -> npt.NDArray[np.int64]:
    """Return the length of each month in days."""
    length = (months + MONTH).astype("datetime64[D]") - months.astype("datetime64[D]")
    return length.astype(np.int64)
