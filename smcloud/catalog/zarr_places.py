"""Zarr stores on a local disk: a folder, or a ZIP of one; nothing in them may lead out of them."""

from __future__ import annotations

import os
import zipfile
from typing import Any

from smcloud.catalog.elsewhere import require_folder_alone
from smcloud.catalog.file_form import ZIP, damaged, local_form, require_form
from smcloud.catalog.fingerprints.objects import DOCUMENTS
from smcloud.catalog.validation import MAX_CHUNK_BYTES
from smcloud.errors import ChunkError, FileFormError

STORE = "a Zarr store (a folder, or a ZIP archive of one)"


def local_store(path: str, group: str) -> tuple[Any, str]:
    """Open a store for reading; return it, and where ``group`` lies in it. Its name is taken as it is.

    Raises :class:`FileFormError` where it is no Zarr store, is damaged, or holds links out of it.
    """
    import zarr

    form = local_form(path)
    if form == "a folder":
        require_folder_alone(path)
        _require_metadata(path, group)
        return zarr.storage.LocalStore(path, read_only=True), group
    require_form(STORE if form == ZIP else form, (STORE,), path)
    inside = _require_members(path)
    return zarr.storage.ZipStore(path, mode="r"), "/".join(filter(None, [inside, group]))


def _require_metadata(path: str, group: str) -> None:
    folder = os.path.join(path, group.strip("/")).rstrip("/")
    if not any(os.path.isfile(os.path.join(folder, name)) for name in DOCUMENTS):
        there = sorted(os.listdir(folder))[:4] if os.path.isdir(folder) else []
        raise FileFormError(
            f"{os.path.basename(path)} is a folder without a Zarr group" + (f" {group}" if group else ""),
            where=folder,
            found=", ".join(there) or "nothing",
            expected="zarr.json, .zmetadata or .zgroup",
            next="correct urlpath (and xarray_kwargs.group); for a folder of NetCDF files set driver: netcdf and "
            "urlpath folder/*.nc",
        )


def _require_members(path: str) -> str:
    """The folder of a ZIP in which the store lies: its top, or the only folder there."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as err:
        raise damaged(path, err) from err
    largest = max((member.file_size for member in members), default=0)
    if largest > MAX_CHUNK_BYTES:
        raise ChunkError(
            "a member of a ZIP archive is too large to read",
            where=path,
            found=f"{largest / 2**30:.1f} GiB",
            expected=f"at most {MAX_CHUNK_BYTES / 2**30:.0f} GiB",
            next="write the store anew in smaller chunks",
        )
    names = {member.filename for member in members}
    tops = {name.partition("/")[0] for name in names}
    for inside in ("", *(tops if len(tops) == 1 else ())):
        if any(f"{inside}/{name}".lstrip("/") in names for name in DOCUMENTS):
            return inside
    require_form(ZIP, (STORE,), path)
    return ""
