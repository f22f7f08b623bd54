"""Months added up to years, for all cells of a block at once."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import Block, ByteArray, FloatArray

MONTHS = 12


def year_sums(months: Block) -> tuple[FloatArray, ByteArray]:
    """Add up (12 n, ...) months to (n, ...) years, from January to December, and count what is added: all but NaN."""
    cells = months.shape[1:]
    sums = np.zeros((months.shape[0] // MONTHS, *cells))
    count = np.zeros(sums.shape, np.uint8)
    add = _of_float32 if months.dtype == np.float32 else _of_float64
    rows = np.ascontiguousarray(months, None if add is _of_float32 else np.float64)
    add(rows.reshape(len(months), -1), sums.reshape(len(sums), -1), count.reshape(len(sums), -1))
    return sums, count


def _year_sums(months: FloatArray, sums: FloatArray, count: ByteArray) -> None:
    for month in range(MONTHS * sums.shape[0]):
        values, total, n = months[month], sums[month // MONTHS], count[month // MONTHS]
        for i in range(values.size):  # one path without a branch: it runs as vectors
            known = values[i] == values[i]
            total[i] += np.float64(values[i] if known else 0.0)
            n[i] += np.uint8(1 if known else 0)


def _kernel(dtype: Any) -> Any:
    return kernel(read_only(dtype, 2), nb.float64[:, ::1], nb.uint8[:, ::1])(_year_sums)


_of_float32, _of_float64 = _kernel(nb.float32), _kernel(nb.float64)
