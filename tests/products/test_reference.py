"""The second record of soil moisture: its own trend on the first one's years and months, and their agreement."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_product
from smcloud.products.trend import trend_fields, trend_maps

from .conftest import CONSTANT, LAT, LON, each_cell, make_config, make_cube

COLUMNS = {"reference_slope", "reference_p_value", "reference_r", "reference_rmse", "reference_bias"}


def with_reference() -> xr.Dataset:
    cube = make_cube()
    rng = np.random.default_rng(31)
    sm = cube["soil_moisture"]
    other = 0.2 + 0.5 * sm.fillna(0.25) + 0.01 * rng.normal(size=sm.shape)
    values = other.where(rng.random(sm.shape) > 0.01).astype("float32")
    return cube.assign(soil_moisture_reference=values.assign_attrs(units="m3 m-3", cell_methods="time: mean"))


@pytest.fixture(scope="module")
def made(config: RunConfig) -> tuple[xr.Dataset, xr.Dataset, xr.Dataset]:
    cube = with_reference()
    annual = annual_product(cube, config)
    return cube, annual, trend_maps(annual, config)


def test_a_year_is_the_mean_of_the_months_that_both_have(made: tuple[xr.Dataset, xr.Dataset, xr.Dataset]) -> None:
    cube, annual, _ = made
    months = cube.isel(time=slice(2, 2 + 264))
    both = np.where(months["soil_moisture"].notnull(), months["soil_moisture_reference"], np.nan).astype(float)
    years = both.reshape(22, 12, len(LAT), len(LON))
    enough = np.isfinite(years).sum(axis=1) >= 6
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(years, axis=1) / np.isfinite(years).sum(axis=1)
    np.testing.assert_allclose(annual["soil_moisture_reference"], np.where(enough, mean, np.nan), rtol=1e-12)


def test_columns_equal_scipy_and_plain_formulas(made: tuple[xr.Dataset, xr.Dataset, xr.Dataset]) -> None:
    _, annual, trend = made

    def of(name: str, i: int, j: int) -> float:
        x, y = (annual[role].values[:, i, j] for role in ("soil_moisture", "soil_moisture_reference"))
        both = np.isfinite(x) & np.isfinite(y)
        if np.isnan(float(trend["slope"][i, j])) or both.sum() < 15:
            return np.nan
        x, y, t = x[both], y[both], annual["year"].values[both]
        if name in ("reference_slope", "reference_p_value"):
            line = scipy.stats.linregress(t, y)
            return float(line.slope if name == "reference_slope" else line.pvalue)
        if name == "reference_r":
            return np.nan if np.ptp(x) == 0 else float(np.corrcoef(x, y)[0, 1])
        return float(np.sqrt(np.mean((x - y) ** 2)) if name == "reference_rmse" else np.mean(x - y))

    for name in COLUMNS:
        expected = each_cell(lambda i, j, n=name: of(n, i, j))
        assert np.isfinite(expected).sum() > 30
        np.testing.assert_allclose(trend[name], expected, rtol=1e-8, atol=1e-12, err_msg=name)
        assert trend[name].attrs["long_name"] and trend[name].attrs["units"]
    assert np.isnan(trend["reference_r"][CONSTANT]) and np.isfinite(trend["reference_bias"][CONSTANT])


def test_the_share_of_the_same_sign_is_by_area(
    made: tuple[xr.Dataset, xr.Dataset, xr.Dataset], config: RunConfig
) -> None:
    _, annual, trend = made
    a, b = trend["slope"].values, trend["reference_slope"].values
    both = np.isfinite(a) & np.isfinite(b)
    south, north = np.radians(LAT - 15), np.radians(LAT + 15)
    area = np.broadcast_to((np.sin(north) - np.sin(south))[:, None], a.shape)
    expected = area[both & (np.sign(a) == np.sign(b))].sum() / area[both].sum()
    share = float(trend_fields(trend, config, annual)["reference_same_sign_share"])
    assert share == pytest.approx(expected, rel=1e-12) and 0.5 < share < 1


def test_it_changes_nothing_else_and_is_no_driver(
    made: tuple[xr.Dataset, xr.Dataset, xr.Dataset], world: dict[str, xr.Dataset], config: RunConfig
) -> None:
    plain = world["trend"]
    assert set(made[2].data_vars) - set(plain.data_vars) == COLUMNS
    for name in set(made[2].data_vars) & set(plain.data_vars):
        np.testing.assert_array_equal(made[2][name], plain[name], err_msg=str(name))
    assert "reference_same_sign_share" not in plain
    listed = make_config(inputs=dict(config.inputs) | {"soil_moisture_reference": "entry"})
    assert "soil_moisture_reference" not in listed.drivers.names


@pytest.mark.slow
def test_anomalies_and_chunks() -> None:
    config = make_config(preset="rigorous")
    cube = with_reference()
    whole = trend_maps(annual_product(cube, config), config, cube)
    lazy = cube.chunk(lat=2, lon=3)
    cut = trend_maps(annual_product(lazy, config), config, lazy)
    for name in COLUMNS:
        assert whole[name].notnull().sum() > 5, name
        np.testing.assert_array_equal(cut[name], whole[name], err_msg=name)
