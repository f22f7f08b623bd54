"""The length that the header of a classic NetCDF file (CDF-1, CDF-2, CDF-5) promises.

A download that broke off has lost its last records; the libraries read what is not there as zeros, which is a value
(zero plus ``add_offset``). So the size of a file is held against its header before anything is read.
"""

from __future__ import annotations

import math
import struct
from typing import IO, Any

STREAMING = {4: 0xFFFFFFFF, 8: 0xFFFFFFFFFFFFFFFF}  # the number of records of a file that was not closed
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}  # bytes of a value, by its type's number
LONGEST_HEADER = 64 * 2**20
MOST = 100_000  # dimensions, variables or attributes: a header is not believed to hold more


class _Header:
    """Reads the numbers of a header one after the other; ValueError where they end or cannot be."""

    def __init__(self, file: IO[bytes] | Any) -> None:
        self.file = file
        file.seek(0)
        magic = file.read(4)
        if magic[:3] != b"CDF" or magic[3:] not in (b"\x01", b"\x02", b"\x05"):
            raise ValueError("no classic NetCDF header")
        self.count_bytes = 8 if magic[3] == 5 else 4
        self.offset_bytes = 4 if magic[3] == 1 else 8

    def take(self, length: int) -> bytes:
        if not 0 <= length <= LONGEST_HEADER:
            raise ValueError("a header that cannot be")
        raw: bytes = self.file.read(length)
        if len(raw) < length:
            raise ValueError("the header ends early")
        return raw

    def number(self, length: int) -> int:
        return int(struct.unpack(">I" if length == 4 else ">Q", self.take(length))[0])

    def count(self) -> int:
        """A size, a position in a list, or the length of a name."""
        return self.number(self.count_bytes)

    def items(self) -> range:
        """The positions of the list that begins here."""
        self.number(4)
        count = self.count()
        if count > MOST:
            raise ValueError("a header that cannot be")
        return range(count)

    def skip_name(self) -> None:
        self.take(_padded(self.count()))

    def skip_attributes(self) -> None:
        for _ in self.items():
            self.skip_name()
            kind = self.number(4)
            if kind not in SIZES:
                raise ValueError(f"a type {kind} that cannot be")
            self.take(_padded(SIZES[kind] * self.count()))


def _padded(length: int) -> int:
    return -(-length // 4) * 4


def promised_bytes(file: IO[bytes] | Any) -> int:
    """Return how long the header of an opened classic file says that it is; ValueError where it is no header.

    Also for a file that was never closed: its number of records is -1, and the libraries read none of them. The
    padding after the last value may be left out.
    """
    header = _Header(file)
    records = header.count()
    if records == STREAMING[header.count_bytes]:
        raise ValueError("the program that wrote it never closed it: the number of its records is not known")
    dims = []
    for _ in header.items():
        header.skip_name()
        dims.append(header.count())
    header.skip_attributes()
    ends, slabs = [file.tell()], []
    for _ in header.items():
        header.skip_name()
        axes = [header.count() for _ in range(min(header.count(), MOST))]
        header.skip_attributes()
        kind = header.number(4)
        header.count()  # the stated size, which is wrong beyond 4 GiB
        begin = header.number(header.offset_bytes)
        if kind not in SIZES or any(axis >= len(dims) for axis in axes):
            raise ValueError("a header that cannot be")
        moving = bool(axes) and dims[axes[0]] == 0
        size = SIZES[kind] * math.prod(dims[axis] for axis in axes[moving:])
        if moving:
            slabs.append((begin, size))
        else:
            ends.append(begin + size)
    if slabs and records:
        # Records are padded, unless one variable alone has them.
        stride = sum(_padded(size) for _, size in slabs) if len(slabs) > 1 else slabs[0][1]
        ends += [begin + (records - 1) * stride + size for begin, size in slabs]
    return max(ends)
