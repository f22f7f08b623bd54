"""The monthly cube: every role on one grid and one calendar, as one lazy Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from smcloud.config import Grid, RunConfig
from smcloud.cube import axes, checks
from smcloud.cube.calendar import Times, days_in, monthly
from smcloud.cube.regrid import regrid, regrid_classes
from smcloud.cube.sources import Source
from smcloud.cube.units import convert, cube_units

# A static cell, and a cell of a driver, needs half of its area under valid source cells.
MIN_VALID_AREA = 0.5
LONG_NAMES = {
    "soil_moisture": "volumetric soil moisture of the surface layer",
    "precipitation": "precipitation",
    "soil_temperature": "soil temperature",
    "lai": "leaf area index",
    "aridity_index": "aridity index (precipitation over potential evaporation)",
    "elevation": "surface elevation",
    "land_cover": "land cover class",
    "clay": "clay content of the topsoil",
    "sand": "sand content of the topsoil",
    "land_mask": "land (1) and water (0)",
}


@dataclass(frozen=True)
class Cube:
    """The lazy cube and, by role, the lazy counters that must be computed with it and judged."""

    dataset: xr.Dataset
    counters: Mapping[str, Mapping[str, xr.DataArray]]


def build(config: RunConfig, sources: Mapping[str, Source], months: Times) -> Cube:
    """Harmonise ``sources`` over ``months``; see the table of the cube in the README for what comes out.

    Dims (time, lat, lon), float32; one chunk of 12 months over the whole grid for each year. A
    soil-moisture month needs ``monthly.min_days`` valid days, a mean of another role ``monthly.min_share``
    of the month, a sum all of it; otherwise the month is NaN. Nothing is read until it is computed.
    """
    lat, lon = target_grid(config, sources["soil_moisture"])
    years = [months[months.astype("datetime64[Y]") == year] for year in np.unique(months.astype("datetime64[Y]"))]
    variables: dict[str, xr.DataArray] = {}
    counters: dict[str, Mapping[str, xr.DataArray]] = {}
    for role, source in sources.items():
        if source.steps is None:
            variables[role], counters[role] = _static(source, lat, lon)
            continue
        parts = [_months(source, year, config) for year in years]
        counters[role] = checks.merge([part.counters for part in parts])
        for suffix, pick in (("", "value"), ("_days", "days"), ("_uncertainty", "uncertainty")):
            pieces = [getattr(part, pick) for part in parts]
            if pieces[0] is not None and (not suffix or role == "soil_moisture"):
                whole = xr.concat(pieces, "time", join="exact")
                variables[role + suffix] = _on_grid(whole, role + suffix, lat, lon)
    ds = xr.Dataset({name: da.astype(np.float32) for name, da in variables.items()})
    if "land_mask" in ds:
        ds["land_mask"] = (ds["land_mask"] >= 0.5).astype(np.float32).assign_attrs(ds["land_mask"].attrs)
    return Cube(_described(ds, months), counters)


def target_grid(config: RunConfig, soil_moisture: Source) -> tuple[np.ndarray, np.ndarray]:
    """Cell centres (lat, lon) of the cube: the configured global grid, or soil moisture's own."""
    if isinstance(config.grid, Grid):
        return axes.global_grid(config.grid.resolution)
    return soil_moisture.values["lat"].values, soil_moisture.values["lon"].values


@dataclass(frozen=True)
class _Part:
    value: xr.DataArray
    days: xr.DataArray
    uncertainty: xr.DataArray | None
    counters: dict[str, xr.DataArray]


