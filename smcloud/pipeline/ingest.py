"""The stage ingest: sources to one sealed cube, whole or refreshed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from smcloud import chunking
from smcloud import store as stores
from smcloud.catalog import resolved
from smcloud.catalog.hosts import silent_hosts
from smcloud.cluster.fusion import compute_by_block
from smcloud.cluster.health import wait_until_idle
from smcloud.config import RunConfig
from smcloud.cube import Cube, absent_months, add_counters, build, make_template, validate_counters
from smcloud.errors import (
    FileFormError,
    NothingPublishedError,
    SmcloudError,
    SourceChangedError,
    SourceReadError,
    UnreachableError,
)
from smcloud.io_errors import CLUSTER, NETWORK, REFUSED, VALUES, reaching
from smcloud.pipeline import identity, incremental
from smcloud.pipeline.incremental import CubeUpdate
from smcloud.pipeline.job import Job
from smcloud.pipeline.tiling import slabs
from smcloud.store import Attempt, Attempts, CubeEntry, LazyWrites, Prefix, Store, cube_path, lineage_object

log = logging.getLogger("smcloud")


class CubeRecord(CubeEntry):
    """Record of a job's finished cube; ``previous`` is the cube that it was refreshed from.

    ``new`` and ``recomputed`` name the months of a refreshed cube that were computed.
    """

    status: str
    built: bool
    previous: str | None = None
    new: tuple[str, ...] = ()
    recomputed: tuple[str, ...] = ()


def ingest(config: RunConfig, job: Job) -> CubeRecord:
    """Build or update the job's cube unless it is sealed already; returns its record.

    Where an earlier cube of the store was made in the same way, only the time chunks whose input is new or changed
    are computed, and the others are copied inside the store; the record names these months. The checks that need
    values are computed together with the write, from what is read, and evaluated before the seal.
    """
    sealed = found_cube(job)
    if sealed is not None:
        return sealed
    with Attempts(Store.open(job.store)) as attempts:
        attempt = attempts.begin(cube_path(job.cube_id))
        if attempt.is_sealed:  # by a run that was faster, or that ended before it could say so
            attempt.seal()
            return _cube_record(job, attempt.prefix, "already there")
        update = build_cube(config, job, attempt)
    return _cube_record(job, attempt.prefix, "built" if update is None else "refreshed", update)


def build_cube(config: RunConfig, job: Job, attempt: Attempt, anew: bool = False) -> CubeUpdate | None:
    """Write and seal the cube; returns the update that it is of an earlier one, None where all of it was computed.

    ``anew``: nothing of an earlier cube is taken, and the folder is not named as the cube of its id.
    """
    prefix = attempt.prefix
    opened, earlier = job.opened, {} if anew else stores.cube_lineages(prefix.store)
    update = incremental.best_update(job.lineage, earlier)
    tiles = slabs(config, opened, update.runs if update else None)
    start, stop = tiles[0] if tiles else (0, chunking.TIME_CHUNK)  # no tile: a part of an earlier cube, all is copied
    first = build(config, opened.sources, opened.months[start:stop], earlier=start)
    ready = {(start, stop): first}  # where nothing can be copied after all, the whole has other parts
    cube = make_template(opened.sources, opened.months, first.dataset)
    copied = None
    if update is not None:
        copied = prefix.begin_with_copies(cube, update.runs, Prefix(prefix.store, update.previous))
        if copied is None:
            update, tiles = None, slabs(config, opened)
    if copied is None:
        copied = {}
        prefix.begin(cube)
    slab = SlabWriter(config, job, prefix, update is not None, len(tiles) > 1, ready)
    try:
        counted = add_counters([slab.write(*tile) for tile in tiles]) if tiles else {}
        if update is not None:  # all months are checked together, also those that are copied
            before = incremental.counters_of(earlier[update.previous].counters or {})
            counted = incremental.all_counters(before, counted, opened.months)
        _validate(job, counted)
        _require_same_sources(config, job)
    except SmcloudError as err:
        with suppress(Exception):  # a cluster that is lost cannot be asked
            wait_until_idle()
        # Where this fails, what is left is unsealed, so nobody reads it, and the next run writes over it. What a
        # lost connection leaves of several tiles is whole tiles: the next run goes on from there.
        if len(tiles) == 1 or not isinstance(err, FileFormError | SourceReadError | UnreachableError):
            with suppress(UnreachableError):
                attempt.discard()
        raise
    lineage = job.lineage.model_copy(update={"counters": incremental.counters_record(counted)})
    beside = lineage_object(lineage)
    if anew:
        prefix.seal(map(str, cube.variables), beside, copied)
    else:
        attempt.seal(map(str, cube.variables), beside, copied)
    return update


@dataclass(frozen=True)
class SlabWriter:
    """Writes months of a job's cube into its prefix; ``refresh``: the rest is copied, ``several``: they are marked.

    ``ready`` holds what is built already, of all sources, by its months.
    """

    config: RunConfig
    job: Job
    prefix: Prefix
    refresh: bool
    several: bool
    ready: Mapping[tuple[int, int], Cube]

    def write(self, start: int, stop: int) -> dict[str, dict[str, Any]]:
        """Write the months ``start`` to before ``stop``; return their counters, from the marker where it is done."""
        name, opened = f"{start:05d}-{stop:05d}", self.job.opened
        done = self.prefix.tile_record(name)
        if done is not None:
            return incremental.counters_of(done)
        cube = self.ready.get((start, stop))
        # What has no time axis is written with the first months, or was copied.
        roles = opened.moving if self.refresh or start > 0 else opened.sources
        if cube is None:
            cube = build(self.config, roles, opened.months[start:stop], earlier=start)
        ds = cube.dataset.drop_vars(opened.sources.keys() - roles.keys(), errors="ignore")
        writes = self.prefix.region_writes(stores.align(ds.drop_encoding()), {"time": start})
        counted = add_counters([self._compute(writes, {role: cube.counters[role] for role in roles})])
        if self.several:
            self.prefix.mark_tile(name, incremental.counters_record(counted))
            log.info("tile %s of the cube is written", name)
        return counted

    def _compute(self, writes: LazyWrites, counters: Any) -> Any:
        """Compute the months; failed writes name their store themselves, any other failure is a source's."""
        try:
            refused, lost = reaching(REFUSED, ""), reaching(CLUSTER, "the cluster of this run")
            with reaching(NETWORK, ""), refused, lost, reaching(VALUES, ""):
                return compute_by_block(writes.maps, [writes.others, counters])[1]
        except (SourceReadError, UnreachableError) as err:
            if not err.where:
                err.where = _places(self.job, str(err.__cause__))
            raise


