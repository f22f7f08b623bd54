"""A release with everything in it: the sample world, the rigorous preset, and each choice that adds a variable."""

from __future__ import annotations

from pathlib import Path

from smcloud import pipeline
from smcloud.config import parse_config
from smcloud.sample.demo import SEED, configuration, prepare_demo

PUBLISHER = {
    "name": "Water Lab",
    "institution": "University of Somewhere",
    "email": "data@example.org",
    "url": "https://data.example.org/soil",
    "licence": "CC-BY-4.0",
}
NAMES = ("annual", "trend", "drivers", "ddww", "regional", "strata", "sensitivity", "cube")


def publish_everything(folder: Path) -> str:
    """Publish it below ``folder``; returns the path of the store."""
    prepare_demo(folder / "inputs", folder / "store", SEED, 5.0)
    config = parse_config(
        configuration(folder / "store")
        | {"preset": "rigorous", "publisher": PUBLISHER, "attribution": {"lmg": True, "lags": [0, 1]}}
        | {"annual": {"seasons": ["DJF", "JJA", "growing"]}, "sensitivity": {"publish": True}}
    )
    job = pipeline.check(config)
    pipeline.publish(config, job, pipeline.ingest(config, job), pipeline.compute(config, job))
    return job.store
