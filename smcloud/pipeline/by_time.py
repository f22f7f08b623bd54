"""A lazy cube is worked off in the order of time: what is read is soon written, so little is held however long it is.

Left to itself dask takes all counters first, and so holds every month that was read until the last one was counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import dask
import numpy as np
from dask.base import unpack_collections
from dask.core import get_dependencies
from dask.highlevelgraph import HighLevelGraph


def compute_by_time(writes: Any, counters: Any) -> Any:
    """Compute the lazy ``writes`` (time, ...) and all ``counters``, and return the computed counters.

    A dask client takes the tasks in the order of the time blocks that they are needed for. Dask's own schedulers know
    no such order: the result is the same, the memory it takes is not.
    """
    writes, counters = optimised(writes, counters)
    # What no write needs has the first priority. A scheduler can read this without anything of ours.
    priority = defaultdict(int, {key: -block for key, block in time_blocks(writes).items()})
    with dask.annotate(priority=priority.__getitem__):
        return dask.compute(writes, counters, optimize_graph=False)[1]


def optimised(writes: Any, counters: Any) -> Any:
    """Both as they are computed: their graphs are one, optimised once, so that it keeps its keys."""
    return dask.optimize(writes, counters)


def merged(*collections: Any) -> tuple[dict[Hashable, Any], list[Any]]:
    """The one graph of all ``collections``, and these in a row."""
    arrays, _ = unpack_collections(*collections)
    return dict(HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))), list(arrays)


def time_blocks(writes: Any) -> dict[Hashable, int]:
    """Of each task that leads to the ``writes``, the first block along time that it is needed for (no time axis: 0)."""
    graph, arrays = merged(writes)
    leaves = [
        (index[0] if array.ndim > 2 else 0, (array.name, *index))
        for array in arrays
        for index in np.ndindex(*array.numblocks)
    ]
    first: dict[Hashable, int] = {}
    for block, leaf in sorted(leaves, key=lambda leaf: leaf[0]):
        ahead = [leaf]
        while ahead:
            key = ahead.pop()
            if key not in first:
                first[key] = block
                ahead += get_dependencies(graph, key)
    return first
