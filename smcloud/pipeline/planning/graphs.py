"""The number of tasks of a lazy computation, and the stored arrays it reads, from its graph: nothing is computed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import dask.array
import numpy as np
import xarray as xr

from smcloud import store as stores
from smcloud.cluster.fusion import fused
from smcloud.cluster.internals import layer_sizes
from smcloud.cube import Cube
from smcloud.plan import Array


def tasks_of_cube(cube: Cube) -> int:
    """Count the tasks of :func:`~smcloud.cluster.fusion.compute_by_block` for ``cube``."""
    writes = stores.dry_run_writes(cube.dataset)
    return len(fused(writes.maps, [writes.others, cube.counters]))


def tasks_of_writes(writes: Sequence[stores.LazyWrites]) -> int:
    """Count the tasks of ``writes`` that are computed together."""
    return len(fused(*stores.together(writes)))


def layers_of(*collections: Any) -> int:
    """Count tasks before any optimisation: what a graph takes in the client."""
    return sum(layer_sizes(*collections).values())


def template(ds: xr.Dataset, name: str, sizes: Mapping[str, int], chunks: Mapping[str, int]) -> xr.Dataset:
    """Replace the arrays of ``ds`` by lazy zeros, in blocks as it is opened from a store.

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
    """List those variables of :func:`template` ``ds`` that ``collections`` read."""
    layers = layer_sizes(collections)
    return {key for key in ds.data_vars if f"{name}/{key}" in layers}


def arrays(ds: xr.Dataset, names: Iterable[Hashable], sizes: Mapping[str, int]) -> list[Array]:
    """Describe the stored arrays of some variables of ``ds`` at the ``sizes`` of the whole grid."""
    stored = []
    for name in names:
        variable = ds.variables[name]
        shape = tuple(sizes.get(str(dim), length) for dim, length in zip(variable.dims, variable.shape, strict=True))
        full = xr.Variable(variable.dims, np.broadcast_to(np.zeros((), variable.dtype), shape))  # takes no memory
        stored.append(Array(shape, stores.stored_chunks(full), variable.dtype.itemsize))
    return stored
