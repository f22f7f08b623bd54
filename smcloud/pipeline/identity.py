"""Whether a configuration's work is published already: known from the states of its sources alone.

A run that has nothing to do must take a moment, so nothing here opens an array or imports what does.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from smcloud import store as stores
from smcloud.catalog import load_catalog
from smcloud.catalog.fingerprints import SourceFingerprint, source_parts
from smcloud.catalog.schema import Catalog
from smcloud.catalog.shapes import region_identity
from smcloud.config import RunConfig
from smcloud.config.code import code_digest
from smcloud.errors import SmcloudError, all_at_once, noting
from smcloud.store import InputEntry, Release, Store

# All code that a value passes through from a source into a cube, and from the cube into a product: modules, and
# packages with all that lies below them. tests/pipeline/test_identity.py fails where an import leads to other code.
CUBE_CODE = (
    "smcloud.catalog.file_form", "smcloud.catalog.joining", "smcloud.catalog.meaning",
    "smcloud.catalog.missing_values", "smcloud.catalog.opening", "smcloud.catalog.packing", "smcloud.catalog.places",
    "smcloud.catalog.plain_axes", "smcloud.catalog.readers", "smcloud.catalog.shapes", "smcloud.catalog.stated_axes",
    "smcloud.catalog.stores", "smcloud.catalog.time_axis", "smcloud.catalog.time_bounds", "smcloud.catalog.units",
    "smcloud.catalog.unwritten", "smcloud.catalog.validation", "smcloud.catalog.versions",
    "smcloud.catalog.zarr_places", "smcloud.chunking", "smcloud.conventions", "smcloud.cube", "smcloud.jit",
    "smcloud.pipeline.ingest", "smcloud.store.arrays", "smcloud.store.copying", "smcloud.store.encoding",
    "smcloud.store.lazy_writes", "smcloud.store.prefix", "smcloud.store.write",
)  # fmt: skip
PRODUCT_CODE = (
    "smcloud.chunking", "smcloud.config.choices", "smcloud.conventions", "smcloud.jit", "smcloud.pipeline.compute",
    "smcloud.pipeline.inputs", "smcloud.products", "smcloud.stats", "smcloud.store.arrays", "smcloud.store.encoding",
    "smcloud.store.lazy_reads", "smcloud.store.prefix", "smcloud.store.read", "smcloud.store.write",
)  # fmt: skip
# Libraries that decode, convert or compute a value.
CUBE_LIBRARIES = (
    "cf-xarray", "dask", "h5netcdf", "h5py", "icechunk", "intake", "intake-xarray", "llvmlite", "netCDF4", "numba",
    "numcodecs", "numpy", "pandas", "pint", "pyhdf", "pyshp", "rasterio", "scipy", "shapely", "xarray", "zarr",
    "zarr-cm",
)  # fmt: skip
PRODUCT_LIBRARIES = (
    "dask", "llvmlite", "numba", "numcodecs", "numpy", "pandas", "scipy", "xarray", "xskillscore", "zarr", "zarr-cm",
)  # fmt: skip


@dataclass(frozen=True)
class SourceStates:
    """States of a run's sources when they were fingerprinted: the catalog, and the parts of each entry."""

    catalog: Catalog
    parts: Mapping[str, SourceFingerprint]


def look_at_sources(config: RunConfig) -> SourceStates:
    """Read the catalog and fingerprint every entry that ``inputs`` names; no array is opened."""
    catalog = load_catalog(config.catalog)
    return SourceStates(catalog, entry_parts(config, catalog))


def find(config: RunConfig) -> tuple[Release | None, SourceStates | None]:
    """Find the newest release made by this very work, or None; and the states, where they were needed for it.

    Raises the errors of the catalog, the sources' stores and the run's store.
    """
    store = Store.open(config.store)
    stores.require_store(store)
    if not stores.latest_release(store):
        return None, None
    states = look_at_sources(config)
    wanted = fingerprint(config, states)
    made = (release for release in stores.list_releases(store) if release.code.get("fingerprint") == wanted)
    return next(made, None), states


def entry_parts(config: RunConfig, catalog: Catalog) -> dict[str, SourceFingerprint]:
    """Fingerprint what every catalog entry that ``inputs`` names holds now, in parts."""
    entries: dict[str, None] = {}
    problems: list[SmcloudError] = []
    for role, reference in config.inputs.items():
        with noting(problems):
            entries[catalog.spec(role, reference)[0]] = None
    all_at_once(problems)
    return {entry: source_parts(catalog, entry) for entry in entries}


def fingerprint(config: RunConfig, states: SourceStates) -> str:
    """Hash what a run and its cube are made from: configuration, sources (states, credits), code, libraries."""
    held = {entry: parts_of.state for entry, parts_of in states.parts.items()}
    stated = {name: states.catalog.sources[name].metadata for name in states.parts}
    credits = {name: [str(it.version or ""), it.licence, it.citation] for name, it in stated.items()}
    return stores.content_id(harmonisation(config), config.analysis(), held, credits, cube_code(), product_code())


def harmonisation(config: RunConfig) -> dict[str, Any]:
    """Return what the cube depends on beside its sources: keys of the configuration, and what its region holds."""
    keys = config.harmonisation()
    return keys if config.region is None else keys | {"region": region_identity(config.region)}


def run_id(config: RunConfig, cube_id: str, inputs: Mapping[str, InputEntry]) -> str:
    """Hash what the products are made from: analysis, cube, code, libraries, and what they say of their inputs."""
    credits = {role: [entry.entry, entry.version, entry.licence, entry.citation] for role, entry in inputs.items()}
    return stores.content_id(config.analysis(), cube_id, credits, product_code())


def cube_code() -> str:
    """Digest the code that makes the cube, and its libraries' versions."""
    return stores.content_id(code_digest(CUBE_CODE), _versions(CUBE_LIBRARIES))


def product_code() -> str:
    """Digest the code that makes the products, and its libraries' versions."""
    return stores.content_id(code_digest(PRODUCT_CODE), _versions(PRODUCT_LIBRARIES))


def versions() -> dict[str, str]:
    """Return the versions of the libraries that a number may depend on."""
    return _versions({*CUBE_LIBRARIES, *PRODUCT_LIBRARIES})


def _versions(names: Iterable[str]) -> dict[str, str]:
    return {name: _version(name) for name in sorted(names)}


@cache  # each is a file to be parsed
def _version(name: str) -> str:
    return importlib.metadata.version(name)