def _places(job: Job, said: str) -> str:
    """Find the sources that an error is about: those that it names, else those with silent hosts, else all."""
    entries = {name: resolved(job.catalog, name) for name in job.opened.datasets}
    urls = {name: entry.args.urls for name, entry in entries.items()}
    sources = list(job.opened.sources.values())
    named = [source for source in sources if any(url.rstrip("/*") in said for url in urls[source.entry])]
    exactly = [source for source in named if f"/{source.spec.name}'" in said]  # Zarr names the array
    silent = silent_hosts(entries) if not named else ()
    chosen = exactly or named or [source for source in sources if source.entry in silent] or sources
    return ", ".join(f"{source.where} ({', '.join(urls[source.entry][:2])})" for source in chosen)


def _validate(job: Job, counted: Mapping[str, Any]) -> None:
    for role, counters in counted.items():
        source = job.opened.sources[role]
        spec = source.spec
        absent = absent_months(counters)
        if absent:
            named = ", ".join(f"{month} ({cells} cells)".strip() for month, cells in list(absent.items())[:12])
            log.warning(
                "%s: chunks of %s are not there, so their values are missing: %s%s. If the source leaves out what "
                "equals its fill value, say absent_chunks: fill in its entry", role, source.where, named,
                f" and {len(absent) - 12} more" if len(absent) > 12 else "",
            )  # fmt: skip
        limits = spec.valid_range, spec.units, source.where, spec.coverage_change
        validate_counters(role, counters, *limits, packing=source.packing)
        zeroed = sum(counters.get("zeroed", {}).values())
        if zeroed:
            log.info("%s: %.0f values a little below 0 became 0 (at most 0.01 mm month-1)", role, zeroed)


def _require_same_sources(config: RunConfig, job: Job) -> None:
    """Raises :class:`SourceChangedError` where a source is not what it was when ``job`` was made."""
    now = identity.entry_parts(config, job.catalog)
    changed = sorted({source.entry for source in job.inputs.values() if now[source.entry].state != source.state})
    if changed:
        raise SourceChangedError(
            "a source changed while it was read",
            where=f"{config.catalog}: {', '.join(changed)}",
            found="another state than at the beginning",
            expected="one state from the first byte to the last",
            next="run the same command again: it begins with what the source holds now",
        )


def found_cube(job: Job) -> CubeRecord | None:
    """Return the record of this job's cube where it is sealed already, else None."""
    prefix = stores.sealed_prefix(Store.open(job.store), cube_path(job.cube_id))
    return None if prefix is None else _cube_record(job, prefix, "already there")


def require_cube(job: Job) -> CubeRecord:
    """Return the record of this job's cube; raises :class:`NothingPublishedError` where there is none yet."""
    sealed = found_cube(job)
    if sealed is None:
        raise NothingPublishedError(
            "the cube of this configuration is not there",
            where=job.store,
            found="no sealed cube",
            expected=cube_path(job.cube_id),
            next="smcloud ingest CONFIG, or smcloud run CONFIG for everything",
        )
    return sealed


def _cube_record(job: Job, prefix: Prefix, status: str, update: CubeUpdate | None = None) -> CubeRecord:
    provisional = prefix.open()["provisional"].load()
    marked = provisional.indexes["time"][provisional.values == 1]
    return CubeRecord(
        id=job.cube_id,
        url=prefix.path,
        inventory_sha256=prefix.inventory()[1],
        period=job.period,
        provisional=tuple(f"{month:%Y-%m}" for month in marked),
        status=status,
        built=status != "already there",
        previous=update.previous if update else None,
        new=tuple(update.new) if update else (),
        recomputed=tuple(update.recomputed) if update else (),
    )
