"""The objects of a source and a mark for each: from its content, or from what its store says about it."""

from __future__ import annotations

import hashlib
from typing import Any

from smcloud.catalog.places import protocols

FULL_DIGEST_BYTES = 2**30
LISTED_OBJECTS = 200_000
DOCUMENTS = ("zarr.json", ".zmetadata", ".zgroup", ".zarray", ".zattrs")
ETAGS = ("md5Hash", "ETag", "etag")
Objects = dict[str, tuple[str, dict[str, Any]]]  # address -> name inside the source, and its metadata from the store


def found(fs: Any, path: str) -> Objects:
    """List the object at ``path``, or on a local disk all objects below it; FileNotFoundError where there is none."""
    if not local(fs):
        return {path: ("", fs.info(path))}
    below = fs.find(path, detail=True)
    if not below:
        raise FileNotFoundError(path)
    return {key: (key.removeprefix(path), info) for key, info in sorted(below.items())}


def listed(fs: Any, group: str, name: str, expected: int) -> Objects | None:
    """List all objects of the array ``name``; None where more are ``expected`` than can be listed, or none can be."""
    if {"http", "https"} & protocols(fs) or (expected > LISTED_OBJECTS and not local(fs)):
        return None
    try:
        below = fs.find(f"{group}/{name}", detail=True)
    except PermissionError:
        return None
    return {key: (key.removeprefix(f"{group}/"), info) for key, info in sorted(below.items())}


def marks(fs: Any, objects: Objects) -> dict[str, str]:
    """Return a mark for each object: its name inside the source, size, and content, checksum or time of change."""
    if not local(fs):
        said = {key: etag(info) or str(info.get("size") or "") for key, (_, info) in objects.items()}
        return {key: f"{name}\0{info.get('size')}\0{said[key]}" for key, (name, info) in objects.items()}
    by_content = sum(info["size"] for _, info in objects.values()) <= FULL_DIGEST_BYTES
    marked = {}
    for key, (name, info) in objects.items():
        if by_content:
            content = hashlib.sha256(fs.cat_file(key)).hexdigest()
        else:
            content = f"{key.rpartition('/')[2]} {info.get('mtime', info.get('created'))}"
        marked[key] = f"{name}\0{info['size']}\0{content}"
    return marked


def etag(info: dict[str, Any]) -> str:
    """Return the checksum or ETag of a remote object, empty where its store gives none."""
    return str(next(filter(None, map(info.get, ETAGS)), ""))


def metadata(fs: Any, place: str) -> dict[str, str]:
    """Read the metadata documents of a Zarr node, of either format, by name; raises what its store fails with."""
    if local(fs):  # one by one: of several, fsspec takes a bracket in a folder's name for a pattern
        there = [name for name in DOCUMENTS if fs.isfile(f"{place}/{name}")]
        return {name: fs.cat_file(f"{place}/{name}").decode() for name in sorted(there)}
    contents: dict[str, bytes | Exception] = fs.cat([f"{place}/{name}" for name in DOCUMENTS], on_error="return")
    documents = {key: text for key, text in contents.items() if isinstance(text, bytes)}
    for problem in contents.values():
        # A store that may not be listed refuses what is not there. Any other fault leaves open what is there.
        absent = isinstance(problem, FileNotFoundError) or (isinstance(problem, PermissionError) and documents)
        if isinstance(problem, Exception) and not absent:
            raise problem
    return {key.rpartition("/")[2]: text.decode() for key, text in sorted(documents.items())}


def local(fs: Any) -> bool:
    """Return whether the files are local, so that reading all of them costs little."""
    return bool({"file", "memory"} & protocols(fs))
