"""How often a driver is named as the leading one (definition 20): equal drivers, and one of three times the effect."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.stats import leading_driver, partial_correlation
from tests.science.figures import Figure, Job, Section, Table, mean_and_error, share_error
from tests.science.worlds import make_config, series

ALPHA, CORRELATIONS, NOISES, EQUAL, UNEQUAL = 0.05, (-0.5, 0.0, 0.5), (0.5, 1.0), (0.0, 0.3, 0.6), (0.9, 0.3)
DRAWS = 100  # of the estimates of one series, for what the test can reach
World = tuple[float, float, float, float]


def world(
    effects: tuple[float, float], noise: float, correlation: float, years: int, count: int
) -> tuple[xr.DataArray, xr.Dataset, np.ndarray]:
    """A target and two drivers whose b* (time held) are exactly ``effects``; and the drivers' r with time held."""
    rng = np.random.default_rng(
        [7, *(int(10 * effect) for effect in effects), int(10 * noise), int(10 * correlation) + 5, years]
    )
    first, other, rest = rng.normal(size=(3, years, count))
    second = correlation * first + np.sqrt(1 - correlation**2) * other
    line = np.column_stack([np.ones(years), np.arange(years) - (years - 1) / 2])
    own, beside = (each - line @ np.linalg.lstsq(line, each, rcond=None)[0] for each in (first, second))
    r = (own * beside).sum(axis=0) / np.sqrt((own**2).sum(axis=0) * (beside**2).sum(axis=0))
    target = noise * rest
    for effect, driver, left in ((effects[0], first, own), (effects[1], second, beside)):
        spread = np.sqrt((left**2).sum(axis=0) * (1 - r**2) / (years - 3))
        target = target + effect / spread * driver
    return series(target), xr.Dataset({"a": series(first), "b": series(second)}), r


def named(effects: tuple[float, float], noise: float, correlation: float, years: int, count: int) -> World:
    """How often a and b are named at 5 %; for a the share that its test can reach, and the error of the difference."""
    target, drivers, r = world(effects, noise, correlation, years, count)
    lead = leading_driver(target, drivers, dof="n")["p_value"].min("driver") < ALPHA
    held = drivers.assign(held=target["time"])
    partial = partial_correlation(target, held).sel(driver=["a", "b"])
    first = abs(partial["r"]).argmax("driver")
    calls = [lead & (first == j) & (partial["p_value"].isel(driver=j) < ALPHA) for j in (0, 1)]
    reach = reached(effects, noise, r, years)
    apart = calls[0].values - reach
    return (*(float(call.mean()) for call in calls), float(reach.mean()), mean_and_error(apart)[1])


def reached(effects: tuple[float, float], noise: float, r: np.ndarray, years: int) -> np.ndarray:
    """By series, how often the first can be named: estimates drawn from their law, with the r of the series.

    They are normal with variance noise^2/(n - 3) and correlation -r; the variance of the residuals is chi-squared.
    """
    rng = np.random.default_rng([8, years])
    df = years - 4
    out = np.zeros(r.size)
    limit = stats.t.isf(ALPHA / 2, df)
    for _ in range(DRAWS):
        one, two = rng.normal(size=(2, r.size))
        sd = noise / np.sqrt(years - 3)
        b1, b2 = effects[0] + sd * one, effects[1] + sd * (-r * one + np.sqrt(1 - r**2) * two)
        estimated = sd**2 * rng.chisquare(df, r.size) / df
        error = np.sqrt(2 * estimated * (1 + np.sign(b1 * b2) * r))
        out += (abs(b1) - abs(b2) > limit * error) & (abs(b1) > limit * np.sqrt(estimated))
    return out / DRAWS


