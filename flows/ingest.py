"""The first half of the main job as a flow of its own: sources to one sealed cube, brought up to date where one is."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.pipeline import STAGES, timed
from smcloud import pipeline
from smcloud.cluster import open_cluster
from smcloud.config import load_config


@flow(name="smcloud-ingest", persist_result=False, validate_parameters=False)
def ingest(config: str) -> dict[str, Any]:
    """Build or refresh the cube of the file ``config``: the record that ``smcloud ingest --json`` prints, and seconds.

    Where the sources hold nothing new, no cluster is opened.
    """
    settings = load_config(config)
    seconds: dict[str, float] = {}
    with timed("check", seconds):
        job = STAGES["check"](settings)
    cube = pipeline.found_cube(job)
    if cube is None:
        with timed("ingest", seconds), open_cluster(settings.cluster):
            cube = STAGES["ingest"](settings, job)
    return {**cube, "seconds": {stage: round(spent, 2) for stage, spent in seconds.items()}}
