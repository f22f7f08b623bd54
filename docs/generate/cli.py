"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer.main

from docs.generate.tables import cell, code, markdown, page, table
from smcloud.cli.app import app


def commands(command: Any = None, name: str = "smcloud") -> Iterator[tuple[str, Any]]:
    """All commands by their full names, groups before what they hold."""
    found = typer.main.get_command(app) if command is None else command
    yield name, found
    for word, below in sorted(getattr(found, "commands", {}).items()):
        yield from commands(below, f"{name} {word}")


def _usage(name: str, command: Any) -> str:
    words = [(parameter.metavar or parameter.name.upper()) for parameter in arguments(command)]
    return " ".join([name, *words, *(["COMMAND"] if hasattr(command, "commands") else []), "[OPTIONS]"])


def arguments(command: Any) -> list[Any]:
    """The positional parameters of ``command``."""
    return [one for one in command.params if one.param_type_name == "argument"]


def options(command: Any) -> list[Any]:
    """The options of ``command``."""
    return [one for one in command.params if one.param_type_name == "option"]


def _row(parameter: Any) -> tuple[str, str, str]:
    if parameter.param_type_name == "argument":
        shown = parameter.metavar or parameter.name.upper()
    else:
        words = ", ".join((*parameter.opts, *parameter.secondary_opts))
        flag = getattr(parameter, "is_flag", False)
        shown = words if flag else f"{words} {parameter.metavar or _kind(parameter)}"
    default = parameter.default
    if default in (None, "", False, ()) or callable(default) or default == []:
        default = ""
    return code(shown), cell(parameter.help or ""), "required" if parameter.required else code(default)


def _kind(parameter: Any) -> str:
    kind = str(parameter.type_descriptor.annotation)
    return "PATH" if "Path" in kind else "NUMBER" if "int" in kind or "float" in kind else "TEXT"


def _section(name: str, command: Any) -> str:
    rows = [_row(one) for one in (*arguments(command), *options(command)) if one.name != "help"]
    parts = [f"## {name}", markdown(inspect.cleandoc(command.help or "")), f"```text\n{_usage(name, command)}\n```"]
    if rows:
        parts.append(table(("argument or option", "does", "default"), rows))
    if command.epilog:
        parts.append(f"Example: `{command.epilog.partition(': ')[2]}`")
    return "\n\n".join(parts)


def cli_page() -> str:
    """The page of the command line."""
    first = (
        "`smcloud COMMAND --help` shows the same. With `--json` a command prints one JSON object, for errors too; "
        "`--debug` shows tracebacks. Every command ends with one of the [exit codes](errors.md): 0 done or done "
        "already, 2 usage, 3 bad or damaged data, 4 not reachable, 5 conflict, 6 interrupted, 1 a defect; "
        "the same thing has the same code in [every command](../../how-to/scripts.md)."
    )
    return page("Command line", first, *(_section(name, command) for name, command in commands()))
