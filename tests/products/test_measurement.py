"""Breaks of the sensors and errors of the months in the trend product, against plain loops over years and months."""

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_product
from smcloud.products.anomalies import soil_moisture_years
from smcloud.products.measurement import p_value_with_breaks
from smcloud.products.trend import trend_fields, trend_maps
from smcloud.stats import cell_area, pooled_trend, set_breaks

from .conftest import CONSTANT, UNKNOWN_SENSORS_ROW, each_cell, make_config, make_cube

YEARS = np.arange(2000, 2022)
INSIDE = slice(2, 2 + 12 * len(YEARS))
BREAKS = ("slope_with_breaks", "p_value_with_breaks", "n_breaks", "stderr_growth")
ERRORS = {
    "slope_stderr_measurement": "_decaying",
    "slope_stderr_measurement_lower": "_independent",
    "slope_stderr_measurement_upper": "",
}


class World:
    """A preset's annual series and trend, and which months its annual values are made of."""

    def __init__(self, config: RunConfig) -> None:
        self.cube = make_cube()
        annual = annual_product(self.cube, config)
        trend = trend_maps(annual, config, self.cube)
        self.trend = trend.assign(trend_fields(trend, config, annual))
        series = annual["soil_moisture"].where(trend["slope"].notnull())
        self.pooled = pooled_trend(
            series, cell_area(annual.lat, annual.lon), "year", config.trend.radius_km, min_valid=15
        )
        self.years = annual["soil_moisture"].values
        months = self.cube.isel(time=INSIDE)
        self.used = months["soil_moisture"].notnull().values
        if config.annual.method == "anomalies":
            self.used &= soil_moisture_years(months["soil_moisture"], config.annual)[2].values
        self.sets = months["soil_moisture_sensors"]
        self.breaks = set_breaks(self.sets).values
        self.months = months


@pytest.fixture(scope="module", params=["peng2023", "rigorous"])
def made(request: pytest.FixtureRequest) -> World:
    return World(make_config(preset=request.param))


def with_breaks(world: World, i: int, j: int) -> dict[str, float]:
    """statsmodels on the annual values, a column for each break: the share of the year's months behind it."""
    trend = {name: float(world.trend[name][i, j]) for name in ("ols_slope", "ols_stderr")}
    if np.isnan(trend["ols_slope"]) or not (world.sets[:, i, j] > 0).any():
        return {}
    values = world.years[:, i, j]
    valid = np.isfinite(values)
    columns = []
    for at in world.breaks[:, i, j]:
        if at >= 0:
            used = world.used[:, i, j].reshape(-1, 12)
            behind = (np.arange(used.size) >= at).reshape(-1, 12)
            step = np.array([(u & b).sum() / max(u.sum(), 1) for u, b in zip(used, behind, strict=True)])[valid]
            if np.ptp(step) > 0:
                columns.append(step)
    if not columns:
        plain = {"slope_with_breaks": trend["ols_slope"], "p_value_with_breaks": float(world.pooled["p_value"][i, j])}
        return plain | {"n_breaks": 0, "stderr_growth": 1}
    if np.ptp(values[valid]) == 0:
        return {"slope_with_breaks": 0, "p_value_with_breaks": 1, "n_breaks": len(columns)}
    design = np.column_stack([np.ones(valid.sum()), YEARS[valid] - 2010.0, *columns])
    fit = sm.OLS(values[valid], design).fit()
    at = np.flatnonzero(valid)
    errors = float(world.pooled["r1_pooled"][i, j]) ** np.abs(np.subtract.outer(at, at))
    inverse = np.linalg.pinv(design)
    left = np.eye(at.size) - design @ inverse
    trace = np.trace(left @ errors)
    stderr = np.sqrt((inverse @ errors @ inverse.T)[1, 1] * fit.ssr / trace)
    df = trace**2 / np.trace(left @ errors @ left @ errors)
    p = 2 * scipy.stats.t.sf(abs(fit.params[1]) / stderr, df)
    return {
        "slope_with_breaks": fit.params[1], "p_value_with_breaks": p, "n_breaks": len(columns),
        "stderr_growth": fit.bse[1] / trend["ols_stderr"],
    }  # fmt: skip


def test_break_columns_equal_statsmodels(made: World) -> None:
    for name in BREAKS:
        expected = each_cell(lambda i, j, n=name: with_breaks(made, i, j).get(n, np.nan))
        np.testing.assert_allclose(made.trend[name], expected, rtol=1e-7, atol=1e-14, err_msg=name)
    counts = np.unique(made.trend["n_breaks"], equal_nan=True)
    assert {0, 1, 2} <= set(counts.tolist()) and np.isnan(counts).any()


def test_without_a_break_every_bit_is_the_plain_one(made: World) -> None:
    none = (made.trend["n_breaks"] == 0).values
    assert none.sum() > 4
    plain = {"slope_with_breaks": made.trend["ols_slope"], "p_value_with_breaks": made.pooled["p_value"]}
    for name, column in plain.items():
        np.testing.assert_array_equal(made.trend[name].values[none], column.values[none])
    assert (made.trend["stderr_growth"].values[none] == 1).all()


def test_what_the_sensors_do_not_tell_is_missing(made: World) -> None:
    unknown = (made.sets[:, UNKNOWN_SENSORS_ROW] == 0).all("time").values
    has = made.trend["ols_slope"][UNKNOWN_SENSORS_ROW].notnull().values
    assert (unknown & has).any() and (~unknown & has).any()
    for name in BREAKS:
        assert made.trend[name][UNKNOWN_SENSORS_ROW].isnull().values[unknown & has].all()


