"""Where readers find a store: its address for Python, for GDAL and for a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smcloud.store import Store

GOOGLE = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Address:
    """The addresses of a store's root, without a slash at the end.

    ``store`` is for smcloud, ``base`` for xarray and other readers of Python, ``gdal`` for GDAL, None where it cannot
    read there; ``web`` is the address in a browser, None where there is none or it is not known.
    """

    store: str
    base: str
    gdal: str | None
    web: str | None

    @property
    def needs_anon(self) -> bool:
        """Whether Python's readers must be told not to look for credentials."""
        return self.base.startswith("s3://")

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of a disk."""
        return "://" not in self.base


def address_of(store: Store) -> Address:
    """Return the addresses of ``store``; objects of Google's buckets are read by https, as anybody may."""
    protocol, _, rest = store.url.partition("://")
    match store.protocol:
        case "file":
            return Address(store.url, store.url, store.url, None)
        case "gs":
            web = f"{GOOGLE}/{rest}"
            return Address(store.url, web, f"/vsicurl/{web}", web)
        case "s3":
            return Address(store.url, store.url, f"/vsis3/{rest}", None)
    known = protocol in ("http", "https")
    return Address(store.url, store.url, f"/vsicurl/{store.url}" if known else None, store.url if known else None)


def is_plain(text: str) -> bool:
    """Return whether a path or address has letters only that mean themselves in every kind of address."""
    return bool(re.fullmatch(r"[A-Za-z0-9:/._~-]+", text))
