"""The folder on this machine for what can be made again: compiled kernels, an empty database of Prefect.

Whatever is kept lies in a folder that is named after all that shapes it, so nothing there can be stale; a file is
written whole, with its digest, and then given its name.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from functools import cache
from pathlib import Path

DIGEST_BYTES = 32
log = logging.getLogger("smcloud")


def cache_folder() -> Path:
    """Return ``SMCLOUD_CACHE_DIR``, or ``smcloud`` in the user's cache directory; it is not created here."""
    import platformdirs

    named = os.environ.get("SMCLOUD_CACHE_DIR")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("smcloud")


@cache
def folder_for(place: Path) -> Path | None:
    """Create the folder ``place`` if needed; None where it cannot be used.

    Only this user, or root, may be able to write into it: what is in it is executed.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = place.stat()
    except OSError as err:
        return unusable(f"{place}: {err}")
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
        return unusable(f"{place} can be written by others")
    return place


def read_kept(file: Path) -> bytes | None:
    """Read what :func:`keep` has written, None where that is missing or incomplete."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        return unusable(f"{file}: {err}")
    digest, body = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return body if hashlib.sha256(body).digest() == digest else unusable(f"{file} is damaged")


def keep(file: Path, body: bytes) -> None:
    """Write ``body`` under its name, completely or not at all; another process may write the same at the same time."""
    temporary = file.with_name(f"{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(hashlib.sha256(body).digest() + body)
        os.replace(temporary, file)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        unusable(f"{file}: {err}")


@cache
def unusable(why: str) -> None:
    """Log once why something is made again."""
    log.debug("what was made before is not kept: %s", why)
