"""Rows of the regional table for the polygons of a region, each as a run on that polygon alone would have it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import SHARE
from smcloud.products.regions import POLYGON, Groups

SHARES = "polygon_share"
# The parts of polygons are not of the cells of the whole: cells at an edge belong to two of them, or lie outside.
OF_THE_WHOLE = "part_of_whole"

Made = tuple[xr.Dataset, xr.Dataset, xr.Dataset | None]


def with_polygons(
    regional: xr.Dataset, cube: xr.Dataset, made: Made, rows_of: Callable[..., xr.Dataset], config: RunConfig
) -> xr.Dataset:
    """Add a row for each of several polygons of ``cube`` to the table ``regional``; lazy where ``made`` is.

    ``made`` are annual, trend and drivers; ``rows_of`` makes rows of these, of groups and of ``config``. The weight of
    a cell is its area times ``polygon_share`` (polygon, lat, lon), in memory. All columns are those of the other rows
    but ``part_of_whole``, which is NaN. A polygon is called by its name, with its kind behind it where another row has
    that name.
    """
    if SHARES not in cube:
        return regional
    taken = set(map(str, regional["region"].values))
    rows = [regional]
    for name in map(str, cube["polygon"].values):
        share = cube[SHARES].sel(polygon=name, drop=True).drop_attrs().astype("float64")
        window = _window(share)
        inside, parts = share.isel(window), [None if ds is None else ds.isel(window) for ds in made]
        annual, trend, drivers = parts
        assert annual is not None and trend is not None
        key = f"{name} ({POLYGON})" if name in taken else name
        members = (inside > 0).expand_dims(region=[key]).rename("groups")
        own = rows_of(annual.assign({SHARE: inside}), trend, drivers, Groups(members, [name], [POLYGON]), config)
        parts_of_it = [str(column) for column in own if str(column).startswith(OF_THE_WHOLE)]
        rows.append(own.assign({column: xr.full_like(own[column], np.nan) for column in parts_of_it}))
    return xr.concat(rows, "region", coords="minimal", compat="override", combine_attrs="override")


def _window(share: xr.DataArray) -> dict[str, slice]:
    """The rows and columns that hold all cells of a polygon."""
    found = {}
    for dim, other in (("lat", "lon"), ("lon", "lat")):
        at = np.flatnonzero((share > 0).any(other).to_numpy())
        found[dim] = slice(int(at[0]), int(at[-1]) + 1)
    return found
