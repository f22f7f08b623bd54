import math
from itertools import permutations

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, GridError
from smcloud.stats import linear_trend, partial_correlation, standardised_regression, trend_contribution
from tests.examples import examples

YEARS = np.arange(2000, 2022)


def label(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "time"), coords={"time": YEARS[: values.shape[1]]})


def world(rng: np.random.Generator, cells: int, k: int, gaps: float = 0.2) -> tuple[xr.DataArray, xr.Dataset]:
    """A target and k correlated drivers, each with its own gaps, scale and trend, on levels like 285 and 0.3."""
    common = rng.normal(size=(cells, 22))
    drivers = {}
    target = 0.3 + 0.05 * rng.normal(size=(cells, 22))
    for j in range(k):
        values = rng.normal(size=(cells, 22)) + 0.8 * common * (-1) ** j + 0.05 * j * np.arange(22)
        target = target + 0.04 * (j - 1) * values
        values = values * 10.0 ** (j % 4) + 285
        values[rng.random(values.shape) < gaps / (k + 1)] = np.nan
        drivers[f"d{j}"] = label(values)
    target[rng.random(target.shape) < gaps / (k + 1)] = np.nan
    return label(target), xr.Dataset(drivers)


def cases(target: xr.DataArray, drivers: xr.Dataset, cell: int) -> np.ndarray:
    rows = np.vstack([target[cell], *[drivers[name][cell] for name in drivers]])
    return rows[:, np.isfinite(rows).all(axis=0)]


def standardised(rows: np.ndarray) -> np.ndarray:
    return (rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True)


def gains(rows: np.ndarray) -> np.ndarray:
    """Mean gain in R2 of each driver over all orders of entry, every regression made by statsmodels."""
    k = len(rows) - 1
    r2 = {frozenset(): 0.0}
    total = np.zeros(k)
    for order in permutations(range(k)):
        entered: frozenset[int] = frozenset()
        for j in order:
            after = entered | {j}
            if after not in r2:
                r2[after] = sm.OLS(rows[0], sm.add_constant(rows[[1 + i for i in sorted(after)]].T)).fit().rsquared
            total[j] += r2[after] - r2[entered]
            entered = after
    return total / math.factorial(k)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_coefficients_r2_and_shares_are_statsmodels(k: int, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 6, k)
    out = standardised_regression(target, drivers)
    assert out.coefficient.dims == out.lmg.dims == out.status.dims == ("driver", "cell") and out.r2.dims == ("cell",)
    assert out.driver.values.tolist() == list(drivers)
    for cell in range(6):
        rows = standardised(cases(target, drivers, cell))
        fit = sm.OLS(rows[0], sm.add_constant(rows[1:].T)).fit()
        one = out.isel(cell=cell)
        np.testing.assert_allclose(one.coefficient, fit.params[1:], rtol=1e-10)
        np.testing.assert_allclose(one.r2, fit.rsquared, rtol=1e-12)
        np.testing.assert_allclose(one.lmg, gains(rows), rtol=0, atol=1e-12)
        assert one.n == rows.shape[1] and (one.status == 0).all()


def test_shares_of_uncorrelated_and_of_two_drivers_in_closed_form(rng: np.random.Generator) -> None:
    orthogonal = np.linalg.qr(np.column_stack([np.ones(22), rng.normal(size=(22, 3))]))[0].T
    target = label((0.6 * orthogonal[1] - 0.3 * orthogonal[2] + 0.5 * orthogonal[3])[np.newaxis])
    drivers = xr.Dataset({name: label(orthogonal[[1 + j]] * 50 + 7) for j, name in enumerate("abc")})
    out = standardised_regression(target, drivers).isel(cell=0)
    squares = np.array([0.36, 0.09, 0.25])
    np.testing.assert_allclose(out.lmg, squares / squares.sum(), atol=1e-14)
    np.testing.assert_allclose(out.coefficient, np.sign([1, -1, 1]) * np.sqrt(squares / squares.sum()), atol=1e-14)
    assert abs(float(out.r2) - 1) < 1e-14
    target, drivers = world(rng, 20, 2)
    out = standardised_regression(target, drivers)
    single = [standardised_regression(target.where(drivers["d1"].notnull()), drivers[["d0"]]).r2]
    single.append(standardised_regression(target.where(drivers["d0"].notnull()), drivers[["d1"]]).r2)
    np.testing.assert_allclose(out.lmg[0], (single[0] + out.r2 - single[1]) / 2, atol=1e-14)
    np.testing.assert_allclose(out.lmg[1], (single[1] + out.r2 - single[0]) / 2, atol=1e-14)


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 8), near=st.sampled_from([1.0, 1e-3, 1e-6]))
def test_shares_add_up_to_r2(seed: int, k: int, near: float) -> None:
    rng = np.random.default_rng(seed)
    target, drivers = world(rng, 5, k)
    if k > 1:
        drivers["d1"] = drivers["d0"] + near * drivers["d1"]
    out = standardised_regression(target, drivers)
    done = out.status.isel(driver=0) == 0
    np.testing.assert_allclose(out.lmg.sum("driver", skipna=False).where(done, 0), out.r2.where(done, 0), atol=1e-12)
    assert (out.lmg.where(done, 0) > -1e-12).all() and (out.r2.where(done, 0) <= 1 + 1e-12).all()
    for cell in np.flatnonzero(done):
        rows = standardised(cases(target, drivers, cell))
        rest = rows[0] - rows[1:].T @ np.linalg.lstsq(rows[1:].T, rows[0], rcond=1e-13)[0]
        np.testing.assert_allclose(out.r2[cell], 1 - rest @ rest / (rows[0] @ rows[0]), atol=1e-9)


