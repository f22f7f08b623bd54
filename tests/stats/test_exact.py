"""Statistics against their definitions in exact rational arithmetic, to the digits that float64 can hold."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy import stats

from smcloud.stats import linear_trend, mann_kendall, seasonal_mann_kendall, theil_sen

ALPHA = 0.1


def rows_of(rng: np.random.Generator, length: int) -> np.ndarray:
    """Noise, trends, high levels, small and large scales, ties, zeros, walks; every second row with gaps."""
    t = np.arange(length) / length
    noise = rng.normal(size=(18, length))
    noise[2:4] += 3 * t
    noise[4:6] = 285.15 + 0.3 * noise[4:6] + t
    noise[6:8] = 0.25 + 1e-4 * noise[6:8]
    noise[8:10] *= 1e-9
    noise[10:12] *= 1e9
    noise[12:14] = np.round(noise[12:14], 1)
    noise[14:16] = np.maximum(noise[14:16], 0.5) - 0.5
    noise[16:] = noise[16:].cumsum(axis=1)
    noise[1::2][rng.random((9, length)) < 0.3] = np.nan
    return noise


def label(rows: np.ndarray, t: np.ndarray) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": t})


def exact(row: np.ndarray, t: np.ndarray) -> tuple[list[Fraction], list[Fraction]]:
    """The valid values and their times as the numbers that they are."""
    valid = np.isfinite(row)
    return [Fraction(float(v)) for v in row[valid]], [Fraction(float(v)) for v in t[valid]]


def score(values: list[Fraction]) -> tuple[int, Fraction]:
    n = len(values)
    s = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    ties = [values.count(v) for v in set(values)]
    return s, Fraction(n * (n - 1) * (2 * n + 5) - sum(k * (k - 1) * (2 * k + 5) for k in ties), 18)


AXES = pytest.mark.parametrize(
    "t", [2000.0 + np.arange(22), 2000 + (np.arange(120) + 0.5) / 12, np.arange(3.0)], ids=["years", "months", "three"]
)


@AXES
def test_scores_and_variances_are_exact(t: np.ndarray, rng: np.random.Generator) -> None:
    rows = rows_of(rng, t.size)
    out = mann_kendall(label(rows, t))
    compared = 0
    for cell, row in enumerate(rows):
        values, _ = exact(row, t)
        one = out.isel(cell=cell)
        if len(values) < 3 or len(set(values)) == 1:
            continue
        s, variance = score(values)
        assert (float(one.s), float(one.var_s)) == (s, float(variance))
        assert float(one.z) == pytest.approx((s - np.sign(s)) / float(variance) ** 0.5, rel=1e-15)
        assert float(one.p_value) == pytest.approx(2 * stats.norm.sf(abs(float(one.z))), abs=1e-10)
        compared += 1
    assert compared >= (18 if t.size > 3 else 8)


@AXES
def test_least_squares_to_twelve_digits(t: np.ndarray, rng: np.random.Generator) -> None:
    rows = rows_of(rng, t.size)
    out = linear_trend(label(rows, t), alpha=ALPHA)
    compared = 0
    for cell, row in enumerate(rows):
        x, times = exact(row, t)
        n = len(x)
        if n < 3 or len(set(x)) == 1:
            continue
        mean, mean_t = sum(x) / n, sum(times) / n
        spread = sum((b - mean_t) ** 2 for b in times)
        slope = sum((a - mean) * (b - mean_t) for a, b in zip(x, times, strict=True)) / spread
        rest = sum((a - mean - slope * (b - mean_t)) ** 2 for a, b in zip(x, times, strict=True))
        stderr = float(rest / (n - 2) / spread) ** 0.5
        half = stats.t.ppf(1 - ALPHA / 2, n - 2) * stderr
        one = out.isel(cell=cell)
        assert float(one.slope) == pytest.approx(float(slope), rel=1e-12, abs=0)
        assert float(one.intercept) == pytest.approx(float(mean - slope * mean_t), rel=1e-12, abs=0)
        assert float(one.stderr) == pytest.approx(stderr, rel=1e-11, abs=0)
        assert float(one.slope_lower) == pytest.approx(float(slope) - half, abs=1e-12 * (abs(float(slope)) + half))
        assert float(one.slope_upper) == pytest.approx(float(slope) + half, abs=1e-12 * (abs(float(slope)) + half))
        assert float(one.p_value) == pytest.approx(2 * stats.t.sf(abs(float(slope)) / stderr, n - 2), abs=1e-10)
        compared += 1
    assert compared >= (18 if t.size > 3 else 8)


def test_least_squares_is_statsmodels(rng: np.random.Generator) -> None:
    t = 2000.0 + np.arange(22)
    rows = rows_of(rng, 22)
    out = linear_trend(label(rows, t), alpha=ALPHA)
    for cell, row in enumerate(rows):
        valid = np.isfinite(row)
        # About the mean time and value: statsmodels solves with the level as given and loses digits there.
        fit = sm.OLS(row[valid] - row[valid].mean(), sm.add_constant(t[valid] - t[valid].mean())).fit()
        lower, upper = fit.conf_int(ALPHA)[1]
        one = out.isel(cell=cell)
        for name, expected in (("slope", fit.params[1]), ("slope_lower", lower), ("slope_upper", upper)):
            assert float(one[name]) == pytest.approx(expected, rel=1e-12, abs=1e-12 * fit.bse[1])
        assert float(one.p_value) == pytest.approx(fit.pvalues[1], abs=1e-10)


@AXES
def test_sen_slopes_and_limits_to_twelve_digits(t: np.ndarray, rng: np.random.Generator) -> None:
    rows = rows_of(rng, t.size)[:, :40]
    t = t[:40]
    out = theil_sen(label(rows, t), alpha=ALPHA)
    compared = 0
    for cell, row in enumerate(rows):
        x, times = exact(row, t)
        if len(x) < 3 or len(set(x)) == 1:
            continue
        slopes = sorted((x[j] - x[i]) / (times[j] - times[i]) for i, j in combinations(range(len(x)), 2))
        count = len(slopes)
        width = stats.norm.isf(ALPHA / 2) * float(score(x)[1]) ** 0.5
        low, high = round((count - width) / 2), round((count + width) / 2) + 1
        one = out.isel(cell=cell)
        expected = {"slope": (slopes[(count - 1) // 2] + slopes[count // 2]) / 2}
        for name, rank in (("slope_lower", low), ("slope_upper", high)):
            if 1 <= rank <= count:
                expected[name] = slopes[rank - 1]
            else:
                assert np.isnan(one[name])
        for name, value in expected.items():
            assert float(one[name]) == pytest.approx(float(value), rel=1e-12, abs=0), (cell, name)
        if len(expected) == 3:
            ref = stats.theilslopes(row[np.isfinite(row)], t[np.isfinite(row)], 1 - ALPHA)
            np.testing.assert_allclose(
                [one.slope, one.slope_lower, one.slope_upper], [ref.slope, ref.low_slope, ref.high_slope], rtol=1e-12
            )
        compared += 1
    assert compared >= (18 if t.size > 3 else 8)


@pytest.mark.parametrize("dependent", [False, True])
def test_seasonal_scores_and_variances_are_exact(dependent: bool, rng: np.random.Generator) -> None:
    years = 9
    rows = np.round(rng.normal(size=(8, years, 12)) + rng.normal(size=(8, years, 1)), 1)
    rows[4:][rng.random((4, years, 12)) < 0.3] = np.nan
    months = 2000 + (np.arange(12 * years) + 0.5) / 12
    out = seasonal_mann_kendall(label(rows.reshape(8, -1), months), dependent=dependent)
    for cell, table in enumerate(rows):
        s, variance = 0, Fraction(0)
        for season in table.T:
            own = score(exact(season, np.arange(years))[0])
            s, variance = s + own[0], variance + own[1]
        if dependent:
            sign = np.nan_to_num(np.sign(table[:, None] - table[None])).astype(int)  # [i, j]: sgn(x_i - x_j)
            n = np.isfinite(table).sum(axis=0)
            doubled = n + 1 + sign.sum(axis=1)  # twice the rank, a missing value's is the mean one
            for g in range(12):
                for h in range(12):
                    if g != h:
                        same = int(np.triu(sign[:, :, g] * sign[:, :, h], 1).sum())
                        product = int((doubled[:, g] * doubled[:, h]).sum())
                        variance += Fraction(same + product - years * int((n[g] + 1) * (n[h] + 1)), 3)
        assert (float(out.s[cell]), float(out.var_s[cell])) == (s, float(variance))
