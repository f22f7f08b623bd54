"""Check that client, scheduler and workers run the same packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smcloud.errors import UnreachableError

if TYPE_CHECKING:
    from distributed import Client

SAME_VERSIONS = ("dask", "distributed", "msgpack", "cloudpickle", "numpy", "numba", "xarray", "zarr", "fsspec")


def require_same_versions(client: Client) -> None:
    """Raise :class:`UnreachableError` where they differ: that leads to errors that name no package, or to none."""
    versions = client.get_versions(packages=list(SAME_VERSIONS))
    ours = versions["client"]["packages"] | {"python": versions["client"]["host"]["python"]}
    others = {"scheduler": versions["scheduler"], **versions["workers"]}
    for place, other in others.items():
        theirs = other["packages"] | {"python": other["host"]["python"]}
        for name in ("python", *SAME_VERSIONS):
            if theirs.get(name) != ours.get(name):
                raise UnreachableError(
                    "client, scheduler and workers run different versions",
                    where=f"cluster.image: {name} on {place}",
                    found=theirs.get(name) or "not installed",
                    expected=f"{name} {ours.get(name)}, as here",
                    next="use the image built from infra/requirements.lock",
                )
