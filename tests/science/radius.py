"""Size of the pooled test by radius: where all cells have one phi, and where phi changes over some thousand km.

``python -m tests.science.radius [FIELDS]`` prints the table of definition 7b in docs/science.md, in half a minute.
"""

from __future__ import annotations

import sys

import numpy as np

from smcloud.stats import pooled_trend
from tests.science.figures import mean_and_error
from tests.science.worlds import LATTICE, area_of, field, lattice_noise, remember

RADII, LENGTH, YEARS = (1500.0, 3000.0, 20_000.0), 1780.0, 22
# phi from 0 to 0.6 and back over 80 degrees of longitude.
WAVE = 0.3 + 0.3 * np.sin(2 * np.pi * np.arange(len(LATTICE["lon"])) / 40) * np.ones((len(LATTICE["lat"]), 1))


def sizes(radius: float, phi: np.ndarray, fields: int, seed: int = 5) -> dict[str, list[float]]:
    """Rejected share of each field: of all cells, and of those with ``phi`` above 0.5."""
    area, out = area_of(LATTICE), {"all": [], "high": []}
    for noise in lattice_noise(LENGTH, YEARS, fields // 2, seed):
        for window in (0, 1):
            p = pooled_trend(field(remember(noise[:, window], phi), LATTICE), area, radius_km=radius)["p_value"].values
            out["all"].append(float((p < 0.05).mean()))
            out["high"].append(float((p[phi > 0.5] < 0.05).mean()))
    return out


def main() -> None:
    """Print a row for each radius."""
    fields = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for radius in RADII:
        one, wave = (sizes(radius, phi, fields) for phi in (np.full(WAVE.shape, 0.6), WAVE))
        told = ("{:.3f} ({:.3f})".format(*mean_and_error(each)) for each in (one["all"], wave["all"], wave["high"]))
        print(f"| {radius:.0f} km | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
