"""The parts of a source: how it is read, where it ends, and its time chunks or files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from smcloud.catalog.elsewhere import require_ordinary
from smcloud.catalog.file_form import NETCDF, require_form
from smcloud.catalog.fingerprints import objects
from smcloud.catalog.fingerprints.chunks import TIME, Chunks, digest_of, layout
from smcloud.catalog.fingerprints.icechunk import snapshot_parts
from smcloud.catalog.fingerprints.objects import DOCUMENTS, Objects
from smcloud.catalog.fingerprints.references import references
from smcloud.catalog.hosts import client_options
from smcloud.catalog.loading import resolved
from smcloud.catalog.places import found, is_remote, protocols
from smcloud.catalog.schema import Catalog, Entry
from smcloud.catalog.stores.references import read_document
from smcloud.io_errors import reaching_source

# Readers whose steps follow the variable's time chunks, or the time stamps of the files.
TRACED = ("default", "esa_cci", "hdf4")


@dataclass(frozen=True)
class SourceFingerprint:
    """Fingerprint of a source, in parts.

    ``reading``: how it is read and laid out, the growth of the time axis apart; of a source without parts, all it
    holds. ``extent``: its attributes and time axis, which say how far it reaches. ``chunks``: variable -> time chunks
    of a Zarr group. ``files``: digest -> address of each file of a set, in the order of their names. ``version`` is
    what its store calls this state, for people: ``snapshot`` of Icechunk, ``etag`` of a remote object.
    """

    reading: str
    extent: str = ""
    chunks: Mapping[str, Chunks] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    version: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """One fingerprint of all parts; it does not depend on the source's address."""
        chunks = [
            f"{name} {chunks_of.steps} {' '.join(chunks_of.digests)}" for name, chunks_of in sorted(self.chunks.items())
        ]
        return digest_of([self.reading, self.extent, *chunks, *self.files])


def source_state(catalog: Catalog, name: str) -> str:
    """Return one fingerprint of all parts of a source."""
    return source_parts(catalog, name).state


def source_parts(catalog: Catalog, name: str) -> SourceFingerprint:
    """Fingerprint what the source holds now and how it is read, part by part.

    Objects on a local disk count by name, size and content, beyond 1 GiB in all by their time of change instead of
    the content; on an object store by name, size and checksum or ETag. Of a Zarr group behind HTTP, or of more than
    200,000 remote objects in a variable, only the metadata is known: its time chunks count as unchanged. Of kerchunk
    references the address, offset and length of each chunk count, of an Icechunk repository the commit that last wrote
    it. A layout that has its own reader is one part. Raises :class:`UnreachableError`, and :class:`FileFormError` for
    local files that are not there.
    """
    import fsspec

    entry = resolved(catalog, name)
    options = client_options(entry.args)
    urls: tuple[str, ...] = entry.args.urls
    where = f"{catalog.path}: {name} ({urls[0]}{', ...' if len(urls) > 1 else ''})"
    remedy = f"smcloud catalog check {catalog.path}"
    if entry.metadata.reader == "icechunk":
        with reaching_source(is_remote(entry.args), where, remedy):
            return _icechunk_parts(entry, where)
    if "fo" in options:
        urls, options = (options["fo"],), options.get("target_options", {})
    paths: list[str] = []
    for url in urls:
        with reaching_source(is_remote(entry.args), f"{catalog.path}: {name} ({url})", remedy):
            fs, key = fsspec.core.url_to_fs(url, **options)
            fs.invalidate_cache()
            paths += found(fs, key)
    with reaching_source(is_remote(entry.args), where, remedy):
        for path in paths if {"file", "local"} & protocols(fs) else ():
            require_ordinary(path)  # to read a pipe would wait for ever
        return _parts(fs, paths, entry)


def _parts(fs: Any, paths: list[str], entry: Entry) -> SourceFingerprint:
    reading = _reading(entry)
    traced = entry.metadata.reader in TRACED
    if "fo" in entry.args.storage_options:
        return _reference_parts(fs, paths[0], entry, reading)
    if traced and entry.driver == "zarr" and len(paths) == 1:
        group = "/".join([paths[0].rstrip("/"), *filter(None, [entry.args.xarray_kwargs.get("group")])])
        parts = _zarr_parts(fs, group, entry, reading)
        if parts is not None:
            return parts
    listing: Objects = {}
    for path in paths:
        if entry.driver == "zarr" and not objects.local(fs):
            top = objects.metadata(fs, path.rstrip("/"))  # a store has no metadata of a remote directory itself
            reading += top.values()
            if not top:
                raise FileNotFoundError(f"{path}/zarr.json or .zmetadata")
        else:
            if entry.driver == "netcdf" and objects.local(fs) and fs.isdir(path):
                require_form("a folder", NETCDF, path)
            listing |= objects.found(fs, path)
    marks = objects.marks(fs, listing)
    version = _etag([info for _, info in listing.values()])
    if traced and entry.driver == "netcdf":
        files = {digest_of([mark]): file for file, mark in marks.items()}
        return SourceFingerprint(digest_of(reading), files=files, version=version)
    return SourceFingerprint(digest_of([*reading, *marks.values()]), version=version)


