"""Chunks of HDF5 files (NetCDF-4): those that were never written, and those that no chunk of its size can be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smcloud.catalog.stores.absent import Region, covered, touched
from smcloud.catalog.validation import too_large


@dataclass(frozen=True)
class FileChunks:
    """The chunks of a dataset of HDF5, in a grid of ``chunk``, of which only those that begin at ``written`` are.

    None: all inside ``shape`` are, beyond which there is nothing: along an unlimited dimension another variable of the
    file is longer.
    """

    chunk: tuple[int, ...]
    shape: tuple[int, ...]
    written: frozenset[tuple[int, ...]] | None = frozenset()

    def absent(self, region: Region) -> Iterator[Region]:
        """Iterate over the absent chunks that touch ``region``, and its parts beyond the shape."""
        for axis, (part, size) in enumerate(zip(region, self.shape, strict=True)):
            if part.stop > size:
                yield (*region[:axis], slice(max(part.start, size), part.stop), *region[axis + 1 :])
        if self.written is None:
            return
        for position in touched(region, self.chunk):
            found = covered(position, self.chunk)
            if tuple(part.start for part in found) not in self.written:
                yield found


def absent_chunks(dataset: Any, where: str, shape: tuple[int, ...] = ()) -> FileChunks | None:
    """Look which chunks of an opened dataset of h5py were never written; None where all were. No value is read.

    ``shape`` is that of the variable, where it may be larger than what was written of it.

    Raises :class:`ChunkError` for a chunk that takes more bytes than it would without compression: HDF5 inflates
    whatever it finds, up to a thousand times its size.
    """
    if dataset.size == 0 and shape not in ((), dataset.shape):
        return FileChunks(dataset.chunks, dataset.shape)
    if dataset.size in (0, None) or dataset.is_virtual or dataset.external:
        return None
    if dataset.chunks is None:
        return None if dataset.id.get_storage_size() else FileChunks(dataset.shape, dataset.shape)
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    most = size + size // 100 + 4096
    written = set()

    def look(chunk: Any) -> None:
        if chunk.size > most:
            raise too_large(f"{chunk.size} bytes before it is decoded", size, where)
        written.add(tuple(chunk.chunk_offset))

    dataset.id.chunk_iter(look)
    number = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if len(written) < number:
        return FileChunks(dataset.chunks, dataset.shape, frozenset(written))
    return FileChunks(dataset.chunks, dataset.shape, None) if shape not in ((), dataset.shape) else None


def file_chunks(
    place: Any, group: str, names: Iterable[str], shapes: Mapping[str, tuple[int, ...]], where: str
) -> dict[str, FileChunks]:
    """Return the absent chunks of the variables ``names`` of a file, and of their axes, where it has any.

    ``place`` is a path or an opened file, ``shapes`` are those that the variables have when they are read; raises what
    :func:`absent_chunks` raises.
    """
    import h5py

    known = {}
    with h5py.File(place, "r") as file:
        held = file[group] if group.strip("/") else file
        for name in [*names, "time", "valid_time", "lat", "latitude", "lon", "longitude"]:
            dataset = held.get(name)
            if isinstance(dataset, h5py.Dataset) and not _is_bare(dataset):
                chunks = absent_chunks(dataset, f"{where}: {name}", shapes.get(name, ()))
                if chunks is not None:
                    known[name] = chunks
    return known


def _is_bare(dataset: Any) -> bool:
    """Return whether it stands for a dimension without values, which are then never written."""
    name = dataset.attrs.get("NAME", b"")
    return (name if isinstance(name, bytes) else str(name).encode()).startswith(b"This is a netCDF dimension but not")
