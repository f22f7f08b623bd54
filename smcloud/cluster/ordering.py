"""A lazy cube is worked off in the order of time: what is read is soon written, so little is held however long it is.

Left to itself dask takes all counters first, and so holds every month that was read until the last one was counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

import dask
import numpy as np
from dask.base import collections_to_expr, unpack_collections
from dask.core import get_dependencies
from dask.highlevelgraph import HighLevelGraph


def compute_by_time(writes: Any, counters: Any) -> Any:
    """Compute the lazy ``writes`` (time, ...) and all ``counters``, and return the computed counters.

    A dask client takes the tasks in the order of the blocks that they are needed for. Dask's own schedulers know no
    such order: the result is the same, the memory it takes is not.
    """
    writes, counters = optimised(writes, counters)
    # What no write needs has the first priority. A scheduler can read this without anything of ours.
    priority = defaultdict(int, {key: -place for key, place in places(writes).items()})
    whole = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}  # it has many tasks, and no data in them
    with dask.config.set(whole), dask.annotate(priority=priority.__getitem__):
        return dask.compute(writes, counters, optimize_graph=False)[1]


def optimised(writes: Any, counters: Any) -> Any:
    """Both as they are computed: lazy parts of one graph that is optimised as a whole, and then keeps its keys.

    ``dask.optimize`` takes the parts one by one, and fuses a reading of its own into each of them.
    """
    parts, repack = unpack_collections(writes, counters)
    if not parts:
        return writes, counters
    graph = collections_to_expr(parts).optimize().__dask_graph__()
    rebuilders = (part.__dask_postpersist__() for part in parts)
    return repack([rebuild(graph, *arguments) for rebuild, arguments in rebuilders])


def merged(*collections: Any) -> tuple[dict[Hashable, Any], list[Any]]:
    """The one graph of all ``collections``, and these in a row."""
    arrays, _ = unpack_collections(*collections)
    return dict(HighLevelGraph.merge(*(array.__dask_graph__() for array in arrays))), list(arrays)


def places(writes: Any) -> dict[Hashable, int]:
    """Of each task that leads to the ``writes``, the place of the first block that needs it.

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
        ahead = [leaf]
        while ahead:
            key = ahead.pop()
            if key not in first:
                first[key] = order[block]
                ahead += get_dependencies(graph, key)
    return first
