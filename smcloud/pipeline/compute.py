"""The stage compute: the cube to sealed products."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import dask
import xarray as xr

from smcloud import chunking
from smcloud.chunking import Tile
from smcloud.cluster.fusion import compute_by_block
from smcloud.config import RunConfig
from smcloud.io_errors import NETWORK, is_network, reaching
from smcloud.pipeline.findings import require_findings, warn_of_mixed_pools
from smcloud.pipeline.inputs import cells_of, for_computing
from smcloud.pipeline.job import Job
from smcloud.pipeline.tiling import region, tiles_of
from smcloud.products import (
    PRODUCTS,
    Finish,
    Publication,
    RunFacts,
    make_products,
    scalars_to_attributes,
    split_scalars,
)
from smcloud.store import (
    Attempt,
    Attempts,
    LazyWrites,
    Prefix,
    ProductEntry,
    Store,
    cube_path,
    product_path,
    released_products,
    sealed_prefix,
    together,
)

log = logging.getLogger("smcloud")


def compute(config: RunConfig, job: Job) -> dict[str, ProductEntry]:
    """Compute and seal the products of the job's cube: maps tile by tile, then what needs the whole field, then tables.

    Products that are sealed already are kept. Without drivers there is no drivers product, without zones no
    ddww. Raises :class:`UnreachableError` that names the store, :class:`NoDataError` where no cell has a result
    (nothing is sealed then), and what zarr raises of a lost or damaged chunk.
    """
    store = Store.open(job.store)
    with reaching(NETWORK, store.url), Attempts(store) as attempts:
        prefix = sealed_prefix(store, cube_path(job.cube_id)) or Prefix(store, cube_path(job.cube_id))
        cube = for_computing(prefix.open(chunking.TILES))
        writer = StoreWriter(Publication(config, facts_of(job), cells_of(cube)), attempts, job.run_id)
        try:
            make_and_check(cube, config, writer)
            return writer.seal()
        except (ValueError, RuntimeError) as err:  # what zarr and codecs raise of a chunk that is lost or damaged
            if not is_network(err):
                writer.distrust()
            raise


def facts_of(job: Job) -> RunFacts:
    """Return what the products of ``job`` say of its inputs and months."""
    inputs = {role: entry.as_json() for role, entry in job.inputs.items()}
    return RunFacts(job.period, tuple(job.lineage.provisional), inputs)


def make_and_check(cube: xr.Dataset, config: RunConfig, writer: StoreWriter) -> None:
    """Make the products of ``cube`` with ``writer``; raises :class:`NoDataError` where no cell has a result."""
    make_products(cube, config, writer)
    require_findings(config, writer.opened("trend", "drivers"))
    warn_of_mixed_pools(config, writer.opened("trend")["trend"].attrs)


class StoreWriter:
    """Writes products as ``publication`` gives them to folders of this run's own; one that is sealed is left as it is.

    ``anew`` names the folders of a release: all is made again, in others.
    """

    def __init__(
        self, publication: Publication, attempts: Attempts, run_id: str, anew: Mapping[str, str] | None = None
    ) -> None:
        self.publication, self.run_id, self.anew = publication, run_id, anew
        self.config = publication.config
        self.variables: dict[str, list[str]] = {}
        self._attempts, self._begun = attempts, dict[str, Attempt]()
        self._opened = dict[str, xr.Dataset]()

    @property
    def grid(self) -> Mapping[str, int]:
        """The lengths of the whole grid, lat and lon."""
        return {dim: self.publication.cells.sizes[dim] for dim in ("lat", "lon")}

    def attempt(self, name: str) -> Attempt:
        """Return this run's attempt at a product; its folder is taken when it is first asked for."""
        if name not in self._begun:
            path = product_path(name, self.run_id)
            if self.anew is None:
                self._begun[name] = self._attempts.begin(path)
            else:
                self._begun[name] = self._attempts.begin_anew(path, self.anew[name])
        return self._begun[name]

    def prefix(self, name: str) -> Prefix:
        """Return the prefix that a product is written to, or that is sealed."""
        return self.attempt(name).prefix

    def write(self, products: Mapping[str, xr.Dataset]) -> None:
        """Write the products that are not sealed yet, as one graph or tile by tile."""
        published = {name: self.publication(name, ds) for name, ds in products.items()}
        self.variables |= {name: [str(key) for key in ds.variables] for name, ds in published.items()}
        missing = {name: ds for name, ds in published.items() if not self.attempt(name).is_sealed}
        tiles = tiles_of(list(missing.values()), self.config.cluster.graph_tasks)
        if len(tiles) == 1:
            _compute([self.prefix(name).stage(ds) for name, ds in missing.items()])
            return
        begun = {name: self.prefix(name).begin(ds) for name, ds in missing.items()}
        for tile in tiles:
            self._write_tile(begun, tile)

    def _write_tile(self, datasets: Mapping[str, xr.Dataset], tile: Tile) -> None:
        todo = [name for name in datasets if self.prefix(name).tile_record(tile.name) is None]
        start = {"lat": tile.rows[0] * chunking.CHUNK, "lon": tile.columns[0] * chunking.CHUNK}
        _compute([self.prefix(name).region_writes(region(datasets[name], tile), start) for name in todo])
        for name in todo:
            self.prefix(name).mark_tile(tile.name, {})
            log.info("tile %s of %s is written", tile.name, name)

    def append(self, finishes: Mapping[str, Finish]) -> None:
        """Add what needs all cells at once; workers read, compute and write it, each field as one task."""
        more = {
            name: self.publication(name, finish(for_computing(self.prefix(name).open(chunking.WHOLE)), self.config))
            for name, finish in finishes.items()
            if not self.attempt(name).is_sealed
        }
        scalars, fields = split_scalars(more)
        writes = [self.prefix(name).append(ds) for name, ds in fields.items()]
        _, found = dask.compute(writes, scalars)
        for name, ds in found.items():
            self.prefix(name).append(scalars_to_attributes(ds))
            added = [str(key) for key in fields[name].variables if key not in self.variables[name]]
            self.variables[name] += added

    def open(self, name: str) -> xr.Dataset:
        """Open the written product, in blocks of cells; their bounds are in memory, as every product asks for them."""
        self._opened[name] = for_computing(self.prefix(name).open(chunking.TILES))
        return self._opened[name]

    def compute(self, ds: xr.Dataset) -> xr.Dataset:
        """Compute a small Dataset."""
        return ds.compute()

    def opened(self, *names: str) -> dict[str, xr.Dataset]:
        """Return those of the products ``names`` that the run has, as they were opened last: not with overviews."""
        return {name: self._opened.get(name) or self.open(name) for name in names if name in self.variables}

    def seal(self) -> dict[str, ProductEntry]:
        """Seal all that was written, in the order of the products; what a release holds already is stored once."""
        entries, stored = {}, released_products(self._attempts.store)
        for name in PRODUCTS:
            if name in self.variables:
                digest = self.attempt(name).seal(self.variables[name], stored=stored.get(name, {}))
                entries[name] = ProductEntry(url=self.prefix(name).path, run_id=self.run_id, inventory_sha256=digest)
        return entries

    def seal_folders(self) -> None:
        """Seal what was written where it is, without naming it as the prefix of its id."""
        for name, variables in self.variables.items():
            self.prefix(name).seal(variables)

    def distrust(self) -> None:
        """Forget which tiles of unsealed products are done: the next run writes them again."""
        for attempt in self._begun.values():
            if not attempt.is_sealed:
                attempt.prefix.clear_tiles()


def _compute(writes: Sequence[LazyWrites]) -> None:
    compute_by_block(*together(writes))
