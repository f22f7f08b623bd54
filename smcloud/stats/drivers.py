"""What the statistics of a target and its drivers ask of them: one grid and one axis, floors and lags that fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud.errors import ConfigurationError, GridError
from smcloud.stats.time_axis import FloatArray, require_complete, time_series

Block = npt.NDArray[Any]

# The own dimension of a result that has one value for each driver.
BY_DRIVER = ("driver",)


def align_drivers(
    target: xr.DataArray, drivers: xr.Dataset, dim: str
) -> tuple[list[xr.DataArray], FloatArray, list[str]]:
    """Target and drivers as arrays with one and the same ascending axis, that axis as numbers, the drivers' names.

    Raises :class:`ConfigurationError` for a Dataset without variables, :class:`GridError` for different coordinates,
    and what :func:`~smcloud.stats.time_axis.time_series` raises.
    """
    names = [str(name) for name in drivers.data_vars]
    if not names:
        raise ConfigurationError(
            "no driver", where="drivers", found="an empty Dataset", expected="one or more variables"
        )
    given = [target, *drivers.data_vars.values()]
    try:
        xr.align(*given, join="exact", copy=False)
    except ValueError as err:
        raise GridError(
            "target and drivers have different coordinates",
            where=", ".join([str(target.name or "target"), *names]),
            found=str(err),
            expected="the same coordinates",
            next="bring them to one grid and one axis first",
        ) from err
    series = [time_series(array, dim) for array in given]
    return [array for array, _ in series], series[0][1], names


def driver_floors(floors: Mapping[str, float] | None, names: Sequence[str]) -> FloatArray:
    """The least standard deviation of each driver; 0 where none is given.

    Raises :class:`ConfigurationError` where ``floors`` names a variable that is no driver.
    """
    unknown = [name for name in floors or {} if name not in names]
    if unknown:
        raise ConfigurationError(
            "a floor for an unknown driver", where="floors", found=unknown[0], expected=", ".join(names)
        )
    return np.array([float((floors or {}).get(name, 0.0)) for name in names])


def driver_lags(lags: Mapping[str, int] | None, names: Sequence[str], index: pd.Index) -> list[int]:
    """By how many steps each driver leads the target; 0 where none is given.

    Raises :class:`ConfigurationError` where ``lags`` names a variable that is no driver, or is not a whole number of
    steps from 0 to less than the axis has; :class:`CalendarError` where a step of the axis is missing.
    """
    for name, lag in (lags or {}).items():
        if name not in names:
            raise ConfigurationError("a lag for an unknown driver", where="lags", found=name, expected=", ".join(names))
        if isinstance(lag, bool) or not isinstance(lag, Integral) or not 0 <= lag < len(index):
            raise ConfigurationError(
                "impossible lag", where=f"lags: {name}", found=lag, expected=f"whole steps from 0 to {len(index) - 1}"
            )
    if any((lags or {}).values()):
        require_complete(index)
    return [int((lags or {}).get(name, 0)) for name in names]


def cells_of(blocks: Sequence[Block]) -> tuple[tuple[int, ...], int, int]:
    """The shape of the cells of a target and its drivers, their number, and the number of drivers."""
    shape = np.broadcast_shapes(*(block.shape for block in blocks))[:-1]
    return shape, math.prod(shape), len(blocks) - 1
