"""The cube has the same bits whatever its chunks, workers and stretches, stays lazy, and its graph stays small."""

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import load_catalog
from smcloud.cube import build, make_template, open_sources
from smcloud.cube.calendar import month_range
from smcloud.cube.regrid import regrid
from smcloud.store.write import align, template_of
from tests.cube.quirky_sources import DATA, computed, config_for, cube_of, entry, expected_values, variable, write


@pytest.mark.slow
@pytest.mark.parametrize(("chunks", "scheduler", "workers"), [(61, "threads", 3), (2000, "synchronous", 1)])
def test_chunks_and_workers_do_not_change_a_bit(built, tmp_path, chunks, scheduler, workers):
    reference = built[2]
    other = write(tmp_path, DATA, chunks)
    with dask.config.set(scheduler=scheduler, num_workers=workers):
        ds, _ = computed(cube_of(other)[0])
    for name in reference.data_vars:
        assert ds[name].values.tobytes() == reference[name].values.tobytes(), name


@pytest.mark.slow
def test_a_year_alone_has_the_bits_of_the_whole(world, built):
    ds = built[2]
    year, _ = computed(cube_of(world, period={"start": "2001-01", "end": "2001-12"})[0])
    for name in ds.data_vars:
        part = ds[name].isel(time=slice(12, 24)) if "time" in ds[name].dims else ds[name]
        assert year[name].values.tobytes() == part.values.tobytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("end", ["2000-06", "2002-12"])
def test_the_outline_of_a_cube_is_laid_out_as_the_cube(world, end):
    config = config_for(world, period={"start": "2000-01", "end": end})
    sources = open_sources(config, load_catalog(config.catalog))
    months = month_range("2000-01", end)
    whole = build(config, sources, months).dataset
    part = build(config, sources, months[-12:]).dataset
    ours = make_template(sources, months, part)
    assert template_of(align(ours)) == template_of(align(whole))
    assert template_of(align(make_template(sources, months, whole))) == template_of(align(whole))
    for name, da in whole.variables.items():
        assert (ours[name].chunks is None) == (da.chunks is None), name


def refuse(*args, **kwargs):
    raise AssertionError("something was computed")


@pytest.mark.slow
def test_nothing_is_computed_before_it_is_asked_for(world):
    with dask.config.set(scheduler=refuse):
        cube, _ = cube_of(world)
    assert all(dask.is_dask_collection(cube.dataset[name]) for name in (*expected_values(), "land_cover"))
    assert all(dask.is_dask_collection(c) for counted in cube.counters.values() for c in counted.values())


@pytest.mark.slow
def test_the_graph_grows_with_the_chunks_and_years_only(built):
    sources, cube, _, _ = built
    chunks = sum(source.values.data.npartitions for source in sources.values())
    assert len(cube.dataset.__dask_graph__()) < 10 * chunks + 12 * 3 * len(sources)


@pytest.mark.slow
def test_another_grid_on_request(world, built):
    native = built[2]
    ds, _ = computed(cube_of(world, grid={"resolution": 22.5})[0])
    assert ds.sizes["lat"] == 8 and ds.sizes["lon"] == 16
    expected = regrid(native["soil_moisture"].astype(float), ds["lat"].values, ds["lon"].values)
    np.testing.assert_allclose(ds["soil_moisture"], expected, rtol=1e-6)


@pytest.mark.slow
def test_a_line_comes_through(tmp_path):
    """Soil moisture 0.2 + 0.001 (t - 2000): every month is the line at its middle, whatever days are left."""
    time = pd.date_range("2000-01-01", "2004-12-31")
    year = 2000 + np.array([(t.month - 0.5) / 12 + t.year - 2000 for t in time])
    sm = np.broadcast_to((0.2 + 0.001 * (year - 2000))[:, None, None], (len(time), 2, 3)).astype(np.float32)
    gone = np.random.default_rng(1).random(sm.shape) < 0.4
    ds = xr.Dataset(
        {"sm": (("time", "lat", "lon"), np.where(gone, np.nan, sm), {"units": "m3 m-3"})},
        coords={"time": time, "lat": [10.0, 20], "lon": [0.0, 10, 20]},
    )
    entries = {"sm": entry("zarr", "sm.zarr", {"soil_moisture": variable("sm", "m3 m-3", "day", 0, 1)})}
    entries["sm"]["metadata"]["variables"]["twin"] = variable("sm", "m3 m-3", "day", 0, 1)
    path = write(tmp_path, {"sm": ds}, 50, entries)
    cube, _ = cube_of(
        path,
        period={"start": "2000-01", "end": "latest-complete-year"},
        inputs={"soil_moisture": "sm", "twin": "sm"},
        drivers={"names": ["twin"]},
    )
    out, _ = computed(cube)
    month = np.arange(60)
    np.testing.assert_allclose(out["soil_moisture"][:, 1, 2], 0.2 + 0.001 * (month + 0.5) / 12, rtol=1e-6)
    assert out["soil_moisture"].notnull().all()


def test_one_row_of_two_cells_on_its_own_grid(tmp_path):
    time = pd.date_range("2000-01-01", "2000-12-31")
    ds = xr.Dataset(
        {"sm": (("time", "lat", "lon"), np.full((366, 1, 2), 0.25, np.float32), {"units": "m3 m-3"})},
        coords={"time": time, "lat": [46.9], "lon": [7.31, 6.12]},
    )
    ds["t2m"] = (ds["sm"] + 10).assign_attrs(units="degC")
    entries = {"basins": entry("zarr", "basins.zarr", {
        "soil_moisture": variable("sm", "m3 m-3", "day", 0, 1),
        "temperature": variable("t2m", "degC", "day", -60, 60),
    })}  # fmt: skip
    path = write(tmp_path, {"basins": ds}, 100, entries)
    cube, _ = cube_of(
        path,
        period={"start": "2000-01", "end": "2000-12"},
        inputs={"soil_moisture": "basins", "temperature": "basins"},
        drivers={"names": ["temperature"]},
    )
    out, _ = computed(cube)
    assert out["soil_moisture"].shape == (12, 1, 2)
    np.testing.assert_array_equal(out["soil_moisture"], np.float32(0.25))
    np.testing.assert_allclose(out["temperature"], 283.4, rtol=1e-6)
