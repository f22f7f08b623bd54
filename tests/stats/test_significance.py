from collections.abc import Callable

import numpy as np
import pymannkendall
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.multitest import multipletests

from smcloud.errors import ConfigurationError, VariableError
from smcloud.stats import fdr, mann_kendall
from tests.examples import examples

YEARS = np.arange(2000, 2022)


def test_mann_kendall_is_pymannkendall_and_kendalltau(difficult: np.ndarray, annual: Callable) -> None:
    out = mann_kendall(annual(difficult))
    for cell, row in enumerate(difficult):
        valid = np.isfinite(row)
        ref = pymannkendall.original_test(row[valid])
        one = out.isel(cell=cell)
        assert one.s == ref.s
        np.testing.assert_allclose(one.var_s, ref.var_s, rtol=1e-12)
        np.testing.assert_allclose(one.z, ref.z, rtol=1e-12)
        np.testing.assert_allclose(one.p_value, ref.p, rtol=0, atol=1e-14)
        np.testing.assert_allclose(one.tau, stats.kendalltau(YEARS[valid], row[valid]).statistic, rtol=1e-12)
        assert one.n == valid.sum() and one.status == 0


def test_ties_are_exact_equality(annual: Callable, rng: np.random.Generator) -> None:
    noise = rng.normal(size=22)
    out = mann_kendall(annual(np.stack([noise, noise * 1e-8, noise * 1e-6 + 0.0, noise * 2.0**-60])))
    assert (out.s == out.s[0]).all() and (out.p_value == out.p_value[0]).all()
    one_tie = np.arange(22.0)
    one_tie[5] = 4.0
    apart = one_tie.copy()
    apart[5] = np.nextafter(4.0, 5)
    assert mann_kendall(annual(np.stack([one_tie, apart]))).s.values.tolist() == [230, 231]


def test_p_values_keep_their_digits_in_the_far_tail() -> None:
    da = xr.DataArray(np.arange(400.0), dims="time", coords={"time": np.arange(400)})
    out = mann_kendall(da)
    np.testing.assert_allclose(out.p_value, 2 * stats.norm.sf(float(out.z)), rtol=1e-12)
    assert 0 < out.p_value < 1e-100


def test_degenerate_series(annual: Callable) -> None:
    rows = np.full((4, 22), np.nan)
    rows[1, :2] = 1.0, 2.0
    rows[2] = 0.25
    rows[3, [0, 4, 9]] = 1.0, 1.0, 2.0
    with np.errstate(all="raise"):
        out = mann_kendall(annual(rows))
    assert out.status.values.tolist() == [1, 2, 3, 0]
    assert out[["s", "var_s", "tau", "z", "p_value"]].isel(cell=[0, 1]).to_dataarray().isnull().all()
    constant = out.isel(cell=2)
    assert (constant.s, constant.var_s, constant.z, constant.p_value) == (0, 0, 0, 1) and np.isnan(constant.tau)
    assert mann_kendall(annual(rows), min_valid=4).status.values.tolist() == [1, 2, 3, 2]


def test_time_reversal_flips_s_and_keeps_p(difficult: np.ndarray, annual: Callable) -> None:
    there, back = mann_kendall(annual(difficult)), mann_kendall(annual(difficult[:, ::-1]))
    assert (back.s == -there.s).all()
    assert (back.p_value == there.p_value).all()


def test_lazy_is_eager(rng: np.random.Generator) -> None:
    rows = np.round(rng.normal(size=(7, 22, 5)), 1).astype("float32")
    da = xr.DataArray(rows, dims=("lat", "time", "lon"), coords={"time": YEARS})
    lazy = mann_kendall(da.chunk(lat=3, lon=2))
    assert lazy.s.chunks and lazy.status.chunks
    assert lazy.compute(scheduler="threads").identical(mann_kendall(da))


# --- false discovery rate ---

PROBABILITIES = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1, width=32))


@settings(max_examples=examples(60), deadline=None)
@given(p=PROBABILITIES, method=st.sampled_from(["bh", "by"]), alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_fdr_is_statsmodels_on_the_valid_ones(p: np.ndarray, method: str, alpha: float) -> None:
    p = p.copy()
    p[1::4] = np.nan
    out = fdr(xr.DataArray(p, dims="cell"), alpha=alpha, method=method)
    valid = np.isfinite(p)
    _, adjusted, _, _ = multipletests(p[valid], alpha, f"fdr_{method}")
    np.testing.assert_allclose(out.p_adjusted[valid], adjusted, rtol=1e-12)
    assert out.p_adjusted[~valid].isnull().all() and not out.significant[~valid].any()
    assert (out.significant == (out.p_adjusted <= alpha)).all() and out.significant.dtype == bool


def test_fdr_families(rng: np.random.Generator) -> None:
    p = xr.DataArray(
        rng.random((3, 6, 8)) ** 3, dims=("driver", "lat", "lon"), coords={"driver": list("abc")}, name="p_value"
    )
    p[0, :2] = np.nan
    p[2] = np.nan
    together, apart = fdr(p), fdr(p, dims=("lat", "lon"))
    assert together.p_adjusted.dims == apart.p_adjusted.dims == p.dims
    for name in "abc":
        assert apart.sel(driver=name).identical(fdr(p.sel(driver=name)))
    valid = np.isfinite(p.values)
    np.testing.assert_allclose(together.p_adjusted.values[valid], multipletests(p.values[valid], method="fdr_bh")[1])
    assert not np.allclose(together.p_adjusted[0, 2:], apart.p_adjusted[0, 2:])
    swapped = fdr(p.transpose("lon", "driver", "lat"), dims=["lon", "lat"])
    assert swapped.transpose(*p.dims).identical(apart)


def test_fdr_is_lazy_and_does_not_depend_on_chunks(rng: np.random.Generator) -> None:
    p = xr.DataArray(rng.random((3, 7, 9)) ** 3, dims=("driver", "lat", "lon"))
    lazy = fdr(p.chunk(driver=2, lat=3, lon=4), dims=("lat", "lon"))
    assert lazy.p_adjusted.chunks and lazy.significant.chunks
    assert lazy.compute().identical(fdr(p, dims=("lat", "lon")))


def test_fdr_arguments(rng: np.random.Generator) -> None:
    p = xr.DataArray(rng.random((3, 4)), dims=("lat", "lon"))
    with pytest.raises(VariableError):
        fdr(p, dims=("lat", "x"))
    with pytest.raises(ConfigurationError):
        fdr(p, method="wilks")
