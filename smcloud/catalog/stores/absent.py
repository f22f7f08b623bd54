"""Chunks that are not in a store: which cells of a variable have none, known when its values are read.

A library fills such cells with the default of the array, often 0, which looks like a value. While a source is opened
and read another variable beside each one marks those cells; an opened Dataset carries them in its encoding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from smcloud.catalog.schema import Entry
from smcloud.errors import ChunkError

if TYPE_CHECKING:
    import xarray as xr

MARKS = "absent_chunks"  # in the encoding of a Dataset: marks by the names of their variables
TIME = ("time", "valid_time")
Region = tuple[slice, ...]


class Chunks(Protocol):
    """What knows the absent chunks of one array."""

    def absent(self, region: Region) -> Iterable[Region]:
        """Iterate over the absent chunks that touch ``region``, each as the region that it covers."""
        ...


def marked_name(name: str) -> str:
    """Return what the marks of the variable ``name`` are called: bool, True where a cell rests on no chunk."""
    return f"{name} (absent chunks)"


def all_names(entry: Entry) -> list[str]:
    """Return the variables that are read for the roles of an entry."""
    return list(dict.fromkeys(name for spec in entry.metadata.variables.values() for name in spec.names))


def with_marks(ds: xr.Dataset, chunks: Mapping[str, Chunks], entry: Entry, where: str) -> xr.Dataset:
    """Return ``ds`` with the marks of the variables that ``chunks`` knows, each beside its variable.

    Raises :class:`ChunkError` where an axis rests on an absent chunk: its stamps or degrees would be invented.
    """
    if entry.metadata.absent_chunks == "fill":
        return ds
    static = {name for spec in entry.metadata.variables.values() if spec.period == "static" for name in spec.names}
    marked: dict[str, Any] = {}
    for name in [name for name in all_names(entry) if name in ds]:
        for axis in [axis for axis in ds[name].dims if axis in chunks and axis in ds.variables]:
            if name in static and axis in TIME:
                continue  # its first step is read, whatever its stamp
            region = next(iter(chunks[str(axis)].absent(tuple(slice(0, n) for n in ds[axis].shape))), None)
            # A library leaves out a chunk whose only number is its default, such as the first day of a count.
            if region is not None and math.prod(part.stop - part.start for part in region) > 1:
                raise _absent(f"{where}: {axis}", region, "an axis lacks a chunk")
        if name in chunks and ds[name].chunks is not None:
            marks = _marks(ds[name].data, chunks[name], name in static, f"{where}: {name}", entry.metadata.complete)
            marked[marked_name(name)] = (ds[name].dims, marks)
    out = ds.assign(marked)
    out.set_close(ds._close)  # parts that cannot be joined are closed
    return out


def hide_marks(ds: xr.Dataset) -> xr.Dataset:
    """Put the marks into the encoding of ``ds``, where who looks at its variables does not meet them."""
    names = [name for name in map(str, ds.data_vars) if marked_name(name) in ds]
    out = ds.drop_vars([marked_name(name) for name in names])
    out.encoding = ds.encoding | {MARKS: {name: ds[marked_name(name)].variable for name in names}}
    out.set_close(ds._close)
    return out


def show_marks(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` with the marks as variables, which follow whatever is done to it."""
    return ds.assign({marked_name(name): marks for name, marks in ds.encoding.get(MARKS, {}).items()})


def of_each_part(known: Sequence[Mapping[str, Chunks]], entry: Entry) -> list[dict[str, Chunks]]:
    """Return what is known of the chunks of each store or file of an entry: what one has marks of, all have."""
    marked = {name for chunks in known for name in chunks} & set(all_names(entry))
    return [{name: AllThere() for name in marked} | dict(chunks) for chunks in known]


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
