"""How a month of soil moisture was measured: the sensors, and the uncertainty of its mean.

Both take the days of a month one after the other, so no chunking can change a bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from smcloud.cube.calendar import Steps, Times
from smcloud.cube.reduction import Block, ChunkMonth, Maps, reduce_months

# A sensor belongs to a month's set where it is in at least one of this many of the month's valid days.
ONE_DAY_IN = 5


def sensor_mask(raw: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Return the sensor bits of each step (int32), 0 where ``values`` has none or the sensors are not known; lazy.

    A decoded mask is a float with NaN for its fill: it is filled and cast before any bit is tested. Codes below 0 are
    fills too.
    """
    out: xr.DataArray = xr.apply_ufunc(_known_bits, raw, values, dask="parallelized", output_dtypes=[np.int32])
    return out


def _known_bits(raw: Block, values: Block) -> Block:
    return np.where((raw > 0) & ~np.isnan(values), raw, 0).astype(np.int32)


@dataclass(frozen=True)
class SensorSets:
    """The set of sensors (int32 bits) behind each month, from :func:`sensor_mask`.

    A sensor belongs to it where it is in at least a fifth of the month's valid days whose sensors are known; 0 where
    there is no such day. A step belongs to the month that holds its middle.
    """

    array: int = 0
    maps: ClassVar[Maps] = (np.int32,)
    numbers: ClassVar[int] = 0

    def start(self, months: int, shape: tuple[int, ...]) -> tuple[Block, list[dict[int, Block]]]:
        """Return empty counts: known days, and for each month the days of each sensor."""
        return np.zeros((months, *shape), np.int64), [{} for _ in range(months)]

    def add(self, state: tuple[Block, list[dict[int, Block]]], steps: Block, chunk_month: ChunkMonth) -> None:
        """Count the days of the month."""
        masks, known, days = steps[chunk_month.own], state[0][chunk_month.month, ...], state[1][chunk_month.month]
        known += np.count_nonzero(masks, axis=0)
        present = int(np.bitwise_or.reduce(masks, axis=None)) if masks.size else 0
        for bit in (1 << k for k in range(present.bit_length()) if present >> k & 1):
            count = np.count_nonzero(masks & np.int32(bit), axis=0)
            days[bit] = days[bit] + count if bit in days else count

    def finish(self, state: tuple[Block, list[dict[int, Block]]]) -> tuple[Block, ...]:
        """Return the sets."""
        known, months = state
        out = np.zeros(known.shape, np.int32)
        for month, days in enumerate(months):
            for bit, count in days.items():
                often = (count > 0) & (ONE_DAY_IN * count >= known[month])
                out[month, ...] |= np.where(often, bit, 0).astype(np.int32)
        return (out,)


@dataclass(frozen=True)
class ErrorBounds:
    """1-sigma errors of the mean of the valid days of each month, from those of the days.

    With n valid days: sqrt(sum_ij r_ij sigma_i sigma_j)/n, float64. First with errors that have nothing to do with each
    other (r_ij = 0 for i != j), then with r_ij = exp(-|t_i - t_j|/``tau_days``), t the true middle of each day: a gap
    keeps its length. With r_ij = 1 it is the mean of sigma. NaN days do not count; NaN where there is none. The double
    sum is taken day by day: what is left of the errors before a day decays with the time to it.
    """

    tau_days: float
    array: int = 0
    maps: ClassVar[Maps] = (np.float64, np.float64)
    numbers: ClassVar[int] = 0

    def start(self, months: int, shape: tuple[int, ...]) -> tuple[Block, list[float | None]]:
        """Return empty sums: days, squares, products of pairs, rest of earlier days; and the last day of each month."""
        return np.zeros((4, months, *shape)), [None] * months

    def add(self, state: tuple[Block, list[float | None]], steps: Block, chunk_month: ChunkMonth) -> None:
        """Add the days of the month in their order."""
        sums, last = state
        n, squares, pairs, before = (part[chunk_month.month, ...] for part in sums)
        for day, raw in zip(chunk_month.middles.tolist(), steps[chunk_month.own], strict=True):
            valid = np.isfinite(raw)
            sigma = np.where(valid, raw, 0.0).astype(np.float64)
            gone = last[chunk_month.month]
            before *= math.exp((gone - day) / self.tau_days) if gone is not None else 1.0
            squares += sigma * sigma
            pairs += sigma * before
            before += sigma
            n += valid
            last[chunk_month.month] = day

    def finish(self, state: tuple[Block, list[float | None]]) -> tuple[Block, ...]:
        """Return the two errors."""
        n, squares, pairs, _ = state[0]
        some = np.where(n > 0, n, np.nan)
        return np.sqrt(squares) / some, np.sqrt(squares + 2.0 * pairs) / some


def sensor_sets(mask: xr.DataArray, steps: Steps, months: Times) -> xr.DataArray:
    """Compute :class:`SensorSets` of a mask (time, ...) alone; lazy."""
    (maps,) = reduce_months([mask], steps, months, [SensorSets()])
    return maps[0]


def error_bounds(
    sigma: xr.DataArray, steps: Steps, months: Times, tau_days: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Compute :class:`ErrorBounds` of the errors of days (time, ...) alone; lazy."""
    ((independent, decaying),) = reduce_months([sigma], steps, months, [ErrorBounds(tau_days)])
    return independent, decaying
