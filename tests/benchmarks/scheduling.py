"""A hundred workers without data: the graphs of planned runs on a real scheduler, of tasks that do nothing.

``python -m tests.benchmarks.scheduling [SIZE ...]`` prints a line of JSON for each graph of a size of
``smcloud plan --sizes``. The hundred workers are real too, but share one process, so a task takes longer here than a
scheduler takes for it: its own processor time says what it could hand out. Seconds of the client are of its processor
too: to build a graph, and to send it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from dask._task_spec import Task, TaskRef
from distributed import Client  # now: what is set of its configuration before goes with all of it

from smcloud import store as stores
from smcloud.cluster.fusion import fused
from smcloud.cube import CubeInputs, build, month_range, open_sources
from smcloud.pipeline.planning import compute as planning
from smcloud.pipeline.planning.examples import SIZES, sources_of
from smcloud.pipeline.tiling import slabs, tiles_of
from smcloud.products import to_storage_dtype

WORKERS = 100
Tasks = Mapping[Hashable, Any]


def nothing(*inputs: object) -> None:
    """Do nothing with what other tasks did."""


def skeleton(tasks: Tasks) -> dict[Hashable, Any]:
    """The same graph of tasks that do nothing."""
    return {key: Task(key, nothing, *map(TaskRef, task.dependencies)) for key, task in tasks.items()}


def graphs(size: str) -> Iterator[tuple[str, Tasks, float]]:
    """The first graph of the cube, and of each phase of maps, of a size; with the seconds to build it."""
    config, catalog, datasets = sources_of(SIZES[size], "peng2023", SIZES[size].cluster)
    months = month_range(config.period.start, config.period.end)
    opened = CubeInputs(datasets, open_sources(config, catalog, datasets), months)
    first = slice(*slabs(config, opened)[0])
    begin = time.process_time()
    cube = build(config, opened.sources, months[first])
    writes = stores.dry_run_writes(cube.dataset)
    yield "ingest", fused(writes.maps, [writes.others, cube.counters]), time.process_time() - begin
    year = cube.dataset.isel(time=slice(12))
    grid = {"time": len(months), "year": len(months) // 12} | {dim: year.sizes[dim] for dim in ("lat", "lon")}

    class Writer(planning.DryWriter):
        def write(self, products: Mapping[str, Any]) -> None:
            super().write(products)
            made.append({name: to_storage_dtype(ds) for name, ds in products.items()})

    made: list[dict[str, Any]] = []
    planning.DryWriter, kept = Writer, planning.DryWriter  # type: ignore[misc]
    try:
        blocks = tuple(-(-grid[dim] // 180) for dim in ("lat", "lon"))
        planning._dry_run(config, year, months, grid, blocks)  # type: ignore[arg-type]
    finally:
        planning.DryWriter = kept  # type: ignore[misc]
    for name, products in zip(("annual", "maps"), made, strict=False):
        tile = tiles_of(list(products.values()), config.cluster.graph_tasks)[0]
        begin = time.process_time()
        parts = [stores.dry_run_writes(planning_region(ds, tile)) for ds in products.values()]
        yield name, fused(*stores.together(parts)), time.process_time() - begin


def planning_region(ds: Any, tile: Any) -> Any:
    """The cells of ``tile``; all where it is the only one."""
    from smcloud.pipeline.tiling import region

    whole = tile.rows == tile.columns == (0, 1)
    return ds if whole else region(ds, tile)


@contextmanager
def a_cluster() -> Iterator[tuple[Any, int]]:
    """A scheduler and a hundred workers, in a process each; a client, and the scheduler's process id."""
    code = "import sys; from tests.benchmarks.scheduling import main; main(sys.argv[1:])"
    scheduler = subprocess.Popen(
        [sys.executable, "-c", code, "--scheduler"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert scheduler.stdout is not None
    address = scheduler.stdout.readline().strip()
    workers = subprocess.Popen([sys.executable, "-c", code, "--workers", address], stderr=subprocess.DEVNULL)
    try:
        with Client(address, timeout=60) as client:
            client.wait_for_workers(WORKERS, timeout=120)
            yield client, scheduler.pid
    finally:
        for process in (workers, scheduler):
            process.terminate()
            process.wait()


async def serve_scheduler() -> None:
    """Run a scheduler and print its address."""
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", dashboard_address="127.0.0.1:0") as scheduler:
        print(scheduler.address, flush=True)
        await scheduler.finished()


async def serve_workers(address: str) -> None:
    """Run all workers in this process."""
    from distributed import Worker

    workers = [Worker(address, nthreads=1, dashboard=False, heartbeat_interval="5s") for _ in range(WORKERS)]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


def process_of(pid: int) -> tuple[float, int]:
    """Processor seconds and the largest resident memory of a process, in bytes."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    resident = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
    return (int(user) + int(system)) / 100, int(resident) * 1024


def measure(size: str) -> Iterator[dict[str, Any]]:
    """Run each graph of ``size``."""
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}), a_cluster() as (client, pid):
        first = {n: Task(n, nothing) for n in range(WORKERS)}  # workers import this module, and call each other
        client.get(first | {"last": Task("last", nothing, *map(TaskRef, first))}, "last")
        for name, tasks, building in graphs(size):
            bare = skeleton(tasks)
            used = {key for task in tasks.values() for key in task.dependencies}
            before, begin, mine = process_of(pid)[0], time.perf_counter(), time.process_time()
            client.get(bare, [key for key in bare if key not in used])
            seconds, sending = time.perf_counter() - begin, time.process_time() - mine
            own, memory = process_of(pid)
            yield {
                "size": size, "graph": name, "tasks": len(bare), "building_seconds": round(building, 1),
                "sending_seconds": round(sending, 1),
                "seconds": round(seconds, 1), "tasks_per_second": round(len(bare) / seconds),
                "load_average": round(os.getloadavg()[0], 1),
                "scheduler_us_per_task": round(1e6 * (own - before) / len(bare)),
                "scheduler_memory_mib": round(memory / 2**20),
            }  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """All sizes that are named, or the first two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", choices=[*SIZES, []])
    parser.add_argument("--scheduler", action="store_true")
    parser.add_argument("--workers")
    options = parser.parse_args(arguments)
    if options.scheduler:
        asyncio.run(serve_scheduler())
    elif options.workers:
        asyncio.run(serve_workers(options.workers))
    else:
        for size in options.sizes or list(SIZES)[:2]:
            for row in measure(size):
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
