"""The first half of the main job as a flow of its own: sources to one sealed cube, brought up to date where one is."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.hooks import LONGEST_HOURS, made_known
from flows.pipeline import STAGES, on_cluster, timed


@flow(
    name="smcloud-ingest",
    timeout_seconds=LONGEST_HOURS * 3600,
    persist_result=True,
    result_serializer="json",
    validate_parameters=False,
)
def ingest(config: str) -> dict[str, Any]:
    """Build or refresh the cube of the file ``config``: the record that ``smcloud ingest --json`` prints, and seconds.

    Where the sources hold nothing new, no cluster is opened.
    """
    seconds: dict[str, float] = {}
    tasks: dict[str, int] = {}
    with made_known():
        settings = STAGES["load_config"](config)
        with timed("check", seconds):
            job = STAGES["check"](settings)
        cube = STAGES["found_cube"](job)
        if cube is None:
            (cube,) = on_cluster(settings, job, seconds, tasks, "ingest")
    return {**cube, "seconds": {stage: round(spent, 2) for stage, spent in seconds.items()}, "tasks": tasks}
