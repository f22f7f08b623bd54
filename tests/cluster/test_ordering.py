"""The cube is worked off in the order of time: what is read is written soon, and counted in between."""

import dask
import numpy as np
import pytest
from distributed.diagnostics.plugin import SchedulerPlugin

from smcloud import pipeline
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.cluster import open_cluster
from smcloud.cluster.ordering import merged, optimised, places
from smcloud.config import load_config
from smcloud.cube import build, month_range, open_sources, reduction

BLOCKS = 2  # of a year of a source: see in_blocks


def is_read(key):
    """Whether a task reads: its value is all that is made of a year of one role."""
    return isinstance(key, tuple) and key[0].startswith("months-") and key[0].count("-") == 1


def in_blocks(ds):
    """A source whose chunks hold a year of half of the rows."""
    return ds.chunk(time=12, lat=2)


@pytest.fixture
def lazy(small_world):
    """The lazy writes and counters of a world of 8 years."""
    config = load_config(small_world(change=in_blocks))
    months = month_range("2000-01", "2007-12")
    cube = build(config, open_sources(config, load_catalog(config.catalog)), months)
    return stores.dry_run_writes(cube.dataset), cube.counters


@pytest.mark.slow
def test_every_task_of_a_write_has_the_place_of_the_first_block_that_needs_it(lazy):
    writes, counters = optimised(*lazy)
    place = places(writes)
    graph, _ = merged(writes, counters)
    arrays = [array for array in writes if array.ndim == 3]
    assert set(place.values()) == set(range(9))  # what has no time, then 8 years
    for array in arrays:
        for index in np.ndindex(*array.numblocks):
            assert place[(array.name, *index)] == 1 + index[0]
    for key in place:  # nothing is later than what needs it
        for needed in dask.core.get_dependencies(graph, key):
            assert place[needed] <= place[key]
    reads = [key for key in graph if is_read(key)]
    assert len(reads) == 4 * 8 * BLOCKS and set(reads) <= set(place)


@pytest.mark.slow
def test_every_block_is_read_once(small_world, monkeypatch):
    reads = []
    real = reduction._reduced
    monkeypatch.setattr(reduction, "_reduced", lambda *arguments: (reads.append(1), real(*arguments))[1])
    config = load_config(small_world(change=in_blocks))
    assert pipeline.ingest(config, pipeline.check(config)).status == "built"
    assert len(reads) == 4 * 8 * BLOCKS


@pytest.mark.slow
def test_of_a_years_reads_few_are_held_at_a_time(lazy):
    writes, counters = optimised(*lazy)
    graph, _ = merged(writes, counters)
    place = places(writes)
    own = dask.order.order(graph)

    def held(order):
        """The most reads whose values are still needed, tasks taken one after the other."""
        needs = {key: set(dask.core.get_dependencies(graph, key)) for key in graph}
        left = {key: sum(key in others for others in needs.values()) for key in graph if is_read(key)}
        alive = most = 0
        for key in sorted(graph, key=order):
            alive += key in left
            most = max(most, alive)
            for needed in needs[key] & left.keys():
                left[needed] -= 1
                alive -= not left[needed]
        return most

    assert held(lambda key: (place.get(key, 0), own[key])) <= 8  # those of two years
    assert held(own.get) > 3 * 8  # as dask would do it


@pytest.mark.slow
def test_a_cluster_holds_little_of_them(small_world):
    config = load_config(small_world(change=in_blocks, cluster={"workers": 2}))
    job = pipeline.check(config)
    held, most = {}, [0]

    class Watch(SchedulerPlugin):
        def transition(self, key, start, finish, *args, **kwargs):
            if finish == "memory":
                held[key] = client.cluster.scheduler.tasks[key].nbytes
            elif start == "memory":
                held.pop(key)
            most.append(sum(nbytes for key, nbytes in held.items() if str(key).startswith("('months-")))

    with open_cluster(config.cluster) as client:
        client.cluster.scheduler.add_plugin(Watch())
        assert pipeline.ingest(config, job).status == "built"
    year = 12 * 24 * 16  # bytes of a role's values and hours, of 24 cells
    assert year <= max(most) <= 10 * year and not any(str(key).startswith("('months-") for key in held)
