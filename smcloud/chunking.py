"""How arrays are cut, once for everything that must agree on it: chunks, blocks of work, tiles of a graph each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

CHUNK = 180  # cells along latitude and longitude: a stored chunk, a block of work, a fixed block of a sum
TIME_CHUNK = 12  # months: a stored chunk, and what is built and refreshed together
# In which blocks a store is opened: the whole record of some cells.
TILES = {"time": -1, "year": -1, "lat": CHUNK, "lon": CHUNK}
# For what needs all cells of a map at once.
WHOLE = {"lat": -1, "lon": -1}


def time_tiles(chunks: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Runs [first, stop) of at most ``most`` neighbouring time ``chunks`` (ascending), at least of one."""
    runs: list[tuple[int, int]] = []
    for chunk in chunks:
        if runs and runs[-1][1] == chunk and chunk - runs[-1][0] < most:
            runs[-1] = (runs[-1][0], chunk + 1)
        else:
            runs.append((chunk, chunk + 1))
    return runs


class Tile(NamedTuple):
    """A region of whole blocks of cells: rows and columns of blocks, [first, stop) each."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def name(self) -> str:
        """A name for its marker."""
        return "-".join(f"{number:04d}" for number in (*self.rows, *self.columns))


def block_tiles(rows: int, columns: int, tasks_of_block: int, limit: int) -> list[Tile]:
    """Rectangles of blocks, each with a graph of at most ``limit`` tasks or of one block, in the order of the grid."""
    most = max(1, limit // max(1, tasks_of_block))
    high, wide = max(1, min(rows, most // columns)), min(columns, most)
    return [
        Tile((row, min(row + high, rows)), (column, min(column + wide, columns)))
        for row in range(0, rows, high)
        for column in range(0, columns, wide)
    ]
