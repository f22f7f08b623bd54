"""A cluster of a real gateway: it grows with its work, is not waited for without end, and wants its password."""

import os

import dask
import pytest

from smcloud.cluster import end_leftovers, open_cluster
from smcloud.config import Cluster
from smcloud.errors import UnreachableError

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def none_is_left(place):
    yield
    assert end_leftovers(0) == []


def test_an_adaptive_cluster_begins_with_a_worker_and_grows_with_its_work():
    def where():  # here, as workers do not know this file
        import os
        import time

        time.sleep(0.5)
        return os.getpid()

    with open_cluster(Cluster(kind="gateway", adaptive=True, workers=2)) as client:
        assert len(client.scheduler_info()["workers"]) == 1
        found = dask.compute([dask.delayed(where)(dask_key_name=f"task-{i}") for i in range(80)])
        assert len(set(*found)) == 2


def test_workers_that_do_not_come_in_time_are_not_waited_for(monkeypatch):
    # The gateway hears of none, so that none comes, however fast the machine.
    monkeypatch.setattr("dask_gateway.GatewayCluster.scale", lambda cluster, number: None)
    with (
        pytest.raises(UnreachableError, match="did not come in time") as caught,
        open_cluster(Cluster(kind="gateway", workers=2, wait_seconds=1)),
    ):
        pytest.fail("workers that nobody has asked for")
    assert (caught.value.expected, caught.value.found) == ("2", "0 after 1 s")
    assert "cluster.wait_seconds" in caught.value.next


def test_a_wrong_password_is_told_as_such(monkeypatch):
    password = os.environ["DASK_GATEWAY__AUTH__KWARGS__PASSWORD"]
    with monkeypatch.context() as patch:
        patch.setenv("DASK_GATEWAY__AUTH__KWARGS__PASSWORD", "guessed")
        with pytest.raises(UnreachableError) as caught, open_cluster(Cluster(kind="gateway")):
            pytest.fail("a gateway that takes any password")
    assert "401" in caught.value.found and "DASK_GATEWAY__AUTH__*" in caught.value.next
    assert password not in str(caught.value) and "guessed" not in str(caught.value)
