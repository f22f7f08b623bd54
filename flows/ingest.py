"""The first half of the main job as a separate flow: build one sealed cube from the sources, or update one."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.pipeline import FLOW, prefect_hooks


@flow(name="smcloud-ingest", **FLOW)
def ingest(config: str) -> dict[str, Any]:
    """Build or refresh the cube of the file ``config``; return what ``smcloud ingest --json`` prints, and seconds.

    Where the sources hold nothing new, no cluster is opened.
    """
    from smcloud.pipeline.runner import runner_of

    runner = runner_of(config, prefect_hooks())
    cube = runner.cube()
    seconds = {stage: round(spent, 2) for stage, spent in runner.seconds.items()}
    return {**cube.as_json(), "seconds": seconds, "tasks": runner.tasks}
