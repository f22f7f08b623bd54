"""What the cube says of itself: names, units, cell methods, bounds and marks (CF-1.11, ACDD-1.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud.catalog.readers.sensor_codes import SENSORS
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
}


UNCERTAINTY = {
    "soil_moisture_uncertainty": "errors of the days of a month the same (correlation 1)",
    "soil_moisture_uncertainty_independent": "errors of the days independent (correlation 0)",
    "soil_moisture_uncertainty_decaying": "correlation of the errors of two days falling exponentially",
}


def described(ds: xr.Dataset, months: Times, provisional: xr.DataArray) -> xr.Dataset:
    """``ds`` with bounds and attributes of its axes, the marks of ``months``, and attributes of every variable."""
    attrs: dict[str, Any]
    for name, da in ds.data_vars.items():
        role = str(name)
        long_name = LONG_NAMES.get(role, role.replace("_", " "))
        if role == "soil_moisture_days":
            attrs = {
                "long_name": "valid days behind the monthly soil moisture",
                "units": "day",
                "cell_methods": "time: sum",
            }
        elif role in UNCERTAINTY:
            attrs = {
                "long_name": f"uncertainty of the monthly soil moisture (1 sigma), {UNCERTAINTY[role]}",
                "units": "m3 m-3",
            }
        elif role == "soil_moisture_sensors":
            attrs = {
                "long_name": "sensors in at least a fifth of the valid days of the month; 0: not known",
                "units": "1",
                "flag_masks": [1 << k for k in range(len(SENSORS))],
                "flag_meanings": " ".join(SENSORS),
            }
        else:
            units = da.attrs.get("units") or cube_units(role, "1", "mean")
            attrs = dict(da.attrs) | {"long_name": long_name, "units": units}
            if "time" in da.dims:
                attrs["cell_methods"] = "time: sum" if units.endswith("month-1") else "time: mean"
        da.attrs = attrs
    bounds = np.stack([months.astype("datetime64[ns]"), (months + MONTH).astype("datetime64[ns]")], axis=1)
    if "time" not in ds.coords:
        ds = ds.assign_coords(time=months.astype("datetime64[ns]"))
    ds = ds.assign_coords(time_bnds=(("time", "bnds"), bounds))
    ds["time"].attrs = {
        "standard_name": "time",
        "axis": "T",
        "bounds": "time_bnds",
        "long_name": "first day of the month",
    }
    ds["provisional"] = provisional.assign_attrs(
        long_name="months that rest on provisional input", flag_values=[0, 1], flag_meanings="final provisional"
    )
    lat, lon = axes.cell_edges(ds["lat"].values, ds["lon"].values)
    ds = ds.assign_coords(
        lat_bnds=(("lat", "bnds"), np.stack([lat[:-1], lat[1:]], axis=1)),
        lon_bnds=(("lon", "bnds"), np.stack([lon[:-1], lon[1:]], axis=1)),
    )
    ds["lat"].attrs = {
        "standard_name": "latitude",
        "long_name": "latitude",
        "units": "degrees_north",
        "axis": "Y",
        "bounds": "lat_bnds",
    }
    ds["lon"].attrs = {
        "standard_name": "longitude",
        "long_name": "longitude",
        "units": "degrees_east",
        "axis": "X",
        "bounds": "lon_bnds",
    }
    ds.attrs = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": "Monthly soil moisture and its drivers on one grid",
        "time_coverage_start": str(months[0]),
        "time_coverage_end": str(months[-1]),
        "time_coverage_resolution": "P1M",
    }
    return ds
