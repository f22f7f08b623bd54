"""TIFF images opened by the TIFF driver alone, without any file beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from smcloud.catalog.file_form import TIFF, damaged, require_local_form
from smcloud.catalog.readers.tiff_length import promised_bytes
from smcloud.errors import FileFormError
from smcloud.io_errors import brief

# What a file beside an image may say of its values or its place; statistics and histograms may be there.
DESCRIBED = re.compile(r"<(NoDataValue|Scale|Offset|UnitType|SRS|GeoTransform|GCPList|MaskBand)\b")
LONGEST = 2**20


@contextmanager
def opened_image(path: str) -> Iterator[Any]:
    """Open a local TIFF with rasterio; GDAL's other drivers, which read what a file points to, are not asked.

    Raises :class:`FileFormError` with the file's name for what is no TIFF, and where it is cut off or damaged.
    """
    import rasterio
    from rasterio.errors import RasterioError

    require_local_form(path, TIFF)
    _require_length(path)
    alone = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}
    try:
        with rasterio.Env(**alone), rasterio.open(os.path.abspath(path), driver="GTiff") as file:
            yield file
    except RasterioError as err:
        raise damaged(path, brief(err.__cause__ or err)) from err


def _require_length(path: str) -> None:
    """What a cut file has lost, its scale or its last rows, the library does not always miss."""
    size = os.path.getsize(path)
    try:
        with open(path, "rb") as file:
            promised = promised_bytes(file)
    except ValueError as err:
        raise damaged(path, brief(err)) from err
    if size < promised:
        raise damaged(path, f"{size} bytes, where its directory speaks of {promised}")


def require_no_sidecar(path: str) -> None:
    """Raise :class:`FileFormError` where a file beside an image would change its values or its place."""
    mask, notes = f"{path}.msk", f"{path}.aux.xml"
    said = "a mask" if os.path.lexists(mask) else ""
    if os.path.isfile(notes):
        with open(notes, "rb") as file:
            tags = DESCRIBED.findall(file.read(LONGEST).decode(errors="replace"))
        said = ", ".join(sorted(set(tags))) or said
    if said:
        raise FileFormError(
            f"values of {os.path.basename(path)} are described in a file beside it, which is not read",
            where=path,
            found=said,
            expected="an image that holds its values, its missing value and its place itself",
            next=f"gdal_translate {os.path.basename(path)} whole.tif, and name that file; or remove the file beside it",
        )
