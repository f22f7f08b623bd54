"""All that is done to a block of cells is one task; tasks come in the order of time, and little is held in between."""

import dask
import dask.array
import numpy as np
import pytest
from distributed.diagnostics.plugin import SchedulerPlugin

from smcloud import chunking, pipeline
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.cluster import open_cluster
from smcloud.cluster.fusion import LAST, blocks_of, compute_by_block, fused, places_of
from smcloud.cluster.internals import nodes_of
from smcloud.config import load_config
from smcloud.cube import build, month_range, open_sources, reduction

BLOCKS, YEARS = 2, 8  # of a year of a source: see in_blocks


def in_blocks(ds):
    """A source whose chunks hold a year of half of the rows."""
    return ds.chunk(time=12, lat=2)


@pytest.fixture
def in_small_chunks(monkeypatch):
    """Stored chunks of 2 x 2 cells, so that a source's block is one of the grid as well."""
    monkeypatch.setattr(chunking, "CHUNK", 2)
    monkeypatch.setattr(chunking, "TILES", {"time": -1, "year": -1, "lat": 2, "lon": 2})


@pytest.fixture
def lazy(small_world, in_small_chunks):
    """The lazy writes and counters of a world of 8 years."""
    config = load_config(small_world(change=in_blocks))
    months = month_range("2000-01", "2007-12")
    cube = build(config, open_sources(config, load_catalog(config.catalog)), months)
    writes = stores.dry_run_writes(cube.dataset)
    return writes.maps, [writes.others, cube.counters]


def written(target, values):
    """An array in blocks of 2 rows, and its lazy write, as a store gives it."""
    lazy = read(values, (values.shape[0], 2, -1))
    return lazy, write_of(lazy, target)


class Stored:
    """An array that is not in memory."""

    def __init__(self, values):
        self.values, self.shape, self.ndim, self.dtype = values, values.shape, values.ndim, values.dtype

    def __getitem__(self, region):
        return self.values[region]


def read(values, chunks):
    """An array as it is opened from a store."""
    return dask.array.from_array(Stored(values), chunks=chunks)


def test_what_is_in_memory_is_written_too():
    target = np.zeros((2, 4, 2))
    compute_by_block([write_of(dask.array.from_array(np.ones((2, 4, 2)), chunks=(2, 2, 2)), target)])
    assert (target == 1).all()


def write_of(lazy, target):
    return dask.array.store([lazy], [target], lock=False, compute=False)


def test_what_is_written_and_what_is_returned_are_those_of_dask():
    values = np.random.default_rng(1).normal(size=(3, 8, 5))
    targets = np.zeros_like(values), np.zeros_like(values)
    lazy, first = written(targets[0], values)
    again = write_of(lazy * 2, targets[1])
    others = {
        "sum": lazy.sum(),
        "rows": lazy.sum((0, 2)),
        "both": [(lazy * 2).min(), 7],
        "ones": dask.array.ones(3),
    }
    tasks = fused([first, again], others)
    assert len(tasks) == 4 + 1  # the blocks, and what needs them all
    computed = compute_by_block([first, again], others)
    assert (targets[0] == values).all() and (targets[1] == 2 * values).all()
    expected = dask.compute(others, scheduler="synchronous")[0]
    assert computed["sum"] == expected["sum"] and (computed["rows"] == expected["rows"]).all()
    assert computed["both"] == expected["both"] and computed["ones"].tolist() == [1, 1, 1]


def test_a_block_hands_on_what_the_next_one_takes_and_no_more():
    values = np.arange(48.0).reshape(6, 4, 2)
    target = np.zeros_like(values)
    lazy = read(values, (2, 2, 2))
    change = dask.array.concatenate([lazy[:2], lazy[2:] - lazy[:-2]])  # of a time chunk from the one before
    write = write_of(change, target)
    total = compute_by_block([write], lazy.sum())
    assert (target[2:] == 8 * 2).all() and (target[:2] == values[:2]).all() and total == values.sum()
    tasks = fused([write], lazy.sum())
    assert sum(len(key) == 2 for key in tasks) == 3 * 2 + 1


