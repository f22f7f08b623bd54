from collections.abc import Callable

import numpy as np
import pandas as pd
import pingouin
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats import partial_correlation
from tests.examples import examples

YEARS = np.arange(2000, 2022)
COLUMNS = ("r", "r_lower", "r_upper", "p_value", "df", "n_effective")


def label(values: np.ndarray, start: int = 2000) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "time"), coords={"time": start + np.arange(values.shape[1])})


def world(rng: np.random.Generator, cells: int, k: int, gaps: float = 0.2) -> tuple[xr.DataArray, xr.Dataset]:
    """A target and k related drivers with ties, outliers and their own gaps, on levels like 285 and 0.3."""
    common = rng.normal(size=(cells, 22))
    drivers = {}
    target = rng.normal(size=(cells, 22))
    for j in range(k):
        values = rng.normal(size=(cells, 22)) + 0.8 * common * (-1) ** j
        target = target + 0.6 * (j - 0.5) * values
        values = np.round(np.sign(values) * np.abs(values) ** 2, 1) + 285
        values[rng.random(values.shape) < gaps / (k + 1)] = np.nan
        drivers[f"d{j}"] = label(values)
    target = 0.3 + 0.05 * np.round(2 * target)
    target[rng.random(target.shape) < gaps / (k + 1)] = np.nan
    return label(target), xr.Dataset(drivers)


def aligned(target: np.ndarray, drivers: dict[str, np.ndarray], lags: dict[str, int]) -> np.ndarray:
    """Rows of target and drivers of one cell on the target's axis, NaN before a lagged driver begins."""
    rows = [target]
    for name, values in drivers.items():
        lag = lags.get(name, 0)
        rows.append(np.array([values[i - lag] if i >= lag else np.nan for i in range(len(values))]))
    return np.vstack(rows)


def residual(y: np.ndarray, controls: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), *controls])
    return y - design @ np.linalg.lstsq(design, y, rcond=None)[0]


# --- ranks ---


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_spearman_is_pingouin(k: int, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 8, k)
    out = partial_correlation(target, drivers, method="spearman")
    for cell in range(8):
        rows = np.vstack([target[cell], *[drivers[name][cell] for name in drivers]])
        table = pd.DataFrame(rows.T, columns=["y", *drivers]).dropna()
        assert table["y"].nunique() < len(table)  # there are ties
        for name in drivers:
            others = [other for other in drivers if other != name]
            one = out.sel(driver=name).isel(cell=cell)
            if others:
                ref = pingouin.partial_corr(table, x=name, y="y", covar=others, method="spearman")
                r, p = float(ref["r"].iloc[0]), float(ref["p_val"].iloc[0])
            else:
                r, p = stats.spearmanr(table[name], table["y"])
            np.testing.assert_allclose(one.r, r, rtol=1e-10)
            np.testing.assert_allclose(one.p_value, p, rtol=1e-10)
            assert one.n == one.n_effective == len(table) and one.df == len(table) - 1 - k and one.status == 0
            half = stats.norm.isf(0.025) / np.sqrt(len(table) - k - 2)
            np.testing.assert_allclose(one.r_upper, np.tanh(np.arctanh(r) + half), rtol=1e-9)


def test_ranks_are_those_of_the_complete_cases_of_the_cell(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 2, gaps=0.5)
    ranked = [x.copy(data=stats.rankdata(x, axis=1, nan_policy="omit")) for x in (target, drivers["d0"], drivers["d1"])]
    of_all = partial_correlation(ranked[0], xr.Dataset({"d0": ranked[1], "d1": ranked[2]}))
    out = partial_correlation(target, drivers, method="spearman")
    assert float(abs(out.r - of_all.r).max()) > 0.01
    complete = np.isfinite(target) & np.isfinite(drivers["d0"]) & np.isfinite(drivers["d1"])
    cut = partial_correlation(target.where(complete), drivers.where(complete), method="spearman")
    assert cut.identical(out)


def test_only_the_order_of_the_values_counts(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 20, 3)
    plain = partial_correlation(target, drivers, method="spearman", dof="effective")
    bent = partial_correlation(
        target**3, drivers.assign(d0=np.exp(drivers.d0 - 285), d1=np.arctan(drivers.d1)), method="spearman",
        dof="effective",
    )  # fmt: skip
    small = partial_correlation(target * 1e-8, drivers * 1e8, method="spearman", dof="effective")
    assert bent.identical(plain) and small.identical(plain)
    assert float(abs(plain.r - partial_correlation(target, drivers).r).max()) > 0.05


