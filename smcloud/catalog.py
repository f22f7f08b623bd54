"""The only module that knows intake: reads a catalog file, opens a source lazily, checks its schema.

A catalog is intake's ``sources:`` form. It is read as plain YAML and checked against the models of
``catalog_schema`` before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import logging
import math
import os
import re
import socket
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from smcloud.catalog_schema import TEMPLATE, Args, Catalog, Entry, Metadata, VariableSpec, forbidden_template
from smcloud.errors import CatalogError, ChunkError, SmcloudError, UnitError, UnreachableError, VariableError
from smcloud.strict_yaml import first_problem, read_yaml

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "READERS",
    "Catalog",
    "Entry",
    "Metadata",
    "VariableSpec",
    "check_entries",
    "load_catalog",
    "open_entry",
    "same_units",
    "unit_registry",
]

READERS = ("default", "esa_cci")  # the other readers of the schema are not available yet
MAX_CHUNK_BYTES = 2 * 2**30
MAX_CHUNKS = 20_000_000
ANSWER_SECONDS = 15.0
_opening = threading.Lock()


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


def open_entry(catalog: Catalog, name: str) -> xr.Dataset:
    """Open one entry lazily through intake and check that it holds what its metadata names.

    Values are CF-decoded (scale, offset and fill attributes applied; times as datetime64); nothing
    but metadata and coordinates is read. Raises :class:`CatalogError` for a reader that is not available,
    :class:`UnreachableError`, :class:`VariableError`, :class:`UnitError`, :class:`ChunkError`.
    """
    entry = resolved(catalog, name)
    where = f"{catalog.path}: {name} ({', '.join(entry.args.urls[:2])}{', ...' if len(entry.args.urls) > 2 else ''})"
    if entry.metadata.reader not in READERS:
        raise CatalogError(
            "the reader of an entry is not available",
            where=where,
            found=f"reader {entry.metadata.reader}",
            expected=f"reader {' or '.join(READERS)}",
            next="choose another entry in inputs of the configuration",
        )
    with reaching(where, f"smcloud catalog check {catalog.path}"):
        _require_hosts(entry.args)
        if entry.driver == "zarr":
            _check_axes(entry.args, where)
        ds = _through_intake(name, entry)
    for spec in entry.metadata.variables.values():
        _check_variable(ds, spec, where)
    return ds


def _require_hosts(args: Args) -> None:
    """Connect to the host of each remote address: the clients of stores retry for minutes, and noisily."""
    if urllib.request.getproxies():  # then the proxy is the host, and the client's affair
        return
    options = args.storage_options
    known = {
        "s3": options.get("endpoint_url")
        or options.get("client_kwargs", {}).get("endpoint_url")
        or os.environ.get("AWS_ENDPOINT_URL_S3", os.environ.get("AWS_ENDPOINT_URL", "https://s3.amazonaws.com")),
        "gs": os.environ.get("STORAGE_EMULATOR_HOST", "https://storage.googleapis.com"),
    }
    known["gcs"] = known["gs"]
    for url in {options["fo"]} if "fo" in options else set(args.urls):
        scheme = url.split("://")[0] if "://" in url else ""
        address = known.get(scheme, url if scheme in ("http", "https") else None)
        if address is None:
            continue
        parts = urllib.parse.urlsplit(address if "://" in address else f"http://{address}")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((parts.hostname or "", port), timeout=10.0).close()
        except socket.gaierror as err:
            raise ConnectionError(f"the host {parts.hostname} is not known (is there a network?)") from err
        except OSError as err:
            raise ConnectionError(f"the host {parts.hostname} does not answer ({err})") from err


def _through_intake(name: str, entry: Entry) -> xr.Dataset:
    """Intake gets a copy that holds only what was checked, with imports and start-up hooks off."""
    import fsspec
    import intake
    import xarray as xr
    import zarr

    intake.conf.set(allow_import=False, allow_pickle=False, allow_templates=False, import_on_startup=False)
    args = entry.args.model_dump(mode="json")
    kwargs = args.pop("xarray_kwargs")
    if entry.driver == "zarr":
        args |= kwargs
    else:
        several = len(entry.args.urls) > 1 or "*" in entry.args.urls[0]
        combine = {"combine": "by_coords", "join": "exact"} if several else {}
        args["xarray_kwargs"] = {"engine": "h5netcdf"} | combine | kwargs
    checked = {"sources": {name: {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    # What an array does about a missing chunk is bound when it is opened; the setting is one for the process.
    try:
        with _opening, zarr.config.set({"array.read_missing_chunks": not entry.metadata.complete}):
            ds = intake.open_catalog(url)[name].to_dask()
    finally:
        fs.rm_file(key)
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return ds


def _check_axes(args: Args, where: str) -> None:
    """Refuse axes that do not fit in memory, from the metadata alone: opening a Dataset reads them whole."""
    import xarray as xr

    given: dict[str, Any] = {
        key: args.xarray_kwargs[key] for key in ("group", "consolidated") if key in args.xarray_kwargs
    }
    if args.storage_options:
        given["storage_options"] = dict(args.storage_options)
    for url in args.urls:
        raw = xr.open_dataset(url, engine="zarr", chunks=None, decode_cf=False, create_default_indexes=False, **given)
        for name in set(raw.dims) & set(raw.variables):
            stored = math.prod(raw[name].encoding.get("chunks", ())) * raw[name].dtype.itemsize
            if max(stored, raw[name].nbytes) > MAX_CHUNK_BYTES:
                raise ChunkError(
                    "a source's axis is too large to read",
                    where=f"{where}: {name}",
                    found=f"{raw[name].nbytes / 2**30:.1f} GiB in chunks of {stored / 2**30:.1f} GiB",
                    expected=f"at most {MAX_CHUNK_BYTES / 2**30:.0f} GiB",
                    next="check the source's metadata",
                )


@contextmanager
def reaching(where: str, remedy: str) -> Iterator[None]:
    """Whatever a source's libraries raise becomes an :class:`UnreachableError` with one short line."""
    try:
        yield
    except SmcloudError:
        raise
    except Exception as err:  # intake, xarray, zarr, fsspec, botocore and aiohttp share no base class
        raise UnreachableError(
            "a source cannot be opened",
            where=where,
            found=_short(err),
            expected="a source that answers and opens",
            next=remedy,
        ) from err


