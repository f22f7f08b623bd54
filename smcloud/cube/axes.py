"""Latitude and longitude in one form: names lat and lon, ascending, evenly spaced, from -180 on."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.errors import GridError

NAMES = {"lat": "latitude", "lon": "longitude"}
FORECAST_STEPS = {"step", "lead_time", "leadtime", "forecast_period", "prediction_timedelta"}
# Coordinates with a printed precision differ from the true ones by this much of a step.
TOLERANCE = 1e-3


def normalise(da: xr.DataArray, where: str) -> xr.DataArray:
    """Bring ``da`` to dims (time,) lat, lon: latitude ascending, longitude ascending from -180..180 on.

    Coordinates are snapped to the even grid that they lie on, within the precision in which they are stored. A window
    that reaches over 180 degrees runs on beyond it: 170 to 190. Raises :class:`GridError` where an axis is missing,
    repeats, or is uneven (two values or fewer are always even).
    """
    if "valid_time" in da.dims:
        da = da.drop_vars("time", errors="ignore").rename(valid_time="time")
    for axis in ("lat", "lon"):
        if axis not in da.dims:
            raise GridError(
                f"a source has no {axis} axis",
                where=where,
                found=", ".join(map(str, da.dims)),
                expected="latitude and longitude as one-dimensional axes",
                next=f"name them in the catalog entry, axes: {{{axis}: name}}, or give them CF's attributes, "
                f"standard_name {NAMES[axis]}; what is on no regular grid is regridded first",
            )
    if extra := sorted({str(dim) for dim in da.dims} - {"time", "lat", "lon"}):
        raise GridError(
            "a source has more axes than time, latitude and longitude",
            where=where,
            found=", ".join(extra),
            expected="time, lat, lon",
            next="make one record of the forecasts first: a step's amount is da.diff('step'), its time is time + step"
            if FORECAST_STEPS & set(extra)
            else f"choose one in the catalog entry, select: {{{extra[0]}: {_some(da, extra[0])}}}",
        )
    precision = {axis: _precision(da[axis].values, f"{where}: {axis}") for axis in ("lat", "lon")}
    da = da.assign_coords(
        lon=eastwards(np.asarray(da["lon"].values, np.float64), precision["lon"]),
        lat=np.asarray(da["lat"].values, np.float64),
    )
    if any((np.diff(da[axis].values) <= 0).any() for axis in ("lat", "lon")):  # to sort takes its time
        da = da.sortby(["lat", "lon"])
    even = {axis: snap(da[axis].values, f"{where}: {axis}", precision[axis]) for axis in ("lat", "lon")}
    if any(not np.array_equal(da[axis].values, values) for axis, values in even.items()):
        da = da.assign_coords(even)
    if da["lat"].values[0] < -90 or da["lat"].values[-1] > 90:
        raise GridError(
            "latitudes lie beyond the poles",
            where=where,
            found="{} to {}".format(*da["lat"].values[[0, -1]]),
            expected="-90..90",
            next="correct the source's coordinates",
        )
    da["lat"].attrs = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}
    da["lon"].attrs = {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
    scalars = [name for name in da.coords if name not in ("time", "lat", "lon")]
    return da.drop_vars(scalars).transpose(..., "lat", "lon")


def _precision(values: np.ndarray, where: str) -> float:
    """Distance of the numbers that the axis could hold at its largest value: 1.5e-5 degrees in float32 at 180.

    Raises :class:`GridError` where values are missing.
    """
    if not np.isfinite(np.asarray(values, np.float64)).all():
        raise GridError(
            "an axis has missing values",
            where=where,
            found=f"{values[:8]} ...",
            expected="degrees everywhere",
            next="write the source anew with complete axes",
        )
    return float(np.spacing(np.abs(values).max())) if values.size and values.dtype.kind == "f" else 0.0


def _tolerance(step: float, precision: float) -> float:
    """How far a value may lie from the even axis; never as far as it would be another one's."""
    return min(max(TOLERANCE * step, precision), step / 4)


