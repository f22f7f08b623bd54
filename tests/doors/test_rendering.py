"""A run that ended before its doors, and a store of a version without them, get them from the next command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from smcloud import pipeline
from smcloud.doors import render
from smcloud.errors import IntegrityError
from smcloud.pipeline.publish import has_report
from smcloud.store import Release, Store, require_store, verify_all, write_doors
from smcloud.store.chain import named_in_catalog, record_digest
from smcloud.store.doors import door_problems

pytestmark = pytest.mark.slow
DOORS = ("index.html", "CITATION.cff", "catalog.yaml", "stac", "icechunk")


def test_the_next_run_completes_what_a_killed_one_left(store: Store, another: Callable[..., Release]) -> None:
    second = another()  # published, and no more
    assert named_in_catalog(store) == (1, record_digest(store, 1))
    has_report(second, store.url)
    assert named_in_catalog(store) == (2, record_digest(store, 2)) and not door_problems(store)
    assert "Release 2" in Path(store.url, "index.html").read_text()
    assert not Path(store.url, "stac/strata").joinpath("collection.json").exists()


def test_a_store_of_before_gets_its_doors_with_its_report(store: Store, release: Release) -> None:
    for name in DOORS:
        path = Path(store.url, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    entries = {"cube": release.cube, **release.products}
    sources = {
        name: {
            "driver": "zarr",
            "description": f"{name} of release 1",
            "args": {"urlpath": f"{{{{ CATALOG_DIR }}}}/{entry.url}", "chunks": {}},
            "metadata": {key: value for key, value in entry.as_json().items() if key != "url"},
        }
        for name, entry in entries.items()
    }
    metadata = {"release": 1, "created": release.created, "record_sha256": record_digest(store, 1)}
    Path(store.url, "catalog.yaml").write_text(yaml.safe_dump({"metadata": metadata, "sources": sources}))
    with pytest.raises(IntegrityError, match="1 objects of the store"):  # the report was never rendered
        verify_all(store)
    pipeline.report(release, store.url)
    require_store(store)
    assert verify_all(store)["releases"] == 1 and all(Path(store.url, name).exists() for name in DOORS)


def test_a_report_is_linked_when_it_is_there(store: Store, release: Release) -> None:
    pages = ("index.html", "stac/trend/collection.json")
    assert not any(release.report in Path(store.url, page).read_text() for page in pages)
    pipeline.report(release, store.url)
    assert all(release.report in Path(store.url, page).read_text() for page in pages)


def test_the_same_release_gives_the_same_doors(store: Store, release: Release) -> None:
    one, other = (render(store, release, record_digest(store, 1)) for _ in range(2))
    assert one == other and not one.beside


def test_nothing_is_rendered_from_metadata_that_are_not_those_sealed(store: Store, release: Release) -> None:
    before = Path(store.url, "index.html").read_bytes()
    file = Path(store.join(release.products["trend"].url), "zarr.json")
    file.write_text(file.read_text().replace("Trend of", "Anything of"))
    with pytest.raises(IntegrityError, match="not what was sealed"):
        write_doors(store, render)
    assert Path(store.url, "index.html").read_bytes() == before
