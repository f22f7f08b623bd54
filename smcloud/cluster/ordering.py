"""Computation of a lazy cube in the order of time: what is read is soon written, so memory stays small at any length.

Left to itself dask takes all counters first, and so holds every month that was read until the last one was counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import dask
import numpy as np

from smcloud.cluster.internals import merged, needed_by, optimised


def compute_by_time(writes: Any, counters: Any) -> Any:
    """Compute the lazy ``writes`` (time, ...) and all ``counters``, and return the computed counters.

    A dask client takes the tasks in the order of the blocks that they are needed for. Dask's own schedulers know no
    such order: the result is the same, the memory it takes is not.
    """
    import distributed  # noqa: F401 - imported inside ``set`` below, its defaults would go with the setting

    writes, counters = optimised(writes, counters)
    # What no write needs has the first priority. A scheduler can unpickle this without our code.
    priority = defaultdict(int, {key: -place for key, place in places(writes).items()})
    settings = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}  # it has many tasks, and no data in them
    with dask.config.set(settings), dask.annotate(priority=priority.__getitem__):
        return dask.compute(writes, counters, optimize_graph=False)[1]


def places(writes: Any) -> dict[Hashable, int]:
    """Number each task that leads to the ``writes`` by the first block that needs it.

    Blocks stand in the order of time (first of all what has no time axis), within a time in that of the grid.
    """
    graph, arrays = merged(writes)
    leaves = [
        (index if array.ndim > 2 else (-1, *index), (array.name, *index))
        for array in arrays
        for index in np.ndindex(*array.numblocks)
    ]
    order = {block: place for place, block in enumerate(sorted({block for block, _ in leaves}))}
    first: dict[Hashable, int] = {}
    for block, leaf in sorted(leaves, key=lambda leaf: leaf[0]):
        ahead: list[Hashable] = [leaf]
        while ahead:
            key = ahead.pop()
            if key not in first:
                first[key] = order[block]
                ahead += needed_by(graph, key)
    return first
