"""An object that shows whether another process sees the same store."""

from __future__ import annotations

from pathlib import Path

from smcloud.store import Store, can_read, probe, require_store


def test_it_is_seen_while_it_lasts_and_only_in_this_store(tmp_path: Path) -> None:
    store, other = Store.open(tmp_path / "a" / "store"), Store.open(tmp_path / "other")
    with probe(store) as path:
        assert can_read(store, path) == ""
        assert "another store" in can_read(other, path)
        require_store(store)  # it is no foreign object
    assert "another store" in can_read(store, path)
    assert not [found for found in (tmp_path / "a").rglob("*") if found.is_file()]


def test_what_a_worker_cannot_do_is_its_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = can_read(Store("nothing://bucket/store"), ".smcloud-probe-x")
    assert found and "another store" not in found
