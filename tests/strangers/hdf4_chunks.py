"""HDF4 arrays in chunks, some of them never written: by the C library that pyhdf brings, as pyhdf cannot write them."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyhdf
import pytest

CREATE, CHARACTERS, CHUNKED = 4, 4, 1  # of hdf.h
KINDS = {"f4": 5, "f8": 6, "i1": 20, "u1": 21, "i2": 22, "u2": 23}
MOST_AXES = 32


class _ChunkLengths(ctypes.Union):
    """``HDF_CHUNK_DEF``: the lengths of chunks, in a union with larger members."""

    _fields_ = (("lengths", ctypes.c_int32 * MOST_AXES), ("others", ctypes.c_char * 1024))


@functools.cache
def library() -> Any:
    """The C library of HDF4; the test is skipped where pyhdf does not bring one with its symbols."""
    beside = Path(pyhdf.__file__).parent
    for path in [*(beside.parent / "pyhdf.libs").glob("libmfhdf*.so*"), *beside.glob("_hdfext*.so")]:
        found: Any = ctypes.CDLL(str(path))
        if all(hasattr(found, name) for name in ("SDsetchunk", "SDwritechunk", "SDgetdatainfo")):
            found.SDsetchunk.argtypes = [ctypes.c_int32, _ChunkLengths, ctypes.c_int32]
            return found
    pytest.skip("pyhdf is linked to an HDF4 library whose functions are not to be had")


def write(
    path: Path, name: str, values: np.ndarray, chunk: Sequence[int], absent: Sequence[tuple[int, ...]] = (),
    structure: str = "", fill: Any = None,
) -> None:  # fmt: skip
    """Write ``values`` in chunks of the shape ``chunk``, without those at ``absent``; ``fill`` says what these are."""
    lib, many = library(), lambda numbers: (ctypes.c_int32 * len(numbers))(*numbers)
    file = lib.SDstart(str(path).encode(), CREATE)
    lib.SDsetattr(file, b"StructMetadata.0", CHARACTERS, len(structure), structure.encode())
    array = lib.SDcreate(file, name.encode(), KINDS[values.dtype.str[1:]], values.ndim, many(values.shape))
    if fill is not None:
        stated = np.array(fill, values.dtype)
        assert lib.SDsetfillvalue(array, stated.ctypes.data_as(ctypes.c_void_p)) == 0
    lengths = _ChunkLengths()
    lengths.lengths[: len(chunk)] = list(chunk)
    assert lib.SDsetchunk(array, lengths, CHUNKED) == 0
    for at in np.ndindex(*(n // c for n, c in zip(values.shape, chunk, strict=True))):
        if at not in absent:
            part = values[tuple(slice(i * c, (i + 1) * c) for i, c in zip(at, chunk, strict=True))]
            held = np.ascontiguousarray(part)
            assert lib.SDwritechunk(array, many(at), held.ctypes.data_as(ctypes.c_void_p)) == 0
    assert lib.SDendaccess(array) == 0
    assert lib.SDend(file) == 0


def written(path: Path, grid: Sequence[int]) -> np.ndarray:
    """Which chunks of the first array of a file the C library itself finds written."""
    lib = library()
    file = lib.SDstart(str(path).encode(), 1)
    array = lib.SDselect(file, 0)
    found = np.zeros(grid, bool)
    for at in np.ndindex(*grid):
        found[at] = lib.SDgetdatainfo(array, (ctypes.c_int32 * len(at))(*at), 0, 0, None, None) > 0
    lib.SDendaccess(array)
    lib.SDend(file)
    return found
