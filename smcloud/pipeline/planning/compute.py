"""What the stage compute costs: its products of some blocks of cells, built lazily on templates and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from smcloud import chunking
from smcloud import plan as plans
from smcloud import products as science
from smcloud import store as stores
from smcloud.config import RunConfig
from smcloud.cube import Times
from smcloud.pipeline.planning.graphs import arrays, read_of, tasks_of, template
from smcloud.plan import Array, Stage
from smcloud.store.integrity import BATCH

# Graphs of products grow by the block: beyond so many blocks they are counted on two smaller grids.
EXACT_BLOCKS = 8


class _Counts(NamedTuple):
    """Tasks of the graphs of the products: annual, maps, then shares and tables."""

    annual: int
    maps: int
    tables: int


def compute_stage(
    config: RunConfig, piece: xr.Dataset, months: Times, grid: Mapping[str, int], workers: int, threads: int
) -> Stage:
    """The stage for the products of ``months`` on a grid of the sizes ``grid``; ``piece`` is the cube of a year."""
    rows, columns = -(-grid["lat"] // chunking.CHUNK), -(-grid["lon"] // chunking.CHUNK)
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
    replicates = config.bootstrap.replicates if "aridity_index" in piece else 0
    return plans.compute_stage(
        read, written, sum(counts), graphs, block, fields, cells, grid["year"], replicates, config.preset, threads,
        workers, seal,
    )  # fmt: skip


def _rehearsed(
    config: RunConfig, piece: xr.Dataset, months: Times, grid: Mapping[str, int], rows: int, columns: int
) -> tuple[_Counts, list[Array], list[Array], int, int]:
    """The products of the first ``rows`` x ``columns`` blocks, lazily: their tasks, and the arrays of the whole grid.

    The steps are those of :func:`~smcloud.pipeline.compute`.
    """
    part = {"time": grid["time"], "year": grid["year"]}
    part |= {"lat": min(grid["lat"], rows * chunking.CHUNK), "lon": min(grid["lon"], columns * chunking.CHUNK)}
    corner = {name: piece[name].isel({dim: slice(part[dim]) for dim in piece[name].dims if dim in part})
              for name in ("lat", "lon", "lat_bnds", "lon_bnds")}  # fmt: skip
    cube = template(piece, "cube", part, chunking.TILES).assign_coords(
        corner | {"time": months.astype("datetime64[ns]")}
    )
    lazy = science.annual(cube, config)
    staged = science.to_storage_dtype(lazy)
    writes = stores.dry_run_writes(staged)
    read = arrays(cube, read_of(writes, cube, "cube"), grid)
    written = arrays(staged, staged.data_vars, grid)
    annual_tasks = tasks_of(writes)
    annual = template(staged, "annual", part, chunking.TILES).assign_coords(staged.coords)
    maps = {"trend": science.trend_maps(annual, config, cube)}
    if config.drivers.names:
        maps["drivers"] = science.driver_maps(annual, config, cube)
    staged_maps = {name: science.to_storage_dtype(ds) for name, ds in maps.items()}
    map_writes = [stores.dry_run_writes(ds) for ds in staged_maps.values()]
    used = read_of(map_writes, cube, "cube"), read_of(map_writes, annual, "annual")
    read += arrays(cube, used[0], grid) + arrays(annual, used[1], grid)
    # A task of the maps takes in all it reads of a block; one of the annual values a single variable.
    block = max(_block_bytes(cube, used[0]) + _block_bytes(annual, used[1]), *(_block_bytes(cube, [v]) for v in cube))
    finish = {"trend": science.trend_fields, "drivers": science.driver_fields}
    fields, held, loading = {}, 0, 0
    for name, ds in staged_maps.items():
        more = _zeros(finish[name](ds.chunk(), config))
        loading += tasks_of(template(ds, name, part, chunking.TILES))
        fields[name] = template(_zeros(ds).assign(more.data_vars), name, part, chunking.TILES).assign_coords(ds.coords)
        own, added = arrays(ds, ds.data_vars, grid), arrays(more, more.data_vars, grid)
        read += own
        written += own + added
        held = max(held, sum(array.bytes for array in own + added))
    ddww = science.ddww(fields["trend"], annual, config)
    tables: dict[str, xr.Dataset] = {}
    alone: list[Any] = []  # computed each by itself
    if ddww is not None:
        alone += [ddww, science.ddww_interval(annual, config)]
        tables["ddww"] = _zeros(ddww)
    drivers = fields.get("drivers")
    everywhere = xr.ones_like(annual["soil_moisture"].isel(year=0, drop=True), dtype=bool)
    regions = science.regions(annual["lat"], annual["lon"], everywhere)
    tables["regional"] = science.table(annual, fields["trend"], drivers, *regions, config)
    if (strata := science.strata(annual, fields["trend"], ddww, config)) is not None:
        tables["strata"] = science.table(annual, fields["trend"], drivers, *strata, config)
    alone.append([stores.dry_run_writes(science.to_storage_dtype(ds)) for ds in tables.values()])
    for name, ds in {"annual": annual, **fields}.items():
        read += [array for work in alone for array in arrays(ds, read_of(work, ds, name), grid)]
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
