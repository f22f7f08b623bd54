"""The only module that uses dask-gateway: a cluster for one run, local or on a gateway, always closed again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from smcloud.cluster.versions import require_same_versions
from smcloud.config import Cluster
from smcloud.errors import ConfigurationError, UnreachableError
from smcloud.io_errors import GATEWAY, reaching
from smcloud.secrecy import holds_secret, is_secret_name, on_this_machine

if TYPE_CHECKING:
    from dask_gateway import Gateway, GatewayCluster
    from distributed import Client

LOOPBACK = "127.0.0.1:0"  # by default distributed serves its pages to the whole network
log = logging.getLogger("smcloud")


@contextmanager
def open_cluster(config: Cluster, patience: float = 0.0) -> Iterator[Client]:
    """Open a cluster and make its dask client the default while the context lasts; the cluster always ends with it.

    ``local`` runs threads of this process (``workers`` x ``worker_cores``, all cores by default): the work is
    numpy and numba that release the lock, and nothing is copied between processes. ``gateway`` asks the Dask
    Gateway that ``DASK_GATEWAY__*`` names, for ``patience`` seconds where it does not answer. Raises
    :class:`UnreachableError`.
    """
    from distributed import KilledWorker

    with _local(config) if config.kind == "local" else _gateway(config, patience) as client:
        try:
            yield client
        except KilledWorker as err:
            raise UnreachableError(
                "the workers died of one task, each in turn",
                where=f"cluster.worker_memory: {config.worker_memory or 'not set'}",
                found=str(err).splitlines()[0],
                expected="workers that survive their tasks",
                next="raise cluster.worker_memory, then run the same command again: what is sealed is kept",
            ) from err


@contextmanager
def _local(config: Cluster) -> Iterator[Client]:
    load_distributed()
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=threads_of(config),
            processes=False,
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            memory_limit=config.worker_bytes or "auto",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def threads_of(config: Cluster) -> int:
    """Return the number of threads of a local cluster: as configured, else one for each core."""
    return config.workers * config.worker_cores if config.workers else os.cpu_count() or 1


def load_distributed() -> None:
    """Import distributed with our settings: it reads some of them only then."""
    import dask

    # Its profiler walks the stacks of the compilers here, a hundred times a second: that takes a tenth of a first run.
    level = dask.config.get("logging.distributed", "warning")
    dask.config.set({"logging.distributed": level, "distributed.worker.profile.enabled": False})
    import distributed  # noqa: F401


@contextmanager
def _gateway(config: Cluster, patience: float) -> Iterator[Client]:
    with (
        gateway_server() as server,
        _ended(_new_cluster(server, config, time.monotonic() + patience)) as cluster,
        _client_of(cluster, config) as client,
    ):
        _wait_for_workers(client, 1 if config.adaptive else config.workers or 1, config.wait_seconds)
        require_same_versions(client)
        yield client


def _client_of(cluster: GatewayCluster, config: Cluster) -> Client:
    with _reaching():
        if config.adaptive:
            cluster.adapt(minimum=1, maximum=config.workers or 1)
        else:
            cluster.scale(config.workers or 1)
        return cluster.get_client()


def gateway_server() -> Gateway:
    """Connect to the Dask Gateway that the environment names now; dask itself reads that once, when it is imported."""
    import dask
    from dask_gateway import Gateway

    named = dask.config.collect_env().get("gateway", {})
    dask.config.update(dask.config.config, {"gateway": named})
    return Gateway()


def _new_cluster(server: Gateway, config: Cluster, deadline: float) -> GatewayCluster:
    require_no_secrets(config, server.address)
    while True:
        try:
            with _reaching():
                # Not `new_cluster`: where that fails it leaves a second client, which the collector ends in any thread,
                # also in the one that it then waits for.
                return server.connect(server.submit(**_options(config)), shutdown_on_close=True)
        except UnreachableError as err:
            if time.monotonic() >= deadline:
                raise
            log.warning("%s (%s): asking again", err.what, err.found)
            time.sleep(2)


@contextmanager
def _ended(cluster: GatewayCluster) -> Iterator[GatewayCluster]:
    """End the cluster with the context; where the gateway cannot be told, the idle timeout ends it."""
    try:
        yield cluster
    finally:
        try:
            with _reaching():
                cluster.shutdown()
        except UnreachableError as err:
            log.warning("cluster %s is left to its idle timeout: %s", cluster.name, err.found)


def end_leftovers(max_age: float) -> list[str]:
    """End this user's clusters on the gateway that began more than ``max_age`` seconds ago; returns their names.

    One that cannot be ended does not keep others alive: the first such error is raised at the end.
    """
    ended, failed = [], []
    with _reaching(), gateway_server() as server:
        for report in server.list_clusters():
            if (datetime.now(report.start_time.tzinfo) - report.start_time).total_seconds() > max_age:
                try:
                    with _reaching():
                        server.stop_cluster(report.name)
                    ended.append(report.name)
                    log.info("cluster %s is ended", report.name)
                except UnreachableError as err:
                    failed.append(err)
    if failed:
        raise failed[0]
    return ended


def _reaching() -> AbstractContextManager[None]:
    """Convert what the gateway's client raises to one error of ours."""
    return reaching(GATEWAY, os.environ.get("DASK_GATEWAY__ADDRESS", "DASK_GATEWAY__ADDRESS (not set)"))


