"""Tests of one series at a time: sizes of the usual ones (definitions 3 to 7), with gaps, and beside steps (21)."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from smcloud.stats import linear_trend, mann_kendall, trend_with_steps
from tests.science.figures import Figure, Job, Section, Table, share_error
from tests.science.worlds import PHIS, remember, series, with_gaps

# The tables of docs/science.md, by phi, and the series behind them.
COUNTS = {22: 20_000, 264: 10_000}
STATED = {
    22: {"MK": (0.049, 0.094, 0.171, 0.282), "OLS t": (0.050, 0.105, 0.188, 0.311), "PW": (0.045, 0.046, 0.051, 0.063),
         "TFPW": (0.056, 0.107, 0.198, 0.342), "3PW": (0.030, 0.040, 0.049, 0.063),
         "definition 7": (0.034, 0.051, 0.063, 0.072)},
    264: {"MK": (0.051, 0.104, 0.192, 0.322), "OLS t": (0.051, 0.108, 0.198, 0.333), "PW": (0.051, 0.049, 0.051, 0.054),
          "TFPW": (0.052, 0.112, 0.231, 0.428), "3PW": (0.046, 0.049, 0.051, 0.054),
          "definition 7": (0.045, 0.048, 0.052, 0.051)},
}  # fmt: skip
TESTS = {
    "MK": lambda da: mann_kendall(da),
    "OLS t": lambda da: linear_trend(da),
    "PW": lambda da: mann_kendall(da, method="prewhitening"),
    "TFPW": lambda da: mann_kendall(da, method="tfpw"),
    "3PW": lambda da: mann_kendall(da, method="3pw"),
    "definition 7": lambda da: linear_trend(da, interval="effective"),
}
GAPS_STATED = {"pairs": 0.050, "n": 0.072}
STEPS_STATED = {"definition 7": (0.039, 0.054, 0.064), "independent": (0.055, 0.090, 0.145), "phi known": (0.05,) * 3}
SHARE = 0.05
Sizes = dict[str, tuple[float, int]]


def noise(years: int, phi: float, count: int, number: int) -> xr.DataArray:
    rng = np.random.default_rng([number, years, int(10 * phi)])
    return series(remember(rng.normal(size=(years, count)), phi))


def rejected(p: xr.DataArray) -> tuple[float, int]:
    """Share of all series with p < 0.05, those without a p among them: nothing is claimed there."""
    return float((p < SHARE).mean()), p.size


def usual(years: int, phi: float, count: int) -> Sizes:
    values = noise(years, phi, count, 10)
    return {name: rejected(test(values)["p_value"]) for name, test in TESTS.items()}


def gappy(phi: float, missing: float, count: int) -> Sizes:
    """Definition 7 with 40 years, by the counts of pairs and without them (definition 3)."""
    values = noise(40, phi, count, 11)
    values[:] = with_gaps(np.random.default_rng([12, int(10 * phi)]), values.values, missing)
    return {by: rejected(linear_trend(values, interval="effective", normalise=by)["p_value"]) for by in GAPS_STATED}


def beside_a_step(phi: float, count: int) -> Sizes:
    """22 years and one step after 8 of them that is fitted too."""
    values = noise(22, phi, count, 13)
    t = values["time"]
    steps = (t >= 2008).astype(float).expand_dims("break")
    own, known = (trend_with_steps(values, steps, phi=each) for each in (None, xr.DataArray(phi)))
    limit = _quantile(22 - 3)
    return {
        "definition 7": rejected(own["p_value"]),
        "independent": (float((abs(own["slope"]) > limit * own["stderr_independent"]).mean()), count),
        "phi known": rejected(known["p_value"]),
    }


def _quantile(df: int) -> float:
    from scipy.stats import t

    return float(t.isf(SHARE / 2, df))


def jobs(quick: bool) -> list[Job]:
    shrink = 5 if quick else 1
    lengths = (22,) if quick else (22, 264)
    out: list[Job] = [(usual, (n, phi, COUNTS[n] // shrink)) for n in lengths for phi in PHIS]
    out.append((gappy, (0.6, 0.25, 20_000 // shrink)))
    return out + [(beside_a_step, (phi, 20_000 // shrink)) for phi in PHIS[:3]]


def near(what: str, found: tuple[float, int], stated: float, behind: int) -> Figure:
    """A share that a page states, from ``behind`` series: within 3 standard errors of the difference, and rounding."""
    share, count = found
    reach = 3 * math.hypot(share_error(stated, count), share_error(stated, behind)) + 0.0005
    return Figure(f"{what}, stated {stated:.3f}", share, share_error(share, count), stated - reach, stated + reach)


def section(jobs: list[Job], results: list[Sizes]) -> Section:
    figures, rows = [], []
    for (function, arguments), found in zip(jobs, results, strict=True):
        if function is usual:
            years, phi, count = arguments
            at = PHIS.index(phi)
            rows.append(
                (
                    f"{years}",
                    f"{phi:g}",
                    *(f"{share:.3f}" for share, _ in found.values()),
                    f"{share_error(SHARE, count):.3f}",
                )
            )
            what = f"definition 7, n = {years}, phi {phi:g}"
            figures.append(near(what, found["definition 7"], STATED[years]["definition 7"][at], COUNTS[years]))
            rows.append(("", "stated", *(f"{of[at]:.3f}" for of in STATED[years].values()), ""))
        elif function is gappy:
            for by, stated in GAPS_STATED.items():
                what = f"definition 7, n = 40, phi 0.6, 25 % missing, r1 by {'pairs' if by == 'pairs' else 'n only'}"
                figures.append(near(what, found[by], stated, 6000))
        else:
            at = PHIS.index(arguments[0])
            for name, stated in STEPS_STATED.items():
                what = f"beside a step, n = 22, phi {arguments[0]:g}, {name}"
                figures.append(near(what, found[name], stated[at], 4000))
    return Section(
        "Sizes of single series",
        "AR(1) noise without a trend, tests at 5 %. Each size is held against the one that `docs/science.md` states, "
        "within 3 standard errors of the difference of the two simulations: that these tables are still those of the "
        "code.",
        figures,
        [
            Table(
                "All tests of the table of sizes (last column: standard error of 5 %):",
                ("n", "phi", *TESTS, "±"),
                rows,
            )
        ],
    )
