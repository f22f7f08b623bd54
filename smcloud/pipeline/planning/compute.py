"""The cost of the stage compute: the products of some blocks of cells, built lazily on templates and counted."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud import chunking
from smcloud import plan as plans
from smcloud.cluster.internals import tasks_of
from smcloud.config import RunConfig
from smcloud.cube import Times
from smcloud.pipeline.inputs import BOUNDS, SHARES, cells_of, for_computing
from smcloud.pipeline.planning.graphs import arrays, layers_of, read_of, tasks_of_writes, template
from smcloud.pipeline.tiling import machine_of
from smcloud.plan import Array, Pools, Stage
from smcloud.products import Finish, Publication, RunFacts, make_products, split_scalars, to_storage_dtype
from smcloud.products.curve import at_once
from smcloud.products.overviews import level_sizes
from smcloud.products.sensitivity import all_series
from smcloud.stats.area import EARTH_RADIUS_KM
from smcloud.stats.engine.within_radius import bands_of, reach
from smcloud.store import dry_run_writes
from smcloud.store.integrity import BATCH

# Graphs of products grow with the number of blocks: above this number they are counted on two smaller grids.
EXACT_BLOCKS = 8
# Edges of cells are read when something is opened: each is a task and one that hands it over. Beside what the products
# are made of, the cube is opened, and what was found is read again.
EDGE_TASKS, OTHER_OPENINGS = 2, 4


class _Counts(NamedTuple):
    """Tasks of the products, and the sizes of the graphs of annual values and of maps, before they are put together."""

    tasks: int
    annual: int
    maps: int


def compute_stage(config: RunConfig, first_year: xr.Dataset, months: Times, grid: Mapping[str, int]) -> Stage:
    """Plan the products of ``months`` on a grid of the sizes ``grid``; ``first_year`` is the first year of the cube."""
    rows, columns = -(-grid["lat"] // chunking.CHUNK), -(-grid["lon"] // chunking.CHUNK)
    blocks = rows * columns
    if blocks <= EXACT_BLOCKS:
        dry = _dry_run(config, first_year, months, grid, (rows, columns))
        counts = dry.counts
    else:  # grids of one row and of two: their difference is what a row of blocks costs
        wide = min(columns, EXACT_BLOCKS // 2)
        dry = _dry_run(config, first_year, months, grid, (1, wide))
        many = _dry_run(config, first_year, months, grid, (2, wide)).counts
        counts = _Counts(*(a + (b - a) * (blocks - wide) // wide for a, b in zip(dry.counts, many, strict=True)))
    limit = config.cluster.graph_tasks
    graphs = 1 + sum(
        len(chunking.block_tiles(rows, columns, -(-count // blocks), limit)) if count > limit else 1
        for count in (counts.annual, counts.maps)
    )
    series = all_series(config, grid["year"]) if config.sensitivity.publish else []
    work = plans.ComputeWork(
        read=dry.read,
        written=dry.written,
        tasks=counts.tasks + dry.edge_tasks,
        graphs=graphs,
        block=dry.block,
        fields=dry.fields,
        loaded=dry.loaded,
        cells=grid["lat"] * grid["lon"],
        lat=grid["lat"],
        years=grid["year"],
        pools=pools_of(config.trend.radius_km, first_year["lat"].values),
        preset=config.preset,
        seal_tasks=dry.coordinates + sum(-(-array.chunks // BATCH) for array in dry.written),
        series=len(series),
        at_once=min(len(series), at_once(grid["lat"] * grid["lon"])),
    )
    return plans.compute_stage(work, machine_of(config.cluster))


def pools_of(radius_km: float, lat: npt.NDArray[np.floating]) -> Pools:
    """How the pools of a grid with these latitudes, in blocks of cells, are found."""
    edges = [*range(0, lat.size, chunking.CHUNK), lat.size]
    rows, radius = np.deg2rad(lat), radius_km / EARTH_RADIUS_KM
    bands = bands_of(edges, rows, 0.0, radius)
    near = [reach(rows, range(edges[first], edges[stop]), 0.0, radius) for first, stop in bands]
    blocks = [edges[bisect_left(edges, own.stop)] - edges[bisect_right(edges, own.start) - 1] for own in near]
    middle = lat.size // 2
    reached = reach(rows, range(middle, middle + 1), 0.0, radius)
    return Pools(len(bands), len(reached), sum(map(len, near)), max(blocks))


def _dry_run(
    config: RunConfig, first_year: xr.Dataset, months: Times, grid: Mapping[str, int], blocks: tuple[int, int]
) -> DryWriter:
    """Make the products of the first blocks (rows, columns) of cells from templates, and count them."""
    part = {"time": grid["time"], "year": grid["year"]}
    part |= {dim: min(grid[dim], count * chunking.CHUNK) for dim, count in zip(("lat", "lon"), blocks, strict=True)}
    shares = [name for name in SHARES if name in first_year]
    corner = {name: first_year[name].isel({dim: slice(part[dim]) for dim in first_year[name].dims if dim in part})
              for name in ("lat", "lon", "lat_bnds", "lon_bnds", *shares)}  # fmt: skip
    cube = template(first_year.drop_vars(shares), "cube", part, chunking.TILES)
    cube = cube.assign({name: corner.pop(name) for name in shares})
    cube = for_computing(cube.assign_coords(corner | {"time": months.astype("datetime64[ns]")}))
    dry = DryWriter(config, cube, part, grid)
    make_products(cube, config, dry)
    return dry


class DryWriter:
    """A writer that writes nothing: it counts tasks, and the arrays of the whole ``grid`` that are read and written.

    It opens templates of lazy zeros of the sizes ``part``, and computes zeros.
    """

    def __init__(self, config: RunConfig, cube: xr.Dataset, part: Mapping[str, int], grid: Mapping[str, int]) -> None:
        self.config, self.part, self.grid = config, part, {**grid, **level_sizes(grid)}
        first, last = (str(month)[:7] for month in cube["time"].values[[0, -1]])
        self.publication = Publication(config, RunFacts((first, last)), cells_of(cube))
        self.coordinates, self.openings = 0, OTHER_OPENINGS  # arrays that are sealed and not among ``written``
        self.opened = {"cube": cube}
        self.staged: dict[str, xr.Dataset] = {}
        self.graphs: list[int] = []  # the size of that of each phase
        self.tasks = 0
        self.read: list[Array] = []
        self.written: list[Array] = []
        self.block = 0  # bytes of the largest task
        self.loaded = False  # whether a map is computed into the client
        self.fields = 0  # bytes of the whole fields that are made at once, and of those that they are made of

    @property
    def edge_tasks(self) -> int:
        """Tasks that read the edges of cells."""
        return self.openings * EDGE_TASKS * sum(name in self.opened["cube"].coords for name in BOUNDS)

    @property
    def counts(self) -> _Counts:
        """What was counted so far."""
        return _Counts(self.tasks, *self.graphs[:2])

    def write(self, products: Mapping[str, xr.Dataset]) -> None:
        """Count what one phase reads, computes and writes."""
        weights = {name: self.opened["cube"][name] for name in SHARES[:1] if name in self.opened["cube"]}
        staged = {
            name: to_storage_dtype(ds).assign(weights if {"lat", "lon"} <= {*ds.dims} else {})
            for name, ds in products.items()
        }
        for name, ds in products.items():
            self.coordinates += len({*self.publication(name, ds).variables} - {*staged[name].data_vars})
        writes = [dry_run_writes(ds) for ds in staged.values()]
        self.graphs.append(layers_of(writes))
        self.tasks += tasks_of_writes(writes)
        used = self._read(writes)
        # A task of the annual values reads one variable of a block; a task of the maps reads all that it needs of it.
        if "annual" in products:
            lazy = [name for name, da in self.opened["cube"].items() if da.chunks]  # weights of a region are loaded
            self.block = max(_block_bytes(self.opened["cube"], [name]) for name in lazy)
        elif "trend" in products:
            self.block = max(self.block, sum(_block_bytes(self.opened[name], used[name]) for name in used))
        for ds in staged.values():
            self.written += self._arrays(ds)
        self.staged |= staged

    def append(self, finishes: Mapping[str, Finish]) -> None:
        """Count what is made of whole fields, and add zeros in its place."""
        more: dict[str, xr.Dataset] = {}
        for name, finish in finishes.items():
            maps, whole = self.staged[name], f"whole {name}"
            self.openings += 1
            self.opened[whole] = self._template(maps, whole, chunking.WHOLE)
            more[name] = to_storage_dtype(finish(self.opened[whole], self.config))
        scalars, fields = split_scalars(more)
        writes = [dry_run_writes(ds) for ds in fields.values()]
        self.tasks += tasks_of(writes, scalars)
        used, held_here = self._read([writes, scalars]), 0
        for name, ds in fields.items():
            maps, whole = self.staged[name], f"whole {name}"
            self.written += self._arrays(ds)
            self.coordinates += len({*ds.coords} - {*maps.coords})
            held = arrays(self.opened[whole], used[whole], self.grid) + self._arrays(ds)
            held_here += sum(array.bytes for array in held)
            self.staged[name] = _zeros(maps).assign(_zeros(ds).data_vars)
        self.fields = max(self.fields, held_here)

    def open(self, name: str) -> xr.Dataset:
        """Return a template of the product as it is opened from a store."""
        staged = self.staged[name]
        self.openings += 1
        self.opened[name] = self._template(staged, name, chunking.TILES)
        return self.opened[name]

    def compute(self, ds: xr.Dataset) -> xr.Dataset:
        """Count a computation, and return zeros of its form."""
        self.loaded = self.loaded or any({"lat", "lon"} <= set(da.dims) for da in ds.values())
        self.tasks += tasks_of(ds)
        self._read(ds)
        return _zeros(ds)

    def _template(self, ds: xr.Dataset, name: str, chunks: Mapping[str, int]) -> xr.Dataset:
        """What is opened of the written ``ds``: lazy zeros, but the weights of a region, which are loaded."""
        kept = {share: ds[share] for share in SHARES if share in ds}
        return template(ds.drop_vars(kept), name, self.part, chunks).assign_coords(ds.coords).assign(kept)

    def _read(self, collections: Any) -> dict[str, set[Hashable]]:
        """Put down the arrays that ``collections`` read of all that is open; their names by product."""
        used = {name: read_of(collections, ds, name) for name, ds in self.opened.items()}
        for name, variables in used.items():
            self.read += arrays(self.opened[name], variables, self.grid)
        return used

    def _arrays(self, ds: xr.Dataset) -> list[Array]:
        return arrays(ds, ds.data_vars, self.grid)


def _zeros(ds: xr.Dataset) -> xr.Dataset:
    """Return ``ds`` as if computed, with zeros for its values."""
    values = {key: (da.dims, np.zeros(da.shape, da.dtype), da.attrs) for key, da in ds.data_vars.items()}
    return xr.Dataset(values, ds.coords, ds.attrs)


def _block_bytes(ds: xr.Dataset, names: Iterable[Hashable]) -> int:
    """Bytes of one block of each of the variables ``names``."""
    return sum(int(np.prod(ds[name].data.chunksize)) * ds[name].dtype.itemsize for name in names)
