"""Latitude and longitude under their names here, whatever a source calls them: by CF's attributes, then by names."""

from __future__ import annotations

import xarray as xr

AXES = {"lat": "latitude", "lon": "longitude"}
KEPT = ("time", "valid_time", "expver", *AXES)  # also where they have one step


def name_axes(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return the variable ``name`` of ``ds`` with its axes called ``lat`` and ``lon``, and without those of length one.

    An axis is the one-dimensional variable along a dimension that CF's attributes (standard_name, units) or, without
    these, its name tells: ``Latitude``, ``lat(nlat)``, ``y`` in degrees_north. Only names change; where no axis is
    found, or several are, the dimensions keep their names.
    """
    da = ds[name]
    if not {*AXES} <= {*da.indexes}:
        da = _named(ds, da)
    single = [dim for dim, size in da.sizes.items() if size == 1 and dim not in KEPT]
    return da.squeeze(single, drop=True)


def _named(ds: xr.Dataset, da: xr.DataArray) -> xr.DataArray:
    import cf_xarray  # noqa: F401  (the accessor)

    lines = {key: variable for key, variable in ds.variables.items() if variable.ndim == 1}
    one = xr.Dataset(coords={key: variable.to_base_variable() for key, variable in lines.items()})
    for guessed in (one, one.cf.guess_coord_axis()):  # what a file states comes before what its names suggest
        for axis, kind in AXES.items():
            keys = [key for key in guessed.cf.coordinates.get(kind, ()) if lines[key].dims[0] in da.dims]
            own = [key for key in keys if key == lines[key].dims[0]] or keys  # an alias beside an axis is left out
            if len(own) == 1 and axis not in da.indexes:
                (dim,), values = lines[own[0]].dims, lines[own[0]]
                known = da.drop_vars({dim, axis, *keys} & {*da.coords})
                da = known.rename({dim: axis} if dim != axis else {}).assign_coords({axis: (axis, values.data)})
    return da
