"""How often the interval of a DDWW share holds what it is about: the mean observed share over worlds with one signal.

``python -m tests.benchmarks.ddww_coverage [SIGNALS]`` prints, for worlds with and without an association of zones and
directions, the coverage over 200 worlds for each of SIGNALS (5) maps of signals. A world is the 2-degree lattice with
the land of the sample world: zones are thirds of a smooth field, signals a field of trends in standard errors with
an e-folding length of 1500 km, and each world adds the errors of its slopes, a field with one of 1000 km.
"""

from __future__ import annotations

import sys

import numpy as np
import shapely

from smcloud.products.association import AT, _figures
from smcloud.sample.continents import CONTINENTS
from smcloud.stats.lattice import COLUMNS, ROWS, STEP
from smcloud.stats.sphere_fields import exponential_fields

WORLDS, REPLICATES, SIGNAL, FOLLOWS = 200, 999, 1.8, 0.6
LAT, LON = -90 + STEP / 2 + STEP * np.arange(ROWS), -180 + STEP / 2 + STEP * np.arange(COLUMNS)
AREA = np.repeat(np.cos(np.radians(LAT))[:, None], COLUMNS, axis=1)
CLASSES = {zone: (AT[f"{zone}D"], AT[f"{zone}W"]) for zone in "DTW"}
SHARED = [AT[name] for name in ("DD", "DW", "WD", "WW", "TD", "TW")]


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


def coverage(seed: int, follows: float) -> tuple[float, float, float, float]:
    """Mean share, coverage by the interval, standard deviation of the share, and mean width, over the worlds."""
    on_land = land()
    wetness, signal = fields(1500.0, 2, seed)
    lower, upper = np.quantile(wetness[on_land], [1 / 3, 2 / 3])
    zone = np.where(wetness < lower, "D", np.where(wetness < upper, "T", "W"))
    ours = np.where(zone == "D", -1.0, np.where(zone == "W", 1.0, 0.0))
    z = SIGNAL * ((1 - follows) * signal + follows * ours * abs(signal)) - 0.3
    shares, limits = [], []
    for number, noise in enumerate(fields(1000.0, WORLDS, seed + 1)):
        code = classes(zone, z + noise, on_land)
        found = _figures(code, AREA, LAT, LON, shared=SHARED, replicates=REPLICATES, seed=number, alpha=0.05, fields=0)
        limits.append(found[1:3])
        held = AREA[(code == AT["DD"]) | (code == AT["WW"])].sum()
        shares.append(held / AREA[(code > 0) & (code < 255)].sum())
    lower, upper = np.array(limits).T
    mean = float(np.mean(shares))
    return mean, float(((lower <= mean) & (mean <= upper)).mean()), float(np.std(shares)), float((upper - lower).mean())


def main() -> None:
    signals = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for name, follows in (("without association", 0.0), ("with association", FOLLOWS)):
        rows = [coverage(1000 * k, follows) for k in range(1, signals + 1)]
        for mean, held, spread, width in rows:
            print(f"{name}: share {mean:.3f} +- {spread:.3f}, interval {width:.3f} wide, holds it in {held:.3f}")
        print(f"{name}: coverage {np.mean([row[1] for row in rows]):.3f} of {signals * WORLDS} worlds")


if __name__ == "__main__":
    main()
