"""A refresh that is killed, or that has a twin, leaves the earlier cube, and the next run goes on."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
import xarray as xr

from smcloud import pipeline
from smcloud.config import load_config
from smcloud.pipeline import incremental
from smcloud.store import Prefix
from tests.pipeline.refreshes import FEW, assert_as_built_anew, content, place, until, warmer


class Crash(BaseException):
    """What no handler of the pipeline catches: the process is gone."""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["copies", "seal", "inventory"])
def test_a_crash_leaves_the_earlier_cube_and_the_next_run_goes_on(ingest, monkeypatch, where):
    _, before = ingest("2003-12")
    kept, edit = content(before), warmer("2001-03")

    def crash(*arguments, **keywords):
        raise Crash

    def crash_at_inventory(prefix, name, content, create=Prefix.create):
        if name == "inventory.json":
            raise Crash
        return create(prefix, name, content)

    real, links = os.link, []

    def seven_links(source, target):
        links.append(real(source, target))
        if len(links) == 7:
            raise Crash

    with monkeypatch.context() as patch:
        if where == "copies":
            patch.setattr(os, "link", seven_links)
        if where == "seal":
            patch.setattr(Prefix, "seal", crash)
        if where == "inventory":
            patch.setattr(Prefix, "create", crash_at_inventory)
        with pytest.raises(Crash):
            ingest("2004-01", edit)
    assert content(before) == kept
    record, job = ingest("2004-01", edit)
    assert record.status == "refreshed" and record.new == ("2004-01",)
    assert record.recomputed == ("2001-01", "2001-02", "2001-03")
    assert content(before) == kept
    assert_as_built_anew(job, ingest, "2004-01", edit)


def killed_when(config, sign):
    """Start ``smcloud ingest`` and kill all its processes once ``sign`` says so; whether it came while they worked."""
    command = [sys.executable, "-m", "smcloud.cli", "ingest", str(config)]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 300
        while process.poll() is None and not sign() and time.monotonic() < end:
            time.sleep(0.001)
        return process.poll() is None and sign()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
@pytest.mark.e2e
def test_a_killed_command_leaves_the_earlier_cube_and_the_next_run_goes_on(ingest, small_world, tmp_path):
    _, before = ingest("2003-12")
    kept, edit = content(before), warmer("2001-03")
    config = small_world(until("2004-01", edit), period={"start": "2000-01", "end": "2004-01"}, **FEW)
    probe = pipeline.check(load_config(config))
    new = place(probe)
    assert killed_when(config, lambda: any(new.glob("soil_temperature/c/*/*/*")))
    killed_when(config, (new / "made-from.json").exists)  # or just after the seal: both are good
    assert content(before) == kept
    xr.open_zarr(place(before)).load()
    record, job = ingest("2004-01", edit)
    assert record.status in ("refreshed", "already there") and job.cube_id == probe.cube_id
    assert content(before) == kept
    assert_as_built_anew(job, ingest, "2004-01", edit)


@pytest.mark.slow
def test_a_twin_that_seals_first_seals_for_both(ingest, small_world, monkeypatch):
    ingest("2003-12")
    path = small_world(change=until("2004-01"), period={"start": "2000-01", "end": "2004-01"}, **FEW)
    config = load_config(path)
    job, real, twins = pipeline.check(config), Prefix.seal, []

    def seal(*arguments):
        if not twins:
            twins.append(True)
            twins.append(pipeline.ingest(config, job))
        return real(*arguments)

    monkeypatch.setattr(Prefix, "seal", seal)
    record = pipeline.ingest(config, job)
    assert record.status == "refreshed" and record == twins[1]
    assert_as_built_anew(job, ingest, "2004-01")


@pytest.mark.slow
def test_twins_side_by_side_make_one_cube(ingest, small_world):
    ingest("2003-12")
    path = small_world(change=until("2004-01"), period={"start": "2000-01", "end": "2004-01"}, **FEW)
    config = load_config(path)
    job, ended = pipeline.check(config), []
    twins = [threading.Thread(target=lambda: ended.append(pipeline.ingest(config, job).id)) for _ in range(3)]
    for twin in twins:
        twin.start()
    for twin in twins:
        twin.join()
    assert ended == [job.cube_id] * 3
    assert_as_built_anew(job, ingest, "2004-01")


@pytest.mark.slow
def test_a_twin_that_seals_before_our_first_write_seals_for_both(ingest, monkeypatch):
    ingest("2003-12")
    real = incremental.best_update

    def overtaken(record, records):
        monkeypatch.setattr(incremental, "best_update", real)
        assert ingest("2004-01")[0].status == "refreshed"
        return real(record, records)

    monkeypatch.setattr(incremental, "best_update", overtaken)
    record, job = ingest("2004-01")
    assert (record.status, record.id) == ("refreshed", job.cube_id)
    assert [path.name for path in place(job).parent.glob(f"{job.cube_id}*.zarr")] == [place(job).name]
    assert_as_built_anew(job, ingest, "2004-01")


@pytest.mark.slow
def test_what_lies_in_the_place_of_a_copy_is_never_trusted(ingest):
    first, before = ingest("2003-12")
    _, probe = ingest("2004-01", fresh="probe")
    key = "soil_temperature/c/1/0/0"
    left = place(before).with_name(f"{probe.cube_id}.zarr") / key
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes((place(before) / key).stat().st_size))
    record, job = ingest("2004-01")
    assert record.previous == first.url and job.cube_id == probe.cube_id
    assert content(job) == content(probe)
