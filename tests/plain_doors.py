"""Doors that need no library of others: what a store keeps of them, for tests of stores."""

from __future__ import annotations

import yaml

from smcloud.store import Doors, Release, Store, complete_doors, write_doors
from smcloud.store.doors import BESIDE
from smcloud.store.layout import CATALOG, INDEX


def plain_doors(store: Store, release: Release, digest: str) -> Doors:
    """A catalog, which names the release and its record, a page, and an object of STAC."""
    entries = {"cube": release.cube, **release.products}
    sources = {
        name: {
            "args": {"urlpath": f"{BESIDE}/{entry.url}"},
            "metadata": {key: value for key, value in entry.as_json().items() if key != "url"},
        }
        for name, entry in entries.items()
    }
    metadata = {"release": release.number, "created": release.created, "record_sha256": digest}
    catalog = yaml.safe_dump({"metadata": metadata, "sources": sources}, sort_keys=False, width=120).encode()
    page = f"<html>release {release.number}</html>".encode()
    return Doors({CATALOG: catalog, INDEX: page, "stac/catalog.json": digest.encode()})


def write_catalog(store: Store) -> str:
    """Write the doors to the newest release; the URL of the catalog."""
    write_doors(store, plain_doors)
    return store.url_of(CATALOG)


def complete_catalog(store: Store) -> None:
    """Write them where they are behind the newest release."""
    complete_doors(store, plain_doors)
