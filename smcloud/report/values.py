"""Plain numbers of labelled arrays, and means over cells weighted by their area."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.axes import cell_edges
from smcloud.products.annual import SHARE, cell_areas


def plain(value: Any) -> float | int | None:
    """Convert a numpy scalar to int or float, None where it is not finite."""
    if isinstance(value, np.integer | np.bool_ | int):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def weighted_mean(values: npt.NDArray[np.floating], weight: npt.NDArray[np.float64]) -> float | None:
    """Return the mean of the finite values, None where they have no weight."""
    here = np.isfinite(values) & (weight > 0)
    return float((values[here] * weight[here]).sum() / weight[here].sum()) if here.any() else None


def areas(ds: xr.Dataset) -> npt.NDArray[np.float64]:
    """Compute the area (lat, lon) of every cell in km2; without bounds, edges are half way between the centres."""
    if "lat_bnds" not in ds or "lon_bnds" not in ds:
        edges = dict(zip(("lat", "lon"), cell_edges(ds["lat"].values, ds["lon"].values), strict=True))
        ds = ds.assign_coords(
            {f"{dim}_bnds": ((dim, "bnds"), np.stack([at[:-1], at[1:]], axis=1)) for dim, at in edges.items()}
        )
    names = [name for name in ("lat", "lon", "lat_bnds", "lon_bnds", SHARE) if name in ds]
    # In one piece: made by blocks, a field would be there twice while they are put together.
    return np.asarray(cell_areas(ds[names].compute()).values)
