"""Parts of a trend by driver, and the driver that leads, against statsmodels and plain numpy, and in simulations."""

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy import stats

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, GridError
from smcloud.stats import leading_driver, linear_trend, partial_correlation, trend_contribution

YEARS = np.arange(2000, 2022)
BOTH = pytest.mark.parametrize("control_time", [True, False], ids=["time held", "time not held"])


def check(got: xr.DataArray, expected: object, rtol: float = 1e-9, atol: float = 0.0) -> None:
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


def label(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "time"), coords={"time": YEARS[: values.shape[1]]})


def world(rng: np.random.Generator, cells: int, names: str = "abc", gaps: float = 0) -> tuple[xr.DataArray, xr.Dataset]:
    """A target and related drivers with trends of their own, on levels of their own."""
    t, common = np.arange(22), rng.normal(size=(cells, 22))
    values = {n: 3 * i + (0.05 * i - 0.04) * t + rng.normal(size=(cells, 22)) for i, n in enumerate(names)}
    values = {n: v + (-1) ** i * 0.5 * common for i, (n, v) in enumerate(values.items())}
    target = 0.3 + 0.02 * t + sum((0.3 - 0.2 * i) * v for i, v in enumerate(values.values()))
    target = target + 0.3 * rng.normal(size=(cells, 22))
    for each in (target, *values.values()):
        each[rng.random(each.shape) < gaps] = np.nan
    return label(target), xr.Dataset({n: label(v) for n, v in values.items()})


def complete(target: xr.DataArray, drivers: xr.Dataset) -> xr.DataArray:
    return target.notnull() & drivers.to_dataarray().notnull().all("variable")


def fitted(target: xr.DataArray, drivers: xr.Dataset, cell: int, control_time: bool) -> tuple:
    """The regression of one cell by statsmodels, its times, and its drivers."""
    both = complete(target, drivers)[cell].values
    t, x = YEARS[both], np.array([drivers[name][cell].values[both] for name in drivers])
    design = np.column_stack([np.ones(t.size), x.T, *([t - t.mean()] if control_time else [])])
    return sm.OLS(target[cell].values[both], design).fit(), t, x


@BOTH
@pytest.mark.parametrize("names", ["a", "abc"])
def test_contributions_and_their_errors_are_statsmodels(
    names: str, control_time: bool, rng: np.random.Generator
) -> None:
    target, drivers = world(rng, 20, names, gaps=0.04)
    out = trend_contribution(target, drivers, control_time=control_time, dof="n")
    for cell in range(20):
        fit, t, x = fitted(target, drivers, cell, control_time)
        lines = [stats.linregress(t, row) for row in x]
        beta, error = fit.params[1 : len(names) + 1], fit.bse[1 : len(names) + 1]
        slope, of_slope = (np.array([getattr(line, key) for line in lines]) for key in ("slope", "stderr"))
        one = out.isel(cell=cell)
        check(one.contribution, beta * slope)
        check(one.stderr, abs(slope) * error)
        check(one.stderr_total, np.hypot(slope * error, beta * of_slope))
        assert (one.df == fit.df_resid).all() and one.n == t.size and (one.status == 0).all()
        rest = fit.params[-1] if control_time else stats.linregress(t, fit.resid).slope
        check(one.unexplained, rest, rtol=1e-8)
        check(one.slope, stats.linregress(t, target[cell].values[np.isin(YEARS, t)]).slope)


@BOTH
def test_contributions_and_rest_add_up_to_the_slope(control_time: bool, rng: np.random.Generator) -> None:
    target, drivers = world(rng, 50, gaps=0.06)
    out = trend_contribution(target, drivers, control_time=control_time)
    assert out.contribution.dims == ("driver", "cell") and out.driver.values.tolist() == ["a", "b", "c"]
    line = linear_trend(target.where(complete(target, drivers)))
    check(out.slope, line.slope, rtol=1e-12)
    check(out.contribution.sum("driver") + out.unexplained, line.slope, rtol=0, atol=1e-15)
    assert (out.n == line.n).all() and (out.status == 0).all()
    assert float(abs(out.contribution).min()) > 0


