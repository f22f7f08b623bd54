"""Chunks that are not in a store: which cells of a variable have none, known when its values are read.

A library fills such cells with the default of the array, often 0, which looks like a value. The encoding of an opened
Dataset says of each variable that is read which of its cells those are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from smcloud.catalog.schema import Entry
from smcloud.errors import ChunkError

if TYPE_CHECKING:
    import xarray as xr

MARKS = "absent_chunks"  # in the encoding of a Dataset: DataArrays by the names of their variables
NEVER = 2**64 - 1  # offset and length of an absent chunk in the index of a shard
TIME = ("time", "valid_time")
Region = tuple[slice, ...]


class Chunks(Protocol):
    """What knows the absent chunks of one array."""

    def absent(self, region: Region) -> Iterable[Region]:
        """Iterate over the absent chunks that touch ``region``, each as the region that it covers."""
        ...


def marks_of(ds: xr.Dataset, name: str) -> xr.DataArray | None:
    """Return which cells of the variable ``name`` rest on no chunk: bool, lazy; None where none can be."""
    return ds.encoding.get(MARKS, {}).get(name)


def all_names(entry: Entry) -> list[str]:
    """Return the variables that are read for the roles of an entry."""
    return list(dict.fromkeys(name for spec in entry.metadata.variables.values() for name in spec.names))


def with_marks(ds: xr.Dataset, chunks: Mapping[str, Chunks], entry: Entry, where: str) -> xr.Dataset:
    """Return ``ds`` with the marks of the variables that ``chunks`` knows in its encoding.

    Raises :class:`ChunkError` where an axis rests on an absent chunk: its stamps or degrees would be invented.
    """
    import xarray as xr

    if entry.metadata.absent_chunks == "fill":
        return ds
    static = {name for spec in entry.metadata.variables.values() if spec.period == "static" for name in spec.names}
    marked = ds.encoding.setdefault(MARKS, {})
    for name in [name for name in all_names(entry) if name in ds]:
        for axis in [axis for axis in ds[name].dims if axis in chunks and axis in ds.variables]:
            if name in static and axis in TIME:
                continue  # its first step is read, whatever its stamp
            region = next(iter(chunks[str(axis)].absent(tuple(slice(0, n) for n in ds[axis].shape))), None)
            if region is not None:
                raise _absent(f"{where}: {axis}", region, "an axis lacks a chunk")
        if name in chunks and ds[name].chunks is not None:
            marks = _marks(ds[name].data, chunks[name], name in static, f"{where}: {name}", entry.metadata.complete)
            marked[name] = xr.DataArray(marks, ds[name].coords, ds[name].dims)
    return ds


class PartMarks:
    """The marks of a source of one or more stores or files, which are opened one after the other and joined."""

    def __init__(self, entry: Entry, known: Sequence[Mapping[str, Chunks]], where: str) -> None:
        self.entry, self.known, self.where = entry, known, where
        self.marked = {name for chunks in known for name in chunks} & set(all_names(entry))
        self.left = iter(known)

    def only(self, ds: xr.Dataset) -> xr.Dataset:
        """Return the only part with its marks."""
        return with_marks(ds, self.known[0], self.entry, self.where)

    def next(self, ds: xr.Dataset) -> xr.Dataset:
        """Return the next part with its marks as variables, so that they are joined as their variables are."""
        if not any(self.known):
            return ds
        filled = {name: KnownRegions() for name in self.marked}
        ds = with_marks(ds, {**filled, **next(self.left)}, self.entry, self.where)
        marks = ds.encoding.pop(MARKS, {})
        out = ds.assign({f"{name} ({MARKS})": marks_of_name for name, marks_of_name in marks.items()})
        out.set_close(ds._close)  # parts that cannot be joined are closed
        return out

    def joined(self, ds: xr.Dataset) -> xr.Dataset:
        """Return the joined parts with their marks."""
        names = {f"{name} ({MARKS})": name for name in self.marked if f"{name} ({MARKS})" in ds}
        marks = {name: ds[variable].astype(bool) for variable, name in names.items()}
        ds = ds.drop_vars(list(names))
        ds.encoding[MARKS] = marks
        return ds


def _absent(where: str, region: Region, what: str) -> ChunkError:
    return ChunkError(
        what,
        where=where,
        found=f"nothing for {[f'{part.start}:{part.stop}' for part in region]}",
        expected="every chunk",
        next="complete the source; set absent_chunks: fill if it leaves out what equals its fill value on purpose",
    )


def _marks(data: Any, chunks: Chunks, alone: bool, where: str, complete: bool) -> Any:
    """Marks in the blocks of ``data``. Each is asked for when its values are there, so that the store remembers them;
    ``alone``: at any time, as of a static layer often only a part is read."""
    import dask.array

    axes = tuple(range(data.ndim))
    parts: list[Any] = [] if alone else [data, axes]
    for axis, sizes in zip(axes, data.chunks, strict=True):
        parts += [dask.array.arange(sum(sizes), chunks=(sizes,)), (axis,)]
    mark = partial(_mark, chunks=chunks, axes=data.ndim, where=where, complete=complete)
    return dask.array.blockwise(
        mark, axes, *parts, dtype=bool, meta=np.empty((0,) * data.ndim, bool), align_arrays=False, concatenate=True
    )


def _mark(*parts: npt.NDArray[Any], chunks: Chunks, axes: int, where: str, complete: bool) -> npt.NDArray[np.bool_]:
    positions = parts[-axes:] if axes else ()
    shape = tuple(len(position) for position in positions)
    if 0 in shape:
        return np.zeros(shape, bool)
    starts = [int(position[0]) for position in positions]
    region = tuple(slice(start, start + size) for start, size in zip(starts, shape, strict=True))
    out: npt.NDArray[np.bool_] | None = None
    for found in chunks.absent(region):
        if complete:
            raise _absent(where, found, "a chunk is not there, though the entry says that the source is complete")
        out = np.zeros(shape, bool) if out is None else out
        out[tuple(slice(max(part.start - start, 0), part.stop - start)
                  for part, start in zip(found, starts, strict=True))] = True  # fmt: skip
    return np.broadcast_to(np.False_, shape) if out is None else out


def blank(da: xr.DataArray, marks: xr.DataArray | None) -> xr.DataArray:
    """Return ``da`` (float) with NaN where ``marks`` says that there is no chunk; lazy."""
    import xarray as xr

    if marks is None:
        return da
    da_part, marks_part = xr.unify_chunks(da, marks)
    out: xr.DataArray = xr.apply_ufunc(
        _blank, da_part, marks_part, dask="parallelized", output_dtypes=[da.dtype], keep_attrs="override"
    )
    out = out.transpose(*da.dims)
    out.encoding = da.encoding
    return out


def _blank(values: npt.NDArray[Any], marks: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    return np.where(marks, values.dtype.type(np.nan), values) if marks.any() else values


@dataclass(frozen=True)
class ZarrChunks:
    """The chunks of an array of a :class:`GuardedStore`; of a sharded one those inside its shards too."""

    array: Any

    def absent(self, region: Region) -> Iterator[Region]:
        """Iterate over the absent chunks that touch ``region``."""
        store, path, metadata = self.array.store_path.store, self.array.path, self.array.metadata
        outer = self.array.shards or self.array.chunks
        for position in _touched(region, outer):
            key = metadata.encode_chunk_key(position)
            key = f"{path}/{key}" if path else key
            if store.is_absent(key):
                yield _covered(position, outer)
            elif self.array.shards:
                yield from self._absent_in_shard(store, key, position, region)

    def _absent_in_shard(self, store: Any, key: str, shard: tuple[int, ...], region: Region) -> Iterator[Region]:
        inner = self.array.chunks
        inside = tuple(size // chunk for size, chunk in zip(self.array.shards, inner, strict=True))
        index = store.shard_index(key, self.array.metadata.codecs[0], math.prod(inside)).reshape(*inside, 2)
        first = [position * n for position, n in zip(shard, inside, strict=True)]
        for place in np.argwhere((index == NEVER).all(axis=-1)).tolist():
            found = _covered(tuple(a + b for a, b in zip(first, place, strict=True)), inner)
            if all(a.start < b.stop and b.start < a.stop for a, b in zip(found, region, strict=True)):
                yield found


def _touched(region: Region, chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    spans = (range(part.start // size, -(-part.stop // size)) for part, size in zip(region, chunk, strict=True))
    return itertools.product(*spans)


def _covered(position: Sequence[int], chunk: Sequence[int]) -> Region:
    return tuple(slice(at * size, (at + 1) * size) for at, size in zip(position, chunk, strict=True))


def zarr_chunks(store: Any, group: str | None, ds: xr.Dataset, names: Iterable[str]) -> dict[str, Chunks]:
    """Return what knows the absent chunks of the variables ``names``, and of their axes, of a group of Zarr.

    Raises :class:`ChunkError` for shards that other codecs hide.
    """
    import zarr

    arrays = {name for name in names if name in ds}
    arrays |= {str(axis) for name in arrays for axis in ds[name].dims if axis in ds.variables}
    opened: Any = zarr.open_group(store, path=str(group or "").strip("/"), mode="r", use_consolidated=False)
    known: dict[str, Chunks] = {}
    for name in sorted(arrays):
        array = opened[name]
        if array.shards:
            codecs = array.metadata.codecs
            if len(codecs) > 1 or hasattr(codecs[0].codecs[0], "index_codecs"):
                raise ChunkError(
                    "a source has shards inside other codecs",
                    where=name,
                    found=", ".join(type(codec).__name__ for codec in (*codecs, *codecs[0].codecs)),
                    expected="sharding_indexed alone, and no shards in shards",
                    next="write the source anew with one level of shards",
                )
        known[name] = ZarrChunks(array)
    return known


@dataclass(frozen=True)
class KnownRegions:
    """Absent chunks that are known beforehand."""

    regions: tuple[Region, ...] = ()

    def absent(self, region: Region) -> Iterator[Region]:
        """Iterate over the absent chunks that touch ``region``."""
        for found in self.regions:
            if all(a.start < b.stop and b.start < a.stop for a, b in zip(found, region, strict=True)):
                yield found
