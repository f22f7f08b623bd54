"""``catalog.yaml``: a release as an intake catalog, made from its STAC, so that the two cannot differ.

It holds number and digest of the release's record too, by which a run sees that a release was lost.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from smcloud.doors.stac import DIGEST, ENTRY, FOLDER
from smcloud.store.doors import BESIDE

if TYPE_CHECKING:
    import pystac


def intake_catalog(catalog: pystac.Catalog) -> bytes:
    """Render the collections of ``catalog`` as sources of intake; their addresses are relative to the file."""
    import yaml

    collections = list(catalog.get_collections())
    metadata = {
        "release": int(collections[0].extra_fields["version"]),
        "created": catalog.extra_fields["created"],
        "record_sha256": catalog.extra_fields[DIGEST],
    }
    sources = {collection.id: _source(collection) for collection in collections}
    return yaml.safe_dump({"metadata": metadata, "sources": sources}, sort_keys=False, width=120).encode()


def _source(collection: pystac.Collection) -> dict[str, Any]:
    href = collection.assets["zarr"].href
    path = posixpath.normpath(posixpath.join(FOLDER, collection.id, href))
    # Intake fills what stands in braces, and descriptions hold what people wrote.
    title = (collection.title or collection.id).replace("{", "(").replace("}", ")")
    return {
        "driver": "zarr",
        "description": f"{title} (release {collection.extra_fields['version']})",
        "args": {"urlpath": f"{BESIDE}/{path}", "chunks": {}},
        "metadata": collection.extra_fields[ENTRY],
    }
