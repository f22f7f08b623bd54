"""Overviews of a run: sealed with their product, planned to the last array, and in nobody's way."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr
import zarr_cm

from smcloud import open_product, pipeline
from smcloud import store as stores
from smcloud.config import load_config
from smcloud.doors.groups import read_groups
from smcloud.export import export_release
from smcloud.pipeline.planning import compute as planning
from smcloud.products import overviews
from smcloud.store.inventory import read_inventory
from smcloud.store.objects import Place
from tests.conftest import write_small_world
from tests.pipeline.planning.test_plan import Tasks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FACTORS = (2, 4)
MADE = ("trend", "drivers", "ddww")  # of annual the land mask is drawn, and this world has none


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Store, release, what a plan counted and the tasks that ran, where grids above four cells have overviews."""
    kept = []

    class Kept(planning.DryWriter):
        def __init__(self, *given):
            super().__init__(*given)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overviews, "ABOVE", 4)
        patch.setattr(overviews, "LEAST", 2)
        patch.setattr(planning, "DryWriter", Kept)
        config = load_config(write_small_world(tmp_path_factory.mktemp("overviews")))
        job = pipeline.check(config)
        planned = next(stage for stage in pipeline.plan(config, job).stages if stage.name == "compute")
        cube = pipeline.ingest(config, job)
        with Tasks() as ran:
            products = pipeline.compute(config, job)
        pipeline.publish(config, job, cube, products)
    store = stores.Store.open(config.store)
    return store, stores.newest_release(store), kept[0], (planned.tasks, ran.count), config


def levels_of(store, release):
    """The variables of all levels, by product."""
    return {
        name: [da for da in xr.open_zarr(store.url_of(release.products[name].url)).data_vars.values()
               if overviews.is_of_level(da)]
        for name in release.products
    }  # fmt: skip


def test_they_are_sealed_with_their_product_as_made_of_its_maps(made):
    store, release, _, _, config = made
    stores.verify(store)
    for name in MADE:
        place = Place(store, release.products[name].url)
        plain = xr.open_zarr(place.url).load()
        own = overviews.without_overviews(plain)
        assert {"lat_bnds", "lon_bnds", "crs"} <= {*plain.coords}
        again = overviews.overviews(own, config, name, FACTORS)
        sealed = {entry["path"] for entry in read_inventory(place)[0]["objects"]}
        for key, da in again.variables.items():
            np.testing.assert_array_equal(plain[key].values, da.values)
            if key not in own.variables:
                assert f"{key}/{'/'.join(['c', *'0' * da.ndim])}" in sealed  # one object
        layout = {entry["asset"]: entry for entry in plain.attrs["multiscales"]["layout"]}
        zarr_cm.validate_all(plain.attrs)
        assert {it["name"] for it in plain.attrs["zarr_conventions"]} >= {"multiscales", "spatial"}
        assert {it for it, entry in layout.items() if "derived_from" not in entry} == {*overviews.MAPS[name]} & {*own}
        assert layout.keys() < {*plain.variables}


def test_the_plan_counts_their_arrays_and_tasks(made):
    store, release, dry, tasks, _ = made
    shapes = sorted(da.shape for levels in levels_of(store, release).values() for da in levels)
    assert len(shapes) > 40 and (2, 2) in shapes
    assert sorted(array.shape for array in dry.written if array.shape in {*shapes}) == shapes
    assert tasks[0] == pytest.approx(tasks[1], rel=0.3)


def test_they_are_in_nobodys_way(made, tmp_path):
    store, release, *_ = made
    groups = read_groups(store, release)
    for name, levels in levels_of(store, release).items():
        told = {array.name for array in groups[name].variables if array.is_of_overview}
        assert told == {da.name for da in levels if not str(da.name).endswith("_bnds")}
        assert bool(levels) == (name in MADE)
    export_release(store.url, "geotiff", tmp_path / "maps", products=("trend",))
    assert not [*(tmp_path / "maps").rglob("*_x2*")]
    trend = open_product(store.url, "trend")
    with rasterio.open(next((tmp_path / "maps").rglob("trend_slope.tif"))) as raster:
        assert raster.shape == (trend.sizes["lat"], trend.sizes["lon"])
    export_release(store.url, "csv", tmp_path / "tables", products=("ddww",))
    assert not [*(tmp_path / "tables").rglob("*_x2*")]
