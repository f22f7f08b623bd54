"""Size of the pooled test (definition 7b), with gaps, with neighbours that go together, and where no phi is shared."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import xarray as xr

from smcloud.stats import pooled_trend, trend_with_steps
from tests.science.figures import Figure, Job, Section, Table, mean_and_error, told
from tests.science.worlds import BELT, LATTICE, PHIS, area_of, field, lattice_noise, remember, with_gaps

YEARS, GAPS = (22, 40), (0.0, 0.15, 0.30)
LENGTHS = {"3 cells": 667.0, "8 cells": 1780.0}  # e-folding length of the noise, cells of 2 degrees at the equator
LEAST, MOST = 0.02, 0.06
Sizes = dict[str, list[float]]


def independent(years: int, phi: float, share: float, fields: int) -> Sizes:
    """Of each field of a belt of independent cells, pools of 33 to 64: see :func:`_sizes`."""
    rng = np.random.default_rng([1, years, int(10 * phi), int(100 * share)])
    noise = (rng.normal(size=(years, len(BELT["lat"]), len(BELT["lon"]))) for _ in range(fields))
    return _sizes((with_gaps(rng, remember(each, phi), share) for each in noise), BELT, phi)


def correlated(years: int, phi: float, share: float, length: str, fields: int) -> Sizes:
    """The same of fields of 50 x 50 cells of 2 degrees whose neighbours go together; pools of 72 to 200 cells."""
    seed = [2, years, int(10 * phi), int(100 * share), int(LENGTHS[length])]
    rng = np.random.default_rng(seed)
    noise = lattice_noise(LENGTHS[length], years, fields // 2, int(np.random.SeedSequence(seed).generate_state(1)[0]))
    windows = (each[:, k] for each in noise for k in (0, 1))
    return _sizes((with_gaps(rng, remember(each, phi), share) for each in windows), LATTICE, phi)


def _sizes(worlds: Iterable[np.ndarray], axes: dict[str, np.ndarray], phi: float) -> Sizes:
    """Of each field the rejected share, mean and mean square of pooled phi; and the share of a test that is told phi.

    The last only of fields without gaps: it takes as long as all the rest.
    """
    area = area_of(axes)
    out: Sizes = {"size": [], "told": [], "phi": [], "square": []}
    for values in worlds:
        da = field(values, axes)
        found = pooled_trend(da, area)
        p = found["p_value"]
        out["size"].append(float((p < 0.05).sum() / p.notnull().sum()))
        if not np.isnan(values).any():
            no_steps = xr.full_like(da["time"], np.nan).expand_dims("break")
            p = trend_with_steps(da, no_steps, phi=xr.DataArray(phi))["p_value"]
            out["told"].append(float((p < 0.05).mean()))
        out["phi"].append(float(found["r1_pooled"].mean()))
        out["square"].append(float((found["r1_pooled"] ** 2).mean()))
    return out


def mosaic(years: int, fields: int) -> dict[str, list[float]]:
    """Rejected share of the cells of phi 0 and of phi 0.6, which lie side by side at random; and the dispersion."""
    rng = np.random.default_rng([3, years])
    area, out = area_of(BELT), {"0": [], "0.6": [], "dispersion": []}
    for _ in range(fields):
        noise = rng.normal(size=(years, len(BELT["lat"]), len(BELT["lon"])))
        phi = np.where(rng.random(noise.shape[1:]) < 0.5, 0.0, 0.6)
        found = pooled_trend(field(remember(noise, phi), BELT), area)
        for name, of in (("0", phi == 0), ("0.6", phi > 0)):
            out[name].append(float((found["p_value"] < 0.05).values[of].mean()))
        out["dispersion"].append(float(found["r1_dispersion"].median()))
    return out


def jobs(quick: bool) -> list[Job]:
    years = YEARS[:1] if quick else YEARS
    apart, together = (6, {"3 cells": 8}) if quick else (40, {"3 cells": 100, "8 cells": 200})
    out: list[Job] = [(independent, (n, phi, gap, apart)) for n in years for phi in PHIS for gap in GAPS]
    out += [(correlated, (n, phi, gap, length, count)) for n in years for length, count in together.items()
            for phi in PHIS for gap in GAPS]  # fmt: skip
    return out + [(mosaic, (n, apart)) for n in years]


def section(jobs: list[Job], results: list[dict[str, list[float]]]) -> Section:
    figures, mixed, estimated = [], [], {}
    for (function, arguments), found in zip(jobs, results, strict=True):
        if function is mosaic:
            mixed.append((f"{arguments[0]}", told(found["0"]), told(found["0.6"]), told(found["dispersion"], 2)))
            continue
        years, phi, gap = arguments[:3]
        kind = "independent cells" if function is independent else f"neighbours together over {arguments[3]}"
        size, error = mean_and_error(found["size"])
        what = f"{kind}, n = {years}, phi {phi:g}, {gap:.0%} of the years missing"
        figures.append(Figure(what, size, error, LEAST, MOST))
        spread = math.sqrt(max(np.mean(found["square"]) - np.mean(found["phi"]) ** 2, 0.0))
        row = estimated.setdefault((kind, years, f"{gap:.0%}"), [])
        row.append(f"{np.mean(found['phi']):.2f} ({spread:.2f}) {told(found['told']) if found['told'] else ''}".strip())
    return Section(
        "Size of the pooled test",
        "Definition 7b (`smcloud.stats.pooled_trend`, radius 1500 km) at 5 % where no cell has a trend and all have "
        "one phi. Independent cells: a belt of 20 x 120 cells of 3 degrees, pools of 33 to 64 cells. Neighbours "
        "together: 50 x 50 cells of 2 degrees from 49 S to 49 N, correlation exp(-d/L) with L 667 or 1780 km (3 or 8 "
        "cells at the equator). Years are missing at random, cell by cell. Standard errors are of the scatter between "
        "fields.",
        figures,
        [
            Table(
                "What the pools find for phi, mean (and standard deviation over cells and fields), and the size of "
                "the same test where it is told phi, without gaps (`smcloud.stats.trend_with_steps` without a step):",
                ("cells", "n", "missing", *(f"phi {phi:g}" for phi in PHIS)),
                [(kind, str(years), gap, *phis) for (kind, years, gap), phis in estimated.items()],
            ),
            Table(
                "A mosaic: phi is 0 or 0.6 from cell to cell at random, no size is promised; rejected share of either "
                "kind, and the median `r1_dispersion` (above 1.5: not of one kind):",
                ("n", "cells of phi 0", "cells of phi 0.6", "dispersion"),
                mixed,
            ),
        ],
        "The test takes the phi of its pool as known. Where neighbours go together over more than the radius, a pool "
        "of many cells holds few independent series and its phi scatters; the first table below shows by how much, "
        "and that the size is right where phi is told.",
    )
