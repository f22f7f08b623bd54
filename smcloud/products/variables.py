"""CF attributes of every published variable, by product."""

from __future__ import annotations

from typing import Any

from smcloud.conventions import STANDARD_NAMES
from smcloud.products.end_years import CODES
from smcloud.products.flags import CLASS_MEANING, CLASSES, NOT_CONNECTED, SIGNIFICANT, STATUS, ZONES, flags
from smcloud.products.table_variables import REGIONAL, SEASON_TRENDS, SENSITIVITY, SLOPE, STRATA


def _about(long_name: str, units: str = "1", **more: str) -> dict[str, Any]:
    return {"long_name": long_name, "units": units, **more}


STATISTICS = "time: mean (annual values)"

ANNUAL: dict[str, dict[str, Any]] = {role: {"standard_name": name} for role, name in STANDARD_NAMES.items()} | {
    "n_months": _about(
        "valid months of soil moisture in the year", standard_name="number_of_observations", cell_methods="time: sum"
    ),
    "seasonal_soil_moisture": _about(
        "mean soil moisture of the season",
        "m3 m-3",
        standard_name="volume_fraction_of_condensed_water_in_soil",
        cell_methods="time: mean",
        comment="DJF belongs to the year of its January; growing is the months with a mean soil temperature above 5 "
        "degrees C, cell by cell. Of annual anomalies: departures from the levels of the months, at the level of the "
        "year.",
    ),
    "n_fixed_months": _about("calendar months that annual values of the cell are made of"),
    "anomaly_status": {"long_name": "why a cell has no annual anomalies", "standard_name": "status_flag"}
    | flags({code: STATUS[code] for code in (0, 1, NOT_CONNECTED)}),
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
    "anomaly_slope": _about(
        "ordinary least squares slope of annual anomalies",
        SLOPE,
        comment="Months and years fitted together, over the months that a cell has in nearly every year: the trend if "
        "a month that is missing in some years did not count by its place in the seasons.",
    ),
    "sen_slope": _about("Theil-Sen slope", SLOPE),
    "mk_s": _about("Mann-Kendall S"),
    "mk_z": _about("Mann-Kendall Z"),
    "mk_tau": _about("Kendall tau-b of soil moisture and time"),
    "mk_p_value": _about("two-sided p value of the Mann-Kendall test"),
    "vctfpw_slope": _about("Theil-Sen slope after trend-free prewhitening with the variance restored (VCTFPW)", SLOPE),
    "effective_p_value": _about("two-sided p value of ols_slope, effective sample size of the cell"),
    "pw3_p_value": _about("the larger p value of the Mann-Kendall tests after prewhitening, with and without trend"),
    "pw_p_value": _about("two-sided p value of the Mann-Kendall test after prewhitening"),
    "hamed_rao_p_value": _about("two-sided p value of the Mann-Kendall test with the variance of Hamed and Rao"),
    "lag1_autocorrelation": _about("lag-1 autocorrelation of the residuals of ols_slope"),
    "r1_pooled": _about("lag-1 autocorrelation that the cells within the radius share"),
    "n_pooled": _about("cells whose residuals r1_pooled is made of", standard_name="number_of_observations"),
    "r1_dispersion": _about(
        "variance of the lag-1 autocorrelations within the radius over the variance that one value would give them",
        comment="Above 1.5 the cells do not share one autocorrelation, and the size of the test is not promised.",
    ),
    "mixed_pools_share": _about("share of the tested area where r1_dispersion is above 1.5"),
    "minimum_detectable_slope": _about(
        "slope that is found in 80 % of all records, by the test with the shared autocorrelation", SLOPE
    ),
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
        "two-sided p value of slope_with_breaks by the test with the shared autocorrelation, a step for each break"
    ),
    "break_year": _about(
        "change of the sensors: the year, and the share of its months before the change",
        "year",
        comment="What a step of slope_with_breaks stands for, in the order of time; nothing where there are fewer.",
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
    **SEASON_TRENDS,
    "end_years_slope_change": _about(
        "ols_slope without the first or last years of the record less ols_slope, of the case with the largest change",
        SLOPE,
        comment="One or two years left out at the first, the last, or both ends; end_years_case says which.",
    ),
    "end_years_case": {"long_name": "years that are left out in end_years_slope_change"} | flags(CODES),
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
    "trend_contribution": _about("part of the trend that goes with the driver's trend, time and others held", SLOPE),
    "trend_contribution_stderr": _about("standard error of trend_contribution, of the driver as it was", SLOPE),
    "trend_contribution_stderr_total": _about("the same with the error of the driver's own trend", SLOPE),
    "trend_contribution_df": _about("degrees of freedom of trend_contribution_stderr, effective sample size"),
    "contribution_without_time": _about("trend_contribution with time not held: credits idle drivers too", SLOPE),
    "trend_unexplained": _about("part of slope_complete_cases that goes with no driver", SLOPE),
    "slope_complete_cases": _about("ordinary least squares slope over the years with all drivers in use", SLOPE),
    "lmg": _about("share of R2 that enters with the driver, mean over all orders of entry (LMG)"),
    "variance_inflation_factor": _about(
        "variance inflation factor of the driver beside the others",
        comment="1/(1 - R2) of the driver on all others (time among them where it is held), over the years of "
        "partial_correlation; above 5 to 10 the effects of the drivers cannot be told apart well.",
    ),
    "lagged_partial_correlation": _about(
        "partial correlation of deseasonalised monthly soil moisture with the drivers lag months before",
        comment="A lag below 0 correlates with the months after: a feedback, or a cause that both share.",
    ),
    "lagged_p_value": _about("two-sided p value of lagged_partial_correlation, effective sample size"),
    "lagged_df": _about("degrees of freedom of lagged_partial_correlation, effective sample size"),
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
    "dominance_probability": _about("1 - largest p value of the strongest driver's lead over another; no posterior"),
    "status": {"long_name": "why a cell has no value", "standard_name": "status_flag"} | flags(STATUS),
}

DDWW: dict[str, dict[str, Any]] = {
    "zone": {"long_name": "zone of dryness"} | flags(ZONES),
    "ddww_class": {
        "long_name": "class of the significant change: first letter the zone, second letter the change",
        "comment": "; ".join(f"{key}: {value}" for key, value in CLASS_MEANING.items()),
    }
    | flags(CLASSES),
    "area_km2": _about("area of the class", "km2", cell_methods="area: sum"),
    "share_of_all_land": _about(
        "share of the class in all land, with or without a valid trend", standard_name="area_fraction"
    ),
    "share_of_land": _about(
        "share of the class in the land with a valid trend and a zone", standard_name="area_fraction"
    ),
    "share_of_change": _about(
        "share of the class in the land with a significant change and a zone that counts", standard_name="area_fraction"
    ),
    "expected_share": _about(
        "share of change expected by chance: share of the zone in the land of share_of_change, times the share of the "
        "drying or wetting part in it"
    ),
    "zone_limits": _about("limits of the zones"),
}

VARIABLES = {
    "annual": ANNUAL,
    "trend": TREND,
    "drivers": DRIVERS,
    "ddww": DDWW,
    "regional": REGIONAL,
    "strata": STRATA,
    "sensitivity": SENSITIVITY,
}
