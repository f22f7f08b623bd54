"""Monthly means and totals of a source, and the hours behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from smcloud.cube.calendar import Steps, Times
from smcloud.cube.reduction import Block, ChunkMonth, Maps, reduce_months


@dataclass(frozen=True)
class MonthlyMean:
    """The mean of each month (float64), or the ``total``, and its valid hours (float32, whole numbers).

    NaN and infinite steps do not count; a month without a valid step has value NaN and 0 hours. A total spreads each
    step's amount over the months it overlaps, and adds up what is valid: the caller decides by the hours whether that
    is enough.
    """

    total: bool = False
    array: int = 0
    maps: ClassVar[Maps] = (np.float64, np.float32)
    numbers: ClassVar[int] = 0

    def start(self, months: int, shape: tuple[int, ...]) -> tuple[Block, Block]:
        """Return zeros for sums and hours."""
        return np.zeros((months, *shape)), np.zeros((months, *shape), np.float32)

    def add(self, state: tuple[Block, Block], steps: Block, chunk_month: ChunkMonth) -> None:
        """Add the steps that overlap the month."""
        from smcloud.cube.month_kernels import add_steps  # imports numba

        sums, hours = (part[chunk_month.month, ...].reshape(-1) for part in state)
        values = steps[chunk_month.steps].reshape(len(chunk_month.hours), math.prod(steps.shape[1:]))
        add_steps(
            values,
            chunk_month.share if self.total else chunk_month.hours,
            chunk_month.hours.astype(np.float32),
            sums,
            hours,
        )

    def finish(self, state: tuple[Block, Block]) -> tuple[Block, ...]:
        """Return value and hours; the sums become the values in place."""
        sums, hours = state
        if self.total:
            sums[hours == 0] = np.nan
        else:
            with np.errstate(invalid="ignore"):  # 0 / 0 hours is NaN
                np.divide(sums, hours, out=sums)
        return sums, hours


def monthly(da: xr.DataArray, steps: Steps, months: Times, total: bool = False) -> tuple[xr.DataArray, xr.DataArray]:
    """Compute the mean (or ``total``) of ``da`` (time, ...) over each of ``months``, and its valid hours; lazy.

    Two arrays (time: len(months), ...), as :class:`MonthlyMean` says.
    """
    ((value, hours),) = reduce_months([da], steps, months, [MonthlyMean(total)])
    return value, hours
