"""Whether a configuration's work is published already, told from its sources' states alone.

A run that has nothing to do must take a moment, so nothing here opens an array or imports what does.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.catalog_schema import Catalog
from smcloud.config import RunConfig
from smcloud.source_state import SourceParts, source_parts
from smcloud.store import Store

NUMERIC = ("numpy", "scipy", "numba", "xarray", "xskillscore")


def find(config: RunConfig) -> dict[str, Any] | None:
    """The newest release that was made by this very work, or None; reads the sources' states, no values.

    Raises the errors of the catalog, the sources' stores and the run's store.
    """
    store = Store.open(config.store)
    stores.require_store(store)
    if not stores.latest_release(store):
        return None
    wanted = fingerprint(config, entry_parts(config, load_catalog(config.catalog)))
    made = (release for release in stores.list_releases(store) if release["code"].get("fingerprint") == wanted)
    return next(made, None)


def entry_parts(config: RunConfig, catalog: Catalog) -> dict[str, SourceParts]:
    """What every catalog entry that ``inputs`` names holds now, in parts."""
    entries = dict.fromkeys(catalog.spec(role, reference)[0] for role, reference in config.inputs.items())
    return {entry: source_parts(catalog, entry) for entry in entries}


def fingerprint(config: RunConfig, parts: Mapping[str, SourceParts]) -> str:
    """What the run and its cube are made from: configuration, states of the sources, code, numeric libraries."""
    states = {entry: held.state for entry, held in parts.items()}
    code = [cube_code(), analysis_code(), versions()]
    return stores.content_id(config.harmonisation(), config.analysis(), states, *code)


def cube_code() -> str:
    """Digest of the code that makes the cube."""
    return _digest("cube")


def analysis_code() -> str:
    """Digest of the code that makes the products."""
    return _digest("stats", "products")


def versions() -> dict[str, str]:
    """Versions of the libraries that a number may depend on."""
    return {name: importlib.metadata.version(name) for name in NUMERIC}


def has_report(release: Mapping[str, Any], store_url: str) -> bool:
    """Whether the page of ``release`` is there: a run may have ended between publishing and reporting."""
    store = Store.open(store_url)
    return bool(store.fs.exists(store.join(release["report"])))


def summary(status: str, release: Mapping[str, Any], store_url: str, seconds: Mapping[str, float]) -> dict[str, Any]:
    """Status, release number, ids, full URLs and time spent, as ``smcloud run --json`` prints them."""
    store = Store.open(store_url)
    products = release["products"]
    return {
        "status": status,
        "release": release["number"],
        "run_id": next(iter(products.values()))["run_id"],
        "cube_id": release["cube"]["id"],
        "products": {name: store.url_of(product["url"]) for name, product in products.items()},
        "report": store.url_of(release["report"]),
        "seconds": {stage: round(spent, 2) for stage, spent in seconds.items()},
    }


def _digest(*packages: str) -> str:
    return stores.code_digest([Path(__file__).parent / package for package in packages])
