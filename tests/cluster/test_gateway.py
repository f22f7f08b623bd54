"""A cluster's life: what is still running after a failure is waited for."""

import gc
import os
import threading
import time
from types import SimpleNamespace

import dask
import dask_gateway  # noqa: F401  (its defaults come with it, and must stay when a setting ends)
import pytest

from smcloud.cluster.gateway import _new_cluster, _options, _reaching, gateway_server, open_cluster, require_no_secrets
from smcloud.cluster.health import on_each_worker, wait_until_idle
from smcloud.cluster.versions import require_same_versions
from smcloud.config import Cluster
from smcloud.errors import ConfigurationError, UnreachableError

LIMITS = ("WORKER_TTL", "NO_WORKERS_TIMEOUT")
# The local cluster's threads are this process', so a task may set an event of the module.
begun, go, ended, release = (threading.Event() for _ in range(4))


def slow():
    begun.set()
    go.wait(30)
    ended.set()


def failing():
    begun.wait(30)
    raise OSError("lost")


def held():
    return release.wait(30)


@pytest.mark.slow
def test_settle_waits_for_the_tasks_that_outlive_a_failure():
    wait_until_idle()  # nothing to wait for without a cluster
    with open_cluster(Cluster(workers=2)):
        with pytest.raises(OSError, match="lost"):
            dask.compute(dask.delayed(slow)(), dask.delayed(failing)())
        assert not ended.is_set()
        threading.Timer(0.5, go.set).start()
        wait_until_idle()
        assert ended.is_set()


def test_settle_does_not_wait_for_ever():
    with open_cluster(Cluster(workers=1)) as client:
        running = client.submit(held)
        time.sleep(0.5)
        began = time.monotonic()
        wait_until_idle(seconds=0.3)
        assert 0.3 <= time.monotonic() - began < 60
        release.set()
        assert running.result()


def test_the_gateway_is_the_one_that_the_environment_names_now(monkeypatch):
    with dask.config.set({"gateway": dict(dask.config.get("gateway", {}))}):  # dask has read the environment long ago
        for address in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
            monkeypatch.setenv("DASK_GATEWAY__ADDRESS", address)
            with gateway_server() as server:
                assert server.address == address


@pytest.mark.slow
def test_a_gateway_that_does_not_answer_leaves_no_client_behind(monkeypatch):
    """A client left to the collector is closed in any thread, also in the one that it waits for."""
    monkeypatch.setenv("DASK_GATEWAY__ADDRESS", "http://127.0.0.1:1")
    before = {thread for thread in threading.enumerate() if thread.name == "IO loop"}
    gc.disable()
    try:
        with pytest.raises(UnreachableError), open_cluster(Cluster(kind="gateway", workers=1), patience=1):
            pass
        assert {thread for thread in threading.enumerate() if thread.name == "IO loop"} <= before
    finally:
        gc.enable()


def test_the_cluster_gets_the_variables_that_are_named_and_no_others(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SOME_SECRET", "x")
    options = _options(Cluster(kind="gateway", worker_memory="8 GiB", forward=["AWS_*", "NOT_SET"]))
    assert options["environment"]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    limits = {name: options["environment"].pop(f"DASK_DISTRIBUTED__SCHEDULER__{name}") for name in LIMITS}
    assert limits == {"WORKER_TTL": "120 s", "NO_WORKERS_TIMEOUT": "300 s"}
    assert all(name.startswith("AWS_") for name in options["environment"])
    assert options["worker_memory"] == "8 G" and options["idle_timeout"] == 600 and "image" not in options


REMOTE, HERE = "https://gateway.example/services/dask-gateway", "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("forward", "name", "value"),
    [
        (["AWS_*"], "AWS_SECRET_ACCESS_KEY", "CANARY-1"),
        (["*"], "MY_SESSION_TOKEN", "CANARY-2"),
        (["AWS_SECRET_ACCESS_KEY"], "SOMETHING", "else"),  # named, though not set here
        (["*PASSWORD*"], "SOMETHING", "else"),
        (["GOOGLE_*"], "GOOGLE_APPLICATION_CREDENTIALS", '{"private_key": "CANARY-3"}'),
        (["SMCLOUD_*"], "SMCLOUD_PLACE", "https://host/a?sig=CANARY-4"),
        (["SMCLOUD_*"], "SMCLOUD_PLACE", "s3://me:CANARY-5@bucket"),
    ],
)
def test_a_gateway_elsewhere_gets_no_secret(monkeypatch, forward, name, value):
    monkeypatch.setenv(name, value)
    config = Cluster(kind="gateway", forward=forward)
    for address in (REMOTE, "http://gateway:8000", "http://traefik-dask-gateway.smcloud", "http://10.0.0.7", "gateway"):
        with pytest.raises(ConfigurationError) as caught:
            require_no_secrets(config, address)
        assert "CANARY" not in str(caught.value) and all(caught.value.record().values())
        assert "workload identity" in caught.value.next and "mounted" in caught.value.next
        assert name in caught.value.found or forward[0].strip("*") in caught.value.found
    require_no_secrets(config, HERE)  # a demo's own


def test_a_gateway_elsewhere_is_asked_nothing_before_secrets_are_looked_for(monkeypatch):
    class Remote:
        address = REMOTE

        def submit(self, **options):
            raise AssertionError(options)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "CANARY")
    with pytest.raises(ConfigurationError, match="in the plain"):
        _new_cluster(Remote(), Cluster(kind="gateway"), time.monotonic() + 60)


def test_endpoints_and_places_go_to_a_gateway_elsewhere(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_ENDPOINT_URL": "https://s3.example", "SMCLOUD_PLACE": "s3://bucket/data",
                        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/token"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    require_no_secrets(Cluster(kind="gateway"), REMOTE)
    assert _options(Cluster(kind="gateway"))["environment"]["SMCLOUD_PLACE"] == "s3://bucket/data"


def test_workers_of_other_versions_are_named(monkeypatch):
    with open_cluster(Cluster(workers=1)) as client:
        require_same_versions(client)
        found = client.get_versions(packages=["numba"])
        worker = next(iter(found["workers"]))
        found["workers"][worker]["packages"]["numba"] = "0.1"
        monkeypatch.setattr(client, "get_versions", lambda packages: found)
        with pytest.raises(UnreachableError, match="different versions") as caught:
            require_same_versions(client)
    assert "numba on " in caught.value.where and caught.value.found == "0.1"


def test_each_worker_answers():
    assert on_each_worker(held) == {}
    release.set()
    with open_cluster(Cluster(workers=1)):
        assert list(on_each_worker(held).values()) == [True]


def test_a_refusal_of_the_gateway_is_one_error_of_ours():
    from aiohttp import ClientResponseError

    with pytest.raises(UnreachableError, match="Dask Gateway") as caught, _reaching():
        raise ClientResponseError(SimpleNamespace(real_url="http://gateway"), (), status=503, message="away")
    assert "503" in caught.value.found and "DASK_GATEWAY__AUTH" in caught.value.next
