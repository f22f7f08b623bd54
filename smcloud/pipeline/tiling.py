"""Division of work where one graph would be too large: slabs of time for the cube, blocks of cells for products."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import xarray as xr

from smcloud import chunking
from smcloud import store as stores
from smcloud.chunking import Tile, block_tiles, time_tiles
from smcloud.cluster import load_distributed, threads_of
from smcloud.config import Cluster, RunConfig
from smcloud.cube import Cube, CubeInputs, Source, Times, build
from smcloud.pipeline.planning.graphs import layers_of
from smcloud.plan import Machine

# Small tasks of a block of one role and time chunk, at most; mostly fifty. A small graph is not built to be counted.
MOST_TASKS = 400


def slabs(
    config: RunConfig, opened: CubeInputs, runs: Sequence[tuple[int, int]] | None = None
) -> list[tuple[int, int]]:
    """Divide ``runs`` (positions of months; None: all) into parts that are one graph each.

    They are whole time chunks, as many as ``cluster.graph_tasks`` allows. A time chunk is never divided, for a source's
    chunk often holds the whole globe.
    """
    months, step = opened.months, chunking.TIME_CHUNK
    runs = [(0, len(months))] if runs is None else runs
    chunks = [at // step for first, stop in runs for at in range(first, stop, step)]
    lazy = [source.values.data for source in opened.moving.values() if source.values.chunks]
    blocks = sum(math.prod(data.numblocks[1:]) for data in lazy)
    if len(chunks) == 1 or (blocks + len(opened.moving)) * len(chunks) * MOST_TASKS <= config.cluster.graph_tasks:
        return list(runs)
    year = year_of(config, opened.moving, months)
    most = config.cluster.graph_tasks // layers_of(stores.dry_run_writes(year.dataset), year.counters)
    if most >= len(chunks):
        return list(runs)
    return [(first * step, min(stop * step, len(months))) for first, stop in time_tiles(chunks, most)]


def machine_of(cluster: Cluster) -> Machine:
    """Return the number of workers and the cores of each: a local cluster is one worker with all its threads."""
    if cluster.kind == "local":
        return Machine(1, threads_of(cluster))
    return Machine(cluster.workers or 1, cluster.worker_cores)


def memory_of(cluster: Cluster) -> int | None:
    """Return the bytes of a worker: as configured, or all that this process may take; None where a gateway decides."""
    if cluster.worker_bytes is not None:
        return cluster.worker_bytes
    return None if cluster.kind == "gateway" else memory_here()


def memory_here() -> int:
    """Return the bytes that this process may take: those of the machine, or of the container that it runs in."""
    load_distributed()
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)


def year_of(config: RunConfig, moving: Mapping[str, Source], months: Times) -> Cube:
    """Build one time chunk of the ``moving`` roles, lazily: the second one, which has months before it."""
    start = chunking.TIME_CHUNK if len(months) >= 2 * chunking.TIME_CHUNK else 0
    return build(config, moving, months[start : start + chunking.TIME_CHUNK])


def tiles_of(datasets: Sequence[xr.Dataset], limit: int) -> list[Tile]:
    """Divide the grid into rectangles of blocks of cells, each a graph of at most ``limit`` tasks; one if all fits.

    ``datasets`` are maps, cell by cell, of one grid; anything else is one tile.
    """
    if not datasets or any(not {"lat", "lon"} <= set(ds.sizes) for ds in datasets):
        return [Tile((0, 1), (0, 1))]
    rows, columns = (-(-datasets[0].sizes[dim] // chunking.CHUNK) for dim in ("lat", "lon"))
    # Of one block there is one tile, and its graph need not be counted.
    if rows * columns == 1 or layers_of([stores.dry_run_writes(ds) for ds in datasets]) <= limit:
        return [Tile((0, 1), (0, 1))]
    corner = [region(stores.align(ds.drop_encoding()), Tile((0, 1), (0, 1))) for ds in datasets]
    return block_tiles(rows, columns, layers_of([stores.dry_run_writes(ds) for ds in corner]), limit)


def region(ds: xr.Dataset, tile: Tile) -> xr.Dataset:
    """Return the cells of ``tile``."""
    cells = {
        dim: slice(first * chunking.CHUNK, stop * chunking.CHUNK)
        for dim, (first, stop) in zip(("lat", "lon"), tile, strict=True)
    }
    return ds.isel(cells)
