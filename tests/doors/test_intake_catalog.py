"""The intake catalog is the STAC in other words, and intake opens what it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import intake
import pystac
import pytest
import xarray as xr
import yaml

from smcloud.doors import render
from smcloud.doors.groups import read_groups
from smcloud.doors.intake_catalog import intake_catalog
from smcloud.doors.stac import stac_catalog
from smcloud.errors import IntegrityError
from smcloud.store import Release, Store, require_store, verify_all, write_doors
from smcloud.store.chain import named_in_catalog, record_digest

pytestmark = pytest.mark.slow


def test_its_entries_are_the_collections(store: Store, release: Release) -> None:
    catalog = yaml.safe_load(Path(store.url, "catalog.yaml").read_text())
    assert catalog["metadata"] == {
        "release": 1, "created": release.created, "record_sha256": record_digest(store, 1),
    }  # fmt: skip
    collections = {c.id: c for c in pystac.Catalog.from_file(f"{store.url}/stac/catalog.json").get_collections()}
    assert list(catalog["sources"]) == list(collections)
    for name, source in catalog["sources"].items():
        asset = collections[name].assets["zarr"].get_absolute_href()
        assert source["args"]["urlpath"].replace("{{ CATALOG_DIR }}", store.url) == asset
        entry = (release.cube if name == "cube" else release.products[name]).as_json()
        assert source["metadata"] == {key: value for key, value in entry.items() if key != "url"}


def test_intake_opens_every_entry_with_equal_values(store: Store, release: Release) -> None:
    catalog = intake.open_catalog(f"{store.url}/catalog.yaml")
    assert set(catalog) == {"cube", *release.products}
    for name in catalog:
        path = store.url_of(release.cube.url if name == "cube" else release.products[name].url)
        xr.testing.assert_equal(catalog[name].to_dask().load(), xr.open_zarr(path).load())
    require_store(store)


def test_nothing_in_it_is_filled_but_its_place(store: Store, hostile: Any) -> None:
    write_doors(store, render)
    text = Path(store.url, "catalog.yaml").read_text()
    assert text.replace("{{ CATALOG_DIR }}", "").replace("chunks: {}", "").count("{") == 0
    assert named_in_catalog(store) == (2, record_digest(store, 2))
    assert len(list(intake.open_catalog(f"{store.url}/catalog.yaml"))) > 4


def test_a_title_is_not_filled_either(store: Store, release: Release) -> None:
    catalog = stac_catalog(release, read_groups(store, release), record_digest(store, 1))
    trend = catalog.get_child("trend")
    assert trend is not None
    trend.title = "{{ env(HOME) }} {% raw %}"
    Path(store.url, "catalog.yaml").write_bytes(intake_catalog(catalog))
    description = intake.open_catalog(f"{store.url}/catalog.yaml")["trend"].description
    assert description == "(( env(HOME) )) (% raw %) (release 1)"


def test_a_catalog_of_before_the_other_doors_is_as_good(store: Store) -> None:
    for name in ("index.html", "CITATION.cff", "stac/inventory.json"):
        Path(store.url, name).unlink()
    with pytest.raises(IntegrityError, match="1 objects of the store"):  # the page of the report is not there, no more
        verify_all(store)
