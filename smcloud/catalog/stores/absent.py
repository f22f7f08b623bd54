"""Chunks that are not in a store: which cells of a variable have none, known when its values are read.

A library fills such cells with the default of the array, often 0, which looks like a value. The encoding of an opened
Dataset says of each variable that is read which of its cells those are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from smcloud.catalog.schema import Entry
from smcloud.errors import ChunkError

if TYPE_CHECKING:
    import xarray as xr

MARKS = "absent_chunks"  # in the encoding of a Dataset: DataArrays by the names of their variables
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
        filled = {name: AllThere() for name in self.marked}
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
    return np.where(marks, values.dtype.type(np.nan), values) if any_marked(marks) else values


def any_marked(marks: npt.NDArray[np.bool_]) -> bool:
    """Return whether a block marks any cell; nearly none does, and such a block is one value in memory."""
    return bool(marks.flat[0]) if marks.size and not any(marks.strides) else bool(marks.any())


def either(one: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Return the cells that one or the other marks; lazy."""
    import xarray as xr

    one, other = xr.unify_chunks(one, other)
    out: xr.DataArray = xr.apply_ufunc(_either, one, other, dask="parallelized", output_dtypes=[bool])
    return out


def _either(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    if not any_marked(other):
        return one
    return one | other if any_marked(one) else other


class AllThere:
    """The chunks of an array that lacks none."""

    def absent(self, region: Region) -> Iterable[Region]:
        """Return none."""
        return ()


def touched(region: Region, chunk: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Iterate over the positions of the chunks that touch ``region``, in a grid of ``chunk``: one by one, as a store of
    a few bytes may declare billions."""
    first = [part.start // size for part, size in zip(region, chunk, strict=True)]
    counts = [-(-part.stop // size) - at for part, size, at in zip(region, chunk, first, strict=True)]
    for index in np.ndindex(*counts):
        yield tuple(at + i for at, i in zip(first, index, strict=True))


def covered(position: Sequence[int], chunk: Sequence[int]) -> Region:
    """Return the region of the chunk at ``position``."""
    return tuple(slice(at * size, (at + 1) * size) for at, size in zip(position, chunk, strict=True))


def touch(one: Region, other: Region) -> bool:
    """Return whether two regions share a cell."""
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))
