"""Progress of a stage on the cluster: one line on a terminal that is written anew, or now and then a line in a log."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from smcloud.cluster.health import count_tasks
from smcloud.io_errors import fault_of

if TYPE_CHECKING:
    from distributed import Client

LOOK_SECONDS, ALSO_EVERY, LOG_EVERY = 1.0, 5, 30  # a terminal sees every look
JOIN_SECONDS = 15.0  # for one that is told and answers late
log = logging.getLogger("smcloud")


@contextmanager
def telling(client: Client, stage: str, also: Callable[[int, int], None] | None = None) -> Iterator[None]:
    """While the context lasts, tell how many of the tasks that the scheduler knows are done, where messages are wanted.

    ``also`` is told now and then how many of this stage are done, and how many are left.
    """
    before, _ = count_tasks(client)
    wanted, over = log.isEnabledFor(logging.INFO), threading.Event()
    terminal = wanted and sys.stderr.isatty()

    def tell() -> None:
        turn = 0
        while not over.wait(LOOK_SECONDS):
            turn += 1
            try:
                seen, left = count_tasks(client)
            except Exception as err:  # the stage reports a cluster that is lost or closing
                if fault_of(err) == "lost" or over.is_set():
                    return
                raise
            done = seen - before
            if terminal:
                print(f"\r\x1b[K{in_words(stage, done, left)}", end="", file=sys.stderr, flush=True)
            elif wanted and turn % LOG_EVERY == 0:
                log.info("%s", in_words(stage, done, left))
            if also is not None and turn % ALSO_EVERY == 0:
                also(done, left)

    teller = threading.Thread(target=tell, name=f"progress of {stage}", daemon=True)
    if wanted or also is not None:
        teller.start()
    try:
        yield
    finally:
        over.set()
        if teller.is_alive():  # what it tells must not come after the end
            teller.join(JOIN_SECONDS)
        if terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def in_words(stage: str, done: int, left: int) -> str:
    """Describe the progress in one line; the number of all tasks grows while a stage submits its parts."""
    return f"{stage}: {done} of {done + left} tasks"
