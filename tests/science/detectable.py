"""Whether a trend of ``minimum_detectable_slope`` is found in 80 % of all records (definition 7b)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.products.trend import trend_fields
from smcloud.stats import linear_trend
from tests.science.figures import Figure, Job, Section, Table, share_error
from tests.science.worlds import BELT, PHIS, field, make_config, remember

POWER = 0.80
Found = dict[str, tuple[float, int]]


def records(rng: np.random.Generator, years: int, phi: float) -> np.ndarray:
    return remember(rng.normal(size=(years, len(BELT["lat"]), len(BELT["lon"]))), phi)


def judged(values: np.ndarray) -> xr.Dataset:
    """What the trend product of ``rigorous`` says of annual values that are all land."""
    annual = xr.Dataset({"soil_moisture": field(values, BELT, "year")})
    maps = linear_trend(annual["soil_moisture"], dim="year")[["slope"]]
    config = make_config(years=len(values), annual={"method": "monthly_means"})
    return trend_fields(maps, config, annual)


def power(years: int, phi: float, fields: int) -> Found:
    """Share of trends found: of the slope of the region (root mean square over its cells), and of each cell's own.

    The slope is that of one record; the trend is laid into another one of the same kind.
    """
    rng = np.random.default_rng([9, years, int(10 * phi)])
    t = np.arange(years)[:, None, None]
    hits: dict[str, list[np.ndarray]] = {"region": [], "cell": []}
    for _ in range(fields):
        own = judged(records(rng, years, phi))["minimum_detectable_slope"].values
        for name, slope in (("region", np.sqrt((own**2).mean())), ("cell", own)):
            hits[name].append(judged(records(rng, years, phi) + slope * t)["p_value"].values < 0.05)
    return {name: (float(np.mean(found)), int(np.size(found))) for name, found in hits.items()}


def jobs(quick: bool) -> list[Job]:
    return [(power, (years, phi, 1 if quick else 2)) for years in ((22,) if quick else (22, 40)) for phi in PHIS]


def section(jobs: list[Job], results: list[Found]) -> Section:
    figures, rows = [], []
    for (_, (years, phi, _)), found in zip(jobs, results, strict=True):
        share, count = found["region"]
        near = 2 * share_error(POWER, count)
        what = f"n = {years}, phi {phi:g}, {count} cells: found"
        figures.append(Figure(what, share, share_error(share, count), POWER - near, POWER + near))
        own, cells = found["cell"]
        rows.append((f"{years}", f"{phi:g}", f"{own:.3f} ± {share_error(own, cells):.3f}"))
    return Section(
        "The slope that could have been found",
        "`minimum_detectable_slope` of the trend product: fields of 2,400 independent cells without a trend say which "
        "slope is found in 80 % of all records (the root mean square over their cells, so that the chance of one "
        "record is averaged out); a trend of that slope is laid into other records of the same kind and judged at p < "
        "0.05. Target: 0.80 within 2 standard errors.",
        figures,
        [
            Table(
                "Each cell's own figure, from one record, varies with its residuals; a trend of that slope is found "
                "in a little less than 80 % of other records:",
                ("n", "phi", "found"),
                rows,
            )
        ],
    )
