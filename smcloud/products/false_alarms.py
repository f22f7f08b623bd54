"""How often a run calls a trend significant where there is none in truth."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas
from smcloud.products.attributes import without_attributes
from smcloud.stats import area_weighted_series


def false_alarms(
    trend: xr.Dataset, no_trend: xr.DataArray, kind: xr.DataArray, levels: Sequence[float], config: RunConfig
) -> xr.Dataset:
    """Measure the false alarms of a trend product in cells known to have no trend, by ``level`` of ``kind``; lazy.

    ``trend`` holds ``slope``, ``p_value`` and ``significant``; ``no_trend`` (true where the true slope is 0) and
    ``kind`` (for example the autocorrelation of the world) are on the same cells. Over the area of these cells that
    has a slope: ``significant_share``, called significant by the preset's rule, and ``rejected_share``, with p below
    alpha; ``covered_area_km2`` is that area and ``n_cells`` the number of its cells. NaN and 0 for a level without one.
    Raises :class:`GridError` where the cells differ.
    """
    groups = xr.concat([no_trend & (kind == level) for level in levels], dim="level").assign_coords(level=list(levels))
    valid, area = trend["slope"].notnull(), cell_areas(trend)
    called = (trend["significant"] == 1).astype("float64").where(valid)
    rejected = (trend["p_value"] < config.alpha).astype("float64").where(valid)
    of_called, of_rejected = (area_weighted_series(share, area, groups) for share in (called, rejected))
    out = xr.Dataset(
        {
            "significant_share": of_called["mean"],
            "rejected_share": of_rejected["mean"],
            "covered_area_km2": of_called["covered_area"],
            "n_cells": of_called["n_cells"],
        }
    )
    return without_attributes(out)
