"""The main job as a Prefect flow: the stages of smcloud.pipeline as tasks, tried again where that may help."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import deployment
from prefect.tasks import Task, exponential_backoff

from flows.artifacts import leave_link, leave_text
from flows.hooks import LONGEST_HOURS, made_known
from flows.progress import watched
from smcloud import pipeline
from smcloud.cluster import open_cluster
from smcloud.cluster.health import is_lost
from smcloud.config import RunConfig, load_config
from smcloud.io_errors import network
from smcloud.pipeline import identity
from smcloud.report import markdown

log = logging.getLogger("smcloud")


async def _transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    outcome = await state.aresult(raise_on_failure=False)
    return isinstance(outcome, BaseException) and pipeline.is_transient(outcome)


def _stage(function: Callable[..., Any]) -> Any:
    """``function`` as a task: tried again, with growing pauses, where the fault is of the passing kind."""
    return task(
        retries=3,
        retry_delay_seconds=exponential_backoff(backoff_factor=5),
        retry_jitter_factor=0.5,
        retry_condition_fn=_transient,
        persist_result=False,
        cache_policy=NO_CACHE,
    )(function)


# Whatever asks the stores may meet a fault that passes.
OTHERS = ("found_cube", "released", "require_budget", "require_shared_store")
STAGES = {name: _stage(getattr(pipeline, name)) for name in (*pipeline.STAGES, *OTHERS)}
STAGES["load_config"] = _stage(network("the configuration")(load_config))


@flow(
    name="smcloud-run",
    timeout_seconds=LONGEST_HOURS * 3600,
    persist_result=True,
    result_serializer="json",
    validate_parameters=False,
)
def run(config: str, truth: str | None = None) -> dict[str, Any]:
    """From the configuration file ``config`` to a release and its report; a record of plain values.

    ``truth`` is the Zarr of the sample world's coefficients, for a scorecard. A run that is late or fails leaves an
    artifact that says what to do.
    """
    with made_known():
        settings = STAGES["load_config"](config)
        seconds: dict[str, float] = {}
        with timed("check", seconds):
            job = STAGES["check"](settings)
        pipeline.require_years(settings, job)
        release = STAGES["released"](job)
        if release is not None:
            if not identity.has_report(release, job.store):
                STAGES["report"](release, job.store, seconds, truth)
            return identity.summary("already published", release, job.store, seconds)
        tasks: dict[str, int] = {}
        cube, products = on_cluster(settings, job, seconds, tasks, "ingest", "compute")
        with timed("publish", seconds):
            release = STAGES["publish"](settings, job, cube, products)
        with timed("report", seconds):
            page = STAGES["report"](release, job.store, seconds, truth)
    tables = [f"## {name.replace('_', ' ')}\n\n{markdown(table)}" for name, table in page["tables"].items()]
    leave_text("smcloud-tables", "\n\n".join(tables))
    more = {"tasks": tasks, "scorecard": page["scorecard"]}
    return identity.summary("published", release, job.store, seconds) | more


def on_cluster(
    settings: RunConfig, job: pipeline.Job, seconds: dict[str, float], tasks: dict[str, int], *stages: str
) -> list[Any]:
    """The records of stages that need a cluster; once more, on a fresh one, where scheduler or gateway was lost.

    What the first attempt has sealed is not computed again. ``seconds`` and ``tasks`` of each stage are put down.
    Raises :class:`BudgetError` before there is a cluster.
    """
    STAGES["require_budget"](settings, job, products="compute" in stages)
    wait = settings.cluster.wait_seconds
    # Who started the run by hand hears at once that there is no gateway.
    for attempt, patience in (("first", wait if deployment.id else 0), ("last", wait)):
        try:
            with open_cluster(settings.cluster, patience) as client:
                link = None
                if settings.cluster.kind == "gateway":
                    link = client.dashboard_link
                    leave_link("smcloud-dashboard", link, "Dask")
                    log.info("dashboard %s", link)
                STAGES["require_shared_store"](job)
                records = []
                for stage in stages:
                    with timed(stage, seconds), watched(client, stage, tasks, link):
                        records.append(STAGES[stage](settings, job))
                return records
        except Exception as err:  # whatever a lost connection makes of itself on its way up
            if attempt == "last" or not is_lost(err):
                raise
            log.warning("the cluster was lost (%s): once more on a fresh one", type(err).__name__)
    raise AssertionError("the last attempt returns or raises")


@contextmanager
def timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Log the stage and put down the seconds it took."""
    start = time.perf_counter()
    log.info("%s ...", stage)
    yield
    seconds[stage] = time.perf_counter() - start
    log.info("%s done in %.1f s", stage, seconds[stage])
