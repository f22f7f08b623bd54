"""What lies in a folder or at an address, and which files are one record: those whose names differ in numbers only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import fsspec

from smcloud.catalog.arguments import Args
from smcloud.catalog.file_form import HDF4, NETCDF, REMEDY, TIFF, ZIP, form_of, head_of, local_form
from smcloud.catalog.fingerprints.objects import DOCUMENTS
from smcloud.catalog.hosts import client_options, require_hosts
from smcloud.catalog.places import protocols
from smcloud.errors import FileFormError
from smcloud.io_errors import reaching_source

MOST_FILES = 100_000
READ = {**dict.fromkeys(NETCDF, "netcdf"), HDF4: "hdf4", TIFF: "geotiff"}
LOCAL_ONLY = ("hdf4", "geotiff")
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
# What changes from file to file of one record: numbers, and months by their names.
RUN = re.compile(rf"\d+|(?<![a-z])(?:{MONTHS})(?![a-z])", re.IGNORECASE)
LITTER = re.compile(r"\._|\.DS_Store$|Thumbs\.db$")
TABLES = re.compile(r"\.(csv|tsv|txt|xlsx?|parquet)(\.\w{2,3})?$", re.IGNORECASE)
NO_TABLE = "series of points are not read: a grid as NetCDF is"
REMEDIES = REMEDY | {
    "a file that may not be read": "chmod u+r it, or leave it away", "a table": NO_TABLE,
    "a text file": NO_TABLE, "a JSON document": "kerchunk references need an entry by hand",
    ZIP: "unzip it, and run smcloud init again", "a gzip file": "gunzip it, and run smcloud init again",
}  # fmt: skip
ZARR, ICECHUNK = "a Zarr store", "an Icechunk repository"
KINDS = READ | {ZARR: "zarr", ICECHUNK: "icechunk"}


@dataclass(frozen=True)
class LeftOut:
    """Something that was looked at and is not in the catalog: ``why``, and what to do (``next``)."""

    name: str
    why: str
    next: str = ""


@dataclass(frozen=True)
class Group:
    """Files (or stores) that are one record, sorted by name; ``form`` is netcdf, hdf4, geotiff, zarr or icechunk.

    ``root`` is the folder or address that was looked at, ``options`` are the storage options of its client.
    """

    form: str
    files: tuple[str, ...]
    root: str
    options: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The name of an entry: that of the files, without what differs between them."""
        pattern = pattern_of(self.files, ())
        name = (pattern if isinstance(pattern, str) else self.files[0]).rstrip("/").rpartition("/")[2]
        name = re.sub(r"(\.[A-Za-z]\w{0,4})+$", "", name.replace("*", ""))
        words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"\d{6,}", "", name.lower())).strip("_")
        words = re.sub(r"(?<=_)[a-z]_", "", words)  # of A2012177, whose number is gone
        return re.sub(r"(_(f?v)?\d*)+$", "", words)[:60].strip("_") or "source"


def found_in(place: str, options: Mapping[str, Any]) -> tuple[list[Group], list[LeftOut]]:
    """Look through a local folder, file or store, or a remote one; raises :class:`UnreachableError` where it cannot.

    Folders below are looked through too; a folder that is a Zarr store or an Icechunk repository is one source.
    """
    args = Args(urlpath=place, storage_options=options)
    remote = "://" in place and not place.startswith("file:")
    with reaching_source(remote, place, again(place, options)):
        require_hosts(args)
        fs, key = fsspec.core.url_to_fs(place, **client_options(args))
        forms = {name: store or _form(fs, name) for name, store in _inside(fs, key, place)}
    shown = {name: name if "file" in protocols(fs) else fs.unstrip_protocol(name) for name in forms}
    left = _refused({shown[name]: form for name, form in forms.items() if form not in KINDS})
    kept: dict[str, list[str]] = {}
    for name, form in forms.items():
        kind = KINDS.get(form)
        if kind is None:
            continue
        if remote and kind in LOCAL_ONLY:
            left.append(LeftOut(shown[name], f"{form}, read on this machine only", "download it"))
        else:
            kept.setdefault(kind, []).append(shown[name])
    groups = [Group(kind, part, place, options) for kind, files in kept.items() for part in alike(files, kind)]
    return groups, left


def again(place: str, options: Mapping[str, Any]) -> str:
    """What to do where a place does not answer or refuses."""
    if not place.startswith(("s3://", "gs://", "gcs://")):
        return f"correct the address or try again later: smcloud init {place}"
    if options.get("anon") or options.get("token"):
        return f"set credentials (AWS_*, GOOGLE_*), and leave --anonymous out: smcloud init {place}"
    return f"set credentials (AWS_*, GOOGLE_*), or where it is public: smcloud init {place} --anonymous"


