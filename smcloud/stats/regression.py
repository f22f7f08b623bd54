"""Regression of a target on its drivers: how much of its variance goes with each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ConfigurationError
from smcloud.stats.drivers import BY_DRIVER, align_drivers, cells_of, driver_floors, driver_lags
from smcloud.stats.engine.series import apply_to_series, columns_of, in_shape
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]

# Shares of R2 compare all subsets of the drivers: 256 regressions per cell.
MOST_DRIVERS = 8


def standardised_regression(
    target: xr.DataArray,
    drivers: xr.Dataset,
    dim: str = "time",
    lags: Mapping[str, int] | None = None,
    floors: Mapping[str, float] | None = None,
) -> xr.Dataset:
    """Regress a target on all drivers, in units of standard deviations, and share R2 among the drivers.

    A case is a step at which the target and every driver have a finite value; the cases are those of
    :func:`partial_correlation` with the same ``lags``. ``dim`` must lie in one dask chunk, else the call raises. Values
    may be float32; arithmetic and results are float64. Lazy for dask input.

    Parameters
    ----------
    target : xarray.DataArray
        Series along ``dim``, in any unit.
    drivers : xarray.Dataset
        One variable for each driver, 1 to 8 of them, on the coordinates of ``target``, in any units.
    dim : str
        Dimension of time; its coordinate holds numbers or dates in ascending or descending order.
    lags : mapping of str to int, optional
        By how many steps a driver leads the target on the true axis, by name.
    floors : mapping of str to float, optional
        Least standard deviation (n - 1) of a driver over the cases, in its own unit, by name.

    Returns
    -------
    xarray.Dataset
        By ``driver`` (first dimension; names in the order of the Dataset):

        - ``coefficient``: beta_j sd(driver_j)/sd(target), by least squares
        - ``lmg``: mean gain in R2 when the driver enters, over all orders of entry; the shares add up to R2
        - ``status``: uint8. 1, no case, and 2, fewer cases than number of drivers + 2: all NaN. 3, constant target:
          NaN. 5, the driver has no value beside one of the target, is constant or varies less than its floor: it is
          left out, NaN, its gaps cost no case, and ``r2`` is that of the others, 0 where none is left. 6, the driver is
          a linear combination of others to 1e-10 of their spread: it stays in the regression and in the orders of
          entry, for ``r2`` and for the others, but its part cannot be told from theirs: NaN, and the other shares add
          up to less than ``r2``

        and without ``driver``: ``r2``, the share of the variance of the target that all drivers explain, and ``n``
        (int32), the number of cases.

    Raises
    ------
    ConfigurationError
        No driver, or more than 8; ``lags`` or ``floors`` names no driver; a lag is no whole number from 0 to less than
        the length of the axis.
    GridError
        The drivers do not have the coordinates of the target.
    VariableError, CalendarError, ChunkError
        A series lacks ``dim``; its stamps are missing, double or unsorted, or with lags a step is missing; it lies in
        several dask chunks.

    References
    ----------
    ``lmg``: Lindeman, Merenda and Gold 1980; Groemping 2006, doi:10.18637/jss.v017.i01.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from smcloud.stats import standardised_regression
    >>> time = xr.DataArray(np.arange(30), [("time", np.arange(30))])
    >>> weather = xr.Dataset({"rain": np.sin(time), "heat": np.cos(2 * time)})
    >>> out = standardised_regression(2 * weather.rain - weather.heat + 0.5 * np.sin(3 * time), weather)
    >>> print(out.lmg.to_series().round(2).to_dict(), f"R2 = {float(out.r2):.2f}")
    {'rain': 0.76, 'heat': 0.2} R2 = 0.96
    """
    arrays, _, names = align_drivers(target, drivers, dim)
    if len(names) > MOST_DRIVERS:
        raise ConfigurationError(
            "too many drivers for shares over all orders of entry",
            where="drivers",
            found=len(names),
            expected=f"at most {MOST_DRIVERS}",
            next="leave out drivers that tell the same",
        )
    return apply_to_series(
        _standardised_regression,
        arrays,
        dim,
        columns_of({"coefficient": BY_DRIVER, "r2": (), "lmg": BY_DRIVER}, BY_DRIVER),
        {"driver": names},
        lags=driver_lags(lags, names, arrays[0].indexes[dim]),
        floors=driver_floors(floors, names),
        min_valid=len(names) + 2,
    )


def _standardised_regression(
    *blocks: Block, lags: Sequence[int], floors: FloatArray, min_valid: int
) -> tuple[Block, ...]:
    from smcloud.stats.engine import case_tiles, regression_kernels

    shape, cells, size = cells_of(blocks)
    out, status = np.empty((cells, size, 2)), np.empty((cells, size), np.uint8)
    r2, n = np.empty(cells), np.empty(cells)
    for inside, tile in case_tiles.case_tiles(blocks, floors, min_valid, lags):
        columns = (out[inside], r2[inside], n[inside], status[inside])
        regression_kernels.standardised_regression(tile, floors, min_valid, *columns)
    coefficient, lmg = np.moveaxis(out, -1, 0)
    return in_shape(shape, coefficient, r2, lmg, n.astype(np.int32), status)
