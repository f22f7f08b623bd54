"""Whole years of months, and dates of CF beside them: an axis of years gets one for each, a whole record gets one.

A year begins with any month, and is called by the calendar year in which it ends: that from July 2000 to June 2001 is
2001, as hydrologists name their water years. So a year from January is the calendar year.
"""

from __future__ import annotations

import calendar

import numpy as np
import xarray as xr

MONTHS = 12


def whole_years(first: int, months: int, first_month: int = 1) -> tuple[int, int, int]:
    """Find the years that begin with ``first_month`` and lie whole in ``months`` months from ``first`` on.

    ``first`` is 12 times the calendar year plus the month - 1. Returns how many months lie before the first such year,
    its name, and the number of years.
    """
    before = (first_month - 1 - first) % MONTHS
    return before, (first + before) // MONTHS + (first_month > 1), max(0, (months - before) // MONTHS)


def beginning(year: int, first_month: int = 1) -> np.datetime64:
    """Return the first day of the ``year`` that begins with ``first_month``."""
    return np.datetime64(f"{year - (first_month > 1)}-{first_month:02d}-01", "D")


def span_in_words(first_month: int) -> str:
    """Return what a year that begins with ``first_month`` is: ``calendar year``, or its months and its name."""
    if first_month == 1:
        return "calendar year"
    first, last = calendar.month_name[first_month], calendar.month_name[first_month - 1]
    return f"year from {first} to {last}, named by the calendar year in which it ends"


def with_years(ds: xr.Dataset, first_month: int = 1) -> xr.Dataset:
    """Give ``ds`` over ``year`` (integers) the auxiliary coordinate ``time`` (year), its middle, and ``time_bnds``."""
    years = ds.indexes["year"].to_numpy()
    edges = np.array([[beginning(year, first_month), beginning(year + 1, first_month)] for year in years])
    months = edges[:, 0].astype("datetime64[M]") + np.timedelta64(MONTHS // 2, "M")
    about = {"standard_name": "time", "long_name": "middle of the year", "bounds": "time_bnds"}
    middle = months.astype("datetime64[ns]")
    return ds.assign_coords(time=("year", middle, about), time_bnds=(("year", "bnds"), edges.astype("datetime64[ns]")))


def with_record(ds: xr.Dataset, first: int, last: int, first_month: int = 1) -> xr.Dataset:
    """Give ``ds`` the scalar coordinate ``time``, the middle of the years ``first`` to ``last`` that it is made of.

    It has no bounds, as checkers know none of a scalar: ``time_coverage_*`` says how long the record is.
    """
    edges = beginning(first, first_month), beginning(last + 1, first_month)
    middle = (edges[0] + (edges[1] - edges[0]) // 2).astype("datetime64[ns]")
    about = {"standard_name": "time", "long_name": "middle of the record"}
    return ds.assign_coords(time=xr.Variable((), middle, about))


def coverage_attributes(first: int, last: int, first_month: int = 1) -> dict[str, str]:
    """Return ``time_coverage_start`` and ``time_coverage_end`` (ACDD-1.3), first and last day of the years."""
    end = beginning(last + 1, first_month) - np.timedelta64(1, "D")
    return {"time_coverage_start": str(beginning(first, first_month)), "time_coverage_end": str(end)}