def test_effective_errors_are_those_of_the_partial_correlation_and_of_the_trend(
    rng: np.random.Generator, ar1: Callable
) -> None:
    """Definition 10 for beta, with time among the controls; definition 7 for the slope of the driver."""
    target, drivers = world(rng, 40, gaps=0.04)
    target = target + label(0.5 * ar1(rng, 40, 22, 0.7))
    drivers["b"] = drivers["b"] + label(ar1(rng, 40, 22, 0.7))
    out, plain = (trend_contribution(target, drivers, dof=dof) for dof in ("effective", "n"))
    time = xr.DataArray(YEARS.astype(float), {"time": YEARS}, "time")
    partial = partial_correlation(target, drivers.assign(held=time), dof="effective").sel(driver=["a", "b", "c"])
    check(out.df, partial.df, rtol=1e-9)
    assert int((out.df < plain.df).sum()) > 30
    check(out.stderr, plain.stderr * np.sqrt(plain.df / out.df))
    check(2 * stats.t.sf(abs(out.contribution / out.stderr), out.df), partial.p_value, rtol=1e-6)
    known = drivers.to_dataarray("driver").where(complete(target, drivers))
    own = linear_trend(known, interval="effective")
    beta = out.contribution / own.slope
    check(out.stderr_total, np.hypot(out.stderr, beta * own.stderr), rtol=1e-8)
    assert float((out.stderr_total - np.hypot(out.stderr, beta * linear_trend(known).stderr)).max()) > 0


def test_dropped_and_collinear_drivers_are_missing_and_the_rest_adds_up(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 5, "abcd")
    drivers["c"][0] = 0.0
    drivers["d"][1] = 2 * drivers["a"][1] + 1
    drivers["b"][2] *= 1e-3
    target[3] = 5.0
    drivers["a"][4] = 280 + 0.03 * YEARS  # no part of it can be told from time
    out = trend_contribution(target, drivers, floors={"b": 0.1})
    assert out.status.transpose("cell", "driver").values.tolist() == [
        [0, 0, 5, 0],
        [6, 0, 0, 6],
        [0, 5, 0, 0],
        [3, 3, 3, 3],
        [6, 0, 0, 0],
    ]
    for name in ("contribution", "stderr", "df"):
        assert (out[name].isnull() == (out.status >= 5)).all()
    check(out.contribution.sum("driver") + out.unexplained, linear_trend(target).slope, rtol=0, atol=1e-15)
    for cell, gone in ((0, "c"), (2, "b"), (4, "a")):
        alone = trend_contribution(target, drivers.drop_vars(gone)).isel(cell=cell)
        for name in ("contribution", "stderr", "stderr_total", "df"):
            check(out[name].isel(cell=cell).dropna("driver"), alone[name], rtol=1e-9)
        if cell != 4:
            check(out.unexplained[cell], alone.unexplained, rtol=1e-9)
    alone = trend_contribution(target, drivers.drop_vars("d")).isel(cell=1)
    check(out.contribution.isel(cell=1).sel(driver="b"), alone.contribution.sel(driver="b"), rtol=1e-9)
    assert (out.contribution.isel(cell=3) == 0).all() and (out.stderr.isel(cell=3) == 0).all()
    without = trend_contribution(target, drivers, control_time=False).isel(cell=4)
    assert (without.status == 0).all() and without.contribution.notnull().all()


def test_contributions_use_the_cases_of_the_partial_correlation(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 6)
    target[0, 5:] = np.nan
    target[1] = np.nan
    target[2, 6:] = np.nan
    held = drivers.assign(held=xr.DataArray(YEARS, {"time": YEARS}, "time"))
    for parts, partial in (
        (trend_contribution(target, drivers), partial_correlation(target, held)),
        (trend_contribution(target, drivers, control_time=False), partial_correlation(target, drivers)),
    ):
        assert parts.n.identical(partial.n)
        assert parts.status.identical(partial.status.sel(driver=["a", "b", "c"]))
        assert parts.status.isel(driver=0).values.tolist()[:3] == [2 if "held" in partial.driver else 0, 1, 0]
    least = trend_contribution(target, drivers, min_valid=7)
    assert least.status.isel(driver=0).values.tolist() == [2, 1, 2, 0, 0, 0]
    for name in ("unexplained", "slope"):
        assert least[name].isnull().values.tolist() == [True] * 3 + [False] * 3


