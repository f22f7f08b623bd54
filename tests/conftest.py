"""Fixtures shared by all tests: the folder of real files, and a world of a few cells for whole runs."""

import gc
import os
import shutil
import socket
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from flows.server import address_of, named_server, serving, wait_for_server

ROLES = {
    "soil_moisture": ("m3 m-3", "mean", (0, 1)),
    "precipitation": ("mm", "sum", (0, 5000)),
    "soil_temperature": ("K", "mean", (180, 350)),
    "lai": ("m2 m-2", "mean", (0, 10)),
    "aridity_index": ("1", "mean", (0, 10)),
}


_session = ExitStack()
_listening: list[socket.socket] = []

hypothesis.settings.register_profile("development", max_examples=8, deadline=None)
hypothesis.settings.register_profile("ci", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config):
    """A cache of the session's own, shared by its processes, and an address for a Prefect server.

    Prefect reads where its server is when it is imported, so this comes before the tests are. Whoever needs the server
    asks for the fixture ``prefect_server``, which starts it.
    """
    if "SMCLOUD_TEST_CACHE" not in os.environ:
        folder = _session.enter_context(tempfile.TemporaryDirectory(prefix="smcloud-test-cache-"))
        os.environ["SMCLOUD_TEST_CACHE"] = folder
        _session.callback(os.environ.pop, "SMCLOUD_TEST_CACHE")
        # It begins with what earlier sessions of this checkout have left, none of which can be stale.
        earlier = config.cache.mkdir("smcloud")
        shutil.copytree(earlier, folder, dirs_exist_ok=True)
        _session.callback(shutil.copytree, folder, earlier, dirs_exist_ok=True)
    os.environ["SMCLOUD_CACHE_DIR"] = os.environ["SMCLOUD_TEST_CACHE"]
    _listening.append(_session.enter_context(socket.create_server(("127.0.0.1", 0))))
    os.environ.pop("PREFECT_API_URL", None)  # that of the process that started this one
    _session.enter_context(named_server(address_of(_listening[0])))


def pytest_unconfigure(config):
    """The cache and the address end with the session."""
    _session.close()


@pytest.fixture(scope="session")
def prefect_server():
    """A Prefect server for the flows of this process and of the commands that it starts."""
    with serving(_listening[0]):
        wait_for_server()
        yield


# By their time, so that no worker is left with a long one at the end.
LONG_FILES = [
    f"test_{name}"
    for name in (
        "app",
        "incremental",
        "matrix",
        "stages",
        "contract",
        "scorecard",
        "score",
        "cases",
        "own_data",
        "plan",
    )
]


def pytest_collection_modifyitems(items):
    """Long files come first: one that compiles the kernels, two that need none, and then the others that need them."""
    order = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_collection_finish():
    """What was imported and collected stays to the end: the garbage collector need not go through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture
def s3_endpoint():
    """The address of an empty S3 server in this process, with credentials for it in the environment."""
    from tests.cloud import s3

    with s3.serving() as url:
        yield url


@pytest.fixture(scope="session")
def test_data():
    """The folder of real files; tests that need it are skipped, and say so, where it is absent."""
    folder = Path(os.environ.get("SMCLOUD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the folder of real files is absent: {folder} (name it in SMCLOUD_TEST_DATA)")
    return folder


YEARS = 8  # each costs its time in every whole run


def small_dataset(years=YEARS, seed=3):
    """Monthly values of a 4 x 6 world, 45-degree cells, with a trend, a driver and a cell without data."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2000-01-01", periods=12 * years, freq="MS")
    shape = (len(time), 4, 6)
    year = (np.arange(len(time)) // 12)[:, None, None]
    yearly = {role: np.repeat(rng.normal(size=(years, 4, 6)), 12, axis=0) for role in ROLES}
    fields = {
        "precipitation": 60 + 10 * yearly["precipitation"] + rng.uniform(0, 5, shape),
        "soil_temperature": 285 + yearly["soil_temperature"] + rng.normal(size=shape),
        "lai": 2 + 0.3 * yearly["lai"] + rng.uniform(0, 0.1, shape),
    }
    direction = np.where(np.arange(24).reshape(4, 6) % 2, 1e-3, -1e-3)
    moisture = 0.25 + direction * year + 0.01 * yearly["precipitation"] + rng.normal(0, 0.002, shape)
    moisture[:, 3, 5] = np.nan
    ds = xr.Dataset(
        {"soil_moisture": (("time", "lat", "lon"), moisture)}
        | {role: (("time", "lat", "lon"), field) for role, field in fields.items()}
        | {"aridity_index": (("lat", "lon"), np.linspace(0.1, 1.2, 24).reshape(4, 6))},
        coords={"time": time, "lat": [-67.5, -22.5, 22.5, 67.5], "lon": np.arange(-150.0, 180, 60)},
    )
    for role, (units, _, _) in ROLES.items():
        ds[role] = ds[role].astype("float32").assign_attrs(units=units)
    return ds


def write_small_world(folder, change=lambda ds: ds, entry=lambda catalog: None, **overrides):
    """Write a small world, its catalog and its configuration, each changed as asked; returns the configuration's path.

    The store is ``folder / "store"``.
    """
    change(small_dataset()).to_zarr(folder / "world.zarr", mode="w", zarr_format=3, consolidated=False)
    variables = {
        role: {
            "name": role,
            "units": units,
            "period": "static" if role == "aridity_index" else "month",
            "aggregate": aggregate,
            "valid_range": list(valid),
        }
        for role, (units, aggregate, valid) in ROLES.items()
    }
    catalog = {
        "sources": {
            "world": {
                "driver": "zarr",
                "description": "a world of 24 cells",
                "args": {"urlpath": "{{ CATALOG_DIR }}/world.zarr", "xarray_kwargs": {"consolidated": False}},
                "metadata": {"licence": "CC0-1.0", "citation": "invented", "variables": variables},
            }
        }
    }
    entry(catalog["sources"]["world"])
    (folder / "catalog.yaml").write_text(yaml.safe_dump(catalog))
    config = {
        "preset": "peng2023",
        "period": {"start": "2000-01", "end": f"{1999 + YEARS}-12"},
        "years": {"min_years": 5},
        "catalog": str(folder / "catalog.yaml"),
        "inputs": dict.fromkeys(ROLES, "world"),
        "store": str(folder / "store"),
    } | overrides
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
    return path


@pytest.fixture
def small_world(tmp_path):
    """A function that writes a small world, its catalog and its configuration, each changed as asked.

    Returns the configuration's path; the store is ``tmp_path / "store"``.
    """
    return partial(write_small_world, tmp_path)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory):
    """A folder with a small world, its configuration and its store, which has one release; nobody changes it."""
    from smcloud import pipeline
    from smcloud.config import load_config

    folder = tmp_path_factory.mktemp("published")
    config = load_config(write_small_world(folder))
    job = pipeline.check(config)
    pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))
    return folder


def copy_of(folder, to):
    """Copy a world, its configuration and its store; returns the path of the configuration, which names the copies."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    path = to / "config.yaml"
    path.write_text(path.read_text().replace(str(folder), str(to)))
    return path


@pytest.fixture
def published(published_once, tmp_path):
    """The configuration of a small world whose release 1 is there; world and store are copies of the test's own.

    They are those of ``small_world()``, and lie where it puts them.
    """
    return copy_of(published_once, tmp_path)
