"""A run that is late, fails or never ends is made known on Prefect's pages, with what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.runtime import flow_run
from prefect.states import Crashed

from flows.artifacts import leave_text
from smcloud.errors import SmcloudError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

# No run of a schedule takes longer: it is stopped then, and clusters that are older have nobody who waits for them.
LONGEST_HOURS = 12
LATE = timedelta(hours=1)
START = "start a worker, or end what holds its slot (prefect flow-run ls, prefect flow-run cancel ID)"
TRY_AGAIN = "trigger the deployment again (prefect deployment run NAME): what is sealed is kept"


@contextmanager
def made_known() -> Iterator[None]:
    """Leave the artifact ``smcloud-late`` where this run starts late, ``smcloud-failure`` where it fails."""
    late = datetime.now(UTC) - flow_run.scheduled_start_time
    if late > LATE:
        text = "prefect work-queue ls shows which runs hold its slot, prefect work-pool ls whether a worker polls"
        leave_text("smcloud-late", f"## Started {_hours(late)} late\n\nIf that is not wanted: {text}.")
    try:
        yield
    except SmcloudError as err:
        leave_text("smcloud-failure", f"## {err.what}\n\n```\n{err}\n```")
        raise
    except (Exception, asyncio.CancelledError) as err:
        reason = "stopped" if isinstance(err, asyncio.CancelledError) else f"{type(err).__name__}: {err}"
        limit = f"A run may take {LONGEST_HOURS} hours. " if reason == "stopped" else ""
        leave_text(
            "smcloud-failure", f"## The run ended before its work was done\n\n`{reason}`\n\n{limit}Next: {TRY_AGAIN}."
        )
        raise


def unfinished(days: float) -> list[str]:
    """Runs of the last ``days`` that could not tell by themselves: how each stands and what to do, for people.

    Those that have not started though they were due, those that crashed, and those that are said to be running though
    no run takes so long: the last are marked as crashed, so that they hold no slot.
    """
    now = datetime.now(UTC)
    found = []
    with get_client(sync_client=True) as client:
        due = {"expected_start_time": {"after_": now - timedelta(days=days), "before_": now - LATE}}
        for run in client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(due)):
            due_at = run.expected_start_time
            if run.state is None or due_at is None or (run.state.is_final() and not run.state.is_crashed()):
                continue
            if run.state.is_crashed():
                found.append(_line(run, f"crashed ({run.state.message})", TRY_AGAIN))
            elif run.start_time is None:
                found.append(_line(run, f"has waited for {_hours(now - due_at)}", START))
            elif now - run.start_time > timedelta(hours=LONGEST_HOURS):
                message = f"no sign of its end after {_hours(now - run.start_time)}"
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
                found.append(_line(run, f"is marked as crashed: {message}", TRY_AGAIN))
    return found


def _line(run: FlowRun, how: str, to_do: str) -> str:
    return f"- {run.name}, due {run.expected_start_time:%Y-%m-%d %H:%M} UTC, {how}. Next: {to_do}."


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} hours"
