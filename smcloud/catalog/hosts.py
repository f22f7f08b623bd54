"""The hosts of an entry: whether they answer, checked before clients of stores connect, and how long clients wait."""

from __future__ import annotations

import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.arguments import Args
from smcloud.catalog.schema import Entry
from smcloud.catalog.stores.destinations import HTTP, guard_of, require_own_host
from smcloud.io_errors import time_limit


def client_options(args: Args) -> dict[str, Any]:
    """Return ``storage_options`` as clients get them, with a limit for servers that keep silent.

    Clients of HTTP are held to the host that the entry names: they follow no redirect to a machine of this network.
    """
    options = dict(args.storage_options)
    if "fo" in options:
        protocol = str(options.get("target_protocol") or options["fo"].partition("://")[0])
        options["target_options"] = _held(options["fo"], protocol, options.get("target_options", {}))
        options["remote_options"] = time_limit(str(options.get("remote_protocol", ""))) | dict(
            options.get("remote_options", {})
        )
        return options
    return _held(args.urls[0], args.urls[0], options)


def _held(url: str, protocol: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return time_limit(protocol) | guard_of(url) | dict(options)


def require_hosts(args: Args) -> None:
    """Connect to the host of each remote address first: the clients of stores retry for minutes, with much output."""
    if urllib.request.getproxies():  # then the proxy is the host, and the client handles it
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
        scheme = url.split("://")[0].lower() if "://" in url else ""
        address = known.get(scheme, url if scheme in HTTP else None)
        if address is None:
            continue
        parts = urllib.parse.urlsplit(address if "://" in address else f"http://{address}")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            if scheme in HTTP:
                require_own_host(url)
            socket.create_connection((parts.hostname or "", port), timeout=10.0).close()
        except socket.gaierror as err:
            raise ConnectionError(f"the host {parts.hostname} is not known (is there a network?)") from err
        except OSError as err:
            raise ConnectionError(f"the host {parts.hostname} does not answer ({err})") from err


def silent_hosts(entries: Mapping[str, Entry]) -> list[str]:
    """Return the names of the ``entries`` whose host does not answer now."""
    silent = []
    for name, entry in entries.items():
        try:
            require_hosts(entry.args)
        except ConnectionError:
            silent.append(name)
    return silent
