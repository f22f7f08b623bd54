"""Partial correlations of deseasonalised months against pingouin on plain tables."""

import numpy as np
import pandas as pd
import pingouin
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import ChunkError
from smcloud.products.annual import annual as annual_product
from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.products.flags import STATUS

from .conftest import CONSTANT, DESERT, DRIVERS, EMPTY, OCEAN, SHORT, make_config
from .test_anomalies import gappy_cube

LAGS = {"precipitation": 1, "lai": 2}
CELLS = [(2, 1), (3, 1), (1, 4), (4, 6), DESERT]


def config_with(**drivers: object) -> RunConfig:
    return make_config(preset="rigorous", drivers=drivers)


@pytest.fixture(scope="module")
def cube() -> xr.Dataset:
    """Driving noise month by month: rain acts at once and a month later, leaves two months later."""
    cube = gappy_cube()
    rng = np.random.default_rng(23)
    shape = cube["soil_moisture"].shape
    rain, leaf, warm = (rng.normal(size=shape) for _ in range(3))
    for driver, noise, scale in (("precipitation", rain, 8), ("lai", leaf, 0.3), ("soil_temperature", warm, 1)):
        level = cube[driver].mean("time") + cube[driver].copy(data=scale * noise)
        cube[driver] = level.transpose("time", "lat", "lon").where(cube[driver].notnull())
        cube[driver].attrs["cell_methods"] = "time: sum" if driver == "precipitation" else "time: mean"
    cube["lai"][:, *DESERT] = 0.0
    cube["soil_moisture"] = cube["soil_moisture"] + 0.01 * np.roll(rain, 1, axis=0) + 0.005 * np.roll(leaf, 2, axis=0)
    cube["soil_moisture"][:, *CONSTANT] = 0.1
    return cube


@pytest.fixture(scope="module")
def annual(cube: xr.Dataset) -> xr.Dataset:
    return annual_product(cube, make_config(preset="rigorous"))


def without_season(values: pd.Series) -> pd.Series:
    """What is left of ``values`` without month effects, which are fitted together with year effects."""
    valid = values.dropna()
    effects = pd.get_dummies(valid.index.month).to_numpy(float), pd.get_dummies(valid.index.year).to_numpy(float)
    solved = np.linalg.lstsq(np.column_stack(effects), valid.to_numpy(), rcond=None)[0][: effects[0].shape[1]]
    return (valid - effects[0] @ solved).reindex(values.index)


def cases(cube: xr.Dataset, i: int, j: int, lags: dict[str, int]) -> pd.DataFrame:
    """Complete months of a cell: departures from the season, drivers moved by their lags."""
    frame = cube.isel(lat=i, lon=j).sel(time=slice("2000", "2021"))[["soil_moisture", *DRIVERS]].to_dataframe()
    frame = frame[["soil_moisture", *DRIVERS]].astype(float)
    frame = frame.where(frame.groupby(frame.index.month).transform("count") >= 10).apply(without_season)
    for name, lag in lags.items():
        frame[name] = frame[name].shift(lag)
    if (i, j) == DESERT:
        frame = frame.drop(columns="lai")  # with the steps that its lag would cost
    stamps = frame.index
    return frame.reset_index(drop=True).assign(when=stamps.year + (stamps.month - 0.5) / 12)


@pytest.mark.slow
@pytest.mark.parametrize("lags", [{}, LAGS])
@pytest.mark.parametrize("detrend", [True, False])
def test_against_pingouin(cube: xr.Dataset, annual: xr.Dataset, lags: dict[str, int], detrend: bool) -> None:
    got = driver_maps(annual, config_with(lags=lags, detrend=detrend, dof="n"), cube)
    for cell in CELLS:
        frame = cases(cube, *cell, lags).dropna()
        others = [c for c in frame.columns if c not in ("soil_moisture", *([] if detrend else ["when"]))]
        assert int(got["monthly_n"][cell]) == len(frame) > 100
        for name in set(DRIVERS) & set(frame.columns):
            expected = pingouin.partial_corr(frame, name, "soil_moisture", [c for c in others if c != name]).iloc[0]
            here = got.sel(driver=name)
            np.testing.assert_allclose(here["monthly_partial_correlation"][cell], expected["r"], rtol=1e-8, atol=1e-12)
            np.testing.assert_allclose(here["monthly_p_value"][cell], expected["p_val"], rtol=1e-6, atol=1e-14)


