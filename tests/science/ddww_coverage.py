"""How often the interval of a DDWW share holds what it is about: the mean observed share over worlds with one signal.

A world is the 2-degree lattice with the land of the sample world: zones are thirds of a smooth field, signals a field
of trends in standard errors with an e-folding length of 1500 km, and each world adds the errors of its slopes, a field
with one of 1000 km. 200 worlds share a map of signals.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import shapely

from smcloud.products.association import AT, _figures
from smcloud.sample.continents import CONTINENTS
from smcloud.stats.lattice import COLUMNS, ROWS, STEP
from smcloud.stats.sphere_fields import exponential_fields
from tests.science.figures import Figure, Job, Section, Table, mean_and_error

WORLDS, REPLICATES, SIGNAL = 200, 999, 1.8
FOLLOWS = {"without association": 0.0, "with association": 0.6}
STATED = {"without association": 0.99, "with association": 0.90}  # docs/science.md, definition 18
LAT, LON = -90 + STEP / 2 + STEP * np.arange(ROWS), -180 + STEP / 2 + STEP * np.arange(COLUMNS)
AREA = np.repeat(np.cos(np.radians(LAT))[:, None], COLUMNS, axis=1)
CLASSES = {zone: (AT[f"{zone}D"], AT[f"{zone}W"]) for zone in "DTW"}
SHARED = [AT[name] for name in ("DD", "DW", "WD", "WW", "TD", "TW")]


@cache
def land() -> np.ndarray:
    """True (row, column) where a centre lies on a continent."""
    return np.any(
        [shapely.contains_xy(shapely.Polygon(c), *np.meshgrid(LON, LAT)) for c in CONTINENTS.values()], axis=0
    )


def fields(length: float, count: int, seed: int) -> np.ndarray:
    return np.concatenate(list(exponential_fields(np.arange(ROWS), length, count, seed)))


def classes(zone: np.ndarray, z: np.ndarray, on_land: np.ndarray) -> np.ndarray:
    """Codes of the classes of slopes in standard errors."""
    code = np.zeros(z.shape, np.uint8)
    for letter, (dries, wets) in CLASSES.items():
        here = (zone == letter) & (abs(z) > 1.96)
        code[here] = np.where(z < 0, dries, wets)[here]
    code[~on_land] = 255
    return code


def coverage(seed: int, follows: float, worlds: int) -> tuple[float, float, float, float]:
    """Mean share, coverage by the interval, standard deviation of the share, and mean width, over the worlds."""
    on_land = land()
    wetness, signal = fields(1500.0, 2, seed)
    lower, upper = np.quantile(wetness[on_land], [1 / 3, 2 / 3])
    zone = np.where(wetness < lower, "D", np.where(wetness < upper, "T", "W"))
    ours = np.where(zone == "D", -1.0, np.where(zone == "W", 1.0, 0.0))
    z = SIGNAL * ((1 - follows) * signal + follows * ours * abs(signal)) - 0.3
    shares, limits = [], []
    for number, noise in enumerate(fields(1000.0, worlds, seed + 1)):
        code = classes(zone, z + noise, on_land)
        found = _figures(code, AREA, LAT, LON, shared=SHARED, replicates=REPLICATES, seed=number, alpha=0.05, fields=0)
        limits.append(found[1:3])
        held = AREA[(code == AT["DD"]) | (code == AT["WW"])].sum()
        shares.append(held / AREA[(code > 0) & (code < 255)].sum())
    lower, upper = np.array(limits).T
    mean = float(np.mean(shares))
    return mean, float(((lower <= mean) & (mean <= upper)).mean()), float(np.std(shares)), float((upper - lower).mean())


def jobs(quick: bool) -> list[Job]:
    maps, worlds = (3, 40) if quick else (10, WORLDS)
    return [(coverage, (1000 * k, follows, worlds)) for follows in FOLLOWS.values() for k in range(1, maps + 1)]


def section(jobs: list[Job], results: list[tuple[float, float, float, float]]) -> Section:
    figures, rows = [], []
    for name, follows in FOLLOWS.items():
        found = [result for (_, (_, own, _)), result in zip(jobs, results, strict=True) if own == follows]
        stated = STATED[name]
        near = 2 * np.sqrt(stated * (1 - stated) / WORLDS)
        mean, error = mean_and_error([held for _, held, _, _ in found])
        what = f"{name}: coverage, {len(found)} maps of signals with {jobs[0][1][2]} worlds each, stated {stated:.2f}"
        figures.append(Figure(what, mean, error, stated - near, min(stated + near, 1.0)))
        rows += [
            (name, f"{share:.3f} ± {spread:.3f}", f"{width:.3f}", f"{held:.3f}") for share, held, spread, width in found
        ]
    return Section(
        "Coverage of the interval of a DDWW share",
        "Definition 18: how often the interval for 95 % (20-degree tiles, 999 draws) of one world holds the mean "
        "share of the worlds that have the same signals and other weather, on the land of the sample world. Zones are "
        "thirds of a field of 1500 km, signals 1.8 standard errors with an e-folding length of 1500 km, errors of "
        "slopes 1000 km. The target is the figure that `docs/science.md` states, within 2 binomial standard errors of "
        "200 worlds.",
        figures,
        [Table("Each map of signals:", ("worlds", "share (sd over worlds)", "width", "coverage"), rows)],
    )
