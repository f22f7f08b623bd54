"""From a field on a latitude-longitude grid to a picture: Equal Earth round the earth, plain axes for regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.axes import eastwards
from smcloud.products import palette
from smcloud.report.language import message

Floats = npt.NDArray[np.float64]
STRIPE = 9  # pixels from one no-data stripe to the next


def sorted_grid(da: xr.DataArray) -> xr.DataArray:
    """Sort the field: latitudes ascending, longitudes ascending from -180, a window over 180 in one piece."""
    lon = eastwards(da["lon"].values.astype(float))
    return da.assign_coords(lon=lon).sortby(["lat", "lon"]).transpose("lat", "lon", ...)


@dataclass(frozen=True)
class Projection:
    """A pseudocylindrical view: y depends on latitude, x is longitude times a factor of latitude.

    ``lat`` is an ascending table from south to north; ``y`` and ``factor`` belong to it.
    """

    lat: Floats
    y: Floats
    factor: Floats
    lon: tuple[float, float]
    name: str

    def forward(self, lat: npt.ArrayLike, lon: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Compute the plane coordinates x and y of points in degrees."""
        at = np.asarray(lat, dtype=float)
        x = np.asarray(lon, dtype=float) * np.interp(at, self.lat, self.factor)
        return x, np.interp(at, self.lat, self.y)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top of everything that can be drawn."""
        widest = float(self.factor.max())
        return self.lon[0] * widest, self.lon[1] * widest, float(self.y[0]), float(self.y[-1])


def choose_projection(lat_edges: Floats, lon_edges: Floats) -> Projection:
    """Choose Equal Earth for global grids, else longitudes shortened by the cosine of the middle latitude.

    Equal Earth: Savric, Patterson and Jenny (2018), Int. J. Geogr. Inf. Sci. 33, 454-465.
    """
    south, north = max(float(lat_edges[0]), -90.0), min(float(lat_edges[-1]), 90.0)
    lat = np.linspace(south, north, 2001)
    if lon_edges[-1] - lon_edges[0] < 350:
        shrink = np.full(lat.size, np.cos(np.deg2rad((south + north) / 2)))
        name = message("Longitude and latitude, true to scale in the middle.")
        return Projection(lat, lat, shrink, (float(lon_edges[0]), float(lon_edges[-1])), name)
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    root = np.sqrt(3) / 2
    theta = np.arcsin(root * np.sin(np.deg2rad(lat)))
    t2 = theta**2
    t6 = t2**3
    y = theta * (a1 + a2 * t2 + t6 * (a3 + a4 * t2))
    slope = a1 + 3 * a2 * t2 + t6 * (7 * a3 + 9 * a4 * t2)
    degree = np.cos(theta) / (root * slope) * np.pi / 180
    return Projection(lat, y, degree, (-180.0, 180.0), message("Equal Earth projection (areas are true)."))


def picture(
    colours: npt.NDArray[np.uint8],
    no_data: npt.NDArray[np.bool_],
    lat: Floats,
    lon: Floats,
    view: Projection,
    width: int,
) -> npt.NDArray[np.uint8]:
    """Project the cells' colours by ``view``: (height, width, RGBA), first row at the top.

    ``colours`` is (lat, lon, RGBA) and ``no_data`` (lat, lon); ``lat`` and ``lon`` are cell edges. Each
    pixel takes the cell that holds its centre, so no colour is made that is not in ``colours``;
    cells without data are striped.
    """
    left, right, bottom, top = view.extent
    height = max(round(width * (top - bottom) / (right - left)), 1)
    x = left + (np.arange(width) + 0.5) * (right - left) / width
    y = top - (np.arange(height) + 0.5) * (top - bottom) / height
    at = np.interp(y, view.y, view.lat)
    lons = x[None, :] / np.interp(at, view.lat, view.factor)[:, None]
    row = np.clip(np.searchsorted(lat, at, side="right") - 1, 0, lat.size - 2)
    column = np.searchsorted(lon, lons, side="right") - 1
    inside = (column >= 0) & (column < lon.size - 1)
    column = np.clip(column, 0, lon.size - 2)
    image: npt.NDArray[np.uint8] = colours[row[:, None], column].copy()
    empty = no_data[row[:, None], column] & inside
    stripe = (np.arange(height)[:, None] + np.arange(width)[None, :]) % STRIPE < STRIPE // 3
    image[empty & ~stripe] = (*palette.rgb(palette.NO_DATA), 255)
    image[empty & stripe] = (*palette.rgb(palette.NO_DATA_STRIPE), 255)
    image[~inside] = 0
    return image


def outline(land: npt.NDArray[np.bool_], lat: Floats, lon: Floats, view: Projection) -> Floats:
    """Find the cell edges between land and water, as (segment, end, xy) in the view's plane."""
    rows, columns = np.nonzero(land[1:] != land[:-1])
    flat = [(lat[rows + 1], lon[columns]), (lat[rows + 1], lon[columns + 1])]
    rows, columns = np.nonzero(land[:, 1:] != land[:, :-1])
    upright = [(lat[rows], lon[columns + 1]), (lat[rows + 1], lon[columns + 1])]
    parts = []
    for ends in (flat, upright):
        parts.append(np.stack([np.stack(view.forward(*end), axis=-1) for end in ends], axis=1))
    return np.concatenate(parts)
