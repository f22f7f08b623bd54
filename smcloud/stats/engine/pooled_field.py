"""A field whose cells are fitted and tested row by row, so that no more than its result is held beside it.

What a pool is made of is 46 numbers for each cell, many times its series. They are held for the rows within the radius
of some rows only: on a grid of 0.25 degrees and 1500 km for 124 of 720 rows, on one of 0.05 degrees for 556 of 3600.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from smcloud.stats.engine import pool_kernels, student
from smcloud.stats.engine.arrays import Block, BoolArray, FloatArray, IntArray
from smcloud.stats.engine.pool_kernels import COUNT, SLOPE, SQUARES
from smcloud.stats.engine.pool_sums import Field, neighbourhood_sums
from smcloud.stats.engine.pools import FEWEST, PHIS, nearest, pool_terms, pooled_autocorrelation, tells
from smcloud.stats.status import CONSTANT, EMPTY, OK, TOO_SHORT

KEPT = 4093  # patterns of gaps whose traces are kept
WIDTH = 11  # columns of a result: those of smcloud.stats.pooled_trend, n, status
TESTED, POOL = slice(1, 6), slice(6, 9)


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
        high = np.searchsorted(self.rows, rows, side="right") - 1
        wide = np.searchsorted(self.columns, columns, side="right") - 1
        for place, (i, j) in enumerate(zip(high, wide, strict=True)):
            out[place] = self.blocks[i][j][:, rows[place] - self.rows[i], columns[place] - self.columns[j]]
        return out


class Lines:
    """Straight lines through series on the axis ``t``, and the tests of their slopes under a phi."""

    def __init__(self, t: FloatArray, min_valid: int) -> None:
        self.t, self.min_valid = t, min_valid
        self.known, self.kept = np.full(KEPT, -1), np.empty((KEPT, 2 * PHIS.size))  # traces of the commonest gaps
        self.powers = PHIS ** np.arange(t.size)[:, np.newaxis]

    def fit(self, rows: FloatArray) -> tuple[FloatArray, FloatArray, npt.NDArray[np.uint8]]:
        """Return fits, traces and status of :func:`~smcloud.stats.engine.pool_kernels.fit_lines`."""
        fits, traces = np.empty((len(rows), COUNT + 1)), np.empty((len(rows), 2 * PHIS.size))
        status = np.empty(len(rows), np.uint8)
        pool_kernels.fit_lines(rows, self.t, self.powers, self.min_valid, self.known, self.kept, fits, traces, status)
        return fits, traces, status

    def test(
        self, rows: FloatArray, fits: FloatArray, status: npt.NDArray[np.uint8], phi: FloatArray, alpha: float
    ) -> FloatArray:
        """Return limits of the slope, standard error, p value and degrees of freedom (column, cell)."""
        from scipy.special import stdtrit

        tests = np.empty((len(rows), 3))
        pool_kernels.test_slopes(rows, self.t, np.ascontiguousarray(phi), fits, status, tests)
        stderr, statistic, df = tests.T
        half = np.where(stderr == 0, 0.0, stdtrit(df, 1 - alpha / 2) * stderr)
        p_value = np.where(status == CONSTANT, 1.0, student.two_sided(statistic, df))
        return np.stack([fits[:, SLOPE] - half, fits[:, SLOPE] + half, stderr, p_value, df])


class PooledRows:
    """Some ``rows`` of a field of series, and what is found of their cells.

    ``values`` and the area of the cells (lat, lon) reach as far as the pools of these rows; ``grid`` is that of
    ``values``.
    """

    def __init__(self, values: Blocks, area: Block, grid: Field, rows: range, lines: Lines) -> None:
        shape = values.shape
        self.values, self.area, self.grid, self.rows, self.lines = values, area, grid, rows, lines
        self.status, self.count = np.full(shape, EMPTY, np.uint8), np.zeros(shape, np.int32)
        self.slope, self.squares = np.full((2, *shape), np.nan)
        self.told = np.zeros(shape, np.bool_)

    def columns(self, alpha: float) -> tuple[FloatArray, BoolArray]:
        """Return what is found (column, lat, lon), and two masks: cells that tell an autocorrelation, lonely ones.

        A lonely cell has too few around it, and what is found of it is not yet right.
        """
        found = np.full((WIDTH, len(self.rows), self.values.shape[1]), np.nan)
        for place, sums in enumerate(neighbourhood_sums(self._row_terms, self.grid, self.rows)):
            row = self.rows[place]
            at = np.flatnonzero(self.status[row] == OK)
            found[POOL, place, at] = pooled_autocorrelation(sums, self.squares[row, at], self.lines.t.size).T
            self._test(row, found[:, place], alpha)
        own = slice(self.rows.start, self.rows.stop)
        lonely = (self.status[own] == OK) & (found[7] < FEWEST)
        np.nan_to_num(found[7], copy=False)
        found[9], found[10] = self.count[own], self.status[own]
        return found, np.stack([self.told[own], lonely])

    def _row_terms(self, row: int) -> tuple[IntArray, FloatArray]:
        """Fit a row: the columns of its cells that have a slope and errors, and their terms."""
        rows = self.values.row(row)
        self.count[row] = np.isfinite(rows).sum(axis=-1)
        fitted = np.flatnonzero(self.count[row] >= self.lines.min_valid)
        fits, traces, status = self.lines.fit(rows[fitted])
        self.status[row] = np.where(self.count[row] == 0, EMPTY, TOO_SHORT)
        self.status[row, fitted] = status
        self.slope[row, fitted], self.squares[row, fitted] = fits[:, SLOPE], fits[:, SQUARES]
        self.told[row, fitted] = tells(fits) & (status == OK)
        used = status == OK
        return fitted[used], pool_terms(fits[used], traces[used], self.area[row, fitted[used]])

    def _test(self, row: int, found: FloatArray, alpha: float) -> None:
        """Fill the slope and what is tested of a row of ``found`` (column, lon)."""
        found[0] = self.slope[row]
        fitted = np.flatnonzero(self.count[row] >= self.lines.min_valid)
        fits = np.zeros((fitted.size, COUNT + 1))
        fits[:, SLOPE], fits[:, SQUARES] = self.slope[row, fitted], self.squares[row, fitted]
        status, phi = self.status[row, fitted], found[POOL.start, fitted]
        found[TESTED, fitted] = self.lines.test(self.values.row(row)[fitted], fits, status, phi, alpha)


class Lonely(NamedTuple):
    """A cell with too few others within the radius, and the nearest ones that tell, in the order of rows."""

    row: int
    column: int
    rows: IntArray
    columns: IntArray


def lonely_cells(masks: Sequence[BoolArray], lat: FloatArray, step: float) -> list[Lonely]:
    """Find the nearest cells of each lonely one; ``masks`` are those of :meth:`PooledRows.columns` of all rows.

    The latitudes ``lat`` and the distance of two columns ``step`` are in radians. Lonely are as many as islands have
    cells; where all are few, the field is small.
    """
    told, lonely = np.concatenate(masks, axis=1)
    cells = [(int(row), int(column)) for row, column in np.argwhere(lonely)]
    return [Lonely(*cell, *found) for cell, found in zip(cells, nearest(cells, told, lat, step), strict=True)]


def terms_for(lonely: Sequence[Lonely], first: int, values: Blocks, area: Block, lines: Lines) -> list[FloatArray]:
    """Return the terms (cell, term) of the nearest cells of each lonely one that lie in ``values``.

    Its first row is the row ``first`` of the field.
    """
    out = []
    for cell in lonely:
        inside = (cell.rows >= first) & (cell.rows < first + values.shape[0])
        rows, columns = cell.rows[inside] - first, cell.columns[inside]
        fits, traces, _ = lines.fit(values.cells(rows, columns))
        out.append(pool_terms(fits, traces, area[rows, columns]))
    return out


def complete(
    found: FloatArray, lonely: Sequence[Lonely], terms: Sequence[Sequence[FloatArray]], first: int, values: Blocks,
    lines: Lines, alpha: float,
) -> FloatArray:  # fmt: skip
    """Return ``found`` of the rows from ``first`` on with the pools and tests of its lonely cells.

    ``terms`` are those of :func:`terms_for` of all rows of the field, in their order.
    """
    out = found.copy() if lonely else found
    for number, cell in enumerate(lonely):
        row = cell.row - first
        if not 0 <= row < found.shape[1]:
            continue
        rows = values.cells(np.array([row]), np.array([cell.column]))
        fits, _, status = lines.fit(rows)
        sums = np.add.reduce(np.concatenate([each[number] for each in terms]))[np.newaxis]
        pool = pooled_autocorrelation(sums, fits[:, SQUARES], lines.t.size)
        out[POOL, row, cell.column] = pool[0]
        out[TESTED, row, cell.column] = lines.test(rows, fits, status, pool[:, 0], alpha)[:, 0]
    return out
