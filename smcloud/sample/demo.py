"""The embedded default: the sample world on disk and the configuration of a run on it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import yaml

from smcloud.config.code import code_digest
from smcloud.config.editors import config_schema, keep_schema, schema_line
from smcloud.sample.coefficients import Coefficients

CATALOG = Path(__file__).parents[2] / "catalogs" / "sample.yaml"
SEED = 20230501


def prepare_demo(
    inputs: Path, store: Path, seed: int = SEED, resolution: float = 5.0, coefficients: Coefficients | None = None
) -> tuple[Path, Path]:
    """Write the world into ``inputs`` unless this very world is there; returns (configuration file, truth.zarr).

    ``SMCLOUD_SAMPLE``, which the sample catalog refers to, is set to ``inputs`` for this process.
    """
    from smcloud.sample.native import write_world

    world = {"seed": seed, "resolution": resolution, "coefficients": asdict(coefficients or Coefficients())}
    made_of = json.dumps(world | {"code": code_digest(("smcloud.sample",))}, sort_keys=True)
    marker = inputs / "world.json"
    if not marker.is_file() or marker.read_text() != made_of:
        inputs.mkdir(parents=True, exist_ok=True)
        marker.unlink(missing_ok=True)
        write_world(inputs, seed=seed, resolution=resolution, coefficients=coefficients)
        marker.write_text(made_of)
    config = inputs / "demo.yaml"
    config.write_text(schema_line("study") + yaml.safe_dump(configuration(store), sort_keys=False))
    keep_schema("study", config_schema(), inputs)
    os.environ["SMCLOUD_SAMPLE"] = str(inputs)
    return config, inputs / "truth.zarr"


def truth_beside(store: str) -> str | None:
    """The truth of the world whose demo store this is, where :func:`prepare_demo` left it; else None."""
    truth = Path(f"{store}-inputs") / "truth.zarr"
    return str(truth) if "://" not in store and truth.is_dir() else None


def configuration(store: Path | str) -> dict[str, object]:
    """The configuration of a run on the sample world."""
    roles = {
        "soil_moisture": "esa_cci_sm",
        "precipitation": "era5",
        "soil_temperature": "era5",
        "lai": "lai",
        "aridity_index": "aridity",
    } | dict.fromkeys(("elevation", "land_cover", "clay", "sand", "land_mask"), "environment")
    return {
        "preset": "peng2023",
        "period": {"start": "2000-01", "end": "latest-complete-year"},
        "catalog": str(CATALOG),
        "inputs": roles,
        "grid": "native",
        "drivers": {"names": ["precipitation", "soil_temperature", "lai"]},
        "publisher": {"name": "smcloud demo", "licence": "CC0-1.0"},
        "store": str(store),
        "cluster": {"kind": "local"},
    }
