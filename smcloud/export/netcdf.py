"""Products as CF NetCDF4 files that any reader of NetCDF opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from smcloud.chunking import CHUNK
from smcloud.export.frames import bounds_of
from smcloud.export.selection import eastwards, on_grid

KEPT = ("grid_mapping", "coordinates")  # which variables go with one; xarray would name the grid mapping among them
OF_DATES = ("units", "calendar", "dtype")
LEVEL = 4


def write_netcdf(ds: xr.Dataset, path: Path) -> None:
    """Write ``ds`` with the values and types that it has: compressed, in chunks, one chunk in memory at a time.

    Axes and bounds have no ``_FillValue``, and neither do integers: a map of flags stays one, and ``flag_values`` has
    its type. Missing floats are NaN.
    """
    ds = eastwards(ds) if on_grid(ds) else ds
    out = ds.copy()
    out.attrs = {name: _attribute(value) for name, value in ds.attrs.items()}
    no_fill = {*out.coords} | {bounds_of(out[name]) for name in out.coords}
    for name, variable in out.variables.items():
        attrs = {key: _attribute(value) for key, value in variable.attrs.items()}
        if "flag_values" in attrs:
            attrs["flag_values"] = np.asarray(attrs["flag_values"]).astype(variable.dtype)
        variable.attrs = attrs
        variable.encoding = _encoding(variable, name in no_fill)
    out.to_netcdf(path, engine="h5netcdf", format="NETCDF4")


def _encoding(variable: xr.Variable, no_fill: bool) -> dict[str, Any]:
    kept = (*KEPT, *OF_DATES) if variable.dtype.kind == "M" else KEPT
    encoding: dict[str, Any] = {key: variable.encoding[key] for key in kept if key in variable.encoding}
    if variable.dtype.kind not in "fiub":
        return encoding if variable.dtype.kind != "M" else encoding | {"_FillValue": None}
    encoding["_FillValue"] = variable.dtype.type("nan") if variable.dtype.kind == "f" and not no_fill else None
    if variable.ndim > 1 and variable.size:
        encoding |= {"zlib": True, "complevel": LEVEL, "shuffle": True}
        encoding["chunksizes"] = tuple(min(size, CHUNK) for size in variable.shape)
    return encoding


def _attribute(value: Any) -> Any:
    """An attribute as NetCDF can hold it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        numbers = all(isinstance(item, int | float | np.number) for item in value)
        return np.asarray(value) if numbers and len(value) else ", ".join(map(str, value))
    return value if isinstance(value, str | int | float | np.number | np.ndarray) else str(value)
