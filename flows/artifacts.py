"""What a run leaves on Prefect's pages for people; where the server does not take it, the run goes on without."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)

log = logging.getLogger("smcloud")


def leave_text(key: str, markdown: str) -> None:
    """A page of markdown."""
    _leave(create_markdown_artifact, key=key, markdown=markdown)


def leave_link(key: str, link: str, description: str) -> None:
    """An address to follow."""
    _leave(create_link_artifact, key=key, link=link, description=description)


def leave_progress(key: str, percent: float, description: str) -> Any:
    """A bar; returns what :func:`move_progress` moves, None where the server did not take it."""
    return _leave(create_progress_artifact, key=key, progress=percent, description=description)


def move_progress(bar: Any, percent: float, description: str) -> None:
    """Move a bar, if there is one."""
    if bar is not None:
        _leave(update_progress_artifact, artifact_id=bar, progress=percent, description=description)


def _leave(artifact: Callable[..., Any], **what: Any) -> Any:
    try:
        return artifact(**what)
    except httpx.HTTPError as err:
        log.warning("Prefect's server did not take %s: %s", what.get("key", "the progress"), type(err).__name__)
        return None
