"""A cube is brought up to date at the cost of what changed, and is the cube that a full build makes."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from smcloud import pipeline
from smcloud import store as stores
from smcloud.config import load_config
from smcloud.errors import CoverageError, IntegrityError, RangeError, SourceChangedError
from smcloud.pipeline import incremental
from smcloud.store import Lineage, Prefix, Store
from smcloud.store.layout import TEMPORARY

# A static role, soil moisture and one that changes are enough, and each costs its time.
FEW = {"inputs": dict.fromkeys(("soil_moisture", "soil_temperature", "aridity_index"), "world")}


def until(end, edit=lambda ds: None, chunk=3):
    """The small world from 2000 to ``end``, edited, in time chunks of ``chunk`` months."""

    def change(ds):
        ds = ds.sel(time=slice(None, end)).copy(deep=True)
        edit(ds)
        return ds.chunk(time=chunk)

    return change


def warmer(*months):
    def edit(ds):
        for month in months:
            ds["soil_temperature"].loc[{"time": month}] += 1

    return edit


@pytest.fixture
def ingest(small_world, tmp_path):
    """A function that writes the world and brings its cube about; ``fresh`` in an empty store. Returns record, job."""

    def run(
        end,
        edit=lambda ds: None,
        last=None,
        fresh=None,
        chunk=3,
        start="2000-01",
        entry=lambda source: None,
        **overrides,
    ):
        period = {"start": start, "end": last or end}
        path = small_world(until(end, edit, chunk), entry, period=period, **FEW | overrides)
        config = load_config(path)
        if fresh:
            config = config.model_copy(update={"store": str(tmp_path / fresh)})
        job = pipeline.check(config)
        return pipeline.ingest(config, job), job

    return run


def place(job):
    return Path(Store.open(job.store).join(stores.cube_path(job.cube_id)))


def content(job):
    """The objects of a cube; a process that is killed while it writes one leaves its temporary file beside it."""
    files = (f for f in place(job).rglob("*") if f.is_file() and not f.name.startswith(TEMPORARY))
    return {str(f.relative_to(place(job))): f.read_bytes() for f in files}


def shared(job, previous):
    """Time chunks of soil temperature that are one file with the earlier cube's."""
    chunks = sorted(place(job).glob("soil_temperature/c/*/0/0"), key=lambda f: int(f.parts[-3]))
    there = Path(job.store) / previous
    return [i for i, f in enumerate(chunks) if (there / f.relative_to(place(job))).exists()
            and f.samefile(there / f.relative_to(place(job)))]  # fmt: skip


BUILT = {}


def assert_as_built_anew(job, ingest, *arguments, **keywords):
    """Equal Datasets, and equal bytes: metadata, chunks, record and inventory. One full build serves all tests."""
    if job.cube_id not in BUILT:
        record, other = ingest(*arguments, fresh="anew", **keywords)
        assert record.status == "built" and other.cube_id == job.cube_id
        opened = [xr.open_zarr(place(each)).load() for each in (job, other)]
        xr.testing.assert_identical(*opened)
        BUILT[job.cube_id] = content(other)
    ours, theirs = content(job), BUILT[job.cube_id]
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if ours[key] != theirs[key]] == []


@pytest.mark.slow
def test_a_new_month_costs_its_time_chunk_and_the_same_again_nothing(ingest):
    first, before = ingest("2003-12", chunk=1)
    assert (first.status, first.new, first.recomputed) == ("built", (), ())
    kept = content(before)
    record, job = ingest("2004-01", chunk=1)
    assert record.as_json() == {
        "id": job.cube_id, "url": f"cube/{job.cube_id}.zarr", "period": ["2000-01", "2004-01"], "status": "refreshed",
        "provisional": [], "built": True, "previous": first.url, "new": ["2004-01"], "recomputed": [],
    }  # fmt: skip
    assert shared(job, first.url) == [0, 1, 2, 3]
    assert_as_built_anew(job, ingest, "2004-01", chunk=1)
    again, _ = ingest("2004-01", chunk=1)
    assert (again.status, again.built) == ("already there", False)
    # One more month: the chunk that it falls into is computed, and only the month is named.
    record, job = ingest("2004-02", chunk=1)
    assert (record.new, record.recomputed) == (("2004-02",), ())
    assert shared(job, record.previous) == [0, 1, 2, 3]
    assert content(before) == kept