def test_the_arrays_of_the_caller_stay_as_they_are(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 5, 1)
    before, driver_before = target.copy(deep=True), drivers.copy(deep=True)
    partial_correlation(target, drivers, method="spearman", lags={"d0": 2})
    assert target.identical(before) and drivers.identical(driver_before)


def test_floors_are_in_the_unit_of_the_driver(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 3, 3, gaps=0)
    drivers["d0"][0] = 0.0
    drivers["d2"][1] = 285 + 0.019 * (drivers["d2"][1] - drivers["d2"][1].mean()) / drivers["d2"][1].std(ddof=1)
    for floor, flag in ((0.02, 5), (0.018, 0)):
        out = partial_correlation(target, drivers, method="spearman", floors={"d2": floor})
        assert out.status.values.T.tolist() == [[5, 0, 0], [0, 0, flag], [0, 0, 0]]
    out = partial_correlation(target, drivers, method="spearman", floors={"d2": 0.02})
    alone = partial_correlation(target[[1]], drivers[["d0", "d1"]].isel(cell=[1]), method="spearman")
    assert out.isel(cell=[1]).sel(driver=["d0", "d1"]).identical(alone)
    assert np.isnan(out.r.sel(driver="d2")[1]) and out.df.sel(driver="d1")[1] == 22 - 2 - 1
    wide = partial_correlation(target, drivers * 1000, method="spearman", floors={"d1": 20.0})
    assert (wide.status.sel(driver="d1") == 0).all()  # ranks of 22 values spread by 6.5


def test_a_driver_that_rises_with_another_is_collinear_in_ranks(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 10, 2, gaps=0)
    drivers["twin"] = np.exp(285 - drivers["d0"])
    assert (partial_correlation(target, drivers).status == 0).all()
    out = partial_correlation(target, drivers, method="spearman")
    assert (out.status.sel(driver=["d0", "twin"]) == 6).all() and (out.status.sel(driver="d1") == 0).all()
    two = partial_correlation(target, drivers[["d0", "d1"]], method="spearman")
    np.testing.assert_allclose(out.r.sel(driver="d1"), two.r.sel(driver="d1"), rtol=1e-11)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_degenerate_cells_have_a_reason(method: str, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 6, 2, gaps=0)
    target[0] = np.nan
    target[1, 4:] = np.nan  # three complete cases, the driver's first step is gone
    target[2] = 0.25
    drivers["d0"][3] = np.inf
    drivers["d0"][4] = 7.0
    with np.errstate(all="raise"):
        out = partial_correlation(target, drivers, method=method, lags={"d0": 1})
    assert out.status.values.T.tolist() == [[1, 1], [2, 2], [3, 3], [5, 0], [5, 0], [0, 0]]
    # Without the driver the first step counts; constant over the steps that its lag leaves, it has no gap elsewhere.
    assert out.n.values.tolist() == [0, 3, 21, 22, 22, 21]
    assert out.r.isel(cell=[0, 1, 2]).isnull().all() and (out.p_value.isel(cell=2) == 1).all()


def test_effective_degrees_of_freedom_are_definition_10_on_ranks(rng: np.random.Generator, ar1: Callable) -> None:
    values = {name: ar1(rng, 15, 22, 0.6) for name in "yab"}
    values["y"][rng.random((15, 22)) < 0.1] = np.nan
    drivers = xr.Dataset({name: label(values[name]) for name in "ab"})
    out = partial_correlation(label(values["y"]), drivers, dof="effective", method="spearman", lags={"b": 2})
    smaller = 0
    for cell in range(15):
        rows = aligned(values["y"][cell], {name: values[name][cell] for name in "ab"}, {"b": 2})
        valid = np.isfinite(rows).all(axis=0)
        n, ranks = valid.sum(), stats.rankdata(rows[:, valid], axis=1)
        for j in range(2):
            r1 = []
            for row in (ranks[0], ranks[1 + j]):
                rest = np.full(22, np.nan)
                rest[valid] = residual(row, ranks[[2 - j]])
                r1.append(np.nanmean(rest[1:] * rest[:-1]) / (np.nansum(rest**2) / (n - 1)))
            n_eff = min(n, n * (1 - r1[0] * r1[1]) / (1 + r1[0] * r1[1]))
            one = out.isel(driver=j, cell=cell)
            np.testing.assert_allclose(one.n_effective, n_eff, rtol=1e-10)
            np.testing.assert_allclose(one.df, max(1.0, n_eff - 3), rtol=1e-10)
            smaller += n_eff < n
    assert smaller > 8


