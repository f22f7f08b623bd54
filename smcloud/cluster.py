"""The only module that knows dask-gateway: a cluster for one run, local or on a gateway, always closed again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from smcloud.config import Cluster
from smcloud.errors import UnreachableError

if TYPE_CHECKING:
    from distributed import Client, Worker

LOOPBACK = "127.0.0.1:0"  # by default distributed serves its pages to the whole network


@contextmanager
def open_cluster(config: Cluster) -> Iterator[Client]:
    """A dask client that is the default while the context lasts; the cluster ends with it, whatever happens.

    ``local`` runs threads of this process (``workers`` x ``worker_cores``, all cores by default): the work is
    numpy and numba that release the lock, and nothing is copied between processes. ``gateway`` asks the Dask
    Gateway that ``DASK_GATEWAY__*`` names. Raises :class:`UnreachableError`.
    """
    with _local(config) if config.kind == "local" else _gateway(config) as client:
        yield client


def settle(seconds: float = 60.0) -> None:
    """Return when no worker of the current client runs a task any more, or after ``seconds``.

    A computation ends for its caller at the first error, while other tasks, which nobody waits for, still write.
    """
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:  # no cluster
        return
    end = time.monotonic() + seconds
    while any(client.run(_running).values()) and time.monotonic() < end:
        time.sleep(0.05)


def _running(dask_worker: Worker) -> int:
    return dask_worker.state.executing_count


@contextmanager
def _local(config: Cluster) -> Iterator[Client]:
    load_distributed()
    from distributed import Client, LocalCluster

    threads = (config.workers or 1) * config.worker_cores if config.workers else os.cpu_count() or 1
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=threads,
            processes=False,
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            memory_limit=config.worker_memory or "auto",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def load_distributed() -> None:
    """Import distributed with our settings: it reads some of them only then."""
    import dask

    # Its profiler walks the stacks of the compilers in this process, a hundred times a second: a tenth of a first run.
    level = dask.config.get("logging.distributed", "warning")
    dask.config.set({"logging.distributed": level, "distributed.worker.profile.enabled": False})
    import distributed  # noqa: F401


@contextmanager
def _gateway(config: Cluster) -> Iterator[Client]:
    from dask_gateway import Gateway, GatewayClusterError, GatewayServerError

    wanted = config.workers or 1
    try:
        gateway = Gateway()
        cluster = gateway.new_cluster(**_options(config))
    except (OSError, ValueError, GatewayServerError, GatewayClusterError, TimeoutError) as err:
        raise UnreachableError(
            "the Dask Gateway does not give a cluster",
            where=os.environ.get("DASK_GATEWAY__ADDRESS", "DASK_GATEWAY__ADDRESS (not set)"),
            found=f"{type(err).__name__}: {err}",
            expected="a running gateway and valid credentials",
            next="check DASK_GATEWAY__ADDRESS and DASK_GATEWAY__AUTH__*, or set cluster: {kind: local}",
        ) from err
    with cluster, cluster.get_client() as client:
        if config.adaptive:
            cluster.adapt(minimum=1, maximum=wanted)
        else:
            cluster.scale(wanted)
        _wait_for_workers(client, 1 if config.adaptive else wanted, config.wait_seconds)
        yield client


def _options(config: Cluster) -> dict[str, Any]:
    options = {"worker_cores": config.worker_cores, "worker_memory": config.worker_memory, "image": config.image}
    return {key: value for key, value in options.items() if value is not None}


def _wait_for_workers(client: Client, wanted: int, seconds: int) -> None:
    try:
        client.wait_for_workers(wanted, timeout=seconds)
        client.get_versions(check=True)
    except TimeoutError as err:
        raise UnreachableError(
            "the cluster's workers did not come in time",
            where="cluster.workers",
            found=f"{len(client.scheduler_info()['workers'])} after {seconds} s",
            expected=f"{wanted}",
            next="lower cluster.workers or raise cluster.wait_seconds",
        ) from err
    except ValueError as err:  # distributed's word for different package versions
        raise UnreachableError(
            "client, scheduler and workers run different versions", where="cluster.image", found=str(err),
            expected="the same versions", next="use the image built from infra/requirements.lock",
        ) from err  # fmt: skip
