"""The stage compute: the cube to sealed products."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import xarray as xr

from smcloud import chunking
from smcloud import products as science
from smcloud import store as stores
from smcloud.config import RunConfig
from smcloud.errors import IntegrityError, ReleaseConflictError
from smcloud.io_errors import is_network, network
from smcloud.pipeline.job import PLACES, Job
from smcloud.pipeline.tiling import region, tiles_of
from smcloud.plan import Tile
from smcloud.store import Store

PRODUCTS = ("annual", "trend", "drivers", "ddww", "regional", "strata")
log = logging.getLogger("smcloud")


@network(PLACES)
def compute(config: RunConfig, job: Job) -> dict[str, dict[str, Any]]:
    """Cube to sealed products: the maps tile by tile, then what needs the whole field, then the tables.

    Returns url, run id and inventory hash of each product. Products already sealed are kept. Without drivers
    there is no drivers product, without an aridity index no ddww.
    """
    try:
        return _compute(config, job)
    except (ValueError, RuntimeError) as err:  # what zarr and codecs raise of a chunk that is lost or damaged
        if not is_network(err):
            store = Store.open(job.store)
            for path in (stores.product_path(name, job.run_id) for name in PRODUCTS):
                if not stores.is_sealed(store, path):  # its tiles are not to be trusted: the next run writes them anew
                    stores.clear_tiles(store, path)
        raise


def _compute(config: RunConfig, job: Job) -> dict[str, dict[str, Any]]:
    import dask

    store = Store.open(job.store)
    path = {name: stores.product_path(name, job.run_id) for name in PRODUCTS}

    written: dict[str, list[str]] = {}

    def sealed(name: str) -> bool:
        return stores.is_sealed(store, path[name])

    def write(datasets: Mapping[str, xr.Dataset]) -> None:
        written.update({name: [str(v) for v in ds.variables] for name, ds in datasets.items()})
        missing = {name: science.to_storage_dtype(ds) for name, ds in datasets.items() if not sealed(name)}
        try:
            write_missing(missing)
        except ReleaseConflictError:
            if not all(sealed(name) for name in missing):  # else another run of the same work was faster
                raise

    def write_missing(missing: dict[str, xr.Dataset]) -> None:
        tiles = tiles_of(list(missing.values()), config.cluster.graph_tasks)
        if len(tiles) > 1:
            for name, ds in missing.items():
                missing[name] = stores.prepare(ds, store, path[name])
            for tile in tiles:
                write_tile(missing, tile)
        else:
            dask.compute({name: stores.stage(ds, store, path[name]) for name, ds in missing.items()})

    def write_tile(datasets: Mapping[str, xr.Dataset], tile: Tile) -> None:
        todo = [name for name in datasets if stores.tile_record(store, path[name], tile.name) is None]
        start = {"lat": tile.rows[0] * chunking.CHUNK, "lon": tile.columns[0] * chunking.CHUNK}
        parts = {name: region(datasets[name], tile) for name in todo}
        dask.compute([stores.region_writes(part, start, store, path[name]) for name, part in parts.items()])
        for name in todo:
            stores.mark_tile(store, path[name], tile.name, {})
            log.info("tile %s of %s is written", tile.name, name)

    def seal(name: str) -> dict[str, Any]:
        try:
            return stores.seal(store, path[name], expected=written[name])
        except IntegrityError:
            stores.clear_tiles(store, path[name])
            raise

    def opened(name: str) -> xr.Dataset:
        return stores.open_staged(store, path[name], chunking.TILES)

    cube = stores.open_staged(store, stores.cube_path(job.cube_id), chunking.TILES)
    write({"annual": science.annual(cube, config)})
    annual = opened("annual")
    maps = {"trend": science.trend_maps(annual, config, cube)}
    if config.drivers.names:
        maps["drivers"] = science.driver_maps(annual, config, cube)
    write(maps)
    finish = {"trend": science.trend_fields, "drivers": science.driver_fields}
    fields = {}
    for name in maps:
        if not sealed(name):
            more = finish[name](opened(name).load(), config)
            stores.append(more, store, path[name])
            written[name] += [str(v) for v in more.variables if v not in written[name]]
        fields[name] = opened(name)  # lazy: workers read it, no graph carries it
    tables = {}
    lazy = science.ddww(fields["trend"], annual, config)
    if lazy is not None:
        ddww = lazy.compute()
        attributes = science.ddww_attributes(ddww)
        if (interval := science.ddww_interval(annual, config)) is not None:
            attributes |= science.interval_attributes(interval.compute())
        tables["ddww"] = ddww.assign_attrs(ddww.attrs | attributes)
    everywhere = xr.ones_like(annual["soil_moisture"].isel(year=0, drop=True), dtype=bool)
    regions = science.regions(annual["lat"], annual["lon"], everywhere)
    tables["regional"] = science.table(annual, fields["trend"], fields.get("drivers"), *regions, config)
    strata = science.strata(annual, fields["trend"], lazy, config)
    if strata is not None:
        tables["strata"] = science.table(annual, fields["trend"], fields.get("drivers"), *strata, config)
    write(tables)
    sealed_now = {name: seal(name) for name in PRODUCTS if name in written}
    for name in sealed_now:
        stores.clear_tiles(store, path[name])
    return {
        name: {
            "url": path[name],
            "run_id": job.run_id,
            "inventory_sha256": sealed_now[name]["inventory_sha256"],
        }
        for name in sealed_now
    }
