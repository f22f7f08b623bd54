"""What products are computed of, as it is opened: without what only readers need, and with edges in memory."""

from __future__ import annotations

import xarray as xr

from smcloud.products.annual import REGION_ATTRIBUTES

BOUNDS = ("lat_bnds", "lon_bnds")
SHARES = ("region_share", "polygon_share")  # of a region of polygons: weights, as areas are
# A coordinate without the dims of a variable goes with every array, and blocks of it would be work of their own.
FOR_READERS = ("crs", "time", "time_bnds")


def for_computing(ds: xr.Dataset) -> xr.Dataset:
    """Return an opened product or cube without the coordinates that only readers need; computes edges and shares."""
    own = ds.drop_vars([name for name in FOR_READERS if name in ds.coords and name not in ds.dims])
    own = own.assign_coords({bounds: own[bounds].compute() for bounds in BOUNDS if bounds in own})
    return own.assign({share: own[share].compute() for share in SHARES if share in own})


def cells_of(cube: xr.Dataset) -> xr.Dataset:
    """Return the edges of the cells of a cube that was opened for computing, and what a region says of them."""
    about = {name: cube.attrs[name] for name in REGION_ATTRIBUTES if name in cube.attrs}
    shares = {name: cube[name] for name in SHARES[:1] if name in cube}
    return xr.Dataset(shares, {name: cube[name] for name in BOUNDS}, about)
