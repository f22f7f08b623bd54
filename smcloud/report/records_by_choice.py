"""Tables of what a run also looked at: lags and likeness of the drivers, ends of the record, seasons."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.report.rounding import Record, Table
from smcloud.report.values import areas, plain, weighted_mean

_MEANS = ("variance_inflation_factor", "lmg")
_ENDS = ("", "_lower", "_upper")
ALL_YEARS = "none"


def attribution_records(drivers: xr.Dataset) -> Table:
    """List by driver the area-weighted means of its variance inflation, share of R2 and correlation by month of lead.

    Empty where the product has none of them; a column that it lacks is left out.
    """
    names = [name for name in (*_MEANS, "lagged_partial_correlation") if name in drivers]
    if not names:
        return []
    weight, rows = areas(drivers), Table()
    for driver in map(str, drivers["driver"].values):
        own = drivers[names].sel(driver=driver)
        row: Record = {"key": driver, "driver": driver}
        for name in names:
            fields = {name: own[name]}
            if "lag" in own[name].dims:
                fields = {f"{name}, lag {lag}": own[name].sel(lag=lag) for lag in own["lag"].values}
            for column, field in fields.items():
                row[column] = weighted_mean(field.transpose("lat", "lon").values, weight)
        rows.append(row)
    return rows


def end_year_records(regional: xr.Dataset) -> Table:
    """List by region, but for bands, the trend of its fixed cells with all years and without those at the ends."""
    if "slope_without_end_years" not in regional:
        return []
    columns = [f"{name}{end}" for name in ("slope_fixed_cells", "slope_without_end_years") for end in _ENDS]
    regional, rows = regional[columns], Table()
    for region in _regions(regional):
        own = regional.sel(region=region)
        row: Record = {"key": f"{region}/all", "label": str(own["label"].item()), "left_out": ALL_YEARS}
        rows.append(row | {f"slope{end}": plain(own[f"slope_fixed_cells{end}"]) for end in _ENDS})
        for case in map(str, own["end_years"].values):
            at = own.sel(end_years=case)
            row = {"key": f"{region}/{case}", "label": rows[-1]["label"], "left_out": _in_words(case)}
            rows.append(row | {f"slope{end}": plain(at[f"slope_without_end_years{end}"]) for end in _ENDS})
    return rows if any(row["slope"] is not None for row in rows) else []


def _in_words(case: str) -> str:
    where, _, number = case.partition(" ")
    ends = "first and last" if where == "both" else where
    return f"{ends} {number or 'year'}"


def season_records(regional: xr.Dataset) -> Table:
    """List by region, but for bands, the trend of its fixed cells in each season."""
    if "season_slope" not in regional:
        return []
    rows: Table = []
    for region in _regions(regional):
        for season in map(str, regional["season"].values):
            own = regional.sel(region=region, season=season)
            row: Record = {"key": f"{region}/{season}", "label": str(own["label"].item()), "season": season}
            row |= {f"slope{end}": plain(own[f"season_slope{end}"]) for end in _ENDS}
            rows.append(row | {"p_value": plain(own["season_p_value"]), "n_cells": plain(own["season_n_cells"])})
    return rows


def _regions(regional: xr.Dataset) -> list[str]:
    return [str(name) for name in regional["region"].values[np.asarray(regional["kind"].values != "band")]]
