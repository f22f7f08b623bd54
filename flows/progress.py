"""Progress of a stage on the cluster: a line on the terminal, and a bar on Prefect's pages that links the dashboard."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.artifacts import leave_progress, move_progress
from smcloud.cluster.health import count_tasks
from smcloud.io_errors import fault_of

if TYPE_CHECKING:
    from distributed import Client

TERMINAL_SECONDS, SERVER_EVERY = 1.0, 5  # every fifth goes to the server
JOIN_SECONDS = 15.0  # for a server that answers late


@contextmanager
def watched(client: Client, stage: str, link: str | None = None) -> Iterator[None]:
    """While the context lasts, show how many of the tasks that the scheduler knows are done.

    The line goes to stderr where that is a terminal; the bar is left where there is a ``link`` to the dashboard.
    """
    before, _ = count_tasks(client)
    bar = None if link is None else leave_progress(f"smcloud-{stage}", 0.0, _words(stage, 0, 0, link))
    terminal, over = sys.stderr.isatty(), threading.Event()

    def tell() -> None:
        turn = 0
        while not over.wait(TERMINAL_SECONDS):
            turn += 1
            try:
                seen, left = count_tasks(client)
            except Exception as err:  # the stage reports a cluster that is lost or closing
                if fault_of(err) == "lost" or over.is_set():
                    return
                raise
            done = seen - before
            if terminal:
                print(f"\r\x1b[K{_words(stage, done, left)}", end="", file=sys.stderr, flush=True)
            if turn % SERVER_EVERY == 0:
                move_progress(bar, 100 * done / max(done + left, 1), _words(stage, done, left, link))

    teller = threading.Thread(target=tell, name=f"progress of {stage}", daemon=True)
    if terminal or bar is not None:
        teller.start()
    try:
        yield
    finally:
        over.set()
        if teller.is_alive():  # its update must not come after the last one
            teller.join(JOIN_SECONDS)
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    if bar is not None:
        move_progress(bar, 100.0, _words(stage, count_tasks(client)[0] - before, 0, link))


def _words(stage: str, done: int, left: int, link: str | None = None) -> str:
    """Describe the progress in one line; the number of all tasks grows while a stage submits its parts."""
    return f"{stage}: {done} of {done + left} tasks" + (f", [dashboard]({link})" if link else "")
