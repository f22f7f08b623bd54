"""The columns of the trend product that rest on its neighbours: whatever preset asks for them, and in a whole run."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.products.annual import annual as annual_product
from smcloud.products.annual import cell_areas
from smcloud.products.definition import make_products
from smcloud.products.trend import preset_trend, trend_fields, trend_maps
from smcloud.stats import pooled_trend
from tests.products.conftest import CONSTANT, EMPTY, OCEAN, SHORT, make_config, make_cube


@pytest.fixture(scope="module")
def series(annual: xr.Dataset) -> xr.DataArray:
    """Soil moisture of the cells that are tested: land alone."""
    return annual["soil_moisture"].where(annual["land_mask"] > 0)


def test_p_and_limits_of_the_pool_are_the_main_columns(annual: xr.Dataset, series: xr.DataArray) -> None:
    choice = {"test": "effective_pooled", "interval": "effective_pooled", "radius_km": 15000}
    config = make_config(trend=choice, alpha=0.1)
    maps = trend_maps(annual, config)
    assert not {"p_value", "slope_lower", "slope_upper"} & set(maps.data_vars)
    whole = maps.assign(trend_fields(maps, config, annual))
    expected = pooled_trend(series, cell_areas(annual), dim="year", radius_km=15000, alpha=0.1, min_valid=15)
    other = pooled_trend(series, cell_areas(annual), dim="year", alpha=0.1, min_valid=15)
    assert (expected["n_pooled"] != other["n_pooled"]).any()
    for name in ("p_value", "slope_lower", "slope_upper"):
        np.testing.assert_array_equal(whole[name], expected[name], err_msg=name)
    np.testing.assert_allclose(whole["slope"], expected["slope"], rtol=1e-8, atol=1e-15)
    assert float(whole["p_value"][CONSTANT]) == 1 and np.isnan(whole["p_value"][SHORT])
    assert int(whole["significant"][EMPTY]) == int(whole["significant"][OCEAN]) == 255
    p = whole["p_value"].values
    valid = np.isfinite(p)
    adjusted = np.full(p.shape, np.nan)
    adjusted[valid] = scipy.stats.false_discovery_control(p[valid])
    np.testing.assert_allclose(whole["p_adjusted"], adjusted, rtol=1e-12)


def test_a_series_without_a_field_is_tested_alone(annual: xr.Dataset, series: xr.DataArray) -> None:
    pooled, alone = (
        preset_trend(series, make_config(trend={"test": test, "interval": test}))
        for test in ("effective_pooled", "effective")
    )
    assert pooled.identical(alone)


class Memory:
    """A writer that keeps products in memory."""

    grid = {"lat": 1, "lon": 1}  # noqa: RUF012 - too small for overviews

    def __init__(self, config: object) -> None:
        self.config, self.kept = config, dict[str, xr.Dataset]()

    def write(self, products: dict[str, xr.Dataset]) -> None:
        self.kept |= {name: ds.compute(scheduler="synchronous") for name, ds in products.items()}

    def append(self, finishes: Mapping[str, Callable[..., xr.Dataset]]) -> None:
        for name, finish in finishes.items():
            more = finish(self.kept[name], self.config)
            self.kept[name] = self.kept[name].assign(more).assign_attrs(more.attrs)

    def open(self, name: str) -> xr.Dataset:
        return self.kept[name].chunk(lat=2, lon=3)

    def compute(self, ds: xr.Dataset) -> xr.Dataset:
        return ds.compute(scheduler="synchronous")


@pytest.mark.slow
def test_the_second_phase_brings_the_field_together() -> None:
    config = make_config(preset="rigorous", bootstrap={"replicates": 0}, drivers={"monthly": False})
    cube = make_cube()
    writer = Memory(config)
    make_products(cube.chunk(lat=2, lon=3), config, writer)
    got = writer.kept["trend"]
    annual = annual_product(cube, config)
    expected = trend_fields(trend_maps(annual, config), config, annual)
    for name in expected.data_vars:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=str(name))
