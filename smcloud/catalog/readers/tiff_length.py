"""The length that the directories of a TIFF file promise: one that broke off may have lost its scale, or its rows."""

from __future__ import annotations

import struct
from typing import IO

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # of types that offsets and lengths have
OFFSETS, LENGTHS = (273, 324), (279, 325)  # of strips and tiles
MOST = 1000  # directories, and entries of one
MOST_BLOCKS = 10_000_000


def promised_bytes(file: IO[bytes]) -> int:
    """Return how long an opened TIFF or BigTIFF file says that it is; ValueError where it ends before it can say so."""
    order = {b"II": "<", b"MM": ">"}.get(_bytes(file, 0, 2))
    if order is None:
        raise ValueError("no TIFF header")
    (version,) = struct.unpack(f"{order}H", _bytes(file, 2, 2))
    big = version == 43
    number, many, size = ("Q", "Q", 8) if big else ("I", "H", 4)
    (at,) = struct.unpack(order + number, _bytes(file, 8 if big else 4, size))
    end = 0
    seen: set[int] = set()
    while at and at not in seen and len(seen) < MOST:
        seen.add(at)
        (count,) = struct.unpack(order + many, _bytes(file, at, struct.calcsize(many)))
        if count > MOST:
            raise ValueError(f"a directory of {count} entries")
        start, width = at + struct.calcsize(many), 4 + 2 * size
        entries = _bytes(file, start, count * width)
        blocks: dict[bool, list[int]] = {}
        for tag, kind, length, value in struct.iter_unpack(f"{order}HH{number}{size}s", entries):
            long = SIZES.get(kind, 1) * length
            (place,) = struct.unpack(order + number, value)
            end = max(end, place + long if long > size else 0)
            if tag in OFFSETS + LENGTHS and kind in CODES:
                if length > MOST_BLOCKS:
                    raise ValueError(f"{length} blocks")
                raw = _bytes(file, place, long) if long > size else value[:long]
                blocks[tag in OFFSETS] = list(struct.unpack(f"{order}{length}{CODES[kind]}", raw))
        sums = zip(blocks.get(True, []), blocks.get(False, []), strict=False)
        end = max([end, start + count * width + size, *(first + long for first, long in sums)])
        (at,) = struct.unpack(order + number, _bytes(file, start + count * width, size))
    return end


def _bytes(file: IO[bytes], at: int, length: int) -> bytes:
    file.seek(at)
    raw = file.read(length)
    if len(raw) < length:
        raise ValueError(f"it ends at byte {at + len(raw)}, within its directory")
    return raw
