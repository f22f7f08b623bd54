"""Maps as Cloud Optimized GeoTIFF: north up, one file for each map, with overviews, units, citation and colours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import GridError
from smcloud.export.frames import attributes, bounds_of, plain_name, texts
from smcloud.export.selection import eastwards
from smcloud.secrecy import printable

Colours = Callable[[str, Mapping[int, str]], Mapping[int, str]]
BLOCK = 256
EVEN = 1e-3  # of a step: axes in float32 are no more even than that


@dataclass(frozen=True)
class Grid:
    """The cells of a grid as a raster lies: rows from the north, columns from the west; the order takes values there.

    ``transform`` is that of the upper left corner, ``crs`` an authority's code or WKT.
    """

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    west: float
    north: float
    width: float
    height: float
    crs: str


def raster_grid(whole: xr.Dataset, part: xr.Dataset) -> Grid:
    """Find how the cells of ``part``, cut from the grid of ``whole``, lie as a raster.

    Longitudes of 0 to 360 degrees become -180 to 180 where the cells then lie side by side. Raises :class:`GridError`
    where the centres are not even.
    """
    lat = part["lat"].values.astype(float)
    rows = np.argsort(-lat, kind="stable")
    lon = eastwards(part)["lon"].values.astype(float)
    turned = (lon + 180) % 360 - 180
    width, height = _step(whole, "lon"), _step(whole, "lat")
    if _even(np.sort(turned), width):
        lon = turned
    columns = np.argsort(lon, kind="stable")
    for name, axis, step in (("lat", -lat[rows], height), ("lon", lon[columns], width)):
        if not _even(axis, step):
            raise GridError(
                "a map with uneven steps is no GeoTIFF",
                where=name,
                found=f"steps from {np.diff(axis).min():g} to {np.diff(axis).max():g} degrees",
                expected="cells of one size",
                next="smcloud export STORE --to netcdf (or csv)",
            )
    return Grid(rows, columns, lon[columns[0]] - width / 2, lat[rows[0]] + height / 2, width, height, crs_of(whole))


def _step(ds: xr.Dataset, axis: str) -> float:
    """The size of a cell along ``axis``: the mean step of the whole grid, else its bounds, else the other axis's."""
    for name in (axis, "lat" if axis == "lon" else "lon"):
        values = ds[name].values.astype(float)
        bounds = bounds_of(ds[name])
        if values.size > 1:
            steps = np.abs(np.diff(values))
            return float(np.ptp(values) / (values.size - 1)) if _even(np.sort(values), steps[0]) else float(steps[0])
        if bounds in ds.variables:
            return float(np.ptp(ds[bounds].values.astype(float)))
    return 1.0


def _even(values: npt.NDArray[np.float64], step: float) -> bool:
    return bool(np.all(np.abs(np.diff(values) - step) <= EVEN * step))


def crs_of(ds: xr.Dataset) -> str:
    """The reference system that a grid mapping of ``ds`` names, else WGS 84."""
    for variable in ds.variables.values():
        for name in ("crs_wkt", "spatial_ref"):
            if variable.attrs.get("grid_mapping_name") and variable.attrs.get(name):
                return str(variable.attrs[name])
    return "EPSG:4326"


@dataclass(frozen=True)
class Map:
    """One map of a product: ``variable`` at ``place`` along its dims but lat and lon."""

    name: str
    variable: str
    place: Mapping[str, int]
    said: str


def maps(product: str, ds: xr.Dataset) -> list[Map]:
    """All maps of ``product``: each variable over cells, once for each driver, year or number along its other dims."""
    found: list[Map] = []
    for name in map(str, ds.data_vars):
        dims = [str(dim) for dim in ds[name].dims if dim not in ("lat", "lon")]
        if len(dims) + 2 != ds[name].ndim:
            continue
        labels = {dim: ds[dim].values.tolist() if dim in ds.coords else range(1, ds.sizes[dim] + 1) for dim in dims}
        for place in itertools.product(*(range(ds.sizes[dim]) for dim in dims)):
            at = dict(zip(dims, place, strict=True))
            parts = [str(labels[dim][i]) for dim, i in at.items()]
            said = "".join(f", {dim} {part}" for dim, part in zip(dims, parts, strict=True))
            called = plain_name("_".join([product, name, *parts]))
            if any(called == one.name for one in found):
                called = f"{called}-{len(found)}"
            found.append(Map(called, name, at, said))
    return found


