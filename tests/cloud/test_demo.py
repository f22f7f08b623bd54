"""`make cloud-demo` as a command: on S3 to its end, and interrupted; nothing that it started is left."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from infra.local.servers import ROOT

OTHERS = ("PREFECT_", "DASK_", "STORAGE_", "AWS_", "SMCLOUD_")  # another cloud may be running beside it
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def demo(tmp_path):
    """A function that starts the demo, its words in a file; by the end of the test it has gone."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "infra.local.cloud_demo", *arguments]
        variables = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
        with (tmp_path / "out").open("wb") as out:
            started.append(
                subprocess.Popen(command, cwd=ROOT, env=variables, stdout=out, stderr=out, start_new_session=True)
            )
        return started[-1], tmp_path / "out"

    yield start
    for each in started:
        if each.poll() is None:
            each.send_signal(signal.SIGINT)
            each.wait(120)


def family_once(demo, *words, seconds=500):
    """All processes that the demo has started, when one of them has these words."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and demo.poll() is None:
        family = psutil.Process(demo.pid).children(recursive=True)
        for each in family:
            try:
                if all(word in " ".join(each.cmdline()) for word in words):
                    return family
            except psutil.Error:  # it has gone, or is only just there
                continue
        time.sleep(0.1)
    raise AssertionError(f"no process with {words}")


def test_the_demo_on_s3_says_what_it_made_and_cost(demo):
    process, out = demo("--store", "s3")
    assert process.wait(800) == 0, out.read_text()
    said = out.read_text()
    assert "s3://smcloud/store/reports/" in said and "published: release 1" in said and "already published" in said
    first, second = re.findall(r"bytes: read ([\d,]+), written ([\d,]+) in ([\d,]+) requests", said)
    read, written, requests = (int(number.replace(",", "")) for number in first)
    assert read > 10**6 and written > 10**6 and requests > 500
    assert int(second[2].replace(",", "")) < requests / 5
    assert re.search(r"tasks: ingest \d+, compute \d+", said) and "seconds: check" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(demo, number):
    process, out = demo()
    # SIGINT while workers compute, SIGTERM while servers start.
    family = family_once(process, "dask worker" if number == signal.SIGINT else "dask-gateway-server")
    process.send_signal(number)
    process.send_signal(number)  # who is impatient changes nothing
    assert process.wait(120) == 128 + number, out.read_text()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []


def test_a_demo_that_fails_leaves_no_process(demo):
    process, out = demo()
    family = family_once(process, "prefect", "server", "start")
    (store,) = [each for each in family if "tests.cloud.gcs" in " ".join(each.cmdline())]
    store.kill()
    assert process.wait(300) not in (0, None), out.read_text()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
