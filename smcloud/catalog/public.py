"""The public catalog, which comes with smcloud: its entries, as models and as the text that they are written in."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from smcloud.catalog.key_texts import TEXTS
from smcloud.catalog.loading import load_catalog
from smcloud.catalog.schema import Catalog
from smcloud.config.editors import keep_schema, schema_line, with_texts
from smcloud.errors import CatalogError

HEADING = "  # --"  # of a group of entries
PUBLIC = Path(__file__).parents[2] / "catalogs" / "public.yaml"  # beside the packages, in a wheel too


def public_catalog() -> Catalog:
    """Read the public catalog."""
    return load_catalog(PUBLIC)


def public_texts(names: Sequence[str]) -> dict[str, str]:
    """Return the lines of the entries ``names``, with what is said in them.

    Raises :class:`CatalogError` that names what exists.
    """
    text = PUBLIC.read_text("utf-8")
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    sources = next(value for key, value in root.value if key.value == "sources")
    lines = text.splitlines(keepends=True)
    begins = [key.start_mark.line for key, _ in sources.value] + [len(lines)]
    known = {
        key.value: lines[begin:end] for (key, _), begin, end in zip(sources.value, begins, begins[1:], strict=False)
    }
    for name in names:
        if name not in known:
            raise CatalogError(
                "the public catalog has no such entry",
                where=str(PUBLIC),
                found=name,
                expected=" or ".join(known),
                next="smcloud catalog list",
            )
    kept = {name: "".join(line for line in known[name] if not line.startswith(HEADING)) for name in names}
    return {name: text.rstrip() + "\n" for name, text in kept.items()}


def named_like(files: Sequence[str]) -> str | None:
    """Return the name of the public entry whose pattern all of ``files`` match; one of ``*.nc`` alone says nothing."""
    names = [file.rpartition("/")[2] for file in files]
    for entry, source in public_catalog().sources.items():
        patterns = [url.rpartition("/")[2] for url in source.args.urls if url.startswith("{{")]
        if any(
            len(pattern) > len("*.nc") and all(fnmatchcase(name, pattern) for name in names) for pattern in patterns
        ):
            return entry
    return None


def copy_public(names: Sequence[str], to: Path) -> None:
    """Write a new catalog ``to`` with the public entries ``names``, and its schema beside it.

    Raises :class:`CatalogError` where it exists.
    """
    texts = public_texts(names)
    try:
        with open(to, "x", encoding="utf-8") as file:
            file.write(schema_line("catalog") + "sources:\n" + "\n".join(texts.values()))
        keep_schema("catalog", catalog_schema(), to.parent)
    except OSError as err:
        raise CatalogError(
            "the catalog cannot be written",
            where=str(to),
            found="a file" if isinstance(err, FileExistsError) else err.strerror or err,
            expected="a new file in a folder that exists",
            next="name another one with --to",
        ) from err


def catalog_schema() -> dict[str, Any]:
    """Return the JSON schema of a catalog file, as editors read it."""
    schema = with_texts(Catalog.model_json_schema(), TEXTS)
    schema["properties"] = {"sources": schema["properties"]["sources"], "metadata": {}}
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A catalog of smcloud"}
    return schema | made | {"required": ["sources"]}
