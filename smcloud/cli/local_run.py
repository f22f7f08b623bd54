"""The whole job in this process, as ``smcloud run`` does it: the flow of the schedule, with its own server."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from smcloud.cli.console import log, silence_libraries

if TYPE_CHECKING:
    from smcloud.pipeline.publish import RunRecord


def run_job(config: Path, truth: str | None = None, allow_older: str = "") -> RunRecord:
    """Run the flow in this process, unless the work is published already: known before anything heavy starts.

    ``allow_older`` is the reason why the release may step back behind the newest one.
    """
    from smcloud.config import load_config
    from smcloud.pipeline.publish import RunRecord, published

    found, states = published(str(config), truth)
    if found is not None:
        return found
    settings = load_config(config)
    from flows.server import own_server, wait_for_server
    from smcloud.pipeline.warmup import compiling_kernels

    # Workers of a gateway compile for themselves.
    with own_server(), compiling_kernels() if settings.cluster.kind == "local" else nullcontext():
        start = time.perf_counter()
        from smcloud.pipeline.runner import checked

        job = checked(settings, states)  # a bad input ends here, before Prefect is needed
        check_seconds = time.perf_counter() - start
        log.info("starting Prefect ...")
        from flows.pipeline import checked_job
        from flows.pipeline import run as flow

        _import_ahead()
        if log.level != logging.DEBUG:
            silence_libraries()  # again: Prefect sets levels when it is imported
        wait_for_server()
        # A run has a time limit only where others wait for its cluster.
        limited = flow.with_options(timeout_seconds=0) if settings.cluster.kind == "local" else flow
        handed_over = checked_job.set(job)
        try:
            record = RunRecord.model_validate(limited(str(config), truth, allow_older))
        finally:
            checked_job.reset(handed_over)
        total = time.perf_counter() - start
    seconds = {"check": round(check_seconds, 2)} | dict(record.seconds)
    seconds["prefect and cluster"] = round(total - sum(seconds.values()), 2)
    return record.model_copy(update={"seconds": seconds})


def _import_ahead() -> None:
    """Import what the stages will need, while Prefect's server comes up on another core."""
    from importlib import import_module

    from smcloud.cluster import load_distributed

    load_distributed()
    for name in ("xskillscore", "intake", "matplotlib.figure"):
        import_module(name)
