"""Metadata of the cube: names, units, cell methods, bounds and marks (CF-1.11, ACDD-1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog.readers.sensor_codes import SENSORS
from smcloud.conventions import (
    KEYWORDS,
    STANDARD_NAMES,
    VOCABULARIES,
    convention_attributes,
    extent_attributes,
    with_content,
    with_grid_mapping,
)
from smcloud.cube import axes
from smcloud.cube.calendar import MONTH, Times
from smcloud.cube.units import cube_units

LONG_NAMES = {
    "soil_moisture": "volumetric soil moisture of the surface layer",
    "soil_moisture_reference": "volumetric soil moisture of another record",
    "precipitation": "precipitation",
    "soil_temperature": "soil temperature",
    "lai": "leaf area index",
    "aridity_index": "aridity index (precipitation over potential evaporation)",
    "elevation": "surface elevation",
    "land_cover": "land cover class",
    "clay": "clay content of the topsoil",
    "sand": "sand content of the topsoil",
    "land_mask": "land (1) and water (0)",
    "region_share": "share of the cell's area that lies in the region",
    "polygon_share": "share of the cell's area that lies in the polygon",
}


SHARES = ("region_share", "polygon_share")
UNCERTAINTY = {
    "soil_moisture_uncertainty": "errors of the days of a month the same (correlation 1)",
    "soil_moisture_uncertainty_independent": "errors of the days independent (correlation 0)",
    "soil_moisture_uncertainty_decaying": "correlation of the errors of two days falling exponentially",
}


AXES = {
    "time": {"standard_name": "time", "long_name": "first day of the month", "axis": "T"},
    "lat": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east", "axis": "X"},
}


def described(
    ds: xr.Dataset, months: Times, provisional: xr.DataArray, about: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """Add bounds and attributes of the axes, the marks of ``months``, and attributes of every variable to ``ds``.

    ``about`` says which region it is of, where that is not the globe.
    """
    for name, da in ds.data_vars.items():
        da.attrs = _of_variable(str(name), da)
    ds = _with_axes(ds, months)
    ds["provisional"] = provisional.assign_attrs(
        long_name="months that rest on provisional input", flag_values=[0, 1], flag_meanings="final provisional"
    )
    ds = with_content(with_grid_mapping(ds))
    last = (months[-1] + MONTH).astype("datetime64[D]") - np.timedelta64(1, "D")
    edges = ds["lat_bnds"], ds["lon_bnds"]
    ds.attrs = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": "Monthly soil moisture and its drivers on one grid" + (f", {about['region_name']}" if about else ""),
        "summary": "Soil moisture and every role of the run's inputs, brought to one grid, one calendar and one unit "
        "each: monthly means, or sums where cell_methods says so. Months with too few valid days are missing.",
        "keywords": KEYWORDS,
        **VOCABULARIES,
        "history": "Steps of the sources put into calendar months, brought to one grid and to one unit, by smcloud.",
        "comment": "Missing values are NaN; provisional marks the months that rest on provisional input.",
        "processing_level": "Level 3: records of several sources on one grid",
        "date_created": str(last),
        "time_coverage_start": f"{months[0]}-01",
        "time_coverage_end": str(last),
        "time_coverage_duration": f"P{len(months)}M",
        "time_coverage_resolution": "P1M",
        "cdm_data_type": "Grid",
    }
    return ds.assign_attrs(extent_attributes(*edges) | dict(about or {}) | convention_attributes(*edges))


def _of_variable(role: str, da: xr.DataArray) -> dict[str, Any]:
    if role in SHARES:
        return {"long_name": LONG_NAMES[role], "standard_name": "area_fraction", "units": "1"}
    if role == "soil_moisture_days":
        long_name = "valid days behind the monthly soil moisture"
        return {"long_name": long_name, "units": "day", "cell_methods": "time: sum"}
    if role in UNCERTAINTY:
        long_name = f"uncertainty of the monthly soil moisture (1 sigma), {UNCERTAINTY[role]}"
        name = f"{STANDARD_NAMES['soil_moisture']} standard_error"
        return {"long_name": long_name, "standard_name": name, "units": "m3 m-3"}
    if role == "soil_moisture_sensors":
        return {
            "long_name": "sensors in at least a fifth of the valid days of the month; 0: not known",
            "units": "1",
            "flag_masks": [1 << k for k in range(len(SENSORS))],
            "flag_meanings": " ".join(SENSORS),
        }
    units = da.attrs.get("units") or cube_units(role, "1", "mean")
    attrs = dict(da.attrs) | {"long_name": LONG_NAMES.get(role, role.replace("_", " ")), "units": units}
    if "time" in da.dims:
        attrs["cell_methods"] = "time: sum" if units.endswith("month-1") else "time: mean"
    if role in STANDARD_NAMES:
        attrs["standard_name"] = STANDARD_NAMES[role]
    return attrs


def _with_axes(ds: xr.Dataset, months: Times) -> xr.Dataset:
    """``ds`` with bounds and attributes of time, latitude and longitude."""
    if "time" not in ds.coords:
        ds = ds.assign_coords(time=months.astype("datetime64[ns]"))
    limits = [months.astype("datetime64[ns]"), (months + MONTH).astype("datetime64[ns]")]
    lat, lon = axes.cell_edges(ds["lat"].values, ds["lon"].values)
    ds = ds.assign_coords(
        time_bnds=(("time", "bnds"), np.stack(limits, axis=1)),
        lat_bnds=(("lat", "bnds"), np.stack([lat[:-1], lat[1:]], axis=1)),
        lon_bnds=(("lon", "bnds"), np.stack([lon[:-1], lon[1:]], axis=1)),
    )
    for name, attrs in AXES.items():
        ds[name].attrs = attrs | {"bounds": f"{name}_bnds"}
    return ds
