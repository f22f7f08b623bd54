"""The input and output pairs of the MeteoSwiss package (MATLAB reference; Collaud Coen et al. 2020)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from smcloud.stats import mann_kendall, theil_sen


def read(folder: Path, name: str) -> np.ndarray:
    return np.genfromtxt(folder / f"{name}.csv", skip_header=1, delimiter=",")


@pytest.fixture
def folder(test_data: Path) -> Path:
    return test_data / "reference" / "mannkendall"


@pytest.fixture
def daily(folder: Path) -> xr.DataArray:
    """Twenty years of daily scattering coefficients with gaps, multiples of 0.005."""
    y, m, d = read(folder, "S_test_test1_in2")[:, :3].T.astype(int)
    stamps = pd.to_datetime({"year": y, "month": m, "day": d}).to_numpy()
    return xr.DataArray(read(folder, "S_test_test1_in1"), dims="time", coords={"time": stamps})


def test_s(folder: Path, daily: xr.DataArray) -> None:
    # The reference takes the samples of one year as simultaneous: its S is ours without the pairs inside a year.
    within = [float(mann_kendall(year).s) for _, year in daily.groupby("time.year")]
    assert float(mann_kendall(daily).s) - sum(within) == read(folder, "S_test_test1_out1")


def test_variance(folder: Path, daily: xr.DataArray) -> None:
    # The reference bins by its resolution, 0.01, and adds what ties in time do to the variance (GAW report 133).
    binned = np.floor(daily / 0.01 + 1e-9)
    valid = binned.values[np.isfinite(binned)]
    t, n = np.unique(valid, return_counts=True)[1].astype(float), read(folder, "Kendall_var_test1_in3")
    size = valid.size
    ties_in_time = (n * (n - 1) * (2 * n + 5)).sum() / 18
    both = (t * (t - 1) * (t - 2)).sum() * (n * (n - 1) * (n - 2)).sum() / (9 * size * (size - 1) * (size - 2))
    both += (t * (t - 1)).sum() * (n * (n - 1)).sum() / (2 * size * (size - 1))
    found = float(mann_kendall(binned).var_s) - ties_in_time + both
    np.testing.assert_allclose(found, read(folder, "Kendall_var_test1_out"), rtol=1e-14)


def test_sen_slope_and_limits(folder: Path, daily: xr.DataArray) -> None:
    values = read(folder, "Sen_slope_test1_in2")
    days = xr.DataArray(values, dims="time", coords={"time": np.arange(values.size)})
    # The reference has its variance with ties in time as an argument: the level alpha that gives the same width.
    width = stats.norm.isf(0.05) * np.sqrt(read(folder, "Sen_slope_test1_in3"))
    alpha = 2 * stats.norm.sf(width / np.sqrt(mann_kendall(days).var_s))
    out = theil_sen(days, alpha=float(alpha), limits="interpolated")
    for name, number in (("slope", 1), ("slope_lower", 2), ("slope_upper", 3)):
        np.testing.assert_allclose(out[name], read(folder, f"Sen_slope_test1_out{number}"), rtol=1e-11)


def test_ties(folder: Path) -> None:
    values, counts = read(folder, "Nb_tie_test1_in"), read(folder, "Nb_tie_test1_out")
    binned = np.floor((values - np.nanmin(values)) / 2)
    out = mann_kendall(xr.DataArray(binned, dims="time", coords={"time": np.arange(values.size)}))
    n = np.isfinite(values).sum()
    expected = (n * (n - 1) * (2 * n + 5) - (counts * (counts - 1) * (2 * counts + 5)).sum()) / 18
    assert float(out.var_s) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", ["shampoo", "daily-total-female-births", "AirPassengers"])
def test_example_series_of_pymannkendall(name: str, test_data: Path) -> None:
    import pymannkendall

    values = pd.read_csv(test_data / "reference" / f"{name}.csv").iloc[:, 1].to_numpy(float)
    out = mann_kendall(xr.DataArray(values, dims="time", coords={"time": np.arange(values.size)}))
    ref = pymannkendall.original_test(values)
    assert out.s == ref.s
    np.testing.assert_allclose([out.var_s, out.z], [ref.var_s, ref.z], rtol=1e-12)
    np.testing.assert_allclose(out.p_value, ref.p, rtol=1e-10, atol=1e-15)


# --- the whole chain of the reference, from what the public functions give ---
#
# It differs from the definitions here in four ways, all written out below: r1 is Pearson's r of the pairs and is
# removed only where it is significant; ties are bins of its resolution, counted from the smallest value; the samples of
# one year are simultaneous; and the limits of the slope are those of the places (N - C)/2 and (N + C)/2 of N slopes,
# counted from 1, each half a place below theil_sen's (N + 1 - C)/2 and (N + 1 + C)/2.

RESOLUTION = 0.01


def pearson(values: np.ndarray, lag: int) -> float:
    early, late = values[:-lag], values[lag:]
    both = np.isfinite(early) & np.isfinite(late)
    return float(np.corrcoef(early[both], late[both])[0, 1])


def definition_3(values: np.ndarray, lag: int) -> float:
    deviations = np.nan_to_num(values - np.nanmean(values))
    there = np.isfinite(values)
    pairs, square = int((there[:-lag] & there[lag:]).sum()), deviations @ deviations / (int(there.sum()) - lag)
    return float(deviations[:-lag] @ deviations[lag:] / pairs / square)


def significant(values: np.ndarray, r1: float, level: float) -> bool:
    return abs(r1) >= stats.norm.ppf(1 - (1 - level / 100) / 2) / np.sqrt(np.isfinite(values).sum())


def less_its_past(values: np.ndarray, level: float) -> np.ndarray:
    r1 = pearson(values, 1)
    return np.r_[np.nan, values[1:] - r1 * values[:-1]] if significant(values, r1, level) else values


def series_of_days(values: np.ndarray, days: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims="time", coords={"time": days})


def score_of_years(values: np.ndarray, days: np.ndarray, year: np.ndarray) -> tuple[float, float]:
    """S and its variance with the samples of a year simultaneous and the values in bins."""
    s = float(mann_kendall(series_of_days(values, days)).s)
    s -= sum(float(mann_kendall(series_of_days(values[year == y], days[year == y])).s) for y in np.unique(year))
    lowest = np.nanmin(values)
    edges = lowest + RESOLUTION * np.arange(int((np.nanmax(values) - lowest) / RESOLUTION) + 2)
    binned = np.where(np.isfinite(values), np.searchsorted(edges, values, side="right"), np.nan)
    t = np.unique(binned[np.isfinite(binned)], return_counts=True)[1].astype(float)
    n = np.array([np.isfinite(values[year == y]).sum() for y in np.unique(year)], float)
    size = n.sum()
    variance = float(mann_kendall(series_of_days(binned, days)).var_s) - (n * (n - 1) * (2 * n + 5)).sum() / 18
    variance += (t * (t - 1) * (t - 2)).sum() * (n * (n - 1) * (n - 2)).sum() / (9 * size * (size - 1) * (size - 2))
    variance += (t * (t - 1)).sum() * (n * (n - 1)).sum() / (2 * size * (size - 1))
    return s, variance


def slope_and_limits(values: np.ndarray, days: np.ndarray, variance: float, level: int) -> list[float]:
    """Slope, upper and lower limit per year of 365.25 days, for the variance of the reference."""
    da = series_of_days(values, days)
    own, width = float(mann_kendall(da).var_s), float(stats.norm.isf((1 - level / 100) / 2) * np.sqrt(variance))
    found = []
    for name in ("slope_upper", "slope_lower"):
        out = theil_sen(da, alpha=2 * float(stats.norm.sf(width / np.sqrt(own))), limits="interpolated")
        found.append(float(out[name]) * 365.25)
    return [float(out.slope) * 365.25, *found]


def days_of(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, m, d = table[:, :3].T.astype(int)
    stamps = pd.to_datetime({"year": y, "month": m, "day": d})
    return (stamps - stamps[0]).dt.days.to_numpy(float), y


def test_standard_normal_variate(folder: Path) -> None:
    s, variance = (float(read(folder, f"STD_normal_var_test1_in{number}")) for number in (1, 2))
    z = (s - np.sign(s)) / np.sqrt(variance)
    np.testing.assert_allclose(z, read(folder, "STD_normal_var_test1_out"), rtol=1e-13)
    # The public z is that formula of the public S and variance, on the series that the reference's S comes from.
    out = mann_kendall(series_of_days(read(folder, "S_test_test1_in1"), np.arange(7305.0)))
    assert float(out.z) == pytest.approx(float((out.s - np.sign(out.s)) / np.sqrt(out.var_s)), rel=1e-14)
    assert np.sign(out.z) == np.sign(s)


def test_statistics_of_mann_kendall_and_sen(folder: Path) -> None:
    days, year = days_of(read(folder, "compute_MK_stat_test1_in1"))
    values = read(folder, "compute_MK_stat_test1_in2")
    s, variance = score_of_years(values, days, year)
    assert s == read(folder, "compute_MK_stat_test1_out2")
    np.testing.assert_allclose(variance, read(folder, "compute_MK_stat_test1_out3"), rtol=1e-14)
    z = (s - np.sign(s)) / np.sqrt(variance)
    np.testing.assert_allclose(z, read(folder, "compute_MK_stat_test1_out4"), rtol=1e-13)
    p, _, *slopes = read(folder, "compute_MK_stat_test1_out1")
    assert 2 * stats.norm.sf(abs(z)) == pytest.approx(p, abs=1e-15)
    np.testing.assert_allclose(slope_and_limits(values, days, variance, 90), slopes, rtol=1e-11)


def test_autocorrelation_of_the_reference_is_pearsons_r_and_ours_is_definition_3(folder: Path) -> None:
    values = np.genfromtxt(folder / "nanautocorr_test1_in.csv", skip_header=1, delimiter=",")
    expected = read(folder, "nanautocorr_test1_out")
    np.testing.assert_allclose([1, pearson(values, 1), pearson(values, 2)], expected, rtol=1e-12)
    np.testing.assert_allclose(pearson(values, 1), read(folder, "nanprewhite_AR_test1_out1"), rtol=1e-12)
    assert abs(definition_3(values, 1) - expected[1]) > 0.01
    # Not significant (ak ss 0): the reference leaves the series as it is.
    assert read(folder, "nanprewhite_AR_test1_out3") == 0 and not significant(values, expected[1], 95)
    t = np.arange(14.0)
    rest = values - float(theil_sen(series_of_days(values, t)).slope) * t
    da = series_of_days(values, t)
    factor = float(mann_kendall(da, method="yue_wang").var_s / mann_kendall(da).var_s)
    np.testing.assert_allclose(factor, 1 + 2 * (1 - 1 / 12) * definition_3(rest, 1), rtol=1e-12)
    assert abs(factor - 1 - 2 * (1 - 1 / 12) * pearson(rest, 1)) > 0.01


def test_every_column_of_the_prewhitened_series(folder: Path) -> None:
    given, expected = (pd.read_csv(folder / f"prewhite_test1_{name}.csv") for name in ("in", "out"))
    stamps = pd.to_datetime(given[["y", "m", "d"]].set_axis(["year", "month", "day"], axis=1))
    days = (stamps - stamps[0]).dt.days.to_numpy(float)
    values = given["data"].to_numpy()
    r1, white = pearson(values, 1), less_its_past(values, 95)
    slope = float(theil_sen(series_of_days(values, days)).slope)
    rest = values - slope * days
    trend_free = less_its_past(rest, 95)
    r_rest = pearson(rest, 1)
    ratio = np.nanvar(values, ddof=1) / np.nanvar(trend_free, ddof=1)
    reduced = slope / np.sqrt((1 + r_rest) / (1 - r_rest)) if r_rest >= 0 else slope
    np.testing.assert_allclose(white, expected["PW"], rtol=1e-10)
    np.testing.assert_allclose(white / (1 - r1), expected["PW_cor"], rtol=1e-10)
    np.testing.assert_allclose(trend_free + slope * days, expected["TFPW_Y"], rtol=1e-10)
    np.testing.assert_allclose(trend_free * ratio + reduced * days, expected["VCTFPW"], rtol=1e-10)


def variance_corrected(values: np.ndarray, days: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """The series of TFPW and of VCTFPW."""
    slope = float(theil_sen(series_of_days(values, days)).slope)
    rest = values - slope * days
    errors, r_rest = less_its_past(rest, level), pearson(rest, 1)
    assert r_rest > 0.05 and not np.array_equal(errors, rest, equal_nan=True)
    vctfpw = errors * np.nanvar(values, ddof=1) / np.nanvar(errors, ddof=1)
    return errors + slope * days, vctfpw + slope / np.sqrt((1 + r_rest) / (1 - r_rest)) * days


CHAINS = pytest.mark.parametrize(
    ("name", "level", "limits"), [("default", 95, 90), ("CL", 90, 95)], ids=["default", "other levels"]
)


@CHAINS
def test_twenty_years_of_days_through_3pw(folder: Path, name: str, level: int, limits: int) -> None:
    table = read(folder, "MK_tempAggr_test1_in")
    days, year = days_of(table)
    trend_free, vctfpw = variance_corrected(table[:, 6], days, level)
    p = []
    for series in (less_its_past(table[:, 6], level), trend_free):
        s, variance = score_of_years(series, days, year)
        p.append(2 * stats.norm.sf(abs((s - np.sign(s)) / np.sqrt(variance))))
    expected_p, significance, *slopes = read(folder, f"MK_tempAggr_test1_out_{name}")
    np.testing.assert_allclose(max(p), expected_p, rtol=1e-8)
    assert significance == level  # both levels are the same in these pairs
    _, variance = score_of_years(vctfpw, days, year)
    np.testing.assert_allclose(slope_and_limits(vctfpw, days, variance, limits), slopes, rtol=1e-10)


def test_the_probability_of_3pw_decides_as_the_reference(folder: Path) -> None:
    # -2: the pre-whitened test alone is significant at the level, so the two together are not.
    p_pw, p_tfpw, level = (float(read(folder, f"Prob_3PW_test1_in{number}")) for number in (1, 2, 3))
    assert p_pw <= 1 - level / 100 < max(p_pw, p_tfpw) == read(folder, "Prob_3PW_test1_out1")
    assert read(folder, "Prob_3PW_test1_out2") == -2
