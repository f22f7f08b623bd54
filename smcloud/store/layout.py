"""The paths in a run's store, and content ids.

A store is a directory of a local disk or a prefix of a bucket that holds nothing but
``cube/``, ``products/``, ``reports/`` and ``releases/``, and the doors to the newest release: ``index.html``,
``catalog.yaml``, ``CITATION.cff``, ``stac/``, ``icechunk/`` and ``explorer/``.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from smcloud.errors import ConfigurationError, NotAStoreError
from smcloud.io_errors import STORE, reaching, time_limit

FOLDERS = ("cube", "products", "reports", "releases", "stac", "icechunk", "explorer")
CATALOG, INDEX, CITATION = "catalog.yaml", "index.html", "CITATION.cff"
FILES = (CATALOG, INDEX, CITATION)
TEMPORARY = ".smcloud-"
WRITABLE = ("file", "gs", "s3", "memory")


@dataclass(frozen=True)
class Store:
    """A run's store; ``url`` is absolute: a local path, or ``gs://``, ``s3://``, ``memory://`` and the like.

    Made by :meth:`open`. It holds no connection, so it may cross process borders.
    """

    url: str

    @classmethod
    def open(cls, url: str | Path) -> Store:
        """Normalise ``url`` without touching the store: a relative path becomes absolute here, once.

        Raises :class:`ConfigurationError` for a protocol that is not known or not installed.
        """
        text = str(url)
        protocol, separator, rest = text.partition("://")
        if not separator or protocol in ("file", "local"):
            return cls(os.path.abspath(os.path.expanduser(rest if separator else text)))
        protocol = "gs" if protocol == "gcs" else protocol
        try:
            if "::" in text:
                raise ValueError("chained URLs are not stores")
            fsspec.get_filesystem_class(protocol)
        except (ValueError, ImportError) as err:
            raise ConfigurationError(
                "the store's URL has a protocol that cannot be used",
                where=f"store: {text}",
                found=f"{protocol}:// ({err})",
                expected="gs://, s3://, file:// or a path",
                next="correct the key store in the configuration",
            ) from err
        return cls(f"{protocol}://{rest.rstrip('/')}")

    @property
    def protocol(self) -> str:
        """``file`` for a local path, else the part of the URL before ``://``."""
        return self.url.partition("://")[0] if "://" in self.url else "file"

    @property
    def options(self) -> dict[str, Any]:
        """fsspec options: a cached listing would hide what another process has just written."""
        if self.protocol in ("file", "memory"):
            return {}
        return {"use_listings_cache": False} | time_limit(self.url)

    @property
    def fs(self) -> fsspec.AbstractFileSystem:
        """The file system; fsspec keeps one instance per process and thread."""
        with reaching(STORE, self.url):
            return fsspec.filesystem(self.protocol, **self.options)

    def join(self, *parts: str) -> str:
        """Join ``parts`` to a key inside :attr:`fs`."""
        root = str(fsspec.get_filesystem_class(self.protocol)._strip_protocol(self.url)).rstrip("/")
        return "/".join((root, *(part.strip("/") for part in parts)))

    def url_of(self, relative: str) -> str:
        """Return the full URL, or absolute local path, that a plain ``xr.open_zarr`` opens."""
        return f"{self.url.rstrip('/')}/{relative.strip('/')}"


def cube_path(cube_id: str) -> str:
    """Return ``cube/<cube id>.zarr``."""
    return f"cube/{cube_id}.zarr"


def product_path(product: str, run_id: str) -> str:
    """Return ``products/<product>/<run id>.zarr``."""
    return f"products/{product}/{run_id}.zarr"


def report_path(run_id: str) -> str:
    """Return ``reports/<run id>/index.html``."""
    return f"reports/{run_id}/index.html"


def release_path(number: int) -> str:
    """Return ``releases/00000001.json`` for 1."""
    return f"releases/{number:08d}.json"


def require_store(store: Store, to_write: bool = True) -> None:
    """Check, without writing, that ``store`` is an smcloud store, empty or absent, and can be reached.

    Raises :class:`NotAStoreError` for anything foreign in it, :class:`UnreachableError` where it cannot be
    listed (or, on a local disk and ``to_write``, written), :class:`ConfigurationError` for a protocol without exclusive
    creation.
    """
    if store.protocol not in WRITABLE:
        raise ConfigurationError(
            "releases cannot be published there",
            where=f"store: {store.url}",
            found=f"{store.protocol}://",
            expected="gs://, s3://, file:// or a path",
            next="correct the key store in the configuration",
        )
    root = store.join()
    with reaching(STORE, store.url):
        entries = _local_entries(root, to_write) if store.protocol == "file" else _remote_entries(store, root)
    foreign = sorted(
        name
        for name, kind in entries.items()
        if kind != ("file" if name in FILES else "directory" if name in FOLDERS else "")
        and not name.startswith(TEMPORARY)
    )
    if foreign:
        raise NotAStoreError(
            "the path holds something that is not an smcloud store",
            where=store.url,
            found=", ".join(foreign[:5]) + (f" and {len(foreign) - 5} more" if len(foreign) > 5 else ""),
            expected=f"nothing but {', '.join((*(f'{folder}/' for folder in FOLDERS), *FILES))}",
            next="name an empty or new path in the key store",
        )


def _local_entries(root: str, to_write: bool) -> dict[str, str]:
    nearest = Path(root)
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise NotAStoreError(
            "a file is in the place of the store's directory",
            where=root,
            found=f"the file {nearest}",
            expected="a directory, or nothing",
            next="name an empty or new path in the key store",
        )
    if not os.access(nearest, os.R_OK | os.X_OK | (os.W_OK if to_write else 0)):
        raise PermissionError(f"no permission to list{' and write' if to_write else ''} {nearest}")
    if str(nearest) != root:
        return {}
    return {entry.name: "directory" if entry.is_dir() else "file" for entry in os.scandir(root)}


def _remote_entries(store: Store, root: str) -> dict[str, str]:
    try:
        listing = store.fs.ls(root, detail=True)
    except FileNotFoundError:
        if store.protocol != "memory":
            # An absent prefix is an empty store, an absent bucket is not.
            store.fs.ls(root.partition("/")[0])
        return {}
    entries = {entry["name"].rstrip("/"): entry["type"] for entry in listing}
    if list(entries) == [root] and entries[root] == "file":
        raise NotAStoreError(
            "an object is in the place of the store's prefix",
            where=store.url,
            found="an object",
            expected="a prefix, or nothing",
            next="name an empty or new path in the key store",
        )
    return {name.rpartition("/")[2]: kind for name, kind in entries.items() if name != root}


def content_id(*parts: Any) -> str:
    """Return 16 hex digits of the sha256 of ``parts`` as canonical JSON; raises TypeError for what is not JSON."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
