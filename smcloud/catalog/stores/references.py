"""Kerchunk references: read by ourselves, every address in them checked, before fsspec sees any.

fsspec formats the ``templates`` of a reference file, which can read the environment, and follows any address.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.stores.destinations import Bounds
from smcloud.errors import CatalogError

MAX_BYTES = 512 * 2**20
MAX_REFERENCES = 20_000_000
MAX_INLINE = 16 * 2**20
MAX_TEMPLATES = 1000
MAX_CHUNK = 2 * 2**30
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")

Reference = str | bytes | list[Any]


def read_document(fs: Any, path: str, where: str) -> bytes:
    """Read a reference file of at most 512 MiB; raises :class:`CatalogError` for a larger one, or a folder."""
    if fs.isdir(path):
        raise _refused(where, "a folder of Parquet files", "one JSON file", "write the references as one JSON file")
    with fs.open(path, "rb") as file:
        content: bytes = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _refused(where, f"more than {MAX_BYTES >> 20} MiB", f"at most {MAX_BYTES >> 20} MiB")
    return content


def parse(content: bytes, where: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the templates and the references of a reference file, as they stand there.

    Templates are plain texts, and nothing is to be generated; any other form raises :class:`CatalogError`.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise _refused(where, f"no JSON ({type(err).__name__})", "one JSON document of kerchunk") from err
    if not isinstance(document, dict) or document.get("version", 0) not in (0, 1):
        raise _refused(where, "another form or version", "a document of version 1, or the references themselves")
    if document.get("gen"):
        raise _refused(where, "gen", "references that are written out", "write it without gen")
    references = document.get("refs", {}) if "refs" in document or "version" in document else document
    templates = document.get("templates") or {}
    if not isinstance(references, dict) or not isinstance(templates, dict):
        raise _refused(where, "refs or templates that are no mapping", "mappings of names")
    if len(references) > MAX_REFERENCES or len(templates) > MAX_TEMPLATES:
        found = f"{len(references)} references, {len(templates)} templates"
        raise _refused(where, found, f"at most {MAX_REFERENCES} and {MAX_TEMPLATES}")
    for name, text in templates.items():
        if not isinstance(text, str) or not NAME.fullmatch(name) or set(text) & set("{}%"):
            raise _refused(where, f"templates: {name[:40]}", "templates that are plain texts, without braces")
    return templates, references


def checked(content: bytes, bounds: Bounds, where: str) -> dict[str, Reference]:
    """Return the references by key, ready to be read: each address inside ``bounds``, no template left in any."""
    templates, references = parse(content, where)
    out: dict[str, Reference] = {}
    for key, value in references.items():
        if isinstance(value, list):
            out[key] = _target(key, value, templates, bounds, where)
        elif isinstance(value, str) and len(value) <= MAX_INLINE:
            out[key] = _inline(key, value, where)
        elif isinstance(value, dict):
            out[key] = json.dumps(value)
        else:
            raise _refused(f"{where}: {key[:80]}", type(value).__name__, f"a text of at most {MAX_INLINE >> 20} MiB")
    return out


def _inline(key: str, value: str, where: str) -> bytes:
    if not value.startswith("base64:"):
        return value.encode()
    try:
        return base64.b64decode(value[7:], validate=True)
    except binascii.Error as err:
        raise _refused(f"{where}: {key[:80]}", "base64 that does not decode", "base64") from err


def _target(key: str, value: list[Any], templates: Mapping[str, str], bounds: Bounds, where: str) -> list[Any]:
    numbers = value[1:]
    plain = all(type(number) is int and 0 <= number < 2**62 for number in numbers)
    if len(value) not in (1, 3) or not isinstance(value[0], str) or not plain or (numbers and numbers[1] > MAX_CHUNK):
        raise _refused(f"{where}: {key[:80]}", _short(value), "[address] or [address, offset, length]")
    address = value[0]
    if "{" in address:
        address = PLACEHOLDER.sub(lambda match: templates.get(match[1], match[0]), address)
    if "{" in address or "}" in address:
        raise _refused(f"{where}: {key[:80]}", _short(value[0]), "templates that the file itself holds")
    try:
        return [bounds.address(address), *numbers]
    except (ValueError, OSError) as err:
        raise CatalogError(
            "a reference leads to a place that is not its source's own",
            where=f"{where}: {key[:80]}",
            found=f"{_short(address)} ({err})",
            expected=f"an address below {bounds}",
            next="name the place in args.points_to of the entry if you trust it, or do not use these references",
        ) from err


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _refused(where: str, found: str, expected: str, next: str = "do not use these references") -> CatalogError:
    return CatalogError("a reference file cannot be used", where=where, found=found, expected=expected, next=next)
