"""A Prefect server for a run in this process, started beside it and ended with it.

It takes some 15 seconds to come up, mostly for its database, so it is started before anything else and waited for
last. Nothing here imports Prefect.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from smcloud.errors import UnreachableError

LOOPBACK = "127.0.0.1"
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
    """Start a server with a database of its own, so that two runs never share a file, and name it to Prefect.

    It is still coming up when the context begins (:func:`wait_for_server`), and ends with it. Nothing is started where
    ``PREFECT_API_URL`` names a server already. Prefect must not have been imported before.
    """
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    # The socket listens from the start: who asks early is answered when the server is up, or refused when it died.
    with (
        tempfile.TemporaryDirectory(prefix="smcloud-prefect-", ignore_cleanup_errors=True) as home,
        socket.create_server((LOOPBACK, 0)) as listening,
    ):
        os.environ["PREFECT_API_URL"] = f"http://{LOOPBACK}:{listening.getsockname()[1]}/api"
        os.environ.setdefault("PREFECT_HOME", home)
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listening.fileno())],
            env=os.environ | SMALL,
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,  # it ends with us, however we end
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us: the flow still has to tell the server how it ended
        )
        listening.close()
        try:
            yield
        finally:
            del os.environ["PREFECT_API_URL"]
            if os.environ["PREFECT_HOME"] == home:
                del os.environ["PREFECT_HOME"]
            server.terminate()
            try:
                server.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            if server.stdin:
                server.stdin.close()


def wait_for_server() -> None:
    """Return when the server that ``PREFECT_API_URL`` names answers; raises :class:`UnreachableError`."""
    url = os.environ["PREFECT_API_URL"].rstrip("/")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=UP_SECONDS):
            return
    except urllib.error.HTTPError:  # it answers, if only to ask who we are
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
