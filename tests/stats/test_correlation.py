from collections.abc import Callable

import numpy as np
import pandas as pd
import pingouin
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, GridError, VariableError
from smcloud.stats import partial_correlation
from tests.examples import examples

YEARS = np.arange(2000, 2022)


def label(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "time"), coords={"time": YEARS[: values.shape[1]]})


def world(rng: np.random.Generator, cells: int, k: int, gaps: float = 0.2) -> tuple[xr.DataArray, xr.Dataset]:
    """A target and k correlated drivers, each with its own gaps, on levels like 285 and 0.3."""
    common = rng.normal(size=(cells, 22))
    drivers = {}
    target = 0.3 + 0.05 * rng.normal(size=(cells, 22))
    for j in range(k):
        values = rng.normal(size=(cells, 22)) + 0.8 * common * (-1) ** j
        target = target + 0.04 * (j - 1) * values
        values = values * 10.0**j + 285
        values[rng.random(values.shape) < gaps / (k + 1)] = np.nan
        drivers[f"d{j}"] = label(values)
    target[rng.random(target.shape) < gaps / (k + 1)] = np.nan
    return label(target), xr.Dataset(drivers)


def residual(y: np.ndarray, controls: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), *controls])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


def cases(target: xr.DataArray, drivers: xr.Dataset, cell: int) -> np.ndarray:
    rows = np.vstack([target[cell], *[drivers[name][cell] for name in drivers]])
    return rows[:, np.isfinite(rows).all(axis=0)]


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_partial_correlation_is_pingouin(k: int, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 12, k)
    out = partial_correlation(target, drivers)
    assert out.r.dims == ("driver", "cell") and out.driver.values.tolist() == list(drivers)
    for cell in range(12):
        rows = cases(target, drivers, cell)
        table = pd.DataFrame(rows.T, columns=["y", *drivers])
        for name in drivers:
            others = [other for other in drivers if other != name]
            one = out.sel(driver=name).isel(cell=cell)
            if others:
                ref = pingouin.partial_corr(table, x=name, y="y", covar=others)
                r, p = float(ref["r"].iloc[0]), float(ref["p_val"].iloc[0])
            else:
                r, p = stats.pearsonr(table[name], table["y"])
            np.testing.assert_allclose(one.r, r, rtol=1e-10)
            np.testing.assert_allclose(one.p_value, p, rtol=1e-10)
            assert one.df == rows.shape[1] - 2 - (k - 1)
            assert one.n == one.n_effective == rows.shape[1] and one.status == 0


def test_partial_r_is_the_correlation_of_residuals_and_comes_from_the_inverse(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 40, 3)
    out = partial_correlation(target, drivers)
    for cell in range(40):
        rows = cases(target, drivers, cell)
        inverse = np.linalg.inv(np.corrcoef(rows))
        for j in range(3):
            controls = np.delete(rows[1:], j, axis=0)
            of_residuals = np.corrcoef(residual(rows[0], controls), residual(rows[1 + j], controls))[0, 1]
            found = float(out.r[j, cell])
            assert abs(found - of_residuals) < 1e-12
            assert abs(found + inverse[0, 1 + j] / np.sqrt(inverse[0, 0] * inverse[1 + j, 1 + j])) < 1e-12


def test_the_interval_is_fishers_with_n_minus_3_for_one_driver(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 10, 1)
    out = partial_correlation(target, drivers, alpha=0.1)
    for cell in range(10):
        rows = cases(target, drivers, cell)
        ref = stats.pearsonr(rows[0], rows[1]).confidence_interval(0.9)
        np.testing.assert_allclose(out.r_lower[0, cell], ref.low, rtol=1e-10)
        np.testing.assert_allclose(out.r_upper[0, cell], ref.high, rtol=1e-10)
    target, drivers = world(rng, 1, 3, gaps=0)
    one = partial_correlation(target, drivers).isel(cell=0)
    half = stats.norm.isf(0.025) / np.sqrt(22 - 2 - 2 - 1)
    np.testing.assert_allclose(one.r_upper, np.tanh(np.arctanh(one.r) + half), rtol=1e-12)


# --- effective sample size ---


def lag1(series: np.ndarray) -> float:
    rest = series - np.nanmean(series)
    square = np.nansum(rest**2) / (np.isfinite(rest).sum() - 1)
    return float(np.clip(np.nanmean(rest[1:] * rest[:-1]) / square, -0.99, 0.99))


