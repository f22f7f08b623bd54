"""Loading of a catalog file: read as plain YAML, checked against the models, templates filled when they are needed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from smcloud.catalog.arguments import Args
from smcloud.catalog.schema import Catalog, Entry
from smcloud.catalog.security import TARGET_SCHEMES, TEMPLATE, forbidden_template, require_scheme, strings
from smcloud.config.strict_yaml import MAX_BYTES, problems_of, read_yaml
from smcloud.errors import CatalogError, SmcloudError, UnreachableError, all_at_once, noting
from smcloud.io_errors import SOURCE, reaching, time_limit
from smcloud.secrecy import holds_secret


def load_catalog(path: str | Path) -> Catalog:
    """Read and check a catalog without running anything from it.

    ``{{ CATALOG_DIR }}`` is filled at once, ``{{ env(SMCLOUD_...) }}`` when an entry is opened, so that a
    variable that is not set spoils only the entries that need it; any other template is refused here.
    Raises :class:`CatalogError` that names all entries and keys that are wrong.
    """
    text, directory = _read_text(str(path))
    data = read_yaml(text, str(path), CatalogError)
    if set(data) - {"sources", "metadata"} or not isinstance(data.get("sources"), dict):
        raise CatalogError(
            "the catalog is not of intake's form",
            where=str(path),
            found=", ".join(map(str, data)) or "nothing",
            expected="sources, and below it the entries by name",
            next=f"edit {path}",
        )
    problems: list[SmcloudError] = []
    with noting(problems):
        _refuse_templates(data["sources"], str(path))
    sources = _fill(data["sources"], {"CATALOG_DIR": directory})
    with noting(problems):
        try:
            catalog = Catalog.model_validate({"path": str(path), "sources": sources})
        except ValidationError as err:
            raise _broken(err, str(path), Catalog) from err
    with noting(problems):
        _refuse_secrets(data["sources"], str(path))
    all_at_once(problems)
    return catalog


def _read_text(path: str) -> tuple[bytes, str]:
    """The file's text and its directory, from a local path or any fsspec URL."""
    import fsspec

    try:
        require_scheme(path, TARGET_SCHEMES)
    except PydanticCustomError as err:
        found, expected = ((err.context or {})[key] for key in ("found", "expected"))
        raise CatalogError(
            "the catalog's place is not allowed", where=path, found=found, expected=expected, next="move the catalog"
        ) from err
    with reaching(SOURCE, path, "check the path of the catalog"):
        fs, key = fsspec.core.url_to_fs(path, **time_limit(path))
        try:
            if "file" in fs.protocol:  # a device has no end
                with fs.open(key, "rb") as file:
                    text: bytes = file.read(MAX_BYTES + 1)
            else:
                text = fs.cat_file(key)
        except (FileNotFoundError, IsADirectoryError) as err:
            raise CatalogError(
                "the catalog does not exist",
                where=path,
                found="no file",
                expected=f"a YAML file; a path without a scheme counts from {os.getcwd()}",
                next="run where the path counts from, or name the whole path; smcloud catalog list has the public ones",
            ) from err
    directory = fs.unstrip_protocol(key).rsplit("/", 1)[0]
    return text, directory.removeprefix("file://") if "file" in fs.protocol else directory


def _refuse_templates(sources: Mapping[str, Any], path: str) -> None:
    bad = {name: text for name, entry in sources.items() if (text := forbidden_template(entry)) is not None}
    all_at_once(
        CatalogError(
            "a template that a catalog may not use",
            where=f"{path}: sources.{name}",
            found=text,
            expected="{{ CATALOG_DIR }} or {{ env(SMCLOUD_...) }}",
            next=f"edit {path}",
        )
        for name, text in bad.items()
    )


def _refuse_secrets(sources: Mapping[str, Any], path: str) -> None:
    for name, entry in sources.items():
        shown = next((text for text in strings(entry) if holds_secret(text)), None)
        if shown is not None:
            raise CatalogError(
                "a catalog holds a secret",
                where=f"{path}: sources.{name}",
                found=shown,
                expected="no password, key, token or signature: a catalog is handed on",
                next=f"put the address into a variable and edit {path}: {{{{ env(SMCLOUD_...) }}}}",
            )


def _fill(node: Any, values: Mapping[str, str]) -> Any:
    """``node`` with the templates that ``values`` names filled, the others left."""
    if isinstance(node, Mapping):
        return {key: _fill(value, values) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_fill(value, values) for value in node]
    if not isinstance(node, str):
        return node
    return TEMPLATE.sub(lambda match: values.get(match[2] or match[1], match[0]), node)


def _broken(err: ValidationError, where: str, model: type[Catalog] | type[Args]) -> CatalogError:
    first, *others = (
        CatalogError(what, where=f"{where}: {key}", found=found, expected=expected, next=f"edit {key} in {where}")
        for what, key, found, expected in problems_of(err, model)
    )
    return first.with_others(others)


def resolved(catalog: Catalog, name: str) -> Entry:
    """Fill the environment's values into the arguments of the entry, and check it again with them.

    Raises :class:`UnreachableError` that names a variable that is not set.
    """
    entry = catalog.entry(name)
    where = f"{catalog.path}: sources.{name}.args"
    raw = entry.args.model_dump(mode="json")
    needed = sorted({match[1] for match in re.finditer(r"env\((\w+)\)", str(raw))})
    for variable in needed:
        if variable not in os.environ:
            raise UnreachableError(
                "an entry needs a setting of the environment",
                where=where,
                found=f"environment variable {variable} is not set",
                expected="the place of the files",
                next=f"export {variable}=...",
            )
    # Braces in the name of the catalog's own folder are letters; what the environment gives is no template either.
    _refuse_templates({name: [os.environ[variable] for variable in needed]}, catalog.path)
    filled = _fill(raw, os.environ)
    try:
        return entry.model_copy(update={"args": Args.model_validate(filled)})
    except ValidationError as err:
        raise _broken(err, where, Args) from err
