"""All that verify finds in a whole store: records, names, pointers, pages, catalog, foreign objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr
import zarr

from smcloud.errors import IntegrityError, NothingPublishedError
from smcloud.store import (
    Attempts,
    Prefix,
    ProductEntry,
    Release,
    ReleaseContent,
    Store,
    publish,
    put_page,
    release_path,
    verify,
    verify_all,
)
from smcloud.store.integrity import Finding
from smcloud.store.records import Pointer
from tests.plain_doors import write_catalog

PRODUCT = "products/trend/run1.zarr"
verify_module = import_module("smcloud.store.verify")  # the package has a function of this name


@pytest.fixture
def two(store: Store, sealed_content: Callable[..., ReleaseContent], product: xr.Dataset) -> Store:
    """A store with two releases, their pages and the catalog, products sealed by attempts."""
    cube = sealed_content(store)
    for number, run_id in enumerate(("run1", "run2"), 1):
        with Attempts(store) as attempts:
            attempt = attempts.begin(f"products/trend/{run_id}.zarr")
            if not attempt.is_sealed:
                dask.compute(attempt.prefix.stage(product * number))
            digest = attempt.seal()
        entry = ProductEntry(url=attempt.prefix.path, run_id=run_id, inventory_sha256=digest)
        report = f"reports/{run_id}/index.html"
        publish(store, cube.model_copy(update={"products": {"trend": entry}, "report": report}))
        put_page(store, f"reports/{run_id}", {"index.html": b"<html></html>", "map.png": bytes([number])})
    write_catalog(store)
    return store


def path(store: Store, name: str) -> Path:
    return Path(store.join(name))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def edit(store: Store, number: int, change: Callable[[dict[str, Any]], Any]) -> None:
    file = path(store, release_path(number))
    record = json.loads(file.read_text())
    change(record)
    file.write_text(json.dumps(record, indent=2))


def reseal(store: Store, prefix: str) -> None:
    """Change a value, and seal the prefix anew: the inventory fits what is there."""
    zarr.open_array(store.join(prefix, "lat"), mode="r+")[0] = 5.0
    path(store, f"{prefix}/inventory.json").unlink()
    Prefix(store, prefix).seal()


CASES: dict[str, tuple[Callable[[Store], Any], str]] = {
    "a chunk": (lambda s: flip(path(s, f"{PRODUCT}/slope/c/0/0")), f"{PRODUCT}/slope/c/0/0"),
    "a chunk with its inventory": (lambda s: reseal(s, PRODUCT), f"{PRODUCT}/inventory.json"),
    "a chunk of the cube with its inventory": (lambda s: reseal(s, "cube/cube1.zarr"), "cube1.zarr/inventory.json"),
    "a foreign object": (lambda s: path(s, f"{PRODUCT}/slope/c/0/9").write_text("x"), "slope/c/0/9 (not in the"),
    "a foreign array": (lambda s: Prefix(s, PRODUCT).write("extra/zarr.json", b"{}"), "extra/zarr.json (not in the"),
    "a licence": (
        lambda s: edit(s, 1, lambda r: r["config"].update(licence="none")),
        "00000001.json (is not the record that release 2 followed)",
    ),
    "a period": (
        lambda s: edit(s, 2, lambda r: r["cube"].update(period=["1990-01", "2002-02"])),
        "00000002.json (is not the record that catalog.yaml names)",
    ),
    "a product at another's prefix": (
        lambda s: edit(s, 2, lambda r: r["products"]["trend"].update(url="products/drivers/run2.zarr")),
        "trend is said to be at products/drivers/run2.zarr",
    ),
    "a lost record": (lambda s: path(s, release_path(1)).unlink(), "00000001.json (missing)"),
    "a lost newest record": (lambda s: path(s, release_path(2)).unlink(), "00000002.json (missing)"),
    "a cut record": (lambda s: path(s, release_path(1)).write_text('{"schema": 2'), "00000001.json (cannot be read"),
    "an order": (lambda s: edit(s, 2, lambda r: r.update(supersedes=None)), "follows release None"),
    "a page": (lambda s: path(s, "reports/run1/index.html").unlink(), "reports/run1/index.html (missing"),
    "an empty page": (lambda s: path(s, "reports/run2/index.html").write_text(""), "reports/run2/index.html (missing"),
    "a lost catalog": (lambda s: path(s, "catalog.yaml").unlink(), "catalog.yaml (is not what release 2 gives)"),
    "a word of the catalog": (lambda s: flip(path(s, "catalog.yaml")), "catalog.yaml (is not what release 2 gives)"),
    "a figure": (lambda s: flip(path(s, "reports/run1/map.png")), "reports/run1/map.png (is not what was rendered"),
    "a foreign figure": (lambda s: path(s, "reports/run1/x.png").write_text(""), "x.png (is no file of the page"),
    "a word of a page": (lambda s: flip(path(s, "reports/run1/index.html")), "index.html (is not what was rendered"),
    "the files of a page": (lambda s: path(s, "reports/run1/inventory.json").write_text("{"), "inventory.json (cannot"),
    "a foreign record": (lambda s: path(s, "releases/latest.json").write_text("{}"), "latest.json (is no object"),
    "a foreign file": (lambda s: path(s, "cube/notes.txt").write_text(""), "cube/notes.txt (is no object"),
    "a pointer": (lambda s: path(s, "products/trend/run1.1.sealed").write_text("{}"), "run1.1.sealed (cannot be read"),
    "another's pointer": (
        lambda s: path(s, "products/trend/run1.1.sealed").write_bytes(
            path(s, "products/trend/run2.1.sealed").read_bytes()
        ),
        "run1.1.sealed (cannot be read: the name of products/trend/run2.zarr",
    ),
    "what a pointer names": (
        lambda s: path(s, "products/trend/run1.1.sealed").write_text(
            Pointer(of=PRODUCT, url="products/trend/run2.zarr", inventory_sha256="0" * 64).model_dump_json(indent=1)
        ),
        "run1.1.sealed (names products/trend/run2.zarr",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_damage_is_named(two: Store, name: str) -> None:
    damage, said = CASES[name]
    assert verify_all(two)["releases"] == 2
    damage(two)
    with pytest.raises(IntegrityError) as caught:
        verify_all(two)
    assert said in caught.value.found and "smcloud repair" in caught.value.next


def test_what_a_run_at_work_has_in_the_store_is_not_foreign(two: Store, product: xr.Dataset) -> None:
    whole = verify_all(two)
    assert (whole["releases"], whole["prefixes"]) == (2, 3)
    with Attempts(two) as attempts:
        attempt = attempts.begin("products/trend/run3.zarr")
        dask.compute(attempt.prefix.stage(product))
        attempt.beat()
        assert verify_all(two) == whole
    path(two, f"{PRODUCT}/slope/.smcloud-0.tmp").write_text("")  # a process was killed while it wrote
    Prefix(two, PRODUCT).mark_tile("00000-00012", {})  # or between the seal and the end of its marks
    assert verify_all(two) == whole


def test_every_object_counts_once(two: Store) -> None:
    folders = ("cube", "products", "releases", "reports")
    files = [f for folder in folders for f in path(two, folder).rglob("*") if f.is_file() and f.suffix != ".sealed"]
    files.append(path(two, "catalog.yaml"))
    whole = verify_all(two)
    assert whole["objects"] == len(files) and whole["bytes"] == sum(f.stat().st_size for f in files)


def test_all_records_are_lost(two: Store) -> None:
    for number in (1, 2):
        path(two, release_path(number)).unlink()
    with pytest.raises(IntegrityError, match=r"00000002\.json \(missing\)"):
        verify_all(two)


def test_an_empty_store_has_nothing_to_verify(store: Store) -> None:
    with pytest.raises(NothingPublishedError):
        verify_all(store)


def test_the_catalog_holds_the_digest_of_the_newest_record(two: Store, released: Callable[..., Release]) -> None:
    digest = hashlib.sha256(path(two, release_path(2)).read_bytes()).hexdigest()
    assert digest in path(two, "catalog.yaml").read_text()
    assert verify(two, 1)["release"] == 1


def test_a_release_that_is_published_meanwhile_is_no_damage(
    two: Store, released: Callable[..., Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its catalog takes the place of the one that the listed releases explain, so all are compared once more."""
    compare, seen = verify_module.page_findings, list[list[int]]()

    def beside(store: Store, releases: list[Release], latest: int) -> list[Finding]:
        if not seen:
            report = released(store, "run3").report
            put_page(store, report.rpartition("/")[0], {"index.html": b"<html></html>"})
            write_catalog(store)
        seen.append([release.number for release in releases])
        return compare(store, releases, latest)

    monkeypatch.setattr(verify_module, "page_findings", beside)
    assert verify_all(two)["releases"] == 3 and seen == [[1, 2], [1, 2, 3]]
