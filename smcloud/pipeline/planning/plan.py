"""The plan of a run: its lazy computations are built on metadata and templates, counted, and never computed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from smcloud import chunking
from smcloud import store as stores
from smcloud.config import RunConfig
from smcloud.cube import CubeInputs, build
from smcloud.pipeline import incremental
from smcloud.pipeline.findings import whole_years
from smcloud.pipeline.ingest import found_cube
from smcloud.pipeline.job import Job, released
from smcloud.pipeline.planning.budget import require_within
from smcloud.pipeline.planning.compute import compute_stage
from smcloud.pipeline.planning.ingest import ingest_stage
from smcloud.pipeline.tiling import machine_of, memory_here, memory_of
from smcloud.pipeline.warmup import kernels_to_compile
from smcloud.plan import Plan, Stage, size
from smcloud.store import Store

# Imports, checks of sources, Prefect's server and the cluster; beside them what all kernels of a run take to compile on
# one core, where they are not kept. The page: its figures, and of each cell what is read for them.
START_SECONDS, COMPILE_SECONDS = 5, 24
PUBLISH_SECONDS, REPORT_SECONDS, REPORT_CELL_NS = 2, 6, 2000
# Requests for records, pages and documents, and the chunks that the page reads, in percent of those that were made;
# between those of an installation with the explorer's page, which has five files, and of one without.
PUBLISH_GETS, PUBLISH_PUTS, REPORT_GETS, REPORT_PUTS, REPORT_PERCENT = 160, 246, 480, 47, 41
MUCH = 2 * 2**30  # bytes of sources: less is read before a plan is made
log = logging.getLogger("smcloud")


def plan(config: RunConfig, job: Job, products: bool = True) -> Plan:
    """Plan what ``job`` would cost, or its cube alone, from metadata. A cube that is sealed already costs nothing."""
    what, machine = f"{job.period[0]} to {job.period[1]}, run {job.run_id}", machine_of(config.cluster)
    if released(job) is not None:
        return Plan(what, (Stage("ingest"), Stage("compute")), machine, "already published: nothing to do")
    runs, note = None, ""
    if found_cube(job) is not None:
        runs, note = [], "the cube is there already"
    else:
        update = incremental.best_update(job.lineage, stores.cube_lineages(Store.open(job.store)))
        if update is not None:
            runs, note = update.runs, f"the rest is taken over from {update.previous}"
    cold = 0
    if config.cluster.kind == "local":  # workers of a gateway have an image, with kernels in it
        missing, kernels = kernels_to_compile()
        cold = -(-COMPILE_SECONDS * missing // max(kernels, 1))
    return Plan(what, stages_of(config, job.opened, runs, products, cold), machine, note, cold)


def require_budget(config: RunConfig, job: Job, products: bool = True) -> None:
    """Raise :class:`BudgetError` where the plan of ``job``, or of its cube alone, exceeds budget or memory.

    Where the configuration limits neither, nothing is planned.
    """
    memory = memory_of(config.cluster)
    if config.cluster.worker_memory is not None or any(limit is not None for _, limit in config.budget):
        require_within(plan(config, job, products), config.budget, memory, memory_here())


def announce(config: RunConfig, job: Job, products: bool = True) -> None:
    """Log what ``job`` will read, and where that is much also how long it is planned to take."""
    decoded = sum(source.values.nbytes for source in job.opened.sources.values())
    if not log.isEnabledFor(logging.INFO):
        return
    if decoded < MUCH:
        log.info("%s in the sources, decoded", size(decoded))
        return
    planned = plan(config, job, products)
    reads, writes = (size(planned.total(f"bytes_{way}")) for way in ("read", "written"))
    log.info("planned: %s read and %s written, about %d minutes", reads, writes, planned.minutes)


def stages_of(
    config: RunConfig,
    opened: CubeInputs,
    runs: Sequence[tuple[int, int]] | None = None,
    products: bool = True,
    cold: int = 0,
) -> tuple[Stage, ...]:
    """Plan the stages for the whole cube, or its ``runs`` where given, and for all products where asked for.

    ``cold`` are the seconds of compiling before them.
    """
    months = opened.months
    first_year = build(config, opened.sources, months[: chunking.TIME_CHUNK]).dataset
    grid = {"time": len(months), "year": whole_years(months, config.annual.first_month)} | {
        dim: first_year.sizes[dim] for dim in ("lat", "lon")
    }
    ingest = Stage("ingest")
    if runs is None or runs:
        ingest = ingest_stage(config, opened, runs, first_year, grid)
    start = Stage("start", seconds=START_SECONDS + cold)
    if not products:
        return start, ingest
    compute = compute_stage(config, first_year, months, grid)
    publish = Stage("publish", seconds=PUBLISH_SECONDS, get_requests=PUBLISH_GETS, put_requests=PUBLISH_PUTS)
    report = Stage(
        "report",
        seconds=REPORT_SECONDS + grid["lat"] * grid["lon"] * REPORT_CELL_NS // 10**9,
        get_requests=REPORT_GETS + compute.chunks * REPORT_PERCENT // 100,
        put_requests=REPORT_PUTS,
    )
    return start, ingest, compute, publish, report
