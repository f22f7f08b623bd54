"""The absent chunks of arrays of Zarr, those inside shards too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from smcloud.catalog.stores.absent import Chunks, Region, covered, touch, touched
from smcloud.errors import ChunkError

if TYPE_CHECKING:
    import xarray as xr

NEVER = 2**64 - 1  # offset and length of an absent chunk in the index of a shard


@dataclass(frozen=True)
class ZarrChunks:
    """The chunks of an array of a :class:`GuardedStore`; of a sharded one those inside its shards too."""

    array: Any

    def absent(self, region: Region) -> Iterator[Region]:
        """Iterate over the absent chunks that touch ``region``."""
        store, path, metadata = self.array.store_path.store, self.array.path, self.array.metadata
        outer = self.array.shards or self.array.chunks
        for position in touched(region, outer):
            key = metadata.encode_chunk_key(position)
            key = f"{path}/{key}" if path else key
            if store.is_absent(key):
                yield covered(position, outer)
            elif self.array.shards:
                yield from self._absent_in_shard(store, key, position, region)

    def _absent_in_shard(self, store: Any, key: str, shard: tuple[int, ...], region: Region) -> Iterator[Region]:
        inner = self.array.chunks
        inside = tuple(size // chunk for size, chunk in zip(self.array.shards, inner, strict=True))
        index = store.shard_index(key, self.array.metadata.codecs[0], math.prod(inside)).reshape(*inside, 2)
        first = [position * n for position, n in zip(shard, inside, strict=True)]
        for place in np.argwhere((index == NEVER).all(axis=-1)).tolist():
            found = covered(tuple(a + b for a, b in zip(first, place, strict=True)), inner)
            if touch(found, region):
                yield found


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
