"""Output on the terminal: one message and exit code for every error, messages on the way, and no noise of libraries."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from smcloud.errors import InterruptedRunError, SmcloudError, UnexpectedError
from smcloud.secrecy import printable, told, told_lines, watch_logs

INTERRUPTED = 130  # what typer answers to a KeyboardInterrupt
EXIT_CODES = {"integrity": 3}  # by code of an error, where another one than its class names: damaged bytes are bad data
AGAIN_SECONDS = 0.1
signals: list[int] = []  # signals that asked this process to stop
log = logging.getLogger("smcloud")


@dataclass
class Asked:
    """Output options of every command; typer stores them here while it reads the command line."""

    json: bool = False
    debug: bool = False
    verbose: bool = False
    quiet: bool = False


def remember(ctx: Any, param: Any, given: bool) -> bool:
    """Remember an output option (typer's callback): what ends the command later is shown accordingly."""
    asked = ctx.find_object(Asked)
    if asked is not None and given:
        name = str(param.name).rstrip("_")
        setattr(asked, name, True)
        if name in ("debug", "verbose"):
            _speak_up()
        if name == "quiet":
            _show_logs(logging.ERROR)
    return given


def call(app: Callable[..., Any], given: Sequence[str]) -> NoReturn:
    """Run the command line ``given``: every error becomes one message and the exit code of its class."""
    warnings.simplefilter("ignore", SyntaxWarning)  # old escapes in a dependency's docstrings say nothing to a user
    asked = Asked()
    silence_libraries()
    warnings.formatwarning = _told_warning
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
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
    sys.exit(exit_code(err))


def exit_code(err: SmcloudError | type[SmcloudError]) -> int:
    """The exit code of an error or its class, the same in every command."""
    return EXIT_CODES.get(err.code, err.exit_code)


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


def _unraisable(what: Any) -> None:
    """What Python does with an error that nobody can catch, as it came while something was collected.

    A request to stop is made once more, a moment later. What dask-gateway's client raises there, closed as it is, is
    passed over.
    """
    if isinstance(what.exc_value, KeyboardInterrupt) and signals:
        again = threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), signals[-1]))
        again.daemon = True
        again.start()
    elif not str(getattr(what.object, "__module__", "")).startswith("dask_gateway"):
        sys.__unraisablehook__(what)


def _speak_up() -> None:
    """Undo the silencing, and show all messages of smcloud."""
    os.environ.pop("DASK_LOGGING__DISTRIBUTED", None)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.NOTSET)
    _show_logs(logging.DEBUG)


def _show_logs(level: int) -> None:
    """Show warnings of all, and messages of smcloud from ``level`` on: what libraries quote is a stranger's too."""
    logging.basicConfig(stream=sys.stderr, format="%(message)s")
    logging.getLogger().setLevel(max(level, logging.WARNING))
    watch_logs(*logging.getLogger().handlers)
    log.setLevel(level)


def _told_parts(part: Any) -> Any:
    """A record with all its texts as they may be shown."""
    if isinstance(part, dict):
        return {key: _told_parts(value) for key, value in part.items()}
    return [_told_parts(value) for value in part] if isinstance(part, list) else told(part)


def _told_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> str:
    return f"{category.__name__}: {told(message)}\n"
