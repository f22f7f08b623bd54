"""The grid of a variable in words, and what is to be chosen where its axes are not understood."""

from __future__ import annotations

from itertools import chain, product

import numpy as np
import xarray as xr

from smcloud.cube.axis_names import AXES, name_axes
from smcloud.errors import GridError
from smcloud.first_study.drafts import Line

REACH = {"lat": (-90.0, 90.0), "lon": (-180.0, 360.0)}
TIMES = ("time", "valid_time", "expver")


def grid_lines(ds: xr.Dataset, name: str, where: str) -> dict[str, Line]:
    """Make the lines axes and select of an entry, still to be filled, where latitude and longitude are not told.

    Raises :class:`GridError` for points that are on no grid, and where nothing along an axis can be degrees.
    """
    places = [str(dim) for dim in ds[name].dims if _are_points(ds, str(dim))]
    if places:
        raise GridError(
            "values lie at points, not on a grid",
            where=where,
            found=f"latitude and longitude along {places[0]}",
            expected="latitude and longitude as axes of their own",
            next="grid them first, or use the gridded product that they were taken from",
        )
    da = name_axes(ds, name)
    lines = {str(key): variable for key, variable in ds.variables.items() if variable.ndim == 1}
    missing = [axis for axis in AXES if axis not in da.dims]
    rest = [str(dim) for dim in da.dims if dim not in (*TIMES, *AXES)]
    fitting = {
        axis: [key for key, it in lines.items() if str(it.dims[0]) in rest and _can_be(it, axis)] for axis in missing
    }
    pairs = [keys for keys in product(*fitting.values()) if len({*keys}) == len(keys)]
    if not pairs:
        along = [f"{dim} ({_span(ds, dim)})" for dim in rest]
        raise GridError(
            f"nothing says which axis is {' and which '.join(AXES[axis] for axis in missing)}, and none can be degrees",
            where=where,
            found=", ".join(along) or ", ".join(map(str, da.dims)),
            expected="one-dimensional axes of degrees",
            next="bring it to a regular grid of latitude and longitude first",
        )
    if missing:
        pair = ", ".join(f"{axis}: {key}" for axis, key in zip(missing, pairs[0], strict=True))
        spans = ", ".join(f"{key} ({_span(ds, key)})" for key in dict.fromkeys(chain(*fitting.values())))
        return {"axes": Line({}, "", f"which is which, as in {{{pair}}}; there are {spans}")}
    if rest:
        some = ", ".join(f"{dim}: {_first(ds, dim)}" for dim in rest)
        spans = ", ".join(f"{dim} ({_span(ds, dim)})" for dim in rest)
        return {"select": Line({}, "", f"one level or member, as in {{{some}}}; there are {spans}")}
    return {}


def _are_points(ds: xr.Dataset, dim: str) -> bool:
    along = {str(key).lower() for key, variable in ds.variables.items() if variable.dims == (dim,)}
    return len(along & {"lat", "latitude"}) == 1 and len(along & {"lon", "longitude"}) == 1


def _can_be(variable: xr.Variable, axis: str) -> bool:
    if variable.dtype.kind not in "iuf" or not variable.size:
        return False
    values, (low, high) = np.asarray(variable.values, np.float64), REACH[axis]
    return bool(np.isfinite(values).all() and low <= values.min() and values.max() <= high)


def _span(ds: xr.Dataset, name: str) -> str:
    size = f"{ds.sizes[name] if name in ds.sizes else ds[name].size} values"
    if name not in ds.variables or ds[name].dtype.kind not in "iuf":
        return size
    values = ds[name].values
    listed = values.size <= 6
    return ", ".join(f"{value:g}" for value in values) if listed else f"{values[0]:g} to {values[-1]:g}"


def _first(ds: xr.Dataset, dim: str) -> str:
    return f"{ds[dim].values[0]:g}" if dim in ds.variables and ds[dim].dtype.kind in "iuf" else "0"


def grid_of(stored: xr.DataArray, values: xr.DataArray) -> str:
    """Say how many cells a grid has, how large they are, and what it covers."""
    lat, lon = values["lat"].values, values["lon"].values
    steps = [f"{np.diff(axis[:2])[0]:.6g}" for axis in (lat, lon) if axis.size > 1]
    size = f" of {' x '.join(dict.fromkeys(steps))} {'degree' if steps == ['1', '1'] else 'degrees'}" if steps else ""
    north = stored["lat"].size > 1 and stored["lat"].values[0] > stored["lat"].values[-1]
    return (
        f"{lat.size} x {lon.size} cells{size}, latitudes {lat[0]:g} to {lat[-1]:g} "
        f"({'north' if north else 'south'} first in the file), longitudes {lon[0]:g} to {lon[-1]:g}"
    )
