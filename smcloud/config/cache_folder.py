"""Where this machine keeps what can be made again: compiled kernels, an empty database of Prefect."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``SMCLOUD_CACHE_DIR``, or ``smcloud`` in the user's cache directory; not made here."""
    import platformdirs

    named = os.environ.get("SMCLOUD_CACHE_DIR")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("smcloud")


def is_ours(folder: Path) -> bool:
    """Whether nobody but this user, or root, can have put something into ``folder``: what lies there is run."""
    found = folder.stat()
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022
