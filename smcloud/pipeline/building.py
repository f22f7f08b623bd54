"""The stage ingest: sources to one sealed cube, whole or refreshed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from smcloud import refresh
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.cluster import settle
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, add_counters, build, judge, month_range, open_sources
from smcloud.errors import (
    IntegrityError,
    NothingPublishedError,
    ReleaseConflictError,
    SmcloudError,
    SourceReadError,
    UnreachableError,
)
from smcloud.pipeline.job import Job
from smcloud.pipeline.tiles import slabs
from smcloud.store import Store

log = logging.getLogger("smcloud")


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
    sources = open_sources(config, load_catalog(config.catalog))
    months = month_range(*job.period)
    cube = build(config, sources, months)
    change = refresh.choose(job.made_from, stores.cube_records(store))
    copied = stores.take_over(cube.dataset, change.runs, store, path, change.previous) if change is not None else None
    if copied is None:
        change, copied = None, {}
        stores.prepare(cube.dataset, store, path)
    tiles = slabs(config, sources, months, change.runs if change else None)
    try:
        counted = add_counters([_write_slab(config, sources, months, *tile, job, change, len(tiles)) for tile in tiles])
        if "lai" in counted and change is None and len(tiles) > 1:
            counted["lai"] |= _repeats(store, path)
        for role, counters in counted.items():
            spec = sources[role].spec
            judge(role, counters, spec.valid_range, spec.units, sources[role].where, spec.coverage_change)
    except SmcloudError as err:
        settle()
        # Where it does not work, what is left is unsealed, so nobody reads it, and the next run writes over it. What a
        # lost connection leaves of several tiles is whole tiles: the next run goes on from there.
        if len(tiles) == 1 or not isinstance(err, SourceReadError | UnreachableError):
            with suppress(UnreachableError):
                stores.discard(store, path)
        raise
    try:
        stores.seal(store, path, map(str, cube.dataset.variables), stores.record_object(job.made_from), copied)
    except IntegrityError:
        stores.clear_tiles(store, path)
        raise
    stores.clear_tiles(store, path)
    return _cube_record(job, "built" if change is None else "refreshed", change)


def _write_slab(
    config: RunConfig, sources: Mapping[str, Source], months: Times, start: int, stop: int, job: Job,
    change: refresh.Change | None, tiles: int,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """Write the months ``start`` to before ``stop`` and return their counters, from the marker where it is done."""
    import dask

    store, path, name = Store.open(job.store), stores.cube_path(job.cube_id), f"{start:05d}-{stop:05d}"
    done = stores.tile_record(store, path, name)
    if done is not None:
        return _from_record(done)
    whole = change is None and start == 0  # what has no time axis is written with the first months, or was copied
    held = sources if whole else {role: source for role, source in sources.items() if source.steps is not None}
    piece = build(config, held, months[start:stop])
    writes = stores.region_writes(stores.align(piece.dataset.drop_encoding()), {"time": start}, store, path)
    with _reading(sources):
        _, counters = dask.compute(writes, piece.counters)
    counted = add_counters([counters])
    if tiles > 1:
        stores.mark_tile(store, path, name, _to_record(counted))
        log.info("tile %s of the cube is written", name)
    return counted


def _to_record(counted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Counters as JSON: months become texts."""
    return {
        role: {key: {str(m): n for m, n in v.items()} if isinstance(v, dict) else v for key, v in counters.items()}
        for role, counters in counted.items()
    }


def _from_record(record: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        role: {
            key: {np.datetime64(m, "M"): n for m, n in v.items()} if isinstance(v, dict) else v
            for key, v in counters.items()
        }
        for role, counters in record.items()
    }


def _repeats(store: Store, path: str) -> dict[str, float]:
    """Months of leaf area that equal those of a year before: tiles do not see over their edges, the cube does."""
    import dask

    lai = stores.open_staged(store, path)["lai"].drop_vars("time")
    later, before = lai.isel(time=slice(12, None)), lai.isel(time=slice(None, -12))
    counted = {"repeats": (later == before).sum(), "pairs": (later.notnull() & before.notnull()).sum()}
    (found,) = dask.compute(counted)
    return {name: float(value) for name, value in found.items()}


def found_cube(job: Job) -> dict[str, Any] | None:
    """The record of this job's cube where it is sealed already, else None."""
    there = stores.is_sealed(Store.open(job.store), stores.cube_path(job.cube_id))
    return _cube_record(job, "already there") if there else None


@contextmanager
def _reading(sources: Mapping[str, Source]) -> Iterator[None]:
    """What sources, codecs and file systems raise while blocks are read, as one error of ours."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as err:
        first = next(iter(str(err).splitlines()), "")
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


def _cube_record(job: Job, status: str, change: refresh.Change | None = None) -> dict[str, Any]:
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
