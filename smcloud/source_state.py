"""What a source holds now, as digests of its parts: equal where nothing changed, wherever the source lies.

A part is what months can be traced to: the objects of one time chunk of a Zarr variable, or one NetCDF file. Only
metadata, listings and, of small local sources, contents are read here; no array library is imported for it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smcloud.catalog import resolved
from smcloud.catalog_schema import Catalog, Entry
from smcloud.reaching import reaching

FULL_DIGEST_BYTES = 2**30
LISTED_OBJECTS = 200_000
TIME = ("time", "valid_time")
METADATA = ("zarr.json", ".zmetadata", ".zgroup", ".zarray", ".zattrs")
# Readers whose steps lie as the variable's time chunks or the files' time stamps do.
TRACED = ("default", "esa_cci")
Objects = dict[str, tuple[str, dict[str, Any]]]  # address -> name inside the source, and what its store says of it


@dataclass(frozen=True)
class Chunks:
    """Digest of each time chunk of a variable, ``steps`` steps long; a single one, and 0, without a time axis."""

    steps: int
    digests: tuple[str, ...]


@dataclass(frozen=True)
class SourceParts:
    """A source in parts.

    ``reading``: how it is read and laid out, the growth of the time axis apart; of a source without parts, all it
    holds. ``extent``: its attributes and time axis, which say how far it reaches. ``chunks``: variable -> time chunks
    of a Zarr group. ``files``: digest -> address of each file of a NetCDF set, in the order of their names.
    """

    reading: str
    extent: str = ""
    chunks: Mapping[str, Chunks] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """One fingerprint of everything, never of the source's address."""
        chunks = [f"{name} {held.steps} {' '.join(held.digests)}" for name, held in sorted(self.chunks.items())]
        return digest_of([self.reading, self.extent, *chunks, *self.files])


