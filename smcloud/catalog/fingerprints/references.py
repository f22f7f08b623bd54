"""Kerchunk references: one file with the address, offset and length of every chunk."""

from __future__ import annotations

import json

from smcloud.catalog.fingerprints.objects import DOCUMENTS
from smcloud.catalog.stores.references import parse

Listing = dict[str, dict[str, str]]  # variable -> key inside the group -> its text in the references


def references(content: bytes, group: str, where: str) -> tuple[str, Listing, Listing]:
    """Return what all references share, and by variable the metadata documents and the references of ``group``.

    What a reference points to is not read. Raises :class:`CatalogError` for another form of file.
    """
    templates, refs = parse(content, where)
    prefix = f"{group.strip('/')}/" if group.strip("/") else ""
    documents: Listing = {}
    chunks: Listing = {}
    for key, value in sorted(refs.items()):
        name, _, rest = key.removeprefix(prefix).partition("/")
        if not key.startswith(prefix) or not rest:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        if rest in DOCUMENTS:
            documents.setdefault(name, {})[rest] = text
        else:
            chunks.setdefault(name, {})[f"{name}/{rest}"] = f"{rest} {text}"
    return json.dumps(templates, sort_keys=True), documents, chunks
