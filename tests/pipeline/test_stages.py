"""The stages on a small world: ids, no-ops, what a change of the configuration computes anew."""

import json

import dask
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import smcloud
from smcloud import chunking, pipeline
from smcloud import store as stores
from smcloud.config import load_config
from tests.conftest import small_dataset
from tests.sealed_part import sealed_part


def whole_job(config):
    job = pipeline.check(config)
    cube = pipeline.ingest(config, job)
    return job, cube, pipeline.publish(config, job, cube, pipeline.compute(config, job))


@pytest.mark.slow
def test_a_job_is_json(small_world):
    job = pipeline.check(load_config(small_world()))
    assert json.loads(json.dumps(job.record()))["period"] == ["2000-01", "2007-12"]


def test_the_same_work_has_the_same_ids_wherever_it_lies(small_world, tmp_path):
    config = load_config(small_world())
    here = pipeline.check(config)
    moved = config.model_copy(update={"store": str(tmp_path / "elsewhere")})
    there = pipeline.check(moved)
    assert (here.cube_id, here.run_id) == (there.cube_id, there.run_id)


@pytest.mark.slow
def test_alpha_changes_the_products_but_not_the_cube(published, small_world):
    first = pipeline.check(load_config(published))
    release = pipeline.released(first)
    second, again, later = whole_job(load_config(small_world(alpha=0.1)))
    assert first.cube_id == second.cube_id and first.run_id != second.run_id
    assert not again.built
    assert (release.number, later.number, later.supersedes) == (1, 2, 1)
    assert pipeline.released(first).number == 1
    narrow = smcloud.open_product(first.store, "trend", 1)
    wide = smcloud.open_product(first.store, "trend")
    np.testing.assert_array_equal(narrow["slope"], wide["slope"])
    assert int((wide["significant"] == 1).sum()) >= int((narrow["significant"] == 1).sum())
    assert bool((wide["slope_upper"] - wide["slope_lower"] < narrow["slope_upper"] - narrow["slope_lower"])[0, 0])


@pytest.mark.slow
def test_products_that_did_not_change_are_stored_once(published, small_world, tmp_path):
    """A month of a year that is not complete: another cube, the same annual values."""
    first = pipeline.released(pipeline.check(load_config(published)))
    month = np.datetime64("2008-01-01", "ns")
    path = small_world(
        change=lambda ds: xr.concat([ds, ds.isel(time=[0]).assign_coords(time=[month])], "time", data_vars="minimal"),
        period={"start": "2000-01", "end": "2008-01"},
    )
    job, cube, later = whole_job(load_config(path))
    assert (later.number, cube.id != first.cube.id, later.run_id != first.run_id) == (2, True, True)
    same = [name for name in first.products if later.products[name].url == first.products[name].url]
    assert same == list(first.products)
    assert not list((tmp_path / "store" / "products").glob(f"*/{job.run_id}*.zarr"))
    after, before = (smcloud.open_product(job.store, "trend", version) for version in (job.run_id, 1))
    assert sealed_part(after).identical(sealed_part(before)) and after.attrs["id"] == before.attrs["id"]
    assert pipeline.released(job) == later and stores.verify(stores.Store.open(job.store))["release"] == 2


def test_another_world_is_another_cube(small_world):
    first = pipeline.check(load_config(small_world()))
    second = pipeline.check(load_config(small_world(change=lambda ds: ds * 1.01)))
    assert first.cube_id != second.cube_id


@pytest.mark.slow
def test_the_products_are_those_of_scipy(published, tmp_path):
    job = pipeline.check(load_config(published))
    world = xr.open_zarr(tmp_path / "world.zarr", consolidated=False)
    yearly = world["soil_moisture"].astype("float64").groupby("time.year").mean().values
    trend = smcloud.open_product(job.store, "trend")
    for i, j in ((0, 0), (2, 3)):
        line = scipy.stats.linregress(np.arange(8), yearly[:, i, j])
        assert float(trend["slope"][i, j]) == pytest.approx(line.slope, rel=1e-5)
        assert float(trend["p_value"][i, j]) == pytest.approx(line.pvalue, rel=1e-4)
    assert np.isnan(trend["slope"][3, 5])
    drivers = smcloud.open_product(job.store, "drivers")
    assert int(drivers["dominant_driver"][0, 0]) == 1  # precipitation, by construction
    assert int(drivers["dominant_driver"][3, 5]) == 255


@pytest.mark.slow
@pytest.mark.parametrize("names", [["lai"], ["precipitation", "lai"]])
def test_any_number_of_drivers(small_world, names):
    job, _, _ = whole_job(load_config(small_world(drivers={"names": names})))
    assert smcloud.open_product(job.store, "drivers")["driver"].values.tolist() == names