def _reading(entry: Entry) -> list[str]:
    """How the catalog says that the source is to be read."""
    return [
        entry.metadata.model_dump_json(exclude={"licence", "citation"}),
        entry.args.model_dump_json(include={"xarray_kwargs"}),
    ]


def _names(entry: Entry) -> list[str]:
    """All variables that are read for the roles of an entry."""
    specs = entry.metadata.variables.values()
    return sorted({name for spec in specs for name in (spec.name, spec.flag, spec.sensor, spec.uncertainty) if name})


def _etag(infos: list[dict[str, Any]]) -> dict[str, str]:
    """Return the ETag of a remote object; of several objects a digest of their ETags."""
    etags = [etag for info in infos if (etag := objects.etag(info))]
    return {"etag": etags[0] if len(etags) == 1 else digest_of(etags)} if etags else {}


def _icechunk_parts(entry: Entry, where: str) -> SourceFingerprint:
    snapshot, shape, chunks = snapshot_parts(entry, _names(entry), where)
    return SourceFingerprint(digest_of([*_reading(entry), *shape]), snapshot, chunks, version={"snapshot": snapshot})


def _reference_parts(fs: Any, path: str, entry: Entry, reading: list[str]) -> SourceFingerprint:
    """Fingerprint the parts of a reference file; a single part where it is not one JSON document."""
    listing = objects.found(fs, path)
    version = _etag([info for _, info in listing.values()])
    one_part = SourceFingerprint(digest_of([*reading, *objects.marks(fs, listing).values()]), version=version)
    if list(listing) != [path]:
        return one_part
    group = str(entry.args.xarray_kwargs.get("group") or "")
    shared, documents, chunks = references(read_document(fs, path, path), group, path)
    layouts = {name: of for name in _names(entry) if (of := layout(documents.get(name, {}))) is not None}
    if len(layouts) < len(_names(entry)):
        return one_part
    axes = {dim for layout in layouts.values() for dim in layout.dims}
    of_axes = {axis: digest_of(chunks.get(axis, {}).values()) for axis in sorted(axes)}
    shape = [shared, *(layout.digest for layout in layouts.values())]
    shape += [digest for axis, digest in of_axes.items() if axis not in TIME]
    return SourceFingerprint(
        digest_of([*reading, *shape]),
        digest_of(digest for axis, digest in of_axes.items() if axis in TIME),
        {name: layout.chunks(chunks.get(name, {})) for name, layout in layouts.items()},
        version=version,
    )


def _zarr_parts(fs: Any, group: str, entry: Entry, reading: list[str]) -> SourceFingerprint | None:
    """The parts of a Zarr group of either format; None where its arrays have no metadata of their own."""
    names = _names(entry)
    metadata = {name: objects.metadata(fs, f"{group}/{name}") for name in names}
    layouts = {
        name: array_layout for name, documents in metadata.items() if (array_layout := layout(documents)) is not None
    }
    if len(layouts) < len(names):
        return None
    axes = sorted({dim for layout in layouts.values() for dim in layout.dims})
    count = {name: layout.objects for name, layout in layouts.items()}
    listed = {name: objects.listed(fs, group, name, count.get(name, 0)) for name in [*names, *axes]}
    data, small = (
        {key: name_and_info for name in some for key, name_and_info in (listed[name] or {}).items()}
        for some in (names, axes)
    )
    marks = objects.marks(fs, data) | objects.marks(fs, small)  # axes are read whole, however large the data
    of = {
        name: {objects_of[key][0]: marks[key] for key in objects_of}
        for name, objects_of in listed.items()
        if objects_of is not None
    }
    top = objects.metadata(fs, group)
    reading = reading + [layout.digest for layout in layouts.values()]
    reading += [mark for axis in axes if axis not in TIME for mark in of.get(axis, {}).values()]
    extent = list(top.values())
    extent += [mark for axis in axes if axis in TIME for mark in of.get(axis, {}).values()]
    # Metadata counts as an object too: rewriting it changes the source.
    extent += [mark for name in names for key, mark in of.get(name, {}).items() if key.rpartition("/")[2] in DOCUMENTS]
    extent += [text for name in names if name not in of for text in metadata[name].values()]
    version = {} if objects.local(fs) else _etag([info for _, info in (data | small).values()])
    chunks = {name: layout.chunks(of.get(name)) for name, layout in layouts.items()}
    return SourceFingerprint(digest_of(reading), digest_of(extent), chunks, version=version)
