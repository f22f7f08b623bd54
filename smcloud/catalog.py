"""The only module that knows intake: checks a catalog file, opens a source lazily, checks its schema.

A catalog is intake's ``sources:`` form. It is read with ``yaml.safe_load`` and checked against the
models below before intake sees anything, because an intake catalog can run code.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import xarray as xr
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from smcloud.errors import CatalogError, ChunkError, UnitError, UnreachableError, VariableError

SCHEMES = ("", "file", "gs", "gcs", "s3", "https", "http", "reference", "memory")
TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
ENV_TEMPLATE = re.compile(r"env\((SMCLOUD_[A-Z0-9_]+)\)")
MAX_CHUNK_BYTES = 2 * 2**30
SECRET_KEYS = ("secret", "password", "access_key", "key", "sas_token", "account_key")


class Model(BaseModel):
    """Frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VariableSpec(Model):
    """What one role is called in the source, and how its steps become months.

    ``stamp`` says which end of a step its time coordinate marks; ``fill`` lists raw values that mean
    missing where the source has no attribute for it; ``scale`` multiplies raw values where the source
    has no attribute for it; ``flag`` and ``uncertainty`` name companion variables; ``legend`` maps
    class codes to names.
    """

    name: str
    units: str
    period: Literal["hour", "3hour", "6hour", "day", "8day", "month", "static"]
    stamp: Literal["start", "mid", "end"] = "start"
    aggregate: Literal["mean", "sum", "class"] = "mean"
    valid_range: tuple[float, float]
    fill: tuple[float, ...] = ()
    scale: float | None = None
    flag: str | None = None
    uncertainty: str | None = None
    legend: Mapping[int, str] = Field(default_factory=dict)


class ValidEnd(Model):
    """The attribute of the source that names the last valid step of a preallocated time axis."""

    attr: str


class Metadata(Model):
    """What intake's source objects do not carry."""

    reader: Literal["default", "esa_cci", "icechunk", "hdf4", "geotiff"] = "default"
    licence: str
    citation: str
    valid_end: ValidEnd | None = None
    variables: Annotated[Mapping[str, VariableSpec], Field(min_length=1)]


