"""What no library does right, against plain transcriptions: gaps, ties and dates on the true axis."""

import math
from collections.abc import Callable
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from smcloud.stats import (
    linear_trend,
    mann_kendall,
    partial_correlation,
    standardised_regression,
    theil_sen,
    trend_contribution,
)

Series = dict[int, float]
Z = float(stats.norm.isf(0.025))


# --- the definitions; a series is {step: value} of its valid samples, t the times of all steps ---


def valid(row: np.ndarray) -> Series:
    return {step: float(value) for step, value in enumerate(row) if math.isfinite(value)}


def score(values: list[float]) -> tuple[int, float]:
    n = len(values)
    s = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    ties = [values.count(v) for v in set(values)]
    return s, (n * (n - 1) * (2 * n + 5) - sum(k * (k - 1) * (2 * k + 5) for k in ties)) / 18


def p_value(s: int, variance: float) -> float:
    return float(2 * stats.norm.sf(abs((s - np.sign(s)) / math.sqrt(variance)))) if variance > 0 else 1.0


def sen(x: Series, t: np.ndarray) -> float:
    return float(np.median([(x[j] - x[i]) / (t[j] - t[i]) for i, j in combinations(sorted(x), 2)]))


def autocorrelation(x: Series, lag: int) -> float:
    """Definition 3."""
    mean = math.fsum(x.values()) / len(x)
    products = [(x[i] - mean) * (x[i + lag] - mean) for i in x if i + lag in x]
    if len(products) < 5:
        return math.nan
    square = math.fsum((v - mean) ** 2 for v in x.values()) / (len(x) - lag)
    return max(-0.99, min(0.99, math.fsum(products) / len(products) / square))


def detrended(x: Series, t: np.ndarray) -> tuple[float, Series]:
    slope = sen(x, t)
    return slope, {i: v - slope * float(t[i] - t[0]) for i, v in x.items()}


def hamed_rao(row: np.ndarray, t: np.ndarray, lags: int = 3) -> tuple[int, float]:
    """Definition 4."""
    x = valid(row)
    n = len(x)
    slope, rest = detrended(x, t)
    close = 1e-12 * (max(map(abs, x.values())) + abs(slope) * max(abs(float(t[i])) for i in x))
    ranks = {
        i: sum(w < v - close for w in rest.values()) + (sum(abs(w - v) <= close for w in rest.values()) + 1) / 2
        for i, v in rest.items()
    }
    rho = {k: autocorrelation(ranks, k) for k in range(1, lags + 1)}
    total = sum((n - k) * (n - k - 1) * (n - k - 2) * r for k, r in rho.items() if abs(r) > Z / math.sqrt(n))
    factor = 1 + 2 * total / (n * (n - 1) * (n - 2))
    s, variance = score(list(x.values()))
    return s, variance * factor if factor > 0 else variance


def yue_wang(row: np.ndarray, t: np.ndarray, lags: int = 1) -> tuple[int, float]:
    """Definition 5."""
    x = valid(row)
    n = len(x)
    _, rest = detrended(x, t)
    factor = 1 + 2 * sum((1 - k / n) * autocorrelation(rest, k) for k in range(1, lags + 1))
    s, variance = score(list(x.values()))
    return s, variance * factor if factor > 0 else variance


def less_its_past(x: Series, r1: float) -> Series:
    return {i: v - r1 * x[i - 1] for i, v in x.items() if i - 1 in x}


def three_series(row: np.ndarray, t: np.ndarray, significant: bool) -> tuple[Series, Series, Series]:
    """Definition 6: the series of PW, TFPW and VCTFPW; ``significant`` as the reference software has it."""
    x = valid(row)
    slope, rest = detrended(x, t)
    limit = Z / math.sqrt(len(x))
    r, r_rest = autocorrelation(x, 1), autocorrelation(rest, 1)
    if significant and abs(r) <= limit:
        return x, x, x
    trend = {i: slope * float(t[i] - t[0]) for i in x}
    removed = not significant or abs(r_rest) > limit
    errors = less_its_past(rest, r_rest) if removed else rest
    tfpw = {i: e + trend[i] for i, e in errors.items()} if removed else x
    ratio = np.var(list(x.values()), ddof=1) / np.var(list(errors.values()), ddof=1)
    reduced = 1 / math.sqrt((1 + r_rest) / (1 - r_rest)) if r_rest > 0 else 1.0
    return less_its_past(x, r), tfpw, {i: e * ratio + reduced * trend[i] for i, e in errors.items()}


