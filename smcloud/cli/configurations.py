"""The commands ``smcloud config ...``: check a configuration alone, and its schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smcloud.cli.console import say
from smcloud.cli.options import App, Debug, Json

app = App(help="Work with configurations of runs.", no_args_is_help=True)


@app.command(epilog="Example: smcloud config check study.yaml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML configuration of a run.")],
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Check a configuration and that its catalog has the entries, all problems at once; no source is opened."""
    from smcloud.catalog import load_catalog
    from smcloud.config import dropped_drivers, load_config
    from smcloud.errors import SmcloudError, all_at_once, noting

    config = load_config(file)
    catalog = load_catalog(config.catalog)
    problems: list[SmcloudError] = []
    for role, reference in config.inputs.items():
        with noting(problems):
            catalog.spec(role, reference)
    all_at_once(problems)
    dropped = dropped_drivers(config)
    if json_:
        record = {"preset": config.preset, "changed": list(config.changed), "dropped_drivers": dropped}
        print(json.dumps({"status": "valid"} | record, indent=1))
        return
    for role, reference in config.inputs.items():
        say(f"{role:<24} {reference}")
    say(f"preset {config.preset}, changed: {', '.join(config.changed) or 'nothing'}")
    if dropped:
        say(f"drivers of the preset without an input, left out: {', '.join(dropped)}")
    say(f"{file} is valid")


@app.command(epilog="Example: smcloud config schema > study.schema.json")
def schema(
    catalog: Annotated[bool, typer.Option("--catalog", help="That of a catalog instead.")] = False,
    debug: Debug = False,
) -> None:
    """Print the JSON schema of a configuration, for editors that complete and check YAML.

    Name it in the first line of a file: # yaml-language-server: $schema=study.schema.json
    """
    from smcloud.catalog.public import catalog_schema
    from smcloud.config.editors import config_schema

    print(json.dumps(catalog_schema() if catalog else config_schema(), indent=1))
