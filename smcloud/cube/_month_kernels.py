"""Kernels that add the steps of a source to its months, in one pass over each step.

Amounts are split into a multiple of COARSE and one of FINE, so that every addition is exact and its order is of no
account: exact up to 3e9 of any unit over a month of hours, and never off by more than 1e-16.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.compile import kernel, read_only

Array = npt.NDArray[np.float64]
COARSE, FINE = 2.0**12, 2.0**54
LINE = nb.float64[::1]


def add_steps(values: npt.NDArray[Any], factor: Array, hours: Array, sums: Array) -> None:
    """Add steps (step, cell) to ``sums`` (3, cell): coarse and fine part of the amount, and the valid hours.

    A step counts ``factor`` times its value and with ``hours``; what is not finite counts nothing.
    """
    add = add_float32 if values.dtype == np.float32 else add_float64
    for step, line in enumerate(values):
        contiguous = np.ascontiguousarray(line, None if add is add_float32 else np.float64)
        add(contiguous, factor[step], hours[step], sums[0], sums[1], sums[2])


def _add(values: npt.NDArray[Any], factor: float, hours: float, coarse: Array, fine: Array, valid: Array) -> None:
    for i in range(values.size):
        known = np.isfinite(values[i])
        amount = np.float64(values[i]) * factor if known else 0.0
        whole = np.rint(amount * COARSE) / COARSE
        coarse[i] += whole
        fine[i] += np.rint((amount - whole) * FINE) / FINE
        valid[i] += hours if known else 0.0


add_float32 = kernel(read_only(nb.float32, 1), nb.float64, nb.float64, LINE, LINE, LINE)(_add)
add_float64 = kernel(read_only(nb.float64, 1), nb.float64, nb.float64, LINE, LINE, LINE)(_add)
