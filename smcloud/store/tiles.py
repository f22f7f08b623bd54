"""A prefix written tile by tile: regions of whole chunks, and a marker for each that is there to the last chunk.

A run that was killed goes on with the tiles that have no marker. Markers are no part of what is sealed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from smcloud.store.layout import Store, reaching
from smcloud.store.objects import read, write_whole
from smcloud.store.write import align, template_of, write_template

if TYPE_CHECKING:
    import xarray as xr

# Below an array, which every grid has: in the group's own listing readers would stumble over it.
MARKERS = "lat/.tiles"


def prepare(ds: xr.Dataset, store: Store, path: str) -> xr.Dataset:
    """Write metadata and in-memory variables of ``ds`` and return it aligned, to be written region by region.

    Tiles of an interrupted run stay where its arrays were laid out in the same way.
    """
    ds = align(ds.drop_encoding())
    write_template(store, path, template_of(ds))
    return ds


def tile_record(store: Store, path: str, name: str) -> dict[str, Any] | None:
    """What :func:`mark_tile` has put down for the tile ``name``, None where it is not done."""
    raw = read(store, f"{path}/{MARKERS}/{name}.json")
    return None if raw is None else json.loads(raw)


def mark_tile(store: Store, path: str, name: str, record: dict[str, Any]) -> None:
    """Say that every chunk of the tile is written, and what a later run needs to know of it (JSON, infinities too)."""
    write_whole(store, f"{path}/{MARKERS}/{name}.json", json.dumps(record).encode())


def clear_tiles(store: Store, path: str) -> None:
    """Remove the markers: the prefix is sealed, or its chunks are not to be trusted."""
    root = store.join(path, MARKERS)
    with reaching(store.url_of(path)), suppress(FileNotFoundError):  # another run of the same work was faster
        if store.fs.exists(root):
            store.fs.rm(root, recursive=True)