def eastwards(lon: np.ndarray, precision: float = 0.0) -> np.ndarray:
    """Turn longitudes (degrees, any order) to -180..180, or beyond 180 those of a window that reaches over it.

    A window begins behind the widest gap of the circle, which is not that at 180 by more than the ``precision``.
    """
    turned = (lon + 180.0) % 360.0 - 180.0
    ordered = np.sort(turned)
    if len(ordered) < 2:
        return turned
    gaps, outside = np.diff(ordered), 360.0 - (ordered[-1] - ordered[0])
    widest = int(np.argmax(gaps))
    if gaps[widest] <= outside + max(2 * precision, TOLERANCE * outside):
        return turned
    return np.where(turned < ordered[widest + 1], turned + 360.0, turned)


def _some(da: xr.DataArray, dim: str) -> object:
    """A value of an axis, or a position along one without values."""
    return da[dim].values[0] if dim in da.coords else 0


def snap(values: np.ndarray, where: str, precision: float = 0.0) -> np.ndarray:
    """Find the even axis that ``values`` (degrees, ascending) lie on, within 0.1 % of a step or their ``precision``."""
    repeats = values[1:][np.diff(values) == 0]
    if repeats.size:
        raise GridError(
            "an axis repeats a value",
            where=where,
            found=repeats[0],
            expected="distinct values",
            next="drop the repeated row or column (a cyclic point, or 180 beside -180) from the source",
        )
    if len(values) < 3:
        return values
    step = (values[-1] - values[0]) / (len(values) - 1)
    tolerance = _tolerance(step, precision)
    # A step such as 0.25 or 1/12 degree, free of the noise of float32 coordinates.
    nice = 1 / round(1 / step) if step < 1 else round(step, 6)
    step = nice if abs(nice - step) * len(values) < max(tolerance, 2 * precision) else step
    first = round(values[0] / (step / 2)) * (step / 2)
    even = (first if abs(first - values[0]) < tolerance else values[0]) + step * np.arange(len(values))
    worst = int(np.argmax(np.abs(even - values)))
    if abs(even[worst] - values[worst]) > max(tolerance, 2 * precision):
        raise GridError(
            "an axis is not evenly spaced",
            where=where,
            found=f"{_told(values[worst])} at position {worst}, counted from {_told(values[0])}",
            expected=f"{_told(even[worst])} (step {step})",
            next="regrid the source first, or correct its coordinates",
        )
    return even


def _told(degrees: float) -> float:
    """A longitude that runs on beyond 180, as it is usually written."""
    return degrees - 360.0 if degrees > 180 else degrees


def global_grid(resolution: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell centres (lat, lon) of the global grid of ``resolution`` degrees, ascending."""
    n = round(180 / resolution)
    step = 180 / n
    return -90 + step * (np.arange(n) + 0.5), -180 + step * (np.arange(2 * n) + 0.5)


def edges(centres: np.ndarray, step: float | None = None) -> np.ndarray:
    """Return the cell edges (n + 1) midway between ``centres``; a single centre needs ``step``."""
    if len(centres) == 1:
        if step is None:
            raise ValueError("the edges of a single cell cannot be told from its centre")
        half = step / 2
        return np.array([centres[0] - half, centres[0] + half])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def lat_edges(lat: np.ndarray, step: float | None = None) -> np.ndarray:
    """Return :func:`edges` clipped to the poles: a node on a pole has half a cell."""
    return np.clip(edges(lat, step), -90.0, 90.0)


def steps_of(lat: np.ndarray, lon: np.ndarray) -> tuple[float, float]:
    """Return the first step of each axis, degrees; an axis of one cell takes the other's (1 degree if both are single).

    A region is cut so that this is its step: :func:`smcloud.cube.region.require_known_cells`.
    """
    steps = [float(axis[1] - axis[0]) if len(axis) > 1 else None for axis in (lat, lon)]
    return steps[0] or steps[1] or 1.0, steps[1] or steps[0] or 1.0


def cell_edges(lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges of both axes; an axis of one cell has the step of :func:`steps_of`."""
    steps = steps_of(lat, lon)
    return lat_edges(lat, steps[0]), edges(lon, steps[1])
