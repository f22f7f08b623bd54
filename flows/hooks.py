"""Reports on Prefect's pages of runs that are late, fail, are stopped or never end, with what to do about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect import get_client
from prefect.client.schemas.filters import FlowFilter, FlowRunFilter
from prefect.states import Crashed

from flows.artifacts import leave_text
from smcloud.errors import SmcloudError

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

# No scheduled run takes longer: it is stopped then, and nobody waits for clusters that are older.
LONGEST_HOURS = 12
FLOWS = ("smcloud-run", "smcloud-ingest", "smcloud-housekeeping")
PAGE = 200
LATE = timedelta(hours=1)
START = "start a worker, or end what holds its slot (prefect flow-run ls, prefect flow-run cancel ID)"
TRY_AGAIN = "trigger the deployment again (prefect deployment run NAME): what is sealed is kept"


def tell_if_late(flow: Flow[Any, Any], run: FlowRun, state: State) -> None:
    """Leave the artifact ``smcloud-late`` where a run starts long after it was due."""
    due = run.expected_start_time
    if due is not None and datetime.now(UTC) - due > LATE:
        text = "prefect flow-run ls shows which runs hold its slot, prefect work-pool ls whether a worker polls"
        waited = _hours(datetime.now(UTC) - due)
        leave_text("smcloud-late", f"## Started {waited} late\n\nIf that is not wanted: {text}.", run.id)


def tell_why(flow: Flow[Any, Any], run: FlowRun, state: State) -> None:
    """Leave the artifact ``smcloud-failure``: why a run failed, crashed or was stopped, and what to do."""
    error = None if state.data is None else state.result(raise_on_failure=False)
    if isinstance(error, SmcloudError):
        text = f"## {error.what}\n\n```\n{error}\n```"
    else:
        known = isinstance(error, BaseException)
        reason = f"{type(error).__name__}: {error}" if known else f"{state.name}: {state.message or 'no message'}"
        limit = f"A run may take {LONGEST_HOURS} hours, housekeeping ten minutes. "
        stopped = isinstance(error, TimeoutError) or not known
        text = (
            f"## The run ended before its work was done\n\n`{reason}`\n\n{limit if stopped else ''}Next: {TRY_AGAIN}."
        )
    leave_text("smcloud-failure", text, run.id)


HOOKS: dict[str, Any] = {
    "on_running": [tell_if_late],
    "on_failure": [tell_why],
    "on_crashed": [tell_why],
    "on_cancellation": [tell_why],
}


def unfinished(days: float) -> list[str]:
    """List the runs of our deployments that could not report themselves: the state of each and what to do, for people.

    These are runs that were due but have not started, runs of the last ``days`` that crashed, and runs that seem
    to run though none takes so long: the last are marked as crashed, so that they hold no slot. A server with the
    automation of infra/prefect marks a run whose process is gone within minutes.
    """
    now = datetime.now(UTC)
    lines = []
    with get_client(sync_client=True) as client:
        recent = {"after_": now - timedelta(days=days), "before_": now}
        for run in _runs(client, {"state": {"type": {"any_": ["CRASHED"]}}, "expected_start_time": recent}):
            lines.append(_line(run, f"crashed ({run.state and run.state.message})", TRY_AGAIN))
        open_ = {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}}
        for run in _runs(client, open_ | {"expected_start_time": {"before_": now - LATE}}):
            due = run.expected_start_time
            if run.start_time is None and due is not None:
                lines.append(_line(run, f"has waited for {_hours(now - due)}", START))
            elif run.start_time is not None and now - run.start_time > timedelta(hours=LONGEST_HOURS):
                message = f"no sign of its end after {_hours(now - run.start_time)}"
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                lines.append(_line(run, f"is marked as crashed: {message}", TRY_AGAIN))
    return lines


def _runs(client: SyncPrefectClient, which: dict[str, Any]) -> list[FlowRun]:
    """List all runs of deployments of our flows that match ``which``; the server gives them page by page."""
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
