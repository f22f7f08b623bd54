"""CF attributes of the variables of the tables, regional and strata."""

from __future__ import annotations

from typing import Any

from smcloud.products.flags import STATUS, flags

SLOPE = "m3 m-3 yr-1"
TILES = (
    "Quantiles over draws of tiles of 20 degrees; none with fewer than 10 tiles, or where the group was chosen by it."
)
SAMPLE = "independent years that the autocorrelation leaves (effective sample size)"
PER_STEP = "Per step of the property: see step and step_units."
PER_DEGREES = "Against the absolute latitude of the cells, per 10 degrees; below 0 the higher latitude dries more."


def _about(long_name: str, units: str = "1", **more: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": units, **more}


def _share(long_name: str, **more: str) -> dict[str, Any]:
    return _about(long_name, standard_name="area_fraction", **more)


def _with_limits(name: str, long_name: str, units: str = "1", **more: str) -> dict[str, dict[str, Any]]:
    """A mean over cells, its limits and the number of its cells."""
    return {
        name: _about(long_name, units, **({"cell_methods": "area: mean"} | more)),
        f"{name}_lower": _about(f"lower limit of {name}", units, comment=TILES),
        f"{name}_upper": _about(f"upper limit of {name}", units, comment=TILES),
        f"{name}_n_cells": _about(f"cells of {name}", standard_name="number_of_observations"),
    }


def _gradient(name: str, long_name: str, units: str, comment: str) -> dict[str, dict[str, Any]]:
    found = _with_limits(name, long_name, units)
    found[name] = _about(long_name, units, comment=comment)
    return found


def trend_of(driver: str, units: str) -> dict[str, Any]:
    """Attributes of the mean trend of a driver whose annual values are in ``units``."""
    long_name = f"area-weighted mean trend of annual {driver.replace('_', ' ')}, over the years of trend_contribution"
    return _about(long_name, f"{units} yr-1", cell_methods="area: mean")


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
    "n_effective": _about(f"{SAMPLE} of slope"),
    "mean_of_slopes": _about("area-weighted mean of the slopes of the cells", SLOPE, cell_methods="area: mean"),
    "area_km2": _about("land area", "km2", cell_methods="area: sum"),
    "covered_area_km2": _about("land area with a valid trend", "km2", cell_methods="area: sum"),
    "land_share": _share("land area as a share of the area of the group"),
    "covered_share": _share("covered_area_km2 as a share of area_km2"),
    "n_cells": _about("cells with a valid trend", standard_name="number_of_observations"),
    "drying_share": _share("share of the covered area with a significant drying", cell_methods="area: mean"),
    "wetting_share": _share("share of the covered area with a significant wetting", cell_methods="area: mean"),
    **_with_limits("partial_correlation", "area-weighted mean of the partial correlation of all valid cells"),
    **_with_limits(
        "trend_contribution", "area-weighted mean of the part of the trend that goes with the driver's", SLOPE
    ),
    **_with_limits(
        "dominant_share", "share of the area with a test of the drivers where the driver is the dominant one"
    ),
    **_with_limits("positive_share", "share of the area with a partial correlation where it is above 0"),
    **_with_limits(
        "significant_positive_share",
        "share of the area with a partial correlation where it is significant and above 0",
    ),
    **_with_limits(
        "significant_negative_share",
        "share of the area with a partial correlation where it is significant and below 0",
    ),
    "status": {"long_name": "why a group has no value", "standard_name": "status_flag"} | flags(STATUS),
}

SEASON_TRENDS: dict[str, dict[str, Any]] = {
    "season_slope": _about("trend of the mean soil moisture of the season", SLOPE),
    "season_slope_lower": _about("lower limit of season_slope", SLOPE),
    "season_slope_upper": _about("upper limit of season_slope", SLOPE),
    "season_p_value": _about("two-sided p value of season_slope, not adjusted for the number of cells or seasons"),
    "season_p_adjusted": _about("season_p_value, Benjamini-Hochberg adjusted over all valid cells of the season"),
}

