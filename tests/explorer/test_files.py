"""What of the page a store gets, and what happens where it could not be built."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from smcloud.doors import render
from smcloud.doors.groups import read_groups
from smcloud.explorer import bundle, files
from smcloud.explorer.files import explorer_files
from smcloud.pipeline.publish import render_doors
from smcloud.products import palette
from smcloud.store import Store, newest_release, verify_all, write_doors
from smcloud.store.doors import door_problems

LOCKS = [bundle.HERE / "package-lock.json", Path(__file__).parent / "package-lock.json"]


def test_the_page_is_a_door_that_the_index_links_and_verify_knows(made):
    store, data = Store.open(made), Path(made) / "explorer" / "store.json"
    release = newest_release(store)
    told = json.loads(data.read_text())
    assert {name: entry["inventory_sha256"] for name, entry in told["products"].items()} == {
        name: entry.inventory_sha256 for name, entry in release.products.items()
    }
    assert told["palette"]["flags"]["ddww/ddww_class"]["1"] == palette.CLASS_COLOURS["DD"]
    assert 'href="explorer/index.html"' in (Path(made) / "index.html").read_text()
    assert verify_all(store)["releases"] == 1
    before = data.read_bytes()
    data.write_bytes(before + b" ")
    assert list(door_problems(store)) == ["explorer/store.json"]
    write_doors(store, render_doors)
    assert data.read_bytes() == before and not door_problems(store)


def test_without_a_built_page_a_run_says_so_once_and_the_store_keeps_none(made, tmp_path, caplog):
    store = Store.open(made)
    release = newest_release(store)
    files._say_once.cache_clear()
    for _ in range(2):
        assert explorer_files(release, read_groups(store, release), tmp_path) == {}
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    try:
        write_doors(store, render)
        assert not list(Path(made).glob("explorer/*"))
        assert "explorer/" not in (Path(made) / "index.html").read_text()
        assert verify_all(store)["releases"] == 1
    finally:
        write_doors(store, render_doors)


def test_where_it_cannot_be_built_that_is_told_in_a_line_and_nothing_ends(monkeypatch, capsys):
    monkeypatch.setattr(bundle, "_run", lambda *given, **more: (_ for _ in ()).throw(OSError("no registry answers")))
    assert bundle.main() == 0
    assert capsys.readouterr().err == (
        "the explorer could not be built, and runs go on without it: no registry answers\n"
    )


@pytest.mark.parametrize("lock", LOCKS, ids=["page", "tests"])
def test_every_library_is_pinned_by_its_hash_and_no_host_is_named(lock):
    text = lock.read_text()
    packages = {name: entry for name, entry in json.loads(text)["packages"].items() if name}
    assert packages and all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not re.search(r"https?:|\"resolved\"", text)