def test_the_lag_finds_what_acts_later(cube: xr.Dataset, annual: xr.Dataset) -> None:
    at_once, later = (driver_maps(annual, config_with(lags=lags), cube) for lags in ({}, LAGS))
    r = {k: ds["monthly_partial_correlation"].sel(driver="precipitation") for k, ds in (("0", at_once), ("1", later))}
    assert float(r["1"].median()) > 0.3 and abs(float(r["0"].median())) < 0.1


def lagged(cube: xr.Dataset, annual: xr.Dataset, *lags: int, **more: object) -> xr.Dataset:
    drivers = {"monthly": False} | more
    config = make_config(preset="rigorous", drivers=drivers, attribution={"lags": lags})
    return driver_maps(annual, config, cube)


def test_the_lag_and_the_feedback_that_were_planted_are_found(cube: xr.Dataset, annual: xr.Dataset) -> None:
    """Rain acts a month later, leaves two; temperature follows soil moisture by a month, and drives nothing."""
    answer = cube.assign(soil_temperature=cube["soil_temperature"] + 60 * cube["soil_moisture"].shift(time=1).fillna(0))
    answer["soil_temperature"].attrs = cube["soil_temperature"].attrs
    got = lagged(answer, annual, -1, 0, 1, 2, 3)
    assert not any(str(name).startswith("monthly_") for name in got.data_vars)
    r = got["lagged_partial_correlation"]
    assert r.dims == ("lag", "driver", "lat", "lon") and r["lag"].attrs["units"] == "month"
    middle = abs(r).median(["lat", "lon"])
    for name, lag in (("precipitation", 1), ("lai", 2), ("soil_temperature", -1)):
        own = middle.sel(driver=name)
        assert float(own.sel(lag=lag)) > max(0.15, 2 * float(own.drop_sel(lag=lag).max())), name
        assert float((got["lagged_p_value"].sel(driver=name, lag=lag) < 0.01).sum()) > 20


@pytest.mark.parametrize("detrend", [True, False])
def test_lags_against_pingouin(cube: xr.Dataset, annual: xr.Dataset, detrend: bool) -> None:
    """r by pingouin; p and df by definition 10 of its residuals, which is tested below."""
    got = lagged(cube, annual, -1, 0, 2, detrend=detrend)
    same = driver_maps(annual, config_with(detrend=detrend), cube)
    np.testing.assert_array_equal(got["lagged_partial_correlation"].sel(lag=0), same["monthly_partial_correlation"])
    np.testing.assert_array_equal(got["lagged_p_value"].sel(lag=0), same["monthly_p_value"])
    for lag in (-1, 2):
        for cell in CELLS[:2]:
            frame = cases(cube, *cell, dict.fromkeys(DRIVERS, lag)).dropna()
            others = [c for c in frame.columns if c not in ("soil_moisture", *([] if detrend else ["when"]))]
            for name in DRIVERS:
                want = pingouin.partial_corr(frame, name, "soil_moisture", [c for c in others if c != name]).iloc[0]
                r, p, df = (
                    float(got[f"lagged_{column}"].sel(driver=name, lag=lag)[cell])
                    for column in ("partial_correlation", "p_value", "df")
                )
                assert r == pytest.approx(want["r"], rel=1e-8, abs=1e-12)
                assert 1 <= df <= len(frame) - 1 - len(others)
                assert p == pytest.approx(2 * scipy.stats.t.sf(abs(r) * np.sqrt(df / (1 - r**2)), df), rel=1e-8)


