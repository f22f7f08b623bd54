"""One dask task per block of cells for everything that a product computes cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from smcloud.config import RunConfig


def per_block(function: Callable[..., xr.Dataset], *datasets: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Call ``function(*datasets, config=config)``, which must treat each cell (lat, lon) alone; lazy where these are.

    It is called once directly: that raises any error, and what it returns is the pattern of the result. Lazy
    datasets are then worked on block by block, so that each block is read once and is one task, whatever the number
    of steps inside.
    """
    pattern = function(*datasets, config=config)
    if not all(da.chunks for da in pattern.data_vars.values()):
        return pattern
    pattern = pattern.chunk({dim: -1 for dim in pattern.dims if dim not in ("lat", "lon")})
    return xr.map_blocks(function, datasets[0], args=list(datasets[1:]), kwargs={"config": config}, template=pattern)
