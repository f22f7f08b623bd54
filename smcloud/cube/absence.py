"""How many values of each month are missing because a chunk of their source is not there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from smcloud.catalog.stores.absent import any_marked
from smcloud.cube.reduction import Block, ChunkMonth, Maps


@dataclass(frozen=True)
class AbsentCells:
    """Count, by month, the cells of all steps that are missing because a chunk is not there."""

    array: int
    maps: ClassVar[Maps] = ()
    numbers: ClassVar[int] = 1

    def start(self, months: int, shape: tuple[int, ...]) -> Block:
        """Return the count of no cell."""
        return np.zeros((months, 1))

    def add(self, state: Block, steps: Block, chunk_month: ChunkMonth) -> None:
        """Count the steps that no earlier month has counted."""
        if any_marked(steps):
            state[chunk_month.month] += np.count_nonzero(steps[chunk_month.fresh])

    def finish(self, state: Block) -> tuple[Block, ...]:
        """Return the counter (month, 1, number)."""
        return (state[:, np.newaxis],)


def absent_months(counted: Mapping[str, Any]) -> dict[str, int]:
    """Return the counter of absent cells of all steps by month where there are any; under "" of a static source."""
    number = counted.get("absent", 0.0)
    found = number if isinstance(number, Mapping) else {"": number}
    return {str(month): int(cells) for month, cells in found.items() if cells}