def test_effective_sample_size(cube: xr.Dataset, annual: xr.Dataset) -> None:
    """n (1 - a b)/(1 + a b) of the residuals' lag-1 autocorrelations, gaps in their place; df = that - 2 - k."""
    got = driver_maps(annual, config_with(lags=LAGS), cube).sel(driver="lai")
    cell = (3, 1)
    whole = cases(cube, *cell, LAGS)
    frame = whole.dropna()
    design = np.column_stack([np.ones(len(frame)), frame[["precipitation", "soil_temperature", "when"]]])
    rests = []
    for name in ("soil_moisture", "lai"):
        beta = np.linalg.lstsq(design, frame[name].to_numpy(), rcond=None)[0]
        rest = np.zeros(len(whole))
        rest[frame.index] = frame[name] - design @ beta
        rests.append(rest)
    n, pairs = len(frame), int((np.diff(frame.index) == 1).sum())
    a, b = (np.sum(rest[1:] * rest[:-1]) / pairs / (np.sum(rest**2) / (n - 1)) for rest in rests)
    size = min(n, n * (1 - a * b) / (1 + a * b))
    assert float(got["monthly_n_effective"][cell]) == pytest.approx(size, rel=1e-8)
    r = np.corrcoef(*[rest[frame.index] for rest in rests])[0, 1]
    df = size - 2 - 3
    p = 2 * scipy.stats.t.sf(abs(r) * np.sqrt(df / (1 - r**2)), df)
    assert float(got["monthly_p_value"][cell]) == pytest.approx(p, rel=1e-6)


def test_cells_and_drivers_without_an_annual_result_have_no_monthly_one(cube: xr.Dataset, annual: xr.Dataset) -> None:
    got = driver_maps(annual, config_with(), cube)
    for cell in (EMPTY, SHORT, OCEAN):
        assert got["monthly_partial_correlation"][:, *cell].isnull().all()
        assert int(got["monthly_n"][cell]) == 0
    assert np.isnan(got["monthly_p_value"].sel(driver="lai")[DESERT])
    dropped = got["status"] == {name: code for code, name in STATUS.items()}["dropped"]
    assert got["monthly_p_value"].where(dropped).isnull().all() and dropped.any()


def test_when_they_are_there(cube: xr.Dataset, annual: xr.Dataset) -> None:
    def monthly(ds: xr.Dataset) -> set[str]:
        return {str(name) for name in ds.data_vars if str(name).startswith("monthly_")}

    full = driver_maps(annual, config_with(lags=LAGS), cube)
    columns = {"monthly_partial_correlation", "monthly_p_value", "monthly_n_effective", "monthly_n"}
    assert monthly(full) == columns
    for ds in (driver_maps(annual, config_with()), driver_maps(annual, config_with(monthly=False), cube)):
        assert monthly(ds) == set()
        same = full[list(ds.data_vars)]
        same.attrs = ds.attrs  # which say what was chosen
        xr.testing.assert_identical(ds, same)
    fields = driver_fields(full, config_with(lags=LAGS))
    p = full["monthly_p_value"].values
    expected = np.full(p.shape, np.nan)
    expected[np.isfinite(p)] = scipy.stats.false_discovery_control(p[np.isfinite(p)])
    np.testing.assert_allclose(fields["monthly_p_adjusted"], expected)
    for name in columns | {"monthly_p_adjusted"}:
        attrs = (fields if name == "monthly_p_adjusted" else full)[name].attrs
        assert attrs["lag_months"] == [1, 0, 2], name
        assert "precipitation 1, soil_temperature 0, lai 2" in attrs["comment"] and attrs["long_name"], name


def test_chunks_along_time_are_refused(cube: xr.Dataset, annual: xr.Dataset) -> None:
    with pytest.raises(ChunkError, match="one chunk"):
        driver_maps(annual, config_with(), cube.chunk(time=24))
