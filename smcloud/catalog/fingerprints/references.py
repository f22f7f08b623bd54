"""Kerchunk references: one file with the address, offset and length of every chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.fingerprints.objects import DOCUMENTS

Listing = dict[str, dict[str, str]]  # variable -> key inside the group -> its text in the references


def references(content: bytes, group: str) -> tuple[str, Listing, Listing] | None:
    """Return what all references share, and by variable the metadata documents and the references of ``group``.

    None where the file is of another form: a folder of Parquet files, or references that are still to be generated.
    What a reference points to is not read.
    """
    try:
        document = json.loads(content)
    except ValueError:
        return None
    if not isinstance(document, dict) or "gen" in document:
        return None
    refs: Mapping[str, Any] = document.get("refs", document)
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
    return json.dumps(document.get("templates", {}), sort_keys=True), documents, chunks
