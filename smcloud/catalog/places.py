"""From the addresses of an entry to its files: patterns expanded, names taken as they are where they exist so."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

from smcloud.catalog.arguments import Args

MAGIC = set("*?[")


def protocols(fs: Any) -> set[str]:
    """Return the protocol names of a file system."""
    return {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)


def is_remote(args: Args) -> bool:
    """Return whether the files of an entry lie behind a network."""
    addresses = [str(args.storage_options.get("fo", url)) for url in args.urls]
    return any("://" in url and url.partition(":")[0] not in ("file", "memory") for url in addresses)


def found(fs: Any, key: str) -> list[str]:
    """List what the path or pattern ``key`` stands for in its file system, sorted; FileNotFoundError where nothing.

    On a local disk a path that exists is itself, whatever its letters: ``rain [1981] #2`` is no pattern. The files
    that macOS leaves beside others (``._a.nc``, ``.DS_Store``) match no pattern.
    """
    if "file" in protocols(fs):
        if os.path.lexists(key):
            return [key]
        matches = _matches(Path(key)) if MAGIC & set(key) else []
    elif "*" in key:
        matches = fs.glob(key)
    else:
        return [key]
    kept = sorted(match for match in matches if not _is_litter(match.rpartition("/")[2]))
    if not kept:
        raise FileNotFoundError(f"no file at {key}")
    return kept


def _matches(pattern: Path) -> list[str]:
    """What matches below the folders of the pattern that exist as they are written."""
    root = next(folder for folder in pattern.parents if folder.is_dir())
    rest = str(pattern.relative_to(root))
    return [str(root / name) for name in glob.glob(rest, root_dir=root, recursive=True, include_hidden=True)]


def _is_litter(name: str) -> bool:
    return name.startswith("._") or name == ".DS_Store"


def files_of(args: Args, options: dict[str, Any]) -> tuple[bool, list[str]]:
    """Return whether an entry's files are local, and their paths, or else their addresses; ``options`` of the client.

    Raises FileNotFoundError for an address without a file.
    """
    import fsspec

    files: list[str] = []
    on_disk = True
    for url in args.urls:
        fs, key = fsspec.core.url_to_fs(url, **options)
        if "file" in protocols(fs):
            files += found(fs, key)
        else:
            on_disk = False
            files += [url] if "*" not in key else [fs.unstrip_protocol(match) for match in found(fs, key)]
    return on_disk, files
