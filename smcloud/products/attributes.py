"""CF attributes of every published variable, and the title and summary of every product."""

from __future__ import annotations

from typing import Any

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.flags import CLASS_MEANING, CLASSES, SIGNIFICANT, STATUS, ZONES, flags

SLOPE = "m3 m-3 yr-1"


def _about(long_name: str, units: str = "1", **more: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": units, **more}


STATISTICS = "time: mean (annual values)"

ANNUAL: dict[str, dict[str, Any]] = {
    "soil_moisture": {"standard_name": "volume_fraction_of_condensed_water_in_soil"},
    "precipitation": {"standard_name": "lwe_precipitation_rate"},
    "soil_temperature": {"standard_name": "soil_temperature"},
    "lai": {"standard_name": "leaf_area_index"},
    "elevation": {"standard_name": "surface_altitude"},
    "land_mask": {"standard_name": "land_binary_mask"},
    "n_months": _about(
        "valid months of soil moisture in the year", standard_name="number_of_observations", cell_methods="time: sum"
    ),
    "n_fixed_months": _about("calendar months that annual values of the cell are made of"),
}

TREND: dict[str, dict[str, Any]] = {
    "slope": _about("trend of annual soil moisture by the preset's estimator", SLOPE),
    "slope_lower": _about("lower limit of the confidence interval of slope", SLOPE),
    "slope_upper": _about("upper limit of the confidence interval of slope", SLOPE),
    "p_value": _about("two-sided p value of slope by the preset's test"),
    "p_adjusted": _about("p_value adjusted for the false discovery rate (Benjamini-Hochberg) over the valid cells"),
    "significant": {"long_name": "trend is significant by the preset's rule"} | flags(SIGNIFICANT),
    "ols_slope": _about("ordinary least squares slope", SLOPE),
    "ols_stderr": _about("standard error of ols_slope, without autocorrelation", SLOPE),
    "ols_p_value": _about("two-sided p value of ols_slope (t, n - 2 degrees of freedom)"),
    "sen_slope": _about("Theil-Sen slope", SLOPE),
    "mk_s": _about("Mann-Kendall S"),
    "mk_z": _about("Mann-Kendall Z"),
    "mk_tau": _about("Kendall tau-b of soil moisture and time"),
    "mk_p_value": _about("two-sided p value of the Mann-Kendall test"),
    "vctfpw_slope": _about("Theil-Sen slope after trend-free prewhitening with the variance restored (VCTFPW)", SLOPE),
    "pw_p_value": _about("two-sided p value of the Mann-Kendall test after prewhitening"),
    "hamed_rao_p_value": _about("two-sided p value of the Mann-Kendall test with the variance of Hamed and Rao"),
    "lag1_autocorrelation": _about("lag-1 autocorrelation of the residuals of ols_slope"),
    "climatology": _about(
        "mean annual soil moisture",
        "m3 m-3",
        standard_name="volume_fraction_of_condensed_water_in_soil",
        cell_methods=STATISTICS,
    ),
    "n_years": _about("years with soil moisture", standard_name="number_of_observations"),
    "valid_months_slope": _about("trend of the number of valid months per year (trend of the sampling)", "yr-1"),
    "reference_slope": _about("trend of the reference record over the same years, by the preset's estimator", SLOPE),
    "reference_p_value": _about("two-sided p value of reference_slope by the preset's test"),
    "reference_r": _about("Pearson correlation of annual soil moisture with the reference record"),
    "reference_rmse": _about("root mean square difference of annual soil moisture and the reference", "m3 m-3"),
    "reference_bias": _about("mean of annual soil moisture less the reference", "m3 m-3"),
    "slope_with_breaks": _about("ordinary least squares slope beside a step at each change of the sensors", SLOPE),
    "p_value_with_breaks": _about(
        "two-sided p value of slope_with_breaks under autocorrelation (t, n_eff - 2 - n_breaks degrees of freedom); "
        "ols_p_value where n_breaks is 0"
    ),
    "n_breaks": _about("changes of the sensors that slope_with_breaks has a step for"),
    "stderr_growth": _about("standard error of slope_with_breaks over ols_stderr, both without autocorrelation"),
    "slope_stderr_measurement": _about(
        "standard error of ols_slope from measurement: errors independent between months, within a month with a "
        "correlation that decays from day to day",
        SLOPE,
    ),
    "slope_stderr_measurement_lower": _about(
        "standard error of ols_slope from measurement: errors independent between months and days", SLOPE
    ),
    "slope_stderr_measurement_upper": _about(
        "standard error of ols_slope from measurement: errors independent between months, the same within one", SLOPE
    ),
    "slope_stderr_measurement_epoch": _about(
        "standard error of ols_slope from measurement: errors the same within a sensor epoch",
        SLOPE,
        comment="An error that all years share moves no slope: where the sensors never change it is small.",
    ),
    "status": {"long_name": "why a cell has no value", "standard_name": "status_flag"} | flags(STATUS),
}

DRIVERS: dict[str, dict[str, Any]] = {
    "partial_correlation": _about("partial correlation of annual soil moisture with the driver, the others held"),
    "r_lower": _about("lower limit of the Fisher-z interval of partial_correlation"),
    "r_upper": _about("upper limit of the Fisher-z interval of partial_correlation"),
    "p_value": _about("two-sided p value of partial_correlation"),
    "p_adjusted": _about("p_value adjusted for the false discovery rate (Benjamini-Hochberg), all drivers and cells"),
    "df": _about("degrees of freedom of partial_correlation"),
    "n_effective": _about("effective sample size of partial_correlation"),
    "trend_contribution": _about("part of the soil moisture trend that goes with the trend of the driver", SLOPE),
    "correlation": _about("Pearson correlation of annual soil moisture with the driver"),
    "correlation_p_value": _about("two-sided p value of correlation"),
    "n": _about("years with soil moisture and all drivers", standard_name="number_of_observations"),
    "monthly_partial_correlation": _about(
        "partial correlation of deseasonalised monthly soil moisture with the driver, the others held"
    ),
    "monthly_p_value": _about("two-sided p value of monthly_partial_correlation"),
    "monthly_p_adjusted": _about("monthly_p_value adjusted for the false discovery rate, all drivers and cells"),
    "monthly_n_effective": _about("effective sample size of monthly_partial_correlation"),
    "monthly_n": _about("months with soil moisture and all drivers", standard_name="number_of_observations"),
    "dominant_driver": _about("driver with the strongest significant partial correlation"),
    "dominant_correlation": _about("partial correlation with the dominant driver"),
    "status": {"long_name": "why a cell has no value", "standard_name": "status_flag"} | flags(STATUS),
}

DDWW: dict[str, dict[str, Any]] = {
    "zone": {"long_name": "zone by the aridity index"} | flags(ZONES),
    "ddww_class": {
        "long_name": "class of the significant change: first letter the zone, second letter the change",
        "comment": "; ".join(f"{key}: {value}" for key, value in CLASS_MEANING.items()),
    }
    | flags(CLASSES),
    "area_km2": _about("area of the class", "km2", cell_methods="area: sum"),
    "share_of_all_land": _about("share of the class in all land, with or without a valid trend"),
    "share_of_land": _about("share of the class in the land with a valid trend and a zone"),
    "share_of_change": _about("share of the class in the area with a significant change and a zone"),
    "expected_share": _about(
        "share of change expected by chance: share of the zone in the land with a valid trend and a zone, times the "
        "share of the drying or wetting part in the area with a significant change"
    ),
}

TABLE: dict[str, dict[str, Any]] = {
    "soil_moisture": _about(
        "area-weighted mean of annual soil moisture",
        "m3 m-3",
        standard_name="volume_fraction_of_condensed_water_in_soil",
        cell_methods="time: mean area: mean",
    ),
    "slope": _about("trend of the area-weighted mean series (ordinary least squares)", SLOPE),
    "slope_lower": _about("lower limit of slope, effective sample size", SLOPE),
    "slope_upper": _about("upper limit of slope, effective sample size", SLOPE),
    "p_value": _about("two-sided p value of slope, effective sample size"),
    "mean_of_slopes": _about("area-weighted mean of the slopes of the cells", SLOPE, cell_methods="area: mean"),
    "area_km2": _about("land area", "km2", cell_methods="area: sum"),
    "covered_area_km2": _about("land area with a valid trend", "km2", cell_methods="area: sum"),
    "n_cells": _about("cells with a valid trend", standard_name="number_of_observations"),
    "drying_share": _about("share of the covered area with a significant drying", cell_methods="area: mean"),
    "wetting_share": _about("share of the covered area with a significant wetting", cell_methods="area: mean"),
    "partial_correlation": _about(
        "area-weighted mean of the partial correlation of all valid cells", cell_methods="area: mean"
    ),
    "trend_contribution": _about(
        "area-weighted mean of the part of the trend that goes with the driver's", SLOPE, cell_methods="area: mean"
    ),
    "slope_fixed_cells": _about("trend of the area-weighted mean anomaly of a fixed set of cells", SLOPE),
    "slope_fixed_cells_lower": _about("lower limit of slope_fixed_cells, effective sample size", SLOPE),
    "slope_fixed_cells_upper": _about("upper limit of slope_fixed_cells, effective sample size", SLOPE),
    "slope_fixed_cells_p_value": _about("two-sided p value of slope_fixed_cells, effective sample size"),
}

VARIABLES = {
    "annual": ANNUAL,
    "trend": TREND,
    "drivers": DRIVERS,
    "ddww": DDWW,
    "regional": TABLE,
    "strata": TABLE,
}
COORDINATES: dict[str, dict[str, Any]] = {
    "lat": {"standard_name": "latitude", "long_name": "cell centre latitude", "units": "degrees_north", "axis": "Y"},
    "lon": {"standard_name": "longitude", "long_name": "cell centre longitude", "units": "degrees_east", "axis": "X"},
    "year": {"long_name": "calendar year", "units": "1"},
    "driver": {"long_name": "role that may drive soil moisture"},
    "class": {"long_name": "zone and direction of change"},
    "region": {"long_name": "region"},
    "stratum": {"long_name": "stratum"},
    "kind": {"long_name": "what the group is made by"},
    "label": {"long_name": "name of the group"},
}
TEXTS = {
    "annual": (
        "Annual soil moisture and its drivers",
        "Annual series of soil moisture and of every role that may drive it, with the number of valid months.",
    ),
    "trend": (
        "Trend of annual soil moisture",
        "Per cell: slope with its interval, p value, significance after adjustment for many tests, and comparators.",
    ),
    "drivers": (
        "Drivers of annual soil moisture",
        "Per cell and driver: partial and plain correlation, contribution to the trend, and the dominant driver. "
        "Where the soil moisture record is scaled to, or filled from, the reanalysis that gives a driver, its "
        "correlation with that driver is partly circular.",
    ),
    "ddww": (
        "Does dry get drier and wet get wetter?",
        "Zone and class of significant change per cell; areas and shares of the six classes, each share with its own "
        "denominator, beside the share expected by chance.",
    ),
    "regional": (
        "Regional trends of soil moisture",
        "Trend of the area-weighted mean and its interval by globe, hemisphere, tropics and 10-degree band.",
    ),
    "strata": (
        "Soil moisture change by stratum",
        "Trend, significant shares and mean partial correlations by land cover, soil texture, elevation, leaf area, "
        "aridity and class of change.",
    ),
}


def add_cf_attributes(ds: xr.Dataset, product: str, config: RunConfig) -> xr.Dataset:
    """Give ``ds`` the attributes of ``product``, and no others but those of the series and static roles of annual."""
    title, summary = TEXTS[product]
    attrs: dict[str, Any] = {"Conventions": "CF-1.11, ACDD-1.3", "title": title, "summary": summary}
    attrs |= {"preset": config.preset, "alpha": config.alpha}
    if config.assumed:
        attrs["comment"] = f"Assumed, since the study does not say: {', '.join(config.assumed)}."
    if "year" in ds.coords:
        first, last = ds.indexes["year"][[0, -1]]
        attrs |= {"time_coverage_start": f"{first}-01-01", "time_coverage_end": f"{last}-12-31"}
    out = ds.copy()
    out.attrs = attrs
    for axis in ("lat", "lon"):
        if axis in out.coords and out[axis].attrs.get("bounds") not in out:
            out[axis].attrs = {key: value for key, value in out[axis].attrs.items() if key != "bounds"}
    for name, more in COORDINATES.items():
        if name in out.coords:
            out[name].attrs = out[name].attrs | more
    for name in map(str, out.data_vars):
        own = out[name].attrs if product == "annual" else {}
        out[name].attrs = own | VARIABLES[product].get(name, {})
    return out


def to_storage_dtype(ds: xr.Dataset) -> xr.Dataset:
    """Convert ``ds`` to the types published: maps in m3 m-3 yr-1 to float32, lazily; all else stays as it is."""
    maps = {name: da for name, da in ds.data_vars.items() if {"lat", "lon"} <= {*da.dims}}
    return ds.assign({name: da.astype("float32") for name, da in maps.items() if da.attrs.get("units") == SLOPE})
