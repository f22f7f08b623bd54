"""Catalogs of sources: the schema of an entry, how its source is opened, and fingerprints of its current content."""

from smcloud.catalog.loading import load_catalog, resolved
from smcloud.catalog.opening import check_entries, open_entry
from smcloud.catalog.schema import Catalog, Entry, Metadata, VariableSpec

__all__ = [
    "Catalog",
    "Entry",
    "Metadata",
    "VariableSpec",
    "check_entries",
    "load_catalog",
    "open_entry",
    "resolved",
]
