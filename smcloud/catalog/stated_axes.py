"""What an entry says of the axes of its source: which are latitude and longitude, and which level or member is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from smcloud.errors import GridError

if TYPE_CHECKING:
    import xarray as xr

Axis = Literal["lat", "lon"]
STATED: Mapping[Axis, Mapping[str, str]] = {
    "lat": {"standard_name": "latitude", "units": "degrees_north"},
    "lon": {"standard_name": "longitude", "units": "degrees_east"},
}
PRECISION = 1e-6  # of a value: float32 keeps seven digits


def with_stated_axes(ds: xr.Dataset, axes: Mapping[Axis, str], where: str) -> xr.Dataset:
    """Return ``ds`` with the attributes that CF gives latitude and longitude on the variables that ``axes`` names.

    One that lies along a dimension of another name gives it its own. Raises :class:`GridError` that names what is
    there where a variable is not, or has not one dimension.
    """
    for axis, name in axes.items():
        if name not in ds.variables or ds[name].ndim != 1:
            lines = [str(key) for key, variable in ds.variables.items() if variable.ndim == 1]
            raise GridError(
                f"the entry names an axis that is not one of the source: axes.{axis}",
                where=where,
                found=f"{name}, of {ds[name].ndim} dimensions" if name in ds.variables else name,
                expected=" or ".join(lines) or "a variable of one dimension",
                next=f"correct axes.{axis} in the catalog entry",
            )
        close, dim = ds._close, str(ds[name].dims[0])
        ds = ds.set_coords(name) if dim == name else ds.drop_vars(dim, errors="ignore").swap_dims({dim: name})
        ds = ds.assign_coords({name: ds[name].assign_attrs(STATED[axis])})
        ds.set_close(close)
    return ds


def selected(ds: xr.Dataset, select: Mapping[str, Any], where: str) -> xr.Dataset:
    """Return ``ds`` at one value of each axis that ``select`` names, to the last digit that float32 holds.

    Along an axis without values the number is a position, from 0 on. Raises :class:`GridError` that lists the values
    there are where the axis or the value is not there.
    """
    for axis, value in select.items():
        if axis not in ds.dims:
            others = [str(dim) for dim in ds.dims]
            raise _none(f"select.{axis}", axis, f"an axis of the source: {', '.join(others)}", where)
        if axis in ds.variables:
            values = np.asarray(ds[axis].values)
            matches = np.flatnonzero(_same(values, value))
            there = ", ".join(map(str, values[:20])) + (", ..." if values.size > 20 else "")
        else:
            n = ds.sizes[axis]
            matches = np.flatnonzero(np.arange(n) == value)
            there = f"a position from 0 to {n - 1}, as {axis} has no values"
        if matches.size != 1:
            raise _none(f"select.{axis}", value, there, where)
        close = ds._close
        ds = ds.isel({axis: int(matches[0])}, drop=True)
        ds.set_close(close)
    return ds


def _same(values: np.ndarray, value: Any) -> np.ndarray:
    if values.dtype.kind in "iuf" and not isinstance(value, str):
        return np.isclose(values.astype(np.float64), float(value), rtol=PRECISION, atol=0.0)
    return np.array([str(each) == str(value) for each in values.tolist()], bool)


def _none(key: str, found: object, expected: str, where: str) -> GridError:
    return GridError(
        "the entry selects what the source does not hold",
        where=f"{where}: {key}",
        found=found,
        expected=expected,
        next=f"correct {key} in the catalog entry",
    )
