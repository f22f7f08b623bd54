"""All uses of dask beyond its public functions, in one place: tests/cluster/test_internals.py checks them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import dask
import dask._task_spec
import dask.array
import dask.threaded
import numpy as np
from dask.base import get_scheduler, tokenize, unpack_collections
from dask.core import flatten, toposort
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer
from dask.local import get_sync
from dask.optimization import cull
from dask.utils import ensure_dict

Graph = Mapping[Hashable, Any]


class _Counted(Exception):
    """Raised to end a computation before it begins."""


class _Indexed(MaterializedLayer):  # type: ignore[misc]  # dask has no types
    """Tasks whose :meth:`cull` looks up what it is asked for; dask's own copies all tasks each time."""

    def cull(self, keys: Any, all_hlg_keys: Any) -> tuple[Layer, dict[Hashable, set[Hashable]]]:
        tasks = dask._task_spec.cull(self.mapping, keys)
        return MaterializedLayer(tasks, annotations=self.annotations), {
            key: set(task.dependencies) for key, task in tasks.items()
        }


def name_of(prefix: str, *parts: Any) -> str:
    """Make a name for a layer: equal where all ``parts`` are equal."""
    return f"{prefix}-{tokenize(*parts)}"


def merge(graphs: Iterable[Any]) -> HighLevelGraph:
    """Merge several graphs, which may share layers, into one that is made to be culled many times."""
    graph = HighLevelGraph.merge(*graphs)
    layers = {name: _indexed(layer) for name, layer in graph.layers.items()}
    return HighLevelGraph(layers, graph.dependencies)


def _indexed(layer: Layer) -> Layer:
    plain = isinstance(layer, MaterializedLayer) and isinstance(layer.mapping, dict) and not layer.has_legacy_tasks
    return _Indexed(layer.mapping, layer.annotations) if plain else layer


def layered(layers: Mapping[str, Graph], first: str) -> HighLevelGraph:
    """Make a graph whose layers all depend on ``first``, which depends on nothing."""
    return HighLevelGraph(layers, {layer: set() if layer == first else {first} for layer in layers})


def over_blocks(numbers: Any, reductions: Sequence[Callable[..., Any]]) -> list[Any]:
    """Reduce the i-th of the ``numbers`` (time, block axes ..., number) by ``reductions[i]`` over all blocks; lazy.

    Returns an array (time) of each. Dask's own reductions are several layers for each number, which takes longer than
    a small cube's work. Numbers of one time lie in one chunk of the last axis.
    """
    name = name_of("over-blocks", numbers.name, reductions)
    blocks = list(np.ndindex(*numbers.numblocks[1:]))
    layers: dict[str, Graph] = dict(numbers.dask.layers)
    dependencies = dict(numbers.dask.dependencies)
    for i, reduction in enumerate(reductions):
        own = f"{name}-{i}"
        layers[own] = {
            (own, k): (_over, reduction, i, [(numbers.name, k, *block) for block in blocks])
            for k in range(numbers.numblocks[0])
        }
        dependencies[own] = {numbers.name}
    graph = HighLevelGraph(layers, dependencies)
    chunks = (numbers.chunks[0],)
    return [dask.array.Array(graph, f"{name}-{i}", chunks, dtype=numbers.dtype) for i in range(len(reductions))]


def _over(reduction: Callable[..., Any], i: int, blocks: Sequence[Any]) -> Any:
    """The i-th number of each time, over all ``blocks``."""
    rows = np.concatenate([block[..., i].reshape(len(block), -1) for block in blocks], axis=1)
    return reduction(rows, axis=1)


def optimised_for(graph: Graph, keys: Sequence[Hashable]) -> dict[Hashable, Any]:
    """Return the tasks behind ``keys`` of arrays, after dask's optimisations for arrays."""
    return dict(dask.array.optimize(ensure_dict(graph), list(keys)))


def run_here(tasks: Graph, keys: Sequence[Hashable]) -> list[Any]:
    """Compute ``keys`` in this thread, from no more tasks than they need."""
    return list(get_sync(cull(dict(tasks), list(keys))[0], list(keys)))


def arrays_in(*collections: Any) -> list[Any]:
    """List all lazy parts of nested ``collections``."""
    return list(unpack_collections(*collections)[0])


