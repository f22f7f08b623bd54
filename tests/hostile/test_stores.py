"""Stores that attack: records that lead elsewhere, links out, records without end; nothing is read or written there."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from smcloud.config.roles import require_role
from smcloud.doors import render
from smcloud.errors import NotAStoreError, SmcloudError
from smcloud.store import Store, open_cube, open_product, put, read_release, write_doors
from smcloud.store.inventory import read_inventory
from smcloud.store.objects import Place, create_only

RECORD: dict[str, Any] = {
    "schema": 1, "number": 1, "write_id": "w", "created": "2026-01-01T00:00:00Z",
    "cube": {"id": "c1", "url": "cube/c1.zarr", "period": ["2000-01", "2020-12"], "provisional": []},
    "products": {"trend": {"url": "products/trend/r1.zarr", "run_id": "r1", "inventory_sha256": "0" * 64}},
    "report": "reports/r1/index.html",
    "inputs": {"soil_moisture": {"entry": "a", "version": "1", "state": "s", "licence": "l", "citation": "c"}},
    "config": {}, "code": {}, "supersedes": None,
}  # fmt: skip
ELSEWHERE = (
    "../../victim/index.html", "reports/../../victim/index.html", "/etc/passwd", "file:///etc/passwd",
    "https://evil.example/index.html", "reports/./index.html", "reports//index.html", "reports/r1/../../releases/x",
    "reports\\..\\victim", "reports/r1/index.html\x00.png", "reports/\x1b[2J/index.html", "releases/00000001.json", "",
    "reports/%2e%2e/%2e%2e/x::y", "~/x", "reports/{{ env(HOME) }}/index.html", "reports/..",
    "reports/\u202ex/index.html",
)  # fmt: skip


def written(place: Path, record: Any) -> Path:
    (place / "store" / "releases").mkdir(parents=True)
    text = record if isinstance(record, str) else json.dumps(record)
    (place / "store" / "releases" / "00000001.json").write_text(text)
    return place / "store"


def changed(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    record = copy.deepcopy(RECORD)
    at = record
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    return record


CHANGES = [
    *[(("report",), address) for address in ELSEWHERE],
    *[(("cube", "url"), address.replace("reports", "cube")) for address in ELSEWHERE],
    *[(("products", "trend", "url"), address.replace("reports", "products")) for address in ELSEWHERE],
    (("products",), {"../../victim": RECORD["products"]["trend"]}),
    (("products",), {"{{ env(HOME) }}": RECORD["products"]["trend"]}),
    (("products", "trend", "run_id"), "{{ env(AWS_SECRET_ACCESS_KEY) }}"),
    (("cube", "id"), "\x1b[31m"),
    (("cube", "period"), ["{func(os:system)}", "2020-12"]),
    (("created",), "\x1b]0;title\x07"),
    (("number",), 7),
    (("schema",), 10**30),
    (("inputs",), {"soil_moisture": {"entry": "a", "url": "x"}}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("keys", "value"), CHANGES, ids=[f"{i}-{row[0][-1]}" for i, row in enumerate(CHANGES)])
def test_a_record_that_leads_elsewhere_is_refused(
    place: Path, command: Callable[..., tuple[int, dict[str, str]]], keys: tuple[str, ...], value: Any
) -> None:
    victim = place.parent / "victim"
    victim.mkdir()
    (victim / "index.html").write_text("mine")
    store = written(place, changed(keys, value))
    for arguments in (("products",), ("verify",), ("report",)):
        code, error = command(*arguments, str(store))
        assert code == 3 and error["code"] == "integrity" and "00000001.json" in error["where"]
    with pytest.raises(SmcloudError):
        open_product(str(store), "trend")
    assert (victim / "index.html").read_text() == "mine"
    assert sorted(path.name for path in store.iterdir()) == ["releases"]


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 100_000, "", "null", "[]", "\x00", '{"schema": 1' + "0" * 5000 + "}"]
)
def test_a_record_that_is_none_is_one_error(
    place: Path, command: Callable[..., tuple[int, dict[str, str]]], text: str
) -> None:
    code, error = command("products", str(written(place, text)))
    assert code == 3 and error["code"] == "integrity"


def test_a_record_without_end_is_not_read(place: Path, command: Callable[..., tuple[int, dict[str, str]]]) -> None:
    store = written(place, RECORD)
    os.truncate(store / "releases" / "00000001.json", 2**40)  # a sparse file of a tebibyte
    code, error = command("products", str(store))
    assert code == 5 and "bytes" in error["found"]


@pytest.mark.parametrize(
    "path", ["../../../canary.txt", "/etc/passwd", "c/../../x", "a\\b", "a\x00", 7, None, "https://evil.example/x"]
)
def test_an_inventory_names_its_own_objects_only(
    place: Path, command: Callable[..., tuple[int, dict[str, str]]], path: Any
) -> None:
    store = written(place, RECORD)
    for prefix in ("cube/c1.zarr", "products/trend/r1.zarr"):
        (store / prefix).mkdir(parents=True)
        body = {"schema": 1, "objects": [{"path": path, "size": 1, "sha256": "0" * 64}]}
        (store / prefix / "inventory.json").write_text(json.dumps(body))
    code, error = command("verify", str(store))
    assert code == 3 and "inventory" in error["found"]
    with pytest.raises(SmcloudError):
        read_inventory(Place(Store.open(store), "cube/c1.zarr"))


LINKS = {
    "reports": "victim",
    "reports/r1": "victim",
    "reports/r1/index.html": "victim/index.html",
    "releases/00000001.json": "canary.txt",
    "cube/c1.zarr": "victim",
    "cube/c1.zarr/inventory.json": "canary.txt",
}


@pytest.mark.parametrize("link", LINKS)
def test_a_link_out_of_the_store_is_followed_neither_for_reading_nor_for_writing(
    place: Path, seen: list[str], link: str
) -> None:
    victim = place.parent / "victim"
    victim.mkdir()
    (victim / "index.html").write_text("mine")
    root = place / "store"
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(place.parent / LINKS[link])
    store = Store.open(root)
    below = f"{link}/index.html" if LINKS[link] == "victim" else link
    attempts: list[Callable[[], object]] = [
        lambda: put(store, below, b"theirs"),
        lambda: create_only(store, below, b"theirs"),
        lambda: Place(store, os.path.dirname(below)).read(os.path.basename(below)),
        lambda: Place(store, os.path.dirname(below)).remove(os.path.basename(below)),
    ]
    for attempt in attempts if below.startswith("reports") else attempts[1:]:
        with pytest.raises(NotAStoreError) as caught:
            attempt()
        assert all(caught.value.record().values()) and caught.value.exit_code == 5
    assert (victim / "index.html").read_text() == "mine" and sorted(os.listdir(victim)) == ["index.html"]
    assert seen == []


def test_a_store_behind_a_link_is_a_store(place: Path) -> None:
    (place / "real").mkdir()
    (place / "link").symlink_to(place / "real")
    assert create_only(Store.open(place / "link"), "releases/00000001.json", b"{}")
    assert (place / "real" / "releases" / "00000001.json").read_bytes() == b"{}"


@pytest.mark.slow
def test_what_a_release_names_holds_no_link_out(published: Path, tmp_path: Path) -> None:
    """A chunk that is a link to a file of the reader's machine would be decoded, drawn and published again."""
    store = tmp_path / "store"
    release = read_release(Store.open(store), 1)
    chunk = next(path for path in (store / release.cube.url / "soil_moisture" / "c").rglob("*") if path.is_file())
    shutil.move(chunk, tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAStoreError, match="leads out"):
        open_cube(str(store))
    open_product(str(store), "trend")  # the others are whole


