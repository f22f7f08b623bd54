"""A cube is brought up to date at the cost of what changed."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from smcloud.errors import CoverageError, RangeError, SourceChangedError
from smcloud.store import Prefix
from tests.pipeline.refreshes import assert_as_built_anew, content, place, shared, until, warmer


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_new_month_costs_its_time_chunk_and_the_same_again_nothing(ingest):
    first, before = ingest("2003-12", chunk=1)
    assert (first.status, first.new, first.recomputed) == ("built", (), ())
    kept = content(before)
    record, job = ingest("2004-01", chunk=1)
    assert record.as_json() == {
        "inventory_sha256": sha256_of(place(job) / "inventory.json"),
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
def test_a_part_of_an_earlier_cube_is_copied_and_nothing_is_computed(ingest):
    first, _ = ingest("2004-12", chunk=1)
    record, job = ingest("2003-12", chunk=1)
    assert (record.status, record.previous, record.new, record.recomputed) == ("refreshed", first.url, (), ())
    assert shared(job, first.url) == [0, 1, 2, 3]
    assert_as_built_anew(job, ingest, "2003-12", chunk=1)


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
    cubes = [path.name for path in (tmp_path / "store" / "cube").glob("*") if path.suffix == ".zarr"]
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
    pointer = f"{before.cube_id}.1.sealed"
    assert {path.name for path in (Path(before.store) / "cube").iterdir()} == {place(before).name, pointer}
    assert content(before) == kept
    assert ingest("2004-01")[0].previous == first.url