def client_settings(place: str, anonymous: bool, endpoint: str) -> dict[str, Any]:
    """Return the storage options of an entry for ``place``: without credentials, or at another endpoint of S3."""
    scheme = place.partition("://")[0] if "://" in place else ""
    known: dict[str, dict[str, Any]] = {"s3": {"anon": True}, "gs": {"token": "anon"}, "gcs": {"token": "anon"}}
    options = dict(known.get(scheme, {})) if anonymous else {}
    return options | ({"client_kwargs": {"endpoint_url": endpoint}} if endpoint and scheme == "s3" else {})


def _inside(fs: Any, key: str, place: str) -> Iterator[tuple[str, str]]:
    """Files and stores at ``key``, sorted, with the form of stores; what systems leave beside files is passed over."""
    if "file" not in protocols(fs) and any(fs.exists(f"{key.rstrip('/')}/{name}") for name in DOCUMENTS[:3]):
        yield key.rstrip("/"), ZARR  # a server of HTTP lists nothing
        return
    if not fs.exists(key):
        raise FileFormError(
            "there is nothing to look at",
            where=place,
            found="no file and no folder",
            expected="a folder of files, a file, or a store",
            next="correct the path or address: smcloud init FOLDER",
        )
    ahead, seen, known = [key] if fs.isdir(key) else [], 0, set()
    if not ahead:
        yield key, ""
    while ahead:
        folder = ahead.pop()
        real = os.path.realpath(folder) if "file" in protocols(fs) else folder
        if real in known:  # links may lead round
            continue
        known.add(real)
        inside = sorted(fs.ls(folder, detail=True), key=lambda item: str(item["name"]))
        names = {str(item["name"]).rstrip("/").rpartition("/")[2] for item in inside}
        if names & {*DOCUMENTS} or ("snapshots" in names and names & {"refs", "repo"}):
            yield folder, ZARR if names & {*DOCUMENTS} else ICECHUNK
            continue
        for item in inside:
            name = str(item["name"]).rstrip("/")
            if item["type"] == "directory":
                ahead.append(name)
            elif not LITTER.match(name.rpartition("/")[2]) and name != folder.rstrip("/"):
                seen += 1
                if seen > MOST_FILES:
                    raise FileFormError(
                        "a folder holds more files than are looked at",
                        where=place,
                        found=f"more than {MOST_FILES}",
                        expected="the files of some records",
                        next="name the folders of the records: smcloud init FOLDER FOLDER",
                    )
                yield name, ""


def _form(fs: Any, name: str) -> str:
    if "file" not in protocols(fs):
        with fs.open(name, "rb") as file:
            form = form_of(head_of(file))
    else:
        try:
            form = local_form(name)
        except PermissionError:
            return "a file that may not be read"
    return ZARR if form == ZIP and name.endswith(".zarr.zip") else form


def _refused(forms: Mapping[str, str]) -> list[LeftOut]:
    """What is of no form that is read: many files of one form are one line."""
    by_form: dict[str, list[str]] = {}
    for name, form in forms.items():
        table = TABLES.search(name) is not None
        by_form.setdefault("a table" if table else form, []).append(name)
    return [
        LeftOut(names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more", form, REMEDIES.get(form, ""))
        for form, names in by_form.items()
    ]


def alike(files: Iterable[str], kind: str) -> list[tuple[str, ...]]:
    """Group file names that differ in numbers and names of months only; each GeoTIFF and store is for itself."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for file in sorted(files):
        single = kind in ("zarr", "icechunk", "geotiff")
        groups.setdefault((file,) if single else tuple(RUN.split(file)), []).append(file)
    return [tuple(group) for group in groups.values()]


def pattern_of(files: Sequence[str], others: Iterable[str]) -> str | tuple[str, ...]:
    """Write names of one group as one pattern, ``*`` where they differ; as a list where it would match ``others``."""
    if len(files) == 1:
        return files[0]
    literals = RUN.split(files[0])
    runs = list(zip(*(RUN.findall(file) for file in files), strict=True))
    stars = [run[0] if len({*run}) == 1 else "*" for run in runs]
    pattern = "".join(text + star for text, star in zip(literals, [*stars, ""], strict=True))
    # A star within a folder's name matches no slash; fnmatch's does, so that it matches no less.
    if any(fnmatchcase(other, pattern) for other in others):
        return tuple(files)
    return pattern
