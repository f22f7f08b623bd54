"""The only module that knows intake: reads a catalog file, opens a source lazily, checks what it holds.

A catalog is intake's ``sources:`` form. It is read as plain YAML and checked against the models of
``catalog_schema`` before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import os
import re
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import yaml
from pydantic import ValidationError

from smcloud.catalog_schema import TEMPLATE, Args, Catalog, Entry, Metadata, VariableSpec, forbidden_template
from smcloud.errors import CatalogError, SmcloudError, UnreachableError
from smcloud.reaching import reaching, require_hosts
from smcloud.source_checks import check_axes, check_variables, same_units
from smcloud.strict_yaml import first_problem, read_yaml

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "READERS",
    "Catalog",
    "Entry",
    "Metadata",
    "Reader",
    "VariableSpec",
    "check_entries",
    "load_catalog",
    "open_entry",
    "resolved",
    "same_units",
    "through_intake",
]

ANSWER_SECONDS = 15.0
_opening = threading.Lock()


class Reader(Protocol):
    """Opens one source of a certain form."""

    def __call__(self, entry: Entry, where: str) -> xr.Dataset:
        """The source of a checked entry, its environment filled in; ``where`` names it in errors.

        The Dataset is lazy and CF-decoded (scale, offset and fill applied, times as datetime64), under the
        names of ``entry.metadata.variables``. What the source's libraries raise is left to the caller.
        """
        ...


def load_catalog(path: str | Path) -> Catalog:
    """Read and check a catalog without running anything from it.

    ``{{ CATALOG_DIR }}`` is filled at once, ``{{ env(SMCLOUD_...) }}`` when an entry is opened, so that a
    variable that is not set spoils only the entries that need it; any other template is refused here.
    Raises :class:`CatalogError` that names the entry and the key.
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
    _refuse_templates(data["sources"], str(path))
    sources = _fill(data["sources"], {"CATALOG_DIR": directory})
    try:
        return Catalog.model_validate({"path": str(path), "sources": sources})
    except ValidationError as err:
        raise _broken(err, str(path), Catalog) from err


def _read_text(path: str) -> tuple[bytes, str]:
    """The file's text and its directory, from a local path or any fsspec URL."""
    import fsspec

    with reaching(path, "check the path of the catalog"):
        fs, key = fsspec.core.url_to_fs(path)
        try:
            text: bytes = fs.cat_file(key)
        except (FileNotFoundError, IsADirectoryError) as err:
            raise CatalogError(
                "the catalog does not exist",
                where=path,
                found="no file",
                expected="a YAML file",
                next="smcloud catalog check catalogs/public.yaml",
            ) from err
    directory = fs.unstrip_protocol(key).rsplit("/", 1)[0]
    return text, directory.removeprefix("file://") if "file" in fs.protocol else directory


