"""What is asked of dask beyond its public functions, held to the version that the lock pins."""

import importlib.metadata
import re
from pathlib import Path

import dask
import dask.array
import numpy as np
import pytest
from dask._task_spec import Task, TaskRef

from smcloud.cluster import internals

LOCK = Path(__file__).parents[2] / "infra" / "requirements.lock"


def numbers():
    return dask.array.arange(6, chunks=3)


def test_these_are_the_internals_of_the_dask_that_is_pinned():
    for name in ("dask", "distributed"):
        (pinned,) = re.findall(rf"^{name}==(\S+)", LOCK.read_text(), re.MULTILINE)
        assert importlib.metadata.version(name) == pinned


def test_names_follow_what_they_are_made_of():
    assert internals.name_of("a", [1], "x") == internals.name_of("a", [1], "x") != internals.name_of("a", [2], "x")


def test_a_graph_of_layers_is_computed_from_the_first_one():
    graph = internals.layered(
        {"first": {("first", 0): (np.arange, 3)}, "then": {("then", 0): (sum, ("first", 0))}}, "first"
    )
    assert dask.get(dict(graph), ("then", 0)) == 3


def test_numbers_are_reduced_over_all_blocks():
    values = np.random.default_rng(1).normal(size=(5, 3, 4, 2))
    lazy = dask.array.from_array(values, chunks=(2, 1, 3, 2))
    total, least = internals.over_blocks(lazy, (np.sum, np.min))
    assert total.chunks == least.chunks == ((2, 2, 1),) and total.dtype == np.float64
    np.testing.assert_allclose(total, values[..., 0].sum(axis=(1, 2)))
    np.testing.assert_array_equal(least, values[..., 1].min(axis=(1, 2)))


def test_keys_are_computed_in_this_thread_from_what_they_need():
    lazy = numbers() + 1
    keys = [(lazy.name, 0), (lazy.name, 1)]
    tasks = internals.optimised_for(lazy.__dask_graph__(), keys)
    assert [block.tolist() for block in internals.run_here(tasks, keys)] == [[1, 2, 3], [4, 5, 6]]
    assert internals.run_here(tasks, keys[1:])[0].tolist() == [4, 5, 6]


def test_a_merged_graph_is_culled_as_by_dask():
    lazy = numbers()[1:].rechunk(2)  # layers of tasks that are there, over one that is not
    other = lazy.map_blocks(np.negative)
    merged = internals.merge([lazy.dask, other.dask])
    for key in [(lazy.name, 0), (other.name, 1), (other.name, 2)]:
        ours, own = dict(merged.cull([key])), dict(other.dask.cull([key]))
        assert ours.keys() == own.keys() < dict(other.dask).keys()
        assert dask.get(ours, key).tolist() == dask.get(own, key).tolist()


def test_parts_of_nested_collections_share_one_graph():
    one = numbers()
    two = one * 2
    nodes = internals.nodes_of([one, {"two": two[1:]}])
    assert {(one.name, 0), (two.name, 1)} <= set(nodes)
    assert (one.name, 1) in nodes[two.name, 1].dependencies
    assert (two.name, 0) not in internals.nodes_of(two[3:]) and internals.nodes_of((), {}) == {}


def test_tasks_run_as_late_as_they_can_and_each_once():
    events = []

    def note(name, *needed):
        events.append(name)
        return name

    tasks = {name: Task(name, note, name, *map(TaskRef, needed)) for name, *needed in (
        ("a",), ("b", "a"), ("c",), ("d", "c", "b"), ("e", "a", "d"), ("alone",), ("f", "given", "c"))}  # fmt: skip
    values = internals.executed(tasks, ["e", "b"], {"given": 0})
    assert values == {"e": "e", "b": "b"}
    assert sorted(events) == sorted(tasks)
    assert all(
        events.index(needed) < events.index(name) for name in tasks for needed in tasks[name].dependencies - {"given"}
    )


def test_a_value_is_let_go_when_nothing_needs_it():
    class Held:
        alive = 0

        def __init__(self, *needed):
            Held.alive += 1
            most.append(Held.alive)

        def __del__(self):
            Held.alive -= 1

    most: list[int] = []
    chain = {i: Task(i, Held, *([TaskRef(i - 1)] if i else [])) for i in range(50)}
    internals.executed(chain | {f"end {i}": Task(f"end {i}", Held) for i in range(50)}, [49], {})
    assert max(most) == 2 and Held.alive == 0


def test_tasks_are_counted_and_none_is_run():
    def never(block):
        raise AssertionError("computed")

    lazy = dask.array.map_blocks(never, numbers(), dtype=int, meta=np.empty(0, int))
    assert internals.tasks_of(lazy) >= 2 and sum(internals.layer_sizes(lazy).values()) == 4
    assert internals.tasks_of(1) == 0
    with pytest.raises(AssertionError, match="computed"):
        lazy.compute(scheduler="sync")


def test_tasks_become_one_that_hands_on_what_it_is_asked_for():
    lazy = numbers() + 1
    nodes = internals.nodes_of(lazy)
    assert list(nodes).index((lazy.name, 1)) > max(list(nodes).index(key) for key in nodes[lazy.name, 1].dependencies)
    keys = internals.keys_of({"a": [lazy]})
    tasks = {"one": internals.task_of("one", nodes, keys, []), "some": internals.selection("some", "one", keys[:1])}
    whole, some = internals.schedule(tasks, ["one", "some"])
    assert set(whole) == set(keys) and some[keys[0]].tolist() == [1, 2, 3] and len(some) == 1
    again = internals.task_of("again", {}, keys[:1], ["some"])  # hands on what it was given
    assert internals.schedule(tasks | {"again": again}, ["again"])[0].keys() == {keys[0]}
    assert internals.rebuilt({"a": [lazy]}, whole)["a"][0].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_name_of_a_task_stands_for_its_content():
    """Else a client hashes every part of every block."""
    assert internals.task_of("one", {}, [], [])._get_token() == "one"


def test_what_is_in_memory_is_known():
    nodes = internals.nodes_of(numbers())
    assert not any(map(internals.holds_numbers, nodes.values()))
    lazy = dask.array.from_array(np.arange(6), chunks=3)
    assert any(map(internals.holds_numbers, internals.nodes_of(lazy).values()))
