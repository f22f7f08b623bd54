"""Which end of its step a time stamp marks: by the catalog, by the time bounds of a file, or by where it lies."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.catalog.time_bounds import bounds_name
from smcloud.cube.calendar import HOUR, HOURS, MONTH, Steps, Times, steps_of, to_seconds
from smcloud.errors import CalendarError

DAY = 24 * HOUR
# Many files end the bounds of a step one unit early: a month on its last day, a day at 23:00.
SLOPPY = {"month": DAY, "8day": DAY, "day": HOUR}
FORMS = "stamp: start, stamp: mid or stamp: end"


def dated_steps(ds: xr.Dataset, time: xr.DataArray, spec: VariableSpec, where: str) -> tuple[Steps, VariableSpec]:
    """Find the steps of ``time`` and return them with ``spec``, whose ``stamp`` then says what the stamps mark.

    Where the catalog leaves ``stamp`` out, the CF time bounds of ``ds`` count; without bounds a month is that of its
    stamp, and any other stamp on the edge of a period is its start. A running total is stamped at its end. Raises
    :class:`CalendarError` for stamps that could be anything, for bounds that are not one period long or disagree with
    ``stamp``, and as :func:`steps_of` does.
    """
    bounds = None if spec.accumulation else time_bounds(ds)
    if bounds is None:
        spec = spec if spec.stamp else spec.model_copy(update={"stamp": _by_place(time, spec, where)})
        return steps_of(time, spec, where), spec
    name, low, high = bounds
    given = spec.stamp
    if given is None:
        steps_of(time, spec, where)  # checks calendar and order
        stamp = to_seconds(time)
        place = "end" if np.array_equal(stamp, high) else "start" if np.array_equal(stamp, low) else "mid"
        spec = spec.model_copy(update={"stamp": place})
    steps = steps_of(time, spec, where)
    _require_one_period(low, high, spec, f"{where}: {name}")
    begin = _nearest_month(low) if spec.period == "month" else low
    if given is None and spec.period != "month":
        return Steps(begin, begin + (steps.end - steps.start)), spec
    wrong = np.flatnonzero(begin != steps.start)
    if wrong.size:
        i = int(wrong[0])
        raise CalendarError(
            "the time bounds of a source and its stamps disagree",
            where=f"{where}: time[{i}]",
            found=f"{name} {low[i]} to {high[i]}, but stamp: {given or 'left out'} makes {steps.start[i]} "
            f"to {steps.end[i]} of the stamp {to_seconds(time)[i]}",
            expected="one and the same step",
            next=f"leave stamp out of the catalog entry if {name} is right, else leave {name} out: "
            f"args.xarray_kwargs.drop_variables: [{name}]"
            if given
            else f"name the key stamp in the catalog entry ({FORMS}), or leave {name} out",
        )
    return steps, spec


def ascending(ds: xr.Dataset) -> tuple[xr.Dataset, bool]:
    """Return ``ds`` in the order of its times, and whether it was so already."""
    axis = next((axis for axis in ("time", "valid_time") if axis in ds.indexes), None)
    if axis is None or ds[axis].dtype.kind != "M" or ds.indexes[axis].is_monotonic_increasing:
        return ds, True
    return ds.sortby(axis), False


def time_bounds(ds: xr.Dataset) -> tuple[str, Times, Times] | None:
    """Return name, begin and end of the bounds of the time axis of ``ds``; None where it has none."""
    axis = next((axis for axis in ("time", "valid_time") if axis in ds.coords), None)
    if axis is None:
        return None
    name = bounds_name(ds, axis)
    if name is None or ds[name].dtype.kind != "M":
        return None
    edges = to_seconds(ds[name])
    return name, edges.min(axis=1), edges.max(axis=1)


def _nearest_month(stamp: Times) -> Times:
    return (stamp + DAY // 2).astype("datetime64[M]").astype("datetime64[s]")


def _require_one_period(low: Times, high: Times, spec: VariableSpec, where: str) -> None:
    if spec.period == "month":
        begin = _nearest_month(low)
        fits = (abs(low - begin) < DAY) & (_nearest_month(high + SLOPPY["month"] // 2) == _next_month(begin))
    else:
        length = HOURS[spec.period] * HOUR
        fits = (high - low <= length) & (high - low >= length - SLOPPY.get(spec.period, HOUR // 60))
        if spec.period == "8day":  # the last of a year is shorter
            fits |= (high - low < length) & (_day_of_year(low) == 360)
    if not fits.all():
        i = int(np.flatnonzero(~fits)[0])
        name = where.rpartition(": ")[2]
        raise CalendarError(
            f"the time bounds of a source are not one {spec.period} long",
            where=f"{where}[{i}]",
            found=f"{low[i]} to {high[i]}",
            expected=f"one {spec.period}",
            next="correct period in the catalog entry; a climatology cannot be used; if the bounds alone are wrong, "
            f"leave them out and name stamp: args.xarray_kwargs.drop_variables: [{name}]",
        )


def _next_month(begin: Times) -> Times:
    return (begin.astype("datetime64[M]") + MONTH).astype("datetime64[s]")


def _day_of_year(stamp: Times) -> np.ndarray:
    return (stamp.astype("datetime64[D]") - stamp.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)


def _by_place(time: xr.DataArray, spec: VariableSpec, where: str) -> str:
    """What stamps mark that nothing else tells: the end of a running total, else a start, where they lie on edges."""
    if spec.accumulation:
        return "end"
    if spec.period == "month" or time.dtype.kind != "M":
        return "start"
    stamp = to_seconds(time)
    hours = HOURS[spec.period]
    since = stamp - stamp.astype("datetime64[D]")
    on_edge = since % (min(hours, 24) * HOUR) == np.timedelta64(0, "s")
    if spec.period == "8day":
        on_edge &= _day_of_year(stamp) % 8 == 0
    if not on_edge.all():
        _require_no_finer(stamp, spec, where)
        off = stamp[~on_edge][0]
        raise CalendarError(
            f"time stamps do not say which {spec.period} they stand for",
            where=where,
            found=f"{off}, no time bounds, and no stamp in the catalog entry",
            expected=f"stamps where a {spec.period} begins, time bounds, or the key stamp",
            next=f"add {FORMS} to the variable in the catalog entry: which part of its {spec.period} a stamp marks",
        )
    return "start"


def _require_no_finer(stamp: Times, spec: VariableSpec, where: str) -> None:
    apart = np.median(np.diff(stamp)) if stamp.size > 1 else HOURS[spec.period] * HOUR
    if apart < HOURS[spec.period] * HOUR:
        raise CalendarError(
            f"steps are shorter than a {spec.period}",
            where=where,
            found=f"{stamp[0]}, {stamp[1]} ...: {apart / HOUR:g} hours apart",
            expected=f"one step for each {spec.period}",
            next="correct period in the catalog entry",
        )