def digest_of(lines: Iterable[str]) -> str:
    """First 16 hex digits of the sha256 of ``lines``."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def source_state(catalog: Catalog, name: str) -> str:
    """The fingerprint of all parts of a source."""
    return source_parts(catalog, name).state


def source_parts(catalog: Catalog, name: str) -> SourceParts:
    """What the source holds now and how it is read, by its parts.

    Objects on a local disk count by name, size and content, beyond 1 GiB in all by their time of change instead of
    the content; on an object store by name, size and checksum or ETag. Of a Zarr group behind HTTP, or of more than
    200,000 remote objects in a variable, only the metadata is known: its time chunks count as unchanged. A reference
    file, or a layout that a reader of its own takes apart, is one part; an Icechunk repository is its pinned snapshot,
    or else what it says of its branches. Raises :class:`UnreachableError`.
    """
    import fsspec

    entry = resolved(catalog, name)
    options = dict(entry.args.storage_options)
    urls: tuple[str, ...] = entry.args.urls
    if "fo" in options:
        urls, options = (options["fo"],), options.get("target_options", {})
    paths: list[str] = []
    for url in urls:
        with reaching(f"{catalog.path}: {name} ({url})", f"smcloud catalog check {catalog.path}"):
            fs, key = fsspec.core.url_to_fs(url, **options)
            fs.invalidate_cache()
            found = sorted(fs.glob(key)) if "*" in key else [key]
            if not found:
                raise FileNotFoundError(url)
            paths += found
    where = f"{catalog.path}: {name} ({urls[0]}{', ...' if len(urls) > 1 else ''})"
    with reaching(where, f"smcloud catalog check {catalog.path}"):
        return _parts(fs, paths, entry)


def _parts(fs: Any, paths: list[str], entry: Entry) -> SourceParts:
    reading = [
        entry.metadata.model_dump_json(exclude={"licence", "citation"}),
        entry.args.model_dump_json(include={"xarray_kwargs", "snapshot"}),
    ]
    if entry.metadata.reader == "icechunk":
        return SourceParts(digest_of(reading if entry.args.snapshot else [*reading, *_tips(fs, paths[0], entry)]))
    plain = entry.metadata.reader in TRACED and "fo" not in entry.args.storage_options
    if plain and entry.driver == "zarr" and len(paths) == 1:
        group = "/".join([paths[0].rstrip("/"), *filter(None, [entry.args.xarray_kwargs.get("group")])])
        parts = _zarr_parts(fs, group, entry, reading)
        if parts is not None:
            return parts
    objects: Objects = {}
    for path in paths:
        objects |= _found(fs, path)
    marks = _marks(fs, objects)
    if entry.driver == "zarr" and not _local(fs) and "fo" not in entry.args.storage_options:
        top = _metadata(fs, paths[0].rstrip("/"))  # of a remote directory a store says nothing by itself
        reading += top.values()
        if not top:
            raise FileNotFoundError(f"{paths[0]}/zarr.json or .zmetadata")
    if plain and entry.driver == "netcdf":
        return SourceParts(digest_of(reading), files={digest_of([mark]): file for file, mark in marks.items()})
    return SourceParts(digest_of([*reading, *marks.values()]))


def _zarr_parts(fs: Any, group: str, entry: Entry, reading: list[str]) -> SourceParts | None:
    """The parts of a Zarr group of either format; None where its arrays have no metadata of their own."""
    specs = entry.metadata.variables.values()
    names = sorted({name for spec in specs for name in (spec.name, spec.flag, spec.uncertainty) if name})
    metadata = {name: _metadata(fs, f"{group}/{name}") for name in names}
    layouts = {name: layout for name, held in metadata.items() if (layout := _layout(held)) is not None}
    if len(layouts) < len(names):
        return None
    axes = sorted({dim for layout in layouts.values() for dim in layout.dims})
    listed: dict[str, Objects | None] = {name: _listed(fs, group, name, layouts.get(name)) for name in [*names, *axes]}
    data, small = ({key: held for name in some for key, held in (listed[name] or {}).items()} for some in (names, axes))
    marks = _marks(fs, data) | _marks(fs, small)  # axes are read whole, however large the data
    of = {name: {(objects or {})[key][0]: marks[key] for key in objects or {}} for name, objects in listed.items()}
    top = _metadata(fs, group)
    reading = reading + [layout.digest for layout in layouts.values()]
    reading += [mark for axis in axes if axis not in TIME for mark in of[axis].values()]
    extent = list(top.values())
    extent += [mark for axis in axes if axis in TIME for mark in of[axis].values()]
    # Metadata counts as an object too: who rewrites it has touched the source.
    extent += [mark for name in names for key, mark in of[name].items() if key.rpartition("/")[2] in METADATA]
    extent += [text for name in names if listed[name] is None for text in metadata[name].values()]
    chunks = {name: layout.chunks(None if listed[name] is None else of[name]) for name, layout in layouts.items()}
    return SourceParts(digest_of(reading), digest_of(extent), chunks)


@dataclass(frozen=True)
class _Layout:
    """Names of the axes, and along time: its place, the length of the axis and of a chunk; how many objects in all."""

    dims: tuple[str, ...]
    time: int | None
    length: int
    steps: int
    objects: int
    digest: str

    def chunks(self, marks: Mapping[str, str] | None) -> Chunks:
        held: dict[int, list[str]] = {}
        for key, mark in (marks or {}).items():
            position = re.findall(r"\d+", key.partition("/")[2])
            if len(position) == len(self.dims) and key.rpartition("/")[2] not in METADATA:
                held.setdefault(0 if self.time is None else int(position[self.time]), []).append(mark)
        count = 1 if self.time is None else math.ceil(self.length / self.steps)
        digests = ("" if marks is None else digest_of(held.get(i, [])) for i in range(count))
        return Chunks(0 if self.time is None else self.steps, tuple(digests))


def _metadata(fs: Any, place: str) -> dict[str, str]:
    found = fs.cat([f"{place}/{name}" for name in METADATA], on_error="omit")
    return {key.rpartition("/")[2]: text.decode() for key, text in sorted(found.items())}


def _layout(metadata: Mapping[str, str]) -> _Layout | None:
    held = {name: json.loads(text) for name, text in metadata.items()}
    if held.get("zarr.json", {}).get("node_type") == "array":
        array = held["zarr.json"]
        dims, sizes = array.get("dimension_names"), array["chunk_grid"]["configuration"]["chunk_shape"]
    elif ".zarray" in held:
        array = held[".zarray"]
        dims, sizes = held.get(".zattrs", {}).get("_ARRAY_DIMENSIONS"), array["chunks"]
    else:
        return None
    shape = array["shape"]
    if not dims or len(dims) != len(shape):
        return None
    time = next((i for i, dim in enumerate(dims) if dim in TIME), None)
    still = [size for i, size in enumerate(shape) if i != time]
    rest = {key: value for key, value in array.items() if key not in ("shape", "consolidated_metadata")}
    digest = digest_of([json.dumps([still, rest, held.get(".zattrs")], sort_keys=True)])
    length, steps = (0, 0) if time is None else (shape[time], sizes[time])
    objects = math.prod(math.ceil(n / size) for n, size in zip(shape, sizes, strict=True))
    return _Layout(tuple(map(str, dims)), time, length, steps, objects, digest)


def _listed(fs: Any, group: str, name: str, layout: _Layout | None) -> Objects | None:
    """All objects of an array; None where they are too many, or their store gives no listing."""
    if {"http", "https"} & _protocols(fs) or (layout and layout.objects > LISTED_OBJECTS and not _local(fs)):
        return None
    try:
        found = fs.find(f"{group}/{name}", detail=True)
    except PermissionError:
        return None
    return {key: (key.removeprefix(f"{group}/"), info) for key, info in sorted(found.items())}


def _found(fs: Any, path: str) -> Objects:
    if not _local(fs):
        return {path: ("", fs.info(path))}
    found = fs.find(path, detail=True)
    if not found:
        raise FileNotFoundError(path)
    return {key: (key.removeprefix(path), info) for key, info in sorted(found.items())}


def _marks(fs: Any, objects: Objects) -> dict[str, str]:
    """What stands for each object: name inside the source, size, and content, checksum or time of change."""
    if not _local(fs):
        kept = ("md5Hash", "ETag", "etag", "size")
        said = {key: next(filter(None, map(info.get, kept)), "") for key, (_, info) in objects.items()}
        return {key: f"{name}\0{info.get('size')}\0{said[key]}" for key, (name, info) in objects.items()}
    whole = sum(info["size"] for _, info in objects.values()) <= FULL_DIGEST_BYTES
    marks = {}
    for key, (name, info) in objects.items():
        if whole:
            content = hashlib.sha256(fs.cat_file(key)).hexdigest()
        else:
            content = f"{key.rpartition('/')[2]} {info.get('mtime', info.get('created'))}"
        marks[key] = f"{name}\0{info['size']}\0{content}"
    return marks


def _tips(fs: Any, path: str, entry: Entry) -> list[str]:
    """Digests of the objects of an Icechunk repository that name the snapshots at the tips of its branches."""
    root = path.rstrip("/")
    names = [f"{root}/repo", f"{root}/refs/branch.{entry.args.branch}/ref.json"]
    tips = fs.cat(names, on_error="omit")
    if not tips:
        raise FileNotFoundError(" or ".join(names))
    return [f"{name.removeprefix(root)} {hashlib.sha256(tips[name]).hexdigest()}" for name in sorted(tips)]


def _protocols(fs: Any) -> set[str]:
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def _local(fs: Any) -> bool:
    return bool({"file", "memory"} & _protocols(fs))


def file_spans(catalog: Catalog, name: str, parts: SourceParts, known: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """First and last time stamp of each file of ``parts``, by its digest; empty for a file without a time axis.

    Files that ``known`` holds are not opened.
    """
    return {digest: known[digest] if digest in known else _span(catalog, name, path)
            for digest, path in parts.files.items()}  # fmt: skip


def _span(catalog: Catalog, name: str, path: str) -> list[str]:
    import fsspec
    import xarray as xr

    args = resolved(catalog, name).args
    kwargs = {"engine": "h5netcdf"} | {
        key: args.xarray_kwargs[key] for key in ("engine", "group", "drop_variables") if key in args.xarray_kwargs
    }
    with reaching(f"{catalog.path}: {name} ({path})", f"smcloud catalog check {catalog.path}"):
        fs, _ = fsspec.core.url_to_fs(args.urls[0], **dict(args.storage_options))
        file = path if "file" in _protocols(fs) else fs.open(path)
        with xr.open_dataset(file, **kwargs) as ds:
            times = next((ds[axis].values for axis in TIME if axis in ds), None)
    return [] if times is None else [str(times.min()), str(times.max())]
