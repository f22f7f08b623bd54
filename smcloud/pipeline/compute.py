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
from smcloud.errors import ReleaseConflictError
from smcloud.io_errors import NETWORK, is_network, reaching
from smcloud.pipeline.findings import require_findings, warn_of_mixed_pools
from smcloud.pipeline.job import Job
from smcloud.pipeline.tiling import region, tiles_of
from smcloud.products import PRODUCTS, Finish, make_products, scalars_to_attributes, split_scalars, to_storage_dtype
from smcloud.store import LazyWrites, Prefix, ProductEntry, Store, cube_path, product_path, together

log = logging.getLogger("smcloud")


def compute(config: RunConfig, job: Job) -> dict[str, ProductEntry]:
    """Compute and seal the products of the job's cube: maps tile by tile, then what needs the whole field, then tables.

    Products that are sealed already are kept. Without drivers there is no drivers product, without zones no
    ddww. Raises :class:`UnreachableError` that names the store, :class:`NoDataError` where no cell has a result
    (nothing is sealed then), and what zarr raises of a lost or damaged chunk.
    """
    store = Store.open(job.store)
    writer = StoreWriter(config, {name: Prefix(store, product_path(name, job.run_id)) for name in PRODUCTS})
    try:
        with reaching(NETWORK, store.url):
            make_products(Prefix(store, cube_path(job.cube_id)).open(chunking.TILES), config, writer)
            require_findings(config, writer.opened("trend", "drivers"))
            warn_of_mixed_pools(config, writer.open("trend").attrs)
            return writer.seal(job.run_id)
    except (ValueError, RuntimeError) as err:  # what zarr and codecs raise of a chunk that is lost or damaged
        if not is_network(err):
            writer.distrust()
        raise


class StoreWriter:
    """Writes products to their prefixes; a prefix that is sealed is left as it is."""

    def __init__(self, config: RunConfig, prefixes: Mapping[str, Prefix]) -> None:
        self.config, self.prefixes = config, prefixes
        self.variables: dict[str, list[str]] = {}

    def write(self, products: Mapping[str, xr.Dataset]) -> None:
        """Write the products that are not sealed yet, as one graph or tile by tile."""
        self.variables |= {name: [str(key) for key in ds.variables] for name, ds in products.items()}
        missing = {name: to_storage_dtype(ds) for name, ds in products.items() if not self.prefixes[name].is_sealed}
        try:
            self._write_missing(missing)
        except ReleaseConflictError:
            if not all(self.prefixes[name].is_sealed for name in missing):
                raise  # else another run of the same work was faster

    def _write_missing(self, missing: Mapping[str, xr.Dataset]) -> None:
        tiles = tiles_of(list(missing.values()), self.config.cluster.graph_tasks)
        if len(tiles) == 1:
            _compute([self.prefixes[name].stage(ds) for name, ds in missing.items()])
            return
        begun = {name: self.prefixes[name].begin(ds) for name, ds in missing.items()}
        for tile in tiles:
            self._write_tile(begun, tile)

    def _write_tile(self, datasets: Mapping[str, xr.Dataset], tile: Tile) -> None:
        todo = [name for name in datasets if self.prefixes[name].tile_record(tile.name) is None]
        start = {"lat": tile.rows[0] * chunking.CHUNK, "lon": tile.columns[0] * chunking.CHUNK}
        _compute([self.prefixes[name].region_writes(region(datasets[name], tile), start) for name in todo])
        for name in todo:
            self.prefixes[name].mark_tile(tile.name, {})
            log.info("tile %s of %s is written", tile.name, name)

    def append(self, finishes: Mapping[str, Finish]) -> None:
        """Add what needs all cells at once; workers read, compute and write it, each field as one task."""
        more = {
            name: to_storage_dtype(finish(self.prefixes[name].open(chunking.WHOLE), self.config))
            for name, finish in finishes.items()
            if not self.prefixes[name].is_sealed
        }
        scalars, fields = split_scalars(more)
        writes = [self.prefixes[name].append(ds) for name, ds in fields.items()]
        _, found = dask.compute(writes, scalars)
        for name, ds in found.items():
            self.prefixes[name].append(scalars_to_attributes(ds))
            added = [str(key) for key in fields[name].variables if key not in self.variables[name]]
            self.variables[name] += added

    def open(self, name: str) -> xr.Dataset:
        """Open the written product, in blocks of cells; their bounds are in memory, as every product asks for them."""
        ds = self.prefixes[name].open(chunking.TILES)
        return ds.assign_coords({bounds: ds[bounds].compute() for bounds in ("lat_bnds", "lon_bnds") if bounds in ds})

    def compute(self, ds: xr.Dataset) -> xr.Dataset:
        """Compute a small Dataset."""
        return ds.compute()

    def opened(self, *names: str) -> dict[str, xr.Dataset]:
        """Open those of the products ``names`` that the run has."""
        return {name: self.open(name) for name in names if name in self.variables}

    def seal(self, run_id: str) -> dict[str, ProductEntry]:
        """Seal all that was written, in the order of the products."""
        entries = {}
        for name in PRODUCTS:
            if name in self.variables:
                sealed = self.prefixes[name].seal(self.variables[name])
                entries[name] = ProductEntry(
                    url=self.prefixes[name].path, run_id=run_id, inventory_sha256=sealed.inventory_sha256
                )
        return entries

    def distrust(self) -> None:
        """Forget which tiles of unsealed products are done: the next run writes them again."""
        for prefix in self.prefixes.values():
            if not prefix.is_sealed:
                prefix.clear_tiles()


def _compute(writes: Sequence[LazyWrites]) -> None:
    compute_by_block(*together(writes))
