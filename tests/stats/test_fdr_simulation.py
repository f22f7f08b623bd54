"""The share of false ones among the discoveries, averaged over replicate fields with gaps."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from smcloud.stats import fdr, linear_trend

FIELDS = 4000
FIELD = ("lat", "lon")


def realised(p: xr.DataArray, null: xr.DataArray, method: str, alpha: float) -> tuple[float, float, float]:
    """Mean share of false discoveries over the fields (0 where none is made), its standard error, mean power."""
    found = fdr(p, alpha=alpha, method=method, dims=FIELD).significant
    false, all_found = (found & null).sum(FIELD), found.sum(FIELD)
    share = false / all_found.where(all_found > 0, 1)
    power = (found & ~null).sum(FIELD) / (p.notnull() & ~null).sum(FIELD)
    return float(share.mean()), float(share.std() / np.sqrt(share.size)), float(power.mean())


def gappy_fields(rng: np.random.Generator, noise: np.ndarray, effect: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Two-sided p values of unit noise with an effect in a third of the cells, 45 % NaN; and which cells are null."""
    null = rng.random(noise.shape) < 2 / 3
    p = 2 * stats.norm.sf(np.abs(noise + effect * ~null))
    p[rng.random(noise.shape) < 0.45] = np.nan
    dims = ("field", *FIELD)
    return xr.DataArray(p, dims=dims), xr.DataArray(null, dims=dims)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize("effect", [0.0, 2.0, 4.0])
def test_false_discoveries_are_alpha_times_the_share_of_nulls(
    alpha: float, effect: float, rng: np.random.Generator
) -> None:
    p, null = gappy_fields(rng, rng.normal(size=(FIELDS, 8, 9)), effect)
    valid = p.notnull()
    if effect == 0:
        null = null | True
    tests, nulls = valid.sum(FIELD), (valid & null).sum(FIELD)
    expected = alpha * float((nulls / tests).mean())
    harmonic = float(np.mean([(1 / np.arange(1, m + 1)).sum() for m in tests.values]))
    share, error, power = realised(p, null, "bh", alpha)
    assert abs(share - expected) < 4 * error
    careful, careful_error, careful_power = realised(p, null, "by", alpha)
    assert abs(careful - expected / harmonic) < 4 * careful_error + 0.05 * expected / harmonic
    if effect == 4:
        assert power > careful_power > 0.5 and error < 0.1 * expected


@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discoveries_stay_below_alpha_where_cells_are_correlated(method: str, rng: np.random.Generator) -> None:
    distance = np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
    root = np.linalg.cholesky(np.exp(-distance / 4))
    noise = root @ rng.normal(size=(FIELDS, 8, 8)) @ root.T
    share, error, power = realised(*gappy_fields(rng, noise, 3.0), method, 0.1)
    assert share < 0.1 * 2 / 3 + 4 * error and power > 0.2


def test_trends_found_in_noisy_fields_are_false_at_the_rate_asked_for(rng: np.random.Generator) -> None:
    noise = rng.normal(size=(400, 22, 6, 10))
    drying = rng.random((400, 6, 10)) < 0.25
    drying[:, :, 5] = False
    noise -= 0.12 * drying[:, np.newaxis] * np.arange(22)[:, np.newaxis, np.newaxis]
    noise[:, 3:, :, 5] = np.nan  # too short
    noise[:, :, 5] = np.nan
    da = xr.DataArray(noise, dims=("field", "year", *FIELD), coords={"year": np.arange(2000, 2022)})
    p = linear_trend(da, dim="year", min_valid=15).p_value
    null = xr.DataArray(~drying, dims=("field", *FIELD))
    assert int(p.notnull().sum()) == 400 * 45
    nulls = float(((p.notnull() & null).sum(FIELD) / 45).mean())
    share, error, power = realised(p, null, "bh", 0.1)
    assert abs(share - 0.1 * nulls) < 4 * error and power > 0.5
    everything = (p < 0.1) & p.notnull()
    naive = float(((everything & null).sum(FIELD) / everything.sum(FIELD)).mean())
    assert naive > 0.2
