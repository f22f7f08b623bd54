"""Cubes and products in tiles: how they are divided, killed between two of them, and resumed to the same bits."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from smcloud import chunking, pipeline
from smcloud import store as stores
from smcloud.chunking import block_tiles, time_tiles
from smcloud.config import load_config
from smcloud.errors import ClimatologyError
from tests.conftest import small_dataset

# One driver is enough where tiles are many, and each costs its time.
FEW = {
    "inputs": dict.fromkeys(("soil_moisture", "soil_temperature"), "world"),
    "drivers": {"names": ["soil_temperature"]},
}


def test_tiles_of_time_hold_neighbours_up_to_the_limit():
    assert time_tiles([0, 1, 2, 3, 7, 8], 3) == [(0, 3), (3, 4), (7, 9)]
    assert time_tiles([0, 1], 0) == [(0, 1), (1, 2)]  # a time chunk is never divided


@pytest.mark.parametrize("limit", [1, 30, 70, 160, 10_000])
def test_tiles_of_blocks_cover_the_grid_once(limit):
    tiles = block_tiles(5, 7, 10, limit)
    seen = [(i, j) for tile in tiles for i in range(*tile.rows) for j in range(*tile.columns)]
    assert sorted(seen) == [(i, j) for i in range(5) for j in range(7)]
    assert all((t.rows[1] - t.rows[0]) * (t.columns[1] - t.columns[0]) * 10 <= max(limit, 10) for t in tiles)
    assert len({tile.name for tile in tiles}) == len(tiles)


def cube_of(job):
    return stores.Prefix(stores.Store.open(job.store), stores.cube_path(job.cube_id)).open().load()


def markers(job):
    folder = stores.Store.open(job.store).join(stores.cube_path(job.cube_id), "lat/.tiles")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_a_cube_killed_between_its_tiles_goes_on_and_is_the_same_to_the_bit(small_world, tmp_path, monkeypatch):
    years = {
        "change": lambda ds: small_dataset(18),
        "period": {"start": "2000-01", "end": "2017-12"},
    } | FEW  # time to be killed
    whole = load_config(small_world(**years))
    reference = pipeline.check(whole)
    pipeline.ingest(whole, reference)
    path = small_world(cluster={"graph_tasks": 1, "workers": 1}, store=str(tmp_path / "tiles"), **years)
    config = load_config(path)
    job = pipeline.check(config)
    assert pipeline.plan(config, job).stages[1].graphs == 18
    child = subprocess.Popen([sys.executable, "-m", "smcloud.cli", "ingest", str(path)])
    end = time.monotonic() + 600
    while len(markers(job)) < 3 and child.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = markers(job)
    assert 3 <= len(done) < 18 and pipeline.found_cube(job) is None
    built = []
    real = stores.Prefix.mark_tile
    monkeypatch.setattr(stores.Prefix, "mark_tile", lambda *arguments: (built.append(arguments[1]), real(*arguments)))
    assert pipeline.ingest(config, job).status == "built"
    assert sorted(f"{name}.json" for name in built) == sorted(
        set(f"{12 * i:05d}-{12 * i + 12:05d}.json" for i in range(18)) - set(done)
    )
    assert markers(job) == []
    xr.testing.assert_identical(cube_of(job), cube_of(reference))


@pytest.mark.slow
def test_tiles_do_not_hide_a_climatology(small_world):
    def same_every_year(ds):
        ds["lai"][:] = np.tile(ds["lai"].values[:12], (8, 1, 1))
        return ds

    config = load_config(small_world(change=same_every_year, cluster={"graph_tasks": 1}))
    with pytest.raises(ClimatologyError):
        pipeline.ingest(config, pipeline.check(config))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_products_interrupted_between_their_tiles_go_on_and_are_the_same_to_the_bit(small_world, tmp_path, monkeypatch):
    config = load_config(small_world(**FEW))
    job = pipeline.check(config)
    pipeline.ingest(config, job)
    expected = opened(job, pipeline.compute(config, job))
    config, job = in_small_tiles(small_world, tmp_path, monkeypatch)
    pipeline.ingest(config, job)
    marked, real = [], stores.Prefix.mark_tile

    def mark(*arguments):
        marked.append((arguments[0].path, arguments[1]))
        if len(marked) == 10:  # annual has its six blocks, trend and drivers two each
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(stores.Prefix, "mark_tile", mark)
    with pytest.raises(KeyboardInterrupt):
        pipeline.compute(config, job)
    first, marked[:] = marked[:9], []
    assert len({path for path, _ in first}) == 3
    monkeypatch.setattr(
        stores.Prefix, "mark_tile", lambda *given: (marked.append((given[0].path, given[1])), real(*given))
    )
    products = pipeline.compute(config, job)
    assert not set(first) & set(marked) and len(set(first) | set(marked)) == 18
    for name, ds in opened(job, products).items():
        xr.testing.assert_identical(ds, expected[name])


def in_small_tiles(small_world, tmp_path, monkeypatch):
    """A configuration and its job whose blocks have two cells by two and whose graphs one task."""
    monkeypatch.setattr(chunking, "CHUNK", 2)
    monkeypatch.setattr(chunking, "TILES", {"time": -1, "year": -1, "lat": 2, "lon": 2})
    config = load_config(small_world(cluster={"graph_tasks": 1}, store=str(tmp_path / "tiles"), **FEW))
    return config, pipeline.check(config)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tile_that_is_damaged_later_is_written_anew(small_world, tmp_path, monkeypatch):
    config, job = in_small_tiles(small_world, tmp_path, monkeypatch)
    pipeline.ingest(config, job)
    real = stores.Prefix.mark_tile

    def mark(*arguments):
        real(*arguments)
        if "trend" in arguments[0].path:  # annual is whole by then
            raise KeyboardInterrupt

    monkeypatch.setattr(stores.Prefix, "mark_tile", mark)
    with pytest.raises(KeyboardInterrupt):
        pipeline.compute(config, job)
    monkeypatch.setattr(stores.Prefix, "mark_tile", real)
    annual = tmp_path / "tiles" / stores.product_path("annual", job.run_id)
    chunk = next(path for path in sorted((annual / "soil_moisture" / "c").rglob("*")) if path.is_file())
    chunk.write_bytes(b"not zstd")
    with pytest.raises((ValueError, RuntimeError)):
        pipeline.compute(config, job)
    assert not (annual / "lat" / ".tiles").exists()
    assert set(pipeline.compute(config, job)) >= {"annual", "trend", "drivers"}


def opened(job, products):
    store = stores.Store.open(job.store)
    return {name: stores.Prefix(store, product.url).open().load() for name, product in products.items()}
