"""Processes that die, stop or start again under a run on the gateway: right products once, and nothing left behind."""

import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager

import fsspec
import httpx
import psutil
import pytest
import xarray as xr

import smcloud
from infra.local.servers import process, wait_for
from smcloud.cluster import end_leftovers
from smcloud.store import Store, list_releases, verify
from tests.sealed_part import sealed_part

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def products():
    """What the first run of this file made; every other one has to make the same."""
    return {}


@pytest.fixture
def run(settings, request, place):
    """A function that puts a small configuration into the bucket: its URL and its store's. No cluster may be left."""

    def put(**cluster):
        name = request.node.callspec.id if hasattr(request.node, "callspec") else request.node.name
        name = name.replace(" ", "-")
        return settings(name, inputs=["soil_moisture"], **cluster), f"{place}/{name}"

    assert end_leftovers(0) == []
    yield put
    assert end_leftovers(0) == []
    _, alive = psutil.wait_procs(of_the_clusters(), timeout=20)
    assert alive == []


def flow(config):
    """The flow in this process."""
    from flows.pipeline import run  # Prefect reads where it is when it is imported

    return run(config)


def require_right_products(url, products):
    """One release, whole, with the values of the other runs of this file."""
    store = Store.open(url)
    (release,) = list_releases(store)
    assert verify(store)["prefixes"] == 1 + len(release.products) == 4
    for name in release.products:
        product = sealed_part(smcloud.open_product(url, name).load())
        xr.testing.assert_identical(product, products.setdefault(name, product))


def of_the_clusters(*words):
    """Processes that this gateway started, also when it is gone: they have the address of our object store."""
    ours = os.environ["STORAGE_EMULATOR_HOST"]
    found = []
    for each in psutil.process_iter():
        try:
            line, theirs = " ".join(each.cmdline()), each.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        same = theirs.get("STORAGE_EMULATOR_HOST") == ours
        if same and "DASK_GATEWAY_CLUSTER_NAME" in theirs and all(word in line for word in words):
            found.append(each)
    return found


@contextmanager
def once_it_writes(store, do):
    """Call ``do`` beside what happens in the context, when the cube is being written; errors of it are raised."""
    failed = []

    def beside():
        try:
            deadline = time.monotonic() + 300
            fs, root = fsspec.core.url_to_fs(f"{store}/cube", use_listings_cache=False)
            while time.monotonic() < deadline and not fs.find(root):
                time.sleep(0.1)
            do()
        except Exception as err:
            failed.append(err)

    thread = threading.Thread(target=beside)
    thread.start()
    yield
    thread.join()
    assert failed == []


def signalled(number, *words, nanny=False):
    """Send a signal to the first process of the clusters with these words; of a worker, to the one that computes."""
    (parent, *_) = of_the_clusters(*words)
    # What multiprocessing has beside it, its tracker of resources, is no worker.
    family = [each for each in parent.children() if "spawn_main" in " ".join(each.cmdline())] or [parent]
    for each in [*family, parent] if nanny else family:
        each.send_signal(number)


WHAT = {
    "nothing": lambda: None,
    "worker": lambda: signalled(signal.SIGKILL, "dask worker"),
    "worker and nanny": lambda: signalled(signal.SIGKILL, "dask worker", nanny=True),
    "worker stopped": lambda: signalled(signal.SIGSTOP, "dask worker"),
    "scheduler": lambda: signalled(signal.SIGKILL, "dask scheduler"),
}


@pytest.mark.parametrize("what", WHAT)
def test_the_run_outlives_what_it_runs_on(run, products, what):
    """A worker that died is replaced, one that is silent given up; a scheduler takes its cluster with it."""
    config, store = run(lost_after=10)
    with once_it_writes(store, WHAT[what]):
        record = flow(config)
    assert record["status"] == "published"
    require_right_products(store, products)