def test_effective_degrees_of_freedom_are_definition_10_with_gaps(rng: np.random.Generator, ar1: Callable) -> None:
    target = ar1(rng, 30, 22, 0.6)
    target[rng.random(target.shape) < 0.1] = np.nan
    values = {name: ar1(rng, 30, 22, 0.6) for name in "ab"}
    drivers = xr.Dataset({name: label(v) for name, v in values.items()})
    plain, out = (partial_correlation(label(target), drivers, dof=dof) for dof in ("n", "effective"))
    assert plain.r.identical(out.r)
    smaller = 0
    for cell in range(30):
        valid = np.isfinite(target[cell])
        n = valid.sum()
        for j, (name, control) in enumerate((("a", "b"), ("b", "a"))):
            series = []
            for row in (target, values[name]):
                rest = np.full(22, np.nan)
                rest[valid] = residual(row[cell][valid], values[control][cell][valid][np.newaxis])
                series.append(rest)
            product = lag1(series[0]) * lag1(series[1])
            n_eff = min(n, n * (1 - product) / (1 + product))
            df = max(1.0, n_eff - 3)
            one = out.isel(driver=j, cell=cell)
            np.testing.assert_allclose(one.n_effective, n_eff, rtol=1e-10)
            np.testing.assert_allclose(one.df, df, rtol=1e-10)
            t = float(one.r) * np.sqrt(df / (1 - float(one.r) ** 2))
            np.testing.assert_allclose(one.p_value, 2 * stats.t.sf(abs(t), df), rtol=1e-9)
            smaller += n_eff < n
    assert smaller > 20


def test_degrees_of_freedom_never_fall_below_one(rng: np.random.Generator) -> None:
    slow, quick = label(np.arange(22.0)[np.newaxis] ** 1.5), label((-1.0) ** np.arange(22)[np.newaxis])
    target = slow + 0.01 * rng.normal(size=(1, 22))
    out = partial_correlation(target, xr.Dataset({"slow": slow, "quick": quick}), dof="effective").isel(
        driver=0, cell=0
    )
    assert out.n_effective - 3 < 0.5 and out.df == 1
    assert (out.r_lower, out.r_upper) == (-1, 1) and 0 < out.p_value < 0.01


def test_lags_need_a_complete_axis(rng: np.random.Generator) -> None:
    target, drivers = (x.drop_sel(time=2010) for x in world(rng, 2, 2))
    partial_correlation(target, drivers)
    with pytest.raises(CalendarError):
        partial_correlation(target, drivers, dof="effective")


# --- dropped, collinear, constant, short ---


def test_constant_and_faint_drivers_are_dropped_cell_by_cell(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 3, 3, gaps=0)
    drivers["d1"][0] = 0.0
    drivers["d2"][1] = 2.0 + 0.019 * (drivers["d2"][1] - drivers["d2"][1].mean()) / drivers["d2"][1].std(ddof=1)
    out = partial_correlation(target, drivers, floors={"d2": 0.02})
    assert out.status.values.T.tolist() == [[0, 5, 0], [0, 0, 5], [0, 0, 0]]
    assert out.df.isel(cell=0, driver=0) == 22 - 2 - 1 and out.df.isel(cell=2, driver=0) == 22 - 2 - 2
    for cell, gone in ((0, "d1"), (1, "d2")):
        alone = partial_correlation(target[[cell]], drivers.drop_vars(gone).isel(cell=[cell])).isel(cell=0)
        xr.testing.assert_identical(out.isel(cell=cell).drop_sel(driver=gone), alone)
        lost = out.isel(cell=cell).sel(driver=gone)
        assert all(np.isnan(lost[name]) for name in ("r", "r_lower", "r_upper", "p_value", "df", "n_effective"))
    kept = partial_correlation(target, drivers, floors={"d2": 0.018})
    assert kept.status.values.T.tolist() == [[0, 5, 0], [0, 0, 0], [0, 0, 0]]


def test_the_floor_counts_the_cases_with_n_minus_1() -> None:
    values = np.array([[0.0, 1.0, 0.0, 1.0, 0.0, 1.0]])
    driver = xr.Dataset({"a": label(values)})
    target = label(np.array([[1.0, 2.0, 0.5, 1.0, 3.0, 2.0]]))
    sd = float(np.std(values, ddof=1))
    assert partial_correlation(target, driver, floors={"a": sd * (1 + 1e-9)}).status == 5
    assert partial_correlation(target, driver, floors={"a": sd * (1 - 1e-9)}).status == 0


def test_exactly_collinear_drivers_are_missing_and_still_held_fixed(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 2, gaps=0)
    drivers["twin"] = 1000 - 2 * drivers["d0"]
    out = partial_correlation(target, drivers)
    two = partial_correlation(target, drivers[["d0", "d1"]])
    assert (out.status.sel(driver=["d0", "twin"]) == 6).all() and (out.status.sel(driver="d1") == 0).all()
    assert out.r.sel(driver=["d0", "twin"]).isnull().all() and out.p_value.sel(driver="twin").isnull().all()
    np.testing.assert_allclose(out.r.sel(driver="d1"), two.r.sel(driver="d1"), rtol=1e-11)
    assert (out.df.sel(driver="d1") == 22 - 2 - 1).all()
    drivers["sum"] = drivers["d0"] + drivers["d1"]
    assert (partial_correlation(target, drivers).status == 6).all()


def test_nearly_collinear_drivers_are_kept(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 2, gaps=0)
    drivers["near"] = drivers["d0"] + 1e-6 * label(rng.normal(size=(20, 22)))
    assert (partial_correlation(target, drivers).status == 0).all()