def in_the_product(effects: tuple[float, float], noise: float, correlation: float, years: int, count: int) -> World:
    """The same rates by the rule of ``rigorous``: Benjamini-Hochberg over drivers and cells, effective sizes."""
    target, drivers, _ = world(effects, noise, correlation, years, count)
    config = make_config(years=years, drivers={"names": ["precipitation", "soil_temperature"], "monthly": False})
    names = {"soil_moisture": target, "precipitation": 100 * drivers["a"], "soil_temperature": drivers["b"]}
    annual = xr.Dataset(names).rename(time="year").expand_dims(lat=[0.0, 1.0]).rename(cell="lon")
    annual = annual.assign_coords(lon=np.linspace(-170, 170, count)).transpose("year", "lat", "lon").isel(lat=[0])
    maps = driver_maps(annual, config)
    code = driver_fields(maps, config)["dominant_driver"].values
    return float((code == 1).mean()), float((code == 2).mean()), np.nan, np.nan


def jobs(quick: bool) -> list[Job]:
    count, years = (2000, (22,)) if quick else (10_000, (22, 40))
    equal: list[Job] = [
        (named, ((effect, effect), 0.5, r, n, count)) for n in years for effect in EQUAL for r in CORRELATIONS
    ]
    unequal: list[Job] = [
        (named, (UNEQUAL, noise, r, n, count)) for n in years for noise in NOISES for r in CORRELATIONS
    ]
    effects = [(effect, effect) for effect in EQUAL] + [UNEQUAL]
    product: list[Job] = [(in_the_product, (both, 0.5, 0.0, 22, min(count, 4000))) for both in effects]
    return equal + unequal + product


def section(jobs: list[Job], results: list[World]) -> Section:
    figures, rows, product, apart = [], [], [], {}
    for (function, (effects, noise, r, years, count)), (a, b, reach, error) in zip(jobs, results, strict=True):
        label = f"b* {effects[0]:g} and {effects[1]:g}, noise {noise:g}, correlation {r:g}, n = {years}"
        if effects[0] == effects[1]:
            rule = ", by the rule of `rigorous`" if function is in_the_product else ""
            most = max(a, b)
            figures.append(
                Figure(f"{label}{rule}: named, the more frequent way", most, share_error(most, count), most=ALPHA)
            )
        elif function is in_the_product:
            product.append((label, f"{a:.3f}", f"{b:.4f}"))
        else:
            apart.setdefault(years, []).append((a - reach, error, b))
            rows.append(
                (
                    f"{years}",
                    f"{noise:g}",
                    f"{r:g}",
                    f"{a:.3f} ± {share_error(a, count):.3f}",
                    f"{reach:.3f}",
                    f"{(a - reach) / error:+.1f}",
                    f"{b:.4f}",
                )
            )
    for years, found in apart.items():
        difference, error, _ = np.array(found).T
        whole = float(np.sqrt((error**2).sum()) / error.size)
        label = f"b* 0.9 and 0.3, n = {years}: named less what the test can reach, mean of {error.size} worlds"
        figures.append(Figure(label, float(difference.mean()), whole, -2 * whole, 2 * whole, digits=4))
    return Section(
        "The leading driver",
        "Definition 20: two drivers with given effects b* (time held, in units of soil moisture), independent years, "
        "noise of soil moisture and correlation of the drivers as stated; tests at 5 % with "
        "`smcloud.stats.leading_driver`, and the driver's own partial r at 5 %. Equal drivers have to be named in at "
        "most 5 % each way. What the test can reach is drawn from the law of the estimates (normal, variance "
        "noise^2/(n - 3), correlation minus that of the drivers in the series; chi-squared residuals) and has to be "
        "found within 2 standard errors.",
        figures,
        [
            Table(
                "b* 0.9 and 0.3:",
                (
                    "n",
                    "noise",
                    "correlation",
                    "first named",
                    "can be reached",
                    "apart, in standard errors",
                    "second named",
                ),
                rows,
            ),
            Table(
                "The same by the rule of `rigorous` (Benjamini-Hochberg over drivers and cells, effective sample "
                "sizes):",
                ("world", "first named", "second named"),
                product,
            ),
        ],
    )
