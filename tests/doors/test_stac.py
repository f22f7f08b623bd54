"""The collections are valid, say what is there, and lead to it, wherever the store lies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pystac
import pytest
import xarray as xr
import zarr
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from smcloud.doors import render
from smcloud.doors.stac import DIGEST
from smcloud.store import Release, Store, write_doors
from smcloud.store.chain import record_digest
from tests.doors.conftest import HOSTILE

pytestmark = pytest.mark.slow
EXTENSIONS = {
    "datacube": "https://stac-extensions.github.io/datacube/v2.3.0/schema.json",
    "cf": "https://stac-extensions.github.io/cf/v0.3.0/schema.json",
    "zarr": "https://stac-extensions.github.io/zarr/v1.1.0/schema.json",
}


def catalog_of(store: Store) -> pystac.Catalog:
    return pystac.Catalog.from_file(f"{store.url}/stac/catalog.json")


def documents(store: Store) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(Path(store.url, "stac").glob("**/*.json"))
            if path.name != "inventory.json"]  # fmt: skip


def resources() -> Registry[Any]:
    """The schemas that pystac brings, so that nothing is fetched."""
    known = [(uri, Resource.from_contents(schema)) for uri, schema in get_local_schema_cache().items()]
    return Registry().with_resources(known)


def test_every_document_is_valid_by_the_core_schema(store: Store) -> None:
    found = documents(store)
    assert [document["type"] for document in found].count("Collection") == len(found) - 1 > 5
    for document in found:
        kind = document["type"].lower()
        uri = f"https://schemas.stacspec.org/v1.1.0/{kind}-spec/json-schema/{kind}.json"
        schema = get_local_schema_cache()[uri]
        jsonschema.Draft7Validator(schema, registry=resources()).validate(document)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_every_collection_is_valid_by_the_schemas_of_its_extensions(store: Store, test_data: Path, name: str) -> None:
    schema = json.loads((test_data / "stac" / f"{name}.schema.json").read_text())
    for document in documents(store):
        if document["type"] == "Collection":
            assert EXTENSIONS[name] in document["stac_extensions"]
            jsonschema.Draft7Validator(schema, registry=resources()).validate(document)


def test_the_collections_say_what_the_groups_hold(store: Store, release: Release) -> None:
    collections = {collection.id: collection for collection in catalog_of(store).get_collections()}
    assert list(collections) == ["cube", *release.products]
    for name, collection in collections.items():
        path = store.url_of(release.cube.url if name == "cube" else release.products[name].url)
        opened, group = xr.open_zarr(path), zarr.open_group(path, mode="r")
        dims, told = (collection.extra_fields[f"cube:{key}"] for key in ("dimensions", "variables"))
        assert {dim: entry["size"] for dim, entry in dims.items()} == dict(opened.sizes)
        assert told.keys() == set(opened.variables) - set(opened.xindexes)
        for key, variable in told.items():
            assert variable["dimensions"] == list(opened[key].dims) and variable["shape"] == list(opened[key].shape)
            assert variable.get("description") == opened[key].attrs.get("long_name")
            if np.issubdtype(group[key].dtype, np.number):
                assert variable["data_type"] == str(group[key].dtype)
            if opened[key].dtype.kind != "M":
                assert variable.get("unit") == opened[key].attrs.get("units")
        for dim, entry in dims.items():
            require_same_axis(entry, opened, dim)


def require_same_axis(entry: dict[str, Any], opened: xr.Dataset, dim: str) -> None:
    if dim not in opened.coords:
        assert entry["extent"] == [0, opened.sizes[dim] - 1]
        return
    values = opened[dim].values
    if "values" in entry:
        assert entry["values"] == values.tolist()
    elif values.dtype.kind == "M":
        assert [np.datetime64(text.removesuffix("Z")) for text in entry["extent"]] == [values.min(), values.max()]
    else:
        assert entry["extent"] == [values.min(), values.max()]
        assert entry.get("step") in (None, pytest.approx(abs(np.diff(values))[0]))


def test_a_collection_holds_what_only_the_release_knows(store: Store, release: Release) -> None:
    trend = catalog_of(store).get_child("trend")
    assert isinstance(trend, pystac.Collection)
    assert trend.extent.spatial.bboxes == [[-180.0, -90.0, 180.0, 90.0]]
    assert [str(moment)[:10] for moment in trend.extent.temporal.intervals[0]] == ["2000-01-01", "2007-12-31"]
    assert trend.extra_fields["version"] == "1" and trend.extra_fields["created"] == release.created
    assert release.run_id in trend.extra_fields["sci:citation"]
    assert trend.license == "other" and "CC0-1.0" in trend.description
    assert [provider.name for provider in trend.providers or []] == ["world"]
    assert catalog_of(store).extra_fields[DIGEST] == record_digest(store, 1)
    types = {name: asset.media_type for name, asset in trend.assets.items()}
    assert types == {"zarr": "application/vnd.zarr; version=3", "xarray": "application/vnd.zarr"}
    (link,) = trend.get_links("store")
    assert link.href == trend.assets["zarr"].href == f"../../{release.products['trend'].url}"


def test_a_publisher_and_a_licence_are_told(store: Store, another: Any, release: Release) -> None:
    publisher = {"name": "Ada", "institution": "An Institute", "url": "https://a.test", "licence": "cc-by-4.0"}
    another(config={**release.config, "publisher": publisher})
    write_doors(store, render)
    trend = catalog_of(store).get_child("trend")
    assert isinstance(trend, pystac.Collection) and trend.providers
    assert trend.license == "CC-BY-4.0" and trend.extra_fields["version"] == "2"
    first = trend.providers[0]
    assert (first.name, first.url, first.description) == ("Ada", "https://a.test", "An Institute")


def test_xpystac_opens_a_collection_of_a_moved_store(store: Store, release: Release, tmp_path: Path) -> None:
    expected = xr.open_zarr(store.url_of(release.products["trend"].url)).load()
    shutil.move(store.url, tmp_path / "elsewhere")
    trend = pystac.Collection.from_file(str(tmp_path / "elsewhere/stac/trend/collection.json"))
    trend.make_asset_hrefs_absolute()
    opened = xr.open_dataset(trend.assets["xarray"], engine="stac")
    xr.testing.assert_identical(opened.load(), expected)


def test_what_others_wrote_is_no_markup(store: Store, hostile: Release) -> None:
    write_doors(store, render)
    for document in documents(store):
        if document["type"] == "Collection":
            assert HOSTILE.split("\n")[0] in document["sci:citation"] and document["version"] == "2"
            assert "<" not in document["description"] and "&lt;script&gt;" in document["description"]
            assert all("<" not in entry.get("description", "") for entry in document["providers"])
            assert not any(link["href"].startswith("javascript") or "<" in link["href"] for link in document["links"])
    for path in Path(store.url, "stac").glob("**/*.json"):
        assert "<" not in path.read_text()
