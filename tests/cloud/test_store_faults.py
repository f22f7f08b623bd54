"""The whole job while its bucket fails: right products once, or one error and a run that goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import fsspec
import gcsfs
import pytest
import xarray as xr

import smcloud
from flows import pipeline as flow_module
from smcloud import io_errors
from smcloud.errors import UnreachableError
from smcloud.store import Store, list_releases, verify
from tests.cloud.objects import Fault
from tests.sealed_part import sealed_part

pytestmark = pytest.mark.timeout(600)
STORE = "gs://bucket/store"


@pytest.fixture
def world(gcs, small_world, tmp_path, monkeypatch, prefect_server):
    """Soil moisture of a few cells in the bucket: the configuration of a run, and the object store."""
    store = gcs[1]
    store.buckets["bucket"] = {}
    config = small_world(
        entry=lambda entry: entry["args"].update(urlpath="gs://bucket/world.zarr"),
        inputs={"soil_moisture": "world"},
        store=STORE,
    )
    fsspec.filesystem("gs").put(f"{tmp_path}/world.zarr/", "bucket/world.zarr/", recursive=True)
    monkeypatch.setattr(flow_module, "RETRIES", {"retries": 3, "retry_delay_seconds": 0.2})  # pauses that fit a test
    store.requests.clear()
    return str(config), store


@pytest.fixture(scope="module")
def products():
    """What the first run of this file made, without a fault; every other one has to make the same."""
    return {}


def require_right_products(products):
    """One release, whole, with the values of the run without a fault."""
    store = Store.open(STORE)
    (release,) = list_releases(store)
    assert verify(store)["prefixes"] == 1 + len(release.products) == 4
    for name in release.products:
        product = sealed_part(smcloud.open_product(STORE, name).load())
        xr.testing.assert_identical(product, products.setdefault(name, product))


PASSING = {
    "none": [],
    "bursts": [Fault("429", times=10, after=60), Fault("503", times=10, after=250), Fault("429", "POST", times=4)],
    "slow": [Fault("slow", times=40, after=60, seconds=0.5)],
    "truncated": [Fault("truncated", "GET", "alt=media", times=15, after=40)],
    "reset": [Fault("reset", "GET", times=8, after=60), Fault("reset", "POST", "upload", times=8, after=40)],
    # Seals and releases are created only where there are none: the second attempt finds what the first one made.
    "lost": [Fault("lost", "POST", "ifGenerationMatch=0", after=after) for after in range(0, 10, 2)],
    "refused once": [Fault("401", "GET", after=100)],
    "refused once in a write": [Fault("401", "POST", "upload", after=30)],
}


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_changes_nothing(world, products, kind):
    config, store = world
    store.faults.extend(replace(fault) for fault in PASSING[kind])
    assert flow_module.run(config)["status"] == "published"
    assert sum(fault.times for fault in store.faults) == 0  # it did happen
    require_right_products(products)


def test_a_store_that_never_answers_is_given_up_and_asked_again(world, products, monkeypatch):
    config, store = world
    assert io_errors.REQUEST_SECONDS == 300
    monkeypatch.setattr(io_errors, "REQUEST_SECONDS", 2)
    gcsfs.GCSFileSystem.clear_instance_cache()
    for method, path, after in (("GET", "world.zarr.*c%2F", 2), ("POST", "upload", 20)):
        store.faults.append(Fault("slow", method, path, after=after, seconds=600))
    began = time.monotonic()
    assert flow_module.run(config)["status"] == "published"
    assert time.monotonic() - began < 120
    assert sum(fault.times for fault in store.faults) == 0
    require_right_products(products)


LASTING = {
    "credentials refused": Fault("401", times=10**6, after=60),
    "credentials refused in the middle of the writes": Fault("401", "POST", "upload", times=10**6, after=30),
    "no writes for longer than the client tries": Fault("503", "POST", "upload", times=10**6, after=30),
}


@pytest.mark.parametrize("kind", LASTING)
def test_a_fault_that_stays_is_one_error_and_the_next_run_goes_on(world, products, kind, monkeypatch):
    config, store = world
    monkeypatch.setattr("gcsfs.retry.random.random", lambda: -1.5)  # its pauses are of the order of seconds
    monkeypatch.setattr(flow_module, "RETRIES", {"retries": 1, "retry_delay_seconds": 0.2})
    store.faults.append(replace(LASTING[kind]))
    with pytest.raises(UnreachableError) as caught:
        flow_module.run(config)
    assert LASTING[kind].kind in caught.value.found and "again" in caught.value.next
    store.faults.clear()
    assert list_releases(Store.open(STORE)) == []
    assert flow_module.run(config)["status"] == "published"
    require_right_products(products)


def start(config):
    """The command as a process of its own, in a session of its own."""
    command = [sys.executable, "-m", "smcloud.cli", "run", config, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize(("part", "objects"), [("cube", 5), ("products", 10)])
def test_a_killed_run_is_started_again(world, products, part, objects):
    config, store = world
    with start(config) as killed:
        held = store.buckets["bucket"]
        deadline = time.monotonic() + 300
        while sum(name.startswith(f"store/{part}/") for name in list(held)) < objects:
            assert killed.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        killed.send_signal(signal.SIGKILL)
    assert list_releases(Store.open(STORE)) == []
    assert flow_module.run(config)["status"] == "published"
    require_right_products(products)


def test_the_same_work_twice_at_once_is_published_once(world, products):
    config, _ = world
    both = [start(config) for _ in range(2)]
    said = [process.communicate(timeout=500) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    records = [json.loads(out) for out, _ in said]
    assert {record["release"] for record in records} == {1}
    require_right_products(products)
    assert os.environ["STORAGE_EMULATOR_HOST"]
