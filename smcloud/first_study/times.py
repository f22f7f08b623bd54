"""The steps of a record: how far its stamps lie apart, what else says how long a step is, and which are missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smcloud.cube.calendar import HOUR, HOURS, MONTH, Times

MONTH_HOURS = (28 * 24, 31 * 24)
WORDS = {
    "hour": r"hourly", "3hour": r"3-?hourly|3hr", "6hour": r"6-?hourly|6hr", "day": r"daily|P1D\b|1-day",
    "8day": r"8-?day|P8D\b", "month": r"monthly|P1M\b|\bmon\b",
}  # fmt: skip
SAID_IN = ("time_coverage_resolution", "time_coverage_duration", "frequency", "title", "summary", "long_name")


def period_of(stamps: Times, said: Mapping[str, str]) -> tuple[str, str, str]:
    """Tell the length of a step: ``(period, note, choose)``; ``choose`` says what is open where nothing tells it.

    The distance of stamps decides. Where there is one stamp, or they lie apart by chance, what the file or its name
    ``said`` does, if all of it says the same. Raises ValueError for steps that are not read.
    """
    apart = np.median(np.diff(stamps.astype("datetime64[s]")) / HOUR) if stamps.size > 1 else 0.0
    by_length = {float(length): period for period, length in HOURS.items()}
    if apart in by_length:
        return by_length[apart], f"most stamps lie {apart:g} {'hour' if apart == 1 else 'hours'} apart", ""
    if MONTH_HOURS[0] <= apart <= MONTH_HOURS[1]:
        return "month", "most stamps lie a month apart", ""
    if stamps.size > 2 and apart:
        raise ValueError(f"steps of {apart:g} hours; read are those of 1, 3 and 6 hours, a day, 8 days and a month")
    words = {
        f"{text[:40]} ({key})": period
        for key, text in said.items()
        for period, word in WORDS.items()
        if re.search(rf"(?<![0-9A-Za-z])(?:{word})", text, re.IGNORECASE)
    }
    few = "one stamp" if stamps.size == 1 else "two stamps far apart"
    if len({*words.values()}) == 1:
        return next(iter(words.values())), f"a guess: {few}, and the file says {' and '.join(words)}", ""
    told = f"the file says {' and '.join(words)}" if words else "nothing says how long a step is"
    kinds = " or ".join(dict.fromkeys([*words.values()])) or ", ".join([*HOURS, "month"])
    return (next(iter(words.values()), "day"), "", f"{kinds}: {few}, and {told}")


def sayings(files: Sequence[str], *attrs: Mapping[Any, Any]) -> dict[str, str]:
    """Collect what may say how long a step is: the name of the first file, and attributes."""
    said = {"name": re.sub("[_.]", "-", files[0].rpartition("/")[2])}
    return said | {key: str(each[key]) for each in attrs for key in SAID_IN if each.get(key)}


def record_of(begin: Times, period: str) -> str:
    """Say from when to when the steps go, how many they are, and which are missing."""
    unit = "M" if period == "month" else "D" if period in ("day", "8day") else "h"
    shown = begin.astype(f"datetime64[{unit}]")
    gaps = gaps_of(begin, period)
    listed = ", ".join(gaps[:3]) + (" ..." if len(gaps) > 3 else "")
    missing = f"{len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'}: {listed}" if gaps else "none missing"
    return f"{shown[0]} to {shown[-1]}, {begin.size} {'step' if begin.size == 1 else 'steps'}, {missing}"


def gaps_of(begin: Times, period: str) -> list[str]:
    """List the gaps between steps that ``begin`` then, as ``first to last`` of what is missing."""
    if period == "month":
        month = begin.astype("datetime64[M]")
        after = np.flatnonzero(np.diff(month) > MONTH)
        return [_span(month[i] + MONTH, month[i + 1] - MONTH) for i in after]
    length = HOURS[period] * HOUR
    after = np.flatnonzero(np.diff(begin) > length)
    unit = "D" if HOURS[period] >= 24 else "h"
    return [
        _span(*((begin[i] + length).astype(f"M8[{unit}]"), (begin[i + 1] - length).astype(f"M8[{unit}]")))
        for i in after
    ]


def _span(first: Any, last: Any) -> str:
    return str(first) if first >= last else f"{first} to {last}"


def months_of(start: Times, end: Times) -> dict[np.datetime64, float]:
    """Sum up the hours of each calendar month that steps [start, end) cover."""
    hours: dict[np.datetime64, float] = {}
    first, last = start.astype("datetime64[M]"), (end - np.timedelta64(1, "s")).astype("datetime64[M]")
    for month in np.unique(np.concatenate([first, last])):
        low, high = month.astype("datetime64[s]"), (month + MONTH).astype("datetime64[s]")
        covered = np.minimum(end, high) - np.maximum(start, low)
        hours[month] = float((np.maximum(covered, np.timedelta64(0, "s")) / HOUR).sum())
    return hours


def longest_run(months: Sequence[np.datetime64]) -> tuple[np.datetime64, np.datetime64] | None:
    """Find the longest run of months without a gap; the later of two that are equally long."""
    best: tuple[np.datetime64, np.datetime64] | None = None
    first = None
    for month, following in zip(months, [*months[1:], None], strict=True):
        first = month if first is None else first
        if following != month + MONTH:
            if best is None or month - first >= best[1] - best[0]:
                best = (first, month)
            first = None
    return best
