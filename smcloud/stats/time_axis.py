"""The time coordinate as numbers, and the conditions that a series must meet before a kernel sees it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from smcloud.errors import CalendarError, ChunkError, VariableError

FloatArray = npt.NDArray[np.float64]

# By how much a step of a numeric axis may differ from the mean step, as a share of it. Decimal months in float32 differ
# by 0.2 %, a missing step by 100 %.
STEP_TOLERANCE = 0.01


def time_series(data: xr.DataArray | xr.Dataset, dim: str) -> tuple[xr.DataArray, FloatArray]:
    """``data`` in ascending order along ``dim``, and its coordinate as numbers.

    A Dataset's variables are stacked along a new first dimension ``variable``. A descending coordinate is
    turned round together with the data. Nothing is computed.

    Raises :class:`VariableError` where ``dim`` is missing, :class:`CalendarError` where it has no coordinate or one
    with missing, duplicate or unsorted stamps, :class:`ChunkError` where it has more than one dask chunk.
    """
    array = _one_array(data, dim)
    if dim not in array.indexes:
        raise CalendarError(
            "the dimension has no coordinate, so its steps have no time",
            where=f"{array.name or 'array'}: {dim}",
            found="positions only",
            expected="numbers or dates",
            next=f'.assign_coords({{"{dim}": ...}})',
        )
    require_one_chunk(array, dim)
    numbers = as_numbers(array.indexes[dim])
    steps = np.diff(numbers)
    if not np.all(np.isfinite(numbers)) or not (np.all(steps > 0) or np.all(steps < 0)):
        raise CalendarError(
            "stamps are missing, double or out of order",
            where=f"{array.name or 'array'}: {dim}",
            found=_first_fault(array.indexes[dim], numbers),
            expected="strictly ascending or descending stamps",
            next=f'.sortby("{dim}").drop_duplicates("{dim}")',
        )
    if steps.size and steps[0] < 0:
        array, numbers = array.isel({dim: slice(None, None, -1)}), numbers[::-1].copy()
    return array, numbers


def as_numbers(index: pd.Index) -> FloatArray:
    """Numbers as they are; dates (any calendar) as the year plus the elapsed part of that year."""
    if isinstance(index, pd.DatetimeIndex):
        stamps = index.to_numpy()
        years = stamps.astype("datetime64[Y]")
        begin = years.astype(stamps.dtype)
        end = (years + np.timedelta64(1, "Y")).astype(stamps.dtype)
        year = years.astype(np.int64) + 1970
        return np.where(np.isnat(stamps), np.nan, year + (stamps - begin) / (end - begin))
    if isinstance(index, xr.CFTimeIndex):
        return np.array([_decimal_year(stamp) for stamp in index])
    if index.dtype.kind not in "iuf":
        raise CalendarError(
            "the coordinate is neither numbers nor dates",
            where=str(index.name),
            found=index.dtype,
            expected="numbers or dates",
        )
    return index.to_numpy().astype(np.float64)


def require_one_chunk(array: xr.DataArray, dim: str) -> None:
    """Raise :class:`ChunkError` where ``dim`` has more than one dask chunk."""
    chunks = array.chunksizes.get(dim, ())
    if len(chunks) > 1:
        raise ChunkError(
            f"a series along {dim} is split over several chunks",
            where=f"{array.name or 'array'}: {dim}",
            found=f"{len(chunks)} chunks",
            expected="one chunk",
            next=f'.chunk({{"{dim}": -1}})',
        )


def require_complete(index: pd.Index) -> None:
    """Raise :class:`CalendarError` unless ``index`` has one stamp per step, so that lags can count positions.

    Numbers must be equally spaced. Dates must be equally spaced, or lie in months at equal distance (monthly and
    annual stamps at any day of the month).
    """
    if len(index) < 3:
        return
    if isinstance(index, pd.DatetimeIndex | xr.CFTimeIndex):
        months = np.diff(np.asarray(index.year) * 12 + np.asarray(index.month))
        if np.all(months == months[0]) and months[0] != 0:
            return
        steps = np.diff(index.to_numpy())
        even = bool(np.all(steps == steps[0]))
    else:
        steps = np.diff(as_numbers(index))
        even = bool(np.all(np.abs(steps - steps.mean()) <= STEP_TOLERANCE * abs(steps.mean())))
    if not even:
        raise CalendarError(
            "the axis is not complete, so lags cannot count its steps",
            where=str(index.name),
            found=f"{len(index)} stamps from {index[0]} to {index[-1]} at unequal distance",
            expected="one stamp per step, with NaN where there is no value",
            next="reindex to the complete axis",
        )


def _one_array(data: xr.DataArray | xr.Dataset, dim: str) -> xr.DataArray:
    variables = [data] if isinstance(data, xr.DataArray) else list(data.data_vars.values())
    for variable in variables:
        if dim not in variable.dims:
            raise VariableError(
                f"a variable has no dimension {dim}",
                where=str(variable.name or "array"),
                found=", ".join(map(str, variable.dims)) or "no dimensions",
                expected=dim,
                next="name the time dimension with dim=...",
            )
    return data if isinstance(data, xr.DataArray) else data.to_dataarray("variable")


def _decimal_year(stamp: object) -> float:
    begin = stamp.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)  # type: ignore[attr-defined]
    end = begin.replace(year=begin.year + 1)
    return float(begin.year + (stamp - begin) / (end - begin))


def _first_fault(index: pd.Index, numbers: FloatArray) -> str:
    missing = np.flatnonzero(~np.isfinite(numbers))
    if missing.size:
        return f"no stamp at position {missing[0]}"
    steps = np.diff(numbers)
    fault = int(np.flatnonzero(np.sign(steps) != np.sign(steps[0]) if steps[0] else steps == 0)[0])
    return f"{index[fault + 1]} after {index[fault]}"
