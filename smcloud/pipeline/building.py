"""The stage ingest: sources to one sealed cube, whole or refreshed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from smcloud import refresh
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.cluster import settle
from smcloud.config import RunConfig
from smcloud.cube import Source, add_counters, build, judge, month_range, open_sources
from smcloud.errors import NothingPublishedError, ReleaseConflictError, SmcloudError, SourceReadError, UnreachableError
from smcloud.pipeline.job import Job
from smcloud.store import Store


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
    import dask

    store, path = Store.open(job.store), stores.cube_path(job.cube_id)
    sources = open_sources(config, load_catalog(config.catalog))
    months = month_range(*job.period)
    cube = build(config, sources, months)
    change = refresh.choose(job.made_from, stores.cube_records(store))
    pieces = {0: cube}
    staged = None
    if change is not None:
        moving = {role: source for role, source in sources.items() if source.steps is not None}
        changed = {start: build(config, moving, months[start:stop]) for start, stop in change.runs}
        datasets = {start: piece.dataset for start, piece in changed.items()}
        staged = stores.stage_refreshed(cube.dataset, datasets, store, path, change.previous)
    if staged is None:
        change, staged = None, (stores.stage(cube.dataset, store, path), {})
    else:
        pieces = changed
    writes, copied = staged
    try:
        with _reading(sources):
            _, counted = dask.compute(writes, [piece.counters for piece in pieces.values()])
        for role, counters in add_counters(counted).items():
            spec = sources[role].spec
            judge(role, counters, spec.valid_range, spec.units, sources[role].where, spec.coverage_change)
    except SmcloudError:
        settle()
        # Where it does not work, what is left is unsealed, so nobody reads it, and the next run writes over it.
        with suppress(UnreachableError):
            stores.discard(store, path)
        raise
    stores.seal(store, path, map(str, cube.dataset.variables), stores.record_object(job.made_from), copied)
    return _cube_record(job, "built" if change is None else "refreshed", change)


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