def test_a_bucket_that_fails_in_bursts_under_the_workers_changes_nothing(run, products):
    """What passes is asked for again by the workers too, each by itself."""
    config, store = run()
    name = store.rpartition("/")[2]
    # Behind the first 35 objects, which hold metadata, workers write chunks of data, and read them again.
    faults = [
        {"kind": "429", "method": "POST", "path": "upload", "times": 5, "after": 35},
        {"kind": "reset", "method": "POST", "path": "upload", "times": 3, "after": 60},
        {"kind": "truncated", "method": "GET", "path": f"{name}.*soil_moisture%2Fc%2F", "times": 5, "after": 2},
    ]
    url = f"{os.environ['STORAGE_EMULATOR_HOST']}/faults"
    httpx.post(url, json=faults).raise_for_status()
    try:
        record = flow(config)
    finally:
        left = httpx.post(url, json=[]).json()
    assert (record["status"], left) == ("published", 0)  # they did happen
    require_right_products(store, products)


@pytest.fixture(scope="session")  # the cloud, with what was started again in it, is that of all files
def start_again(place, tmp_path_factory):
    """A function that ends the server of this cloud with these words, and starts it as it was; it lives on with us."""
    with ExitStack() as stack:

        def again(url, *words):
            children = psutil.Process().children(recursive=True)
            old = next(each for each in children if all(word in each.cmdline() for word in words))
            command, environment = old.cmdline(), old.environ()
            old.terminate()
            psutil.wait_procs([old], timeout=30)
            log = tmp_path_factory.mktemp("again") / "server.log"
            wait_for(url, stack.enter_context(process(command, log, environment)), log)

        yield again


def test_a_gateway_that_starts_again_is_waited_for(run, products, start_again):
    config, store = run()
    with once_it_writes(store, lambda: start_again(f"{os.environ['DASK_GATEWAY__ADDRESS']}/api/health", "-f")):
        record = flow(config)
    assert record["status"] == "published"
    require_right_products(store, products)


def triggered(config):
    """A run of the deployment that was asked for, and is not waited for."""
    from prefect.deployments import run_deployment

    return run_deployment("smcloud-run/products", parameters={"config": config}, timeout=0).id


def ended(run_id, seconds=500):
    """The run when it has come to an end; a server that is away is asked again."""
    from prefect import get_client

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with get_client(sync_client=True) as client:
                found = client.read_flow_run(run_id)
        except httpx.HTTPError:
            found = None
        if found is not None and found.state.is_final():
            return found
        time.sleep(0.5)
    raise TimeoutError(f"{run_id} did not end: {found and found.state}")


def test_prefect_that_starts_again_does_not_end_the_run(run, products, start_again):
    config, store = run()
    mine = triggered(config)
    with once_it_writes(store, lambda: start_again(f"{os.environ['PREFECT_API_URL']}/health", "server", "start")):
        state = ended(mine).state
    assert state.name == "Completed" and state.result()["status"] == "published"
    require_right_products(store, products)


def test_a_killed_flow_is_started_again(run, products):
    config, store = run()
    mine = triggered(config)

    def kill():
        (worker,) = [each for each in psutil.Process().children() if {"worker", "start"} <= set(each.cmdline())]
        for each in worker.children(recursive=True):
            each.kill()

    with once_it_writes(store, kill):
        assert ended(mine).state.name == "Crashed"
    assert list_releases(Store.open(store)) == []
    state = ended(triggered(config)).state
    assert state.name == "Completed" and state.result()["status"] == "published"
    require_right_products(store, products)
    assert len(end_leftovers(0)) == 1  # housekeeping's work


def test_the_deployment_twice_at_once_publishes_once(run, products):
    config, store = run()
    runs = [ended(each) for each in [triggered(config), triggered(config)]]
    assert [each.state.name for each in runs] == ["Completed", "Completed"]
    statuses = sorted(each.state.result()["status"] for each in runs)
    assert statuses == ["already published", "published"]
    first, second = sorted(runs, key=lambda each: each.end_time)
    assert second.start_time >= first.end_time  # one run at a time writes
    require_right_products(store, products)