@pytest.mark.slow
def test_a_link_in_place_of_the_page_is_not_written_through(
    published: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from smcloud import pipeline

    store = Store.open(tmp_path / "store")
    release = read_release(store, 1)
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / "store" / "reports").mkdir(exist_ok=True)
    (tmp_path / "store" / "reports" / release.run_id).symlink_to(victim)
    with pytest.raises(NotAStoreError, match="leads out"):
        pipeline.report(release, store.url)
    assert list(victim.iterdir()) == []


@pytest.mark.slow
def test_what_is_published_uses_no_name_that_a_role_may_have(published: Path, tmp_path: Path) -> None:
    """Variables, axes and coordinates of cube and annual values, beside the roles themselves, are refused as roles."""
    store = str(tmp_path / "store")
    release = read_release(Store.open(store), 1)
    datasets = [open_cube(store), *(open_product(store, name) for name in release.products)]
    used = {str(name) for ds in datasets for name in (*ds.coords, *ds.dims)}
    used |= {str(name) for ds in (datasets[0], open_product(store, "annual")) for name in ds.variables}
    taken = used - set(release.inputs)
    assert {"time", "year", "driver", "soil_moisture_days", "n_months"} <= taken
    free = []
    for name in sorted(taken):
        try:
            require_role(name)
            free.append(name)
        except ValueError:
            pass
    assert free == []
    for role in release.inputs:
        assert require_role(role) == role


def test_the_catalog_of_a_store_is_rendered_from_plain_names_only(published: Path, tmp_path: Path) -> None:
    write_doors(Store.open(tmp_path / "store"), render)
    text = (tmp_path / "store" / "catalog.yaml").read_text()
    assert text.replace("{{ CATALOG_DIR }}", "").count("{{") == 0
    for entry in yaml.safe_load(text)["sources"].values():
        assert entry["args"]["urlpath"].startswith(("{{ CATALOG_DIR }}/cube/", "{{ CATALOG_DIR }}/products/"))
