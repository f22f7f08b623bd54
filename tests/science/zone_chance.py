"""DDWW shares where there is nothing to find: expectation, range by chance, and zones of the same record."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.ddww import completed_ddww, ddww
from smcloud.sample.world import geography
from smcloud.stats import linear_trend
from tests.science.ddww_coverage import LAT, LON, fields, land
from tests.science.figures import Figure, Job, Section, Table, mean_and_error, told
from tests.science.worlds import field, make_config

AXES = {"lat": LAT, "lon": LON}
LENGTH_KM = 1000.0
ZONES = {
    "aridity 0.5 / 0.65": {"scheme": "aridity", "limits": [0.5, 0.65]},
    "aridity 0.65": {"scheme": "aridity", "limits": [0.65, 0.65]},
    "aridity terciles": {"scheme": "aridity_terciles", "limits": None},
}
# What SCIENCE's tables give: DDWW / opposite among the significant, by the years that the terciles come from.
BASELINES = {
    "first 7 years": (0.17, 0.53),
    "last 7 years": (0.55, 0.16),
    "all years": (0.34, 0.33),
    "another record": (0.34, 0.32),
}


CHANCE_WORLDS = 50
LEVELS = (0.0, 0.5, 1.0, 4.0)


def grid(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, AXES, ("lat", "lon"))


def product(aridity: np.ndarray, slope: np.ndarray, changed: np.ndarray, config: RunConfig) -> xr.Dataset:
    """The DDWW product of a map of slopes, of which some are significant."""
    annual = xr.Dataset({"aridity_index": grid(aridity), "land_mask": grid(land().astype(float))})
    significant = grid(np.where(land(), changed, 255).astype("uint8"))
    trend = xr.Dataset({"slope": grid(np.where(land(), slope, np.nan)), "significant": significant})
    return completed_ddww(ddww(trend, annual, config), annual, config)


def expectation(seed: int, worlds: int) -> list[tuple[float, float, float]]:
    """Observed and expected share, and log odds ratio, of worlds whose directions know nothing of the zones.

    60 % of the land dries; the wet zone changes twice as often, so zones of all land would expect another share.
    """
    config = make_config(zones=ZONES["aridity terciles"], bootstrap={"replicates": 0})
    wetness, size, direction = np.split(fields(1500.0, 3 * worlds, seed), 3)
    out = []
    for own, strength, way in zip(wetness, size, direction, strict=True):
        wet = own > np.quantile(own[land()], 2 / 3)
        changed = strength > np.where(wet, 0.25, 0.85)  # 40 % and 20 %
        found = product(own, way - 0.25, changed, config).attrs
        out.append((found["ddww_share_of_change"], found["ddww_expected_share"], float(np.log(found["odds_ratio"]))))
    return out


@cache
def aridity() -> np.ndarray:
    """Aridity index of the sample world, latitude ascending."""
    geo = geography(2.0)
    out = np.full(geo.land.shape, np.nan)
    out[geo.land] = geo.aridity
    return out[::-1]


def chance(zones: str, share: float, seed: int, worlds: int) -> list[tuple[float, ...]]:
    """Observed share, mean and limits by chance, and e-folding length, where directions are a field of 1000 km."""
    out = []
    size, direction = np.split(fields(LENGTH_KM, 2 * worlds, seed), 2)
    for number, (strength, way) in enumerate(zip(size, direction, strict=True)):
        config = make_config(zones=ZONES[zones], bootstrap={"replicates": 199, "seed": number})
        changed = strength > np.quantile(strength[land()], 1 - share)
        attrs = product(aridity(), way, changed, config).attrs
        names = ("share_of_change", "null_mean", "null_lower", "null_upper", "null_efolding_km")
        out.append(tuple(attrs[f"ddww_{name}"] for name in names))
    return out


def baseline(years: str, level: float, seed: int, worlds: int) -> list[tuple[float, float]]:
    """DDWW and its opposite among significant slopes of white noise, with terciles of means of ``years`` as zones.

    Levels of the cells differ by a standard deviation of ``level`` times that of the noise.
    """
    rng = np.random.default_rng([5, seed])
    config = make_config(
        "peng2023", zones={"scheme": "climatology_terciles", "limits": None}, bootstrap={"replicates": 0}
    )
    annual = xr.Dataset({"land_mask": grid(np.ones((len(LAT), len(LON))))})
    part = {"first 7 years": slice(0, 7), "last 7 years": slice(-7, None)}.get(years, slice(None))
    out = []
    for _ in range(worlds):
        record, other = rng.normal(size=(2, 22, len(LAT), len(LON))) + level * rng.normal(size=(len(LAT), len(LON)))
        line = linear_trend(field(record, AXES))
        base = other if years == "another record" else record
        trend = xr.Dataset({
            "slope": line["slope"], "significant": (line["p_value"] < 0.05).astype("uint8"),
            "climatology": grid(base[part].mean(axis=0)),
        })  # fmt: skip
        share = completed_ddww(ddww(trend, annual, config), annual, config)["share_of_change"]
        both, opposite = (float(share.sel({"class": names}).sum()) for names in (["DD", "WW"], ["DW", "WD"]))
        out.append((both, opposite))
    return out


def jobs(quick: bool) -> list[Job]:
    out: list[Job] = [(expectation, (6000 + k, 40 if quick else 100)) for k in range(1 if quick else 4)]
    if not quick:
        out += [(chance, (zones, share, 7000, CHANCE_WORLDS)) for zones in ZONES for share in (0.3, 0.1)]
    return out + [
        (baseline, (years, level, k, 2 if quick else 10)) for k, years in enumerate(BASELINES) for level in LEVELS
    ]


def section(jobs: list[Job], results: list[list[tuple[float, ...]]]) -> Section:
    of = [(function.__name__, arguments, found) for (function, arguments), found in zip(jobs, results, strict=True)]
    worlds = np.array([row for name, _, found in of if name == "expectation" for row in found])
    observed, expected, odds = worlds.T
    excess = Figure(
        f"observed less expected share, {len(worlds)} worlds", *mean_and_error(observed - expected), -0.02, 0.02
    )
    tables = [
        Table(
            "In these worlds:", ("observed", "expected", "log odds ratio"),
            [(told(observed), told(expected), told(odds[np.isfinite(odds)]))],
        ),
        Table(
            "Regression to the mean: white noise of 22 years in 16,200 cells without a trend, zones are terciles of "
            "means of the years named; DDWW / its opposite among the significant cells (p < 0.05). `levels` is the "
            "standard deviation of the cells' levels over that of the noise; what `docs/science.md` states is near 1:",
            ("levels", *BASELINES),
            [*_base(of), ("stated", *(f"{both:.2f} / {opposite:.2f}" for both, opposite in BASELINES.values()))],
        ),
    ]  # fmt: skip
    null = [_null_row(arguments, found) for name, arguments, found in of if name == "chance"]
    if null:
        tables.insert(1, Table(
            "The range by chance (definition 17): land and aridity of the sample world, directions by the sign of a "
            f"field with an e-folding length of 1000 km, {CHANCE_WORLDS} worlds, 199 fields each; `held` is how often "
            "the range holds the observed share:",
            ("zones", "changed land", "observed", "95 % of worlds", "mean range", "held", "length found, km"), null,
        ))  # fmt: skip
    return Section(
        "DDWW shares by chance",
        "Products of worlds in which the direction of change knows nothing of the zones (`smcloud.products.ddww`). "
        "Expected shares (definition 17) are compared where 60 % of the land dries and the wet third changes twice as "
        "often as the others; zones, change and direction are fields of 1500 km, new in every world.",
        [excess],
        tables,
    )


def _null_row(arguments: tuple[str, float, int, int], found: list[tuple[float, ...]]) -> tuple[str, ...]:
    observed, _, lower, upper, length = np.array(found).T
    of_worlds = np.quantile(observed, [0.025, 0.975])
    held = ((lower <= observed) & (observed <= upper)).mean()
    return (
        arguments[0], f"{arguments[1]:.0%}", told(observed), f"{of_worlds[0]:.2f}-{of_worlds[1]:.2f}",
        f"{lower.mean():.2f}-{upper.mean():.2f}", f"{held:.2f}", f"{length.mean():.0f}",
    )  # fmt: skip


def _base(of: list[tuple[str, tuple[Any, ...], list[tuple[float, ...]]]]) -> list[tuple[str, ...]]:
    cells = {
        arguments[:2]: " / ".join(told(shares) for shares in np.array(found).T)
        for name, arguments, found in of if name == "baseline"
    }  # fmt: skip
    return [(f"{level:g}", *(cells[years, level] for years in BASELINES)) for level in LEVELS]
