"""What the stage ingest costs: the cube of a time chunk, built lazily and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from smcloud import chunking
from smcloud import plan as plans
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, build
from smcloud.cube.quality import COMPARED
from smcloud.pipeline.planning.graphs import arrays, tasks_by_time
from smcloud.pipeline.tiling import slabs, tasks_of_year
from smcloud.plan import Array, Stage
from smcloud.store.integrity import BATCH


def ingest_stage(
    config: RunConfig, sources: Mapping[str, Source], opened: Mapping[str, xr.Dataset], months: Times,
    runs: Sequence[tuple[int, int]] | None, piece: xr.Dataset, grid: Mapping[str, int], workers: int, threads: int,
) -> Stage:  # fmt: skip
    """The stage for the cube of ``months``, or of its ``runs``; ``grid``: all sizes, ``piece``: its first year."""
    tiles = slabs(config, sources, months, runs)
    cube = arrays(piece, piece.data_vars, grid)
    tasks = _ingest_tasks(config, sources, months, tiles, runs is None)
    read = []
    for source in sources.values():
        spec = source.spec
        for name in dict.fromkeys(filter(None, (spec.name, spec.flag, spec.uncertainty, spec.sensor))):
            raw = opened[source.entry][name]
            chunk = dict(zip(raw.dims, _chunk_of(raw), strict=True))
            itemsize = np.dtype(raw.encoding.get("dtype", raw.dtype)).itemsize
            beside = int(np.prod([-(-raw.sizes[dim] // chunk[dim]) for dim in raw.dims if dim != "time"]))
            count = beside
            if source.steps is not None:
                windows = (source.steps.within(months[start:stop]) for start, stop in tiles)
                count *= sum(plans.touched((window.start, window.stop), chunk["time"]) for window in windows)
            read.append((count, int(np.prod(list(chunk.values()))) * itemsize))
    share = sum(stop - start for start, stop in tiles) / len(months) if runs is not None else 1.0
    written = [
        array if share == 1.0 else Array((round(array.shape[0] * share), *array.shape[1:]), array.chunk, array.itemsize)
        for array in cube
    ]
    seal = sum(-(-array.chunks // BATCH) for array in written)
    held, kept = _held_bytes(sources, piece)
    return plans.ingest_stage(read, written, tasks, len(tiles), held, kept, threads, workers, seal)


def _ingest_tasks(
    config: RunConfig, sources: Mapping[str, Source], months: Times, tiles: Sequence[tuple[int, int]], whole: bool
) -> int:
    """Counted for one time chunk and for what has no time axis; all of it where source chunks span several of them."""
    chunks = sum(-(-(stop - start) // chunking.TIME_CHUNK) for start, stop in tiles)
    moving = {role: source for role, source in sources.items() if source.steps is not None}
    spans = any(_months_of_chunk(source) > chunking.TIME_CHUNK for source in moving.values())
    if len(tiles) == 1 and (spans or chunks == 1):
        piece = build(config, sources if whole else moving, months[slice(*tiles[0])])
        return tasks_by_time(piece)
    tasks = tasks_of_year(config, sources, months) * chunks
    if whole and len(moving) < len(sources):
        piece = build(config, sources, months[: chunking.TIME_CHUNK])
        tasks += tasks_by_time(piece) - tasks_of_year(config, sources, months[: chunking.TIME_CHUNK])
    return tasks


def _held_bytes(sources: Mapping[str, Source], piece: xr.Dataset) -> tuple[int, int]:
    """What a thread holds at most of a source while it brings a run of months into the cube; what is kept of a year.

    A run has the cells of a chunk, or where it is regridded all of them. Months that are compared with those of the
    year before are kept until then: all their blocks, where a run is not already the whole grid.
    """
    most = kept = 0
    for role, source in sources.items():
        values = source.values
        if source.steps is None:
            continue
        beside = [(source.uncertainty, plans.UNCERTAINTY_BYTES), (source.sensors, plans.SENSOR_BYTES)]
        month = plans.MONTH_BYTES + sum(size for array, size in beside if array is not None)
        together = [values, *(array for array, _ in beside if array is not None)]
        chunk = {dim: values.chunksizes[dim][0] if values.chunks else values.sizes[dim] for dim in values.dims}
        cells, whole = chunk["lat"] * chunk["lon"], values.sizes["lat"] * values.sizes["lon"]
        read = plans.HELD_CHUNKS * cells * chunk["time"] * sum(array.dtype.itemsize for array in together)
        if role in COMPARED and cells < whole:
            kept += whole * chunking.TIME_CHUNK * np.dtype("f8").itemsize
        if set(piece[role].data.numblocks[1:]) == {1}:
            cells = max(whole, piece.sizes["lat"] * piece.sizes["lon"])
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
