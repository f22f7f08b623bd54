"""The cost of the stage ingest: the cube of a time chunk, built lazily and counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xarray as xr

from smcloud import chunking
from smcloud import plan as plans
from smcloud.config import RunConfig
from smcloud.cube import CubeInputs, Source, build
from smcloud.cube.quality import COMPARED
from smcloud.pipeline.planning.graphs import arrays, tasks_of_cube
from smcloud.pipeline.tiling import machine_of, slabs
from smcloud.plan import Array, Stage
from smcloud.store.integrity import BATCH


def ingest_stage(
    config: RunConfig,
    opened: CubeInputs,
    runs: Sequence[tuple[int, int]] | None,
    first_year: xr.Dataset,
    grid: Mapping[str, int],
) -> Stage:
    """Plan the stage for the cube, or for its ``runs``; ``grid``: all sizes, ``first_year``: the cube's first year."""
    tiles = slabs(config, opened, runs)
    share = sum(stop - start for start, stop in tiles) / len(opened.months) if runs is not None else 1.0
    written = [
        array if share == 1.0 else Array((round(array.shape[0] * share), *array.shape[1:]), array.chunk, array.itemsize)
        for array in arrays(first_year, first_year.data_vars, grid)
    ]
    held_bytes, kept = _held_bytes(opened.sources, first_year)
    work = plans.IngestWork(
        read=[amount for source in opened.sources.values() for amount in _read(source, opened, tiles)],
        cube=written,
        tasks=_ingest_tasks(config, opened, tiles, runs is None),
        graphs=len(tiles),
        held=held_bytes,
        kept=kept,
        seal_tasks=len(first_year.coords) + sum(-(-array.chunks // BATCH) for array in written),
    )
    return plans.ingest_stage(work, machine_of(config.cluster))


def _read(source: Source, opened: CubeInputs, tiles: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Chunks, and bytes of a chunk, of each variable of ``source`` that the ``tiles`` read."""
    spec = source.spec
    for name in dict.fromkeys(filter(None, (spec.name, spec.flag, spec.uncertainty, spec.sensor))):
        raw = opened.datasets[source.entry][name]
        chunk = dict(zip(raw.dims, _chunk_of(raw), strict=True))
        touched = (_touched(source, str(dim), raw.sizes[dim], chunk[dim]) for dim in raw.dims if dim != "time")
        count = math.prod(touched)
        if source.steps is not None:
            windows = (source.steps.within(opened.months[start:stop]) for start, stop in tiles)
            count *= sum(plans.touched((window.start, window.stop), chunk["time"]) for window in windows)
        yield count, int(np.prod(list(chunk.values()))) * np.dtype(raw.encoding.get("dtype", raw.dtype)).itemsize


def _touched(source: Source, dim: str, size: int, chunk: int) -> int:
    """How many chunks along ``dim`` are read: those of the region's cells where there is one."""
    if dim not in source.cells:
        return -(-size // chunk)
    return len(np.unique(source.cells[dim] // chunk))


def _ingest_tasks(config: RunConfig, opened: CubeInputs, tiles: Sequence[tuple[int, int]], everything: bool) -> int:
    """Count tasks for one time chunk and for what has no time axis; all tasks where source chunks span several."""
    moving, months, step = opened.moving, opened.months, chunking.TIME_CHUNK
    chunks = sum(-(-(stop - start) // step) for start, stop in tiles)
    spans = any(_months_of_chunk(source) > step for source in moving.values())
    if len(tiles) == 1 and (spans or chunks == 1):
        return tasks_of_cube(build(config, opened.sources if everything else moving, months[slice(*tiles[0])]))
    # The second chunk of a graph costs more than the first: it is compared with months of the one before.
    one, two = (tasks_of_cube(build(config, moving, months[: count * step])) for count in (1, 2))
    tasks = one * len(tiles) + (two - one) * (chunks - len(tiles))
    if everything and len(moving) < len(opened.sources):
        first = tasks_of_cube(build(config, opened.sources, months[:step]))
        tasks += first - one
    return tasks


def _held_bytes(sources: Mapping[str, Source], first_year: xr.Dataset) -> tuple[int, int]:
    """Return the most bytes of a source that a thread holds for a run of months, and the bytes kept for a year.

    A run has the cells of a chunk, or where it is regridded all of them; of a role without months a chunk is held.
    Months that are compared with those of the year before are kept until then: all their blocks, where a run is not
    already the whole grid.
    """
    most = kept = 0
    for role, source in sources.items():
        values = source.values
        chunk = {dim: values.chunksizes[dim][0] if values.chunks else values.sizes[dim] for dim in values.dims}
        cells = chunk["lat"] * chunk["lon"]
        if source.steps is None:
            most = max(most, cells * plans.STATIC_BYTES)
            continue
        beside = [(source.uncertainty, plans.UNCERTAINTY_BYTES), (source.sensors, plans.SENSOR_BYTES)]
        month = plans.MONTH_BYTES + sum(size for array, size in beside if array is not None)
        together = [values, *(array for array, _ in beside if array is not None)]
        grid_cells = values.sizes["lat"] * values.sizes["lon"]
        read = plans.HELD_CHUNKS * cells * chunk["time"] * sum(array.dtype.itemsize for array in together)
        if role in COMPARED and cells < grid_cells:
            kept += grid_cells * chunking.TIME_CHUNK * np.dtype("f8").itemsize
        if set(first_year[role].data.numblocks[1:]) == {1}:
            cells = max(grid_cells, first_year.sizes["lat"] * first_year.sizes["lon"])
        run = cells * max(chunking.TIME_CHUNK, _months_of_chunk(source)) * month
        most = max(most, read + run * plans.HELD_PERCENT // 100)
    return most, kept


def _months_of_chunk(source: Source) -> int:
    if source.steps is None:
        return 0
    count = source.values.chunksizes["time"][0] if source.values.chunks else source.values.sizes["time"]
    span = source.steps.end[min(count, len(source.steps.end)) - 1] - source.steps.start[0]
    return int(span / np.timedelta64(30, "D"))


def _chunk_of(raw: xr.DataArray) -> tuple[int, ...]:
    stored = raw.encoding.get("chunks") or raw.encoding.get("chunksizes")
    if stored and len(stored) == raw.ndim:
        return tuple(int(step) for step in stored)
    return tuple(steps[0] for steps in raw.chunks) if raw.chunks else raw.shape
