"""A run that is late, fails or never ends is made known on Prefect's pages, with what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.artifacts import leave_text
from smcloud.errors import SmcloudError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

# No run of a schedule takes longer: it is stopped then, and clusters that are older have nobody who waits for them.
LONGEST_HOURS = 12
FLOWS = ("smcloud-run", "smcloud-ingest", "smcloud-housekeeping")
PAGE = 200
LATE = timedelta(hours=1)
START = "start a worker, or end what holds its slot (prefect flow-run ls, prefect flow-run cancel ID)"
TRY_AGAIN = "trigger the deployment again (prefect deployment run NAME): what is sealed is kept"


@contextmanager
def made_known() -> Iterator[None]:
    """Leave the artifact ``smcloud-late`` where this run starts late, ``smcloud-failure`` where it fails."""
    late = datetime.now(UTC) - flow_run.scheduled_start_time
    if late > LATE:
        text = "prefect flow-run ls shows which runs hold its slot, prefect work-pool ls whether a worker polls"
        leave_text("smcloud-late", f"## Started {_hours(late)} late\n\nIf that is not wanted: {text}.")
    try:
        yield
    except SmcloudError as err:
        leave_text("smcloud-failure", f"## {err.what}\n\n```\n{err}\n```")
        raise
    except (Exception, asyncio.CancelledError) as err:
        reason = "stopped" if isinstance(err, asyncio.CancelledError) else f"{type(err).__name__}: {err}"
        limit = f"A run may take {LONGEST_HOURS} hours, housekeeping ten minutes. " if reason == "stopped" else ""
        leave_text(
            "smcloud-failure", f"## The run ended before its work was done\n\n`{reason}`\n\n{limit}Next: {TRY_AGAIN}."
        )
        raise


def unfinished(days: float) -> list[str]:
    """Runs of our deployments that could not tell by themselves: how each stands and what to do, for people.

    Those that have not started though they were due, those of the last ``days`` that crashed, and those that seem
    to run though none takes so long: the last are marked as crashed, so that they hold no slot.
    """
    now = datetime.now(UTC)
    found = []
    with get_client(sync_client=True) as client:
        recent = {"after_": now - timedelta(days=days), "before_": now}
        for run in _runs(client, {"state": {"type": {"any_": ["CRASHED"]}}, "expected_start_time": recent}):
            found.append(_line(run, f"crashed ({run.state and run.state.message})", TRY_AGAIN))
        open_ = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}}
        for run in _runs(client, open_ | {"expected_start_time": {"before_": now - LATE}}):
            due = run.expected_start_time
            if run.start_time is None and due is not None:
                found.append(_line(run, f"has waited for {_hours(now - due)}", START))
            elif run.start_time is not None and now - run.start_time > timedelta(hours=LONGEST_HOURS):
                message = f"no sign of its end after {_hours(now - run.start_time)}"
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                found.append(_line(run, f"is marked as crashed: {message}", TRY_AGAIN))
    return found


def _runs(client: SyncPrefectClient, which: dict[str, Any]) -> list[FlowRun]:
    """All runs of deployments of our flows that are ``which``; the server gives them page by page."""
    ours = FlowFilter.model_validate({"name": {"any_": list(FLOWS)}})
    filtered = FlowRunFilter.model_validate(which | {"deployment_id": {"is_null_": False}})
    runs: list[FlowRun] = []
    while page := client.read_flow_runs(flow_filter=ours, flow_run_filter=filtered, limit=PAGE, offset=len(runs)):
        runs += page
    return runs


def _line(run: FlowRun, how: str, to_do: str) -> str:
    return f"- {run.name}, due {run.expected_start_time:%Y-%m-%d %H:%M} UTC, {how}. Next: {to_do}."


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} hours"