@pytest.mark.parametrize("function", [trend_contribution, leading_driver])
def test_lazy_is_eager(function: Callable[..., xr.Dataset], rng: np.random.Generator) -> None:
    target, drivers = world(rng, 9, gaps=0.05)
    lazy = function(target.chunk(cell=4), drivers.chunk(cell=2))
    assert all(da.chunks for da in lazy.data_vars.values())
    assert lazy.compute(scheduler="threads").identical(function(target, drivers))


@pytest.mark.parametrize("function", [trend_contribution, leading_driver])
def test_refusals(function: Callable[..., xr.Dataset], rng: np.random.Generator) -> None:
    target, drivers = world(rng, 3)
    with pytest.raises(GridError):
        function(target, drivers.assign_coords(time=YEARS + 1))
    with pytest.raises(ChunkError):
        function(target.chunk(time=12), drivers)
    for wrong in ({"dof": "m"}, {"min_valid": 5}, {"floors": {"z": 1}}):
        with pytest.raises(ConfigurationError):
            function(target, drivers, **wrong)
    hole = {"time": [0, 1, *range(3, 22)]}
    with pytest.raises(CalendarError):
        function(target.isel(hole), drivers.isel(hole))
    assert int(function(target.isel(hole), drivers.isel(hole), dof="n").n[0]) == 21


# --- a driver that does nothing but warms ---

IDLE = 4000


@pytest.mark.parametrize("warming", [2.0, 4.0])
@pytest.mark.parametrize("phi", [0.0, 0.3])
def test_an_idle_driver_that_warms_takes_no_part_of_a_foreign_trend(warming: float, phi: float, ar1: Callable) -> None:
    """22 years, noise of sd 1 (AR(1) in target and drivers), a foreign trend of 4 standard errors."""
    rng = np.random.default_rng([22, int(warming), int(10 * phi)])
    t = np.arange(22) - 10.5
    target = label(0.16 * t + ar1(rng, IDLE, 22, phi))
    drivers = xr.Dataset(
        {"idle": label(warming / 22 * t + ar1(rng, IDLE, 22, phi)), "other": label(ar1(rng, IDLE, 22, phi))}
    )
    out = trend_contribution(target, drivers).sel(driver="idle")
    share = out.contribution / 0.16
    assert abs(float(share.mean())) < 0.05
    half = stats.t.isf(0.025, out.df) * out.stderr
    held = float((abs(out.contribution) <= half).mean())
    assert 0.93 <= held <= 0.97
    old = trend_contribution(target, drivers, control_time=False).sel(driver="idle").contribution / 0.16
    assert float(old.mean()) > (0.2 if warming == 2 else 0.5)


# --- the leading driver ---


def plain_lead(fit: object, x: np.ndarray, t: np.ndarray, control_time: bool) -> tuple[np.ndarray, np.ndarray]:
    """Effects and p of the leader's lead, from the coefficients and their covariances, as in definition 20."""
    k = len(x)
    spread = []
    for j in range(k):
        others = np.column_stack([np.ones(t.size), *np.delete(x, j, axis=0), *([t - t.mean()] if control_time else [])])
        rest = x[j] - others @ np.linalg.lstsq(others, x[j], rcond=None)[0]
        spread.append(np.sqrt(rest @ rest / (t.size - others.shape[1])))
    effect = fit.params[1 : k + 1] * spread
    covariance = fit.cov_params()[1 : k + 1, 1 : k + 1] * np.outer(spread, spread)
    lead = int(np.argmax(abs(effect)))
    p = np.full(k, np.nan)
    for j in set(range(k)) - {lead}:
        sign = np.sign(effect[lead] * effect[j])
        error = np.sqrt(covariance[lead, lead] + covariance[j, j] - 2 * sign * covariance[lead, j])
        p[j] = 2 * stats.t.sf((abs(effect[lead]) - abs(effect[j])) / error, fit.df_resid)
    return effect, p


