"""How many tasks a lazy computation is, and which stored arrays it reads: told from its graph, computing nothing."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import dask
import dask.array
import numpy as np
import xarray as xr
from dask.base import unpack_collections

from smcloud import store as stores
from smcloud.cluster.ordering import merged, optimised
from smcloud.cube import Cube
from smcloud.plan import Array


class _Counted(Exception):
    """Ends a computation before it begins."""


def tasks_of(*collections: Any) -> int:
    """Tasks that ``dask.compute(*collections)`` would run, after all of its optimisations."""
    found: list[int] = []

    def scheduler(graph: Any, keys: Any, **kwargs: Any) -> None:
        found.append(len(graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph))
        raise _Counted

    try:
        dask.compute(*collections, scheduler=scheduler)
    except _Counted:
        return found[0]
    return 0  # nothing lazy in them


def tasks_by_time(cube: Cube) -> int:
    """Tasks that :func:`~smcloud.cluster.ordering.compute_by_time` would run for ``cube``, but for one a collection."""
    return len(merged(optimised(stores.dry_run_writes(cube.dataset), cube.counters))[0])


def layers_of(*collections: Any) -> int:
    """Tasks before any optimisation, mostly several times as many as are run; nothing is built for it."""
    layers: dict[str, int] = {}
    for collection in unpack_collections(*collections)[0]:
        layers |= {name: len(layer) for name, layer in collection.__dask_graph__().layers.items()}
    return sum(layers.values())


def template(ds: xr.Dataset, name: str, sizes: Mapping[str, int], chunks: Mapping[str, int]) -> xr.Dataset:
    """``ds`` with lazy zeros, in blocks as it is opened from a store, in place of its arrays.

    ``sizes`` lengthens dims; the caller gives coordinates anew. Each variable is a layer ``name/variable``.
    """
    out = xr.Dataset(attrs=ds.attrs)
    for key, da in ds.data_vars.items():
        shape = tuple(sizes.get(str(dim), da.sizes[dim]) for dim in da.dims)
        step = tuple(
            length if chunks.get(str(dim), -1) == -1 else min(chunks[str(dim)], length)
            for dim, length in zip(da.dims, shape, strict=True)
        )
        zeros = dask.array.zeros(shape, chunks=step, dtype=da.dtype, name=f"{name}/{key}")
        out[key] = (da.dims, zeros, da.attrs)
    return out


def read_of(collections: Any, ds: xr.Dataset, name: str) -> set[Hashable]:
    """Those variables of :func:`template` ``ds`` that ``collections`` read."""
    layers: set[str] = set()
    for collection in unpack_collections(collections)[0]:
        layers |= set(collection.__dask_graph__().layers)
    return {key for key in ds.data_vars if f"{name}/{key}" in layers}


def arrays(ds: xr.Dataset, names: Iterable[Hashable], sizes: Mapping[str, int]) -> list[Array]:
    """The stored arrays of some variables of ``ds`` at the ``sizes`` of the whole grid."""
    found = []
    for name in names:
        variable = ds.variables[name]
        shape = tuple(sizes.get(str(dim), length) for dim, length in zip(variable.dims, variable.shape, strict=True))
        whole = xr.Variable(variable.dims, np.broadcast_to(np.zeros((), variable.dtype), shape))  # takes no memory
        found.append(Array(shape, stores.stored_chunks(whole), variable.dtype.itemsize))
    return found