def test_nothing_to_do_is_done():
    assert compute_by_block([], []) == []
    assert compute_by_block((), {"a": 3}) == {"a": 3}


def test_a_failure_is_that_of_the_block():
    def fails(block):
        raise ZeroDivisionError("of this block")

    lazy, _ = written(np.zeros((1, 4, 2)), np.ones((1, 4, 2)))
    with pytest.raises(ZeroDivisionError, match="of this block"):
        compute_by_block([], lazy.map_blocks(fails, dtype=float, meta=np.empty((0, 0, 0))).sum())


@pytest.mark.slow
def test_every_task_has_the_place_of_the_first_block_that_needs_it(lazy):
    maps, others = lazy
    nodes = nodes_of(maps, others)
    place = places_of(nodes, maps)
    for array in maps:
        for index in np.ndindex(*array.numblocks):
            assert place[(array.name, *index)] == (index[0] if array.ndim == 3 else 0, *index[-2:])
    for key in place:  # nothing is later than what needs it
        for needed in nodes[key].dependencies & place.keys():
            assert place[needed] <= place[key]
    blocks = blocks_of(nodes, place)
    assert sorted(map(str, place)) == sorted(str(key) for keys in blocks for key in keys)
    assert all(len({place[key] for key in keys}) == 1 for keys in blocks[:-1])
    assert {place[key] for key in blocks[-1]} == {LAST}
    home = {key: number for number, keys in enumerate(blocks) for key in keys}
    for key, number in home.items():
        assert all(home[needed] <= number for needed in nodes[key].dependencies & home.keys())


@pytest.mark.slow
def test_each_block_and_year_is_one_task_and_what_has_no_time_is_with_the_first(lazy):
    tasks = fused(*lazy)
    selections = [key for key in tasks if len(key) > 2]
    # Of the leaf area a year's months go on to the next year's block, and counters to the last task.
    assert len(selections) == 2 * (YEARS - 1) * BLOCKS
    assert len(tasks) - len(selections) == YEARS * BLOCKS + 1


@pytest.mark.slow
def test_every_block_is_read_once(small_world, monkeypatch, in_small_chunks):
    reads = []
    real = reduction._reduced
    monkeypatch.setattr(reduction, "_reduced", lambda *arguments: (reads.append(1), real(*arguments))[1])
    config = load_config(small_world(change=in_blocks))
    assert pipeline.ingest(config, pipeline.check(config)).status == "built"
    assert len(reads) == 4 * YEARS * BLOCKS


@pytest.mark.slow
def test_a_cluster_takes_the_blocks_in_the_order_of_time_and_holds_little(small_world, in_small_chunks):
    config = load_config(small_world(change=in_blocks, cluster={"workers": 2}))
    job = pipeline.check(config)
    held, most, begun = {}, [(0, 0)], []

    class Watch(SchedulerPlugin):
        def transition(self, key, start, finish, *args, **kwargs):
            if "block-" not in str(key):
                return
            if finish == "processing":
                begun.append(key[1])
            if finish == "memory":
                held[key] = client.cluster.scheduler.tasks[key].nbytes
            elif start == "memory":
                held.pop(key)
            handed_on = [nbytes for key, nbytes in held.items() if len(key) == 3 and key[2] != YEARS * BLOCKS]
            whole = [key for key in held if len(key) == 2 and key[1] < (YEARS - 1) * BLOCKS]
            most.append((sum(handed_on), len(whole)))

    with open_cluster(config.cluster) as client:
        client.cluster.scheduler.add_plugin(Watch())
        assert pipeline.ingest(config, job).status == "built"
    assert not held
    late = [number for position, number in enumerate(begun) if number < max(begun[: position + 1]) - 6]
    assert not late, begun
    year = 12 * 24 * 8 + 2000 * BLOCKS  # bytes of the leaf area's months, and of what holds them
    assert 12 * 24 * 8 / BLOCKS <= max(nbytes for nbytes, _ in most) <= 3 * year
    assert max(count for _, count in most) <= 6  # one is let go when it has handed on
