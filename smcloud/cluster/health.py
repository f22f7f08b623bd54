"""The state of the current client's cluster, of any kind of dask client."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client, Scheduler, Worker

TO_DO = ("waiting", "no-worker", "queued", "processing")


def wait_until_idle(seconds: float = 60.0) -> None:
    """Return when no worker of the current client runs a task any more, or after ``seconds``.

    A computation ends for its caller at the first error, while other tasks, which nobody waits for, still write.
    """
    end = time.monotonic() + seconds
    while any(on_each_worker(_running).values()) and time.monotonic() < end:
        time.sleep(0.05)


def _running(dask_worker: Worker) -> int:
    return dask_worker.state.executing_count


def count_tasks(client: Client) -> tuple[int, int]:
    """Count the tasks that the scheduler of ``client`` has seen done, and those that are still to do."""
    counts: tuple[int, int] = client.run_on_scheduler(_count)
    return counts


def _count(dask_scheduler: Scheduler) -> tuple[int, int]:
    done = sum(prefix.state_counts["memory"] for prefix in dask_scheduler.task_prefixes.values())
    left = sum(prefix.states[state] for prefix in dask_scheduler.task_prefixes.values() for state in TO_DO)
    return done, left


def on_each_worker(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Run ``function(*arguments)`` on each worker of the current client; results by address, empty without a client."""
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:  # no cluster
        return {}
    results: dict[str, Any] = client.run(function, *arguments)
    return results
