"""A prefix written tile by tile: regions of whole chunks, and a marker for each tile whose chunks are all written.

A run that was killed goes on with the tiles that have no marker. Markers are no part of what is sealed.
"""

from __future__ import annotations

import json
from typing import Any

from smcloud.store.objects import Place
from smcloud.store.records import MARKERS


def tile_record(place: Place, name: str) -> dict[str, Any] | None:
    """Return what :func:`mark_tile` recorded for the tile ``name``, None where it is not done."""
    raw = place.read(f"{MARKERS}/{name}.json")
    try:
        return None if raw is None else json.loads(raw)
    except ValueError:  # a machine lost its power: the tile is written again
        return None


def mark_tile(place: Place, name: str, record: dict[str, Any]) -> None:
    """Record that every chunk of the tile is written, and what a later run needs of it (JSON, infinities too)."""
    place.write(f"{MARKERS}/{name}.json", json.dumps(record).encode())


def clear_tiles(place: Place) -> None:
    """Remove the markers: the prefix is sealed, or its chunks cannot be trusted."""
    place.remove(MARKERS)
