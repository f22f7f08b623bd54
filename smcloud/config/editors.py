"""The JSON schema of a configuration, as editors read it."""

from __future__ import annotations

from typing import Any

from smcloud.config.run import PRESETS, RunConfig

WRITTEN = ("preset", "period", "catalog", "inputs", "store")  # what no preset supplies


def config_schema() -> dict[str, Any]:
    """Return the schema of what a file may hold: keys of sections that a preset supplies may be left out."""
    schema = RunConfig.model_json_schema()
    for made in ("levels", "changed"):  # nobody writes these
        schema["properties"].pop(made, None)
    schema["properties"]["preset"]["enum"] = sorted(path.stem for path in PRESETS.glob("*.yaml"))
    for part in schema["$defs"].values():
        part.pop("required", None)
    return schema | {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of smcloud",
        "required": list(WRITTEN),
    }