@pytest.mark.slow
def test_a_changed_past_is_recomputed_where_it_changed(ingest):
    edit = warmer("2001-03", "2001-07", "2003-12")
    first, _ = ingest("2003-12", chunk=1)
    record, job = ingest("2004-01", edit, chunk=1)
    assert record.status == "refreshed"
    assert (record.recomputed, record.new) == (("2001-03", "2001-07", "2003-12"), ("2004-01",))
    assert shared(job, first.url) == [0, 2]
    assert_as_built_anew(job, ingest, "2004-01", edit, chunk=1)


@pytest.mark.slow
def test_of_a_longer_source_chunk_every_month_counts_as_changed(ingest):
    ingest("2003-12", chunk=6)
    record, _ = ingest("2003-12", warmer("2002-09"), chunk=6)
    assert record.recomputed == tuple(f"2002-{month:02d}" for month in range(7, 13))


@pytest.mark.slow
def test_what_lies_beyond_the_period_is_another_state_and_the_same_cube(ingest):
    first, before = ingest("2003-12")
    record, job = ingest("2004-06", last="2003-12")
    assert (record.status, record.id) == ("already there", first.id)
    assert job.inputs["soil_temperature"].state != before.inputs["soil_temperature"].state
    assert job.run_id == before.run_id


@pytest.mark.slow
def test_the_latest_complete_year_rolls_on(ingest):
    ingest("2003-12", last="latest-complete-year")
    assert ingest("2004-11", last="latest-complete-year")[0].status == "already there"
    record, _ = ingest("2004-12", last="latest-complete-year")
    assert (record.status, record.period) == ("refreshed", ("2000-01", "2004-12"))
    assert record.new == tuple(f"2004-{month:02d}" for month in range(1, 13))


@pytest.mark.slow
def test_a_provisional_month_that_became_final_is_recomputed(ingest):
    def ends(final, provisional):
        return lambda ds: ds.attrs.update(valid_time_stop=final, valid_time_stop_era5t=provisional)

    attributes = {"attr": "valid_time_stop", "provisional_attr": "valid_time_stop_era5t"}

    def run(final, provisional="2003-12-31"):
        edit = ends(final, provisional)
        return ingest("2003-12", edit, chunk=1, entry=lambda source: source["metadata"].update(valid_end=attributes))

    first, _ = run("2003-10-31")
    assert first.provisional == ("2003-11", "2003-12")
    # What stays provisional may have been revised with the statement: it is recomputed too.
    record, job = run("2003-11-30")
    assert (record.status, record.recomputed) == ("refreshed", ("2003-11", "2003-12"))
    assert shared(job, first.url) == [0, 1, 2]
    assert xr.open_zarr(place(job))["provisional"].values.tolist() == [0] * 47 + [1]
    assert job.inputs["soil_moisture"].source == {"valid_end": "2003-11-30", "provisional_end": "2003-12-31"}
    assert json.loads((place(job) / "made-from.json").read_text())["sources"]["soil_moisture"]["valid_end"]
    assert run("2003-11-30")[0].status == "already there"
    record, _ = run("2003-12-31")
    assert (record.recomputed, record.provisional) == (("2003-12",), ())


@pytest.mark.slow
def test_a_month_that_is_too_empty_is_refused_by_a_refresh_as_by_a_full_build(ingest):
    def emptied(ds):
        ds["soil_temperature"].loc[{"time": "2004-01", "lat": slice(-90, 30)}] = np.nan

    _, before = ingest("2003-12", chunk=1)
    kept, found = content(before), []
    for fresh in (None, "anew"):
        with pytest.raises(CoverageError) as caught:
            ingest("2004-01", emptied, chunk=1, fresh=fresh)
        found.append(caught.value.record())
    assert found[0] == found[1] and "2004-01" in found[0]["found"]
    assert content(before) == kept


@pytest.mark.slow
def test_the_years_of_leaf_area_are_compared_across_the_chunks(ingest):
    inputs = dict.fromkeys(("soil_moisture", "lai"), "world")
    ingest("2001-12", chunk=1, inputs=inputs)
    record, job = ingest("2002-01", chunk=1, inputs=inputs)
    assert record.status == "refreshed"
    counters = json.loads((place(job) / "made-from.json").read_text())["counters"]
    yearly = counters["lai"]["yearly"]
    assert "yearly" not in counters["soil_moisture"] and list(yearly)[-1] == "2002-01" and len(yearly) == 13
    assert yearly["2002-01"] > 0  # the first month of the chunk that was computed
    assert_as_built_anew(job, ingest, "2002-01", chunk=1, inputs=inputs)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["2003-12", "2004-01"])
