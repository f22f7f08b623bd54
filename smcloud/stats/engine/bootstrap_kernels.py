"""Kernels of the block bootstrap: resampled series, and the spread of a statistic over its replicates."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, LINE, ROWS, FloatArray
from smcloud.stats.engine.kernels import deviations, dot, fill


@kernel(ROWS, LINE, read_only(nb.int64, 2), nb.float64[:, :, ::1])
def resample(rows: FloatArray, t: FloatArray, positions: npt.NDArray[np.int64], out: npt.NDArray[np.float64]) -> None:
    """Least-squares line plus residuals in the order of ``positions``, by replicate, cell and step."""
    steps = rows.shape[1]
    valid, x, y = np.empty(steps, np.bool_), np.empty(steps), np.empty(steps)
    for cell in range(rows.shape[0]):
        n = 0
        for i in range(steps):
            valid[i] = math.isfinite(rows[cell, i])
            n += valid[i]
        if n < 3:
            for replicate in range(out.shape[0]):
                fill(out[replicate, cell], math.nan)
            continue
        t_mean, y_mean = deviations(t, valid, x), deviations(rows[cell], valid, y)
        slope = dot(x, y) / dot(x, x)
        inflation = math.sqrt(n / (n - 2))
        for replicate in range(out.shape[0]):
            for i in range(steps):
                drawn = positions[replicate, i]
                line = y_mean + slope * (t[i] - t_mean)
                rest = inflation * (y[drawn] - slope * x[drawn])
                out[replicate, cell, i] = line + rest if valid[drawn] else math.nan


@kernel(ROWS, nb.float64, COLUMNS)
def spread_of_replicates(rows: FloatArray, alpha: float, out: FloatArray) -> None:
    """Columns: standard deviation (n - 1), quantiles alpha/2 and 1 - alpha/2 (interpolated), n."""
    valid, buffer = np.empty(rows.shape[1], np.bool_), np.empty(rows.shape[1])
    for cell in range(rows.shape[0]):
        n = 0
        for i in range(rows.shape[1]):
            valid[i] = math.isfinite(rows[cell, i])
            if valid[i]:
                buffer[n] = rows[cell, i]
                n += 1
        fill(out[cell], math.nan)
        out[cell, 3] = n
        if n < 2:
            continue
        ordered = np.sort(buffer[:n])
        deviations(rows[cell], valid, buffer)
        out[cell, 0] = 0.0 if ordered[0] == ordered[n - 1] else math.sqrt(dot(buffer, buffer) / (n - 1))
        for column, share in ((1, alpha / 2), (2, 1 - alpha / 2)):
            place = share * (n - 1)
            below = min(int(place), n - 2)
            out[cell, column] = ordered[below] + (place - below) * (ordered[below + 1] - ordered[below])