def definition_7(row: np.ndarray, t: np.ndarray, alpha: float) -> tuple[float, float, float, float] | None:
    """Slope, half-width, p and effective size; None where fewer than two samples are left to judge."""
    x = valid(row)
    n, times = len(x), np.array([t[i] for i in x])
    fit = stats.linregress(times - times.mean(), list(x.values()))
    rest = {i: v - fit.intercept - fit.slope * float(t[i] - times.mean()) for i, v in x.items()}
    phi = max(0.0, (n * autocorrelation(rest, 1) + 2) / (n - 4))
    n_eff = n * (1 - phi) / (1 + phi)
    if n_eff <= 2:
        return None
    variance = sum(v**2 for v in rest.values()) / (n_eff - 2) / ((times - times.mean()) ** 2).sum()
    half = float(stats.t.ppf(1 - alpha / 2, n_eff - 2)) * math.sqrt(variance)
    return fit.slope, half, float(2 * stats.t.sf(abs(fit.slope) / math.sqrt(variance), n_eff - 2)), n_eff


# --- series ---

MONTHS = pd.date_range("2001-01-31", periods=60, freq="ME")
ELAPSED = MONTHS.year + (MONTHS.day_of_year - 1) / np.where(MONTHS.is_leap_year, 366, 365)
AXES = pytest.mark.parametrize("axis", [MONTHS, np.arange(2000, 2022)], ids=["month ends", "years"])


def times_of(axis: object) -> np.ndarray:
    return np.asarray(ELAPSED if axis is MONTHS else axis, float)


def label(rows: np.ndarray, axis: object) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": axis})


