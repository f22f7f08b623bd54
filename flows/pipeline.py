"""The main job as a Prefect flow: the stages of smcloud.pipeline as tasks, retried where that may help."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import deployment
from prefect.tasks import Task, exponential_backoff

from flows.artifacts import leave_link, leave_text
from flows.hooks import HOOKS, LONGEST_HOURS
from flows.progress import watched
from smcloud.io_errors import fault_of

# The runner, and all array libraries with it, is imported by a run that has something to do.
if TYPE_CHECKING:
    from distributed import Client

    from smcloud.pipeline.job import Job
    from smcloud.pipeline.publish import RunRecord
    from smcloud.pipeline.runner import Hooks

RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
}
FLOW: dict[str, Any] = {
    "timeout_seconds": LONGEST_HOURS * 3600,
    "persist_result": True,
    "result_serializer": "json",
    "validate_parameters": False,
    **HOOKS,
}
# A job that this process has checked already, before Prefect was there: it holds open sources, which are no parameter.
checked_job: ContextVar[Job | None] = ContextVar("checked_job", default=None)
log = logging.getLogger("smcloud")


async def _transient(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    outcome = await state.aresult(raise_on_failure=False)
    return isinstance(outcome, BaseException) and fault_of(outcome) == "transient"


def as_task[**P, R](stage: Callable[P, R], /) -> Callable[P, R]:
    """Wrap ``stage`` as a task of its name: retried, with growing pauses, where the error may be temporary."""
    made: Callable[P, R] = task(
        name=stage.__name__, retry_condition_fn=_transient, persist_result=False, cache_policy=NO_CACHE, **RETRIES
    )(stage)
    return made


def prefect_hooks() -> Hooks:
    """Return the hooks with which a flow calls the stages."""
    from smcloud.pipeline.runner import Hooks

    links: list[str] = []

    def opened(client: Client) -> None:
        links.clear()
        if client.cluster is not None and type(client.cluster).__module__.startswith("dask_gateway"):
            links.append(client.dashboard_link)
            leave_link("smcloud-dashboard", links[0], "Dask")
            log.info("dashboard %s", links[0])

    def watch(client: Client, stage: str) -> AbstractContextManager[None]:
        return watched(client, stage, links[0] if links else None)

    return Hooks(wrap=as_task, watch=watch, opened=opened, patient=bool(deployment.id))


@flow(name="smcloud-run", **FLOW)
def run(config: str, truth: str | None = None, allow_older: str = "") -> dict[str, Any]:
    """Run the whole job of the file ``config``, to a release and its report; return a record of plain values.

    ``truth`` is the Zarr of the sample world's coefficients, for a scorecard; ``allow_older`` the reason why the
    release may step back behind the newest one: without it that is refused. A run that is late or fails leaves an
    artifact that says what to do.
    """
    from smcloud.pipeline.publish import published

    job, states = checked_job.get(), None
    if job is None:
        record, states = as_task(published)(config, truth)
        if record is not None:
            return _told(record)
    from smcloud.pipeline.runner import runner_of

    runner = runner_of(config, prefect_hooks(), job, allow_older)
    runner.job(states)
    return _told(runner.release(truth))


def _told(record: RunRecord) -> dict[str, Any]:
    """The record as plain values; the tables of a page that was rendered now are left for people."""
    if record.tables:
        from smcloud.report import markdown

        tables = [f"## {name.replace('_', ' ')}\n\n{markdown(table)}" for name, table in record.tables.items()]
        leave_text("smcloud-tables", "\n\n".join(tables).replace("<", "&lt;"))  # a legend's words are no markup
    return record.as_json()
