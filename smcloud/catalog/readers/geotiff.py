"""GeoTIFF layers on WGS84 latitude and longitude: static maps such as aridity or soil texture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.catalog.file_form import TIFF
from smcloud.catalog.missing_values import float_of, is_code
from smcloud.catalog.readers.images import opened_image, require_no_sidecar
from smcloud.catalog.readers.local_files import local_files
from smcloud.catalog.schema import Entry
from smcloud.errors import GridError, VariableError

BLOCK_CELLS = 2**24  # 64 MiB of float32


def read_geotiff(entry: Entry, where: str) -> xr.Dataset:
    """Open the layers (lat, lon) of an entry: blocks of whole rows; nodata is NaN, scale and offset applied.

    Of float32, or of float64 where the file's numbers need it.

    In one file the bands are called ``band_1``, ``band_2`` ...; of several files each is a variable, whose name
    begins the file's. Raises :class:`GridError` for another reference system than WGS84 (EPSG:4326), for a rotated
    image and for files on different grids, :class:`VariableError` for a name that no band or file has,
    :class:`FileFormError` for what is no TIFF, is damaged, or has values described in a file beside it. Blocks that
    were never written are NaN, unless the entry says ``absent_chunks: fill``.
    """
    files = local_files(entry, where, TIFF)
    names = [spec.name for spec in entry.metadata.variables.values()]
    variables: dict[str, xr.Variable] = {}
    grid: dict[str, npt.NDArray[np.float64]] = {}
    codes = {spec.name: spec.fill or () for spec in entry.metadata.variables.values()}
    for name in dict.fromkeys(names):
        path, band = _place(files, name, where)
        how = {"codes": codes[name], "filled": entry.metadata.absent_chunks == "fill"}
        variables[name], axes = _layer(path, band, how, f"{where}: {name}")
        if grid and not all(np.array_equal(grid[axis], axes[axis]) for axis in axes):
            raise GridError(
                "the layers of an entry are on different grids",
                where=f"{where}: {name}",
                found=f"{variables[name].shape} in {path}",
                expected=f"the grid of {names[0]}",
                next="make one entry for each grid",
            )
        grid = axes
    return xr.Dataset(variables, grid)


def _place(files: list[str], name: str, where: str) -> tuple[str, int]:
    """File and number of the band that is called ``name``."""
    if len(files) > 1:
        stems = {PurePath(file).stem: file for file in files}
        matches = [file for stem, file in stems.items() if stem == name or stem.startswith(f"{name}_")]
        if len(matches) == 1:
            return matches[0], 1
        layers = list(stems)
    else:
        with opened_image(files[0]) as file:
            layers = [f"band_{number}" for number in file.indexes]
        if name in layers:
            return files[0], layers.index(name) + 1
        matches = []
    raise VariableError(
        "a source lacks a variable" if not matches else "several files begin with the name of a variable",
        where=where,
        found=", ".join(matches or layers),
        expected=name,
        next="correct metadata.variables of the catalog entry",
    )


def _layer(
    path: str, band: int, how: dict[str, Any], where: str
) -> tuple[xr.Variable, dict[str, npt.NDArray[np.float64]]]:
    import dask.array

    require_no_sidecar(path)
    with opened_image(path) as file:
        _require_wgs84(file, where)
        height, width = file.shape
        kind = np.dtype(file.dtypes[band - 1])
        dtype = float_of(kind)
        rows = max(1, BLOCK_CELLS // width)
        packing = {"scale_factor": float(file.scales[band - 1]), "add_offset": float(file.offsets[band - 1])}
        units = file.units[band - 1]
        step = file.transform
    axes = {"lat": step.f + step.e * (np.arange(height) + 0.5), "lon": step.c + step.a * (np.arange(width) + 0.5)}
    starts = np.arange(0, height, rows)
    heights = tuple(int(n) for n in np.minimum(rows, height - starts))
    data = dask.array.map_blocks(
        partial(_rows, path=path, band=band, rows=rows, shape=(height, width), **how),
        dask.array.from_array(starts, chunks=1),
        new_axis=1,
        chunks=(heights, (width,)),
        dtype=dtype,
        meta=np.empty((0, 0), dtype),
    )
    stored: dict[str, Any] = packing if packing != {"scale_factor": 1.0, "add_offset": 0.0} else {}
    stored = stored | {"dtype": kind}
    return xr.Variable(("lat", "lon"), data, {"units": units} if units else {}, stored), axes


def _require_wgs84(file: Any, where: str) -> None:
    crs = file.crs
    code = crs.to_epsg() if crs else None
    if code != 4326:
        raise GridError(
            "an image is not on WGS84 latitude and longitude",
            where=where,
            found=f"EPSG:{code}" if code else crs.to_proj4() if crs else "no reference system",
            expected="EPSG:4326",
            next=f"gdalwarp -t_srs EPSG:4326 {PurePath(file.name).name} wgs84.tif, and name that file",
        )
    if file.transform.is_identity:
        raise GridError(
            "an image does not say where it lies",
            where=where,
            found="no position of its corner (a world file beside it is not read)",
            expected="a GeoTIFF that holds its position itself",
            next=f"gdal_translate {PurePath(file.name).name} placed.tif, and name that file",
        )
    if file.transform.b or file.transform.d:
        raise GridError(
            "an image is rotated",
            where=where,
            found=f"{tuple(file.transform)[:6]}",
            expected="rows along latitude",
            next="warp the image to a north-up one",
        )


def _rows(
    start: npt.NDArray[np.int64], *, path: str, band: int, rows: int, shape: tuple[int, int], codes: Sequence[float],
    filled: bool,
) -> npt.NDArray[Any]:  # fmt: skip
    from rasterio.windows import Window

    first, (height, width) = int(start[0]), shape
    with opened_image(path) as file:
        raw = file.read(band, window=Window(0, first, width, min(rows, height - first)), masked=True)
        scale, offset = file.scales[band - 1], file.offsets[band - 1]
        unwritten = [] if filled else list(_unwritten(file, band, first, len(raw)))
    dtype = float_of(raw.dtype)
    values: npt.NDArray[Any] = raw.astype(dtype).filled(np.nan)
    values[is_code(raw.data, codes)] = np.nan
    for block in unwritten:
        values[block] = np.nan
    return values if (scale, offset) == (1.0, 0.0) else values * dtype(scale) + dtype(offset)


def _unwritten(file: Any, band: int, first: int, rows: int) -> Iterator[tuple[slice, slice]]:
    """The blocks between ``first`` and ``rows`` rows further for which the file holds nothing, from ``first`` on."""
    height, width = file.block_shapes[band - 1]
    for y in range(first // height, -(-(first + rows) // height)):
        for x in range(-(-file.width // width)):
            if file.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=band) is None:
                top = y * height - first
                yield slice(max(top, 0), max(top + height, 0)), slice(x * width, (x + 1) * width)
