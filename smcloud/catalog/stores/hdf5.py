"""Chunks of HDF5 files (NetCDF-4): those that were never written, and those that no chunk of its size can be."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

from smcloud.catalog.stores.absent import KnownRegions, Region
from smcloud.catalog.validation import too_large


def absent_regions(dataset: Any, where: str) -> tuple[Region, ...]:
    """Return the regions of an opened dataset of h5py for which nothing was ever written; no value is read.

    Raises :class:`ChunkError` for a chunk that takes more bytes than it would without compression: HDF5 inflates
    whatever it finds, up to a thousand times its size.
    """
    if dataset.size in (0, None) or dataset.is_virtual or dataset.external:
        return ()
    if dataset.chunks is None:
        whole = tuple(slice(0, n) for n in dataset.shape)
        return () if dataset.id.get_storage_size() else (whole,)
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    most = size + size // 100 + 4096
    written = set()

    def look(chunk: Any) -> None:
        if chunk.size > most:
            raise too_large(f"{chunk.size} bytes before it is decoded", size, where)
        written.add(tuple(chunk.chunk_offset))

    dataset.id.chunk_iter(look)
    number = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if len(written) >= number:
        return ()
    starts = itertools.product(*(range(0, n, c) for n, c in zip(dataset.shape, dataset.chunks, strict=True)))
    return tuple(
        tuple(slice(a, a + c) for a, c in zip(start, dataset.chunks, strict=True))
        for start in starts
        if start not in written
    )


def file_chunks(place: Any, group: str, names: Iterable[str], where: str) -> dict[str, KnownRegions]:
    """Return the absent chunks of the variables ``names`` of a file, and of their axes, where it has any.

    ``place`` is a path or an opened file; raises what :func:`absent_regions` raises.
    """
    import h5py

    known = {}
    with h5py.File(place, "r") as file:
        held = file[group] if group.strip("/") else file
        for name in [*names, "time", "valid_time", "lat", "latitude", "lon", "longitude"]:
            dataset = held.get(name)
            if isinstance(dataset, h5py.Dataset) and not _is_bare(dataset):
                regions = absent_regions(dataset, f"{where}: {name}")
                if regions:
                    known[name] = KnownRegions(regions)
    return known


def _is_bare(dataset: Any) -> bool:
    """Return whether it stands for a dimension without values, which are then never written."""
    name = dataset.attrs.get("NAME", b"")
    return (name if isinstance(name, bytes) else str(name).encode()).startswith(b"This is a netCDF dimension but not")