def slope_errors(world: World, i: int, j: int) -> dict[str, float]:
    """sigma of the slope as the square root of c' E c, E the full matrix of the months' error covariances."""
    values = world.years[:, i, j]
    valid = np.isfinite(values)
    if np.isnan(float(world.trend["ols_slope"][i, j])):
        return {}
    t = YEARS[valid]
    c = dict(zip(t.tolist(), (t - t.mean()) / ((t - t.mean()) ** 2).sum(), strict=True))
    out = {}
    for column, bound in ERRORS.items():
        sigma = world.months[f"soil_moisture_uncertainty{bound}"].values[:, i, j].astype(float)
        known = np.isfinite(sigma) & world.used[:, i, j]
        weight = np.zeros(len(sigma))
        for year in t:
            here = np.arange(12) + 12 * (year - 2000)
            here = here[known[here]]
            if not here.size:
                return {}
            weight[here] = c[int(year)] / len(here)
        moved = weight * np.where(known, sigma, 0)
        out[column] = np.sqrt((moved**2).sum())
        if not bound:
            breaks = [at for at in world.breaks[:, i, j] if at >= 0]
            epoch = np.searchsorted(breaks, np.arange(len(sigma)), side="right")
            same = epoch[:, None] == epoch[None, :]
            out["slope_stderr_measurement_epoch"] = np.sqrt(moved @ same @ moved)
    return out


def test_slope_errors_equal_the_full_covariance(made: World) -> None:
    for name in (*ERRORS, "slope_stderr_measurement_epoch"):
        expected = each_cell(lambda i, j, n=name: slope_errors(made, i, j).get(n, np.nan))
        got = made.trend[name].where(made.trend["ols_slope"].notnull())
        assert np.isfinite(expected).sum() > 10
        np.testing.assert_allclose(got, expected, rtol=1e-9, err_msg=name)


def test_the_bounds_are_in_order_and_the_interval_is_left_alone(made: World) -> None:
    low, mid, high = (made.trend[f"slope_stderr_measurement{name}"] for name in ("_lower", "", "_upper"))
    has = made.trend["ols_slope"].notnull() & low.notnull()
    assert has.sum() > 10 and ((low < mid) & (mid < high)).where(has, True).all()
    bare = made.cube.drop_vars([name for name in made.cube.data_vars if str(name).startswith("soil_moisture_")])
    config = make_config(preset=made.trend.attrs["preset"])
    plain = trend_maps(annual_product(bare, config), config, bare)
    assert not {*BREAKS, *ERRORS} & set(plain.data_vars)
    for name in {"slope_lower", "slope_upper", "p_value", "ols_stderr"} & set(plain.data_vars):
        np.testing.assert_array_equal(plain[name], made.trend[name])


def test_errors_without_sensors_are_of_one_epoch(made: World) -> None:
    config = make_config(preset=made.trend.attrs["preset"])
    cube = made.cube.drop_vars("soil_moisture_sensors")
    got = trend_maps(annual_product(cube, config), config, cube)
    assert "n_breaks" not in got
    np.testing.assert_array_equal(got["slope_stderr_measurement"], made.trend["slope_stderr_measurement"])
    sigma = cube["soil_moisture_uncertainty"]
    flat = cube.assign(soil_moisture_uncertainty=sigma * 0 + 0.03)
    same = trend_maps(annual_product(flat, config), config, flat)
    has = same["ols_slope"].notnull()
    # One error that the whole record shares moves no slope.
    assert float(same["slope_stderr_measurement_epoch"].where(has).max()) < 1e-15
    assert float(same["slope_stderr_measurement_upper"].where(has).min()) > 1e-5


def test_a_constant_cell_keeps_slope_zero(made: World) -> None:
    if float(made.trend["ols_slope"][CONSTANT]) == 0:
        assert float(made.trend["slope_with_breaks"][CONSTANT]) == 0
        assert float(made.trend["p_value_with_breaks"][CONSTANT]) == 1
    xr.testing.assert_equal(made.trend["n_years"] > 0, made.trend["climatology"].notnull())


@pytest.mark.parametrize("phi", [0.0, 0.2, 0.4])
def test_size_beside_a_break_under_the_shared_autocorrelation(phi: float) -> None:
    """Near 5 % of series without a trend, with their sensors' step in none or in all of the values."""
    rng, shape = np.random.default_rng(21), (len(YEARS), 45, 60)
    values = np.empty(shape)
    values[0] = rng.normal(size=shape[1:])
    for k in range(1, len(YEARS)):
        values[k] = phi * values[k - 1] + np.sqrt(1 - phi**2) * rng.normal(size=shape[1:])
    coords = {"year": YEARS, "lat": np.linspace(-44, 44, 45), "lon": np.arange(60.0)}
    series = xr.DataArray(values, coords, ("year", "lat", "lon"))
    at = xr.DataArray(rng.uniform(2004, 2018, (1, *shape[1:])), dims=("break", "lat", "lon"))
    maps = xr.Dataset({"break_year": at.pad({"break": (0, 2)}), "n_breaks": at[0] * 0 + 1})
    config, area = make_config(), cell_area(series.lat, series.lon)
    for height, largest in ((0.0, 0.065), (1.0, 0.065)):
        stepped = series + height * (series["year"] + 1 - at[0]).clip(0, 1)
        pooled = pooled_trend(stepped, area, "year", 600)
        size = float((p_value_with_breaks(stepped, maps, pooled, config) < 0.05).mean())
        assert 0.035 * (height == 0) < size < largest, (height, size)
        assert height == 0 or float((pooled["p_value"] < 0.05).mean()) > 2 * size
