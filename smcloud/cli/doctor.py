"""The command ``smcloud doctor``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from smcloud.cli.console import exit_code, say
from smcloud.cli.options import Debug, Json


def doctor(
    asked: Annotated[
        str | None, typer.Argument(metavar="[CONFIG | STORE]", help="A configuration, or a store; else this machine.")
    ] = None,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Try what a run needs (versions, cache, credentials, sources, store, gateway), and say what to do.

    A store is tried by creating and removing one object, a gateway by a cluster of one worker. The exit code is that
    of the first thing that is wrong.
    """
    from smcloud.pipeline.doctor import examine

    checks = []
    for check in examine(asked):
        checks.append(check)
        if json_:
            continue
        if check.error is None:
            say(f"ok     {check.name:<14} {check.found}")
            continue
        for error in (check.error, *check.error.others):
            say(f"WRONG  {check.name:<14} {error.what}: {error.found}")
            say(f"       {'':<14} expected: {error.expected} ({error.where})")
            say(f"       {'':<14} next: {error.next}")
    wrong = [check.error for check in checks if check.error is not None]
    if json_:
        status = "wrong" if wrong else "ok"
        print(json.dumps({"status": status, "checks": [check.record() for check in checks]}, indent=1))
    elif not wrong:
        say("nothing is wrong")
    if wrong:
        raise typer.Exit(exit_code(wrong[0]))
