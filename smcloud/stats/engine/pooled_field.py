"""A field whose cells are fitted and tested row by row, so that no more than its result is held beside it.

What a pool is made of is 46 numbers for each cell, many times its series. They are held for the rows within the radius
of some rows only: on a grid of 0.25 degrees and 1500 km for 124 of 720 rows, on one of 0.05 degrees for 556 of 3600.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from smcloud.stats.engine import pool_kernels, student
from smcloud.stats.engine.arrays import Block, FloatArray, IntArray
from smcloud.stats.engine.pool_kernels import COUNT, SLOPE, SQUARES
from smcloud.stats.engine.pool_sums import Field, neighbourhood_sums
from smcloud.stats.engine.pools import FEWEST, PHIS, nearest, pool_terms, pooled_autocorrelation, tells
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

KEPT = 4093  # patterns of gaps whose traces are kept


class Blocks:
    """Series (step, lat, lon) in blocks (block of lat, block of lon), never put together: any real numbers."""

    def __init__(self, blocks: Sequence[Sequence[Block]]) -> None:
        self.blocks = blocks
        self.rows = np.cumsum([0, *(row[0].shape[1] for row in blocks)])
        self.columns = np.cumsum([0, *(block.shape[2] for block in blocks[0])])
        self.shape = int(self.rows[-1]), int(self.columns[-1])

    def row(self, row: int) -> FloatArray:
        """Return the series of a row (lon, step)."""
        at = int(np.searchsorted(self.rows, row, side="right")) - 1
        parts = [block[:, row - self.rows[at]].T for block in self.blocks[at]]
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float64)

    def cells(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Return the series of some cells (cell, step)."""
        out = np.empty((len(rows), self.blocks[0][0].shape[0]))
        for place, (row, column) in enumerate(zip(rows, columns, strict=True)):
            out[place] = self.row(int(row))[column]
        return out


class PooledField:
    """A field of series, the area of its cells (lat, lon), and what is found of each cell.

    The latitudes ``lat``, the distance of two columns ``step`` and the ``radius`` of the pools are in radians.
    """

    def __init__(
        self, values: Blocks, area: Block, t: FloatArray, lat: FloatArray, step: float, radius: float, min_valid: int
    ) -> None:
        shape = values.shape
        self.values, self.area, self.t, self.min_valid = values, area, t, min_valid
        self.grid = Field(lat, step, radius, shape[1])
        self.known, self.kept = np.full(KEPT, -1), np.empty((KEPT, 2 * PHIS.size))  # traces of the commonest gaps
        self.powers = PHIS ** np.arange(t.size)[:, np.newaxis]
        self.status, self.count = np.full(shape, EMPTY, np.uint8), np.zeros(shape, np.int32)
        self.squares, self.told = np.full(shape, np.nan), np.zeros(shape, np.bool_)
        self.found = np.full((11, *shape), np.nan)
        self.slope, self.pools = self.found[0], self.found[6:9]  # phi, number of cells, dispersion

    def columns(self, alpha: float) -> FloatArray:
        """Find all columns of :func:`~smcloud.stats.pooled_trend`, in their order, then ``n`` and ``status``."""
        for row, sums in enumerate(neighbourhood_sums(self._row_terms, self.grid)):
            at = np.flatnonzero(self.status[row] == OK)
            found = pooled_autocorrelation(sums, self.squares[row, at], self.t.size)
            self.pools[:, row, at] = found.T
        for row, column in np.argwhere((self.status == OK) & (self.pools[1] < FEWEST)):
            self._pool_of_nearest(int(row), int(column))  # as many as an island has; where all are few all is small
        for row in range(len(self.slope)):
            self._test(row, alpha)
        np.nan_to_num(self.pools[1], copy=False)
        self.found[9], self.found[10] = self.count, self.status
        return self.found

    def _row_terms(self, row: int) -> tuple[IntArray, FloatArray]:
        """Fit a row: the columns of its cells that have a slope and errors, and their terms."""
        rows = self.values.row(row)
        self.count[row] = np.isfinite(rows).sum(axis=-1)
        fitted = np.flatnonzero(self.count[row] >= self.min_valid)
        fits, traces, status = self._fit(rows[fitted])
        self.status[row] = np.where(self.count[row] == 0, EMPTY, TOO_SHORT)
        self.status[row, fitted] = status
        self.slope[row, fitted], self.squares[row, fitted] = fits[:, SLOPE], fits[:, SQUARES]
        self.told[row, fitted] = tells(fits) & (status == OK)
        used = status == OK
        return fitted[used], pool_terms(fits[used], traces[used], self.area[row, fitted[used]])

    def _fit(self, rows: FloatArray) -> tuple[FloatArray, FloatArray, npt.NDArray[np.uint8]]:
        fits, traces = np.empty((len(rows), COUNT + 1)), np.empty((len(rows), 2 * PHIS.size))
        status = np.empty(len(rows), np.uint8)
        pool_kernels.fit_lines(rows, self.t, self.powers, self.min_valid, self.known, self.kept, fits, traces, status)
        return fits, traces, status

    def _pool_of_nearest(self, row: int, column: int) -> None:
        at = nearest((row, column), self.told, self.grid.lat, self.grid.step)
        fits, traces, _ = self._fit(self.values.cells(*at))
        sums = np.add.reduce(pool_terms(fits, traces, self.area[at]))[np.newaxis]
        self.pools[:, row, column] = pooled_autocorrelation(sums, self.squares[row : row + 1, column], self.t.size)[0]

    def _test(self, row: int, alpha: float) -> None:
        """Fill a row of the limits, standard error, p value and degrees of freedom."""
        from scipy.special import stdtrit

        fitted = np.flatnonzero(self.count[row] >= self.min_valid)
        fits, tests = np.zeros((fitted.size, COUNT + 1)), np.empty((fitted.size, 3))
        slope = fits[:, SLOPE] = self.slope[row, fitted]
        fits[:, SQUARES] = self.squares[row, fitted]
        status, phi = self.status[row, fitted], np.ascontiguousarray(self.pools[0, row, fitted])
        pool_kernels.test_slopes(self.values.row(row)[fitted], self.t, phi, fits, status, tests)
        stderr, statistic, df = tests.T
        half = np.where(stderr == 0, 0.0, stdtrit(df, 1 - alpha / 2) * stderr)
        p_value = np.where(status == CONSTANT, 1.0, student.two_sided(statistic, df))
        self.found[1:6, row, fitted] = slope - half, slope + half, stderr, p_value, df