@BOTH
@pytest.mark.parametrize("names", ["a", "ab", "abcd"])
def test_the_lead_is_that_of_the_covariance_of_the_coefficients(
    names: str, control_time: bool, rng: np.random.Generator
) -> None:
    target, drivers = world(rng, 20, names, gaps=0.04)
    out = leading_driver(target, drivers, control_time=control_time, dof="n")
    for cell in range(20):
        fit, t, x = fitted(target, drivers, cell, control_time)
        effect, p = plain_lead(fit, x, t, control_time)
        one = out.isel(cell=cell)
        check(one.effect, effect)
        check(one.p_value, p, rtol=1e-7)
        assert set(one.df.values[~np.isnan(p)]) <= {fit.df_resid} and one.n == t.size
    assert int(out.p_value.isnull().sum()) == 20


def test_the_leader_is_the_strongest_partial_correlation(rng: np.random.Generator, ar1: Callable) -> None:
    target, drivers = world(rng, 40, gaps=0.04)
    target = target + label(0.5 * ar1(rng, 40, 22, 0.7))
    drivers["b"] = drivers["b"] + label(ar1(rng, 40, 22, 0.7))
    for method in ("pearson", "spearman"):
        out, plain = (
            leading_driver(target, drivers, control_time=False, dof=d, method=method) for d in ("effective", "n")
        )
        partial = partial_correlation(target, drivers, dof="effective", method=method)
        leads = abs(partial.r) == abs(partial.r).max("driver")
        assert (out.p_value.isnull() == leads).all() and (leads.sum("driver") == 1).all()
        smaller = np.minimum(partial.df, partial.df.where(leads).max("driver")).where(~leads)
        check(out.df, smaller)
        statistic = stats.t.isf(plain.p_value / 2, plain.df) * np.sqrt(out.df / plain.df)
        check(out.p_value, 2 * stats.t.sf(statistic, out.df), rtol=1e-6)
    got = leading_driver(target, drivers, method="spearman", dof="n")
    for cell in range(10):
        both = complete(target, drivers)[cell].values
        y, *x = (stats.rankdata(da[cell].values[both]) for da in (target, *drivers.data_vars.values()))
        t = np.arange(1.0, y.size + 1)
        fit = sm.OLS(y, np.column_stack([np.ones(t.size), *x, t - t.mean()])).fit()
        effect, p = plain_lead(fit, np.array(x), t, True)
        check(got.effect[:, cell], effect)
        check(got.p_value[:, cell], p, rtol=1e-7)


def test_no_lead_is_shown_over_a_driver_that_cannot_be_told_apart(rng: np.random.Generator) -> None:
    target, drivers = world(rng, 5, "abcd")
    drivers["d"][0] = 2 * drivers["a"][0] + 1
    drivers["c"][1] = 0.0
    drivers["b"][2] *= 1e-3
    target[3] = 5.0
    for name in "abc":
        drivers[name][4] = 1.0
    out = leading_driver(target, drivers, floors={"b": 0.1})
    assert out.status.transpose("cell", "driver").values.tolist() == [
        [6, 0, 0, 6],
        [0, 0, 5, 0],
        [0, 5, 0, 0],
        [3, 3, 3, 3],
        [5, 5, 5, 0],
    ]
    assert (out.p_value.isel(cell=0).sel(driver=["a", "d"]) == 1).all()
    assert out.effect.isel(cell=0).isnull().values.tolist() == [True, False, False, True]
    for cell, gone in ((1, "c"), (2, "b")):
        alone = leading_driver(target, drivers.drop_vars(gone)).isel(cell=cell)
        assert out.p_value.isel(cell=cell).isnull().sum() == 2 and np.isnan(out.effect.isel(cell=cell).sel(driver=gone))
        for name in ("effect", "p_value"):
            check(out[name].isel(cell=cell).drop_sel(driver=gone), alone[name])
    for name in ("effect", "p_value"):
        assert out[name].isel(cell=3).isnull().all()
    assert out.p_value.isel(cell=4).isnull().all() and np.isfinite(out.effect.isel(cell=4).sel(driver="d"))


