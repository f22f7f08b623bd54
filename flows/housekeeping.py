"""What killed runs left behind: clusters that nobody waits for are ended."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.artifacts import leave_text
from smcloud.cluster import end_leftovers


@flow(name="smcloud-housekeeping", persist_result=True, result_serializer="json")
def housekeeping(max_age_hours: float = 12.0) -> dict[str, Any]:
    """End this user's gateway clusters that are older than any run takes; returns their names."""
    ended = end_leftovers(max_age_hours * 3600)
    text = "\n".join(f"- {name}" for name in ended) or "No cluster was left behind."
    leave_text("smcloud-housekeeping", f"## Clusters that were ended\n\n{text}")
    return {"ended": ended}
