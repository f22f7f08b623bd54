"""Progress of a stage on the cluster: for who waits here, and a bar on Prefect's pages that links the dashboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.artifacts import leave_progress, move_progress
from smcloud.cluster.health import count_tasks
from smcloud.cluster.progress import in_words, telling

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def watched(client: Client, stage: str, link: str | None = None) -> Iterator[None]:
    """While the context lasts, show how many of the tasks that the scheduler knows are done.

    The bar is left where there is a ``link`` to the dashboard.
    """
    if link is None:
        with telling(client, stage):
            yield
        return
    before, _ = count_tasks(client)
    bar = leave_progress(f"smcloud-{stage}", 0.0, _words(stage, 0, 0, link))

    def move(done: int, left: int) -> None:
        move_progress(bar, 100 * done / max(done + left, 1), _words(stage, done, left, link))

    with telling(client, stage, move if bar is not None else None):
        yield
    move_progress(bar, 100.0, _words(stage, count_tasks(client)[0] - before, 0, link))


def _words(stage: str, done: int, left: int, link: str) -> str:
    return f"{in_words(stage, done, left)}, [dashboard]({link})"