def test_a_source_that_changes_in_the_middle_is_refused(ingest, tmp_path, monkeypatch, end):
    _, before = ingest("2003-12", chunk=1) if end != "2003-12" else (None, None)
    kept = content(before) if before else {}
    real = Prefix.region_writes

    def write(*arguments):
        until(end, warmer("2002-05"), 1)(xr.open_zarr(tmp_path / "world.zarr", consolidated=False).load())[
            ["soil_temperature"]
        ].drop_encoding().to_zarr(tmp_path / "world.zarr", mode="a", consolidated=False)
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Prefix, "region_writes", write)
        with pytest.raises(SourceChangedError) as caught:
            ingest(end, chunk=1)
    assert "world" in caught.value.where and "again" in caught.value.next and caught.value.exit_code == 6
    cubes = [path.name for path in (tmp_path / "store" / "cube").glob("*")]
    assert cubes == ([place(before).name] if before else [])
    assert not before or content(before) == kept
    assert ingest(end, warmer("2002-05"), chunk=1)[0].built


@pytest.mark.slow
@pytest.mark.parametrize("what", ["static", "flags", "start", "code", "axis"])
def test_what_all_months_share_is_built_anew(ingest, what, monkeypatch):
    ingest("2003-12")
    keywords = {}
    if what == "static":
        keywords["edit"] = lambda ds: np.multiply(ds["aridity_index"], 2, out=ds["aridity_index"].values)
    if what == "axis":
        keywords["edit"] = lambda ds: ds.update({"lon": ds["lon"] + 30})
    if what == "flags":
        keywords["flags"] = {"drop_barren": True}
    if what == "code":
        monkeypatch.setattr("smcloud.pipeline.identity.cube_code", lambda: "another version")
    if what == "start":
        keywords["start"] = "2001-01"
    record, _ = ingest("2003-12", **keywords)
    assert (record.status, record.previous) == ("built", None)


@pytest.mark.slow
def test_values_out_of_range_leave_the_earlier_cube_and_nothing_else(ingest):
    def broken(ds):
        ds["soil_temperature"].loc[{"time": "2004-01"}] = 999.0

    first, before = ingest("2003-12")
    kept = content(before)
    with pytest.raises(RangeError, match="soil_temperature"):
        ingest("2004-01", broken)
    assert [path.name for path in (Path(before.store) / "cube").iterdir()] == [place(before).name]
    assert content(before) == kept
    assert ingest("2004-01")[0].previous == first.url


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
        end = time.monotonic() + 50
        while process.poll() is None and not sign() and time.monotonic() < end:
            time.sleep(0.001)
        return process.poll() is None and sign()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
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
    assert (record.status, record.id) == ("already there", job.cube_id)


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


@pytest.mark.slow
def test_copies_are_not_read_again_but_a_lost_one_is_noticed(ingest, monkeypatch):
    ingest("2003-12")
    read, keys = Prefix.read, []
    monkeypatch.setattr(Prefix, "read", lambda prefix, name: keys.append(f"{prefix.path}/{name}") or read(prefix, name))
    _, job = ingest("2004-01")
    chunks = [key for key in keys if key.startswith(stores.cube_path(job.cube_id)) and "temperature/c/" in key]
    assert chunks == [f"{stores.cube_path(job.cube_id)}/soil_temperature/c/4/0/0"]

    real = Prefix.seal

    def lose(prefix, *rest):
        Path(prefix.key("soil_temperature/c/0/0/0")).unlink()
        short = Path(prefix.key("soil_temperature/c/1/0/0"))
        content = short.read_bytes()
        short.unlink()
        short.write_bytes(content[:-1])
        return real(prefix, *rest)

    monkeypatch.setattr(Prefix, "seal", lose)
    with pytest.raises(IntegrityError) as caught:
        ingest("2004-02")
    assert "soil_temperature/c/0/0/0 (missing)" in caught.value.found
    assert "soil_temperature/c/1/0/0 (" in caught.value.found


