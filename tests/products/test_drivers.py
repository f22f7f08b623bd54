from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pingouin
import pytest
import scipy.stats
import statsmodels.api as sm
import xarray as xr
from statsmodels.stats.outliers_influence import variance_inflation_factor

from smcloud.config import RunConfig
from smcloud.errors import ChunkError
from smcloud.products.drivers import _pearson, driver_fields, driver_maps
from smcloud.products.flags import STATUS

from .conftest import CONSTANT, DESERT, DRIVERS, EMPTY, MISSING_START, OCEAN, SHORT, each_cell, make_config

CODES = {name: code for code, name in STATUS.items()}
WEAK_LEAVES = (4, 1)


def cases(annual: xr.Dataset, i: int, j: int, names: tuple[str, ...]) -> pd.DataFrame | None:
    """The complete years of a cell, without the drivers that have to be dropped; None where there is no result."""
    frame = annual[["soil_moisture", *names]].isel(lat=i, lon=j).to_dataframe()[["soil_moisture", *names]].dropna()
    if (i, j) in (OCEAN, CONSTANT) or len(frame) < 15:
        return None
    floors = {"precipitation": 1.0, "lai": 0.02}
    kept = [n for n in names if frame[n].nunique() > 1 and frame[n].std() >= floors.get(n, 0)]
    return frame[["soil_moisture", *kept]].reset_index()


def partial(frame: pd.DataFrame | None, name: str, *also: str) -> pd.Series | None:
    if frame is None or name not in frame:
        return None
    covar = [c for c in frame.columns if c not in ("year", "soil_moisture", name)] + list(also)
    return pingouin.partial_corr(frame, name, "soil_moisture", covar or None).iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize("names", [("lai",), DRIVERS[:2], DRIVERS, (*DRIVERS, "radiation")])
def test_partial_correlation_against_pingouin(annual: xr.Dataset, names: tuple[str, ...]) -> None:
    got = driver_maps(annual, make_config(drivers={"names": names}))
    assert got["driver"].values.tolist() == list(names)
    for name in names:
        rows = [[partial(cases(annual, i, j, names), name) for j in range(8)] for i in range(6)]
        r, p = (np.array([[np.nan if v is None else v[key] for v in line] for line in rows]) for key in ("r", "p_val"))
        assert np.isfinite(r).sum() > 35
        where = {"driver": name}
        np.testing.assert_allclose(got["partial_correlation"].sel(where), r, rtol=1e-9, atol=1e-12)
        tested = np.isfinite(r)
        np.testing.assert_allclose(got["p_value"].sel(where).values[tested], p[tested], rtol=1e-7, atol=1e-12)


