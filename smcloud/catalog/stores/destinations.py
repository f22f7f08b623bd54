"""Where a source may lead: the places that an entry names, and of the network no machine that only this one can see."""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from smcloud.errors import CatalogError

HTTP = ("http", "https")
BUCKETS = {"s3": "s3", "gs": "gs", "gcs": "gs"}
PORTS = {"http": 80, "https": 443}
ODD = re.compile(r"[\x00-\x20\x7f\\]|::")  # what parsers of addresses read in different ways
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Place(NamedTuple):
    """An address in one spelling: ``site`` is a host with its port, or a bucket, empty for files and memory."""

    scheme: str
    site: str
    path: str

    @property
    def address(self) -> str:
        """The address as clients take it."""
        return self.path if self.scheme == "file" else f"{self.scheme}://{self.site}{self.path}"

    def holds(self, other: Place) -> bool:
        """Return whether ``other`` lies at this place or below it."""
        inside = other.path == self.path or other.path.startswith(f"{self.path.rstrip('/')}/")
        return (self.scheme, self.site) == (other.scheme, other.site) and inside


def place_of(address: str, base: Place | None = None) -> Place:
    """Normalise ``address``; a relative one is taken from the folder of ``base``. No file of a remote ``base``.

    Local paths are followed through symbolic links. ValueError for what is no plain address: other schemes, chains,
    users, characters that clients read in different ways.
    """
    if not address or ODD.search(address):
        raise ValueError("no plain address")
    match = SCHEME.match(address)
    scheme = match[1].lower() if match else ""
    if scheme in ("", "file"):
        return _file(address, scheme, base)
    if scheme in HTTP:
        parts = urllib.parse.urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
        if not host or "@" in parts.netloc or not host.isascii() or parts.fragment:
            raise ValueError("no plain address")
        site = f"[{host}]" if ":" in host else host
        port = parts.port or PORTS[scheme]
        query = f"?{parts.query}" if parts.query else ""
        return Place(scheme, site if port == PORTS[scheme] else f"{site}:{port}", _plain(parts.path) + query)
    site, _, path = address.removeprefix(f"{match[0]}//" if match else "").partition("/")
    if scheme == "memory":
        return Place(scheme, "", _plain(f"/{site}/{path}"))
    if scheme not in BUCKETS or not site or "@" in site or not address.startswith(f"{match[0]}//" if match else ""):
        raise ValueError("no plain address")
    return Place(BUCKETS[scheme], site, _plain(f"/{path}"))


def _file(address: str, scheme: str, base: Place | None) -> Place:
    path = address.removeprefix("file:").removeprefix("//") if scheme else address
    if base is not None and base.scheme != "file":
        if scheme or path.startswith(("/", "~")):
            raise ValueError("a local file")
        folder = base.path.rpartition("/")[0]
        return Place(base.scheme, base.site, _plain(f"{folder}/{path}"))
    if path.startswith("~"):
        raise ValueError("no plain address")
    folder = base.path.rpartition("/")[0] if base is not None else "."
    return Place("file", "", str(Path(folder or "/", path).resolve()))


def _plain(path: str) -> str:
    """``path`` without empty steps at its end and without ``..``, also where these are spelled in percent."""
    steps: list[str] = []
    for step in path.split("/")[1:]:
        plain = urllib.parse.unquote(step)
        if plain == ".." and not steps:
            raise ValueError("a path that leads out")
        if plain == "..":
            steps.pop()
        elif plain != ".":
            steps.append(step)
    return "/" + "/".join(steps)


class Bounds:
    """The places that the references of one file may lead to: its own host, bucket or folder, and ``others``."""

    def __init__(self, own: str, others: Sequence[str] = ()) -> None:
        self.base = place_of(own)
        root = str(Path(self.base.path).parent) if self.base.scheme in ("file", "memory") else "/"
        self.roots = (self.base._replace(path=root), *(place_of(other) for other in others))
        self.checked: dict[str, str] = {}

    def address(self, given: str) -> str:
        """Return the address that ``given`` means; ValueError where it leads elsewhere."""
        known = self.checked.get(given)
        if known is None:
            place = place_of(given, self.base)
            if not any(root.holds(place) for root in self.roots):
                raise ValueError(f"leads to {place.scheme}://{place.site or place.path}")
            known = self.checked[given] = place.address
        return known

    def __str__(self) -> str:
        return " or ".join(root.address for root in self.roots)


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public network, also where one of version 4 stands in one of 6."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip in NAT64 and ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def _resolved(host: str, port: int) -> set[tuple[str, int]]:
    return {(str(info[4][0]), port) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}


def guard_of(url: str) -> dict[str, Any]:
    """Return the option of fsspec's HTTP client that holds it to the host of ``url``; empty for other addresses.

    A public host may send it on to public hosts only. A host that is not public is one of the user's own: it is named
    in the catalog, and the client then speaks to it, at its port, and to no other. Which of the two it is, is settled
    here: a name that means another machine later stays what it was.
    """
    if url.partition("://")[0].lower() not in HTTP:
        return {}
    place = place_of(url)
    parts = urllib.parse.urlsplit(f"//{place.site}")
    host, port = str(parts.hostname), parts.port or PORTS[place.scheme]
    try:
        public = all(is_public(address) for address, _ in _resolved(host, port))
    except OSError:  # the client will say so
        public = True
    return {"get_client": partial(_client, host, port, public)}


async def _client(host: str, port: int, public: bool, **options: Any) -> Any:
    import aiohttp

    options.pop("loop", None)
    connector = aiohttp.TCPConnector(socket_factory=partial(_socket, host, port, public))
    return aiohttp.ClientSession(connector=connector, **options)


def _socket(host: str, port: int, public: bool, info: tuple[Any, ...]) -> socket.socket:
    """Make the socket of a connection, after a redirect too, if its resolved address is one that may be spoken to."""
    family, kind, protocol, _, address = info
    require_allowed(host, port, public, (str(address[0]), int(address[1])))
    return socket.socket(family, kind, protocol)


def require_allowed(host: str, port: int, public: bool, address: tuple[str, int]) -> None:
    """Raise :class:`CatalogError` where a source on ``host`` may not lead to ``address``, an IP address and a port."""
    if is_public(address[0]) if public else address in _resolved(host, port):
        return
    raise CatalogError(
        "a source leads to a place that is not its own",
        where=f"{host}:{port}",
        found=f"{address[0]}:{address[1]}",
        expected="addresses of the public network" if public else f"{host}:{port} alone",
        next="do not use this source, or name the place itself in the catalog entry",
    )


def require_own_host(url: str) -> None:
    """Refuse an address whose host is none that can hold data: link-local (cloud metadata), multicast, reserved.

    Raises :class:`CatalogError`; OSError where the host is not known.
    """
    parts = urllib.parse.urlsplit(url)
    for address, _ in _resolved(str(parts.hostname), parts.port or PORTS.get(parts.scheme, 80)):
        ip = ipaddress.ip_address(address.partition("%")[0])
        ip = (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
        if ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.is_reserved and not ip.is_loopback):
            raise CatalogError(
                "an address leads to no server of data",
                where=url,
                found=address,
                expected="a public host, or one of your own network",
                next="correct the address of the catalog entry",
            )
