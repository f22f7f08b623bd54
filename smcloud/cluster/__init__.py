"""A dask cluster for one run: local or on a gateway, with the same versions everywhere, and always closed again."""

from smcloud.cluster.gateway import end_leftovers, gateway_server, load_distributed, open_cluster, threads_of

__all__ = ["end_leftovers", "gateway_server", "load_distributed", "open_cluster", "threads_of"]
