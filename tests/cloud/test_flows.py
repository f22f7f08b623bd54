"""The whole job with the real programs: Prefect deployment, worker, Dask Gateway and object store on loopback."""

import json
import os

import fsspec
import psutil
import pytest

import smcloud
from infra.local.cloud_demo import run_deployment
from smcloud import pipeline
from smcloud.cluster import end_leftovers, gateway_server, open_cluster
from smcloud.config import load_config
from smcloud.errors import UnreachableError
from smcloud.store import Store, list_releases, verify

pytestmark = pytest.mark.timeout(600)


def test_the_deployment_publishes_then_finds_its_work_done(place):
    state, record = run_deployment("smcloud-run/products", truth=f"{place}/world/truth.zarr")
    assert state == "Completed" and record["status"] == "published", record
    assert json.loads(json.dumps(record)) == record
    store = Store.open(f"{place}/store")
    (release,) = list_releases(store)
    assert release.number == record["release"] == 1
    assert verify(store)["prefixes"] == 7
    trend = smcloud.open_product(store.url, "trend")
    assert int(trend["significant"].sum()) > 300
    assert record["scorecard"]["detectable"]["score"] >= 0.95
    assert set(record["tasks"]) == {"ingest", "compute"} and min(record["tasks"].values()) > 20
    from prefect.artifacts import Artifact

    bar = Artifact.get("smcloud-compute")
    assert bar is not None and bar.type == "progress" and bar.data == 100.0
    assert str(record["tasks"]["compute"]) in bar.description and "[dashboard](http://127.0.0.1" in bar.description
    state, record = run_deployment("smcloud-run/products")
    assert (state, record["status"], record["release"]) == ("Completed", "already published", 1)
    assert set(record["seconds"]) == {"check"}  # no cluster is opened
    assert end_leftovers(0) == []  # every cluster was closed


def test_workers_that_see_another_store_end_the_run_before_it_computes(settings, place):
    config = load_config(settings("blind", workers=1, forward=["SMCLOUD_*", "GCSFS_*"]))
    job = pipeline.check(config)
    with open_cluster(config.cluster), pytest.raises(UnreachableError, match="do not see the store") as caught:
        pipeline.require_shared_store(job)
    assert f"{place}/blind" in caught.value.where and "cluster.forward" in caught.value.next
    assert not fsspec.core.url_to_fs(f"{place}/blind")[0].find(f"{place}/blind")


def test_clusters_of_killed_runs_are_ended(settings):
    with gateway_server() as server:
        cluster = server.new_cluster(shutdown_on_close=False)
        cluster.close(shutdown=False)
        assert [report.name for report in server.list_clusters()] == [cluster.name]
        state, record = run_deployment("smcloud-housekeeping/housekeeping", max_age_hours=0)
        assert (state, record["ended"]) == ("Completed", [cluster.name])
        assert server.list_clusters() == []


def test_nothing_but_loopback_is_listened_on(place):
    ours = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    listening = [c.laddr.ip for c in psutil.net_connections("inet") if c.status == "LISTEN" and c.pid in ours]
    assert listening and set(listening) <= {"127.0.0.1", "::1"}
