"""The trend of every cell of a field, tested under an autocorrelation that it shares with the cells around it."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from smcloud.errors import ConfigurationError, GridError
from smcloud.stats.area import EARTH_RADIUS_KM
from smcloud.stats.engine.checks import check_alpha, check_min_valid
from smcloud.stats.pools_by_rows import Pooling, lazy_pools, pools
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

AXES = ("lat", "lon")
COLUMNS = ("slope", "slope_lower", "slope_upper", "stderr", "p_value", "df", "r1_pooled", "n_pooled", "r1_dispersion")
KINDS = {"n_pooled": np.int32, "n": np.int32, "status": np.uint8}


def pooled_trend(
    da: xr.DataArray, area: xr.DataArray, dim: str = "time", radius_km: float = 1500.0, alpha: float = 0.05,
    min_valid: int = 3,
) -> xr.Dataset:  # fmt: skip
    """Fit a straight line to every cell and test its slope under the autocorrelation of the cells around it.

    A short series says little about its own autocorrelation, many neighbours together say a lot. One phi of AR(1)
    errors is found for all cells within ``radius_km``; then the variance of the least-squares slope is exact for that
    phi and the gaps of the cell. Non-finite values are missing and keep their place on the axis. Values may be float32;
    arithmetic and results are float64. ``dim`` must lie in one dask chunk. Lazy for dask input in any chunks
    along ``lat`` and ``lon``: one task finds the cells of some chunks along ``lat``, from all that their pools reach.
    No chunking changes a bit.

    Parameters
    ----------
    da : xarray.DataArray
        Series (``dim``, lat, lon) in any unit; centres of the cells in degrees, longitudes evenly spaced.
    area : xarray.DataArray
        Area of the cells (lat, lon), in any unit: the weights in a pool. See :func:`~smcloud.stats.cell_area`.
    dim : str
        Dimension of time; its coordinate holds numbers or dates, with no step left out.
    radius_km : float
        Reach of a pool on the sphere. A pool of fewer than 30 cells takes the nearest 30, of a field that has fewer
        all; those at one distance in the order of rows. At the edge of a field the pool ends with it.
    alpha : float
        The interval of the slope covers 1 - ``alpha``; between 0 and 1.
    min_valid : int
        Fewest valid samples of a series that is fitted; 3 or more.

    Returns
    -------
    xarray.Dataset
        Over (lat, lon):

        - ``slope``, ``slope_lower``, ``slope_upper``, ``stderr``: unit of ``da`` per unit of the coordinate
        - ``p_value``: two-sided, with ``df`` degrees of freedom
        - ``r1_pooled``: the phi of the pool, between 0 and 0.95. NaN where no cell of it has 5 pairs of neighbouring
          steps: then limits, stderr and p are not known either
        - ``n_pooled``: its cells, int32; constant cells, those without a slope, and those with fewer than 5 pairs of
          neighbouring steps are in none
        - ``r1_dispersion``: variance of the lag-1 autocorrelations of its cells, over the variance that one phi would
          give them. Above 1.5 the pool is not of one kind, and the size of the test is not promised.
        - ``n``: number of valid samples, int32
        - ``status``: uint8. 1, empty, and 2, fewer than ``min_valid`` samples: NaN. 3, constant: slope, limits and
          stderr 0, p 1.

    Raises
    ------
    ConfigurationError
        ``radius_km``, ``alpha`` or ``min_valid`` has an impossible value.
    GridError
        The dimensions are not ``dim``, lat and lon; longitudes are not evenly spaced; ``area`` is on another grid.
    CalendarError, ChunkError
        The axis of time has missing, double or unsorted stamps, or more than one dask chunk.

    Notes
    -----
    With e the residuals of a cell, M their projection, R(phi) = phi^|ti - tj| and L the matrix with 1/2 for
    neighbouring valid steps, phi solves sum tr(M L M R)/sum tr(M R) = sum e'L e/sum e'e over the pool, weighted by area
    and each cell with its own gaps; the traces are taken at 20 values of phi and interpolated. Then
    Var(slope) = t'R t/Sxx^2 e'e/tr(M R), t centred, and df = tr(M R)^2/tr(M R M R).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import cell_area, pooled_trend
    >>> axes = {"time": np.arange(2000, 2022), "lat": np.arange(-5.0, 6), "lon": np.arange(0.0, 10)}
    >>> noise = np.random.default_rng(1).normal(size=(22, 11, 10))
    >>> moisture = xr.DataArray(noise, axes, list(axes))
    >>> trend = pooled_trend(moisture, cell_area(moisture.lat, moisture.lon))
    >>> print(f"{float((trend.p_value < 0.05).mean()):.2f} of the cells, phi {float(trend.r1_pooled.mean()):.2f}")
    0.05 of the cells, phi 0.01
    """
    check_alpha(alpha)
    check_min_valid(min_valid)
    if not radius_km > 0:
        raise ConfigurationError("impossible radius", where="radius_km", found=radius_km, expected="a positive number")
    array, t = time_series(da, dim)
    require_complete(array.indexes[dim])
    lat, step = _grid(array, area, dim)
    values, weights = array.transpose(dim, *AXES).data, area.transpose(*AXES).data
    pooling = Pooling(t, lat, step, radius_km / EARTH_RADIUS_KM, alpha, min_valid)
    found = lazy_pools(values, weights, pooling) if array.chunks or area.chunks else pools(values, weights, pooling)
    coords = {axis: array[axis] for axis in AXES if axis in array.coords}
    out = xr.Dataset({name: (AXES, found[k]) for k, name in enumerate((*COLUMNS, "n", "status"))}, coords)
    return out.assign({name: out[name].astype(kind) for name, kind in KINDS.items()})


def _grid(array: xr.DataArray, area: xr.DataArray, dim: str) -> tuple[FloatArray, float]:
    """Latitudes and the distance of two longitudes, in radians; checked."""
    name = str(array.name or "array")
    if {*array.dims} != {dim, *AXES}:
        raise GridError(
            "the field has other dimensions",
            where=name,
            found=", ".join(map(str, array.dims)),
            expected=f"{dim}, lat, lon",
            next="select one level or variable first",
        )
    steps = np.diff(np.asarray(array["lon"].values, np.float64))
    if steps.size and not np.allclose(steps, steps[0], rtol=1e-3):
        raise GridError(
            "longitudes are not evenly spaced",
            where=f"{name}: lon",
            found=f"steps of {steps.min():g} to {steps.max():g} degrees",
            expected="one step",
            next="regrid the field first",
        )
    try:
        xr.align(array, area, join="exact", copy=False)
    except ValueError as err:
        raise GridError(
            "areas are those of another grid",
            where="area",
            found=f"{dict(area.sizes)}",
            expected=f"the lat and lon of {name}",
            next="cell_area(da.lat, da.lon)",
        ) from err
    width = abs(float(steps.mean())) if steps.size else 360.0
    return np.deg2rad(np.asarray(array["lat"].values, np.float64)), math.radians(width)
