"""A server of the run's own comes up, answers, and is gone afterwards."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from flows import server as server_module
from flows.server import DATABASE, own_server, wait_for_server
from smcloud.errors import UnreachableError


def test_it_ends_with_its_context(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.delenv("PREFECT_HOME", raising=False)  # that of the session's server
    with own_server():
        wait_for_server()
        url = os.environ["PREFECT_API_URL"]
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert answer.read() == b"true"
    assert "PREFECT_API_URL" not in os.environ
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(UnreachableError, match="does not answer") as caught:
        wait_for_server()
    assert "refused" in caught.value.found


def test_the_database_of_a_home_that_is_named_is_left_alone(monkeypatch, tmp_path):
    kept = tmp_path / DATABASE
    kept.write_bytes(b"runs of years")
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setattr(server_module, "read_kept", lambda path: b"an empty database")
    monkeypatch.setattr(server_module.subprocess, "Popen", lambda *given, **named: Ended())
    with own_server():
        assert kept.read_bytes() == b"runs of years"
    monkeypatch.delenv("PREFECT_HOME")
    with own_server():
        assert Path(os.environ["PREFECT_HOME"], DATABASE).read_bytes() == b"an empty database"


class Ended:
    """A process that is over."""

    stdin = None

    def terminate(self):
        pass

    def wait(self, seconds=None):
        return 0


def test_a_server_that_is_named_is_used():
    url = os.environ["PREFECT_API_URL"]
    with own_server():
        assert os.environ["PREFECT_API_URL"] == url
    assert os.environ["PREFECT_API_URL"] == url


def test_it_ends_with_a_process_that_is_killed(monkeypatch):
    code = "import os, signal; from flows.server import own_server\nwith own_server(): " \
           "print(os.environ['PREFECT_API_URL'], flush=True); signal.pause()"  # fmt: skip
    variables = {key: value for key, value in os.environ.items() if key not in ("PREFECT_API_URL", "PREFECT_HOME")}
    with subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True) as started:
        try:
            monkeypatch.setenv("PREFECT_API_URL", started.stdout.readline().strip())
            wait_for_server()
            (server,) = psutil.Process(started.pid).children()
            assert "flows.server" in server.cmdline()
        finally:
            started.kill()
    server.wait(20)
    assert not server.is_running()
