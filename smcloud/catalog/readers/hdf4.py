"""HDF-EOS2 (HDF4) products: leaf area of GLASS and MODIS, land cover on the climate-modelling grid.

Values, scale and fill are read from each file, the date of a composite from its name (``AYYYYDDD``), the grid from
the extent in its structural metadata. Tiles of the sinusoidal grid come out on latitude and longitude.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.file_form import HDF4
from smcloud.catalog.readers.hdf_eos import Extent, Field, extent_of, packing_of, read_field, read_values
from smcloud.catalog.readers.local_files import dated, local_files, stacked
from smcloud.catalog.readers.modis_tiles import SINUSOIDAL, by_date_and_row, mosaic, target_axes
from smcloud.catalog.schema import Entry
from smcloud.catalog.validation import check_shape
from smcloud.errors import CatalogError, GridError

DATE, FORM = r"\.A(\d{7})\.", "%Y%j"
GEOGRAPHIC = ("GCTP_GEO", "HE5_GCTP_GEO")


def read_hdf4(entry: Entry, where: str) -> xr.Dataset:
    """Open the files of an entry as (time, lat, lon), or one file as (lat, lon) where the period is static; float32.

    Sinusoidal tiles become means on 0.05 degrees, and each variable has ``NAME_valid_share`` beside it. Raises
    :class:`GridError` for any other projection than these two and for a static layer in tiles,
    :class:`VariableError` for a missing array, :class:`UnitError` where a file's scale is not the catalog's,
    :class:`CalendarError` for names without dates. A block raises :class:`RangeError` where its file holds
    what the catalog's ``valid_range`` rules out.
    """
    files = local_files(entry, where, HDF4)
    variables: dict[str, xr.Variable] = {}
    coords: dict[str, Any] = {}
    newest = entry.metadata.versions is not None
    static = all(spec.period == "static" for spec in entry.metadata.variables.values())
    if static and len(files) > 1:
        raise CatalogError(
            "a static layer is one file",
            where=where,
            found=f"{len(files)} files",
            expected="one file",
            next="name the file of one year in urlpath",
        )
    for spec in entry.metadata.variables.values():
        here = f"{where}: {spec.name}"
        field = read_field(files[0], spec.name, where)
        extent = extent_of(field, spec.name, here)
        attrs = {key: str(field.attrs[key]) for key in ("long_name", "units") if key in field.attrs}
        packing = packing_of(field.attrs, spec, here)
        if extent.projection == SINUSOIDAL and not static:
            tiles = by_date_and_row(files, DATE, FORM, where, newest)
            coords = {"time": tiles.dates} | target_axes(tiles)
            axes = ("time", "lat", "lon")
            variables[spec.name] = xr.Variable(axes, mosaic(tiles, spec), attrs, packing)
            share = {"long_name": f"share of the cell with a valid {spec.name}", "units": "1"}
            variables[f"{spec.name}_valid_share"] = xr.Variable(axes, mosaic(tiles, spec, share=True), share)
            continue
        coords |= _grid(field, extent, here)
        ordered = files
        if not static:
            ordered, coords["time"] = dated(files, DATE, FORM, where, newest)
        data = stacked(ordered, (field.shape[0], field.shape[1]), partial(read_values, spec=spec))
        dims = ("lat", "lon") if static else ("time", "lat", "lon")
        variables[spec.name] = xr.Variable(dims, data[0] if static else data, attrs, packing)
    return xr.Dataset(variables, coords)


def _grid(field: Field, extent: Extent, where: str) -> dict[str, npt.NDArray[np.float64]]:
    """Cell centres lat and lon of a grid of latitude and longitude, from its extent."""
    if extent.projection not in GEOGRAPHIC:
        raise GridError(
            "an HDF4 array is not on a grid of latitude and longitude",
            where=where,
            found=extent.projection,
            expected=GEOGRAPHIC[0],
            next="use the product on its climate-modelling grid, or regrid the tiles first",
        )
    check_shape({"lat": field.shape[0], "lon": field.shape[1]}, where)
    (west, north), (east, south) = (map(_degrees, corner) for corner in extent[1:])
    return {"lat": _centres(north, south, field.shape[0]), "lon": _centres(west, east, field.shape[1])}


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
