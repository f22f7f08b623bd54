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
