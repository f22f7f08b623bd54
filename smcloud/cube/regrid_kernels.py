"""Kernels of regridding: rows of the source added, by their overlaps, to rows of the target."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
FIELD, INDEX, LINE = nb.float64[:, ::1], read_only(nb.int64, 1), read_only(nb.float64, 1)


def add_rows(field: npt.NDArray[Any], first: Index, target: Index, overlap: Array, sums: Array) -> None:
    """Add a field (row, column) to ``sums`` (2, target row, column): of what is finite, its sum and its weight.

    Row i goes to the rows ``target[first[i] : first[i + 1]]``, each by its ``overlap``.
    """
    add = rows_float32 if field.dtype == np.float32 else rows_float64
    contiguous = np.ascontiguousarray(field, None if add is rows_float32 else np.float64)
    add(contiguous, first, target, overlap, sums[0], sums[1])


def _rows(field: npt.NDArray[Any], first: Index, target: Index, overlap: Array, total: Array, weight: Array) -> None:
    for row in range(field.shape[0]):
        for k in range(first[row], first[row + 1]):
            to, share = target[k], overlap[k]
            for column in range(field.shape[1]):
                known = np.isfinite(field[row, column])
                total[to, column] += np.float64(field[row, column]) * share if known else 0.0
                weight[to, column] += share if known else 0.0


rows_float32 = kernel(read_only(nb.float32, 2), INDEX, INDEX, LINE, FIELD, FIELD)(_rows)
rows_float64 = kernel(read_only(nb.float64, 2), INDEX, INDEX, LINE, FIELD, FIELD)(_rows)
