"""Latitudes and longitudes as numbers that mean what they look like, and one grid for the files of a source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smcloud.errors import GridError

if TYPE_CHECKING:
    import xarray as xr

NAMES = {"lat": ("lat", "latitude"), "lon": ("lon", "longitude")}
OTHERS = ("grid_latitude", "grid_longitude", "projection_x_coordinate", "projection_y_coordinate")
NO_DEGREES = re.compile(
    r"west|south|degrees?[_ ]?w$|degrees?[_ ]s$|^rad(ian)?s?$|^(k|c)?m$|met(er|re)s?$", re.IGNORECASE
)
DIRECTION = {"lat": re.compile(r"degrees?_?n(orth)?$", re.I), "lon": re.compile(r"degrees?_?e(ast)?$", re.I)}
TOLERANCE = 1e-3  # of a step, as printed coordinates have
OFF_CENTRE = 0.05  # of a step


def require_plain_axes(ds: xr.Dataset, where: str) -> None:
    """Raise :class:`GridError` where an axis of ``ds`` is called a latitude or longitude and is another thing.

    What its attributes say counts: a unit that is no degree to the north or east, a rotated or projected coordinate,
    bounds of cells in whose middle the values do not lie.
    """
    for name in sorted({str(dim) for dim in ds.dims} & set(map(str, ds.coords))):
        axis = next((axis for axis, names in NAMES.items() if name.lower() in names), None)
        if axis is None:
            continue
        attrs, other = ds[name].attrs, "lon" if axis == "lat" else "lat"
        units, standard = str(attrs.get("units", "")).strip(), str(attrs.get("standard_name", ""))
        wrong = standard in (*OTHERS, NAMES[other][1]) or NO_DEGREES.search(units) or DIRECTION[other].match(units)
        if wrong:
            raise GridError(
                f"an axis is called {name} and is no {NAMES[axis][1]}",
                where=f"{where}: {name}",
                found=", ".join(filter(None, (f"units {units}" if units else "", standard))),
                expected=f"degrees_{'north' if axis == 'lat' else 'east'}",
                next="bring the source to latitude and longitude in degrees to the north and east; where only the "
                "attribute is wrong, correct it in the source",
            )
        _require_middles(ds, name, where)


def _require_middles(ds: xr.Dataset, name: str, where: str) -> None:
    bounds = ds[name].attrs.get("bounds") or ds[name].encoding.get("bounds")
    values = np.asarray(ds[name].values)
    if not isinstance(bounds, str) or bounds not in ds.variables or values.size < 2 or values.dtype.kind not in "iuf":
        return
    edges = np.asarray(ds[bounds].values)
    if edges.shape != (values.size, 2) or edges.dtype.kind not in "iuf":
        return
    low, high = edges[:, 0].astype(np.float64), edges[:, 1].astype(np.float64)
    off = _turn((low + _turn(high - low) / 2) - values)
    inside = (np.abs(low) < 90) & (np.abs(high) < 90) if name.lower() in NAMES["lat"] else np.full(low.shape, True)
    step = float(np.median(np.abs(np.diff(values.astype(np.float64)))))
    wrong = np.flatnonzero(inside & (np.abs(off) > OFF_CENTRE * step))
    if wrong.size:
        i = int(wrong[0])
        raise GridError(
            "an axis does not hold the middles of its cells",
            where=f"{where}: {name}",
            found=f"{values[i]:g} for the cell of {low[i]:g} to {high[i]:g} ({bounds})",
            expected=f"{values[i] + off[i]:g}",
            next=f"write the middles into {name}; if {bounds} is wrong, leave it out: "
            f"args.xarray_kwargs.drop_variables: [{bounds}]",
        )


def _turn(degrees: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same difference of longitudes between -180 and 180."""
    return (degrees + 180.0) % 360.0 - 180.0


def on_one_grid(parts: Sequence[xr.Dataset], files: Sequence[str], where: str) -> list[xr.Dataset]:
    """Return ``parts`` with the axes of the first where theirs are the same, but for their order or their last digits.

    Raises :class:`GridError` where a variable has axes of other names; what lies on another grid stays as it is.
    """
    dims: dict[str, tuple[tuple[Any, ...], str]] = {}
    for ds, file in zip(parts, files, strict=True):
        for name, da in ds.data_vars.items():
            known, first = dims.setdefault(str(name), (da.dims, file))
            if set(known) != set(da.dims):
                raise GridError(
                    "the files of an entry call the axes of a variable differently",
                    where=f"{where}: {name}",
                    found=f"{', '.join(map(str, known))} in {first}, {', '.join(map(str, da.dims))} in {file}",
                    expected="the same names in all files",
                    next="rename them (ncrename, cdo, xarray's rename), or name files of one form in urlpath",
                )
    return [parts[0], *(_with_axes_of(parts[0], ds) for ds in parts[1:])] if parts else []


def _with_axes_of(first: xr.Dataset, ds: xr.Dataset) -> xr.Dataset:
    for dim in {*first.indexes, *ds.indexes} - {"time", "valid_time"}:
        if dim not in first.indexes or dim not in ds.indexes or first.sizes[dim] != ds.sizes[dim]:
            continue
        one, other = (np.asarray(each[dim].values) for each in (first, ds))
        if one.dtype.kind not in "iuf" or other.dtype.kind not in "iuf" or np.array_equal(one, other):
            continue
        near = _tolerance(one, other)
        if (np.abs(one.astype(np.float64) - other[::-1]) <= near).all():
            ds, other = ds.isel({dim: slice(None, None, -1)}), other[::-1]
        if (np.abs(one.astype(np.float64) - other) <= near).all():
            ds = ds.assign_coords({dim: first[dim]})
    return ds


def _tolerance(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    digits = [float(np.spacing(np.abs(axis).max())) for axis in (one, other) if axis.size and axis.dtype.kind == "f"]
    step = float(np.median(np.abs(np.diff(one.astype(np.float64))))) if one.size > 1 else 0.0
    return min(max([TOLERANCE * step, *digits]), step / 4)