@pytest.mark.parametrize(("method", "plain", "effective"), [("pearson", 0.17, 0.09), ("spearman", 0.155, 0.083)])
def test_size_at_22_years(method: str, plain: float, effective: float, rng: np.random.Generator, ar1: Callable) -> None:
    # White noise holds 5 %. AR(1) 0.7 with three controls: from about 17 to about 9 %, not to 5.
    count = 8000
    for phi, expected in ((0.0, {"n": 0.05, "effective": 0.045}), (0.7, {"n": plain, "effective": effective})):
        target = label(ar1(rng, count, 22, phi))
        drivers = xr.Dataset({name: label(ar1(rng, count, 22, phi)) for name in "abcd"})
        for dof, size in expected.items():
            p = partial_correlation(target, drivers, dof=dof, method=method).p_value.sel(driver="a")
            assert abs(float((p < 0.05).mean()) - size) < 4 * np.sqrt(2 * size * (1 - size) / count)


# --- lags ---


def test_a_lagged_driver_leads_the_target(rng: np.random.Generator) -> None:
    cause = rng.normal(size=(6, 22))
    effect = np.roll(cause, 1, axis=1)
    effect[:, 0] = np.nan
    drivers = xr.Dataset({"cause": label(cause), "other": label(rng.normal(size=(6, 22)))})
    out = partial_correlation(label(effect), drivers, lags={"cause": 1}).sel(driver="cause")
    assert (out.r == 1).all() and (out.n == 21).all()
    for lags in (None, {"cause": 0}, {"cause": 2}, {"other": 1}):
        assert (abs(partial_correlation(label(effect), drivers, lags=lags).r.sel(driver="cause")) < 0.9).all()


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_lags_are_pingouin_on_moved_series_with_gaps_in_place(method: str, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 8, 3)
    lags = {"d0": 1, "d2": 3}
    out = partial_correlation(target, drivers, method=method, lags=lags)
    for cell in range(8):
        rows = aligned(target.values[cell], {name: drivers[name].values[cell] for name in drivers}, lags)
        table = pd.DataFrame(rows.T, columns=["y", *drivers]).dropna()
        assert out.n[cell] == len(table) <= 19
        for name in drivers:
            others = [other for other in drivers if other != name]
            ref = pingouin.partial_corr(table, x=name, y="y", covar=others, method=method)
            np.testing.assert_allclose(out.r.sel(driver=name)[cell], float(ref["r"].iloc[0]), rtol=1e-9)
            np.testing.assert_allclose(out.p_value.sel(driver=name)[cell], float(ref["p_val"].iloc[0]), rtol=1e-9)


def test_lags_count_steps_of_any_complete_axis(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 4, 2)
    lags = {"d1": 2}
    out = partial_correlation(target, drivers, lags=lags)
    backwards = partial_correlation(target[:, ::-1], drivers.isel(time=slice(None, None, -1)), lags=lags)
    assert backwards.identical(out)
    months = pd.date_range("2001-01-01", periods=22, freq="MS")
    dated = partial_correlation(target.assign_coords(time=months), drivers.assign_coords(time=months), lags=lags)
    assert dated.identical(out)


def test_a_missing_step_raises_where_there_is_a_lag(rng: np.random.Generator) -> None:
    target, drivers = (x.drop_sel(time=2010) for x in world(rng, 2, 2))
    assert partial_correlation(target, drivers, lags={"d0": 0}).identical(partial_correlation(target, drivers))
    with pytest.raises(CalendarError, match="not complete"):
        partial_correlation(target, drivers, lags={"d0": 1})


@pytest.mark.parametrize("lags", [{"lai": 1}, {"d0": -1}, {"d0": 1.0}, {"d0": True}, {"d0": 22}])
def test_impossible_lags(lags: dict[str, int], rng: np.random.Generator) -> None:
    target, drivers = world(rng, 2, 1)
    with pytest.raises(ConfigurationError, match="lag") as caught:
        partial_correlation(target, drivers, lags=lags)
    assert "lags" in caught.value.where and caught.value.expected


@pytest.mark.slow
@settings(max_examples=examples(20), deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), k=st.integers(1, 4), chunk=st.integers(1, 7), lag=st.integers(0, 4),
    method=st.sampled_from(["pearson", "spearman"]),
)  # fmt: skip
def test_no_cell_depends_on_neighbours_chunks_or_order(seed: int, k: int, chunk: int, lag: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    target, drivers = world(rng, 7, k)
    target, drivers = target.astype("float32"), drivers.astype("float32")
    options = {"dof": "effective", "method": method, "lags": {"d0": lag}}
    whole = partial_correlation(target, drivers, **options)
    lazy = partial_correlation(target.chunk(cell=chunk), drivers.chunk(cell=3), **options)
    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute(scheduler="threads").identical(whole)
    order = rng.permutation(7)
    moved = partial_correlation(target[order], drivers.isel(cell=order), **options)
    assert moved.identical(whole.isel(cell=order))
