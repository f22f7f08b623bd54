"""Counters of the gate that compare months with those a year before, for a part of the months alone."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.cube.calendar import Times
from smcloud.cube.checks import count_months
from smcloud.cube.monthly import monthly
from smcloud.cube.sources import Source

YEAR = 12
VALUES = ("valid", "outside", "smallest", "largest")  # of each value by itself


def with_year_before(
    source: Source, counters: Mapping[str, xr.DataArray], months: Times, start: int, stop: int
) -> dict[str, xr.DataArray]:
    """``counters`` of ``months[start:stop]``; those that compare years see the year before ``start`` too. Lazy.

    Such are the counters of months that are single numbers: of ``months[start:stop]`` alone they would miss every pair
    across its border. Added over all parts they are those of the whole.
    """
    lagged = {key for key, da in counters.items() if not da.ndim} - set(VALUES)
    if source.steps is None or not start or not lagged:
        return dict(counters)
    seen = months[max(0, start - YEAR) : stop]
    value, days = monthly(source.values, source.steps, seen, source.spec.aggregate == "sum")
    seen_all = count_months(source.role, value, days)
    return dict(counters) | {key: seen_all[key] for key in lagged}
