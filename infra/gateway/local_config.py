"""Dask Gateway on this machine: processes instead of pods, loopback only. `dask-gateway-server -f` reads it.

SMCLOUD_GATEWAY_PORT, SMCLOUD_GATEWAY_PROXY_PORT and SMCLOUD_GATEWAY_PASSWORD come from the environment.
"""

import os
import sys
from pathlib import Path
from typing import Any

from dask_gateway_server.auth import SimpleAuthenticator
from dask_gateway_server.backends.local import UnsafeLocalBackend
from dask_gateway_server.options import Float, Integer, Mapping, Options, String

HOST = "127.0.0.1"
PORT, PROXY_PORT = (os.environ[f"SMCLOUD_GATEWAY_{name}"] for name in ("PORT", "PROXY_PORT"))
DASK = str(Path(sys.executable).parent / "dask")

c = get_config()  # type: ignore[name-defined]  # noqa: F821  the server gives it

c.DaskGateway.address = f"{HOST}:{PORT}"
c.DaskGateway.backend_class = UnsafeLocalBackend
c.DaskGateway.authenticator_class = SimpleAuthenticator
c.SimpleAuthenticator.password = os.environ["SMCLOUD_GATEWAY_PASSWORD"]
c.Proxy.address = f"{HOST}:0"
c.Proxy.tcp_address = f"{HOST}:{PROXY_PORT}"

c.ClusterConfig.scheduler_cmd = [DASK, "scheduler"]
c.ClusterConfig.worker_cmd = [DASK, "worker"]
c.ClusterConfig.idle_timeout = 600
# Endpoints reach a cluster by its own environment only: what is inherited here would override it.
c.UnsafeLocalBackend.inherited_environment = ["PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"]
# A worker that a fault took away is noticed within seconds.
c.UnsafeLocalBackend.check_timeouts_period = 1
c.UnsafeLocalBackend.cluster_heartbeat_period = 3
# By default a scheduler that is late by two periods is ended, which a busy machine brings about.
c.UnsafeLocalBackend.cluster_heartbeat_timeout = 60
c.UnsafeLocalBackend.cluster_start_timeout = 120
c.UnsafeLocalBackend.worker_start_timeout = 120


def options(user: Any) -> Options:
    """What a client may choose: the same names as on Kubernetes."""
    return Options(
        Integer("worker_cores", 1, min=1, max=16),
        String("worker_memory", "2 G"),
        Float("idle_timeout", 600.0, min=0.0),
        Mapping("environment", {}),
        String("image", ""),
        handler=chosen,
    )


def chosen(choice: Any) -> dict[str, Any]:
    """From the options to the cluster's configuration; processes have no image."""
    return {
        "worker_cores": choice.worker_cores,
        "worker_memory": choice.worker_memory,
        "idle_timeout": choice.idle_timeout,
        "environment": dict(choice.environment),
    }


c.Backend.cluster_options = options