def nodes_of(*collections: Any) -> dict[Hashable, Any]:
    """Return the tasks behind all ``collections`` in the order of their needs, each a node that knows these.

    None is fused with another: dask's optimisations take longer than they save where tasks are put together by block.
    """
    parts = arrays_in(*collections)
    graph = merge(part.__dask_graph__() for part in parts).cull(set(keys_of(parts)))
    nodes = dask._task_spec.convert_legacy_graph(ensure_dict(graph))
    return {key: nodes[key] for key in toposort(nodes)}


def holds_numbers(node: Any) -> bool:
    """Return whether the task ``node`` is a number or an array that is in memory already."""
    return isinstance(node, dask._task_spec.DataNode) and isinstance(node.value, np.ndarray | np.generic | int | float)


def task_of(key: Hashable, tasks: Graph, outputs: Iterable[Hashable], inputs: Iterable[Hashable]) -> Any:
    """Make one task that runs ``tasks`` in one thread and returns their ``outputs`` by key.

    ``inputs`` are keys of other such tasks, whose outputs are at hand.
    """
    needed = [dask._task_spec.TaskRef(other) for other in inputs]
    task = dask._task_spec.Task(key, _run, dict(tasks), frozenset(outputs), *needed)
    task._token = str(key)  # a client hashes each task of a graph; the key of this one is of its own already
    return task


def selection(key: Hashable, of: Hashable, outputs: Iterable[Hashable]) -> Any:
    """Make a task that hands on some outputs of the task ``of``."""
    return dask._task_spec.Task(key, _select, dask._task_spec.TaskRef(of), frozenset(outputs))


def _run(tasks: Graph, outputs: frozenset[Hashable], *inputs: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    given = {key: value for values in inputs for key, value in values.items()}
    return executed(tasks, outputs, given)


def executed(tasks: Graph, outputs: Iterable[Hashable], given: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """Run ``tasks``, nodes of a graph, in this thread, each as late as it can be; return the ``outputs`` by key.

    A value is let go as soon as nothing needs it. ``given`` are values of tasks that have run elsewhere.
    """
    values = dict(given)
    uses = Counter(needed for node in tasks.values() for needed in node.dependencies)
    kept = frozenset(outputs)
    ahead = [key for key in reversed(tasks) if key not in uses or key in kept]
    while ahead:
        key = ahead[-1]
        missing = [] if key in values or key not in tasks else [n for n in tasks[key].dependencies if n not in values]
        if missing:
            ahead += missing
            continue
        ahead.pop()
        if key not in values:
            node = tasks[key]
            values[key] = node(values)
            for needed in node.dependencies:
                uses[needed] -= 1
                if not uses[needed] and needed not in kept:
                    del values[needed]
            if not uses[key] and key not in kept:
                del values[key]
    return {key: values[key] for key in kept}


def _select(values: Mapping[Hashable, Any], outputs: frozenset[Hashable]) -> dict[Hashable, Any]:
    return {key: values[key] for key in outputs}


def keys_of(collections: Any) -> list[Hashable]:
    """List the keys of all blocks of nested ``collections``."""
    return [key for part in arrays_in(collections) for key in flatten(part.__dask_keys__())]


def schedule(tasks: Graph, keys: Sequence[Hashable]) -> list[Any]:
    """Compute ``keys`` where dask would: by the current client, or here."""
    get = get_scheduler() or dask.threaded.get
    return list(get(dict(tasks), list(keys)))


def rebuilt(collections: Any, values: Mapping[Hashable, Any]) -> Any:
    """Return nested ``collections`` as computed from the ``values`` of their blocks by key."""
    parts, repack = unpack_collections(collections)

    def filled(keys: Any) -> Any:
        return [filled(key) for key in keys] if isinstance(keys, list) else values[keys]

    finished = []
    for part in parts:
        finalize, arguments = part.__dask_postcompute__()
        finished.append(finalize(filled(part.__dask_keys__()), *arguments))
    return repack(finished)[0]


def layer_sizes(*collections: Any) -> dict[str, int]:
    """Count the tasks of each layer of ``collections`` before any optimisation; no task is built for it."""
    layers: dict[str, int] = {}
    for part in arrays_in(*collections):
        layers |= {name: len(layer) for name, layer in part.__dask_graph__().layers.items()}
    return layers


def tasks_of(*collections: Any) -> int:
    """Count the tasks that ``dask.compute(*collections)`` would run, after all of its optimisations."""
    counts: list[int] = []

    def scheduler(graph: Any, keys: Any, **kwargs: Any) -> None:
        counts.append(len(graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph))
        raise _Counted

    try:
        dask.compute(*collections, scheduler=scheduler)
    except _Counted:
        return counts[0]
    return 0  # nothing lazy in them
