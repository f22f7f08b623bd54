"""From the steps of a source (hours, days, 8-day composites, months) to calendar months.

A step is an interval [start, end); its value is spread over the months it overlaps, in proportion to
the time spent in each. Lengths are whole hours, so that sums of float32 values times hours are exact in
float64 and no chunking or order of addition can change a monthly value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.errors import CalendarError, PeriodError

Times = npt.NDArray[np.datetime64]
HOURS = {"hour": 1, "3hour": 3, "6hour": 6, "day": 24, "8day": 192}
HOUR = np.timedelta64(3600, "s")


@dataclass(frozen=True)
class Steps:
    """Start and end of each step, to the second, ascending and free of overlap."""

    start: Times
    end: Times

    def select(self, window: slice) -> Steps:
        """The steps of a positional slice."""
        return Steps(self.start[window], self.end[window])


def steps_of(time: xr.DataArray, spec: VariableSpec, where: str) -> Steps:
    """The intervals that the stamps of ``time`` stand for, by the catalog's ``period`` and ``stamp``.

    Stamps are rounded to the second (a day count in float64 may decode to a microsecond before midnight).
    Raises :class:`CalendarError` for another calendar, unsorted, repeated or overlapping stamps.
    """
    if time.dtype.kind != "M":
        raise CalendarError(
            "the time axis is not of the standard calendar",
            where=where,
            found=f"{time.dtype} {time.encoding.get('calendar', '')}".strip(),
            expected="dates of the Gregorian calendar",
            next="convert the source to the standard calendar",
        )
    stamp = (time.values.astype("datetime64[ms]") + np.timedelta64(500, "ms")).astype("datetime64[s]")
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


def _month_steps(stamp: Times, spec: VariableSpec) -> tuple[Times, Times]:
    shifted = stamp - np.timedelta64(1, "s") if spec.stamp == "end" else stamp
    month = shifted.astype("datetime64[M]")
    return month.astype("datetime64[s]"), (month + 1).astype("datetime64[s]")


def _fixed_steps(stamp: Times, spec: VariableSpec) -> tuple[Times, Times]:
    length = HOURS[spec.period] * HOUR
    back = {"start": 0 * length, "mid": length // 2, "end": length}[spec.stamp]
    start = stamp - back
    end = start + length
    if spec.period == "8day":  # composites start anew on 1 January: the last of a year is shorter
        new_year = (start.astype("datetime64[Y]") + 1).astype("datetime64[s]")
        end = np.minimum(end, new_year)
    return start, end


def complete_months(steps: Steps) -> tuple[np.datetime64, np.datetime64]:
    """First and last calendar month that lie wholly between the first and the last step."""
    first = (steps.start[0] - np.timedelta64(1, "s")).astype("datetime64[M]") + 1
    last = steps.end[-1].astype("datetime64[M]") - 1
    return first, last


def until_valid_end(steps: Steps, value: object, where: str) -> int:
    """How many leading steps a source vouches for, by its attribute ``value``.

    A date vouches for that whole day (the step that ends at the next midnight included); a date with
    a time for the steps that end by then.
    """
    text = str(value).strip().replace("Z", "")
    try:
        limit = np.datetime64(text.replace(" ", "T")).astype("datetime64[s]")
    except ValueError as err:
        raise CalendarError(
            "the valid end of a source is not a date",
            where=where,
            found=text,
            expected="YYYY-MM-DD or YYYY-MM-DDTHH:MM",
        ) from err
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        limit = limit + np.timedelta64(86400, "s")
    return int(np.searchsorted(steps.end, limit, side="right"))


def require_months(steps: Steps, months: Times, spec: VariableSpec, where: str) -> None:
    """Every month of a monthly source inside ``months`` must be there; raises :class:`CalendarError`."""
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
    """All months from ``first`` to ``last``, both included."""
    return np.arange(np.datetime64(first, "M"), np.datetime64(last, "M") + 1)


def require_within(months: Times, first: np.datetime64, last: np.datetime64, where: str) -> None:
    """Raises :class:`PeriodError` where ``months`` leave the record ``first``..``last``."""
    if months[0] < first or months[-1] > last:
        raise PeriodError(
            "the period is outside the record of a source",
            where=where,
            found=f"{months[0]} to {months[-1]}",
            expected=f"within {first} to {last}",
            next="correct period in the configuration",
        )


def days_in(months: Times) -> npt.NDArray[np.int64]:
    """Length of each month in days."""
    length = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")
    return length.astype(np.int64)


def monthly(da: xr.DataArray, steps: Steps, months: Times, total: bool = False) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean (or ``total``) of ``da`` (time, ...) over each of ``months``, and the valid days behind it, lazily.

    Returns two float64 arrays (time: len(months), ...). NaN steps do not count; a month without a valid
    step has mean NaN and 0 days. A total spreads each step's amount over the months it overlaps, and adds
    up what is valid: the caller decides by the days whether that is enough.
    """
    window = slice(
        int(np.searchsorted(steps.end, months[0].astype("datetime64[s]"), side="right")),
        int(np.searchsorted(steps.start, (months[-1] + 1).astype("datetime64[s]"), side="left")),
    )
    inside, values = steps.select(window), da.isel(time=window).astype(np.float32).astype(np.float64)
    length = ((inside.end - inside.start) // HOUR).astype(np.float64)
    first = inside.start.astype("datetime64[M]")
    boundary = np.minimum(inside.end, (first + 1).astype("datetime64[s]"))
    early = ((boundary - inside.start) // HOUR).astype(np.float64)
    valid = values.notnull()
    filled = values.where(valid, 0.0)
    parts = [(first, early)]
    if np.any(early < length):  # no step is longer than a month: two months at most
        parts.append((first + 1, length - early))
    amounts, lengths = [], []
    for month, weight in parts:
        label = np.where((month >= months[0]) & (month <= months[-1]), (month - months[0]).astype(np.int64), -1)
        w = xr.DataArray(weight, dims="time")
        scaled = filled * (w / xr.DataArray(length, dims="time")) if total else filled * w
        amounts.append(_sum_by_label(scaled, label, months))
        lengths.append(_sum_by_label(valid * w, label, months))
    amount, hours = amounts[0], lengths[0]
    for more, longer in zip(amounts[1:], lengths[1:], strict=True):
        amount, hours = amount + more, hours + longer
    value = amount.where(hours > 0) if total else amount / hours.where(hours > 0)
    return value, hours / 24.0


def _sum_by_label(da: xr.DataArray, label: npt.NDArray[np.int64], months: Times) -> xr.DataArray:
    """Sums of ``da`` along time by ``label``, the position in ``months`` (-1 is left out); one chunk along time."""
    from flox.xarray import xarray_reduce

    out = xarray_reduce(
        da.drop_vars("time", errors="ignore"),
        xr.DataArray(label, dims="time", name="month"),
        func="sum",
        expected_groups=np.arange(len(months)),
        fill_value=0.0,
        engine="numpy",
        method="map-reduce" if da.chunks else None,
    )
    out = out.rename(month="time").assign_coords(time=months.astype("datetime64[ns]"))
    return out.transpose("time", ...)
