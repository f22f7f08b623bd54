"""A run on workers of their own: what the leading process holds, and what workers send to each other.

``python -m tests.benchmarks.client`` takes a made globe of 0.05 degrees with one role and as few years as a trend
needs; ``--world`` names another of :data:`tests.benchmarks.plan.WORLDS`, with all roles.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from smcloud.pipeline.planning.examples import ROLES
from tests.benchmarks.peak import peak
from tests.benchmarks.plan import GLOBE, WORLDS, World, write_world

FINE = World(0.05, GLOBE, 3)


def configured(world: World, folder: Path, roles: Sequence[str]) -> Path:
    """A made world and its configuration; without all roles there are no drivers and no zones."""
    path = write_world(world, folder, roles=roles)
    settings = yaml.safe_load(path.read_text())
    if len(roles) < len(ROLES):
        settings["inputs"] = dict.fromkeys((*roles, "land_mask"), "world")
    settings["years"] = {"min_years": min(world.years, 15), "ends": None}
    path.write_text(yaml.safe_dump(settings))
    return path


def measure(path: Path) -> dict[str, Any]:
    """Both stages on two workers of one thread: the peak of this process, planned and found, and bytes between workers.

    These are per byte that was read.
    """
    from distributed import LocalCluster

    from smcloud import pipeline
    from smcloud.config import load_config

    config = load_config(path)
    job = pipeline.check(config)
    planned = {stage.name: stage for stage in pipeline.plan(config, job).stages}
    out: dict[str, Any] = {}
    before = 0
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is that of the making
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0")
    with cluster, cluster.get_client() as client:
        for stage in ("ingest", "compute"):
            getattr(pipeline, stage)(config, job)
            sent = sum(client.run(_sent).values())
            out[stage] = {"planned": planned[stage].client_memory, "found": peak(),
                          "travelled": round((sent - before) / planned[stage].bytes_read, 4)}  # fmt: skip
            before = sent
    return out


def _sent(dask_worker: Any) -> int:
    return int(dask_worker.transfer_outgoing_bytes_total)


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=list(WORLDS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.world:
            path = configured(WORLDS[options.world], Path(folder), tuple(ROLES))
        else:
            path = configured(FINE, Path(folder), ("soil_moisture",))
        print(json.dumps(measure(path)))


if __name__ == "__main__":
    main()