def test_coefficients_give_the_contributions_to_the_trend(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 3)
    out, parts = standardised_regression(target, drivers), trend_contribution(target, drivers, control_time=False)
    together = target.notnull() & drivers.to_dataarray().notnull().all("variable")
    slopes = {name: linear_trend(x.where(together)).slope for name, x in drivers.assign(y=target).items()}
    spread = {name: x.where(together).std("time") for name, x in drivers.assign(y=target).items()}
    total = parts.unexplained
    for name in drivers:
        part = out.coefficient.sel(driver=name) * spread["y"] / spread[name] * slopes[name]
        np.testing.assert_allclose(part, parts.contribution.sel(driver=name), rtol=1e-9)
        total = total + part
    np.testing.assert_allclose(total, slopes["y"], rtol=1e-9)
    assert (out.n == parts.n).all() and out.status.identical(parts.status)


def test_lags_take_the_same_samples_as_the_correlation(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 10, 3)
    lags = {"d1": 2}
    out, partial = standardised_regression(target, drivers, lags=lags), partial_correlation(target, drivers, lags=lags)
    assert (out.n == partial.n).all() and (out.n < standardised_regression(target, drivers).n).any()
    moved = drivers.assign(d1=drivers["d1"].shift(time=2))
    assert out.identical(standardised_regression(target, moved))
    with pytest.raises(CalendarError):
        standardised_regression(target.drop_sel(time=2007), drivers.drop_sel(time=2007), lags=lags)


# --- dropped, collinear, constant, short ---


def test_constant_and_faint_drivers_are_left_out_cell_by_cell(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 3, 3, gaps=0)
    drivers["d1"][0] = 0.0
    drivers["d2"][1] = 2.0 + 0.019 * (drivers["d2"][1] - drivers["d2"][1].mean()) / drivers["d2"][1].std(ddof=1)
    for name in drivers:
        drivers[name][2] = 5.0
    out = standardised_regression(target, drivers, floors={"d2": 0.02})
    assert out.status.values.T.tolist() == [[0, 5, 0], [0, 0, 5], [5, 5, 5]]
    for cell, gone in ((0, "d1"), (1, "d2")):
        alone = standardised_regression(target[[cell]], drivers.drop_vars(gone).isel(cell=[cell])).isel(cell=0)
        xr.testing.assert_identical(out.isel(cell=cell).drop_sel(driver=gone), alone)
        lost = out.isel(cell=cell).sel(driver=gone)
        assert np.isnan(lost.coefficient) and np.isnan(lost.lmg)
    assert out.r2[2] == 0 and out.n[2] == 22 and out.lmg.isel(cell=2).isnull().all()
    assert (standardised_regression(target, drivers, floors={"d2": 0.018}).status.isel(cell=1) == 0).all()


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
def test_exactly_collinear_drivers_are_missing_and_still_in_the_regression(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 10, 2, gaps=0)
    drivers["twin"] = 1000 - 2 * drivers["d0"]
    out, two = standardised_regression(target, drivers), standardised_regression(target, drivers[["d0", "d1"]])
    assert out.status.identical(partial_correlation(target, drivers).status)
    assert (out.status.values == np.array([[6], [0], [6]])).all()
    assert out.coefficient.sel(driver=["d0", "twin"]).isnull().all() and out.lmg.sel(driver="twin").isnull().all()
    np.testing.assert_allclose(out.r2, two.r2, rtol=1e-12)
    np.testing.assert_allclose(out.coefficient.sel(driver="d1"), two.coefficient.sel(driver="d1"), rtol=1e-10)
    for cell in range(10):
        rows = standardised(cases(target, drivers, cell))
        np.testing.assert_allclose(out.lmg.sel(driver="d1")[cell], gains(rows)[1], atol=1e-11)
    drivers["sum"] = drivers["d0"] + drivers["d1"]
    assert (standardised_regression(target, drivers).status == 6).all()


