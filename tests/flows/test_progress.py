"""What is told of a stage while it runs: on a terminal, in a log, on Prefect's pages, and nowhere else."""

import io
import logging
import sys
import threading

import dask
import httpx
import pytest
from prefect.artifacts import Artifact

from flows import artifacts, progress
from smcloud.cluster import open_cluster
from smcloud.cluster import progress as telling
from smcloud.config import Cluster

# The local cluster's threads are this process', so a task may wait for an event of the module.
seen = threading.Event()


class Terminal(io.StringIO):
    """Says that it is one, and when it was told that all tasks but one are done."""

    def isatty(self):
        return True

    def write(self, text):
        if "10 of 11 tasks" in text:
            seen.set()
        return super().write(text)


def done(number):
    return number


def divide(one, other):
    return one / other


def waiting(number):
    return seen.wait(20)


def test_the_terminal_sees_tasks_go_by_and_is_left_clean(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Terminal())
    caplog.set_level(logging.INFO, "smcloud")
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.1)
    seen.clear()
    with open_cluster(Cluster(workers=2)) as client:  # one thread waits
        with progress.watched(client, "before"):
            dask.compute(*map(dask.delayed(done), range(5)))
        with progress.watched(client, "ingest"):
            dask.compute(*map(dask.delayed(done), range(10)), dask.delayed(waiting)(0))
    assert "ingest: 10 of 11 tasks" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\r\x1b[K")


def test_a_log_gets_a_plain_line_now_and_then(monkeypatch, caplog, capsys):
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(telling, "LOG_EVERY", 2)

    class Waits(logging.Handler):
        def emit(self, record):
            if "10 of 11 tasks" in record.getMessage():
                seen.set()

    seen.clear()
    caplog.set_level(logging.INFO, "smcloud")
    caplog.handler.addFilter(lambda record: Waits().emit(record) or True)
    with open_cluster(Cluster(workers=2)) as client, progress.watched(client, "ingest"):
        dask.compute(*map(dask.delayed(done), range(10)), dask.delayed(waiting)(0))
    assert seen.is_set() and "\r" not in caplog.text and capsys.readouterr().err == ""


def test_who_wants_no_messages_gets_none(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Terminal())
    caplog.set_level(logging.ERROR, "smcloud")
    with open_cluster(Cluster(workers=1)) as client, progress.watched(client, "ingest"):
        dask.compute(dask.delayed(done)(1))
    assert sys.stderr.getvalue() == ""


def test_prefect_gets_a_bar_with_the_dashboards_link(monkeypatch):
    monkeypatch.setattr(telling, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(telling, "ALSO_EVERY", 1)
    moved = []
    move = progress.move_progress
    monkeypatch.setattr(progress, "move_progress", lambda *what: (moved.append(what[1:]), seen.set(), move(*what)))
    seen.clear()
    link = "http://127.0.0.1:1/status"
    with open_cluster(Cluster(workers=1)) as client, progress.watched(client, "test-bar", link):
        dask.compute(dask.delayed(done)(0), dask.delayed(waiting)(0))
    bar = Artifact.get("smcloud-test-bar")
    assert bar is not None and (bar.type, bar.data) == ("progress", 100.0)
    assert bar.description == "test-bar: 2 of 2 tasks, [dashboard](http://127.0.0.1:1/status)"
    assert moved[0][0] < 100.0


def test_a_server_that_takes_no_artifact_does_not_end_the_run(monkeypatch, caplog):
    def refused(**what):
        raise httpx.ConnectError("away")

    monkeypatch.setattr(artifacts, "get_client", refused)
    with open_cluster(Cluster(workers=1)) as client, progress.watched(client, "ingest", "http://127.0.0.1:1"):
        dask.compute(dask.delayed(done)(1))


def test_an_error_of_the_stage_is_what_comes_out():
    with open_cluster(Cluster(workers=1)) as client:
        told = progress.watched(client, "ingest")
        with pytest.raises(ZeroDivisionError), told:
            dask.compute(dask.delayed(divide)(1, 0))
