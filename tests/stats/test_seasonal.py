"""The seasonal Mann-Kendall test against a plain transcription, pymannkendall and its properties."""

import math

import numpy as np
import pandas as pd
import pymannkendall
import pytest
import xarray as xr
from scipy import stats

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats import mann_kendall, seasonal_mann_kendall

YEARS = 15


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    """Monthly rows with a season, a trend, shared years, ties and gaps."""
    out = rng.normal(size=(24, YEARS, 12)) + 0.7 * rng.normal(size=(24, YEARS, 1))
    out += 3 * np.sin(np.arange(12)) + 0.05 * np.arange(YEARS)[:, None]
    out = out.reshape(24, -1)
    out[8:16] = np.round(out[8:16])
    out[12:20][rng.random((8, out.shape[1])) < 0.25] = np.nan
    return out


def monthly(rows: np.ndarray, start: str = "2003-01-01") -> xr.DataArray:
    time = pd.date_range(start, periods=rows.shape[-1], freq="MS")
    return xr.DataArray(rows, dims=("cell", "time")[-rows.ndim :], coords={"time": time})


def transcription(row: np.ndarray, seasons: int, dependent: bool) -> tuple[float, float, float]:
    grid = row.reshape(-1, seasons)
    cycles = len(grid)
    s, var, scale = 0.0, 0.0, 0.0
    counts = np.isfinite(grid).sum(axis=0)
    for g in range(seasons):
        x = grid[np.isfinite(grid[:, g]), g]
        n = len(x)
        own = sum(np.sign(x[j] - x[i]) for i in range(n) for j in range(i + 1, n))
        t = np.unique(x, return_counts=True)[1]
        s += own
        var += (n * (n - 1) * (2 * n + 5) - (t * (t - 1) * (2 * t + 5)).sum()) / 18
        scale += math.sqrt(n * (n - 1) / 2 * (n * (n - 1) / 2 - (t * (t - 1) / 2).sum()))
    if dependent:
        sign = np.nan_to_num(np.sign(grid[None] - grid[:, None]))  # sign[i, j, g] = sgn(x_jg - x_ig)
        ranks = (counts + 1 - sign.sum(axis=1)) / 2
        for g in range(seasons):
            for h in range(seasons):
                if g != h:
                    concordance = np.triu(sign[:, :, g] * sign[:, :, h], 1).sum()
                    product = 4 * (ranks[:, g] * ranks[:, h]).sum()
                    var += (concordance + product - cycles * (counts[g] + 1) * (counts[h] + 1)) / 3
    return s, var, s / scale


@pytest.mark.parametrize("dependent", [False, True])
def test_is_its_formula(rows: np.ndarray, dependent: bool) -> None:
    out = seasonal_mann_kendall(monthly(rows), dependent=dependent)
    for cell, row in enumerate(rows):
        s, var, tau = transcription(row, 12, dependent)
        one = out.isel(cell=cell)
        assert (one.s, one.status, one.n) == (s, 0, np.isfinite(row).sum())
        np.testing.assert_allclose(one.var_s, var, rtol=1e-13)
        np.testing.assert_allclose(one.tau, tau, rtol=1e-12)
        np.testing.assert_allclose(one.p_value, 2 * stats.norm.sf(abs(s - np.sign(s)) / math.sqrt(var)), atol=1e-10)


def test_is_pymannkendall(rows: np.ndarray) -> None:
    plain, tied = seasonal_mann_kendall(monthly(rows)), seasonal_mann_kendall(monthly(rows), dependent=True)
    for cell, row in enumerate(rows):
        ref = pymannkendall.seasonal_test(row, period=12)
        assert plain.s[cell] == ref.s
        np.testing.assert_allclose([plain.var_s[cell], plain.p_value[cell]], [ref.var_s, ref.p], rtol=1e-9, atol=1e-10)
    for cell in range(8):
        ref = pymannkendall.correlated_seasonal_test(rows[cell], period=12)
        assert tied.s[cell] == ref.s
        np.testing.assert_allclose(tied.var_s[cell], ref.var_s, rtol=1e-12)  # its z has no continuity correction


