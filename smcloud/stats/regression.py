"""How much of a target's variance each of its drivers explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.errors import ConfigurationError
from smcloud.stats.correlation import align_drivers, cells_of, driver_floors, driver_lags
from smcloud.stats.engine.series import apply_to_series
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
    """Least-squares regression of ``target`` on all ``drivers``, each in units of its standard deviation.

    Over the complete cases, which are those of :func:`partial_correlation` with the same ``lags``. Returns
    ``coefficient`` (driver, ...) = beta_j sd(driver_j)/sd(target), ``r2``, ``lmg`` (driver, ...), float64; ``n``
    (int32, complete cases) and ``status`` (driver, ...; uint8 flags). Lazy for dask input.

    ``lmg`` is the mean over all orders of entry of the gain in R2 with which a driver enters; the shares add up to R2
    (Lindeman, Merenda and Gold 1980; Groemping 2006, doi:10.18637/jss.v017.i01).

    NaN rule: a case needs the target and every driver. Fewer than (number of drivers + 2) cases: all NaN, status 1 or
    2. A constant driver, or one whose standard deviation (n - 1) lies below ``floors[name]``, is left out: NaN with
    status 5; ``r2`` is that of the others, 0 where none is left. Collinear drivers (to 1e-10 of their spread) stay in
    the regression and in the orders of entry for the sake of ``r2`` and of the others, but their parts cannot be told
    apart: NaN with status 6, and the other shares add up to less than ``r2``. Constant target: NaN, status 3.

    Raises :class:`ConfigurationError` (also for more than 8 drivers), :class:`VariableError`, :class:`GridError` where
    target and drivers have different coordinates, :class:`CalendarError`, :class:`ChunkError`.
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
    outputs: dict[str, tuple[Sequence[str], str]] = {
        "coefficient": (("driver",), "float64"),
        "r2": ((), "float64"),
        "lmg": (("driver",), "float64"),
        "n": ((), "int32"),
        "status": (("driver",), "uint8"),
    }
    return apply_to_series(
        _standardised_regression,
        arrays,
        dim,
        outputs,
        {"driver": names},
        lags=driver_lags(lags, names, arrays[0].indexes[dim]),
        floors=driver_floors(floors, names),
        min_valid=len(names) + 2,
    )


def _standardised_regression(
    *blocks: Block, lags: Sequence[int], floors: FloatArray, min_valid: int
) -> tuple[Block, ...]:
    from smcloud.stats.engine import case_kernels, regression_kernels

    shape, cells, size = cells_of(blocks)
    out, status = np.empty((cells, size, 2)), np.empty((cells, size), np.uint8)
    r2, n = np.empty(cells), np.empty(cells)
    for inside, tile in case_kernels.case_tiles(blocks, lags):
        columns = (out[inside], r2[inside], n[inside], status[inside])
        regression_kernels.standardised_regression(tile, floors, min_valid, *columns)
    coefficient, lmg = np.moveaxis(out, -1, 0)
    return (
        coefficient.reshape(*shape, size),
        r2.reshape(shape),
        lmg.reshape(*shape, size),
        n.astype(np.int32).reshape(shape),
        status.reshape(*shape, size),
    )
