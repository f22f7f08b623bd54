import dask
import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_product
from smcloud.products.blocks import per_block
from smcloud.products.drivers import driver_maps
from smcloud.products.trend import trend_maps

from .conftest import make_config, make_cube


@pytest.fixture
def stored() -> xr.Dataset:
    """Six blocks of cells, as a store gives them: one task for each variable and block."""
    data = {name: (("year", "lat", "lon"), np.random.default_rng(3).normal(size=(5, 6, 8))) for name in ("a", "b")}
    return xr.Dataset(data, {"year": np.arange(5), "lat": np.arange(6.0), "lon": np.arange(8.0)}).chunk(lat=2, lon=4)


def test_the_function_runs_once_for_each_block(stored: xr.Dataset, config: RunConfig) -> None:
    shapes = []

    def function(first: xr.Dataset, second: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
        shapes.append(dict(first.sizes) | {"more": second.sizes["month"]})
        total = (first["a"] + first["b"]).sum("year") + second["c"].sum("month")
        return xr.Dataset({"total": total, "scaled": total * config.alpha}).expand_dims(driver=["x"])

    other = stored.rename(year="month", a="c").drop_vars("b")
    got = per_block(function, stored, other, config=config)
    assert len(shapes) == 1 and got["total"].chunks is not None
    loaded = got.compute(scheduler="synchronous")
    assert len(shapes) == 1 + 6 and shapes[1] == {"year": 5, "lat": 2, "lon": 4, "more": 5}
    xr.testing.assert_identical(loaded, function(stored.compute(), other.compute(), config=config))


def test_what_is_in_memory_is_computed_at_once(stored: xr.Dataset, config: RunConfig) -> None:
    got = per_block(lambda ds, config: ds[["a"]].mean("year"), stored.compute(), config=config)
    assert got["a"].chunks is None


@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_a_product_is_a_handful_of_tasks_for_each_block(preset: str) -> None:
    """Beside reading and handing out the variables: one task for all statistics of a block."""
    config, cube = make_config(preset=preset), make_cube()
    annual = annual_product(cube, config).chunk(lat=3, lon=4)
    for product in (trend_maps(annual, config), driver_maps(annual, config, cube.chunk(lat=3, lon=4))):
        graph = dict(dask.optimize(product)[0].__dask_graph__())
        blocks = 4
        outputs = len(product.data_vars)
        inputs = 2 * len(annual.data_vars)
        assert len(graph) <= blocks * (outputs + inputs + 5)
