"""Rejection rates and coverage where there is no trend, against the published table (nominal 5 %)."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from smcloud.stats import linear_trend, mann_kendall, partial_correlation, theil_sen

SERIES = 20_000
MONTHLY_SERIES = 1500
COLUMNS = ("MK", "OLS t", "PW", "TFPW", "3PW", "definition 7")

# n, phi: rejection rates in the order of COLUMNS.
TABLE = {
    (22, 0.0): (0.049, 0.050, 0.045, 0.056, 0.030, 0.034),
    (22, 0.2): (0.094, 0.105, 0.046, 0.107, 0.040, 0.051),
    (22, 0.4): (0.171, 0.188, 0.051, 0.198, 0.049, 0.063),
    (22, 0.6): (0.282, 0.311, 0.063, 0.342, 0.063, 0.072),
    (264, 0.0): (0.051, 0.051, 0.051, 0.052, 0.046, 0.045),
    (264, 0.2): (0.104, 0.108, 0.049, 0.112, 0.049, 0.048),
    (264, 0.4): (0.192, 0.198, 0.051, 0.231, 0.051, 0.052),
    (264, 0.6): (0.322, 0.333, 0.054, 0.428, 0.054, 0.051),
}
# phi: share of the intervals of definition 7, and of Sen's, that hold the slope at n = 22.
COVERAGE = {0.0: (0.966, 0.951), 0.2: (0.949, 0.906), 0.4: (0.937, 0.829), 0.6: (0.928, 0.718)}
SLOPE = 0.07


def label(rows: np.ndarray) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": np.arange(2000, 2000 + rows.shape[1])})


def near(rate: float, expected: float, count: int = SERIES) -> bool:
    """Within four standard errors of the difference of two simulations of this size, and the table's rounding."""
    return abs(rate - expected) < 4 * np.sqrt(2 * expected * (1 - expected) / count) + 0.0005


def count_of(length: int) -> int:
    return SERIES if length == 22 else MONTHLY_SERIES


@pytest.fixture(scope="module")
def noise(ar1: Callable) -> dict[tuple[int, float], xr.DataArray]:
    """AR(1) series without a trend, a seed of its own for each row of the table."""
    return {
        (length, phi): label(ar1(np.random.default_rng([length, int(10 * phi)]), count_of(length), length, phi))
        for length, phi in TABLE
    }


@pytest.fixture(scope="module")
def p_values(noise: dict[tuple[int, float], xr.DataArray]) -> dict[tuple[int, float], dict[str, xr.DataArray]]:
    return {
        row: {
            "MK": mann_kendall(series).p_value,
            "OLS t": linear_trend(series).p_value,
            "PW": mann_kendall(series, method="prewhitening").p_value,
            "TFPW": mann_kendall(series, method="tfpw").p_value,
            "3PW": mann_kendall(series, method="3pw").p_value,
            "definition 7": linear_trend(series, interval="effective").p_value,
        }
        for row, series in noise.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("length", "phi"), TABLE)
@pytest.mark.parametrize("column", COLUMNS)
def test_rejection_rates(length: int, phi: float, column: str, p_values: dict) -> None:
    rate = float((p_values[length, phi][column] < 0.05).mean())
    assert near(rate, TABLE[length, phi][COLUMNS.index(column)], count_of(length))


@pytest.mark.parametrize("phi", COVERAGE)
def test_coverage_of_the_intervals(phi: float, noise: dict[tuple[int, float], xr.DataArray]) -> None:
    rows = noise[22, phi] + SLOPE * (noise[22, phi].time - 2000)
    estimates = (linear_trend(rows, interval="effective"), theil_sen(rows))
    for out, expected in zip(estimates, COVERAGE[phi], strict=True):
        # Where fewer than two effective samples are left no limit exists, and no slope is excluded.
        inside = (out.slope_lower <= SLOPE) & (out.slope_upper >= SLOPE) | (out.status == 2)
        assert near(float(inside.mean()), expected)


def test_the_interval_and_p_tell_the_same(rng: np.random.Generator, ar1: Callable) -> None:
    rows = label(ar1(rng, 2000, 22, 0.3))
    for interval in ("t", "effective"):
        out = linear_trend(rows, interval=interval)
        outside = (out.slope_lower > 0) | (out.slope_upper < 0)
        assert (outside == (out.p_value < 0.05)).all()
        assert 10 < int(outside.sum()) < 1000


def test_effective_degrees_of_freedom_halve_the_excess_under_autocorrelation(
    rng: np.random.Generator, ar1: Callable
) -> None:
    # With three controls, AR(1) 0.7: from 17 to about 9 %, not to 5.
    target = label(ar1(rng, SERIES, 22, 0.7))
    drivers = xr.Dataset({name: label(ar1(rng, SERIES, 22, 0.7)) for name in "abcd"})
    for dof, expected in (("n", 0.17), ("effective", 0.09)):
        rate = float((partial_correlation(target, drivers, dof=dof).p_value.sel(driver="a") < 0.05).mean())
        assert abs(rate - expected) < 0.012


def test_partial_correlations_hold_their_size_and_their_interval(rng: np.random.Generator) -> None:
    names, count = ["a", "b", "c"], 10_000
    drivers = xr.Dataset({name: label(rng.normal(size=(count, 22))) for name in names})
    target = label(rng.normal(size=(count, 22))) + drivers["b"]
    out = partial_correlation(target, drivers)
    for name in ("a", "c"):
        assert near(float((out.p_value.sel(driver=name) < 0.05).mean()), 0.05, count)
    inside = (out.r_lower <= np.sqrt(0.5)) & (np.sqrt(0.5) <= out.r_upper)
    assert abs(float(inside.sel(driver="b").mean()) - 0.95) < 0.01
