"""HDF-EOS2 (HDF4) grids: leaf area of GLASS, MODIS products on the climate-modelling grid.

Values, scale and fill are read from each file, the date of a composite from its name (``AYYYYDDD``), the grid from
the extent in its structural metadata.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog_schema import Entry, VariableSpec
from smcloud.cube.readers.local_files import Image, dated, local_files, stacked
from smcloud.errors import CatalogError, GridError, RangeError, UnitError, VariableError

DATE, FORM = r"\.A(\d{7})\.", "%Y%j"
GEOGRAPHIC = ("GCTP_GEO", "HE5_GCTP_GEO")
_library = threading.Lock()  # the HDF4 library knows no threads


class Field(NamedTuple):
    """What a file says of one of its arrays: attributes, shape, and the structure of the file."""

    attrs: dict[str, Any]
    shape: tuple[int, ...]
    structure: str


def read_hdf4(entry: Entry, where: str) -> xr.Dataset:
    """The files of an entry as (time, lat, lon), or one file as (lat, lon) where the period is static; float32.

    Raises :class:`GridError` for a projection other than latitude and longitude (MODIS tiles are sinusoidal),
    :class:`VariableError` for a missing array, :class:`UnitError` where a file's scale is not the catalog's,
    :class:`CalendarError` for names without dates. A block raises :class:`RangeError` where its file holds
    what the catalog's ``valid_range`` rules out.
    """
    files = local_files(entry, where)
    coords: dict[str, Any] = {}
    static = all(spec.period == "static" for spec in entry.metadata.variables.values())
    if static and len(files) > 1:
        raise CatalogError(
            "a static layer is one file",
            where=where,
            found=f"{len(files)} files",
            expected="one file",
            next="name the file of one year in urlpath",
        )
    if not static:
        files, coords["time"] = dated(files, DATE, FORM, where)
    variables = {}
    for spec in entry.metadata.variables.values():
        field = _field(files[0], spec.name, where)
        coords |= _grid(field, spec.name, f"{where}: {spec.name}")
        data = stacked(files, (field.shape[0], field.shape[1]), partial(read_values, spec=spec))
        dims = ("lat", "lon") if static else ("time", "lat", "lon")
        attrs = {key: str(field.attrs[key]) for key in ("long_name", "units") if key in field.attrs}
        packing = _packing(field.attrs, spec, f"{where}: {spec.name}")
        variables[spec.name] = xr.Variable(dims, data[0] if static else data, attrs, packing)
    return xr.Dataset(variables, coords)


def read_values(path: str, spec: VariableSpec) -> Image:
    """The values (y, x) of one array of one file, in the catalog's unit, missing ones NaN.

    The scale is that of the file (the catalog's where it states none); missing are the file's fill value and the
    catalog's ``fill``, both as they are stored. Where a code does not fit a signed byte, the bytes are unsigned: GLASS
    declares int8 and fills with 255.
    """
    with _opened(path) as file:
        array = file.select(spec.name)
        raw, attrs = array.get(), array.attributes()
    codes = [*spec.fill, *([attrs["_FillValue"]] if "_FillValue" in attrs else [])]
    if raw.dtype == np.int8 and any(code > 127 for code in codes):
        raw = raw.view(np.uint8)
    packing = _packing(attrs, spec, f"{path}: {spec.name}")
    values = raw.astype(np.float32) * np.float32(packing["scale_factor"]) + np.float32(packing["add_offset"])
    values[np.isin(raw, codes)] = np.nan
    low, high = spec.valid_range
    slack = 1e-6 * (high - low)
    outside = int(((values < low - slack) | (values > high + slack)).sum())
    if outside:
        raise RangeError(
            f"a file holds what {spec.name} cannot be",
            where=path,
            found=f"{outside} values, from {np.nanmin(values):g} to {np.nanmax(values):g}, with scale "
            f"{packing['scale_factor']:g}",
            expected=f"{low:g} to {high:g} {spec.units}",
            next="compare scale_factor and _FillValue of the file with the product's guide; name more codes in fill",
        )
    return values


def _packing(attrs: dict[str, Any], spec: VariableSpec, where: str) -> dict[str, float]:
    """Scale and offset of an array; HDF4's offset is taken from the stored value, CF's is added to the scaled one."""
    scale = float(attrs.get("scale_factor", 1.0 if spec.scale is None else spec.scale))
    if spec.scale is not None and not np.isclose(scale, spec.scale, rtol=1e-6, atol=0.0):
        raise UnitError(
            "the scale of a file is not the catalog's",
            where=where,
            found=f"scale_factor {scale:g}",
            expected=f"scale {spec.scale:g}",
            next="leave scale out of the catalog entry where the files state it, and do not mix products",
        )
    return {"scale_factor": scale, "add_offset": -float(attrs.get("add_offset", 0.0)) * scale}


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    from pyhdf.SD import SD, SDC

    with _library:
        file = SD(path, SDC.READ)
        try:
            yield file
        finally:
            file.end()


def _field(path: str, name: str, where: str) -> Field:
    with _opened(path) as file:
        held = file.datasets()
        if name not in held:
            raise VariableError(
                "a source lacks a variable",
                where=where,
                found=", ".join(held) or "no variable",
                expected=name,
                next="correct metadata.variables of the catalog entry",
            )
        structure = str(file.attributes().get("StructMetadata.0", ""))
        return Field(file.select(name).attributes(), tuple(held[name][1]), structure)


def _grid(field: Field, name: str, where: str) -> dict[str, npt.NDArray[np.float64]]:
    """Cell centres lat and lon of the grid that holds the array ``name``, from its extent."""
    groups = re.findall(r"GROUP=(GRID_\d+)\b(.*?)END_GROUP=\1\b", field.structure, re.DOTALL)
    grid = next((text for _, text in groups if f'DataFieldName="{name}"' in text), "")
    projection = re.search(r"\bProjection=(\w+)", grid)
    if projection is None or projection[1] not in GEOGRAPHIC:
        raise GridError(
            "an HDF4 array is not on a grid of latitude and longitude",
            where=where,
            found=projection[1] if projection else "no grid in StructMetadata.0",
            expected=GEOGRAPHIC[0],
            next="use the product on its climate-modelling grid, or regrid the tiles first",
        )
    corners = {
        key: [_degrees(float(value)) for value in re.findall(r"[-+.\deE]+", found[1])]
        for key in ("UpperLeftPointMtrs", "LowerRightMtrs")
        if (found := re.search(rf"{key}=\(([^)]*)\)", grid))
    }
    size = [int(found[1]) for key in ("YDim", "XDim") if (found := re.search(rf"\b{key}=(\d+)", grid))]
    if len(corners) < 2 or tuple(size) != field.shape:
        raise GridError(
            "the extent of an HDF4 grid does not fit its array",
            where=where,
            found=f"{size} cells, corners {corners}",
            expected=f"{list(field.shape)} cells and two corners",
        )
    (west, north), (east, south) = corners["UpperLeftPointMtrs"], corners["LowerRightMtrs"]
    return {"lat": _centres(north, south, size[0]), "lon": _centres(west, east, size[1])}


def _centres(first: float, last: float, n: int) -> npt.NDArray[np.float64]:
    """Centres of ``n`` even cells between two edges."""
    edges = np.linspace(first, last, 2 * n + 1)
    return edges[1::2]


def _degrees(value: float) -> float:
    """Degrees of a corner: plain, or packed as HDF-EOS does, DDDMMMSSS.SS."""
    if abs(value) <= 360.0:
        return value
    rest = abs(value)
    degrees, minutes, seconds = rest // 1e6, rest // 1e3 % 1e3, rest % 1e3
    return float(np.copysign(degrees + minutes / 60 + seconds / 3600, value))