@pytest.mark.parametrize("dependent", [False, True])
def test_every_way_to_name_the_months(rows: np.ndarray, dependent: bool) -> None:
    dates = monthly(rows)
    expected = seasonal_mann_kendall(dates, dependent=dependent)
    month = np.tile(np.arange(1, 13), YEARS)
    year = np.repeat(np.arange(2003, 2003 + YEARS), 12)
    for numbers in (year + (month - 0.5) / 12, year + (month - 1) / 12):
        out = seasonal_mann_kendall(dates.assign_coords(time=numbers), dependent=dependent)
        assert out.identical(expected)
    labels = dates.time.dt.strftime("%b")
    for season in (12, month, labels, list(labels.values)):
        assert seasonal_mann_kendall(dates, season=season, dependent=dependent).identical(expected)
    back = dates[:, ::-1]
    assert seasonal_mann_kendall(back, season=month[::-1], dependent=dependent).identical(expected)


def test_one_season_is_the_original_test(rows: np.ndarray) -> None:
    names = ["s", "var_s", "tau", "z", "p_value", "n", "status"]
    one, plain = seasonal_mann_kendall(monthly(rows), season=1), mann_kendall(monthly(rows))
    for name in names:
        np.testing.assert_allclose(one[name], plain[name], rtol=1e-14)


def test_a_season_is_not_a_trend_and_shared_years_need_the_covariance(rng: np.random.Generator) -> None:
    count = 1500
    shared = rng.normal(size=(count, YEARS, 1)) + 0.5 * rng.normal(size=(count, YEARS, 12))
    noise = monthly((shared + 10 * np.sin(np.arange(12))).reshape(count, -1))
    plain = float((seasonal_mann_kendall(noise).p_value < 0.05).mean())
    corrected = float((seasonal_mann_kendall(noise, dependent=True).p_value < 0.05).mean())
    assert plain > 0.3 and 0.03 < corrected < 0.07
    independent = monthly(rng.normal(size=(count, YEARS * 12)) + np.tile(10 * np.sin(np.arange(12)), YEARS))
    assert abs(float((seasonal_mann_kendall(independent).p_value < 0.05).mean()) - 0.05) < 0.023


@pytest.mark.parametrize("dependent", [False, True])
def test_properties(rows: np.ndarray, dependent: bool) -> None:
    da = monthly(rows.astype("float32"))
    base = seasonal_mann_kendall(da, dependent=dependent)
    back = seasonal_mann_kendall(monthly(rows[:, ::-1].astype("float32")), dependent=dependent)
    assert (back.s == -base.s).all() and (back.p_value == base.p_value).all()
    small = seasonal_mann_kendall(da.astype("float64") * 2.0**-27, dependent=dependent)
    assert small.identical(base)
    lazy = seasonal_mann_kendall(da.chunk(cell=5), dependent=dependent)
    assert lazy.s.chunks and lazy.compute(scheduler="threads").identical(base)
    order = np.random.default_rng(1).permutation(len(rows))
    assert seasonal_mann_kendall(da[order], dependent=dependent).identical(base.isel(cell=order))


def test_degenerate_series() -> None:
    rows = np.full((5, 48), np.nan)
    rows[1, :2] = 1.0, 2.0
    rows[2] = np.tile(np.arange(12.0), 4)
    rows[3, [0, 13, 26, 39]] = 1.0, 2.0, 3.0, 4.0
    rows[4] = np.arange(48.0)
    with np.errstate(all="raise"):
        out = seasonal_mann_kendall(monthly(rows))
    assert out.status.values.tolist() == [1, 2, 3, 2, 0]
    assert (out.s[2], out.var_s[2], out.z[2], out.p_value[2]) == (0, 0, 0, 1) and np.isnan(out.tau[2])
    assert out[["s", "var_s", "tau", "z", "p_value"]].isel(cell=[0, 1, 3]).to_dataarray().isnull().all()
    assert out.s[4] == 72 and float(out.tau[4]) == pytest.approx(1)


def test_arguments_and_axes(rows: np.ndarray) -> None:
    da = monthly(rows)
    for season in ("week", 0, np.arange(5), da.time.dt.month[:-1]):
        with pytest.raises(ConfigurationError):
            seasonal_mann_kendall(da, season=season)
    holes = da.isel(time=np.delete(np.arange(180), [4, 70]))
    assert int(seasonal_mann_kendall(holes).n[0]) == 178
    for arguments in ({"season": 12}, {"dependent": True}):
        with pytest.raises(CalendarError):
            seasonal_mann_kendall(holes, **arguments)
    with pytest.raises(CalendarError):
        seasonal_mann_kendall(da, season=np.r_[np.zeros(90), np.ones(90)], dependent=True)
    with pytest.raises(CalendarError):
        seasonal_mann_kendall(da.isel(time=[1, 0, 2, 3]))
