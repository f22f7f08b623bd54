"""The hosts of an entry: whether they answer, checked before clients of stores connect, and how long clients wait."""

from __future__ import annotations

import os
import socket
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.schema import Args, Entry
from smcloud.io_errors import time_limit


def client_options(args: Args) -> dict[str, Any]:
    """Return ``storage_options`` as clients get them, with a limit for servers that keep silent."""
    options = dict(args.storage_options)
    for protocol, below in (("remote_protocol", "remote_options"), ("target_protocol", "target_options")):
        limit = time_limit(str(options.get(protocol, "")))
        if limit:
            options[below] = limit | dict(options.get(below, {}))
    return time_limit(args.urls[0]) | options


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
        scheme = url.split("://")[0] if "://" in url else ""
        address = known.get(scheme, url if scheme in ("http", "https") else None)
        if address is None:
            continue
        parts = urllib.parse.urlsplit(address if "://" in address else f"http://{address}")
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
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
