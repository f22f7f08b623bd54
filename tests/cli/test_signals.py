"""A run that is asked to stop: its exit code, what it leaves, what goes on from there. Readers need no permission."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from smcloud import store as stores
from smcloud.store import Store


def command(*arguments):
    return [sys.executable, "-m", "smcloud.cli", *map(str, arguments)]


def begun(store):
    return list(store.glob("cube/*.attempt-1-1.json"))


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_leaves_no_process_and_goes_on_later(small_world, tmp_path, number):
    config, store = small_world(), tmp_path / "store"
    run = subprocess.Popen(command("ingest", config), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not begun(store) and run.poll() is None:
        time.sleep(0.005)
    children = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(number)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 6, said
    assert "interrupted" in said and "Traceback" not in said and f"smcloud ingest {config}" in said
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert stores.list_releases(Store.open(store)) == []
    again = subprocess.run(command("ingest", config), capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 0, again.stderr
    assert sorted(path.suffix for path in (store / "cube").iterdir()) == [".sealed", ".zarr"]


@pytest.mark.e2e
@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"), reason="root may write anywhere")
def test_reading_commands_need_no_permission_to_write(published, tmp_path):
    store = tmp_path / "store"
    for folder in (store, *(path for path in store.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    # Root passes every check of permissions, unless it gives that up.
    drop = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if os.geteuid() == 0 else []
    try:
        for arguments in (("products", store), ("verify", store)):
            done = subprocess.run([*drop, *command(*arguments)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    finally:
        for folder in (store, *(path for path in store.rglob("*") if path.is_dir())):
            folder.chmod(0o755)


def test_a_request_to_stop_that_comes_while_something_is_collected_is_not_lost():
    code = """
import os, signal, sys, time
from smcloud.cli import console

class Late:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # the handler raises here, where nobody can catch it

sys.unraisablehook = console._unraisable
signal.signal(signal.SIGTERM, console._stop)
Late()
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["stopped"] and not done.stderr, done.stderr