REGIONAL: dict[str, dict[str, Any]] = TABLE | {
    **SEASON_TRENDS,
    "season_n_cells": _about("cells of the fixed set of the season", standard_name="number_of_observations"),
    "fixed_cells_course": _about(
        "what a fixed set of cells has in common from year to year, weighted by area, with mean 0",
        "m3 m-3",
        comment="Beside a level of each cell: cells that enter or leave the record move nothing.",
    ),
    "slope_fixed_cells": _about(
        "trend of what a fixed set of cells has in common, weighted by area, beside a level of each cell", SLOPE
    ),
    "slope_fixed_cells_lower": _about("lower limit of slope_fixed_cells, effective sample size", SLOPE),
    "slope_fixed_cells_upper": _about("upper limit of slope_fixed_cells, effective sample size", SLOPE),
    "slope_fixed_cells_p_value": _about("two-sided p value of slope_fixed_cells, effective sample size"),
    "slope_fixed_cells_n_effective": _about(f"{SAMPLE} of slope_fixed_cells"),
    "n_fixed_cells": _about("cells of the fixed set", standard_name="number_of_observations"),
    "fixed_cells_share": _about(
        "share of the land area that the fixed set of cells covers", standard_name="area_fraction"
    ),
    "slope_without_end_years": _about(
        "slope_fixed_cells without the first or last years of the record",
        SLOPE,
        comment="The same course and cells, with the years that end_years names left out of the line.",
    ),
    "slope_without_end_years_lower": _about("lower limit of slope_without_end_years, effective sample size", SLOPE),
    "slope_without_end_years_upper": _about("upper limit of slope_without_end_years, effective sample size", SLOPE),
    "part_of_whole": _about(
        "trend of the part of the group in what all fixed cells have in common",
        SLOPE,
        comment="Area times departure from the level of each cell, over the area of all fixed cells with a value in "
        "the year: the parts of hemispheres, or of bands, add up to slope_fixed_cells of the whole, the first group.",
    ),
    "part_of_whole_lower": _about("lower limit of part_of_whole, effective sample size", SLOPE),
    "part_of_whole_upper": _about("upper limit of part_of_whole, effective sample size", SLOPE),
    "part_of_whole_p_value": _about("two-sided p value of part_of_whole, effective sample size"),
    "part_of_whole_n_effective": _about(f"{SAMPLE} of part_of_whole"),
    **_gradient(
        "latitude_gradient", "gradient of the trends of fixed cells with latitude, per 10 degrees", SLOPE, PER_DEGREES
    ),
    "latitude_line": _about("trend of fixed cells on the line of latitude_gradient", SLOPE),
    "latitude_line_lower": _about("lower limit of latitude_line", SLOPE, comment=TILES),
    "latitude_line_upper": _about("upper limit of latitude_line", SLOPE, comment=TILES),
}

STRATA: dict[str, dict[str, Any]] = TABLE | {
    "rising_share": _share(
        "share of the area where the driver has a significant trend above 0", cell_methods="area: mean"
    ),
    "falling_share": _share(
        "share of the area where the driver has a significant trend below 0", cell_methods="area: mean"
    ),
    "driver_trend_n_cells": _about("cells with a trend of the driver", standard_name="number_of_observations"),
    **_gradient("trend_gradient", "gradient of the trends of cells with a property of the land", SLOPE, PER_STEP),
    **_gradient("correlation_gradient", "gradient of partial_correlation with a property of the land", "1", PER_STEP),
}

SENSITIVITY: dict[str, dict[str, Any]] = {
    name: REGIONAL[name] for name in ("mean_of_slopes", "slope_fixed_cells", "slope", "drying_share", "wetting_share")
} | {
    "significant_share": _share("share of the covered area with a significant trend", cell_methods="area: mean"),
    "ddww_share_of_change": _share("share of dry gets drier and wet gets wetter in the changed land that counts"),
    "ddww_expected_share": _share("ddww_share_of_change expected by chance, of the same land"),
    "ddww_excess": _about("ddww_share_of_change less ddww_expected_share"),
    "odds_ratio": _about("odds ratio DD WW/(DW WD), by area"),
    "ddww_share_without_transition": _share(
        "share of dry gets drier and wet gets wetter in the changed dry and wet zones"
    ),
    "ddww_null_mean": _share("mean of ddww_share_of_change in worlds without trends"),
    "ddww_null_lower": _share("lower limit of ddww_share_of_change in worlds without trends"),
    "ddww_null_upper": _share("upper limit of ddww_share_of_change in worlds without trends"),
    "void": {"long_name": "why there is no such run; empty where there is"},
    "balanced": {"long_name": "variance_share rests on the combination"} | flags({0: "no", 1: "yes"}),
    "variance_share": _about("share of the variance of ddww_excess that goes with the choice"),
    "effect": _about("largest less smallest mean of ddww_excess of the options of the choice"),
}