class Args(Model):
    """Arguments of intake's zarr and netcdf drivers that a catalog may set."""

    urlpath: str | tuple[str, ...]
    chunks: Mapping[str, int] = Field(default_factory=dict)
    storage_options: Mapping[str, Any] = Field(default_factory=dict)
    xarray_kwargs: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("storage_options")
    @classmethod
    def _no_secrets(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key in value:
            if key in SECRET_KEYS or key.endswith("_key"):
                raise ValueError(f"{key!r} is a secret: it comes from the environment, never from a catalog")
        return value


class Entry(Model):
    """One source of the catalog."""

    driver: Literal["zarr", "netcdf"]
    description: str
    args: Args
    metadata: Metadata


class Catalog(Model):
    """A checked catalog file; ``path`` is where it was read."""

    path: str
    sources: Annotated[Mapping[str, Entry], Field(min_length=1)]

    @field_validator("sources")
    @classmethod
    def _schemes(cls, value: Mapping[str, Entry]) -> Mapping[str, Entry]:
        for name, entry in value.items():
            for url in [entry.args.urlpath] if isinstance(entry.args.urlpath, str) else entry.args.urlpath:
                scheme = url.split("://")[0] if "://" in url else ""
                if scheme not in SCHEMES or "::" in url:
                    raise ValueError(f"{name}: urlpath scheme {scheme!r} is none of {', '.join(SCHEMES[1:])}")
        return value

    def spec(self, role: str, reference: str) -> tuple[str, VariableSpec]:
        """Entry name and variable of ``entry`` or ``entry:variable`` for ``role``.

        Raises :class:`CatalogError` with the names that exist.
        """
        name, _, variable = reference.partition(":")
        if name not in self.sources:
            raise CatalogError(
                f"the catalog has no entry for {role}",
                where=f"{self.path}: sources.{name}",
                found=name,
                expected=" or ".join(self.sources),
                next=f"correct inputs.{role} in the configuration",
            )
        variables = self.sources[name].metadata.variables
        if (variable or role) not in variables:
            raise CatalogError(
                f"the entry has no variable for {role}",
                where=f"{self.path}: sources.{name}.metadata.variables",
                found=variable or role,
                expected=" or ".join(variables),
                next=f"correct inputs.{role} in the configuration: entry:variable",
            )
        return name, variables[variable or role]


def load_catalog(path: str | Path) -> Catalog:
    """Read and check a catalog without running anything from it.

    Raises :class:`CatalogError` that names the entry and the key.
    """
    text, directory = _read_text(str(path))
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise CatalogError(
            "the catalog is not plain YAML", where=str(path), found=str(err).replace("\n", " "), expected="YAML"
        ) from err
    if not isinstance(data, dict) or set(data) - {"sources", "metadata"} or "sources" not in data:
        found = sorted(map(str, data)) if isinstance(data, dict) else type(data).__name__
        raise CatalogError(
            "the catalog has other top-level keys than intake's form", where=str(path), found=found, expected="sources"
        )
    try:
        sources = _fill_templates(data["sources"], directory, str(path))
        return Catalog.model_validate({"path": str(path), "sources": sources})
    except ValidationError as err:
        first = err.errors()[0]
        raise CatalogError(
            "the catalog breaks its schema",
            where=f"{path}: {'.'.join(str(part) for part in first['loc'])}",
            found="nothing" if first["type"] == "missing" else first["input"],
            expected=first["msg"].removeprefix("Value error, "),
            next=f"smcloud catalog check {path}",
        ) from err


def _read_text(path: str) -> tuple[str, str]:
    """The file's text and its directory, from a local path or any fsspec URL."""
    import fsspec

    fs, key = fsspec.core.url_to_fs(path)
    try:
        text = fs.cat_file(key).decode()
    except FileNotFoundError as err:
        raise CatalogError(
            "the catalog does not exist", where=path, found="no file", expected="a YAML file",
            next="smcloud catalog check catalogs/public.yaml",
        ) from err
    directory = fs.unstrip_protocol(key).rsplit("/", 1)[0]
    return text, directory.removeprefix("file://") if "file" in fs.protocol else directory


def _fill_templates(node: Any, directory: str, where: str) -> Any:
    if isinstance(node, Mapping):
        return {key: _fill_templates(value, directory, where) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill_templates(value, directory, where) for value in node]
    if not isinstance(node, str):
        return node

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        env = ENV_TEMPLATE.fullmatch(name)
        if name == "CATALOG_DIR":
            return directory
        if env is None:
            raise CatalogError(
                "a template that a catalog may not use", where=where, found=match.group(0),
                expected="{{ CATALOG_DIR }} or {{ env(SMCLOUD_...) }}",
            )
        if env.group(1) not in os.environ:
            raise CatalogError(
                "a template names an environment variable that is not set", where=where, found=match.group(0),
                expected=f"{env.group(1)} in the environment", next=f"export {env.group(1)}=...",
            )
        return os.environ[env.group(1)]

    return TEMPLATE.sub(fill, node)


def open_entry(catalog: Catalog, name: str) -> xr.Dataset:
    """Open one entry lazily through intake and check that it holds what its metadata names.

    Values are CF-decoded (scale, offset and fill attributes applied; times as datetime64); nothing
    but metadata and coordinates is read. Raises :class:`UnreachableError`, :class:`VariableError`,
    :class:`UnitError`, :class:`ChunkError`.
    """
    entry = catalog.sources[name]
    where = f"{catalog.path}: {name} ({_first(entry.args.urlpath)})"
    try:
        ds = _through_intake(name, entry)
    except (OSError, KeyError, ValueError, ImportError) as err:  # what xarray, zarr and fsspec raise for "not there"
        raise UnreachableError(
            "a source cannot be opened",
            where=where,
            found=f"{type(err).__name__}: {str(err).splitlines()[0] if str(err) else ''}",
            expected=f"a {entry.driver} source that opens",
            next=f"smcloud catalog check {catalog.path}",
        ) from err
    for spec in entry.metadata.variables.values():
        _check_variable(ds, spec, where)
    return ds


def _through_intake(name: str, entry: Entry) -> xr.Dataset:
    """Intake gets a copy that holds only what was checked, with imports and start-up hooks off."""
    import fsspec
    import intake

    intake.conf.set(allow_import=False, import_on_startup=False)
    args = entry.args.model_dump(mode="json")
    kwargs = args.pop("xarray_kwargs")
    if entry.driver == "zarr":
        args |= kwargs
    else:
        several = not isinstance(entry.args.urlpath, str) or "*" in entry.args.urlpath
        combine = {"combine": "by_coords", "join": "exact"} if several else {}
        args["xarray_kwargs"] = {"engine": "h5netcdf"} | combine | kwargs
    checked = {"sources": {name: {"driver": entry.driver, "description": entry.description, "args": args}}}
    url = f"memory://smcloud-catalogs/{uuid.uuid4().hex}.yaml"
    fs, key = fsspec.core.url_to_fs(url)
    fs.pipe_file(key, yaml.safe_dump(checked).encode())
    try:
        ds = intake.open_catalog(url)[name].to_dask()
    finally:
        fs.rm_file(key)
    if not isinstance(ds, xr.Dataset):
        raise ValueError(f"the source gives a {type(ds).__name__}, not a Dataset")
    return ds


def _check_variable(ds: xr.Dataset, spec: VariableSpec, where: str) -> None:
    for needed in filter(None, (spec.name, spec.flag, spec.uncertainty)):
        if needed not in ds:
            raise VariableError(
                "a source lacks a variable", where=where, found=", ".join(map(str, ds.data_vars)), expected=needed,
                next="correct metadata.variables of the catalog entry",
            )
    da = ds[spec.name]
    found = str(da.attrs.get("units", spec.units))
    if not same_units(found, spec.units):
        raise UnitError(
            "a source's unit is not the catalog's", where=f"{where}: {spec.name}", found=found, expected=spec.units,
            next="correct units in the catalog entry if the source is right",
        )
    item = da.dtype.itemsize
    largest = max((math.prod(shape) * item for shape in [[max(sizes) for sizes in da.chunks or ()]]), default=0)
    if largest > MAX_CHUNK_BYTES:
        raise ChunkError(
            "a source's chunk is too large to read", where=f"{where}: {spec.name}", found=f"{largest / 2**30:.1f} GiB",
            expected=f"at most {MAX_CHUNK_BYTES / 2**30:.0f} GiB", next="check the source's metadata",
        )


def same_units(left: str, right: str) -> bool:
    """True where two unit strings mean the same (``m^3 m^-3`` and ``m3 m-3``); unknown ones compare as text."""
    if left == right:
        return True
    import cf_xarray.units
    import pint

    try:
        return bool(cf_xarray.units.units.parse_units(left) == cf_xarray.units.units.parse_units(right))
    except (ValueError, TypeError, AttributeError, AssertionError, pint.errors.PintError):
        return False


def source_state(catalog: Catalog, name: str) -> str:
    """A fingerprint of what the source holds now, from names, sizes, ETags and metadata: never from its address.

    Local sources: relative path and size of every file, and the content of metadata. Remote ones: the content of
    the metadata object or, for single files, ETag or size.
    """
    import fsspec

    entry = catalog.sources[name]
    digest = hashlib.sha256(entry.metadata.model_dump_json().encode())
    urls = [entry.args.urlpath] if isinstance(entry.args.urlpath, str) else list(entry.args.urlpath)
    for url in urls:
        options = {} if url.startswith("reference:") else dict(entry.args.storage_options)
        try:
            fs, key = fsspec.core.url_to_fs(url, **options)
            local = "file" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)
            for path in sorted(fs.glob(key)) if "*" in key else [key]:
                _digest_object(digest, fs, path, recurse=local)
        except OSError as err:
            raise UnreachableError(
                "a source cannot be read",
                where=f"{catalog.path}: {name} ({url})",
                found=f"{type(err).__name__}: {err}",
                expected="a source that answers", next=f"smcloud catalog check {catalog.path}",
            ) from err
    return digest.hexdigest()[:16]


