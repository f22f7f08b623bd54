"""How often the ribbon of a specification curve holds the run in worlds without any trend.

Years of these worlds either do not remember or have a lag-1 autocorrelation of 0.35; neighbours go together over 1200
km. Two or three of a hundred worlds on either side are what limits of 95 % leave out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas
from smcloud.products.ddww import ddww, ddww_attributes
from smcloud.products.shared_null import chance, own_signs, shared_null
from smcloud.products.trend import preset_trend, significance
from smcloud.stats.lattice import COLUMNS, ROWS
from tests.science.ddww_coverage import LAT, LON, fields, land
from tests.science.figures import Figure, Job, Section, Table, share_error, told
from tests.science.worlds import make_config

LENGTH_KM, YEARS, WORLDS, AT_ONCE = 1200.0, 22, 200, 25
MEMORIES = (0.0, 0.35)
LEAST, MOST = 0.90, 0.98
AXES = {"lat": LAT, "lon": LON}


class Run(NamedTuple):
    """The excess of a run's DDWW share, its range by chance, and the e-folding length of that, km."""

    excess: float
    lower: float
    upper: float
    length: float

    @property
    def held(self) -> bool:
        """Whether the range holds the excess."""
        return self.lower <= self.excess <= self.upper


def trendless(seed: int, memory: float) -> xr.Dataset:
    """Annual soil moisture whose neighbours go together but have no trend, and an aridity index of its own."""
    *years, index = fields(LENGTH_KM, YEARS + 1, seed)
    for later in range(1, YEARS):
        years[later] = memory * years[later - 1] + np.sqrt(1 - memory**2) * years[later]
    ranks = np.argsort(np.argsort(index, axis=None)).reshape(index.shape) / index.size
    values = {
        "soil_moisture": (("year", *AXES), np.where(land(), 0.25 + 0.02 * np.array(years), np.nan)),
        "aridity_index": (tuple(AXES), 0.1 + ranks),
        "land_mask": (tuple(AXES), land().astype(float)),
    }
    return xr.Dataset(values, AXES | {"year": np.arange(2000, 2000 + YEARS)})


def run(seed: int, memory: float, config: RunConfig) -> Run | None:
    """One world; None where too little of it is called a change for a range by chance."""
    annual = trendless(seed, memory)
    null = shared_null(own_signs(annual, config), annual["land_mask"] > 0, config)
    found = preset_trend(annual["soil_moisture"], config)
    trend = xr.Dataset({"slope": found["slope"], "climatology": annual["soil_moisture"].mean("year")})
    trend = trend.assign(significance(found["p_value"], found["slope"], config))
    product = ddww(trend, annual, config)
    assert product is not None
    area = cell_areas(annual)  # each cell is one of the lattice
    tested = [area.where((product["zone"] == code) & trend["slope"].notnull(), 0.0) for code in (1, 2, 3)]
    zones = np.stack(tested).reshape(3, ROWS * COLUMNS)
    counted = area.where((trend["significant"] == 1) & (product["zone"] > 0), 0.0).sum()
    (_, lower, upper), *_ = chance(zones, np.array([float(counted)]), null, False, config.alpha)
    figures = ddww_attributes(product)
    excess = float(figures["ddww_share_of_change"]) - float(figures["ddww_expected_share"])
    return None if np.isnan(lower) else Run(excess, float(lower), float(upper), null.length_km)


def coverage(memory: float, seeds: Iterable[int]) -> list[Run]:
    """The worlds with these ``seeds`` that have a range."""
    config = make_config("peng2023", zones={"limits": [0.4, 0.7]}, bootstrap={"replicates": 199})
    return [found for seed in seeds if (found := run(seed, memory, config)) is not None]


def jobs(quick: bool) -> list[Job]:
    worlds = 10 if quick else WORLDS
    starts = range(1, worlds + 1, AT_ONCE)
    return [(coverage, (m, tuple(range(k, min(k + AT_ONCE, worlds + 1))))) for m in MEMORIES for k in starts]


def section(jobs: list[Job], results: list[list[Run]]) -> Section:
    figures, rows = [], []
    for memory in MEMORIES:
        parts = [found for (_, (own, _)), found in zip(jobs, results, strict=True) if own == memory]
        runs = [run for part in parts for run in part]
        held = float(np.mean([run.held for run in runs]))
        what = f"coverage, lag-1 autocorrelation {memory:g}, {len(runs)} worlds"
        figures.append(Figure(what, held, share_error(held, len(runs)), LEAST, MOST))
        widths = [run.upper - run.lower for run in runs]
        excess = np.array([run.excess for run in runs])
        rows.append((f"{memory:g}", f"{excess.std():.3f}", told(widths), f"{np.mean([r.length for r in runs]):.0f}"))
    return Section(
        "The ribbon of a specification curve",
        "How often the range by chance of the product `sensitivity` holds the run in worlds without trends: 22 years "
        "of noise that goes together over 1200 km, on the land of the sample world, zones by a field of its own, "
        "p < 0.05 of least squares, 199 fields.",
        figures,
        [
            Table(
                "In these worlds:",
                ("autocorrelation", "sd of the excess", "width of the range", "length found, km"),
                rows,
            )
        ],
    )
