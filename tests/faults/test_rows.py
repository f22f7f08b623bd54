"""The rows of ``make faults`` at small sizes, on a disk and on object stores; and that each can fail."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smcloud.errors import IntegrityError, SmcloudError
from smcloud.store import Store, create_only, release_path
from smcloud.store.objects import read
from tests.faults import __main__ as command
from tests.faults import rows, server
from tests.faults.corruptions import DAMAGES, corrupt
from tests.faults.crashes import Killed, Killer, fill, killing, sweep
from tests.faults.power import cut
from tests.faults.races import fail_beside, ingest_beside, publish_at_once, read_under_publishing
from tests.faults.states import machine
from tests.faults.stores import stores
from tests.faults.work import Study

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(1200)  # a server of S3 in Python is slow, and slower beside others
@pytest.mark.parametrize("kind", ["disk", "gcs", "s3"])
def test_crashes(kind: str) -> None:
    with stores(kind) as new:
        counted = sweep(kind, new, step=16 if kind == "s3" else 9)
    assert counted["points"] > 3


@pytest.mark.parametrize("kind", ["disk", "gcs", "s3"])
def test_an_empty_record_is_read_as_empty_and_a_missing_one_as_none(kind: str) -> None:
    """An empty object has no range that could be asked for: stores answer with an error."""
    with stores(kind) as new:
        store = new()
        for number, content in ((1, b""), (2, b"{}")):
            create_only(store, release_path(number), content)
        assert [read(store, release_path(number)) for number in (1, 2, 3)] == [b"", b"{}", None]


def test_a_full_disk() -> None:
    with stores("disk") as new:
        assert fill(new, 7)["points"] > 3


def test_a_power_cut() -> None:
    with stores("disk") as new:
        assert cut(new, 5)["states"] > 5


@pytest.mark.parametrize("left_out", ["smcloud.store.disk._sync", "smcloud.store.objects.sync_tree"])
def test_a_cut_shows_what_was_not_synced(left_out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_out, lambda *paths: None)
    with stores("disk") as new, pytest.raises((AssertionError, SmcloudError)):
        cut(new)


def test_faults_of_a_server() -> None:
    counted = server.fail(7, lasting=0)
    assert counted["faults"] == 7


def test_a_killed_process_does_no_more(tmp_path: Path) -> None:
    killer = Killer(2, "half")
    with killing("disk", killer), pytest.raises(Killed):
        (tmp_path / "a").write_bytes(b"whole")
        (tmp_path / "b").write_bytes(b"half")
    with pytest.raises(Killed):
        killer.step()
    assert (tmp_path / "a").read_bytes() == b"whole" and (tmp_path / "b").read_bytes() == b"ha"


def test_a_sweep_sees_a_release_before_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the inventory written before the chunks were checked, a crash would leave a torn release."""
    monkeypatch.setattr("smcloud.store.integrity._checked", lambda place, names, metadata, copied: [])
    monkeypatch.setattr("smcloud.store.integrity._remove_leftovers", lambda place, sealed: None)
    with stores("disk") as new, pytest.raises((AssertionError, IntegrityError)):
        sweep("disk", new, 3)


@pytest.mark.parametrize("kind", ["disk", "gcs"])
def test_publishers(kind: str) -> None:
    with stores(kind) as new:
        counted = publish_at_once(new, 4)
    assert (counted["publishes"], counted["lost"], counted["twice"]) == (32, 0, 0)


def test_readers() -> None:
    with stores("disk") as new:
        counted = read_under_publishing(new, 1000)
    assert (counted["reads"], counted["bad"]) == (1000, 0) and counted["releases"] > 4
    assert json.loads(json.dumps(counted)) == counted  # a number of numpy could not be written down


@pytest.mark.parametrize("kind", ["disk", "gcs"])
def test_failing_twins(kind: str) -> None:
    with stores(kind) as new:
        counted = fail_beside(new, 6)
    assert counted["dead ids"] == 0 and counted["failed"] > 0


def test_a_failing_ingest_beside_another() -> None:
    with stores("disk") as new:
        assert ingest_beside(new, 2) == {"rounds": 2, "failed": 2, "dead ids": 0}


def test_failing_twins_of_one_folder_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all runs to write to the path of the id, as they once did, a failing one would take the others' objects."""
    monkeypatch.setattr("smcloud.store.attempts.folder_of", lambda path, number: path)
    with stores("disk") as new, pytest.raises((SmcloudError, AssertionError)):  # whatever is gone first
        counted = fail_beside(new, 12)
        assert counted["dead ids"] == 0


def test_corruptions() -> None:
    with stores("disk") as new:
        counted = corrupt(new, 5 * len(DAMAGES))
    assert counted == {"corruptions": 5 * len(DAMAGES), "not found": 0, "wrong values": 0}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_changes_something(tmp_path: Path, damage: Any) -> None:
    study = Study(Store.open(tmp_path / "store"))
    study.run(1)
    root = tmp_path / "store"
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    damage(random.Random(0), sorted(before), root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} != before


def test_a_reader_without_digests_would_be_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smcloud.store.lazy_reads.require_digest", lambda *args: None)
    monkeypatch.setattr("smcloud.store.sealed.require_digest", lambda *args: None)
    with stores("disk") as new:
        assert corrupt(new, 4 * len(DAMAGES))["wrong values"] > 0


TestAnyOrderOfEvents = machine(6, 20)


def test_the_table_names_what_is_wrong_and_what_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "faults.md")
    monkeypatch.setattr(command, "processes", lambda: ThreadPoolExecutor(1))  # which know the rows of this test
    two = {"one": lambda: {"points": 1200, "torn": 0}, "two": lambda: {"reads": 1, "bad": 2}}
    for module in (command, rows):
        monkeypatch.setattr(module, "ROWS", two)
    assert command.main(["--only", "one"]) == 0
    page = (tmp_path / "faults.md").read_text()
    assert "| one | 1,200 points | 0 torn |" in page and "| two | not measured |" in page
    assert command.main([]) == 1
    assert "| two | 1 reads | 2 bad |" in (tmp_path / "faults.md").read_text()
    results = json.loads((tmp_path / "results.json").read_text())
    results["one"]["code"] = "another"
    (tmp_path / "results.json").write_text(json.dumps(results))
    monkeypatch.setitem(rows.ROWS, "one", lambda: pytest.fail("measured again"))
    monkeypatch.setattr(command, "code_digest", lambda modules: "another")
    assert command.main(["--only", "two"]) == 1
    assert "(of earlier code)" not in (tmp_path / "faults.md").read_text()


def test_a_row_that_breaks_off_is_an_error_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(command, "PAGE", tmp_path / "faults.md")
    monkeypatch.setattr(command, "processes", lambda: ThreadPoolExecutor(1))
    for module in (command, rows):
        monkeypatch.setattr(module, "ROWS", {"one": lambda: {"points": 1 // 0}, "two": lambda: {"reads": 1, "bad": 0}})
    assert command.main([]) == 1 and "one: ZeroDivisionError" in capsys.readouterr().err
    page = (tmp_path / "faults.md").read_text()
    assert "| two | 1 reads | 0 bad |" in page and "| one | not measured |" in page


def test_a_process_of_its_own_finds_its_row() -> None:
    """What is given to it must lie in a module that it can import: that of a command it cannot."""
    with command.processes() as pool:
        assert repr(pool.submit(rows.measured, "no such row").exception()) == "KeyError('no such row')"
