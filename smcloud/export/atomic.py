"""Files and folders that appear as a whole: written beside their place, made durable, then renamed.

What is interrupted leaves nothing, or a name that begins with ``.smcloud-``.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smcloud.errors import ExportError, NotAStoreError
from smcloud.io_errors import Contact, reaching

TEMPORARY = ".smcloud-"
MANIFEST = "smcloud-export.json"
OUT = Contact(
    "the export cannot be written",
    "a folder that can be written and has room",
    "make room, or choose another place with --out",
    lambda error: isinstance(error, OSError),
)


@contextmanager
def appearing(target: Path, force: bool = False, one_file: bool = False) -> Iterator[Path]:
    """Give an empty folder beside ``target`` to write into; at the end it is renamed to ``target``.

    With ``one_file`` it is the file ``target.name`` of that folder that becomes ``target``, after the others, which go
    beside it. Raises :class:`ExportError` where ``target`` exists and not ``force``, or where its folder does not;
    :class:`NotAStoreError` where ``force`` would delete what no export wrote; :class:`UnreachableError` where the disk
    refuses.
    """
    require_free(target, force, one_file)
    temporary = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    with reaching(OUT, str(target)):
        temporary.mkdir()
        try:
            yield temporary
            for path in (*sorted(temporary.rglob("*")), temporary):
                _sync(path)
            require_free(target, force, one_file)
            if one_file:
                for path in sorted(temporary.iterdir(), key=lambda path: path.name == target.name):
                    os.replace(path, target.with_name(path.name))
            else:
                _rename(temporary, target)
            _sync(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def require_free(target: Path, force: bool, one_file: bool = False) -> None:
    """Raise where ``target`` may not be written: see :func:`appearing`."""
    if not target.parent.is_dir():
        raise ExportError(
            "the folder that the export goes to does not exist",
            where=f"--out {target}",
            found=f"no folder {target.parent}",
            expected="a folder that exists",
            next=f"mkdir -p {target.parent}",
        )
    if not os.path.lexists(target):
        return
    if not force:
        raise ExportError(
            "the path of the export exists",
            where=f"--out {target}",
            found="a folder" if target.is_dir() else "a file",
            expected="a path that is free",
            next=f"add --force to replace it, or name another path: --out {target}-2",
        )
    if target.is_symlink():
        foreign = ["a link"]
    elif target.is_dir():
        foreign = ["a folder, not a file"] if one_file else _foreign(target)
    else:
        foreign = [] if one_file else ["a file, not a folder"]
    if foreign:
        raise NotAStoreError(
            "--force replaces what an export wrote, and nothing else",
            where=f"--out {target}",
            found=", ".join(foreign[:3]),
            expected="a file" if one_file else f"a folder of an export, with all its files in {MANIFEST}",
            next="name another path with --out",
        )


def sizes(folder: Path) -> dict[str, int]:
    """Sizes of all files below ``folder``, by their names in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def write_manifest(folder: Path, about: Mapping[str, Any], files: Mapping[str, int]) -> None:
    """Write what an export is, and the sizes of its ``files``, beside them."""
    record = {**about, "files": dict(files)}
    (folder / MANIFEST).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", "utf-8")


def _foreign(folder: Path) -> list[str]:
    """What lies in ``folder`` that its manifest does not name."""
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    try:
        named = {*json.loads((folder / MANIFEST).read_text("utf-8"))["files"], MANIFEST}
    except (OSError, ValueError, KeyError, TypeError):
        return [f"no readable {MANIFEST}", *there] if there else []
    return [name for name in there if name not in named]


def _rename(temporary: Path, target: Path) -> None:
    if not os.path.lexists(target):
        os.rename(temporary, target)
        return
    old = target.parent / f"{TEMPORARY}{uuid.uuid4().hex}"
    os.rename(target, old)
    os.rename(temporary, target)
    shutil.rmtree(old)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
