"""A Prefect server for a run in this process, started and stopped with it.

It takes seconds to come up, so it is started before anything else and waited for last; the tables of its database,
which take longest, are made once a machine. Nothing here imports Prefect.
"""

from __future__ import annotations

import importlib.metadata
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from smcloud.config.cache_folder import cache_folder, folder_for, keep, read_kept
from smcloud.errors import UnreachableError

LOOPBACK = "127.0.0.1"
DATABASE, HOME = "prefect.db", "smcloud-prefect-"
UP_SECONDS, END_SECONDS = 120, 10
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLIENT_MAX_RETRIES": "2",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
# A run in one process needs neither pages, nor blocks, nor the services of schedules.
SMALL = {
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


@contextmanager
def own_server() -> Iterator[None]:
    """Start a server with its own database, so that two runs never share a file, and give Prefect its address.

    It is still coming up when the context begins (:func:`wait_for_server`), and ends with it. Nothing is started where
    ``PREFECT_API_URL`` names a server already. Prefect must not have been imported before.
    """
    if "PREFECT_API_URL" in os.environ:
        with named_server(os.environ["PREFECT_API_URL"]):
            yield
        return
    with socket.create_server((LOOPBACK, 0)) as listening, named_server(address_of(listening)), serving(listening):
        yield


def address_of(listening: socket.socket) -> str:
    """Return the API address of the server that will answer on a socket that listens already."""
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}/api"


@contextmanager
def named_server(url: str) -> Iterator[None]:
    """Give Prefect the server's address while the context lasts, quietly; an address that is set already stays."""
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ["PREFECT_API_URL"]


@contextmanager
def serving(listening: socket.socket) -> Iterator[None]:
    """Run a server on a socket that listens: early requests are answered once it is up, or refused when it died."""
    with tempfile.TemporaryDirectory(prefix=HOME, ignore_cleanup_errors=True) as home:
        own_home = os.environ.setdefault("PREFECT_HOME", home) == home
        template = template_file()
        body = None if template is None else read_kept(template)
        if body is not None and own_home:  # the database of a home that is named holds what its user keeps
            Path(os.environ["PREFECT_HOME"], DATABASE).write_bytes(body)
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listening.fileno())],
            env=os.environ | SMALL,
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,  # the server ends with this process, however that ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process: the flow still has to tell the server how it ended
        )
        listening.close()
        try:
            yield
        finally:
            if own_home:
                del os.environ["PREFECT_HOME"]
            server.terminate()
            try:
                server.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            if server.stdin:
                server.stdin.close()


def template_file() -> Path | None:
    """Return the path of an empty database, named after the versions that shape it; None where none can be kept."""
    names = ("prefect", "sqlalchemy", "alembic")
    versions = "-".join(f"{name}{importlib.metadata.version(name)}" for name in names)
    folder = folder_for(cache_folder() / "prefect" / versions)
    return None if folder is None else folder / "database"


def keep_template() -> None:
    """Keep the database of a server that has just come up, unless one is kept: the next server need not make it.

    Making its tables takes longer than all else that a server does before it answers.
    """
    home, template = Path(os.environ.get("PREFECT_HOME", "")), template_file()
    # The database of another server holds its user's data.
    if template is None or not home.name.startswith(HOME) or read_kept(template) is not None:
        return
    database = home / DATABASE
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(":memory:")) as copy:
        if live.execute("SELECT count(*) FROM flow_run").fetchone() == (0,):
            live.backup(copy)
            keep(template, copy.serialize())


def wait_for_server() -> None:
    """Return when the server that ``PREFECT_API_URL`` names answers; raises :class:`UnreachableError`."""
    url = os.environ["PREFECT_API_URL"].rstrip("/")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=UP_SECONDS):
            keep_template()
    except urllib.error.HTTPError:  # it answers, even if only to ask for credentials
        return
    except OSError as err:
        raise UnreachableError(
            "the Prefect server does not answer",
            where=url,
            found=f"{type(err).__name__}: {err}",
            expected=f"an answer within {UP_SECONDS} s",
            next="unset PREFECT_API_URL for a server of the run's own, or start the one it names",
        ) from err


def _serve(descriptor: int) -> None:
    """Serve on a socket that listens already, until asked to end or until the process that started this one is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    import uvicorn

    uvicorn.run("prefect.server.api.server:create_app", factory=True, fd=descriptor, log_level="critical")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
