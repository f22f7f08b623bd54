"""A run on workers of their own: what the leading process holds, and what workers send to each other.

``python -m tests.benchmarks.client`` takes a made globe of 0.05 degrees with one role and as few years as a trend
and a shared autocorrelation need: what the leading process may hold are maps, which are as large as those of a long
record. It has zones, and half of its trends count as significant, so that classes of change are tested as on real
maps. ``--world`` names another of :data:`tests.benchmarks.plan.WORLDS`, with all roles.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from smcloud.pipeline.planning.examples import ROLES, STATIC
from smcloud.stats.status import FEWEST_PAIRS
from tests.benchmarks.peak import peak
from tests.benchmarks.plan import GLOBE, WORLDS, World, write_world

FINE = World(0.05, GLOBE, FEWEST_PAIRS + 1)  # with fewer years no cell tells an autocorrelation, and all are lonely


def configured(world: World, folder: Path, roles: Sequence[str]) -> Path:
    """A made world and its configuration; without all roles there are no drivers."""
    path = folder / "config.yaml"
    if not path.exists():
        write_world(world, folder, roles=roles)
    settings = yaml.safe_load(path.read_text())
    if len(roles) < len(ROLES):
        settings["inputs"] = dict.fromkeys((*roles, *STATIC), "world")
        settings["alpha"] = 0.5  # a test of so few years cannot find much
    settings["years"] = {"min_years": min(world.years, 15), "ends": None}
    path.write_text(yaml.safe_dump(settings))
    return path


def measure(path: Path) -> Iterator[dict[str, Any]]:
    """All stages, on two workers of one thread: peaks in bytes of this process and of a worker, planned and found.

    ``travelled`` are bytes between workers per byte that was read. Peaks are those of each stage by itself.
    """
    from distributed import LocalCluster

    from smcloud import pipeline
    from smcloud.config import load_config

    config = load_config(path)
    job = pipeline.check(config)
    planned = {stage.name: stage for stage in pipeline.plan(config, job).stages}
    made: dict[str, Any] = {}
    before = 0
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0")
    with cluster, cluster.get_client() as client:
        for name in ("ingest", "compute"):
            client.run(forget_peak)
            made[name], row = watched(partial(getattr(pipeline, name), config, job))
            sent, plan = sum(client.run(_sent).values()), planned[name]
            more = {"planned_client": plan.client_memory, "planned_worker": plan.worker_memory,
                    "travelled": round((sent - before) / plan.bytes_read, 4)}  # fmt: skip
            before = sent
            yield {"stage": name, **row, "worker": max(client.run(peak).values()), **more}
    release, row = watched(partial(pipeline.publish, config, job, made["ingest"], made["compute"]))
    yield {"stage": "publish", **row}
    _, row = watched(partial(pipeline.report, release, job.store))
    yield {"stage": "report", **row}


def watched(stage: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What ``stage`` returns, its seconds, and the peak of this process by it alone."""
    forget_peak()  # that of the stage before, or of the making of the world
    begin = time.perf_counter()
    made = stage()
    return made, {"seconds": round(time.perf_counter() - begin, 1), "client": peak()}


def forget_peak() -> None:
    """Begin a new peak of this process: the kernel counts it from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def _sent(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


def main() -> None:
    """Print a line of JSON for each stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=list(WORLDS))
    parser.add_argument("--folder", type=Path, help="where the world is made, and kept; by default it is removed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        if options.world:
            path = configured(WORLDS[options.world], folder, tuple(ROLES))
        else:
            path = configured(FINE, folder, ("soil_moisture",))
        for row in measure(path):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
