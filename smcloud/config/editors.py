"""The JSON schema of a configuration, as editors read it, and the line of a file that leads them to it."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smcloud.config.key_texts import TEXTS
from smcloud.config.run import PRESETS, RunConfig

FOLDER = ".smcloud"  # beside the files that smcloud writes for people
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


def schema_line(name: str) -> str:
    """The first line of a YAML file beside which :func:`keep_schema` keeps the schema ``name``."""
    return f"# yaml-language-server: $schema=./{FOLDER}/{name}.schema.json\n"


def keep_schema(name: str, schema: dict[str, Any], beside: Path) -> None:
    """Write the schema whole into the folder :data:`FOLDER` of ``beside``; one of an earlier version is replaced."""
    folder = beside / FOLDER
    folder.mkdir(exist_ok=True)
    whole = folder / f"{uuid.uuid4().hex}.tmp"
    whole.write_text(json.dumps(schema, indent=1) + "\n", "utf-8")
    os.replace(whole, folder / f"{name}.schema.json")


def with_texts(schema: dict[str, Any], texts: Mapping[str, Mapping[str, tuple[str, str]]]) -> dict[str, Any]:
    """Add to every key of a model's ``schema`` its description and unit, by class and key; returns the schema."""
    classes = schema["$defs"] | {schema["title"]: schema}
    for name, keys in texts.items():
        for key, (text, unit) in keys.items():
            classes[name]["properties"][key] |= {"description": text} | ({"unit": unit} if unit else {})
    return schema
