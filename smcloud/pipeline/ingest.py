"""The stage ingest: sources to one sealed cube, whole or refreshed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from smcloud import store as stores
from smcloud.catalog import Catalog, load_catalog
from smcloud.catalog.fingerprints import pinned
from smcloud.cluster.health import wait_until_idle
from smcloud.cluster.ordering import compute_by_time
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, add_counters, build, make_template, month_range, open_sources, validate_counters
from smcloud.errors import (
    IntegrityError,
    NothingPublishedError,
    ReleaseConflictError,
    SmcloudError,
    SourceChangedError,
    SourceReadError,
    UnreachableError,
)
from smcloud.io_errors import network
from smcloud.pipeline import identity, incremental
from smcloud.pipeline.job import PLACES, Job
from smcloud.pipeline.tiling import slabs
from smcloud.store import Store

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
log = logging.getLogger("smcloud")


@network(PLACES)
def ingest(config: RunConfig, job: Job) -> dict[str, Any]:
    """Bring the cube of ``job`` about unless it is sealed already; returns its record.

    Where an earlier cube of the store was made in the same way, only the time chunks whose input is new or changed
    are computed, and the others are copied inside the store; the record names these months. The checks that need
    values are computed together with the write, of what is read, and judged before the seal.
    """
    there = found_cube(job)
    if there is not None:
        return there
    try:
        return _build(config, job)
    except ReleaseConflictError:
        there = found_cube(job)  # another run of the same work sealed it meanwhile
        if there is None:
            raise
        return there


def _build(config: RunConfig, job: Job) -> dict[str, Any]:
    store, path = Store.open(job.store), stores.cube_path(job.cube_id)
    snapshots = {held["entry"]: held["source"].get("snapshot") for held in job.inputs.values()}
    catalog = pinned(load_catalog(config.catalog), snapshots)
    sources = open_sources(config, catalog)
    months = month_range(*job.period)
    cube = make_template(config, sources, months)
    records = stores.cube_records(store)
    change = incremental.best_update(job.lineage, records)
    copied = (
        stores.copy_unchanged_chunks(cube, change.runs, store, path, change.previous) if change is not None else None
    )
    if copied is None:
        change, copied = None, {}
        stores.prepare(cube, store, path)
    tiles = slabs(config, sources, months, change.runs if change else None)
    try:
        counted = add_counters([_write_slab(config, sources, months, *tile, job, change, len(tiles)) for tile in tiles])
        if change is not None:  # all months are judged together, also those that are copied
            before = incremental.counters_of(records[change.previous]["counters"])
            counted = incremental.all_counters(before, counted, months)
        for role, counters in counted.items():
            spec = sources[role].spec
            validate_counters(role, counters, spec.valid_range, spec.units, sources[role].where, spec.coverage_change)
        _require_same_sources(config, catalog, job)
    except SmcloudError as err:
        with suppress(Exception):  # a cluster that is lost cannot be asked
            wait_until_idle()
        # Where it does not work, what is left is unsealed, so nobody reads it, and the next run writes over it. What a
        # lost connection leaves of several tiles is whole tiles: the next run goes on from there.
        if len(tiles) == 1 or not isinstance(err, SourceReadError | UnreachableError):
            with suppress(UnreachableError):
                stores.discard(store, path)
        raise
    record = stores.record_object(job.lineage | {"counters": incremental.counters_record(counted)})
    try:
        stores.seal(store, path, map(str, cube.variables), record, copied)
    except IntegrityError:
        stores.clear_tiles(store, path)
        raise
    stores.clear_tiles(store, path)
    return _cube_record(job, "built" if change is None else "refreshed", change)


def _write_slab(
    config: RunConfig, sources: Mapping[str, Source], months: Times, start: int, stop: int, job: Job,
    change: incremental.CubeUpdate | None, tiles: int,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Write the months ``start`` to before ``stop`` and return their counters, from the marker where it is done."""
    store, path, name = Store.open(job.store), stores.cube_path(job.cube_id), f"{start:05d}-{stop:05d}"
    done = stores.tile_record(store, path, name)
    if done is not None:
        return incremental.counters_of(done)
    whole = change is None and start == 0  # what has no time axis is written with the first months, or was copied
    held = sources if whole else {role: source for role, source in sources.items() if source.steps is not None}
    piece = build(config, held, months[start:stop], earlier=start)
    writes = stores.region_writes(stores.align(piece.dataset.drop_encoding()), {"time": start}, store, path)
    with _reading(sources, store), network(f"{store.url}, or a source"):
        counters = compute_by_time(writes, piece.counters)
    counted = add_counters([counters])
    if tiles > 1:
        stores.mark_tile(store, path, name, incremental.counters_record(counted))
        log.info("tile %s of the cube is written", name)
    return counted


def _require_same_sources(config: RunConfig, catalog: Catalog, job: Job) -> None:
    """Raises :class:`SourceChangedError` where a source is not what it was when ``job`` was made."""
    now = identity.entry_parts(config, catalog)
    changed = sorted({held["entry"] for held in job.inputs.values() if now[held["entry"]].state != held["state"]})
    if changed:
        raise SourceChangedError(
            "a source changed while it was read",
            where=f"{config.catalog}: {', '.join(changed)}",
            found="another state than at the beginning",
            expected="one state from the first byte to the last",
            next="run the same command again: it begins with what the source holds now",
        )


def found_cube(job: Job) -> dict[str, Any] | None:
    """The record of this job's cube where it is sealed already, else None."""
    there = stores.is_sealed(Store.open(job.store), stores.cube_path(job.cube_id))
    return _cube_record(job, "already there") if there else None


@contextmanager
def _reading(sources: Mapping[str, Source], store: Store) -> Iterator[None]:
    """What sources, codecs and file systems raise while blocks are read and written, as one error of ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as err:
        first = next(iter(str(err).splitlines()), "")
        if isinstance(err, OSError) and (err.errno in NO_ROOM or str(err.filename or "").startswith(store.join())):
            raise UnreachableError(
                "the store cannot be written",
                where=store.url,
                found=f"{type(err).__name__}: {first}",
                expected="room and permission to write",
                next="make room or choose another store, then run the same command again",
            ) from err
        raise SourceReadError(
            "a source cannot be read to its end",
            where=", ".join(sorted({source.where for source in sources.values()})),
            found=f"{type(err).__name__}: {first}",
            expected="chunks that are there and decode",
            next="smcloud run CONFIG --debug names the chunk; fetch the source again, then run again",
        ) from err


def require_cube(job: Job) -> dict[str, Any]:
    """The record of this job's cube; raises :class:`NothingPublishedError` where it is not there yet."""
    there = found_cube(job)
    if there is None:
        raise NothingPublishedError(
            "the cube of this configuration is not there",
            where=job.store,
            found="no sealed cube",
            expected=stores.cube_path(job.cube_id),
            next="smcloud ingest CONFIG, or smcloud run CONFIG for everything",
        )
    return there


def _cube_record(job: Job, status: str, change: incremental.CubeUpdate | None = None) -> dict[str, Any]:
    """``new`` and ``recomputed`` name the months of a refreshed cube, ``previous`` the cube it was made from."""
    path = stores.cube_path(job.cube_id)
    provisional = stores.open_staged(Store.open(job.store), path)["provisional"].load()
    return {
        "id": job.cube_id,
        "url": path,
        "period": list(job.period),
        "provisional": [f"{month:%Y-%m}" for month in provisional.indexes["time"][provisional.values == 1]],
        "status": status,
        "built": status != "already there",
        "previous": change.previous if change else None,
        "new": change.new if change else [],
        "recomputed": change.recomputed if change else [],
    }
