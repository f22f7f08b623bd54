"""Lazy writes of large arrays into a prefix: each block is encoded and put by the task that has it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from smcloud.store.arrays import ZARR_JSON, ArrayOfPrefix
from smcloud.store.integrity import metadata_of_all
from smcloud.store.objects import Place

if TYPE_CHECKING:
    import xarray as xr


class LazyWrites(NamedTuple):
    """Lazy writes, dask arrays without content: of variables (..., lat, lon), and of all others."""

    maps: tuple[Any, ...]
    others: tuple[Any, ...]


def together(writes: Sequence[LazyWrites]) -> LazyWrites:
    """Put the writes of several Datasets together, to be computed at once."""
    return LazyWrites(
        tuple(write for each in writes for write in each.maps), tuple(write for each in writes for write in each.others)
    )


def region_writes(
    ds: xr.Dataset, start: Mapping[str, int], place: Place, written: Mapping[str, bytes] | None = None
) -> LazyWrites:
    """Return lazy writes of the aligned ``ds`` into the arrays of ``path``, from positions ``start`` of its dims on.

    ``written`` are the objects that were just written, by key: the metadata need not be read then.
    """
    targets, regions = {}, {}
    lazy = lazy_variables(ds)
    if written is None:
        metadata = metadata_of_all(place, map(str, lazy))
    else:
        metadata = {str(name): written[f"{name}/{ZARR_JSON}"] for name in lazy}
    for name, variable in lazy.items():
        targets[name] = _Target(place, str(name), metadata[str(name)])
        firsts = [start.get(str(dim), 0) for dim in variable.dims]
        regions[name] = tuple(slice(first, first + size) for first, size in zip(firsts, variable.shape, strict=True))
    return writes_of(ds, targets, regions)


class _Target(ArrayOfPrefix):
    """An array of the store, written by whole chunks in the thread that has them."""

    def __setitem__(self, region: tuple[slice, ...], block: Any) -> None:
        array = self.stored
        for part, step, size in zip(region, array.chunk, array.shape, strict=True):
            if part.start % step or (part.stop % step and part.stop != size):
                raise ValueError(f"{self.name}: {part} are no whole chunks of {step}: two tasks would write one")
        first = [part.start // step for part, step in zip(region, array.chunk, strict=True)]
        counts = [-(-size // step) for size, step in zip(block.shape, array.chunk, strict=True)]
        objects = {}
        for index in np.ndindex(*counts):
            cells = tuple(slice(i * step, (i + 1) * step) for i, step in zip(index, array.chunk, strict=True))
            position = tuple(i + at for i, at in zip(index, first, strict=True))
            objects[f"{self.name}/{array.key(position)}"] = array.encode(block[cells])
        self.place.write_all(objects)


@dataclass(frozen=True)
class Nowhere:
    """An array that is never written."""

    shape: tuple[int, ...]
    dtype: Any

    def __setitem__(self, region: Any, block: Any) -> None:
        raise TypeError("a rehearsed write is never computed")


def lazy_variables(ds: xr.Dataset) -> dict[Hashable, xr.Variable]:
    """Return the variables that are not in memory."""
    return {name: variable for name, variable in ds.variables.items() if variable.chunks is not None}


def writes_of(
    ds: xr.Dataset, targets: Mapping[Hashable, Any], regions: Mapping[Hashable, tuple[slice, ...]]
) -> LazyWrites:
    """Return lazy writes of the variables of ``ds`` into ``targets``, each into its region."""
    import dask.array

    if not targets:
        return LazyWrites((), ())
    # xarray's own lazy write is a Delayed, which dask does not merge with arrays: blocks would be computed twice.
    sources = [ds.variables[name].data for name in targets]
    writes = dask.array.store(
        sources, list(targets.values()), lock=False, regions=list(regions.values()), compute=False
    )
    parts: tuple[list[Any], list[Any]] = [], []
    for name, write in zip(targets, writes if isinstance(writes, tuple) else (writes,), strict=True):
        parts[ds.variables[name].dims[-2:] != ("lat", "lon")].append(write)
    return LazyWrites(*map(tuple, parts))
