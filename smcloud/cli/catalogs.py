"""The commands ``smcloud catalog ...``: check a catalog of yours, look up and copy the entries of the public one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smcloud.cli.console import say
from smcloud.cli.options import App, Debug, Json

app = App(help="Work with catalogs of sources.", no_args_is_help=True)


@app.command("check", epilog="Example: smcloud catalog check catalogs/public.yaml")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A catalog of sources.")],
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Check a catalog against its schema without running anything from it, and list what could not be reached."""
    from smcloud.catalog import check_entries, load_catalog
    from smcloud.cube import require_convertible
    from smcloud.errors import SmcloudError, all_at_once, noting

    catalog = load_catalog(file)
    problems: list[SmcloudError] = []
    entries: dict[str, str] = {}
    with noting(problems):
        require_convertible(catalog)
    with noting(problems):
        entries = check_entries(catalog)
    all_at_once(problems)
    if json_:
        print(json.dumps({"status": "valid", "entries": entries}, indent=1))
        return
    for name, state in entries.items():
        say(f"{name:<24} {state}")
    unreached = sum(state.startswith("unreachable") for state in entries.values())
    say(f"{file} is valid: {len(entries)} entries, {unreached} could not be reached")


@app.command("list", epilog="Example: smcloud catalog list")
def list_(json_: Json = False, debug: Debug = False) -> None:
    """List the entries of the public catalog, which comes with smcloud."""
    from smcloud.catalog.public import public_catalog

    described = {name: entry.description for name, entry in public_catalog().sources.items()}
    if json_:
        print(json.dumps(described, indent=1))
        return
    width = max(map(len, described))
    for name, text in described.items():
        say(f"{name:<{width}}  {text if len(text) <= 110 else f'{text[:107]}...'}")
    say("smcloud catalog show NAME prints one, smcloud catalog copy NAME --to my-catalog.yaml takes it over")


def _entries(incomplete: str) -> list[str]:
    """What a shell may complete ``incomplete`` to."""
    from smcloud.catalog.public import public_catalog

    return [name for name in public_catalog().sources if name.startswith(incomplete)]


@app.command(epilog="Example: smcloud catalog show era5_monthly")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="An entry of the public catalog.", autocompletion=_entries)
    ],
    debug: Debug = False,
) -> None:
    """Print an entry of the public catalog as it stands there, in YAML."""
    from smcloud.catalog.public import public_texts

    print(public_texts([name])[name], end="")


@app.command(epilog="Example: smcloud catalog copy esa_cci_sm era5_monthly --to my-catalog.yaml")
def copy(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Entries of the public catalog.", autocompletion=_entries)
    ],
    to: Annotated[Path, typer.Option("--to", help="The file that is written; it must not exist.")],
    debug: Debug = False,
) -> None:
    """Write a catalog of your own with entries of the public one, to be corrected."""
    from smcloud.catalog.public import copy_public

    copy_public(names, to)
    say(f"{to}: {', '.join(names)}; next: smcloud catalog check {to}")