def _months(source: Source, months: Times, config: RunConfig) -> _Part:
    assert source.steps is not None
    spec = source.spec
    total = spec.aggregate == "sum"
    value, days = monthly(source.values, source.steps, months, total)
    length = xr.DataArray(days_in(months).astype(np.float64), dims="time", coords={"time": value["time"]})
    if source.role == "soil_moisture":
        enough = days >= config.monthly.min_days
    else:
        # A month with missing hours is NaN, never a smaller sum.
        enough = days >= length * (1.0 if total else config.monthly.min_share)
    uncertainty = None
    if source.uncertainty is not None:
        uncertainty = monthly(source.uncertainty, source.steps, months)[0].where(enough)
    value = convert(value.where(enough), source.role, spec.units, spec.aggregate, length, source.where)
    window = (source.steps.end > months[0].astype("datetime64[s]")) & (
        source.steps.start < (months[-1] + 1).astype("datetime64[s]")
    )
    inside = source.values.isel(time=np.flatnonzero(window))
    return _Part(value, days, uncertainty, checks.count(inside, spec.valid_range))


def _on_grid(da: xr.DataArray, name: str, lat: np.ndarray, lon: np.ndarray) -> xr.DataArray:
    attrs = da.attrs
    return regrid(da, lat, lon, MIN_VALID_AREA).assign_attrs(attrs)


def _static(source: Source, lat: np.ndarray, lon: np.ndarray) -> tuple[xr.DataArray, dict[str, xr.DataArray]]:
    spec = source.spec
    counted = checks.count(source.values, spec.valid_range)
    if spec.aggregate == "class":
        codes = sorted(spec.legend)
        names = " ".join(spec.legend[code].strip().replace(" ", "_") for code in codes)
        da = regrid_classes(source.values, codes, lat, lon)
        return da.assign_attrs(flag_values=codes, flag_meanings=names, units="1"), counted
    da = regrid(source.values, lat, lon, MIN_VALID_AREA if source.role != "land_mask" else 0.0)
    da = da.fillna(0.0) if source.role == "land_mask" else da
    return convert(da, source.role, spec.units, spec.aggregate, None, source.where), counted


def _described(ds: xr.Dataset, months: Times) -> xr.Dataset:
    for name, da in ds.data_vars.items():
        role = str(name).removesuffix("_days").removesuffix("_uncertainty")
        long_name = LONG_NAMES.get(role, role.replace("_", " "))
        if str(name).endswith("_days"):
            attrs = {"long_name": f"valid days behind {long_name}", "units": "day", "cell_methods": "time: sum"}
        elif str(name).endswith("_uncertainty"):
            attrs = {
                "long_name": f"uncertainty of {long_name} (1 sigma; mean of the days, as if their errors were one)",
                "units": "m3 m-3",
            }
        else:
            units = da.attrs.get("units") or cube_units(role, "1", "mean")
            attrs = dict(da.attrs) | {"long_name": long_name, "units": units}
            if "time" in da.dims:
                attrs["cell_methods"] = "time: sum" if units.endswith("month-1") else "time: mean"
        da.attrs = attrs
    bounds = np.stack([months.astype("datetime64[ns]"), (months + 1).astype("datetime64[ns]")], axis=1)
    if "time" not in ds.coords:
        ds = ds.assign_coords(time=months.astype("datetime64[ns]"))
    ds = ds.assign_coords(time_bnds=(("time", "bnds"), bounds))
    ds["time"].attrs = {
        "standard_name": "time",
        "axis": "T",
        "bounds": "time_bnds",
        "long_name": "first day of the month",
    }
    ds["provisional"] = (
        "time",
        np.zeros(len(months), np.int8),
        {
            "long_name": "months that rest on provisional input",
            "flag_values": [0, 1],
            "flag_meanings": "final provisional",
        },
    )
    ds["lat"].attrs = {"standard_name": "latitude", "units": "degrees_north", "axis": "Y", "long_name": "latitude"}
    ds["lon"].attrs = {"standard_name": "longitude", "units": "degrees_east", "axis": "X", "long_name": "longitude"}
    ds.attrs = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": "Monthly soil moisture and its drivers on one grid",
        "time_coverage_start": str(months[0]),
        "time_coverage_end": str(months[-1]),
        "time_coverage_resolution": "P1M",
    }
    return ds