def require_no_secrets(config: Cluster, address: str) -> None:
    """Refuse to hand secrets to a gateway at ``address`` that is not on this machine.

    What a cluster gets by option its gateway keeps in the plain: on Kubernetes in the DaskCluster object, which whoever
    may list these can read. Raises :class:`ConfigurationError` that names the variables, never their values.
    """
    given = _forwarded(config)
    secrets = {name for name in (*config.forward, *given) if is_secret_name(name.replace("*", ""))}
    secrets |= {name for name, value in given.items() if holds_secret(value)}
    if secrets and not on_this_machine(address):
        raise ConfigurationError(
            "a gateway would get secrets by option, which it keeps in the plain",
            where="cluster.forward",
            found=", ".join(sorted(secrets)),
            expected="names of endpoints and places only, or a gateway on this machine",
            next="leave these out of cluster.forward, and give workers their rights by workload identity (a service "
            "account, as infra/gateway/values.yaml does) or by a secret that is mounted into their pods",
        )


def _forwarded(config: Cluster) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if any(fnmatchcase(name, pattern) for pattern in config.forward)
    }


def _options(config: Cluster) -> dict[str, Any]:
    options = {
        "worker_cores": config.worker_cores,
        "worker_memory": _gibibytes(config.worker_bytes),
        "image": config.image,
        "idle_timeout": config.idle_timeout,
        "environment": _forwarded(config)
        # By default distributed waits five minutes for a silent worker, and for ever for a first one.
        | {
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{config.lost_after} s",
            "DASK_DISTRIBUTED__SCHEDULER__NO_WORKERS_TIMEOUT": f"{config.wait_seconds} s",
        },
    }
    return {key: value for key, value in options.items() if value is not None}


def _gibibytes(memory: int | None) -> str | None:
    """Format 8 GiB as ``8 G``, as the gateway expects."""
    return None if memory is None else f"{memory / 2**30:g} G"


def _wait_for_workers(client: Client, wanted: int, seconds: int) -> None:
    try:
        client.wait_for_workers(wanted, timeout=seconds)
    except TimeoutError as err:
        raise UnreachableError(
            "the cluster's workers did not come in time",
            where="cluster.workers",
            found=f"{len(client.scheduler_info()['workers'])} after {seconds} s",
            expected=f"{wanted}",
            next="lower cluster.workers or raise cluster.wait_seconds",
        ) from err