@pytest.mark.slow
def test_an_earlier_cube_that_lost_a_chunk_is_not_built_upon(ingest):
    _, before = ingest("2003-12")
    (place(before) / "soil_temperature/c/2/0/0").unlink()
    record, job = ingest("2004-01")
    assert (record.status, record.previous) == ("built", None)
    assert_as_built_anew(job, ingest, "2004-01")


def lineage_of(end, count, changed=None, **changes):
    digests = [f"{i}" for i in range(count)]
    if changed is not None:
        digests[changed] = "changed"
    parts = {"basis": "b", "period": ("2000-03", end), "provisional": (),
             "roles": {"z": ("z",) * count, "a": tuple(digests), "static": "s"}}  # fmt: skip
    return Lineage(**parts | changes)


def test_the_nearest_earlier_cube_is_chosen_and_runs_are_whole_time_chunks():
    wanted = lineage_of("2005-01", 59, changed=13)
    stored = {
        "far": lineage_of("2004-12", 58),
        "near": lineage_of("2004-12", 58, changed=13),
        "other": lineage_of("2005-01", 59, basis="c"),
        "short": lineage_of("2000-12", 10),
    }
    update = incremental.best_update(wanted, stored)
    assert update == incremental.CubeUpdate("near", ["2005-01"], [], [(48, 59)])
    assert incremental.compare(wanted, "far", stored["far"]).runs == [(12, 24), (48, 59)]
    assert incremental.compare(wanted, "far", stored["far"]).recomputed == ["2001-04"]
    assert incremental.best_update(wanted, {key: stored[key] for key in ("other", "short")}) is None
    # A record that ends earlier: its last, shorter chunk is another chunk.
    assert incremental.compare(lineage_of("2004-11", 57), "far", stored["far"]).runs == [(48, 57)]
    neighbours = lineage_of("2004-12", 58, provisional=("2001-05", "2002-05"))
    assert incremental.compare(neighbours, "far", stored["far"]).runs == [(12, 36)]


# --------------------------------------------------------------------------------- sets of NetCDF files


@pytest.fixture
def files(small_world, tmp_path, monkeypatch):
    """A function that writes one file per year, and ingests them. Returns the record and the files opened for it."""
    opened, written = [], {}
    spans = importlib.import_module("smcloud.catalog.fingerprints.file_spans")
    real = spans._span
    monkeypatch.setattr(spans, "_span", lambda *args: opened.append(Path(args[2]).name) or real(*args))

    def entry(source):
        source["driver"] = "netcdf"
        source["args"] = {"urlpath": "{{ CATALOG_DIR }}/files/*.nc"}

    def run(end, edit=lambda ds: None, store="store"):
        only = {"inputs": dict.fromkeys(("soil_moisture", "soil_temperature"), "world")}
        path = small_world(entry=entry, period={"start": "2000-01", "end": end}, **only)
        (tmp_path / "files").mkdir(exist_ok=True)
        world = until(end, edit)(xr.open_zarr(tmp_path / "world.zarr", consolidated=False).load()).load()
        for year, ds in world.groupby("time.year"):
            if written.get(year) is not None and ds.identical(written[year]):
                continue  # HDF5 stamps the time of writing into the file
            written[year] = ds
            ds.drop_encoding().to_netcdf(tmp_path / "files" / f"{year}.nc", engine="h5netcdf")
        config = load_config(path).model_copy(update={"store": str(tmp_path / store)})
        opened.clear()
        job = pipeline.check(config)
        record = pipeline.ingest(config, job)
        return record, replace(job, opened=None), list(opened)  # its files stay open as long as it is held

    return run


@pytest.mark.slow
def test_only_files_that_are_not_known_are_opened_for_their_time_stamps(files):
    first, _, opened = files("2002-12")
    assert opened == ["2000.nc", "2001.nc", "2002.nc"]
    record, _, opened = files("2002-12")
    assert (record.status, opened) == ("already there", [])
    record, job, opened = files("2003-12", warmer("2001-05"))
    assert opened == ["2001.nc", "2003.nc"]
    assert (record.status, record.previous) == ("refreshed", first.url)
    assert record.recomputed == tuple(f"2001-{month:02d}" for month in range(1, 13))
    assert record.new == tuple(f"2003-{month:02d}" for month in range(1, 13))
    assert shared(job, first.url) == [0, 2]
    _, other, _ = files("2003-12", warmer("2001-05"), store="anew")
    assert content(other) == content(job)
