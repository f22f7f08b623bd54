"""The plan of a run: its lazy computations are built on metadata and templates, counted, and never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from smcloud import chunking
from smcloud import plan as plans
from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.config import RunConfig
from smcloud.cube import Source, Times, build, month_range, open_sources
from smcloud.pipeline import incremental
from smcloud.pipeline.ingest import found_cube
from smcloud.pipeline.job import Job, released
from smcloud.pipeline.planning.compute import compute_stage
from smcloud.pipeline.planning.ingest import ingest_stage
from smcloud.pipeline.tiling import machine, memory_here, memory_of
from smcloud.plan import Plan, Stage
from smcloud.store import Store


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
    change = incremental.best_update(job.lineage, stores.cube_records(Store.open(job.store)))
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
    piece = build(config, sources, months[: chunking.TIME_CHUNK]).dataset
    grid = {"time": len(months), "year": _years(months)} | {dim: piece.sizes[dim] for dim in ("lat", "lon")}
    ingest = Stage("ingest")
    if runs is None or runs:
        ingest = ingest_stage(config, sources, opened, months, runs, piece, grid, workers, cores)
    if not products:
        return Plan(what, (ingest,), workers, cores, note)
    compute = compute_stage(config, piece, months, grid, workers, cores)
    return Plan(what, (ingest, compute, *plans.FIXED), workers, cores, note)


def _years(months: Times) -> int:
    first = int(-months[0].astype(int) % 12)
    return (len(months) - first) // 12