def _refuse_templates(sources: Mapping[str, Any], path: str) -> None:
    for name, entry in sources.items():
        bad = forbidden_template(entry)
        if bad is not None:
            raise CatalogError(
                "a template that a catalog may not use",
                where=f"{path}: sources.{name}",
                found=bad,
                expected="{{ CATALOG_DIR }} or {{ env(SMCLOUD_...) }}",
                next=f"edit {path}",
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
    what, key, found, expected = first_problem(err, model)
    return CatalogError(what, where=f"{where}: {key}", found=found, expected=expected, next=f"edit {key} in {where}")


def resolved(catalog: Catalog, name: str) -> Entry:
    """The entry with the environment's values in its arguments, checked again with them.

    Raises :class:`UnreachableError` that names a variable that is not set.
    """
    entry = catalog.entry(name)
    where = f"{catalog.path}: sources.{name}.args"
    raw = entry.args.model_dump(mode="json")
    for variable in sorted({match[1] for match in re.finditer(r"env\((\w+)\)", str(raw))}):
        if variable not in os.environ:
            raise UnreachableError(
                "an entry needs a setting of the environment",
                where=where,
                found=f"environment variable {variable} is not set",
                expected="the place of the files",
                next=f"export {variable}=...",
            )
    filled = _fill(raw, os.environ)
    _refuse_templates({name: filled}, catalog.path)
    try:
        return entry.model_copy(update={"args": Args.model_validate(filled)})
    except ValidationError as err:
        raise _broken(err, where, Args) from err


def through_intake(entry: Entry, where: str) -> xr.Dataset:
    """The reader of Zarr stores, NetCDF files of both generations, and kerchunk references.

    Intake gets a copy that holds only what was checked, with imports and start-up hooks off.
    """
    import fsspec
    import intake
    import xarray as xr
    import zarr

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = entry.args.model_dump(mode="json", exclude={"branch", "snapshot"})
    kwargs = args.pop("xarray_kwargs")
    if entry.driver == "zarr":
        _require_small_axes(entry.args, where)
        args |= kwargs
    else:
        several = len(entry.args.urls) > 1 or "*" in entry.args.urls[0]
        combine = {"combine": "by_coords", "join": "exact", "compat": "no_conflicts"} if several else {}
        args["xarray_kwargs"] = {"engine": _netcdf_engine(entry.args)} | combine | kwargs
    checked = {"sources": {"source": {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    # What an array does about a missing chunk is bound when it is opened; the setting is one for the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            ds = intake.open_catalog(url)["source"].to_dask()
    finally:
        fs.rm_file(key)
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return ds


def _require_small_axes(args: Args, where: str) -> None:
    import xarray as xr

    given: dict[str, Any] = {
        key: args.xarray_kwargs[key] for key in ("group", "consolidated") if key in args.xarray_kwargs
    }
    if args.storage_options:
        given["storage_options"] = dict(args.storage_options)
    for url in args.urls:
        raw = xr.open_dataset(url, engine="zarr", chunks=None, decode_cf=False, create_default_indexes=False, **given)
        check_axes(raw, where)


def _netcdf_engine(args: Args) -> str:
    """By the first bytes of the first file: downloads of ERA5 came as classic NetCDF for years."""
    import fsspec

    files = fsspec.open_files(list(args.urls), "rb", **args.storage_options)
    with files[0] as file:
        return "scipy" if file.read(3) == b"CDF" else "h5netcdf"


READERS: Mapping[str, Reader] = MappingProxyType({"default": through_intake})


def open_entry(catalog: Catalog, name: str, readers: Mapping[str, Reader] = READERS) -> xr.Dataset:
    """Open one entry lazily with the reader that it names, and check that it holds what its metadata names.

    Nothing but metadata and coordinates is read. Raises :class:`CatalogError` for a reader that is not among
    ``readers``, :class:`UnreachableError`, :class:`VariableError`, :class:`UnitError`, :class:`ChunkError`.
    """
    entry = resolved(catalog, name)
    where = f"{catalog.path}: {name} ({', '.join(entry.args.urls[:2])}{', ...' if len(entry.args.urls) > 2 else ''})"
    if entry.metadata.reader not in readers:
        raise CatalogError(
            "the reader of an entry is not available",
            where=where,
            found=f"reader {entry.metadata.reader}",
            expected=f"reader {' or '.join(readers)}",
            next="choose another entry in inputs of the configuration",
        )
    with reaching(where, f"smcloud catalog check {catalog.path}"):
        require_hosts(entry.args)
        ds = readers[entry.metadata.reader](entry, where)
    check_variables(ds, entry.metadata.variables.values(), where)
    return ds


def check_entries(
    catalog: Catalog, seconds: float = ANSWER_SECONDS, readers: Mapping[str, Reader] = READERS
) -> dict[str, str]:
    """Entry name -> ``"ok"``, ``"reader X is not among those given"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    A source that answers but breaks its schema raises; see :func:`open_entry`.
    """
    outcome: dict[str, str | SmcloudError] = {}

    def attempt(name: str) -> None:
        try:
            open_entry(catalog, name, readers).close()
            outcome[name] = "ok"
        except UnreachableError as err:
            outcome[name] = f"unreachable: {err.found}"
        except SmcloudError as err:
            outcome[name] = err

    threads = {}
    for name, entry in catalog.sources.items():
        if entry.metadata.reader not in readers:
            outcome[name] = f"reader {entry.metadata.reader} is not among those given"
        else:
            threads[name] = threading.Thread(target=attempt, args=(name,), daemon=True)
            threads[name].start()
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    result = {}
    for name in catalog.sources:
        answer = outcome.get(name, f"unreachable: no answer within {seconds:g} s")
        if isinstance(answer, SmcloudError):
            raise answer
        result[name] = answer
    return result
