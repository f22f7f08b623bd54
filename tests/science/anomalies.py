"""Slopes of annual anomalies and of monthly means where months of one season are missing early (definition 22)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from smcloud.products.annual import annual
from smcloud.stats import linear_trend
from tests.science.figures import Figure, Job, Section, mean_and_error
from tests.science.worlds import make_config

SLOPE, SEASON, NOISE, FIRST_YEARS, WINTER = 1.0e-3, 0.08, 0.01, 4, (11, 12, 1, 2, 3)
WAYS = {
    "anomalies": {"method": "anomalies"},
    "anomalies, years of 7 months kept": {"method": "anomalies", "year_months_share": 0.5},
    "monthly means": {"method": "monthly_means"},
}
STATED = 2.7e-3  # of monthly means


def slopes(way: str, rows: int) -> np.ndarray:
    """Slope of each of ``rows`` x 50 cells of one line and one season, with white noise in every month."""
    time = pd.date_range("2000-01", "2021-12", freq="MS")
    month, year = time.month.values, time.year.values
    line = 0.25 + SLOPE * (year + (month - 0.5) / 12 - 2011) + SEASON * np.cos(2 * np.pi * (month - 1) / 12)
    rng = np.random.default_rng([14, rows])
    axes = {"time": time, "lat": np.linspace(-40, 40, rows), "lon": np.arange(50.0)}
    values = line[:, None, None] + NOISE * rng.normal(size=(len(time), rows, 50))
    values[np.isin(month, WINTER) & (year < 2000 + FIRST_YEARS)] = np.nan
    cube = xr.Dataset({"soil_moisture": xr.DataArray(values, axes, tuple(axes))})
    made = annual(cube, make_config(annual=WAYS[way]))
    return linear_trend(made["soil_moisture"], dim="year")["slope"].values


def jobs(quick: bool) -> list[Job]:
    return [(slopes, (way, 10 if quick else 100)) for way in WAYS]


def section(jobs: list[Job], results: list[np.ndarray]) -> Section:
    figures = []
    for (_, (way, _)), found in zip(jobs, results, strict=True):
        mean, error = mean_and_error(found * 1e3)
        if way == "monthly means":
            limits = (STATED * 1e3 - 0.05, STATED * 1e3 + 0.05)
        else:
            limits = (SLOPE * 1e3 - 2 * error, SLOPE * 1e3 + 2 * error)
        figures.append(
            Figure(f"{way}: mean slope of {found.size} cells, 1e-3 per year", mean, error, *limits, digits=4)
        )
    return Section(
        "Anomalies where winters are missing early",
        "Every cell has a slope of 1.0e-3 per year, a season of 0.08 and monthly noise of 0.01; November to March are "
        "missing in the first 4 of 22 years. Annual values of `smcloud.products.annual.annual`. Anomalies have to "
        "give the true slope within 2 standard errors; monthly means give the 2.7e-3 that `docs/science.md` states.",
        figures,
    )
