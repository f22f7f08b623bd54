"""A run whose process is gone without a word: a server with our automation marks it as crashed."""

import subprocess
import sys
import time

import pytest
import yaml

from infra.local.servers import ROOT, prefect, prefect_server

pytestmark = pytest.mark.timeout(400)
AUTOMATIONS = ROOT / "infra" / "prefect" / "automations.yaml"
RUN = """
import time
from prefect import flow
from prefect.runtime import flow_run

@flow(name="smcloud-run")
def run():
    print(flow_run.id, flush=True)
    time.sleep(600)

run()
"""


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    with prefect_server(tmp_path):
        yield tmp_path


def test_a_run_without_a_heartbeat_is_marked_as_crashed(server, monkeypatch):
    text = yaml.safe_load(AUTOMATIONS.read_text())
    (ours,) = text["automations"]
    ours["trigger"]["within"] = 35  # a heartbeat comes every 30 s at the most
    (server / "automations.yaml").write_text(yaml.safe_dump(text))
    prefect("automation", "create", "--from-file", server / "automations.yaml")
    monkeypatch.setenv("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", "30")
    with subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        time.sleep(35)  # the first heartbeat has come
        process.kill()
    end = time.monotonic() + 200
    while "Crashed" not in (state := prefect("flow-run", "inspect", run_id)) and time.monotonic() < end:
        time.sleep(2)
    assert "Crashed" in state and "no heartbeat" in state
