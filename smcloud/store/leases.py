"""Leases: who is at work in a folder of the store, and since when nobody has heard of it."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LEASE_SECONDS = 120.0


def has_ended(lease: bytes | None) -> bool:
    """Return whether its process of this machine has gone, or its time is over; damaged or none it has."""
    try:
        who: dict[str, Any] = json.loads(lease or b"{}")
        if who["host"] == _here() and not _runs(int(who["process"])):
            return True
        return time.time() - float(who["time"]) > LEASE_SECONDS
    except (ValueError, KeyError, TypeError):
        return True


@cache
def _here() -> str:
    """Where process numbers mean the same: the machine since it was started, and the container on it."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # other systems have neither
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def lease() -> bytes:
    """Return a lease of this process that begins now; no two are equal."""
    who = {"host": _here(), "process": os.getpid(), "time": time.time(), "token": uuid.uuid4().hex}
    return json.dumps(who).encode()