def write_map(ds: xr.Dataset, one: Map, grid: Grid, path: Path, colours: Colours) -> None:
    """Write a map to ``path``: values as they are, tiled, with overviews (nearest for codes and counts, else means).

    What is missing has the no-data value of the file: NaN, the code of no data, or one that does not occur. Names and
    colours of codes lie beside it, in ``<path>.aux.xml``, as GDAL and QGIS read them.
    """
    import rasterio
    import rasterio.shutil
    from rasterio.io import MemoryFile

    da = ds[one.variable].isel(dict(one.place))
    values = da.transpose("lat", "lon").values[np.ix_(grid.rows, grid.columns)]
    if values.dtype == bool:
        values = values.astype("uint8")
    about = texts(da.attrs)
    meanings = _meanings(about) if values.dtype.kind in "iu" else {}
    tags = {name: printable(text) for name, text in (attributes(ds) | about).items()}
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype.name,
            crs=rasterio.CRS.from_user_input(grid.crs),
            transform=rasterio.Affine(grid.width, 0, grid.west, 0, -grid.height, grid.north),
            nodata=no_data(values, meanings),
        ) as raster:  # fmt: skip
            raster.write(values, 1)
            raster.update_tags(**tags | {"variable": one.name})
            raster.update_tags(1, **about)
            raster.units = (about.get("units", "1"),)
            raster.set_band_description(1, printable(f"{about.get('long_name', one.variable)}{one.said}"))
            table = dict(colours(one.variable, meanings)) if meanings and values.dtype == np.uint8 else {}
            if table:
                raster.write_colormap(1, {code: _rgba(colour) for code, colour in table.items()})
        with memory.open() as raster:
            rasterio.shutil.copy(
                raster, path, driver="COG", compress="DEFLATE", predictor="YES", blocksize=BLOCK,
                overview_resampling="NEAREST" if values.dtype.kind in "iu" else "AVERAGE", bigtiff="IF_SAFER",
            )  # fmt: skip
    if meanings:
        path.with_name(f"{path.name}.aux.xml").write_text(categories(meanings), "utf-8")


def no_data(values: npt.NDArray[Any], meanings: Mapping[int, str]) -> float | int | None:
    """The value of a map that stands for no data: see :func:`write_map`. None where every value may occur."""
    if values.dtype.kind == "f":
        return float("nan")
    for code, meaning in meanings.items():
        if meaning == "no_data":
            return code
    if meanings.get(0) == "none":
        return 0
    last = int(np.iinfo(values.dtype).max)
    return None if last in meanings or bool((values == last).any()) else last


def categories(meanings: Mapping[int, str]) -> str:
    """What GDAL keeps beside a file for the names of its codes."""
    names = "".join(f"<Category>{escape(meanings.get(code, ''))}</Category>" for code in range(max(meanings) + 1))
    return (
        f'<PAMDataset>\n <PAMRasterBand band="1">\n  <CategoryNames>{names}</CategoryNames>\n </PAMRasterBand>\n'
        "</PAMDataset>\n"
    )


def _meanings(about: Mapping[str, str]) -> dict[int, str]:
    codes, names = about.get("flag_values", "").split(), about.get("flag_meanings", "").split()
    return {int(float(code)): name for code, name in zip(codes, names, strict=False)}


def _rgba(colour: str) -> tuple[int, ...]:
    return (*bytes.fromhex(colour.removeprefix("#")), 255)
