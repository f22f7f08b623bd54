"""Latitude and longitude under their names here, whatever a source calls them: by CF's attributes, then by names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

AXES = {"lat": "latitude", "lon": "longitude"}
LETTERS = {"lat": "Y", "lon": "X"}
REACH = {"lat": (-90.0, 90.0), "lon": (-180.0, 360.0)}
KEPT = ("time", "valid_time", "expver", *AXES)  # also where they have one step

Lines = Mapping[str, xr.Variable]


def name_axes(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return the variable ``name`` of ``ds`` with its axes called ``lat`` and ``lon``, and without those of length one.

    An axis is the one-dimensional variable along a dimension that CF's attributes (standard_name, units, then ``axis``
    beside degrees) or, without these, its name tells: ``Latitude``, ``lat(nlat)``, ``y`` in degrees_north. Only names
    change; where no axis is found, or several are, the dimensions keep their names.
    """
    da = ds[name]
    for axis, key in axes_of(ds, name).items():
        (dim,), values = ds.variables[key].dims, ds.variables[key]
        if key != axis or dim != axis:
            known = da.drop_vars({dim, axis, key} & {*da.coords})
            da = known.rename({dim: axis} if dim != axis else {}).assign_coords({axis: (axis, values.data)})
    single = [dim for dim, size in da.sizes.items() if size == 1 and dim not in KEPT]
    return da.squeeze(single, drop=True)


def axes_of(ds: xr.Dataset, name: str) -> dict[str, str]:
    """Return which one-dimensional variables of ``ds`` are the ``lat`` and ``lon`` of the variable ``name``.

    Points, whose latitudes and longitudes lie along one dimension, have no axes.
    """
    da = ds[name]
    found = {axis: axis for axis in AXES if axis in da.indexes}
    if len(found) == len(AXES):
        return found
    lines = {str(key): variable for key, variable in ds.variables.items() if variable.ndim == 1}
    for candidates in _readings(lines):
        for axis in AXES:
            keys = [key for key in candidates.get(axis, ()) if lines[key].dims[0] in da.dims]
            own = [key for key in keys if key == lines[key].dims[0]] or keys  # an alias beside an axis is left out
            if len(own) == 1 and axis not in found:
                found[axis] = own[0]
    points = len({lines[key].dims for key in found.values()}) < len(found)  # both along one dimension
    return {} if points else found


def _readings(lines: Lines) -> Iterator[dict[str, list[str]]]:
    """Names of the variables that may be each axis: what a file states comes before what its names suggest."""
    import cf_xarray  # noqa: F401  (the accessor)

    one = xr.Dataset(coords={key: variable.to_base_variable() for key, variable in lines.items()})
    yield {axis: list(one.cf.coordinates.get(kind, ())) for axis, kind in AXES.items()}
    yield {axis: [key for key, it in lines.items() if _lettered(it, axis)] for axis in AXES}
    guessed = one.cf.guess_coord_axis()
    yield {axis: list(guessed.cf.coordinates.get(kind, ())) for axis, kind in AXES.items()}


def _lettered(variable: xr.Variable, axis: str) -> bool:
    """Whether a variable calls itself the axis Y (or X) and holds degrees: what is projected has another unit."""
    attrs = variable.attrs
    degrees = str(attrs.get("units", "degrees")).lower() in ("degrees", "degree", "deg", "")
    if str(attrs.get("axis", "")).upper() != LETTERS[axis] or not degrees or "standard_name" in attrs:
        return False
    values = np.asarray(variable.values)
    low, high = REACH[axis]
    return values.dtype.kind in "iuf" and values.size > 0 and low <= values.min() and values.max() <= high