def test_a_target_that_is_its_driver(rng: np.random.Generator) -> None:
    _, drivers = world(rng, 5, 2, gaps=0)
    out = partial_correlation(-3 * drivers["d0"], drivers)
    first, second = out.isel(driver=0), out.isel(driver=1)
    assert (first.r == -1).all() and (first.p_value == 0).all() and (first.r_upper == -1).all()
    assert (second.status == 6).all() and second.r.isnull().all()


def test_degenerate_cells_have_a_reason_and_no_warning(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 5, 2, gaps=0)
    target[0] = np.nan
    target[1, 3:] = np.nan
    target[2] = 0.25
    target[3, 4:] = np.nan
    drivers["d0"][4] = np.nan
    with np.errstate(all="raise"):
        out = partial_correlation(target, drivers)
    assert out.status.values.T.tolist() == [[1, 1], [2, 2], [3, 3], [0, 0], [5, 0]]
    assert out.n.values.tolist() == [0, 3, 22, 4, 22]
    assert out.r.isnull().values.T.tolist() == [[True] * 2, [True] * 2, [True] * 2, [False] * 2, [True, False]]
    assert (out.p_value.isel(cell=2) == 1).all() and out.p_value.isel(cell=[0, 1]).isnull().all()
    assert (out.df.isel(cell=3) == 1).all() and (out.r_upper.isel(cell=3) == 1).all()
    assert (partial_correlation(target, drivers, min_valid=5).status.isel(cell=3) == 2).all()


# --- properties and labels ---


@pytest.mark.slow
@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 4), chunk=st.integers(1, 7))
def test_no_cell_depends_on_neighbours_or_chunks(seed: int, k: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    target, drivers = world(rng, 7, k)
    target, drivers = target.astype("float32"), drivers.astype("float32")
    whole = partial_correlation(target, drivers, dof="effective")
    lazy = partial_correlation(target.chunk(cell=chunk), drivers.chunk(cell=3), dof="effective")
    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute(scheduler="threads").identical(whole)
    alone = partial_correlation(target[[chunk - 1]], drivers.isel(cell=[chunk - 1]), dof="effective")
    assert alone.identical(whole.isel(cell=[chunk - 1]))


def test_scaling_and_reversal_keep_r_and_p(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 30, 3)
    for dof in ("n", "effective"):
        plain = partial_correlation(target, drivers, dof=dof)
        small = partial_correlation(target * 1e-8, drivers * 1e8, dof=dof)
        back = partial_correlation(
            target.copy(data=target.values[:, ::-1]), drivers.map(lambda v: v.copy(data=v.values[:, ::-1])), dof=dof
        )
        for other in (small, back):
            np.testing.assert_allclose(other.r, plain.r, rtol=1e-9, atol=1e-13)
            np.testing.assert_allclose(other.p_value, plain.p_value, rtol=1e-8)


def test_a_driver_may_be_one_series_for_all_cells(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 4, 1)
    index = xr.DataArray(rng.normal(size=22), dims="time", coords={"time": YEARS})
    full = index.expand_dims(cell=4)
    one = partial_correlation(target, drivers.assign(index=index))
    assert one.identical(partial_correlation(target, drivers.assign(index=full)))


def test_arguments(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 4, 2)
    with pytest.raises(ConfigurationError) as caught:
        partial_correlation(target, drivers, method="kendall")
    assert caught.value.expected == "pearson or spearman"
    with pytest.raises(ConfigurationError, match="too few"):
        partial_correlation(target, drivers, min_valid=3)
    with pytest.raises(ConfigurationError, match="unknown driver"):
        partial_correlation(target, drivers, floors={"lai": 0.02})
    with pytest.raises(ConfigurationError, match="no driver"):
        partial_correlation(target, drivers[[]])
    with pytest.raises(GridError):
        partial_correlation(target, drivers.isel(time=slice(1, None)))
    with pytest.raises(VariableError):
        partial_correlation(target, drivers.assign(static=("cell", np.zeros(4))))
    with pytest.raises(ChunkError):
        partial_correlation(target, drivers.chunk(time=5))


def test_a_high_level_and_a_far_first_case_keep_the_digits(rng: np.random.Generator) -> None:
    """The oracle is the correlation of residuals in long double."""
    values = rng.normal(size=(3, 6, 22)) + 1e6
    values[0, 1, 0], values[1, 2, 0], values[:, 3, 0] = 2e6, -1e7, 1e6 + 100
    values[:, 4] *= 1e-8
    values[:, 5, :3] = np.nan
    target, a, b = values
    out = partial_correlation(label(target), xr.Dataset({"a": label(a), "b": label(b)}))
    for cell in range(6):
        valid = np.isfinite(target[cell])
        y, x, z = (v[cell, valid].astype(np.longdouble) for v in (target, a, b))
        y, x, z = ((v - v.mean()) / v.std() for v in (y, x, z))
        own, rest = x - (x @ z) / (z @ z) * z, y - (y @ z) / (z @ z) * z
        expected = float(own @ rest / np.sqrt((own @ own) * (rest @ rest)))
        np.testing.assert_allclose(out.r.sel(driver="a")[cell], expected, rtol=1e-10, atol=1e-13)
