"""Output on the terminal: results, one message and exit code for every error, and no noise of libraries."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from smcloud.errors import InterruptedRunError, SmcloudError, UnexpectedError
from smcloud.plan import size
from smcloud.secrecy import printable, told, told_lines, watch_logs

INTERRUPTED = 130  # what typer answers to a KeyboardInterrupt
signals: list[int] = []  # signals that asked this process to stop
log = logging.getLogger("smcloud")


@dataclass
class Asked:
    """Output options of every command; typer stores them here while it reads the command line."""

    json: bool = False
    debug: bool = False


def remember(ctx: typer.Context, param: typer.CallbackParam, given: bool) -> bool:
    """Remember ``--json`` and ``--debug`` (typer's callback): what ends the command later is shown accordingly."""
    asked = ctx.find_object(Asked)
    if asked is not None and given:
        setattr(asked, str(param.name).rstrip("_"), True)
        if param.name == "debug":
            _speak_up()
    return given


def call(app: Callable[..., Any], given: Sequence[str]) -> NoReturn:
    """Run the command line ``given``: every error becomes one message and the exit code of its class."""
    warnings.simplefilter("ignore", SyntaxWarning)  # old escapes in a dependency's docstrings say nothing to a user
    asked = Asked()
    silence_libraries()
    warnings.formatwarning = _told_warning
    if sys.stderr.isatty():
        _show_logs(logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        code = app(args=list(given), standalone_mode=False, obj=asked)
    except SmcloudError as err:
        _fail(err, asked)
    except Exception as err:
        if signals:  # Ctrl-C reaches Prefect's server too, and its client may fail before we are through
            _fail_interrupted(given, asked)
        if type(err).__name__ == "NoArgsIsHelpError":  # a group alone: its help is shown
            sys.exit(0)
        if hasattr(err, "format_message"):  # click's usage errors
            _read_what_there_is(err, given)
            _fail_usage(err.format_message(), getattr(err, "exit_code", 2), asked.json)
        _fail(UnexpectedError(f"{type(err).__name__}: {err}", next="run again with --debug for the traceback"), asked)
    if code == INTERRUPTED:
        _fail_interrupted(given, asked)
    sys.exit(code or 0)


def _read_what_there_is(err: Any, given: Sequence[str]) -> None:
    """Read the other options despite a wrong one: click stops at that one."""
    ctx = getattr(err, "ctx", None)
    if ctx is None:
        return
    parser = ctx.command.make_parser(ctx)
    parser.ignore_unknown_options = True
    with suppress(Exception):  # other problems need no second message
        options, rest, _ = parser.parse_args(list(given))
        # The command that is named may be one that does not exist.
        ctx.find_object(Asked).json = bool(options.get("json_")) or "--json" in rest


def _stop(number: int, frame: object) -> NoReturn:
    signals.append(number)
    silence_libraries()
    raise KeyboardInterrupt


def _fail_interrupted(given: Sequence[str], asked: Asked) -> NoReturn:
    err = InterruptedRunError(
        "the run was interrupted; what is sealed stays, and nothing unfinished is visible",
        where="this process",
        found="Ctrl-C or a termination signal",
        expected="a run to its end",
        next=f"smcloud {' '.join(given)}",
    )
    _fail(err, asked)


def _fail(err: SmcloudError, asked: Asked) -> NoReturn:
    if asked.debug:
        print(told_lines(traceback.format_exc()), file=sys.stderr)
    _print_error(err.record(), f"error [{err.code}]: {err}", asked.json)
    sys.exit(err.exit_code)


def _fail_usage(message: str, code: int, as_json: bool) -> NoReturn:
    remedy = "smcloud --help"
    record = {"code": "usage", "what": message, "where": "", "found": "", "expected": "", "next": remedy}
    _print_error(record, f"error [usage]: {message}\n  next:     {remedy}", as_json)
    sys.exit(code)


def _print_error(record: dict[str, str], text: str, as_json: bool) -> None:
    shown = json.dumps(_told_parts(record)) if as_json else told_lines(text)
    print(shown, file=sys.stdout if as_json else sys.stderr)


def say(line: str) -> None:
    """Print a line of a result: what a store or a catalog says never steers the terminal, nor adds a line."""
    print(printable(line))


NOISY = ("asyncio", "gcsfs", "distributed", "distributed.worker.state_machine", "prefect._internal")


def silence_libraries() -> None:
    """Silence libraries that print tracebacks before, or instead of, our message; ``--debug`` shows our error's own."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # it sets its levels when it is imported
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _speak_up() -> None:
    """Undo the silencing, and show all messages of smcloud."""
    os.environ.pop("DASK_LOGGING__DISTRIBUTED", None)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _show_logs(logging.DEBUG)


def _show_logs(level: int) -> None:
    """Show warnings of all, and messages of smcloud from ``level`` on: what libraries quote is a stranger's too."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    watch_logs(*logging.getLogger().handlers)
    log.setLevel(level)


def _told_parts(part: Any) -> Any:
    """A record with all its texts as they may be shown."""
    if isinstance(part, dict):
        return {key: _told_parts(value) for key, value in part.items()}
    return [_told_parts(value) for value in part] if isinstance(part, list) else told(part)


def _told_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
    return f"{category.__name__}: {told(message)}\n"


def print_run(result: dict[str, Any], as_json: bool) -> None:
    """Print what a run did and where its results are, and its scorecard on the sample world."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    say(f"{result['status']}: release {result['release']} (run {result['run_id']}, cube {result['cube_id']})")
    for name, url in result["products"].items():
        say(f"  {name:<9} {url}")
    say(f"  {'report':<9} {result['report']}")
    if result.get("scorecard"):
        from smcloud.report import markdown, scorecard_table

        print("\nscorecard against the known truth")
        for line in markdown(scorecard_table(result["scorecard"])).split("\n"):
            say(line)
    print()
    say("seconds: " + ", ".join(f"{stage} {spent:.1f}" for stage, spent in result["seconds"].items()))


def print_plan(record: dict[str, Any], as_json: bool) -> None:
    """Print the stages of a plan, one per line, and their total."""
    if as_json:
        print(json.dumps(record, indent=1, allow_nan=False))
        return
    columns = {
        "chunks": "chunks", "tasks": "tasks", "graphs": "graphs", "bytes_read": "read", "bytes_written": "written",
        "get_requests": "GETs", "put_requests": "PUTs", "worker_memory": "worker", "client_memory": "client",
        "seconds": "minutes",
    }  # fmt: skip
    say(f"{record['plan']}{': ' if record['note'] else ''}{record['note']}")
    say(f"{'':<8}" + "".join(f"{title:>12}" for title in columns.values()))
    for name, amounts in (record["stages"] | {"total": record["total"]}).items():
        say(f"{name:<8}" + "".join(f"{_amount(key, amounts[key]):>12}" for key in columns))
    say(f"on {record['workers']} x {record['worker_cores']} cores; bytes as decoded, memory is the peak of a process")
    for line in _money(record["money"]):
        say(line)


def _money(bill: dict[str, Any]) -> list[str]:
    """The lines of a bill: amounts, where its prices are from, and what is not in it."""
    lines = []
    if "once" in bill:
        parts = [f"{name} {_currency(amount)}" for name, amount in bill["once"].items()]
        lines.append(f"money: about {_currency(bill['once_total'])} {bill['currency']} once ({', '.join(parts)})")
        for name, amount in bill["each_month"].items():
            lines.append(f"money: about {_currency(amount)} {bill['currency']} a month ({name})")
        prices = bill["prices"].values()
        levels = {level: sum(price["level"] == level for price in prices) for level in ("assumed", "read", "own")}
        said = ", ".join(f"{count} {level}" for level, count in levels.items() if count)
        days = sorted({price["as_of"] for price in prices})
        lines.append(f"money: prices of {bill['place'] or 'sources'} ({said}), written down {' and '.join(days)}")
    return lines + [f"money: {note}" for note in bill["notes"]]


def _currency(amount: float) -> str:
    return "below 0.01" if 0 < amount < 0.01 else f"{amount:,.2f}"


def _amount(key: str, value: int) -> str:
    if key.startswith("bytes") or key.endswith("memory"):
        return size(value)
    return f"{value / 60:,.1f}" if key == "seconds" else f"{value:,}"


def print_record(result: dict[str, Any], as_json: bool) -> None:
    """Print a small record, one line for each key."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    width = max(map(len, result))
    for key, value in result.items():
        if isinstance(value, dict):
            say(key)
            for name, part in value.items():
                say(f"  {name:<{width}} {part}")
        else:
            say(f"{key:<{width}} {', '.join(value) if isinstance(value, list) else value}")
