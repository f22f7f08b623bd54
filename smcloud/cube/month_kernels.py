"""Kernels of the one pass over a source: flags, the counters of the gate, and the sums of a month."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only

Array = npt.NDArray[np.float64]
TILE = 4096  # cells whose sums stay in the cache while all steps of a chunk are added
LINE = nb.float64[::1]


def add_steps(
    values: npt.NDArray[Any], factor: Array, hours: npt.NDArray[np.float32], sums: Array, valid: npt.NDArray[np.float32]
) -> None:
    """Add steps (step, cell) to ``sums`` (cell), each times its ``factor``, and their ``hours`` to ``valid`` (cell).

    What is not finite counts nothing.
    """
    add = add_float32 if values.dtype == np.float32 else add_float64
    contiguous = np.ascontiguousarray(values, None if add is add_float32 else np.float64)
    add(contiguous, factor, hours, sums, valid)


def _add(
    values: npt.NDArray[Any], factor: Array, hours: npt.NDArray[np.float32], sums: Array, valid: npt.NDArray[np.float32]
) -> None:
    steps, cells = values.shape
    for low in range(0, cells, TILE):
        high = min(low + TILE, cells)
        for step in range(steps):
            weight, duration = factor[step], hours[step]
            line, total, held = values[step, low:high], sums[low:high], valid[low:high]
            for i in range(line.size):  # one path without a branch: it runs as vectors
                known = np.abs(line[i]) < np.inf
                total[i] += np.float64(line[i] if known else 0.0) * weight
                held[i] += duration if known else np.float32(0.0)


_OTHERS = (read_only(nb.float64, 1), read_only(nb.float32, 1), LINE, nb.float32[::1])
add_float32 = kernel(read_only(nb.float32, 2), *_OTHERS)(_add)
add_float64 = kernel(read_only(nb.float64, 2), *_OTHERS)(_add)


def keep_usable(
    values: npt.NDArray[Any], flag: npt.NDArray[np.uint8], unusable: np.uint8, out: npt.NDArray[Any]
) -> None:
    """``out`` = ``values`` where no bit of ``unusable`` is set in their ``flag``, else NaN; float32 or float64."""
    keep = keep_float32 if values.dtype == np.float32 else keep_float64
    keep(np.ascontiguousarray(values).reshape(-1), np.ascontiguousarray(flag).reshape(-1), unusable, out.reshape(-1))


def _keep(values: npt.NDArray[Any], flag: npt.NDArray[np.uint8], unusable: np.uint8, out: npt.NDArray[Any]) -> None:
    nothing = values.dtype.type(np.nan)
    for i in range(values.size):
        out[i] = values[i] if flag[i] & unusable == 0 else nothing


def _keep_kernel(dtype: Any) -> Any:
    return kernel(read_only(dtype, 1), read_only(nb.uint8, 1), nb.uint8, dtype[::1])(_keep)


keep_float32, keep_float64 = _keep_kernel(nb.float32), _keep_kernel(nb.float64)


def count_values(values: npt.NDArray[Any], low: float, high: float, numbers: Array) -> None:
    """Add ``values`` to ``numbers``: the finite, those not in ``low`` to ``high`` (infinite too), smallest, largest."""
    count = count_float32 if values.dtype == np.float32 else count_float64
    count(np.ascontiguousarray(values, None if count is count_float32 else np.float64).reshape(-1), low, high, numbers)


def _count(values: npt.NDArray[Any], low: float, high: float, numbers: Array) -> None:
    valid, outside = np.int64(0), np.int64(0)
    smallest, largest = np.inf, -np.inf
    for i in range(values.size):
        value = np.float64(values[i])
        valid += np.abs(value) < np.inf
        outside += (value < low) | (value > high)
        smallest = value if value < smallest else smallest  # a NaN is neither smaller nor larger
        largest = value if value > largest else largest
    numbers[0] += valid
    numbers[1] += outside
    numbers[2] = min(numbers[2], smallest)
    numbers[3] = max(numbers[3], largest)


count_float32 = kernel(read_only(nb.float32, 1), nb.float64, nb.float64, LINE)(_count)
count_float64 = kernel(read_only(nb.float64, 1), nb.float64, nb.float64, LINE)(_count)
