"""Sums over the cells whose centres lie within a radius on the sphere, for every cell of a field.

Each row of the grid has prefix sums of its valid cells, so that a neighbourhood costs two lookups for each row that it
touches. The order of all sums is that of rows and columns, so no chunking changes a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FloatArray
from smcloud.stats.engine.pools import TERMS
from smcloud.stats.engine.within_radius import half_widths

Indices = npt.NDArray[np.int64]
RowTerms = Callable[[int], tuple[Indices, FloatArray]]
BAND = 32  # rows that are summed together
TABLE, POSITIONS, PLACES = read_only(nb.float64, 2), read_only(nb.int64, 2), read_only(nb.int64, 1)


@dataclass(frozen=True)
class Field:
    """A grid: latitudes, distance of two columns and radius of its pools in radians; the number of columns."""

    lat: FloatArray
    step: float
    radius: float
    columns: int

    @property
    def goes_round(self) -> bool:
        """Whether the columns go once round the globe."""
        return abs(self.columns * self.step - 2 * math.pi) < 0.5 * self.step


def neighbourhood_sums(row_terms: RowTerms, field: Field, rows: range) -> Iterator[FloatArray]:
    """Yield, for each of the ``rows`` of ``field``, the sums over the neighbourhood of each cell (cell, term).

    ``row_terms(row)`` gives the columns of the cells of a row, and their terms. It is called once for a row whose
    neighbours follow each other; only the prefix sums of the rows within the radius of :data:`BAND` rows are held.
    """
    held: dict[int, tuple[Indices, FloatArray]] = {}
    for first in range(rows.start, rows.stop, BAND):
        own = field.lat[first : min(first + BAND, rows.stop)]
        widths = half_widths(own, field.lat, field.step, field.columns, field.radius)
        reached = np.flatnonzero((widths >= 0).any(axis=0))
        widths = np.ascontiguousarray(widths[:, reached])
        held = {row: held[row] if row in held else _prefixed(*row_terms(row)) for row in reached.tolist()}
        starts = np.cumsum([0, *(len(prefix) for _, prefix in held.values())])
        before = np.array([np.searchsorted(at, np.arange(field.columns + 1)) for at, _ in held.values()])
        before += starts[:-1, np.newaxis]
        prefix = np.concatenate([prefix for _, prefix in held.values()])
        columns_of = [held[first + row][0] for row in range(own.size)]
        ends = np.cumsum([0, *map(len, columns_of)])
        out = np.zeros((ends[-1], TERMS))
        _add_rows(prefix, before, widths, ends, np.concatenate(columns_of), field.goes_round, out)
        del prefix
        yield from np.split(out, ends[1:-1])


def _prefixed(columns: Indices, terms: FloatArray) -> tuple[Indices, FloatArray]:
    """The columns, and the sums of the terms before each cell and behind the last one."""
    prefix = np.zeros((len(terms) + 1, terms.shape[1]))
    np.cumsum(terms, axis=0, out=prefix[1:])
    return columns, prefix


@kernel(TABLE, POSITIONS, POSITIONS, PLACES, PLACES, nb.boolean, COLUMNS)
def _add_rows(
    prefix: FloatArray, before: Indices, widths: Indices, starts: Indices, columns_of: Indices, circle: bool,
    out: FloatArray,
) -> None:  # fmt: skip
    """Add up, for each cell, the stretches of the rows that it reaches; ``before`` holds positions in ``prefix``.

    Row by row, so that the prefix sums of one row stay in the processor's cache. The number of terms is known to the
    compiler.
    """
    columns = before.shape[1] - 1
    for row in range(widths.shape[0]):
        for other in range(widths.shape[1]):
            width = widths[row, other]
            if width < 0:
                continue
            for cell in range(starts[row], starts[row + 1]):
                west, east = columns_of[cell] - width, columns_of[cell] + width + 1
                if east - west >= columns:
                    west, east = 0, columns
                for turn in range(-1, 2):
                    start, stop = max(west + turn * columns, 0), min(east + turn * columns, columns)
                    if stop > start and (turn == 0 or circle):
                        low, high = before[other, start], before[other, stop]
                        if high > low:
                            for k in range(TERMS):
                                out[cell, k] += prefix[high, k] - prefix[low, k]
