"""What part of its step a stamp marks: what the files say of it, and what is asked for where they say nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import HOUR, HOURS, Times, to_seconds
from smcloud.cube.stamps import dated_steps, time_bounds
from smcloud.errors import CalendarError
from smcloud.first_study.drafts import Line

POINT = re.compile(r"\btime:\s+point\b")
DATED = ("esa_cci", "hdf4")  # readers that take a date from the name of a file: that of the step's first day
TELLING = ("long_name", "comment", "description")


def stamp_line(
    ds: xr.Dataset, axis: str, attrs: Mapping[Any, Any], spec: VariableSpec, reader: str, where: str
) -> Line:
    """Make the line stamp of a variable whose record lies along ``axis`` of ``ds``, in ascending order.

    Evidence are time bounds, a date in a file's name, ``cell_methods`` and ``GRIB_stepType`` of ``attrs``, and
    ``time_coverage_start`` and ``_end``; a month is that of a stamp within it. A stamp between two steps could be
    that of either, so that it is asked for. Raises what :func:`dated_steps` does, but for stamps alone.
    """
    bounds = time_bounds(ds)
    try:
        _, known = dated_steps(ds, ds[axis], spec, where)
    except CalendarError as err:
        if "stamp" not in err.next:
            raise
        return Line("start", "", f"start, mid or end: what part of its {spec.period} a stamp marks; {err.found}")
    if bounds:
        return Line(known.stamp, f"by {bounds[0]}")
    if reader in DATED:
        return Line(known.stamp, "the date in a file's name")
    stamps = to_seconds(ds[axis])
    if spec.period == "month" and (stamps != stamps.astype("M8[M]")).any():
        return Line(known.stamp, "the month of the stamp")
    return _by_attributes(attrs, spec.period) or _by_coverage(ds.attrs, stamps, spec.period) or _asked(ds, axis, attrs)


def _by_attributes(attrs: Mapping[Any, Any], period: str) -> Line | None:
    kind, methods = str(attrs.get("GRIB_stepType", "")), str(attrs.get("cell_methods", ""))
    if kind == "instant" or POINT.search(methods):
        said = "GRIB_stepType instant" if kind == "instant" else f"cell_methods {methods}"
        return Line("start", f"{said}: a value of the instant counts where it stands")
    if kind == "accum" and period == "hour":  # of longer steps it may be left over from the hours they were made of
        return Line("end", "GRIB_stepType accum: what fell until the stamp")
    return None


def _by_coverage(attrs: Mapping[Any, Any], stamps: Times, period: str) -> Line | None:
    """What ACDD's coverage of the whole record says; one that only repeats the stamps says nothing."""
    try:
        low, high = (
            np.datetime64(pd.to_datetime(str(attrs[f"time_coverage_{end}"]), utc=True).tz_localize(None), "s")
            for end in ("start", "end")
        )
    except (KeyError, ValueError, TypeError):
        return None
    length = HOUR * (31 * 24 if period == "month" else HOURS[period])
    before, after = stamps[0] - low, high - stamps[-1]
    said = f"time_coverage_start {attrs['time_coverage_start']}, time_coverage_end {attrs['time_coverage_end']}"
    half = length // 2
    if not before and half < after <= length:
        return Line("start", said)
    if not after and half < before <= length:
        return Line("end", said)
    return None


def _asked(ds: xr.Dataset, axis: str, attrs: Mapping[Any, Any]) -> Line:
    found = [f"{axis}: {key} = {ds[axis].attrs[key]}" for key in TELLING if key in ds[axis].attrs]
    found = [text for text in found if text != f"{axis}: long_name = time"]
    found += [f"cell_methods = {attrs['cell_methods']}"] if "cell_methods" in attrs else []
    stamp = np.datetime_as_string(to_seconds(ds[axis])[0], "m")
    said = f"; the file says {', '.join(found)}" if found else ""
    return Line(
        "start",
        "",
        f"start if what is stamped {stamp} is of the step that begins then (or of the instant), end if of the one that "
        f"ended then: time bounds, cell_methods and time_coverage_end leave it open, the product's guide says it{said}",
    )
