"""A cluster's life: what is still running after a failure is waited for."""

import threading
import time

import dask
import pytest

from smcloud.cluster import open_cluster, settle
from smcloud.config import Cluster

# The local cluster's threads are this process', so a task may set an event of the module.
begun, ended, release = threading.Event(), threading.Event(), threading.Event()


def slow():
    begun.set()
    time.sleep(1.0)
    ended.set()


def failing():
    begun.wait(30)
    raise OSError("lost")


def held():
    return release.wait(30)


def test_settle_waits_for_the_tasks_that_outlive_a_failure():
    settle()  # nothing to wait for without a cluster
    with open_cluster(Cluster(workers=2)):
        with pytest.raises(OSError, match="lost"):
            dask.compute(dask.delayed(slow)(), dask.delayed(failing)())
        assert not ended.is_set()
        settle()
        assert ended.is_set()


def test_settle_does_not_wait_for_ever():
    with open_cluster(Cluster(workers=1)) as client:
        running = client.submit(held)
        time.sleep(0.5)
        began = time.monotonic()
        settle(seconds=0.3)
        assert 0.3 <= time.monotonic() - began < 5
        release.set()
        assert running.result()
