"""What the process that leads a run holds while workers of their own compute: ``python -m tests.benchmarks.client``.

A made globe of 0.05 degrees with one role and as few years as a trend needs; ``--world`` names another of
:data:`tests.benchmarks.plan.WORLDS`. The bytes of the client are those beyond what it held before the stage.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.peak import peak
from tests.benchmarks.plan import GLOBE, WORLDS, World, write_world

FINE = World(0.05, GLOBE, 3)


def measure(world: World, folder: Path, roles: tuple[str, ...]) -> dict[str, Any]:
    """Run both stages on one worker process of two threads; the peak of this process, as planned and as found."""
    from distributed import LocalCluster

    from smcloud import pipeline
    from smcloud.config import load_config

    path = write_world(world, folder, roles=roles)
    settings = yaml.safe_load(path.read_text())
    settings["inputs"] = {role: source for role, source in settings["inputs"].items() if role in (*roles, "land_mask")}
    settings["years"] = {"min_years": 3, "ends": None}
    path.write_text(yaml.safe_dump(settings))
    config = load_config(path)
    job = pipeline.check(config)
    planned = {stage.name: stage.client_memory for stage in pipeline.plan(config, job).stages}
    out: dict[str, Any] = {}
    cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None)
    with cluster, cluster.get_client():
        for stage in ("ingest", "compute"):
            getattr(pipeline, stage)(config, job)
            out[stage] = {"planned": planned[stage], "found": peak()}
    return out


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=list(WORLDS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = WORLDS[options.world] if options.world else FINE
        print(json.dumps(measure(world, Path(folder), ("soil_moisture",))))


if __name__ == "__main__":
    main()