def _short(err: Exception) -> str:
    lines = str(err).strip().splitlines()
    text = f"{type(err).__name__}: {lines[0]}" if lines else type(err).__name__
    if isinstance(err, ConnectionError) and lines:
        text = lines[0]
    return text if len(text) <= 160 else f"{text[:157]}..."


def _check_variable(ds: xr.Dataset, spec: VariableSpec, where: str) -> None:
    for needed in filter(None, (spec.name, spec.flag, spec.sensor, spec.uncertainty)):
        if needed not in ds:
            raise VariableError(
                "a source lacks a variable",
                where=where,
                found=", ".join(map(str, ds.data_vars)) or "no variable",
                expected=needed,
                next="correct metadata.variables of the catalog entry",
            )
        _check_chunks(ds[needed], f"{where}: {needed}")
    stated = spec.attr_units or spec.units
    found = str(ds[spec.name].attrs.get("units", stated))
    if not same_units(found, stated):
        raise UnitError(
            "a source's unit is not the catalog's",
            where=f"{where}: {spec.name}",
            found=found,
            expected=stated,
            next="correct units (or attr_units) in the catalog entry if the source is right",
        )


def _check_chunks(da: xr.DataArray, where: str) -> None:
    """A store of a few bytes can declare terabytes: refuse what cannot be read before anything is read."""
    stored = da.encoding.get("chunks") or da.encoding.get("chunksizes") or ()
    largest = max(math.prod(stored), math.prod(max(sizes) for sizes in da.chunks or ())) * da.dtype.itemsize
    number = math.prod(-(-size // chunk) for size, chunk in zip(da.shape, stored, strict=False))
    if largest > MAX_CHUNK_BYTES or number > MAX_CHUNKS:
        raise ChunkError(
            "a source's chunks cannot be worked on",
            where=where,
            found=f"{number} chunks of up to {largest / 2**30:.1f} GiB",
            expected=f"at most {MAX_CHUNKS} chunks of {MAX_CHUNK_BYTES / 2**30:.0f} GiB",
            next="set args.chunks of the entry, or check the source's metadata",
        )


@cache
def unit_registry() -> Any:
    """pint with the unit words of CF, made at the first unit that is not a plain match."""
    logging.getLogger("pint.util").setLevel(logging.ERROR)  # it warns of every word that CF redefines
    import cf_xarray.units

    return cf_xarray.units.units


def same_units(left: str, right: str) -> bool:
    """True where two unit strings mean the same (``m^3 m^-3`` and ``m3 m-3``); unknown ones compare as text."""
    if left == right:
        return True
    registry = unit_registry()
    import pint

    try:
        return bool(registry.parse_units(left) == registry.parse_units(right))
    except (ValueError, TypeError, AttributeError, AssertionError, pint.errors.PintError):
        return False


def check_entries(catalog: Catalog, seconds: float = ANSWER_SECONDS) -> dict[str, str]:
    """Entry name -> ``"ok"``, ``"reader X is not available yet"`` or ``"unreachable: ..."``.

    All entries are tried side by side; one that has not answered after ``seconds`` counts as unreachable.
    A source that answers but breaks its schema raises; see :func:`open_entry`.
    """
    outcome: dict[str, str | SmcloudError] = {}

    def attempt(name: str) -> None:
        try:
            open_entry(catalog, name).close()
            outcome[name] = "ok"
        except UnreachableError as err:
            outcome[name] = f"unreachable: {err.found}"
        except SmcloudError as err:
            outcome[name] = err

    threads = {}
    for name, entry in catalog.sources.items():
        if entry.metadata.reader not in READERS:
            outcome[name] = f"reader {entry.metadata.reader} is not available yet"
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
