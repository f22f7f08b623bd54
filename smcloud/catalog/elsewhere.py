"""Files that point elsewhere: what a stranger's file may make a library read beside itself.

HDF5 has external storage, external and user-defined links and virtual datasets, HDF4 has external elements, a Zarr
store on a disk can hold symbolic links. Each could bring a private file of this machine into a published cube, so
they are refused before the first value is read.
"""

from __future__ import annotations

import os
import struct
from typing import IO, Any

from smcloud.errors import FileFormError

MOST_OBJECTS = 100_000
HDF4_SPECIAL, HDF4_EXTERNAL = 0x4000, 2
HDF4_UNUSED = 0xFFFFFFFF
MOST_BLOCKS = 100_000


def points_elsewhere(name: str, found: str) -> FileFormError:
    """Make the error of the file ``name``, in which ``found`` leads to another one."""
    return FileFormError(
        f"{os.path.basename(name.rstrip('/'))} points to another file",
        where=name,
        found=found,
        expected="a file that holds all its values itself",
        next="ask who made it for a whole one; if you made it, copy the values themselves (nccopy, cp -rL)",
    )


def require_hdf5_alone(file: Any, name: str) -> None:
    """Raise :class:`FileFormError` where an opened h5py file leads anywhere else, in any of its groups.

    Nothing that a link names is opened: only what lies in the file itself is looked at.
    """
    import h5py

    ahead, seen = [(file.id, "")], 0
    known = {h5py.h5o.get_info(file.id).addr}
    while ahead:
        group, path = ahead.pop()
        for raw in group:
            here = f"{path}/{raw.decode(errors='replace')}"
            seen += 1
            if seen > MOST_OBJECTS:
                raise FileFormError(
                    "a file holds more objects than anybody can look through",
                    where=name,
                    found=f"more than {MOST_OBJECTS}",
                    expected="some variables and groups",
                    next="write the variables that you need into a file of their own",
                )
            kind = group.links.get_info(raw).type
            if kind == h5py.h5l.TYPE_SOFT:  # leads to a place in this file, or to a link that is refused there
                continue
            if kind != h5py.h5l.TYPE_HARD:
                raise points_elsewhere(
                    name, f"{'external' if kind == h5py.h5l.TYPE_EXTERNAL else 'user-defined'} link {here}"
                )
            info = h5py.h5o.get_info(group, raw)
            if info.addr in known:
                continue
            known.add(info.addr)
            if info.type == h5py.h5o.TYPE_GROUP:
                ahead.append((h5py.h5g.open(group, raw), here))
            elif info.type == h5py.h5o.TYPE_DATASET:
                _require_own_values(h5py.h5d.open(group, raw), name, here)


def _require_own_values(dataset: Any, name: str, here: str) -> None:
    import h5py

    created = dataset.get_create_plist()
    if created.get_layout() == h5py.h5d.VIRTUAL:
        raise points_elsewhere(name, f"virtual dataset {here}")
    if created.get_external_count():
        raise points_elsewhere(name, f"external storage of {here}")


def require_hdf4_alone(file: IO[bytes], size: int, name: str) -> None:
    """Raise :class:`FileFormError` where an HDF4 file has an external element, or ends before its elements do."""
    at = 4
    for _ in range(MOST_BLOCKS):
        count, following = struct.unpack(">HI", _bytes_at(file, at, 6, name))
        table = _bytes_at(file, at + 6, 12 * count, name)
        for tag, _, offset, length in struct.iter_unpack(">HHII", table):
            if HDF4_UNUSED in (offset, length) or tag == 1:
                continue
            if offset + length > size:
                raise _cut(name, offset + length, size)
            if tag & HDF4_SPECIAL and not tag & 0x8000:
                (kind,) = struct.unpack(">h", _bytes_at(file, offset, 2, name))
                if kind == HDF4_EXTERNAL:
                    raise points_elsewhere(name, "an external element of HDF4")
        if not following:
            return
        at = following
    raise _cut(name, at, size)


def _bytes_at(file: IO[bytes], offset: int, length: int, name: str) -> bytes:
    file.seek(offset)
    raw = file.read(length)
    if len(raw) < length:
        raise _cut(name, offset + length, offset + len(raw))
    return raw


def _cut(name: str, promised: int, size: int) -> FileFormError:
    from smcloud.catalog.file_form import damaged

    return damaged(name, f"{size} bytes, where its own directory speaks of {promised}")


def require_folder_alone(root: str) -> None:
    """Raise :class:`FileFormError` where a store's folder holds a link out of it, or what is neither file nor folder.

    The folder itself may be a link: its user has made that.
    """
    real = os.path.realpath(root)
    ahead = [real]
    while ahead:
        with os.scandir(ahead.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    if os.path.commonpath([real, os.path.realpath(entry.path)]) != real:
                        raise points_elsewhere(root, f"symbolic link {os.path.relpath(entry.path, real)}")
                    if not os.path.isfile(entry.path):
                        raise points_elsewhere(root, f"link to a folder {os.path.relpath(entry.path, real)}")
                elif entry.is_dir(follow_symlinks=False):
                    ahead.append(entry.path)
                elif not entry.is_file(follow_symlinks=False):
                    raise points_elsewhere(root, f"no ordinary file: {os.path.relpath(entry.path, real)}")


def require_ordinary(path: str) -> None:
    """Raise :class:`FileFormError` where a local source is neither a file nor a folder that leads nowhere else."""
    if os.path.isdir(path):
        require_folder_alone(path)
    elif os.path.exists(path) and not os.path.isfile(path):
        raise points_elsewhere(path, "no ordinary file")
