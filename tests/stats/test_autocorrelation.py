"""Autocorrelation with gaps where tests/stats/test_definitions.py does not go: high levels, two lags, and by n."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.stats import linear_trend, mann_kendall


def gappy(seed: int, cells: int = 30, steps: int = 30, phi: float = 0.5, share: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(cells, steps))
    out[:, 0] /= np.sqrt(1 - phi**2)
    for i in range(1, steps):
        out[:, i] += phi * out[:, i - 1]
    out[rng.random(out.shape) < share] = np.nan
    return out


def label(rows: np.ndarray) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": np.arange(2000.0, 2000 + rows.shape[1])})


def r_k(x: np.ndarray, k: int) -> float:
    rest = x - np.nanmean(x)
    products = rest[k:] * rest[:-k]
    products = products[~np.isnan(products)]
    n = np.isfinite(x).sum()
    if products.size < 5:
        return np.nan
    return float(np.clip(products.mean() / (np.nansum(rest**2) / (n - k)), -0.99, 0.99))


def effective(x: np.ndarray, t: np.ndarray) -> tuple[float, float]:
    """n_eff and p of definition 7."""
    valid = ~np.isnan(x)
    fit = scipy.stats.linregress(t[valid], x[valid])
    n = int(valid.sum())
    phi = min(1, max(0, (n * r_k(x - fit.slope * t, 1) + 2) / (n - 4)))
    n_eff = n * (1 - phi) / (1 + phi)
    rest = (x - fit.slope * t - fit.intercept)[valid]
    error = np.sqrt((rest**2).sum() / max(n_eff - 2, 1e-9) / ((t[valid] - t[valid].mean()) ** 2).sum())
    return n_eff, 2 * scipy.stats.t.sf(abs(fit.slope) / error, n_eff - 2)


@pytest.mark.parametrize("level", [0.0, 1e6])  # on a high level the sums are made in several passes
def test_the_effective_interval_counts_pairs(level: float) -> None:
    rows = gappy(1) + level
    got = linear_trend(label(rows), interval="effective")
    t = label(rows)["time"].values
    expected = np.array([effective(x - level, t - 2000) for x in rows])
    good = expected[:, 0] > 2
    assert good.sum() > 20
    np.testing.assert_allclose(got["n_effective"].values[good], expected[good, 0], rtol=1e-6)
    np.testing.assert_allclose(got["p_value"].values[good], expected[good, 1], rtol=1e-5)


def test_yue_wang_and_hamed_rao_count_pairs() -> None:
    rows = gappy(2)
    t = np.arange(rows.shape[1], dtype=float)
    plain = mann_kendall(label(rows))["var_s"].values
    found = {m: mann_kendall(label(rows), method=m, lags=2) for m in ("yue_wang", "hamed_rao")}
    corrected = 0
    for cell, x in enumerate(rows):
        valid = ~np.isnan(x)
        n, rest = int(valid.sum()), x - scipy.stats.theilslopes(x[valid], t[valid]).slope * t
        factor = 1 + 2 * sum((1 - k / n) * r_k(rest, k) for k in (1, 2))
        ranks = np.where(valid, scipy.stats.rankdata(np.where(valid, np.round(rest, 10), np.inf), "average"), np.nan)
        rho = {k: r_k(ranks, k) for k in (1, 2)}
        used = [k for k in rho if abs(rho[k]) > scipy.stats.norm.ppf(0.975) / np.sqrt(n)]
        ranked = sum((n - k) * (n - k - 1) * (n - k - 2) * rho[k] for k in used)
        for method, by in (("yue_wang", factor), ("hamed_rao", 1 + 2 * ranked / (n * (n - 1) * (n - 2)))):
            if by > 0:
                corrected += by != 1
                np.testing.assert_allclose(found[method]["var_s"][cell], by * plain[cell], rtol=1e-9)
    assert corrected > 35


def test_by_n_is_the_plain_ratio() -> None:
    rows = gappy(7)
    got = mann_kendall(label(rows), method="prewhitening", normalise="n")
    for cell, x in enumerate(rows):
        rest = x - np.nanmean(x)
        r1 = np.clip(np.nansum(rest[1:] * rest[:-1]) / np.nansum(rest**2), -0.99, 0.99)
        np.testing.assert_allclose(
            got["p_value"][cell], mann_kendall(label((x[1:] - r1 * x[:-1])[None]))["p_value"][0], rtol=1e-10
        )
