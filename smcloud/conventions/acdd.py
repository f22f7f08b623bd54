"""What ACDD-1.3 and CF-1.11 ask of a dataset and its variables beyond names and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

KEYWORDS = (
    "EARTH SCIENCE > LAND SURFACE > SOILS > SOIL MOISTURE/WATER CONTENT, "
    "EARTH SCIENCE > CLIMATE INDICATORS > LAND SURFACE/AGRICULTURE INDICATORS > SOIL MOISTURE"
)
VOCABULARIES = {
    "keywords_vocabulary": "GCMD Science Keywords",
    "standard_name_vocabulary": "CF Standard Name Table v93",
}
STANDARD_NAMES = {
    "soil_moisture": "volume_fraction_of_condensed_water_in_soil",
    "soil_moisture_reference": "volume_fraction_of_condensed_water_in_soil",
    "precipitation": "lwe_precipitation_rate",
    "soil_temperature": "soil_temperature",
    "lai": "leaf_area_index",
    "elevation": "surface_altitude",
    "land_mask": "land_binary_mask",
}
TEMPERATURES = ("K", "degC", "celsius")
ROLES_OF_LAND = ("aridity_index", "clay", "elevation", "land_cover", "land_mask", "sand")
QUALITY = (
    "df",
    "trend_contribution_df",
    "lagged_df",
    "variance_inflation_factor",
    "n",
    "monthly_n",
    "significant",
    "status",
    "stderr_growth",
    "provisional",
    "soil_moisture_days",
)
QUALITY_PARTS = (
    "p_value",
    "p_adjusted",
    "stderr",
    "_lower",
    "_upper",
    "_n_cells",
    "n_effective",
    "uncertainty",
    "probability",
)


def with_content(ds: xr.Dataset) -> xr.Dataset:
    """Give each variable of ``ds`` that has attributes its kind of content, and temperatures their scale; lazy."""
    out = ds.copy()
    for name in map(str, ds.variables):
        attrs = dict(ds[name].attrs)
        if not attrs:  # bounds have none of their own
            continue
        if attrs.get("units") in TEMPERATURES:
            attrs["units_metadata"] = "temperature: on_scale"
        if attrs.get("standard_name") == "time":
            attrs["units_metadata"] = "leap_seconds: none"
        attrs["coverage_content_type"] = content_type(name, attrs, name in ds.coords)
        out[name].attrs = attrs
    return out


def content_type(name: str, attrs: Mapping[str, Any], is_coordinate: bool) -> str:
    """Return the ``coverage_content_type`` (ISO 19115-1) of a variable with these ``attrs``."""
    if is_coordinate:
        return "coordinate"
    if name in QUALITY or name.startswith("n_") or any(part in name for part in QUALITY_PARTS):
        return "qualityInformation"
    if name in ROLES_OF_LAND:
        return "referenceInformation"
    if "flag_values" in attrs:
        return "thematicClassification"
    return "physicalMeasurement" if name.startswith("soil_moisture") else "modelResult"
