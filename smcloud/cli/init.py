"""The command ``smcloud init``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from smcloud.cli.console import say
from smcloud.cli.options import Debug, Json


def init(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FOLDER | FILE | URL]...", help="What to look at; this folder by default."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="ROLE[=NAME]", help="Look for this role, in the variable NAME; may be repeated."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The folder for catalog.yaml and study.yaml.")] = Path("."),
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Read a public bucket without credentials.")] = False,
    endpoint: Annotated[str, typer.Option("--endpoint", help="Address of an object store that speaks S3.")] = "",
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Write a first catalog.yaml and study.yaml for your files, with what was found in them as comments.

    What the files do not say is a line with CHOOSE, which is refused until it is filled. Nothing is written over.
    """
    from smcloud.first_study import look, write_both
    from smcloud.first_study.roles import parse_roles
    from smcloud.first_study.study import study_of
    from smcloud.first_study.writing import catalog_text, choices, require_free, study_text

    try:
        asked = parse_roles(role or ())
    except ValueError as err:
        raise typer.BadParameter(f"--role {err}") from err
    require_free(out)
    looked = look(places or ["."], out, asked, anonymous, endpoint)
    catalog = catalog_text(looked.drafts, looked.left, out)
    study = study_text(study_of(looked.drafts, looked.places, str(out / "catalog.yaml"), "smcloud-results"))
    paths = write_both(out, catalog, study)
    open_lines = {str(path): choices(text) for path, text in zip(paths, (catalog, study), strict=True)}
    following = [f"smcloud catalog check {shlex.quote(str(paths[0]))}", f"smcloud ingest {shlex.quote(str(paths[1]))}"]
    if json_:
        entries = {
            draft.name: {key: held["name"].value for key, held in draft.roles.items()} for draft in looked.drafts
        }
        left = [{"name": one.name, "why": one.why, "next": one.next} for one in looked.left]
        record = {"status": "written", "files": open_lines, "entries": entries, "left_out": left, "next": following}
        print(json.dumps(record, indent=1))
        return
    for draft in looked.drafts:
        say(f"{draft.name}: {', '.join(f'{key} = {held["name"].value}' for key, held in draft.roles.items())}")
    for one in looked.left:
        say(f"left out: {one.name}: {one.why}")
    for path, count in open_lines.items():
        say(f"{path}: {count} {'line' if count == 1 else 'lines'} with CHOOSE to fill")
    first = "edit the lines with CHOOSE, then " if any(open_lines.values()) else ""
    say(f"next: {first}{following[0]}, then {following[1]}")
