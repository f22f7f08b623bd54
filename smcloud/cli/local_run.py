"""The whole job in this process, as ``smcloud run`` does it: the flow of the schedule, with a server of its own."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from smcloud.cli.console import log, silence_libraries


def run_job(config: Path, truth: str | None = None) -> dict[str, Any]:
    """The flow in this process, unless the work is published already: that is known before anything heavy starts."""
    from smcloud.config import load_config
    from smcloud.pipeline import identity

    began = time.perf_counter()
    settings = load_config(config)
    release = identity.find(settings)
    if release is not None:
        if not identity.has_report(release, settings.store):
            from smcloud import pipeline

            pipeline.report(release, settings.store, truth=truth)
        return identity.summary("already published", release, settings.store, {"check": time.perf_counter() - began})
    from flows.server import own_server, wait_for_server
    from smcloud.pipeline.warmup import compiling_kernels

    # Workers of a gateway compile for themselves.
    with own_server(), compiling_kernels() if settings.cluster.kind == "local" else nullcontext():
        start = time.perf_counter()
        from smcloud import pipeline

        job = pipeline.check(settings)  # a bad input ends here, before Prefect is needed
        pipeline.require_years(settings, job)
        pipeline.require_budget(settings, job)
        log.info("starting Prefect ...")
        from flows.pipeline import run as flow

        _import_ahead()
        silence_libraries()  # again: Prefect sets levels when it is imported
        wait_for_server()
        # Only where others wait for its cluster is there an end to a run's time.
        limited = flow.with_options(timeout_seconds=0) if settings.cluster.kind == "local" else flow
        result: dict[str, Any] = limited(str(config), truth)
        total = time.perf_counter() - start
    result["seconds"]["prefect and cluster"] = round(total - sum(result["seconds"].values()), 2)
    return result


def _import_ahead() -> None:
    """Import what the stages will need, while Prefect's server comes up on another core."""
    from importlib import import_module

    from smcloud.cluster import load_distributed

    load_distributed()
    for name in ("xskillscore", "intake", "matplotlib.figure"):
        import_module(name)