@pytest.mark.slow
def test_degrees_of_freedom_follow_what_is_dropped(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    drivers = world["drivers"]
    for cell, dropped in (((2, 1), 0), (DESERT, 1), (WEAK_LEAVES, 1)):
        frame = cases(annual, *cell, DRIVERS)
        df = drivers["df"].sel(driver="precipitation")[cell]
        assert float(df) == len(frame) - 2 - (2 - dropped)
        assert int(drivers["status"].sel(driver="lai")[cell]) == (CODES["dropped"] if dropped else 0)
        assert np.isnan(drivers["partial_correlation"].sel(driver="lai")[cell]) == bool(dropped)
        assert np.isnan(drivers["trend_contribution"].sel(driver="lai")[cell]) == bool(dropped)
        assert np.isfinite(drivers["trend_contribution"].sel(driver="precipitation")[cell])
    np.testing.assert_array_equal(drivers["n"], each_cell(
        lambda i, j: 0 if (i, j) == OCEAN
        else annual[["soil_moisture", *DRIVERS]].isel(lat=i, lon=j).to_dataframe().notna().all(axis=1).sum()
    ))  # fmt: skip


def test_status_says_why(world: dict[str, xr.Dataset], annual: xr.Dataset) -> None:
    status = world["drivers"]["status"].sel(driver="soil_temperature")
    for cell, reason in {CONSTANT: "constant", EMPTY: "empty", SHORT: "too_short", OCEAN: "not_land"}.items():
        assert int(status[cell]) == CODES[reason], reason
    assert 5 <= int(world["drivers"]["n"][SHORT]) < 15
    for name in ("partial_correlation", "correlation", "trend_contribution", "p_value", "df"):
        assert world["drivers"][name][:, *SHORT].isnull().all(), name
    ends = driver_maps(annual, make_config(years={"ends": {}}))
    assert (ends["status"][:, *MISSING_START] == CODES["ends_not_covered"]).all()
    for name in ("partial_correlation", "correlation", "trend_contribution", "p_value"):
        assert ends[name][:, *MISSING_START].isnull().all() and ends[name][:, *OCEAN].isnull().all()
        assert world["drivers"][name][:, *MISSING_START].notnull().all()


def test_plain_correlation_against_scipy(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    for name in DRIVERS:

        def pearson(i: int, j: int, driver: str = name) -> tuple[float, float]:
            pair = ["soil_moisture", driver]
            frame = annual[pair].isel(lat=i, lon=j).to_dataframe()[pair].dropna()
            if (i, j) == OCEAN or len(frame) < 15 or frame.nunique().min() == 1:
                return np.nan, np.nan
            return tuple(scipy.stats.pearsonr(frame["soil_moisture"], frame[driver]))

        expected = each_cell(pearson)
        assert np.isfinite(expected).sum() > 70
        got = world["drivers"].sel(driver=name)
        np.testing.assert_allclose(got["correlation"], expected[..., 0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got["correlation_p_value"], expected[..., 1], rtol=1e-8)


@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_contributions_add_up_to_the_slope(preset: str, annual: xr.Dataset) -> None:
    """In both presets: with time in the regression, and beside it the form without; n_eff of definition 10."""
    got = driver_maps(annual, make_config(preset=preset))
    cell = (2, 1)
    frame = cases(annual, *cell, DRIVERS)
    y, t, columns = frame["soil_moisture"].to_numpy(), frame["year"].to_numpy(float), frame[list(DRIVERS)].to_numpy()
    design = np.column_stack([np.ones(t.size), columns])
    slopes = np.array([scipy.stats.linregress(t, column).slope for column in columns.T])
    old = np.linalg.lstsq(design, y, rcond=None)[0][1:]
    fit = sm.OLS(y, np.column_stack([design, t - t.mean()])).fit()
    here = got.isel(lat=cell[0], lon=cell[1])
    np.testing.assert_allclose(here["contribution_without_time"], old * slopes, rtol=1e-8)
    np.testing.assert_allclose(here["trend_contribution"], fit.params[1:4] * slopes, rtol=1e-8)
    scale = np.sqrt(fit.df_resid / here["trend_contribution_df"])
    np.testing.assert_allclose(here["trend_contribution_stderr"], abs(slopes) * fit.bse[1:4] * scale, rtol=1e-8)
    assert (here["trend_contribution_df"] <= fit.df_resid).all()
    assert (here["trend_contribution_stderr_total"] > here["trend_contribution_stderr"]).all()
    np.testing.assert_allclose(here["trend_unexplained"], fit.params[-1], rtol=1e-8)
    slope = scipy.stats.linregress(t, y).slope
    np.testing.assert_allclose(here["slope_complete_cases"], slope, rtol=1e-9)
    np.testing.assert_allclose(here["trend_contribution"].sum() + here["trend_unexplained"], slope, rtol=1e-9)
    if preset == "rigorous":  # the same regression as that of r
        np.testing.assert_allclose(here["trend_contribution_df"], here["df"], rtol=1e-9)
    for name in ("trend_unexplained", "slope_complete_cases"):
        assert got[name].dims == ("lat", "lon")
        assert [bool(np.isnan(got[name][c])) for c in (OCEAN, EMPTY, SHORT, CONSTANT, DESERT)] == [True] * 3 + [
            False
        ] * 2


@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_dominance_probability_is_that_of_the_regression_of_r(preset: str, annual: xr.Dataset) -> None:
    """1 - p of the leader's lead over the nearest other, from the covariance of the coefficients (definition 20)."""
    got = driver_maps(annual, make_config(preset=preset))
    seen = 0
    for cell in ((2, 1), (3, 1), (3, 5), DESERT):
        frame = cases(annual, *cell, DRIVERS)
        here = got.isel(lat=cell[0], lon=cell[1])
        names = [name for name in frame.columns if name in DRIVERS]
        time = ["year"] if preset == "rigorous" else []
        fit = sm.OLS(frame["soil_moisture"], sm.add_constant(frame[names + time] - frame[names + time].mean())).fit()
        spread = []
        for name in names:
            others = [n for n in names if n != name] + time
            own = sm.OLS(frame[name], sm.add_constant(frame[others] - frame[others].mean())).fit()
            spread.append(np.sqrt(own.ssr / own.df_resid))
        b = fit.params[names].to_numpy() * spread
        v = fit.cov_params().loc[names, names].to_numpy() * np.outer(spread, spread)
        lead = int(np.argmax(abs(b)))
        assert names[lead] == here["driver"].values[int(abs(here["partial_correlation"]).fillna(0).argmax("driver"))]
        df = here["df"].sel(driver=names).to_numpy()
        p = []
        for j in set(range(len(names))) - {lead}:
            own = min(df[lead], df[j])
            error = np.sqrt((v[lead, lead] + v[j, j] - 2 * np.sign(b[lead] * b[j]) * v[lead, j]) * fit.df_resid / own)
            p.append(2 * scipy.stats.t.sf((abs(b[lead]) - abs(b[j])) / error, own))
        np.testing.assert_allclose(here["dominance_probability"], 1 - max(p), rtol=1e-7)
        seen += 1
    assert seen == 4 and got["dominance_probability"].dims == ("lat", "lon")
    for cell in (OCEAN, EMPTY, SHORT, CONSTANT):
        assert np.isnan(got["dominance_probability"][cell])
    alone = driver_maps(annual, make_config(preset=preset, drivers={"names": ["lai"]}))
    assert alone["dominance_probability"].isnull().all() and alone["trend_contribution"].notnull().any()


def test_detrending_makes_time_a_control(annual: xr.Dataset) -> None:
    got = driver_maps(annual, make_config(drivers={"detrend": True}))
    assert got["driver"].values.tolist() == list(DRIVERS)
    cell = (2, 1)
    frame = cases(annual, *cell, DRIVERS)
    for name in DRIVERS:
        expected = partial(frame, name, "year")
        assert float(got["partial_correlation"].sel(driver=name)[cell]) == pytest.approx(expected["r"], rel=1e-8)
        assert float(got["df"].sel(driver=name)[cell]) == len(frame) - 3 - 2
    plain = driver_maps(annual, make_config())
    for name in ("trend_contribution", "contribution_without_time"):
        np.testing.assert_array_equal(got[name], plain[name])


@pytest.mark.parametrize("detrend", [False, True])
def test_shares_of_r2_are_there_where_asked_for(
    detrend: bool, annual: xr.Dataset, world: dict[str, xr.Dataset]
) -> None:
    got = driver_maps(annual, make_config(drivers={"detrend": detrend}, attribution={"lmg": True}))
    assert got["lmg"].attrs["long_name"] and "lmg" not in world["drivers"]
    for cell in ((2, 1), DESERT):
        frame = cases(annual, *cell, DRIVERS)
        names = [name for name in frame.columns if name in DRIVERS] + ["year"] * detrend
        r2 = {(): 0.0}
        for size in range(1, len(names) + 1):
            for chosen in combinations(names, size):
                centred = frame[list(chosen)] - frame[list(chosen)].mean()
                r2[chosen] = sm.OLS(frame["soil_moisture"], sm.add_constant(centred)).fit().rsquared
        for name in DRIVERS:
            gains = [
                r2[tuple(n for n in names if n in {*order[: order.index(name)], name})]
                - r2[tuple(n for n in names if n in order[: order.index(name)])]
                for order in permutations(names)
                if name in names
            ]
            expected = np.mean(gains) if gains else np.nan
            np.testing.assert_allclose(got["lmg"].sel(driver=name)[cell], expected, rtol=1e-7)
    assert (got["lmg"].isnull() == got["partial_correlation"].isnull()).all()


@pytest.mark.parametrize("detrend", [False, True])
@pytest.mark.parametrize("names", [DRIVERS, ("lai",)])
def test_inflation_of_the_variance_is_that_of_statsmodels(
    names: tuple[str, ...], detrend: bool, annual: xr.Dataset
) -> None:
    got = driver_maps(annual, make_config(drivers={"detrend": detrend, "names": names}))
    factor = got["variance_inflation_factor"]
    assert factor.attrs["long_name"] and (factor.isnull() == got["partial_correlation"].isnull()).all()
    for cell in ((2, 1), DESERT, WEAK_LEAVES):
        frame = cases(annual, *cell, names)
        used = [name for name in frame.columns if name in names] + ["year"] * detrend
        design = sm.add_constant(frame[used] - frame[used].mean())
        for name in names:
            expected = variance_inflation_factor(design.to_numpy(), 1 + used.index(name)) if name in used else np.nan
            np.testing.assert_allclose(factor.sel(driver=name)[cell], expected, rtol=1e-8)


def test_effective_sample_size_is_passed_on(annual: xr.Dataset, world: dict[str, xr.Dataset]) -> None:
    got = driver_maps(annual, make_config(drivers={"dof": "effective"}))
    tested = got["n_effective"].notnull()
    assert (got["n_effective"] < got["n"]).any() and (got["n_effective"] <= got["n"]).where(tested, True).all()
    np.testing.assert_array_equal(
        world["drivers"]["n_effective"].transpose("driver", ...).values[0][2], world["drivers"]["n"].values[2]
    )


def test_false_discovery_rate_over_drivers_and_cells(world: dict[str, xr.Dataset]) -> None:
    p = world["drivers"]["p_value"].values
    valid = np.isfinite(p)
    expected = np.full(p.shape, np.nan)
    expected[valid] = scipy.stats.false_discovery_control(p[valid])
    np.testing.assert_allclose(world["drivers"]["p_adjusted"], expected)


def dominant(r: list[float], p: list[float], alpha: float) -> tuple[int, float]:
    if all(v != v for v in p):
        return 255, np.nan
    good = [k for k in range(len(r)) if p[k] < alpha and r[k] == r[k]]
    if not good:
        return 0, np.nan
    best = max(abs(r[k]) for k in good)
    winners = [k for k in good if abs(r[k]) == best]
    return (254, np.nan) if len(winners) > 1 else (winners[0] + 1, r[winners[0]])


def test_dominant_driver_against_a_plain_loop(world: dict[str, xr.Dataset]) -> None:
    drivers = world["drivers"]
    r, p = drivers["partial_correlation"].values, drivers["p_value"].values
    expected = each_cell(lambda i, j: dominant(list(r[:, i, j]), list(p[:, i, j]), 0.05))
    np.testing.assert_array_equal(drivers["dominant_driver"], expected[..., 0])
    np.testing.assert_array_equal(drivers["dominant_correlation"], expected[..., 1])
    assert {0, 1, 3, 255} <= set(np.unique(drivers["dominant_driver"]))
    assert int(drivers["dominant_driver"][CONSTANT]) == 0 and int(drivers["dominant_driver"][EMPTY]) == 255
    assert drivers["dominant_driver"].attrs["flag_meanings"].split() == ["none", *DRIVERS, "tie", "no_data"]
    assert drivers["dominant_driver"].attrs["flag_values"] == [0, 1, 2, 3, 254, 255]


def fields(r: list[float], p: list[float], probability: float) -> xr.Dataset:
    coords = {"driver": list(DRIVERS), "lat": [0.0], "lon": [0.0]}
    maps = {
        name: xr.DataArray(np.array(values).reshape(-1, 1, 1), coords, ("driver", "lat", "lon"))
        for name, values in (("partial_correlation", r), ("p_value", p))
    }
    maps["dominance_probability"] = xr.full_like(maps["p_value"].isel(driver=0, drop=True), probability)
    return xr.Dataset(maps)


@pytest.mark.parametrize(
    ("r", "p", "probability", "by_p", "by_adjusted"),
    [
        ([0.6, -0.6, 0.1], [0.001, 0.001, 0.9], 0.0, 254, 254),  # equal in size
        ([0.6, -0.61, 0.1], [0.001, 0.001, 0.9], 0.06, 2, 254),  # no lead is shown
        ([0.6, -0.9, 0.1], [0.001, 0.0001, 0.9], 0.96, 2, 2),
        ([0.6, -0.9, 0.1], [0.001, 0.0001, 0.9], 0.94, 2, 254),
        ([0.6, 0.7, 0.1], [0.001, 0.5, 0.9], 0.99, 1, 254),  # the leader is not significant, another one is
        ([0.6, 0.1, 0.2], [0.04, 0.9, 0.9], 0.99, 1, 0),  # not significant after adjustment
        ([0.1, 0.1, 0.2], [0.4, 0.9, 0.9], 0.99, 0, 0),
        ([np.nan, 0.7, np.nan], [np.nan, 0.001, np.nan], np.nan, 2, 2),  # there is no other
        ([np.nan, 0.7, np.nan], [np.nan, 0.2, np.nan], np.nan, 0, 0),
        ([np.nan] * 3, [np.nan] * 3, np.nan, 255, 255),
        ([-0.9, 0.2, 0.2], [0.0001, 0.9, 0.9], 0.999, 1, 1),
    ],
)
def test_ties_none_and_no_data(r: list[float], p: list[float], probability: float, by_p: int, by_adjusted: int) -> None:
    maps = fields(r, p, probability)
    for rule, expected in (("p_value", by_p), ("p_adjusted", by_adjusted)):
        got = driver_fields(maps, make_config(drivers={"dominant": rule}))
        assert got["dominant_driver"].item() == expected, rule
        value = r[expected - 1] if 1 <= expected <= 3 else np.nan
        np.testing.assert_equal(got["dominant_correlation"].item(), value)
        assert got["dominant_driver"].dims == ("lat", "lon") and got["dominant_driver"].dtype == np.uint8


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_correlation_does_not_depend_on_layout_or_neighbours(gaps: float) -> None:
    rng = np.random.default_rng(11)
    x = xr.DataArray(rng.normal(size=(22, 9, 7)), dims=("year", "lat", "lon"))
    y = x * 0.3 + rng.normal(size=(22, 9, 7)) * 10.0 ** rng.integers(-4, 4, (22, 9, 7))
    x = x.where(rng.random(x.shape) >= gaps)
    whole = _pearson(x, y, 10)
    for order in (("year", "lat", "lon"), ("lon", "lat", "year"), ("lat", "year", "lon")):
        for i, j in np.ndindex(9, 7):
            cells = [da[:, i : i + 1, j : j + 1].transpose(*order) for da in (x, y)]
            one = [xr.DataArray(np.ascontiguousarray(cell), dims=order) for cell in cells]
            for got, expected in zip(_pearson(*one, 10), whole, strict=True):
                np.testing.assert_array_equal(got.item(), expected[i, j])


def test_correlation_is_that_of_xskillscore_bit_for_bit() -> None:
    import xskillscore

    rng = np.random.default_rng(12)
    x = xr.DataArray(rng.normal(size=(22, 8, 30)), dims=("year", "lat", "lon"))
    y = (0.5 * x + rng.normal(size=x.shape)).astype("float32")
    y[:, 0, :5] = -(2.0**-3) * x[:, 0, :5].astype("float32")
    x[:, 0, :5] = y[:, 0, :5]  # r = 1
    x = x.where((rng.random(x.shape) >= 0.2) | (np.arange(8)[:, None] % 2 == 0))
    x[:9, 3], x[3, 4, :4], y[5, 4, 2:6] = np.nan, np.inf, -np.inf
    r, p = _pearson(x, y, 15)
    both = np.isfinite(x) & np.isfinite(y)
    rows = [da.where(both).astype(float).transpose("lat", "lon", "year").values.reshape(-1, 22) for da in (x, y)]
    few = both.sum("year").values.ravel() < 15
    pair = [xr.DataArray(np.where(few[:, None], np.nan, row), dims=("cell", "year")) for row in rows]
    for got, peer in ((r, xskillscore.pearson_r), (p, xskillscore.pearson_r_p_value)):
        np.testing.assert_array_equal(got.values.ravel(), peer(*pair, dim="year", skipna=True).values)
    assert few.sum() >= 30 and (r[0, :5] == 1).all() and 0 < float(both.all("year").mean()) < 1


def test_a_constant_has_no_correlation_and_few_pairs_neither() -> None:
    x = xr.DataArray(np.arange(22.0), dims="year")
    constant = xr.full_like(x, 0.1)
    for first, second in ((x, constant), (constant, x), (x.where(x < 9), x)):
        r, p = _pearson(first, second, 10)
        assert np.isnan(r) and np.isnan(p)
    r, p = _pearson(x, -x, 10)
    assert r.item() == -1.0 and p.item() == 0.0


@pytest.mark.slow
def test_spearman_takes_the_ranks_of_the_complete_years(annual: xr.Dataset) -> None:
    got = driver_maps(annual, make_config(drivers={"method": "spearman"}))
    for cell in ((2, 1), (3, 1), DESERT):
        frame = cases(annual, *cell, DRIVERS)
        for name in frame.columns.drop(["year", "soil_moisture"]):
            expected = partial(frame.rank(), name)
            here = got.sel(driver=name)
            assert float(here["partial_correlation"][cell]) == pytest.approx(expected["r"], rel=1e-9, abs=1e-12)
            assert float(here["p_value"][cell]) == pytest.approx(expected["p_val"], rel=1e-7)


def test_refusals(annual: xr.Dataset, config: RunConfig) -> None:
    with pytest.raises(ChunkError):
        driver_maps(annual.chunk(year=11), config)
