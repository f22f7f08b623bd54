"""One task for all that is done to a block of cells: read, reduce, convert, write, count.

A graph of arrays has dozens of small tasks for each block, and a scheduler with its hand-overs takes longer than their
work. Here they become one task, which runs them one after the other in one thread.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import dask
import numpy as np

from smcloud.cluster.internals import (
    holds_numbers,
    keys_of,
    nodes_of,
    rebuilt,
    schedule,
    selection,
    task_of,
)

# A time chunk, then a block of rows and one of columns: work is done in this order.
Place = tuple[int, int, int]
LAST: Place = (2**62, 0, 0)  # of what needs several blocks of cells
Nodes = Mapping[Hashable, Any]


def compute_by_block(maps: Sequence[Any], others: Any = ()) -> Any:
    """Compute the lazy writes ``maps`` (..., lat, lon) and all ``others``, and return the computed ``others``.

    One task does all that is done to one block of cells in one time chunk, a last one what needs several blocks. A
    dask client takes them in the order of time: what is read is soon written, so memory stays small at any length.
    """
    import distributed  # noqa: F401 - imported inside ``set`` below, its defaults would go with the setting

    tasks = fused(maps, others)
    if not tasks:
        return others
    used = {key for task in tasks.values() for key in task.dependencies}
    # A scheduler can unpickle this without our code.
    priority = defaultdict(int, {key: -position for position, key in enumerate(tasks)})
    settings = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}  # it has no data in it
    with dask.config.set(settings), dask.annotate(priority=priority.__getitem__):
        *_, values = schedule(tasks, [key for key in tasks if key not in used])  # what is asked for is held to the end
    return rebuilt(others, values)


def fused(maps: Sequence[Any], others: Any = ()) -> dict[Hashable, Any]:
    """Return the tasks of :func:`compute_by_block` in their order.

    The last task returns the values of all blocks of ``others`` by their keys.
    """
    nodes = nodes_of(tuple(maps), others)
    blocks = blocks_of(nodes, places_of(nodes, maps)) if nodes else []
    home = {key: number for number, keys in enumerate(blocks) for key in keys}
    last = len(blocks) - 1
    wanted = keys_of(others)
    given: dict[int, dict[int, set[Hashable]]] = defaultdict(lambda: defaultdict(set))  # by a block, to another one
    for number, keys in enumerate(blocks):
        for needed in {needed for key in keys for needed in nodes[key].dependencies if needed in home}:
            given[home[needed]][number].add(needed)
    for key in wanted:
        if key in home:
            given[home[key]][last].add(key)
    name = f"block-{uuid.uuid4().hex}"
    tasks: dict[Hashable, Any] = {}
    inputs: dict[int, list[Hashable]] = defaultdict(list)
    for number, keys in enumerate(blocks):
        users = {user: outputs for user, outputs in given[number].items() if user != number}
        outputs = set(wanted) if number == last else set().union(*users.values())
        inside = _with_constants(nodes, home, [*keys, *(key for key in wanted if number == last and key not in home)])
        tasks[name, number] = task_of((name, number), inside, outputs, inputs[number])
        for user, some in users.items():
            if some == outputs:
                inputs[user].append((name, number))
            else:  # it is handed no more than it takes
                tasks[name, number, user] = selection((name, number, user), (name, number), some)
                inputs[user].append((name, number, user))
    return tasks


def _with_constants(nodes: Nodes, home: Mapping[Hashable, int], keys: Sequence[Hashable]) -> dict[Hashable, Any]:
    ahead, inside = list(keys), {}
    while ahead:
        key = ahead.pop()
        if key not in inside:
            inside[key] = nodes[key]
            ahead += [needed for needed in nodes[key].dependencies if needed not in home]
    return inside


def places_of(nodes: Nodes, maps: Sequence[Any]) -> dict[Hashable, Place]:
    """Find where each task of ``nodes``, which are in the order of their needs, belongs.

    What a block of ``maps`` needs belongs to the first such block; anything else to the block of cells that it is made
    of, or :data:`LAST` where these are several. What is made of no block of any array has no place: every block makes
    it for itself.
    """
    leaves = [(_place(array, index), (array.name, *index)) for array in maps for index in np.ndindex(*array.numblocks)]
    written = {leaf for _, leaf in leaves}
    constants: set[Hashable] = set()  # what is in memory, and what is made of that alone
    plain: set[Hashable] = set()
    for key, node in nodes.items():
        if holds_numbers(node) or (node.dependencies and node.dependencies <= plain):
            plain.add(key)
        if key not in written and (key in plain or (node.dependencies <= constants and not _is_block(key))):
            constants.add(key)
    places: dict[Hashable, Place] = {}
    for place, leaf in sorted(leaves, key=lambda pair: pair[0]):
        ahead: list[Hashable] = [leaf]
        while ahead:
            key = ahead.pop()
            if key not in places and key not in constants:
                places[key] = place
                ahead += nodes[key].dependencies
    users: dict[Hashable, list[Place]] = defaultdict(list)  # of reads that no map needs
    for key, node in nodes.items():
        if key not in places and key not in constants and not node.dependencies <= constants:
            made = [places[needed] for needed in node.dependencies if needed in places]
            read = [needed for needed in node.dependencies if needed not in places and needed not in constants]
            of = made or [_own_place(needed) for needed in read]
            places[key] = max(of) if len({place[1:] for place in of}) == 1 else LAST
            for needed in read:
                users[needed].append(places[key])
    for key in nodes.keys() - places.keys() - constants:
        places[key] = min(users[key], default=_own_place(key))
    return places


def _place(array: Any, index: tuple[int, ...]) -> Place:
    time = index[0] if array.ndim > 2 and array.numblocks[0] > 1 else 0
    return time, index[-2], index[-1]


def _own_place(key: Any) -> Place:
    return (key[1] if len(key) > 3 else 0, *key[-2:])


def _is_block(key: Hashable) -> bool:
    return isinstance(key, tuple) and len(key) > 2 and all(isinstance(index, int) for index in key[1:])


def blocks_of(nodes: Nodes, places: Mapping[Hashable, Place]) -> list[list[Hashable]]:
    """Divide the tasks by their places, in the order of these; those of LAST at the end.

    No task needs one of a later block. There is always a last one, without tasks where nothing needs several blocks.
    """
    blocks: dict[Place, list[Hashable]] = defaultdict(list)
    for key in nodes:
        if key in places:
            blocks[places[key]].append(key)
    end = blocks.pop(LAST, [])
    return [*(blocks[place] for place in sorted(blocks)), end]
