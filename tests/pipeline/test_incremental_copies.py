"""What a refresh copies and builds upon: chunks of an earlier cube, and files that it has seen."""

from pathlib import Path

import pytest

from smcloud import store as stores
from smcloud.errors import IntegrityError
from smcloud.pipeline import incremental
from smcloud.store import Lineage, Prefix
from tests.pipeline.refreshes import assert_as_built_anew, content, place, shared, warmer


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
