"""The time axis of an opened source: found by its attributes, called ``time``, decoded to dates.

Sources are opened without decoding of times, because files write them in more ways than CF knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smcloud.catalog.time_bounds import bounds_name, require_no_climatology
from smcloud.errors import CalendarError

if TYPE_CHECKING:
    import xarray as xr

NAMES = ("time", "valid_time")
LIKE_TIME = ("time", "t", "date", "month", "day", "dates", "times")
GREGORIAN = ("standard", "gregorian", "proleptic_gregorian")
MONTHS_IN = {"month": 1, "mon": 1, "year": 12, "yr": 12, "common_year": 12}
SINCE = re.compile(r"\s*(\w+?)s?\s+since\s+(\S+(?:[T ]\S+)?)", re.IGNORECASE)
# Hours behind the reference date, as in +08:00 or -6: a clock that is not that of UTC.
ZONE = re.compile(
    r"(?:\d:\d{1,2}(?::\d{1,2}(?:\.\d*)?)?\s*|\s)(?P<zone>[+-]\d{1,2}(?::?\d{2})?|(?!UTC|GMT|Z)[A-Z]{1,5})\s*$"
)
WRITTEN_AS = {"yyyymm": 6, "%y%m": 6, "yyyymmdd": 8, "%y%m%d": 8, "yyyymmdd.f": 8, "%y%m%d.%f": 8}
NO_DATE = 1e19  # beyond any date in any unit: NetCDF's 9.97e36 where nothing was written
EARLIEST, LATEST = np.datetime64("1678-01-01", "us"), np.datetime64("2262-01-01", "us")  # of datetime64[ns]
MONTH, DAY = np.timedelta64(1, "M"), np.timedelta64(86_400_000_000_000, "ns")
Dates = npt.NDArray[np.datetime64]


def with_time(ds: xr.Dataset, names: Iterable[str], where: str) -> xr.Dataset:
    """Return ``ds`` with one time axis for the variables ``names``: a dimension ``time`` (or ``valid_time``) of dates.

    The axis is the dimension's own coordinate or another along it, whose attributes say that it is time; a scalar one
    makes a dimension of one step. Its bounds are decoded like it. Without any, ``ds`` comes back as it is. Raises
    :class:`CalendarError` for another calendar than the Gregorian, for numbers that are no dates, for missing ones, for
    a clock that is not that of UTC, and for a climatology.
    """
    held = [name for name in names if name in ds.variables]
    axis = _axis(ds, held) if held else None
    if axis is None:
        return ds
    require_no_climatology(ds, axis, held, where)
    name, ds = _on_an_axis(ds, axis, held)
    time = ds[name]
    attrs = {key: value for key, value in time.attrs.items() if key not in ("units", "calendar")}
    bounds = bounds_name(ds, name)
    if bounds is not None and ds[bounds].dtype.kind in "iuf":
        as_axis = {key: time.attrs[key] for key in ("units", "calendar") if key in time.attrs} | ds[bounds].attrs
        edges = dates_of(ds[bounds].assign_attrs(as_axis), f"{where}: {bounds}")
        ds = ds.assign({bounds: (ds[bounds].dims, edges.reshape(ds[bounds].shape))})
    return ds.assign_coords({name: (name, dates_of(time, f"{where}: {axis}"), attrs)})


def _axis(ds: xr.Dataset, held: list[str]) -> str | None:
    """Name of the variable that holds the times of the variables ``held``."""
    dims = list(dict.fromkeys(str(dim) for name in held for dim in ds[name].dims))
    # A dimension's own coordinate first, then others along one; a scalar where no dimension is time.
    along = [dim for dim in dims if dim in ds.variables]
    other = [str(name) for name in ds.variables if str(name) not in along and str(name) not in held]
    beside = [name for name in other if ds[name].ndim == 1 and ds[name].dims[0] in dims]
    scalar = [name for name in other if not ds[name].ndim]
    own = [name for name in along if _is_time(ds[name])]
    reference = [name for name in own if ds[name].attrs.get("standard_name") == "forecast_reference_time"]
    valid = [name for name in beside if reference and ds[name].attrs.get("standard_name") == "time"]
    named = [name for name in beside if _is_time(ds[name]) and (name in ds.coords or name in NAMES)]
    named = [name for name in named if ds[name].dims[0] not in along or name in valid or not own]
    single = [name for name in scalar if _is_time(ds[name]) and (name in ds.coords or name in NAMES)]
    single.sort(key=lambda name: name != "valid_time")  # beside a forecast's reference time
    # A name alone, without any attribute: numbers that may be YYYYMM.
    unnamed = [name for name in along if not {"units", "standard_name"} & set(ds[name].attrs)]
    bare = [name for name in unnamed if name.lower() in LIKE_TIME]
    return next(iter([*valid, *own, *named, *single, *bare]), None)


def _is_time(da: xr.DataArray) -> bool:
    attrs = {key: str(da.attrs[key]).strip() for key in ("standard_name", "units", "axis") if key in da.attrs}
    if attrs.get("standard_name", "time") != "time" and da.name not in NAMES:
        return False
    units = attrs.get("units", "")
    says = "standard_name" in attrs or attrs.get("axis") == "T" or bool(SINCE.match(units)) or _digits(units) > 0
    return says or da.name in NAMES or da.dtype.kind == "M" or _is_cftime(da)


def _is_cftime(da: xr.DataArray) -> bool:
    return da.dtype.kind == "O" and da.size > 0 and hasattr(np.ravel(da.values)[0], "calendar")


def _on_an_axis(ds: xr.Dataset, axis: str, held: list[str]) -> tuple[str, xr.Dataset]:
    """``ds`` with ``axis`` as the coordinate of a dimension, and what that is called; its other names go."""
    time = ds[axis].variable
    if not time.ndim:
        bounds = bounds_name(ds, axis)
        moving = [name for name in (*held, *filter(None, [bounds])) if "time" not in ds[name].dims]
        ds = ds.drop_vars([name for name in ("time", axis) if name in ds.variables])
        ds = ds.assign({name: ds[name].expand_dims("time") for name in moving})
        return "time", ds.assign_coords(time=("time", time.values.reshape(1), time.attrs, time.encoding))
    dim = str(time.dims[0])
    if axis == dim and dim in NAMES:
        return dim, ds.drop_vars([name for name in NAMES if name != axis and name in ds.variables])
    ds = ds.drop_vars([name for name in {dim, axis, *NAMES} if name in ds.variables and name not in held])
    ds = ds.rename({dim: "time"}) if dim != "time" else ds
    return "time", ds.assign_coords(time=("time", time.data, time.attrs, time.encoding))


def dates_of(da: xr.DataArray, where: str) -> Dates:
    """Decode times to datetime64, of the shape of ``da``.

    Beside what CF knows: ``months since`` and ``years since`` in calendar months (a fraction is that part of its
    month), and dates written as numbers, YYYYMM, YYYYMMDD or YYYYMMDD with a fraction of the day.
    """
    import xarray as xr

    values, units = da.values, str(da.attrs.get("units", "")).strip()
    if values.dtype.kind == "M":
        return _complete(values, where)
    if _is_cftime(da):
        return _of_cftime(values, where)
    if values.dtype.kind not in "iuf":
        raise _no_dates(values, units, where)
    calendar = str(da.attrs.get("calendar", "standard"))
    _require_gregorian(calendar, where)
    if not (np.abs(values.astype(np.float64)) < NO_DATE).all():
        raise _missing(where)
    since = SINCE.match(units)
    if since is None:
        return _written(values, units, where)
    _require_utc(units, where)
    if since[1].lower() in MONTHS_IN:
        return _months_after(np.datetime64(_iso(since[2]), "s"), values * float(MONTHS_IN[since[1].lower()]))
    # Before 1582 the calendars differ by days: a count from the year 1 is not the same date in both.
    plain = {"units": units, "calendar": calendar.lower()}
    try:
        decoded = xr.conventions.decode_cf_variable("time", xr.Variable(da.dims, values, plain))
    except (ValueError, OverflowError) as err:  # a year 0, a month 0
        raise _no_dates(values, units, where) from err
    return _complete(_of_cftime(decoded.values, where) if decoded.dtype.kind == "O" else decoded.values, where)


def _require_gregorian(calendar: str, where: str) -> None:
    if calendar.lower() not in GREGORIAN:
        raise CalendarError(
            "the time axis is not of the standard calendar",
            where=where,
            found=f"calendar {calendar}",
            expected="dates of the Gregorian calendar",
            next="convert the source first, with ds.convert_calendar('standard', align_on='date') of xarray, "
            "and name what it writes",
        )


def _require_utc(units: str, where: str) -> None:
    zone = ZONE.search(units)
    if zone and zone["zone"].strip("+-0:"):
        raise CalendarError(
            "the time axis runs by a clock that is not that of UTC",
            where=where,
            found=units,
            expected="times in UTC, or days and months without a zone",
            next=f"where steps are days or months of that clock, leave {zone['zone']} out of the units in the source; "
            "else write the times in UTC",
        )


def _of_cftime(values: npt.NDArray[Any], where: str) -> Dates:
    _require_gregorian(str(np.ravel(values)[0].calendar or "standard"), where)
    dates = np.array([np.datetime64(date.isoformat(), "us") for date in np.ravel(values)])
    if not ((dates >= EARLIEST) & (dates < LATEST)).all():
        raise _no_dates(dates, "that lead beyond the years 1678 to 2261", where)
    return dates.reshape(values.shape).astype("datetime64[ns]")


def _months_after(start: np.datetime64, months: npt.NDArray[Any]) -> Dates:
    """Calendar months after ``start``; a fraction is that part of the month it lies in."""
    months = np.round(np.asarray(months, np.float64), 6)
    whole = np.floor(months)
    month = start.astype("datetime64[M]") + whole.astype(np.int64) * MONTH
    begin, end = (edge.astype("datetime64[ns]") for edge in (month, month + MONTH))
    day = np.minimum(start - start.astype("datetime64[M]").astype("datetime64[s]"), end - begin - DAY)
    part = (months - whole) * (end - begin).astype(np.float64)
    dates: Dates = begin + day + np.round(part).astype("timedelta64[ns]")
    return dates


def _digits(units: str) -> int:
    """6 or 8 where ``units`` says that dates are written as numbers (``day as %Y%m%d.%f``), else 0."""
    return WRITTEN_AS.get(units.lower().rpartition(" as ")[2].strip(), 0)


def _written(values: npt.NDArray[Any], units: str, where: str) -> Dates:
    """Dates that are written as numbers: 200001, 20000131, 20000131.5."""
    whole = np.floor(np.asarray(values, np.float64) + 1e-7).astype(np.int64)
    part = np.maximum(np.asarray(values, np.float64) - whole, 0.0)
    digits = _digits(units) or (len(str(whole.flat[0])) if whole.size and units in ("", "1") else 0)
    exact = values.dtype.kind in "iu" or values.dtype.itemsize == 8 or digits == 6
    if digits not in (6, 8) or not exact or (digits == 6 and part.any()):
        raise _no_dates(values, units, where)
    year_month, day = (whole, np.ones_like(whole)) if digits == 6 else (whole // 100, whole % 100)
    month = (year_month // 100 - 1970) * 12 + year_month % 100 - 1
    begin = month.astype("datetime64[M]")
    date = begin.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    right = (year_month % 100 >= 1) & (year_month % 100 <= 12) & (day >= 1) & (date.astype("datetime64[M]") == begin)
    if not (right & (year_month >= 100_001) & (year_month < 300_000)).all():
        raise _no_dates(values, units, where)
    seconds = np.round(part * 86400).astype("timedelta64[s]")
    return (date.astype("datetime64[s]") + seconds).astype("datetime64[ns]")


def _iso(text: str) -> str:
    """A reference date as ISO has it: 1900-1-1 00:00:0.0 -> 1900-01-01."""
    numbers = [int(number) for number in re.findall(r"\d+", text)[:3]]
    year, month, day = [*numbers, 1, 1][:3]
    return f"{year:04}-{month:02}-{day:02}"


def _complete(dates: Dates, where: str) -> Dates:
    if np.isnat(dates).any():
        raise _missing(where)
    return dates


def _missing(where: str) -> CalendarError:
    return CalendarError(
        "time stamps are missing",
        where=where,
        found="a missing value on the time axis",
        expected="a date for each step",
        next="write the axis anew without missing values, or leave these steps out of the source",
    )


def _no_dates(values: npt.NDArray[Any], units: str, where: str) -> CalendarError:
    some = ", ".join(str(value) for value in np.ravel(values)[:3])
    return CalendarError(
        "the time axis is not of the standard calendar: its numbers are no dates",
        where=where,
        found=f"{some} ... ({values.dtype}), units {units or 'left out'}",
        expected="units such as days since 2000-01-01 or months since 2000-01-01, or numbers YYYYMM or YYYYMMDD",
        next="write the axis anew with such units (float64 where dates have eight digits)",
    )