def test_nearly_collinear_drivers_keep_their_digits(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 5, 2, gaps=0)
    difference = label(rng.normal(size=(5, 22)))
    drivers["near"] = drivers["d0"] + 1e-5 * difference
    out = standardised_regression(target, drivers)
    plain = standardised_regression(target, drivers[["d0", "d1"]].assign(difference=difference))
    assert (out.status == 0).all()
    np.testing.assert_allclose(out.r2, plain.r2, rtol=1e-6)


def test_collinear_drivers_are_found_beside_nearly_collinear_ones(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 2, gaps=0)
    drivers = drivers.map(lambda x: np.round(100 * x)).assign(sum=lambda x: x.d0 + x.d1)
    drivers["near"] = drivers["d0"] + 1e-5 * label(rng.normal(size=(20, 22)))
    out = standardised_regression(target, drivers[["d0", "near", "d1", "sum"]])
    assert (out.status.sel(driver="near") == 0).all() and (out.status.drop_sel(driver="near") == 6).all()


def test_degenerate_cells_have_a_reason_and_no_warning(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 6, 2, gaps=0)
    target[0] = np.nan
    target[1, 3:] = np.nan
    target[2] = 0.25
    target[3, 4:] = np.nan
    drivers["d0"][4] = np.inf
    with np.errstate(all="raise"):
        out = standardised_regression(target, drivers)
    assert out.status.values.T.tolist() == [[1, 1], [2, 2], [3, 3], [0, 0], [5, 0], [0, 0]]
    assert out.n.values.tolist() == [0, 3, 22, 4, 22, 22]
    assert out.r2.isnull().values.tolist() == [True, True, True, False, False, False]
    missing = [[True] * 2] * 3 + [[False] * 2, [True, False], [False] * 2]
    assert all(out[name].isnull().values.T.tolist() == missing for name in ("coefficient", "lmg"))
    two = standardised_regression(label(np.full((2, 22), 0.1)), drivers.isel(cell=slice(2)))
    assert (two.status == 3).all() and two.r2.isnull().all()


# --- properties and labels ---


@pytest.mark.slow
@settings(max_examples=examples(20), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 4), chunk=st.integers(1, 7))
def test_no_cell_depends_on_neighbours_chunks_or_order(seed: int, k: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    target, drivers = world(rng, 7, k)
    target, drivers = target.astype("float32"), drivers.astype("float32")
    target[3] = np.nan
    whole = standardised_regression(target, drivers)
    lazy = standardised_regression(target.chunk(cell=chunk), drivers.chunk(cell=3))
    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute(scheduler="threads").identical(whole)
    order = rng.permutation(7)
    assert standardised_regression(target[order], drivers.isel(cell=order)).identical(whole.isel(cell=order))


def test_scale_level_and_order_of_the_drivers_do_not_matter(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 4)
    plain = standardised_regression(target, drivers)
    for other in (
        standardised_regression(target * 1e-8, drivers * 1e8),
        standardised_regression(target * 1e8 + 3, drivers * 1e-8),
        standardised_regression(target, drivers[["d3", "d1", "d0", "d2"]]).sel(driver=plain.driver),
    ):
        for name in ("coefficient", "r2", "lmg"):
            np.testing.assert_allclose(other[name], plain[name], rtol=1e-8, atol=1e-12)


def test_arguments(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 2, 9)
    with pytest.raises(ConfigurationError, match="too many") as caught:
        standardised_regression(target, drivers)
    assert caught.value.found == "9" and "8" in caught.value.expected
    assert (standardised_regression(target, drivers.drop_vars("d8")).status <= 2).all()
    with pytest.raises(ConfigurationError, match="no driver"):
        standardised_regression(target, drivers[[]])
    with pytest.raises(ConfigurationError, match="unknown driver"):
        standardised_regression(target, drivers[["d0"]], floors={"lai": 0.02})
    with pytest.raises(GridError):
        standardised_regression(target, drivers[["d0"]].isel(time=slice(1, None)))
    with pytest.raises(ChunkError):
        standardised_regression(target, drivers[["d0"]].chunk(time=5))
