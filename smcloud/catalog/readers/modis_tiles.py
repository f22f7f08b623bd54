"""Tiles of the sinusoidal grid of MODIS (hXXvYY), as means on even latitude and longitude.

The grid divides a sphere into 36 x 18 tiles of ten degrees of latitude. Its pixels are of one area, and their rows are
parallels: a cell takes whole rows, and of each row the pixels, or parts of them, that lie between its meridians.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from smcloud.catalog.readers.hdf_eos import extent_of, read_field, read_values
from smcloud.catalog.readers.local_files import Image, dated
from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.versions import require_one_version
from smcloud.errors import CatalogError, GridError

SINUSOIDAL = "GCTP_SNSOID"
RADIUS = 6371007.181  # m
TILE_SIZE = np.pi * RADIUS / 18  # 1111950.5198 m; the files say 0.1 mm less
PIXELS = (1200, 2400, 4800)
CELLS = 200  # of a tile from north to south
STEP = 10 / CELLS  # degrees
MIN_SHARE = 0.5  # of a cell's area under valid pixels, as everywhere in the cube
CORNER_METRES = 1.0

Field = npt.NDArray[np.float64]


class Tile(NamedTuple):
    """Column (0 to 35, eastward) and row (0 to 17, southward) of a tile."""

    h: int
    v: int

    @property
    def corner(self) -> tuple[float, float]:
        """x and y of the upper left corner, in metres."""
        return (self.h - 18) * TILE_SIZE, (9 - self.v) * TILE_SIZE

    @property
    def longitudes(self) -> tuple[float, float]:
        """The meridians, in degrees, between which the tile lies."""
        x = np.array([self.h - 18, self.h - 17]) * TILE_SIZE
        parallels = np.radians([90 - 10 * self.v, 80 - 10 * self.v])
        lon = np.degrees(x / (RADIUS * np.maximum(np.cos(parallels), 1e-9)[:, None])).clip(-180, 180)
        return float(lon.min()), float(lon.max())


class Tiles(NamedTuple):
    """The files of each date and row of tiles, and the columns (of ``STEP`` from -180 on) that all of them touch."""

    dates: npt.NDArray[np.datetime64]
    rows: range
    columns: range
    files: npt.NDArray[Any]


def tile_in(file: str) -> Tile | None:
    """Read the tile from a file's name; None where it states none of the grid."""
    match = re.search(r"\.h(\d\d)v(\d\d)\.", file.rsplit("/", 1)[-1])
    tile = Tile(int(match[1]), int(match[2])) if match else None
    return tile if tile and tile.h < 36 and tile.v < 18 else None


def by_date_and_row(files: Sequence[str], pattern: str, form: str, where: str, newest: bool = False) -> Tiles:
    """Sort ``files`` by date and tile; raises :class:`CalendarError` as :func:`dated` does, also for
    two files of one date and tile, and :class:`CatalogError` for a name without a tile."""
    if not newest:
        require_one_version(files, where)
    of: dict[Tile, list[str]] = {}
    for file in files:
        tile = tile_in(file)
        if tile is None:
            raise CatalogError(
                "a file's name holds no tile",
                where=where,
                found=file.rsplit("/", 1)[-1],
                expected="hXXvYY, from h00v00 to h35v17",
                next="correct urlpath so that it matches the tiles of the product only",
            )
        of.setdefault(tile, []).append(file)
    series = {
        tile: dated(tile_files, pattern, form, f"{where}: h{tile.h:02}v{tile.v:02}", newest)
        for tile, tile_files in of.items()
    }
    dates = np.unique(np.concatenate([tile_dates for _, tile_dates in series.values()]))
    rows = range(min(tile.v for tile in of), max(tile.v for tile in of) + 1)
    west, east = min(tile.longitudes[0] for tile in of), max(tile.longitudes[1] for tile in of)
    columns = range(int(np.floor((west + 180) / STEP + 1e-9)), int(np.ceil((east + 180) / STEP - 1e-9)))
    files_at: dict[tuple[int, int], tuple[str, ...]] = {}
    for tile in sorted(series):
        for file, position in zip(series[tile][0], np.searchsorted(dates, series[tile][1]), strict=True):
            key = int(position), tile.v - rows.start
            files_at[key] = (*files_at.get(key, ()), file)
    table = np.empty((len(dates), len(rows)), object)
    for key in np.ndindex(table.shape):
        table[key] = files_at.get(key, ())
    return Tiles(dates, rows, columns, table)


def target_axes(tiles: Tiles) -> dict[str, Field]:
    """Return the cell centres lat (north to south) and lon of the means."""
    rows = np.arange(tiles.rows.start * CELLS, tiles.rows.stop * CELLS, dtype=np.float64)
    columns = np.arange(tiles.columns.start, tiles.columns.stop, dtype=np.float64)
    return {"lat": 90 - STEP * (rows + 0.5), "lon": -180 + STEP * (columns + 0.5)}


