"""The whole job with the real programs: Prefect deployment, worker, Dask Gateway and object store on loopback."""

import json
import os
import signal
import threading
import time

import fsspec
import psutil
import pytest
import yaml

import smcloud
from infra.local.cloud_demo import deploy, put_world, run_deployment
from infra.local.servers import cloud, environment, worker
from smcloud import pipeline
from smcloud.cluster import end_leftovers, open_cluster
from smcloud.config import load_config
from smcloud.errors import UnreachableError
from smcloud.store import Store, list_releases, verify

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The bucket of a cloud that runs, with the world and a configuration in it."""
    folder = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        fsspec.config.conf.clear()
        with cloud(folder) as bucket, environment(put_world(bucket, folder, 5.0)), worker(folder):
            deploy()
            yield bucket


@pytest.fixture
def settings(place, tmp_path):
    """A function that loads the configuration of the bucket, changed, with another store."""

    def load(store, **cluster):
        fs, root = fsspec.core.url_to_fs(place)
        data = yaml.safe_load(fs.cat_file(f"{root}/demo.yaml"))
        data |= {"store": f"{place}/{store}", "cluster": data["cluster"] | cluster}
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(data))
        return load_config(tmp_path / "run.yaml")

    return load


def test_the_deployment_publishes_then_finds_its_work_done(place):
    state, record = run_deployment("smcloud-run/products", truth=f"{place}/world/truth.zarr")
    assert state == "Completed" and record["status"] == "published", record
    assert json.loads(json.dumps(record)) == record
    store = Store.open(f"{place}/store")
    (release,) = list_releases(store)
    assert release["number"] == record["release"] == 1
    assert verify(store)["prefixes"] == 7
    trend = smcloud.open_product(store.url, "trend")
    assert int(trend["significant"].sum()) > 300
    assert record["scorecard"]["detectable"]["score"] >= 0.95
    began = time.monotonic()
    state, record = run_deployment("smcloud-run/products")
    assert (state, record["status"], record["release"]) == ("Completed", "already published", 1)
    assert record["seconds"]["check"] < 10 and time.monotonic() - began < 60
    assert end_leftovers(0) == []  # every cluster was closed


def test_workers_that_see_another_store_end_the_run_before_it_computes(settings, place):
    config = settings("blind", workers=1, forward=["SMCLOUD_*", "GCSFS_*"])
    job = pipeline.check(config)
    with open_cluster(config.cluster), pytest.raises(UnreachableError, match="do not see the store") as caught:
        pipeline.require_shared_store(job)
    assert f"{place}/blind" in caught.value.where and "cluster.forward" in caught.value.next
    assert not fsspec.core.url_to_fs(f"{place}/blind")[0].find(f"{place}/blind")


def test_clusters_of_killed_runs_are_ended(settings):
    from dask_gateway import Gateway

    with Gateway() as gateway:
        cluster = gateway.new_cluster(shutdown_on_close=False)
        cluster.close(shutdown=False)
        assert [report.name for report in gateway.list_clusters()] == [cluster.name]
        state, record = run_deployment("smcloud-housekeeping/housekeeping", max_age_hours=0)
        assert (state, record) == ("Completed", {"ended": [cluster.name]})
        assert gateway.list_clusters() == []


def of_the_gateway(*words):
    """Processes on this machine that a gateway started, whose command line holds all the words."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        line = " ".join(each.info["cmdline"] or [])
        if all(word in line for word in words):
            found.append(each)
    return found


@pytest.mark.parametrize("what", ["worker", "scheduler"])
def test_a_killed_process_does_not_end_the_run(settings, what, tmp_path):
    """A worker is replaced; a scheduler takes its cluster with it, and the run goes on with another one."""
    from flows.pipeline import run

    config = settings(f"killed-{what}")
    killed = []

    def kill():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not fsspec.core.url_to_fs(config.store)[0].find(config.store):
            time.sleep(0.2)
        for each in of_the_gateway("dask", f" {what}")[:1]:
            killed.extend(child.pid for child in each.children(recursive=True))
            for child in each.children(recursive=True):
                child.send_signal(signal.SIGKILL)
            each.send_signal(signal.SIGKILL)
            killed.append(each.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    record = run(str(tmp_path / "run.yaml"))
    thread.join()
    assert killed and record["status"] == "published"
    assert verify(Store.open(config.store))["prefixes"] == 7


def test_nothing_but_loopback_is_listened_on(place):
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.pid in ours]
    assert listening and set(listening) <= {"127.0.0.1", "::1"}
