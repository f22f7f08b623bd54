"""The plan of a run: its lazy computations are built on metadata and templates, counted, and never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from smcloud import plan as plans
from smcloud import products as science
from smcloud import refresh
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, build, month_range, open_sources
from smcloud.pipeline.building import found_cube
from smcloud.pipeline.computing import TILES
from smcloud.pipeline.counting import arrays, read_of, tasks_of, template
from smcloud.pipeline.job import Job, released
from smcloud.pipeline.tiles import held_bytes, machine, memory_here, memory_of, slabs, tasks_of_year
from smcloud.plan import Array, Plan, Stage
from smcloud.store import CHUNK, TIME_CHUNK, Store

BATCH = 16  # chunks that one task of a seal reads
# Graphs of products grow by the block: beyond so many blocks they are counted on two smaller grids.
EXACT_BLOCKS = 8
MONTHS = 12


class _Counts(NamedTuple):
    """Tasks of the graphs of the products: annual, maps, then shares and tables."""

    annual: int
    maps: int
    tables: int


def plan(config: RunConfig, job: Job, products: bool = True) -> Plan:
    """What ``job`` would cost, or its cube alone; opens metadata only. A cube that is sealed already costs nothing."""
    what = f"{job.period[0]} to {job.period[1]}, run {job.run_id}"
    workers, cores = machine(config.cluster)
    if released(job) is not None:
        return Plan(what, (Stage("ingest"), Stage("compute")), workers, cores, "already published: nothing to do")
    opened: dict[str, xr.Dataset] = {}
    sources = open_sources(config, load_catalog(config.catalog), opened)
    months = month_range(*job.period)
    if found_cube(job) is not None:
        return planned(config, sources, opened, months, [], what, "the cube is there already", products)
    change = refresh.choose(job.made_from, stores.cube_records(Store.open(job.store)))
    if change is None:
        return planned(config, sources, opened, months, None, what, products=products)
    note = f"the rest is taken over from {change.previous}"
    return planned(config, sources, opened, months, change.runs, what, note, products)


def require_budget(config: RunConfig, job: Job, products: bool = True) -> None:
    """Raises :class:`BudgetError` where the plan of ``job``, or of its cube alone, exceeds budget or memory.

    Where the configuration limits neither, nothing is planned.
    """
    memory = memory_of(config.cluster)
    if config.cluster.worker_memory is not None or any(limit is not None for _, limit in config.budget):
        plans.require_budget(plan(config, job, products), config.budget, memory, memory_here())


def planned(
    config: RunConfig, sources: Mapping[str, Source], opened: Mapping[str, xr.Dataset], months: Times,
    runs: Sequence[tuple[int, int]] | None = None, what: str = "", note: str = "", products: bool = True,
) -> Plan:  # fmt: skip
    """The plan of a cube of ``months``, or of its ``runs`` where these are given, and if asked for of all products."""
    workers, cores = machine(config.cluster)
    piece = build(config, sources, months[:TIME_CHUNK]).dataset
    grid = {"time": len(months), "year": _years(months)} | {dim: piece.sizes[dim] for dim in ("lat", "lon")}
    ingest = Stage("ingest")
    if runs is None or runs:
        ingest = _ingest(config, sources, opened, months, runs, piece, grid, workers, cores)
    if not products:
        return Plan(what, (ingest,), workers, cores, note)
    compute = _compute(config, piece, months, grid, workers, cores)
    return Plan(what, (ingest, compute, *plans.FIXED), workers, cores, note)


def _ingest(
    config: RunConfig, sources: Mapping[str, Source], opened: Mapping[str, xr.Dataset], months: Times,
    runs: Sequence[tuple[int, int]] | None, piece: xr.Dataset, grid: Mapping[str, int], workers: int, threads: int,
) -> Stage:  # fmt: skip
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
    held = held_bytes(config, sources, max(stop - start for start, stop in tiles))
    return plans.ingest_stage(read, written, tasks, len(tiles), held, threads, workers, seal)


def _ingest_tasks(
    config: RunConfig, sources: Mapping[str, Source], months: Times, tiles: Sequence[tuple[int, int]], whole: bool
) -> int:
    """Counted for one time chunk and for what has no time axis; all of it where source chunks span several of them."""
    chunks = sum(-(-(stop - start) // TIME_CHUNK) for start, stop in tiles)
    spans = any(_months_of_chunk(source) > TIME_CHUNK for source in sources.values() if source.steps is not None)
    if len(tiles) == 1 and (spans or chunks == 1):
        held = sources if whole else {role: source for role, source in sources.items() if source.steps is not None}
        piece = build(config, held, months[slice(*tiles[0])])
        return tasks_of(stores.rehearse(piece.dataset), piece.counters)
    tasks = tasks_of_year(config, sources, months) * chunks
    if whole and any(source.steps is None for source in sources.values()):
        piece = build(config, sources, months[:TIME_CHUNK])
        tasks += tasks_of(stores.rehearse(piece.dataset), piece.counters) - tasks_of_year(
            config, sources, months[:TIME_CHUNK]
        )
    return tasks


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


def _compute(
    config: RunConfig, piece: xr.Dataset, months: Times, grid: Mapping[str, int], workers: int, threads: int
) -> Stage:
    rows, columns = -(-grid["lat"] // CHUNK), -(-grid["lon"] // CHUNK)
    whole = rows * columns
    if whole <= EXACT_BLOCKS:
        counts, read, written, block, fields = _rehearsed(config, piece, months, grid, rows, columns)
    else:  # two grids of a row and two: the step from one to the other is what a block costs
        wide = min(columns, EXACT_BLOCKS // 2)
        few, read, written, block, fields = _rehearsed(config, piece, months, grid, 1, wide)
        many = _rehearsed(config, piece, months, grid, 2, wide)[0]
        counts = _Counts(*(a + (b - a) * (whole - wide) // wide for a, b in zip(few, many, strict=True)))
    limit = config.cluster.graph_tasks
    graphs = 1 + sum(
        len(plans.block_tiles(rows, columns, -(-count // whole), limit)) if count > limit else 1 for count in counts[:2]
    )
    seal = sum(-(-array.chunks // BATCH) for array in written)
    cells = grid["lat"] * grid["lon"]
    return plans.compute_stage(
        read, written, sum(counts), graphs, block, fields, cells, grid["year"], config.preset, threads, workers,
        seal,
    )  # fmt: skip


def _rehearsed(
    config: RunConfig, piece: xr.Dataset, months: Times, grid: Mapping[str, int], rows: int, columns: int
) -> tuple[_Counts, list[Array], list[Array], int, int]:
    """The products of the first ``rows`` x ``columns`` blocks, lazily: their tasks, and the arrays of the whole grid.

    The steps are those of :func:`~smcloud.pipeline.compute`.
    """
    part = {"time": grid["time"], "year": grid["year"]}
    part |= {"lat": min(grid["lat"], rows * CHUNK), "lon": min(grid["lon"], columns * CHUNK)}
    corner = {name: piece[name].isel({dim: slice(part[dim]) for dim in piece[name].dims if dim in part})
              for name in ("lat", "lon", "lat_bnds", "lon_bnds")}  # fmt: skip
    cube = template(piece, "cube", part, TILES).assign_coords(corner | {"time": months.astype("datetime64[ns]")})
    lazy = science.annual(cube, config)
    staged = science.stored(lazy)
    writes = stores.rehearse(staged)
    read = arrays(cube, read_of(writes, cube, "cube"), grid)
    written = arrays(staged, staged.data_vars, grid)
    annual_tasks = tasks_of(writes)
    annual = template(staged, "annual", part, TILES).assign_coords(staged.coords)
    maps = {"trend": science.trend_maps(annual, config, cube)}
    if config.drivers.names:
        maps["drivers"] = science.driver_maps(annual, config, cube)
    staged_maps = {name: science.stored(ds) for name, ds in maps.items()}
    map_writes = [stores.rehearse(ds) for ds in staged_maps.values()]
    used = read_of(map_writes, cube, "cube"), read_of(map_writes, annual, "annual")
    read += arrays(cube, used[0], grid) + arrays(annual, used[1], grid)
    # A task of the maps takes in all it reads of a block; one of the annual values a single variable.
    block = max(_block_bytes(cube, used[0]) + _block_bytes(annual, used[1]), *(_block_bytes(cube, [v]) for v in cube))
    finish = {"trend": science.trend_fields, "drivers": science.driver_fields}
    fields, held, loading = {}, 0, 0
    for name, ds in staged_maps.items():
        fields[name] = _zeros(ds)
        more = _zeros(finish[name](ds.chunk(), config))
        loading += tasks_of(template(ds, name, part, TILES))
        fields[name] = fields[name].assign(more.data_vars)
        loading += tasks_of(template(fields[name], name, part, TILES))
        own, added = arrays(ds, ds.data_vars, grid), arrays(more, more.data_vars, grid)
        read += own + own + added  # loaded, and once more with what was appended
        written += own + added
        held += sum(array.bytes for array in own + added)
    ddww = science.ddww(fields["trend"], annual, config)
    tables: dict[str, xr.Dataset] = {}
    alone: list[Any] = []  # computed each by itself
    if ddww is not None:
        alone += [ddww, science.ddww_interval(annual, config)]
        tables["ddww"] = ddww = _zeros(ddww)
    drivers = fields.get("drivers")
    tables["regional"] = science.table(
        annual, fields["trend"], drivers, *science.regions(annual["lat"], annual["lon"]), config
    )
    if (strata := science.strata(annual, fields["trend"], ddww, config)) is not None:
        tables["strata"] = science.table(annual, fields["trend"], drivers, *strata, config)
    alone.append([stores.rehearse(science.stored(ds)) for ds in tables.values()])
    read += [array for work in alone for array in arrays(annual, read_of(work, annual, "annual"), grid)]
    written += [array for ds in tables.values() for array in arrays(ds, ds.data_vars, grid)]
    counts = _Counts(annual_tasks, tasks_of(map_writes), loading + sum(map(tasks_of, alone)))
    return counts, read, written, block, held


def _zeros(ds: xr.Dataset) -> xr.Dataset:
    """``ds`` computed, but for its values."""
    values = {key: (da.dims, np.zeros(da.shape, da.dtype), da.attrs) for key, da in ds.data_vars.items()}
    return xr.Dataset(values, ds.coords, ds.attrs)


def _block_bytes(ds: xr.Dataset, names: Any) -> int:
    """Bytes of one block of each of the variables ``names``."""
    return sum(int(np.prod(ds[name].data.chunksize)) * ds[name].dtype.itemsize for name in names)


def _years(months: Times) -> int:
    first = int(-months[0].astype(int) % MONTHS)
    return (len(months) - first) // MONTHS