@pytest.fixture
def rows(rng: np.random.Generator, ar1: Callable) -> Callable[[int], np.ndarray]:
    """Autocorrelated rows with trends and gaps: runs of missing steps, single ones, first and last ones."""

    def make(length: int) -> np.ndarray:
        out = np.concatenate([ar1(rng, 9, length, phi) for phi in (-0.5, 0.0, 0.3, 0.6, 0.8)])
        out[::2] += 2 * np.arange(length) / length
        out[1::3][rng.random((15, length)) < 0.2] = np.nan
        out[2::9, length // 3 : length // 2] = np.nan
        out[3::9, :4] = out[4::9, -4:] = np.nan
        return out

    return make


@pytest.mark.slow
@AXES
@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_corrected_variances_with_gaps_and_ties(axis: object, decimals: int | None, rows: Callable) -> None:
    t = times_of(axis)
    table = rows(t.size) if decimals is None else np.round(rows(t.size), decimals)
    corrected = 0
    for method, transcription in (("hamed_rao", hamed_rao), ("yue_wang", yue_wang)):
        out = mann_kendall(label(table, axis), method=method)
        for cell, row in enumerate(table):
            s, variance = transcription(row, t)
            assert out.s[cell] == s
            np.testing.assert_allclose(out.var_s[cell], variance, rtol=1e-10, err_msg=f"{method} {cell}")
            np.testing.assert_allclose(out.p_value[cell], p_value(s, variance), rtol=0, atol=1e-10)
            corrected += abs(variance / score(list(valid(row).values()))[1] - 1) > 0.05
    assert corrected > 40


@pytest.mark.slow
@AXES
@pytest.mark.parametrize("significant", [False, True], ids=["always", "significant"])
def test_prewhitened_tests_with_gaps(axis: object, significant: bool, rows: Callable) -> None:
    t = times_of(axis)
    table = rows(t.size)
    methods = ("prewhitening", "tfpw", "3pw")
    found = {m: mann_kendall(label(table, axis), method=m, r1=("always", "significant")[significant]) for m in methods}
    left_alone = 0
    for cell, row in enumerate(table):
        *series, vctfpw = three_series(row, t, significant)
        scores = [score(list(values.values())) for values in series]
        p = [p_value(*pair) for pair in scores]
        chosen = scores[p.index(max(p))]
        for method, (s, variance) in zip(methods, [*scores, chosen], strict=True):
            one = found[method].isel(cell=cell)
            assert (float(one.s), float(one.var_s)) == (s, variance), (method, cell)
            np.testing.assert_allclose(one.p_value, p_value(s, variance), rtol=0, atol=1e-10)
            assert one.n == len(valid(row)) and one.status == 0
        np.testing.assert_allclose(found["3pw"].slope[cell], sen(vctfpw, t), rtol=1e-8)
        left_alone += len(series[0]) == len(valid(row))
    assert 5 < left_alone < 40 if significant else left_alone == 0


@pytest.mark.parametrize("decimals", [1, 0])
def test_prewhitening_with_ties_and_gaps(decimals: int, rows: Callable) -> None:
    t = np.arange(2000.0, 2022)
    table = np.round(rows(22), decimals)
    out = mann_kendall(label(table, t), method="prewhitening")
    fewer = 0
    for cell, row in enumerate(table):
        x = valid(row)
        values = list(less_its_past(x, autocorrelation(x, 1)).values())
        # Equal pairs of neighbours give equal differences whatever the last digit of r1.
        fewer += len(set(values)) < len(values)
        assert (float(out.s[cell]), float(out.var_s[cell])) == score(values)
        taken = sum(a != b for a, b in combinations(values, 2)) * math.comb(len(values), 2)
        np.testing.assert_allclose(out.tau[cell], out.s[cell] / math.sqrt(taken), rtol=1e-12)
    assert fewer > (0 if decimals else 20)


@AXES
def test_interval_under_autocorrelation_with_gaps_on_the_true_axis(axis: object, rows: Callable) -> None:
    t = times_of(axis)
    table = rows(t.size)
    out = linear_trend(label(table, axis), alpha=0.1, interval="effective")
    compared = 0
    for cell, row in enumerate(table):
        expected = definition_7(row, t, 0.1)
        one = out.isel(cell=cell)
        if expected is None:
            assert one.status == 2 and np.isnan(one.slope_lower) and np.isnan(one.p_value)
            continue
        slope, half, p, n_eff = expected
        np.testing.assert_allclose(one.slope, slope, rtol=1e-9)
        np.testing.assert_allclose(one.n_effective, n_eff, rtol=1e-9)
        np.testing.assert_allclose([one.slope_lower, one.slope_upper], [slope - half, slope + half], rtol=1e-7)
        np.testing.assert_allclose(one.p_value, p, rtol=1e-6, atol=1e-10)
        compared += 1
    assert compared > 38


def test_size_of_the_interval_with_gaps_and_of_the_form_without_counts(rng: np.random.Generator, ar1: Callable) -> None:
    """Definition 7 at n = 40, phi 0.6 and 25 % gaps: sums without the numbers of pairs reject too often."""
    count = 6000
    rows = ar1(rng, count, 40, 0.6)
    rows[rng.random(rows.shape) < 0.25] = np.nan
    for normalise, size in (("pairs", 0.050), ("n", 0.072)):
        p = linear_trend(label(rows, np.arange(40)), interval="effective", normalise=normalise).p_value
        assert abs(float((p < 0.05).mean()) - size) < 3 * math.sqrt(size * (1 - size) / count), normalise


def test_without_gaps_both_forms_are_the_same_bits(rng: np.random.Generator, ar1: Callable) -> None:
    da = label(ar1(rng, 200, 31, 0.5), np.arange(31))
    found = linear_trend(da, interval="effective")
    assert found.identical(linear_trend(da, interval="effective", normalise="n")) and (found.n_effective < 31).any()
    for method in ("hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"):
        assert mann_kendall(da, method=method).identical(mann_kendall(da, method=method, normalise="n"))
    da[:, 7] = np.nan
    assert not mann_kendall(da, method="yue_wang").identical(mann_kendall(da, method="yue_wang", normalise="n"))


def test_fewer_than_five_pairs_tell_no_autocorrelation(rng: np.random.Generator) -> None:
    """Short complete series and series of gaps alike; cell 1 has four pairs of neighbours, cell 3 five."""
    rows = rng.normal(size=(4, 16))
    rows[0, 5:] = rows[2, 6:] = np.nan
    rows[1, [2, 5, 8, 11]] = rows[1, 13:] = np.nan
    rows[1, 1], rows[3, [2, 5, 8, 11, 14]] = np.nan, np.nan
    da = label(rows, np.arange(16))
    pairs = [sum(i + 1 in valid(row) for i in valid(row)) for row in rows]
    assert pairs == [4, 3, 5, 5]
    trend = linear_trend(da, interval="effective")
    assert trend.status[:2].values.tolist() == [2, 2] and trend.slope.notnull().all()
    for name in ("slope_lower", "slope_upper", "stderr", "p_value", "n_effective"):
        assert trend[name][:2].isnull().all() and np.isfinite(trend.n_effective[2:]).all()
    assert np.isfinite(linear_trend(da, interval="effective", normalise="n").n_effective).all()
    for method, known in (("yue_wang", [2, 3]), ("prewhitening", [2, 3]), ("3pw", [2, 3]), ("hamed_rao", [3])):
        out = mann_kendall(da, method=method)
        assert np.flatnonzero(np.isfinite(out.p_value)).tolist() == known, method
        assert ((out.status == 2) == out.p_value.isnull()).all() and (out.s.notnull()[:2] == (method[0] in "hy")).all()
    assert np.isfinite(mann_kendall(da, method="hamed_rao", normalise="n").p_value).all()
    driver = label(rng.normal(size=(4, 16)), np.arange(16))
    out = partial_correlation(da, xr.Dataset({"a": driver}), dof="effective").isel(driver=0)
    plain = partial_correlation(da, xr.Dataset({"a": driver})).isel(driver=0)
    assert out.r.identical(plain.r) and out.r.notnull().all() and out.status.values.tolist() == [2, 2, 0, 0]
    for name in ("r_lower", "r_upper", "p_value", "df", "n_effective"):
        assert out[name].isnull().values.tolist() == [True, True, False, False]


def test_a_gap_keeps_its_place_in_every_statistic(rng: np.random.Generator) -> None:
    """The compressed series is another series: its lags join samples that are not neighbours."""
    row = rng.normal(size=40).cumsum()
    row[[5, 6, 7, 15, 20, 21, 30]] = np.nan
    there = xr.DataArray(row, dims="time", coords={"time": np.arange(40.0)})
    squeezed = xr.DataArray(row[np.isfinite(row)], dims="time", coords={"time": np.arange(33.0)})
    for method in ("hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"):
        one, other = mann_kendall(there, method=method), mann_kendall(squeezed, method=method)
        assert one.n == other.n == 33 and abs(float(one.z - other.z)) > 1e-3, method
    for trend in (theil_sen, linear_trend):
        assert abs(float(trend(there).slope / trend(squeezed).slope) - 1) > 0.01


# --- drivers ---


def of_residuals(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    design = np.vstack([np.ones(rows.shape[1]), others]).T
    return rows - (design @ np.linalg.lstsq(design, rows.T, rcond=None)[0]).T


@pytest.fixture
def world(rng: np.random.Generator, ar1: Callable) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A target and three drivers of 22 years, related, autocorrelated, with gaps of their own; 30 cells."""
    drivers = {name: 3.0 * k + ar1(rng, 30, 22, 0.6) + 0.03 * k * np.arange(22) for k, name in enumerate("abc")}
    drivers["c"] += 0.7 * drivers["a"]
    target = 0.3 * drivers["a"] - 0.2 * drivers["b"] + 0.1 * drivers["c"] + 0.3 * ar1(rng, 30, 22, 0.6)
    for values in (target, *drivers.values()):
        values[rng.random((30, 22)) < 0.05] = np.nan
    return target, drivers


YEARS = np.arange(2000, 2022)


def labelled(world: tuple[np.ndarray, dict[str, np.ndarray]]) -> tuple[xr.DataArray, xr.Dataset]:
    target, drivers = world
    return label(target, YEARS), xr.Dataset({name: label(values, YEARS) for name, values in drivers.items()})


def test_effective_sample_size_of_a_partial_correlation(world: tuple) -> None:
    """Definition 10 with two controls and gaps, and with a driver that is dropped."""
    target, drivers = world
    drivers["b"][:5] = 7.0
    out = partial_correlation(*labelled(world), dof="effective")
    smaller = 0
    for cell in range(30):
        names = [name for name in drivers if cell >= 5 or name != "b"]
        table = np.vstack([target[cell], *[drivers[name][cell] for name in names]])
        both = np.isfinite(np.vstack([table, drivers["b"][cell]])).all(axis=0)
        n, k = int(both.sum()), len(names) - 1
        for position, name in enumerate(names, 1):
            rest = of_residuals(table[[0, position]][:, both], np.delete(table, [0, position], axis=0)[:, both])
            r = float(np.corrcoef(rest)[0, 1])
            steps = np.flatnonzero(both)
            a, b = (autocorrelation(dict(zip(steps.tolist(), row.tolist(), strict=True)), 1) for row in rest)
            n_eff = min(n, n * (1 - a * b) / (1 + a * b))
            df = max(1.0, n_eff - 2 - k)
            one = out.sel(driver=name).isel(cell=cell)
            assert abs(float(one.r) - r) < 1e-12
            np.testing.assert_allclose([one.n_effective, one.df], [n_eff, df], rtol=1e-10)
            np.testing.assert_allclose(
                one.p_value, 2 * stats.t.sf(abs(r) * math.sqrt(df / (1 - r * r)), df), atol=1e-10
            )
            smaller += n_eff < n
    assert smaller > 30
    assert (out.status.sel(driver="b")[:5] == 5).all() and np.isnan(out.df.sel(driver="b")[:5]).all()


def r_squared(table: np.ndarray, entered: tuple[int, ...]) -> float:
    rest = of_residuals(table[:1], table[list(entered)])[0]
    return float(1 - rest @ rest / ((table[0] - table[0].mean()) ** 2).sum())


@pytest.mark.parametrize("lags", [None, {"b": 1, "c": 2}], ids=["no lags", "lags"])
def test_shares_over_all_orders_of_entry(lags: dict[str, int] | None, world: tuple) -> None:
    """Definition 15 on the samples that the partial correlation takes."""
    target, drivers = world
    out = standardised_regression(*labelled(world), lags=lags)
    for cell in range(30):
        moved = []
        for name in "abc":
            lag = (lags or {}).get(name, 0)
            moved.append(np.r_[np.full(lag, np.nan), drivers[name][cell][: 22 - lag]])
        table = np.vstack([target[cell], *moved])
        table = table[:, np.isfinite(table).all(axis=0)]
        orders = list(permutations((1, 2, 3)))
        for j in (1, 2, 3):
            gains = [
                r_squared(table, (*order[: order.index(j)], j)) - r_squared(table, order[: order.index(j)])
                for order in orders
            ]
            assert abs(float(out.lmg[j - 1, cell]) - math.fsum(gains) / 6) < 1e-12
        assert abs(float(out.r2[cell]) - r_squared(table, (1, 2, 3))) < 1e-12
        assert out.n[cell] == table.shape[1]


@pytest.mark.parametrize("control_time", [True, False])
def test_contributions_to_the_slope_with_gaps(control_time: bool, world: tuple) -> None:
    """Definition 16: beta_j times the slope of the driver, all on the complete cases at their true times."""
    target, drivers = world
    out = trend_contribution(*labelled(world), control_time=control_time)
    for cell in range(30):
        table = np.vstack([target[cell], *[values[cell] for values in drivers.values()]])
        both = np.isfinite(table).all(axis=0)
        x, t = table[:, both], YEARS[both]
        slopes = [stats.linregress(t, row).slope for row in x]
        others = np.vstack([x[1:], *([t - t.mean()] if control_time else [])])
        design = np.vstack([np.ones(t.size), others]).T
        beta = np.linalg.lstsq(design, x[0], rcond=None)[0][1:]
        rest = beta[-1] if control_time else stats.linregress(t, of_residuals(x[:1], x[1:])[0]).slope
        np.testing.assert_allclose(out.contribution[:, cell], beta[:3] * slopes[1:], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(out.unexplained[cell], rest, rtol=1e-9, atol=1e-14)
        total = float(out.contribution[:, cell].sum() + out.unexplained[cell])
        assert total == pytest.approx(slopes[0], rel=1e-10, abs=1e-15)
        assert float(out.slope[cell]) == pytest.approx(slopes[0], rel=1e-10)
