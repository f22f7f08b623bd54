"""Artifacts of a run on Prefect's pages, for people; where the server does not accept one, the run goes on."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.utilities.context import get_task_and_flow_run_ids

from smcloud.secrecy import told_lines

log = logging.getLogger("smcloud")


def leave_text(key: str, markdown: str, run_id: UUID | None = None) -> None:
    """Leave a page of markdown, for the current run or for another one."""
    _leave("markdown", key, markdown, None, run_id)


def leave_link(key: str, link: str, description: str) -> None:
    """Leave a link."""
    _leave("markdown", key, f"[{link}]({link})", description)


def leave_progress(key: str, percent: float, description: str) -> UUID | None:
    """Leave a progress bar; return its id for :func:`move_progress`, None where the server did not accept it."""
    return _leave("progress", key, percent, description)


def move_progress(bar: UUID | None, percent: float, description: str) -> None:
    """Move a bar, if there is one."""
    if bar is not None:
        try:
            with get_client(sync_client=True) as client:
                client.update_artifact(bar, ArtifactUpdate(data=percent, description=description))
        except httpx.HTTPError as err:
            log.warning("Prefect's server did not take the progress: %s", type(err).__name__)


def _leave(kind: str, key: str, data: Any, description: str | None, run_id: UUID | None = None) -> UUID | None:
    """Create an artifact; Prefect's own functions for this leave their connection open."""
    task_run_id, flow_run_id = get_task_and_flow_run_ids()
    artifact = ArtifactCreate(
        type=kind, key=key, data=told_lines(data) if isinstance(data, str) else data, description=description,
        flow_run_id=run_id or flow_run_id, task_run_id=None if run_id else task_run_id,
    )  # fmt: skip
    try:
        with get_client(sync_client=True) as client:
            made: UUID = client.create_artifact(artifact).id
            return made
    except httpx.HTTPError as err:
        log.warning("Prefect's server did not take %s: %s", key, type(err).__name__)
        return None