def _digest_object(digest: hashlib._Hash, fs: Any, path: str, recurse: bool) -> None:
    if recurse and fs.isdir(path):
        files = fs.find(path, detail=True)
        for name in sorted(files):
            digest.update(f"{name.removeprefix(path)} {files[name]['size']}".encode())
    if fs.isdir(path):
        for meta in ("zarr.json", ".zmetadata", ".zattrs"):
            if fs.exists(f"{path}/{meta}"):
                digest.update(fs.cat_file(f"{path}/{meta}"))
                return
    info = fs.info(path)
    digest.update(str(info.get("ETag") or info.get("etag") or info.get("md5Hash") or info.get("size")).encode())


def check_entries(catalog: Catalog) -> dict[str, str]:
    """Entry name -> ``"ok"``, or the words of the :class:`UnreachableError` where a source did not answer.

    A source that answers but breaks its schema raises; see :func:`open_entry`.
    """
    result = {}
    for name in catalog.sources:
        try:
            open_entry(catalog, name).close()
            result[name] = "ok"
        except UnreachableError as err:
            result[name] = f"unreachable: {err.found}"
    return result


def _first(urlpath: str | tuple[str, ...]) -> str:
    return urlpath if isinstance(urlpath, str) else f"{urlpath[0]} and {len(urlpath) - 1} more"
