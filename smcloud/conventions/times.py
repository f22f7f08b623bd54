"""Dates of CF beside whole years: an axis of years gets one for each, what is of the whole record gets one."""

from __future__ import annotations

import numpy as np
import xarray as xr


def with_years(ds: xr.Dataset) -> xr.Dataset:
    """Give ``ds`` over ``year`` (integers) the auxiliary coordinate ``time`` (year), its middle, and ``time_bnds``."""
    years = ds.indexes["year"].to_numpy()
    edges = np.array([[f"{year}-01-01", f"{year + 1}-01-01"] for year in years], "datetime64[ns]")
    middle = np.array([f"{year}-07-01" for year in years], "datetime64[ns]")
    about = {"standard_name": "time", "long_name": "middle of the year", "bounds": "time_bnds"}
    return ds.assign_coords(time=("year", middle, about), time_bnds=(("year", "bnds"), edges))


def with_record(ds: xr.Dataset, first: int, last: int) -> xr.Dataset:
    """Give ``ds`` the scalar coordinate ``time``, the middle of the years ``first`` to ``last`` that it is made of.

    It has no bounds, as checkers know none of a scalar: ``time_coverage_*`` says how long the record is.
    """
    edges = np.array([f"{first}-01-01", f"{last + 1}-01-01"], "datetime64[D]")
    middle = (edges[0] + (edges[1] - edges[0]) // 2).astype("datetime64[ns]")
    about = {"standard_name": "time", "long_name": "middle of the record"}
    return ds.assign_coords(time=xr.Variable((), middle, about))
