"""HDF-EOS2 (HDF4) files: one array of a file, its metadata, and the grid that it lies on."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from smcloud.catalog.elsewhere import require_hdf4_alone
from smcloud.catalog.file_form import HDF4, damaged, require_local_form
from smcloud.catalog.missing_values import is_code, is_unsigned
from smcloud.catalog.packing import scale_on_top, stated_scale
from smcloud.catalog.readers.local_files import Image
from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.unwritten import HDF4_UNWRITTEN, UNWRITTEN, require_without, unwritten_in_doubt
from smcloud.errors import GridError, RangeError, VariableError
from smcloud.io_errors import brief

_library = threading.Lock()  # the HDF4 library is not thread-safe


class Field(NamedTuple):
    """Metadata of one array of a file: attributes, shape, and the structure of the file."""

    attrs: dict[str, Any]
    shape: tuple[int, ...]
    structure: str


class Extent(NamedTuple):
    """The grid of an array: its projection and the outer corners (x, y), as written in the file."""

    projection: str
    upper_left: tuple[float, float]
    lower_right: tuple[float, float]


def read_values(path: str, spec: VariableSpec) -> Image:
    """Read the values (y, x) of one array of one file, missing ones NaN.

    The scale is that of the file (the catalog's where it states none; one that converts a unit is left out); missing
    are the file's fill value and the catalog's ``fill``, both as they are stored. Where a code does not fit a signed
    byte, the bytes are unsigned: GLASS declares int8 and fills with 255.
    """
    with opened(path) as file:
        array = file.select(spec.name)
        raw, attrs = array.get(), array.attributes()
    codes = [*(spec.fill or ()), *([attrs["_FillValue"]] if "_FillValue" in attrs else [])]
    here = f"{path}: {spec.name}"
    if is_unsigned(attrs) or (raw.dtype == np.int8 and any(code > 127 for code in codes)):
        raw = raw.view(f"u{raw.dtype.itemsize}")
        codes = [code % (1 << 8 * raw.dtype.itemsize) for code in codes]
    packing = packing_of(attrs, spec, here)
    for left in (HDF4_UNWRITTEN, UNWRITTEN):  # the second: of files that were NetCDF once
        doubt = unwritten_in_doubt(raw.dtype, attrs | packing, spec, here, left)
        if doubt is not None:
            require_without(raw, *doubt)
    values = raw.astype(np.float32) * np.float32(packing["scale_factor"]) + np.float32(packing["add_offset"])
    values[is_code(raw, codes)] = np.nan
    # What the catalog's scale converts comes later: the limits are those of the converted values.
    converted = values * np.float32(scale_on_top(packing["scale_factor"], spec, here) or 1.0)
    low, high = spec.valid_range
    slack = 1e-6 * (high - low)
    outside = int(((converted < low - slack) | (converted > high + slack)).sum())
    if outside:
        raise RangeError(
            f"a file holds what {spec.name} cannot be",
            where=path,
            found=f"{outside} values, from {np.nanmin(converted):g} to {np.nanmax(converted):g}, with scale "
            f"{packing['scale_factor']:g}",
            expected=f"{low:g} to {high:g} {spec.units}",
            next="compare scale_factor and _FillValue of the file with the product's guide; name more codes in fill",
        )
    return values


def packing_of(attrs: dict[str, Any], spec: VariableSpec, where: str) -> dict[str, float]:
    """Return scale and offset: HDF4's offset is subtracted from the stored value, CF's is added to the scaled one."""
    stated = stated_scale(attrs, where)
    scale_on_top(stated, spec, where)
    scale = stated if stated is not None else 1.0 if spec.scale is None else spec.scale
    return {"scale_factor": scale, "add_offset": -float(attrs.get("add_offset", 0.0)) * scale}


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open the file, for one thread at a time.

    Raises :class:`FileFormError` with the file's name where it is no HDF4, points elsewhere or cannot be read.
    """
    from pyhdf.error import HDF4Error
    from pyhdf.SD import SD, SDC

    require_local_form(path, HDF4)
    with open(path, "rb") as raw:
        require_hdf4_alone(raw, os.path.getsize(path), path)
    with _library:
        try:
            file = SD(path, SDC.READ)
            try:
                yield file
            finally:
                file.end()
        except HDF4Error as err:
            raise damaged(path, brief(err)) from err


def read_field(path: str, name: str, where: str) -> Field:
    """Read attributes, shape and structure of one array; raises :class:`VariableError` where the file lacks it."""
    with opened(path) as file:
        arrays = file.datasets()
        if name not in arrays:
            raise VariableError(
                "a source lacks a variable",
                where=where,
                found=", ".join(arrays) or "no variable",
                expected=name,
                next="correct metadata.variables of the catalog entry",
            )
        structure = str(file.attributes().get("StructMetadata.0", ""))
        return Field(file.select(name).attributes(), tuple(arrays[name][1]), structure)


def extent_of(field: Field, name: str, where: str) -> Extent:
    """Read the grid of the array ``name``; raises :class:`GridError` where the file states none that fits."""
    groups = re.findall(r"GROUP=(GRID_\d+)\b(.*?)END_GROUP=\1\b", field.structure, re.DOTALL)
    grid = next((text for _, text in groups if f'DataFieldName="{name}"' in text), "")
    projection = re.search(r"\bProjection=(\w+)", grid)
    corners = [
        tuple(float(value) for value in re.findall(r"[-+.\deE]+", match[1]))
        for key in ("UpperLeftPointMtrs", "LowerRightMtrs")
        if (match := re.search(rf"{key}=\(([^)]*)\)", grid))
    ]
    size = [int(match[1]) for key in ("YDim", "XDim") if (match := re.search(rf"\b{key}=(\d+)", grid))]
    if projection is None or [len(corner) for corner in corners] != [2, 2] or tuple(size) != field.shape:
        raise GridError(
            "the extent of an HDF4 grid does not fit its array",
            where=where,
            found=f"{size} cells, corners {corners}" if projection else "no grid in StructMetadata.0",
            expected=f"{list(field.shape)} cells, a projection and two corners",
            next="download the file again, or choose another product",
        )
    (left, top), (right, bottom) = corners
    return Extent(projection[1], (left, top), (right, bottom))
