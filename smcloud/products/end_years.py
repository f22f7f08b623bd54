"""How far a trend rests on the first and the last years of the record: slopes without them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.flags import NO_DATA
from smcloud.stats import linear_trend

# How many years each case leaves out at the first and at the last end of the record, whether they have a value or not.
CASES: Mapping[str, tuple[int, int]] = {
    "first": (1, 0),
    "first two": (2, 0),
    "last": (0, 1),
    "last two": (0, 2),
    "both": (1, 1),
    "both two": (2, 2),
}
CODES = dict(enumerate((name.replace(" ", "_") for name in CASES), start=1)) | {NO_DATA: "no_data"}
FEWEST = 3


def lines_without(series: xr.DataArray, config: RunConfig, interval: Literal["t", "effective"]) -> xr.Dataset:
    """Fit the least-squares lines of ``series`` (year, ...) without the end years of each case; lazy.

    ``slope``, ``slope_lower``, ``slope_upper`` over ``end_years`` (:data:`CASES`) and the other dimensions, per year
    (:func:`~smcloud.stats.linear_trend`). A case needs ``years.min_years`` less the years
    that it leaves out, and three at the least.
    """
    place, size = np.arange(series.sizes["year"]), series.sizes["year"]
    kept = [(place >= first) & (place < size - last) for first, last in CASES.values()]
    need = [max(FEWEST, config.years.min_years - first - last) for first, last in CASES.values()]
    cases = {"end_years": list(CASES)}
    every = series.where(xr.DataArray(kept, cases, ("end_years", "year")))
    lines = linear_trend(every, dim="year", alpha=config.alpha, min_valid=FEWEST, interval=interval)
    lines = lines[["slope", "slope_lower", "slope_upper", "n"]].transpose("end_years", ...)
    return lines.where(lines["n"] >= xr.DataArray(need, cases, ("end_years",)))


def end_year_maps(series: xr.DataArray, slope: xr.DataArray, config: RunConfig) -> dict[Hashable, xr.DataArray]:
    """Find the largest change of the least-squares ``slope`` (lat, lon) of ``series`` without end years; lazy.

    ``end_years_slope_change``: slope without the years less ``slope``, of the case where that is the farthest from 0
    (the first of equals), m3 m-3 yr-1; ``end_years_case`` its code (:data:`CODES`). NaN and no data where there is no
    ``slope``, or no case has one.
    """
    change = lines_without(series, config, "t")["slope"].drop_vars("end_years") - slope
    size = abs(change).fillna(-1.0)
    case = size.argmax("end_years")
    known = size.max("end_years") >= 0
    position = xr.DataArray(np.arange(len(CASES)), dims="end_years")
    return {
        "end_years_slope_change": change.where(position == case).max("end_years").where(known),
        "end_years_case": (case + 1).where(known, NO_DATA).astype("uint8"),
    }


def end_year_columns(course: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Fit the line of a region's ``course`` (region, year) without end years, with effective sample size; lazy.

    ``slope_without_end_years`` (region, end_years), with ``_lower`` and ``_upper``, m3 m-3 yr-1.
    """
    lines = lines_without(course, config, "effective")
    return {f"slope_without_end_years{end}": lines[f"slope{end}"] for end in ("", "_lower", "_upper")}