def mosaic(tiles: Tiles, spec: VariableSpec, share: bool = False) -> Any:
    """Compute the area-weighted mean of a cell's valid pixels, or their share of its area: lazy float32 (time, y, x).

    NaN where less than half of the cell is valid. A block holds one date and row of tiles. Raises :class:`GridError`
    there for a file that does not lie where its name says.
    """
    import dask.array

    return dask.array.map_blocks(
        partial(_block, spec=spec, columns=tiles.columns, share=share),
        dask.array.from_array(tiles.files, chunks=1),
        new_axis=2,
        chunks=((1,) * len(tiles.dates), (CELLS,) * len(tiles.rows), (len(tiles.columns),)),
        dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )


def _block(files: npt.NDArray[Any], spec: VariableSpec, columns: range, share: bool) -> Image:
    total, valid, area = (np.zeros((CELLS, len(columns))) for _ in range(3))
    low, high = np.inf, -np.inf
    for file in files[0, 0]:
        tile, values = _read(file, spec)
        west, east = ((lon + 180) / STEP for lon in tile.longitudes)
        part = slice(max(int(west) - columns.start, 0), min(int(np.ceil(east)), columns.stop) - columns.start)
        meridians = np.radians(-180 + STEP * np.arange(columns.start + part.start, columns.start + part.stop + 1))
        sums = bin_pixels(values, tile, meridians)
        # Both halves of a cell on the edge of two tiles see its whole area.
        area[:, part] = sums[2]
        total[:, part] += sums[0]
        valid[:, part] += sums[1]
        finite = values[np.isfinite(values)]
        low, high = float(np.min(finite, initial=low)), float(np.max(finite, initial=high))
    out = np.divide(valid, area, out=np.zeros_like(valid), where=area > 0)
    if not share:
        mean = np.divide(total, valid, out=np.full_like(total, np.nan), where=(out >= MIN_SHARE) & (valid > 0))
        out = np.clip(mean, low, high)  # the last digit of a difference of sums
    return out[np.newaxis].astype(np.float32)


def _read(file: str, spec: VariableSpec) -> tuple[Tile, Image]:
    """The tile of a file and its values (y, x)."""
    tile = tile_in(file)
    field = read_field(file, spec.name, file)
    extent = extent_of(field, spec.name, file)
    if tile is None or extent.projection != SINUSOIDAL or not _lies_at(extent.upper_left, extent.lower_right, tile):
        raise GridError(
            "a tile does not lie where its name says",
            where=file,
            found=f"{extent.projection}, corners {extent.upper_left} and {extent.lower_right}",
            expected=f"{SINUSOIDAL}, upper left corner {tile.corner if tile else 'hXXvYY'}",
            next="download the tile again",
        )
    if field.shape not in [(n, n) for n in PIXELS]:
        raise GridError(
            "a tile has another number of pixels than those of MODIS",
            where=file,
            found=field.shape,
            expected=" or ".join(f"{n} x {n}" for n in PIXELS),
            next="use a product of 1 km, 500 m or 250 m",
        )
    return tile, read_values(file, spec)


def _lies_at(upper_left: Sequence[float], lower_right: Sequence[float], tile: Tile) -> bool:
    x, y = tile.corner
    stated, known = [*upper_left, *lower_right], [x, y, x + TILE_SIZE, y - TILE_SIZE]
    return bool(np.allclose(stated, known, rtol=0, atol=CORNER_METRES))


def bin_pixels(values: Image, tile: Tile, meridians: Field) -> tuple[Field, Field, Field]:
    """Sum over the pixels of each cell between ``meridians`` (radians, ascending): the valid values, the valid
    area, and the cell's area; all in pixels, (``CELLS``, cell)."""
    n = len(values)
    height = n // CELLS
    parallels = np.radians(90 - 10 * tile.v - (np.arange(n) + 0.5) * (10 / n))
    valid = np.isfinite(values)
    out = np.empty((3, CELLS, len(meridians) - 1))
    for cell in range(CELLS):
        rows = slice(cell * height, (cell + 1) * height)
        x = RADIUS * np.cos(parallels[rows])[:, None] * meridians
        position = (x - tile.corner[0]) / (TILE_SIZE / n)
        inside = position.clip(0, n)
        out[0, cell] = _between(np.where(valid[rows], values[rows], 0.0), inside)
        out[1, cell] = _between(valid[rows], inside)
        out[2, cell] = np.diff(position, axis=1).sum(axis=0)
    return out[0], out[1], out[2]


def _between(rows: npt.NDArray[Any], position: Field) -> Field:
    """Sums of ``rows`` (y, x) between each ``position`` (y, edge), in pixels, and the next: parts of pixels count."""
    sums = np.zeros((rows.shape[0], rows.shape[1] + 1))
    np.cumsum(rows, axis=1, out=sums[:, 1:])
    pixel = np.minimum(position.astype(np.intp), rows.shape[1] - 1)
    at = np.take_along_axis(sums, pixel, 1) + (position - pixel) * np.take_along_axis(rows, pixel, 1)
    return np.diff(at, axis=1).sum(axis=0)