def test_equal_effects_are_a_tie_and_an_exact_one_leads(rng: np.random.Generator) -> None:
    a, b = np.linalg.qr(np.column_stack([np.ones(22), np.arange(22), rng.normal(size=(22, 2))]))[0].T[2:]
    drivers = xr.Dataset({"a": label(a[None]), "b": label(b[None])})
    assert float(leading_driver(label((a - b)[None]), drivers).p_value.max()) == 1.0
    assert float(leading_driver(label((a - 0.9 * b)[None]), drivers).p_value.max()) < 1e-12


SERIES = 4000


def with_effects(
    rng: np.random.Generator, effects: tuple[float, float], noise: float, correlation: float
) -> tuple[xr.DataArray, xr.Dataset]:
    """22 years of a target and two drivers of this correlation, whose b* (time held) are exactly ``effects``."""
    first = rng.normal(size=(SERIES, 22))
    second = correlation * first + np.sqrt(1 - correlation**2) * rng.normal(size=(SERIES, 22))
    target = noise * rng.normal(size=(SERIES, 22))
    t = np.arange(22) - 10.5
    for own, other, b in ((first, second, effects[0]), (second, first, effects[1])):
        for row, beside, y in zip(own, other, target, strict=True):
            design = np.column_stack([np.ones(22), t, beside])
            rest = row - design @ np.linalg.lstsq(design, row, rcond=None)[0]
            y += b / np.sqrt(rest @ rest / 19) * row
    return label(target), xr.Dataset({"a": label(first), "b": label(second)})


def named(target: xr.DataArray, drivers: xr.Dataset) -> tuple[float, float]:
    """How often a or b is named at 5 %: it leads the other, and its own partial r is significant."""
    lead = leading_driver(target, drivers, dof="n").p_value.min("driver") < 0.05
    time = xr.DataArray(YEARS.astype(float), {"time": YEARS}, "time")
    partial = partial_correlation(target, drivers.assign(held=time)).sel(driver=["a", "b"])
    first = abs(partial.r).argmax("driver")
    significant = partial.p_value < 0.05
    return tuple(float((lead & (first == j) & significant.isel(driver=j)).mean()) for j in (0, 1))


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("effect", [0.0, 0.3, 0.6])
def test_equal_drivers_are_seldom_named(effect: float, correlation: float) -> None:
    """n 22, noise 0.5: each way at most in the 2.5 % that a two-sided test of 5 % allows, and never above 5 %."""
    rng = np.random.default_rng([int(10 * effect), int(10 * correlation) + 5])
    for rate in named(*with_effects(rng, (effect, effect), 0.5, correlation)):
        assert rate < 0.025 + 3 * np.sqrt(0.025 * 0.975 / SERIES)


def power(effects: tuple[float, float], noise: float, correlation: float) -> float:
    """How often the test can name the first: estimates drawn from their normal law, residual variance from chi2(18)."""
    rng = np.random.default_rng(2)
    variance = noise**2 / 19
    both = variance * np.array([[1, -correlation], [-correlation, 1]])
    b1, b2 = rng.multivariate_normal(effects, both, size=200_000).T
    estimated = variance * rng.chisquare(18, b1.size) / 18
    error = np.sqrt(2 * estimated * (1 + np.sign(b1 * b2) * correlation))
    limit = stats.t.isf(0.025, 18)
    return float(((abs(b1) - abs(b2) > limit * error) & (abs(b1) > limit * np.sqrt(estimated))).mean())


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_unequal_drivers_are_named_as_often_as_the_power_allows(noise: float, correlation: float) -> None:
    """b* 0.9 and 0.3 (time held), n 22; see docs/science.md for the figures."""
    rng = np.random.default_rng([int(10 * noise), int(10 * correlation) + 5, 1])
    right, wrong = named(*with_effects(rng, (0.9, 0.3), noise, correlation))
    expected = power((0.9, 0.3), noise, correlation)
    # 0.005: the test's power is that of the correlation in the sample, which varies from series to series.
    assert abs(right - expected) < 3 * np.sqrt(expected * (1 - expected) / SERIES) + 0.005
    assert wrong < 0.005