@pytest.mark.slow
def test_without_aridity_there_is_no_ddww_and_the_run_says_so(small_world):
    inputs = dict.fromkeys(("soil_moisture", "precipitation", "soil_temperature", "lai"), "world")
    config = load_config(small_world(inputs=inputs))
    _, _, release = whole_job(config)
    assert "ddww" not in release.products
    assert "aridity_index" in pipeline.missing_roles(config)


def test_what_the_scheme_of_zones_lacks_is_said(small_world):
    balance, of_moisture = (
        pipeline.missing_roles(load_config(small_world(zones={"scheme": name})))
        for name in ("water_balance", "climatology_terciles")
    )
    assert "potential_evaporation" in balance and "potential_evaporation" not in of_moisture


@pytest.mark.slow
def test_zones_of_another_scheme_are_published_with_what_they_are(small_world):
    zones = {"scheme": "climatology_terciles", "transition_in_share": False}
    period = {"start": "2000-01", "end": "2017-12"}  # of eight years no trend is significant
    config = load_config(small_world(lambda ds: small_dataset(18), zones=zones, period=period, years=None))
    job, _, release = whole_job(config)
    ddww, strata = (smcloud.open_product(job.store, name) for name in ("ddww", "strata"))
    lower, upper = ddww.attrs["zones_limits"]
    climatology = smcloud.open_product(job.store, "trend")["climatology"]
    expected = xr.where(climatology.isnull(), 0, 1 + (climatology >= lower) + (climatology >= upper))
    np.testing.assert_array_equal(ddww["zone"], expected)
    assert "zone_limits" not in ddww and ddww.attrs["zones_scheme"] == "climatology_terciles"
    assert ddww.attrs["ddww_share_of_change"] == ddww.attrs["ddww_share_without_transition"]
    assert "ddww_share_of_change_lower" not in ddww.attrs and "no interval" in ddww.attrs["ddww_interval_comment"]
    chosen = strata["kind"] == "ddww"
    assert (strata["status"].where(chosen, 9) == 9).all() and strata["p_value"].where(chosen).isnull().all()
    assert pipeline.report(release, job.store).tables["strata_ddww"][0]["p_value"] is None


@pytest.mark.slow
def test_the_rigorous_preset_runs_whole(small_world):
    period = {"start": "2000-01", "end": "2017-12"}
    config = small_world(lambda ds: small_dataset(18), preset="rigorous", period=period, years=None)
    job, _, release = whole_job(load_config(config))
    trend = smcloud.open_product(job.store, "trend")
    assert int(np.isfinite(trend["p_value"]).sum()) == 23
    called = trend["significant"] == 1
    assert bool((trend["p_adjusted"].where(called) <= 0.05).where(called, True).all())
    assert "ddww" in release.products


@pytest.mark.slow
def test_soil_moisture_alone_is_enough(small_world):
    config = load_config(small_world(inputs={"soil_moisture": "world"}))
    job, _, release = whole_job(config)
    assert set(release.products) == {"annual", "trend", "regional"}
    assert float(smcloud.open_product(job.store, "regional")["n_cells"].sel(region="globe")) == 23
    page = pipeline.report(release, job.store)
    assert page.report.endswith("index.html")


@pytest.mark.slow
def test_a_release_that_knows_no_levels_can_still_be_reported(published, tmp_path):
    """Earlier versions recorded whole sections as assumed."""
    job = pipeline.check(load_config(published))
    release = pipeline.released(job)
    assert release.config["levels"]["alpha"] == "stated" and release.config["changed"] == ["years.min_years"]
    earlier = {key: value for key, value in release.config.items() if key not in ("levels", "changed")}
    earlier |= {"assumed": ["trend", "zones"], "bootstrap": {"replicates": 200, "block": 2, "seed": 1}}
    page = pipeline.report(release.model_copy(update={"config": earlier}), job.store)
    text = (tmp_path / "store" / release.report).read_text()
    assert page.report.endswith(release.report) and "does not record" in text and "assumed" not in text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The specified chunks separate the stored chunks")  # as this test wants them
def test_workers_and_chunks_do_not_change_a_bit(published, tmp_path, monkeypatch):
    config = load_config(published)
    job = pipeline.check(config)
    release = pipeline.released(job)
    reference = {name: sealed_part(smcloud.open_product(job.store, name).load()) for name in release.products}
    monkeypatch.setattr(chunking, "TILES", {"time": -1, "year": -1, "lat": 3, "lon": 2})
    other = config.model_copy(update={"store": str(tmp_path / "other")})
    with dask.config.set(scheduler="single-threaded"):
        moved, _, _ = whole_job(other)
    for name, expected in reference.items():
        xr.testing.assert_identical(sealed_part(smcloud.open_product(moved.store, name).load()), expected)
