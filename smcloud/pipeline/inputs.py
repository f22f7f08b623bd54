"""What products are computed of, as it is opened: without what only readers need, and with edges in memory."""

from __future__ import annotations

import xarray as xr

BOUNDS = ("lat_bnds", "lon_bnds")
# A coordinate without the dims of a variable goes with every array, and blocks of it would be work of their own.
FOR_READERS = ("crs", "time", "time_bnds")


def for_computing(ds: xr.Dataset) -> xr.Dataset:
    """Return an opened product or cube without the coordinates that only readers need; computes its small edges."""
    own = ds.drop_vars([name for name in FOR_READERS if name in ds.coords and name not in ds.dims])
    return own.assign_coords({bounds: own[bounds].compute() for bounds in BOUNDS if bounds in own})


def cells_of(cube: xr.Dataset) -> xr.Dataset:
    """Return the edges of the cells of a cube that was opened for computing."""
    return xr.Dataset(coords={name: cube[name] for name in BOUNDS})
