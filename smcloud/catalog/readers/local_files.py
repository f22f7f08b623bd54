"""Local files that together are one source: their names, the dates in the names, a lazy stack of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from smcloud.catalog.file_form import require_local_form
from smcloud.catalog.places import found
from smcloud.catalog.schema import Entry
from smcloud.catalog.versions import require_one_version, version_in
from smcloud.errors import CalendarError, CatalogError

Image = npt.NDArray[np.float32]


def local_files(entry: Entry, where: str, form: str) -> list[str]:
    """List the files of an entry, sorted by name within each of its addresses.

    Raises :class:`CatalogError` for a remote address, FileNotFoundError where an address has no file,
    :class:`FileFormError` for the first file that is not of the ``form`` that the reader reads.
    """
    import fsspec

    files: list[str] = []
    for url in entry.args.urls:
        fs, key = fsspec.core.url_to_fs(url)
        if "file" not in fs.protocol:
            raise CatalogError(
                f"the reader {entry.metadata.reader} reads files of this machine only",
                where=where,
                found=url,
                expected="a local path",
                next="download the files and name their folder in urlpath",
            )
        files += found(fs, key)
    for file in files:
        require_local_form(file, form)
    return files


def date_in(file: str, pattern: str, form: str) -> np.datetime64 | None:
    """Read the date in a file's name: the match of ``pattern``, in the format ``form``."""
    match = re.search(pattern, file.rsplit("/", 1)[-1])
    try:
        return np.datetime64(datetime.strptime(match[1], form), "ns") if match else None
    except ValueError:
        return None


def dated(
    files: Sequence[str], pattern: str, form: str, where: str, newest: bool = False
) -> tuple[list[str], npt.NDArray[np.datetime64]]:
    """Sort ``files`` by the dates in their names; return them and these dates.

    Raises :class:`CalendarError` for a name without a date, for two files of one date, and for names that state several
    versions; with ``newest`` a date's file of the highest version is taken instead.
    """
    if newest:
        files = sorted(files, key=lambda file: version_in(file) or ())
    else:
        require_one_version(files, where)
    by_date: dict[np.datetime64, str] = {}
    for file in files:
        date = date_in(file, pattern, form)
        name = file.rsplit("/", 1)[-1]
        if date is None:
            raise CalendarError(
                "a file's name holds no date",
                where=where,
                found=name,
                expected=f"a date as in {pattern}",
                next="correct urlpath so that it matches the files of the product only",
            )
        if date in by_date and not (newest and version_in(by_date[date]) != version_in(file)):
            raise CalendarError(
                "two files are of one date",
                where=where,
                found=f"{by_date[date].rsplit('/', 1)[-1]} and {name}",
                expected="one file for each date",
                next="remove the older version of the two, or name one version in urlpath",
            )
        by_date[date] = file
    dates = np.array(sorted(by_date))
    return [by_date[date] for date in dates], dates


def stacked(files: Sequence[str], shape: tuple[int, int], read: Callable[[str], Image]) -> Any:
    """Stack files as a lazy float32 array (file, y, x), one block each; ``read`` gives a file's values of ``shape``."""
    import dask.array

    names = dask.array.from_array(np.array(files, dtype=object), chunks=1)
    return dask.array.map_blocks(
        _block,
        names,
        read=read,
        shape=shape,
        new_axis=[1, 2],
        chunks=((1,) * len(files), (shape[0],), (shape[1],)),
        dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )


def _block(names: npt.NDArray[Any], read: Callable[[str], Image], shape: tuple[int, int]) -> Image:
    image = read(names[0])
    if image.shape != shape:
        raise ValueError(f"{names[0]} holds {image.shape}, the first file {shape}")
    return image[np.newaxis].astype(np.float32, copy=False)
