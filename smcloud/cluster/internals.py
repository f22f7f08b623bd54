"""What is asked of dask beyond its public functions, in one place: tests/cluster/test_internals.py holds it to this."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import dask
import dask.array
from dask.base import collections_to_expr, tokenize, unpack_collections
from dask.core import get_dependencies
from dask.highlevelgraph import HighLevelGraph
from dask.local import get_sync
from dask.optimization import cull

Graph = Mapping[Hashable, Any]


class _Counted(Exception):
    """Ends a computation before it begins."""


def name_of(prefix: str, *parts: Any) -> str:
    """A name for a layer: equal where all ``parts`` are equal."""
    return f"{prefix}-{tokenize(*parts)}"


def merge(graphs: Iterable[Any]) -> HighLevelGraph:
    """One graph of several, which may share layers."""
    return HighLevelGraph.merge(*graphs)


def layered(layers: Mapping[str, Graph], first: str) -> HighLevelGraph:
    """A graph whose layers all stand on ``first``, which stands on nothing."""
    return HighLevelGraph(layers, {layer: set() if layer == first else {first} for layer in layers})


def optimised_for(graph: Graph, keys: Sequence[Hashable]) -> dict[Hashable, Any]:
    """The tasks behind ``keys`` of arrays, after dask's optimisations for arrays."""
    return dict(dask.array.optimize(dict(graph), list(keys)))


def run_here(tasks: Graph, keys: Sequence[Hashable]) -> list[Any]:
    """The results of ``keys``, computed in this thread, from no more tasks than they need."""
    return list(get_sync(cull(dict(tasks), list(keys))[0], list(keys)))


def arrays_in(*collections: Any) -> list[Any]:
    """All lazy parts of nested ``collections``, in a row."""
    return list(unpack_collections(*collections)[0])


def merged(*collections: Any) -> tuple[dict[Hashable, Any], list[Any]]:
    """The one graph of all ``collections``, and their lazy parts in a row."""
    parts = arrays_in(*collections)
    return dict(merge(part.__dask_graph__() for part in parts)), parts


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


def needed_by(graph: Graph, key: Hashable) -> set[Hashable]:
    """The keys that the task ``key`` waits for."""
    return set(get_dependencies(graph, key))


def layer_sizes(*collections: Any) -> dict[str, int]:
    """Tasks of each layer of ``collections`` before any optimisation; nothing is built for it."""
    layers: dict[str, int] = {}
    for part in arrays_in(*collections):
        layers |= {name: len(layer) for name, layer in part.__dask_graph__().layers.items()}
    return layers


def tasks_of(*collections: Any) -> int:
    """Tasks that ``dask.compute(*collections)`` would run, after all of its optimisations."""
    counts: list[int] = []

    def scheduler(graph: Any, keys: Any, **kwargs: Any) -> None:
        counts.append(len(graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph))
        raise _Counted

    try:
        dask.compute(*collections, scheduler=scheduler)
    except _Counted:
        return counts[0]
    return 0  # nothing lazy in them
