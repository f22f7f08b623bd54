"""The JSON schema of a configuration, as editors read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smcloud.config.key_texts import TEXTS
from smcloud.config.run import PRESETS, RunConfig

WRITTEN = ("preset", "period", "catalog", "inputs", "store")  # what no preset supplies


def config_schema() -> dict[str, Any]:
    """Return the schema of what a file may hold: keys of sections that a preset supplies may be left out."""
    schema = with_texts(RunConfig.model_json_schema(), TEXTS)
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


def with_texts(schema: dict[str, Any], texts: Mapping[str, Mapping[str, tuple[str, str]]]) -> dict[str, Any]:
    """Add to every key of a model's ``schema`` its description and unit, by class and key; returns the schema."""
    classes = schema["$defs"] | {schema["title"]: schema}
    for name, keys in texts.items():
        for key, (text, unit) in keys.items():
            classes[name]["properties"][key] |= {"description": text} | ({"unit": unit} if unit else {})
    return schema
