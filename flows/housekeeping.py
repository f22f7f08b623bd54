"""Cleaning up after runs: clusters that nobody waits for are ended, runs that are late or crashed are listed."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.artifacts import leave_text
from flows.hooks import HOOKS, LONGEST_HOURS, unfinished
from smcloud.cluster import end_leftovers


@flow(
    name="smcloud-housekeeping",
    timeout_seconds=600,
    retries=2,
    retry_delay_seconds=60,
    persist_result=True,
    result_serializer="json",
    **HOOKS,
)
def housekeeping(max_age_hours: float = LONGEST_HOURS, days: float = 8.0) -> dict[str, Any]:
    """List unfinished runs of the last ``days``, and end this user's gateway clusters older than any run takes.

    Returns the lines about runs (:func:`~flows.hooks.unfinished`) and the names of the clusters.
    """
    runs = unfinished(days)
    late = "\n".join(runs) or "Every run that was due has come to its end."
    leave_text("smcloud-unfinished", f"## Runs that are late, crashed or without an end\n\n{late}")
    ended = end_leftovers(max_age_hours * 3600)
    text = "\n".join(f"- {name}" for name in ended) or "No cluster was left behind."
    leave_text("smcloud-housekeeping", f"## Clusters that were ended\n\n{text}")
    return {"ended": ended, "unfinished": runs}
