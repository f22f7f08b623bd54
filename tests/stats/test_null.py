"""Rejection rates and coverage where there is no trend, against the published table (nominal 5 %)."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from smcloud.stats import linear_trend, mann_kendall, partial_correlation, theil_sen

SERIES = 20_000


def label(rows: np.ndarray) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": np.arange(2000, 2000 + rows.shape[1])})


def near(rate: float, expected: float, count: int = SERIES) -> bool:
    """Within four standard errors of the difference of two simulations of this size, and the table's rounding."""
    return abs(rate - expected) < 4 * np.sqrt(2 * expected * (1 - expected) / count) + 0.0005


@pytest.mark.parametrize(
    ("phi", "ols", "kendall", "effective"),
    [(0.0, 0.050, 0.049, 0.034), (0.2, 0.105, 0.094, 0.051), (0.4, 0.188, 0.171, 0.063), (0.6, 0.311, 0.282, 0.072)],
)
def test_rejection_rates_at_22_years(
    phi: float, ols: float, kendall: float, effective: float, rng: np.random.Generator, ar1: Callable
) -> None:
    noise = label(ar1(rng, SERIES, 22, phi))
    assert near(float((linear_trend(noise).p_value < 0.05).mean()), ols)
    assert near(float((mann_kendall(noise).p_value < 0.05).mean()), kendall)
    assert near(float((linear_trend(noise, interval="effective").p_value < 0.05).mean()), effective)


@pytest.mark.parametrize(("phi", "ols", "effective"), [(0.0, 0.047, 0.043), (0.4, 0.220, 0.052)])
def test_rejection_rates_at_264_months(
    phi: float, ols: float, effective: float, rng: np.random.Generator, ar1: Callable
) -> None:
    noise = label(ar1(rng, 6000, 264, phi))
    assert near(float((linear_trend(noise).p_value < 0.05).mean()), ols, 1500)
    assert near(float((linear_trend(noise, interval="effective").p_value < 0.05).mean()), effective, 1500)


@pytest.mark.parametrize(
    ("phi", "effective", "sen"), [(0.0, 0.966, 0.951), (0.2, 0.949, 0.906), (0.4, 0.937, 0.829), (0.6, 0.928, 0.718)]
)
def test_coverage_of_the_intervals(
    phi: float, effective: float, sen: float, rng: np.random.Generator, ar1: Callable
) -> None:
    slope = 0.07
    rows = label(ar1(rng, 8000, 22, phi) + slope * np.arange(22))
    for out, expected in ((linear_trend(rows, interval="effective"), effective), (theil_sen(rows), sen)):
        # Where fewer than two effective samples are left no limit exists, and no slope is excluded.
        inside = (out.slope_lower <= slope) & (slope <= out.slope_upper) | (out.status == 2)
        assert near(float(inside.mean()), expected, 8000)


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
