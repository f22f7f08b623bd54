"""Title of each product, and a summary that says what this run did: estimator, test, adjustment, interval, zones."""

from __future__ import annotations

from collections.abc import Sequence

from smcloud.config import RunConfig
from smcloud.conventions import span_in_words

TEXTS = {
    "annual": (
        "Annual soil moisture and its drivers",
        "Annual series of soil moisture and of every role that may drive it, with the number of valid months.",
    ),
    "trend": (
        "Trend of annual soil moisture",
        "Per cell: slope with its interval, p value, significance, and comparators.",
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
        "Trend of the area-weighted mean and its interval of the whole, its parts and 10-degree bands, what each part "
        "adds to the trend of the whole, and how trends change with the distance from the equator.",
    ),
    "strata": (
        "Soil moisture change by stratum",
        "Trend, significant shares, mean partial correlations, and trends and parts of the drivers by land cover, soil "
        "texture, elevation, leaf area, aridity, wetness and class of change; gradients with properties of the land.",
    ),
    "sensitivity": (
        "Sensitivity of the result to each choice",
        "Trend of the whole and of hemispheres, significant share, DDWW share and its excess over chance for every "
        "combination of slope, test, rule for many tests, zones, annual values and first year.",
    ),
}
ESTIMATORS = {"ols": "ordinary least squares", "sen": "Theil-Sen"}
TESTS = {
    "ols": "t test of the least-squares slope, autocorrelation not allowed for",
    "effective": "t test of the least-squares slope with the effective sample size of each cell",
    "effective_pooled": "t test of the least-squares slope with an autocorrelation that neighbouring cells share",
    "mann_kendall": "Mann-Kendall, autocorrelation not allowed for",
    "prewhitening": "Mann-Kendall after prewhitening",
    "3pw": "Mann-Kendall after prewhitening with and without the trend (3PW)",
    "hamed_rao": "Mann-Kendall with the variance of Hamed and Rao",
}
INTERVALS = {
    "t": "years taken as independent",
    "effective": "effective sample size of each cell",
    "effective_pooled": "an autocorrelation that neighbouring cells share",
}
SCHEMES = {
    "aridity": "fixed limits of the aridity index",
    "aridity_terciles": "terciles of land area by the aridity index",
    "climatology_terciles": "terciles of land area by mean soil moisture",
    "water_balance": "the sign of precipitation less potential evaporation",
}


def summary_of(product: str, config: RunConfig, provisional: Sequence[str] = ()) -> str:
    """Say what ``product`` holds and how this run made it, and which months rest on provisional input."""
    how = {
        "annual": _annual,
        "trend": _trend,
        "drivers": _drivers,
        "ddww": _ddww,
        "regional": _tables,
        "strata": _tables,
        "sensitivity": _sensitivity,
    }[product](config)
    late = f"Months on provisional input: {', '.join(provisional)}." if provisional else ""
    return " ".join(filter(None, (TEXTS[product][1], how, late)))


def _annual(config: RunConfig) -> str:
    return f"{_months(config)} A year is the {span_in_words(config.annual.first_month)}."


def _months(config: RunConfig) -> str:
    if config.annual.method == "anomalies":
        return "Years are means of monthly anomalies over the months that a cell has in nearly every year."
    return f"Years are means of valid months, at least {config.annual.min_months} of soil moisture and 12 of a driver."


def _trend(config: RunConfig) -> str:
    trend = config.trend
    interval = "limits by ranks" if trend.estimator == "sen" else INTERVALS[trend.interval]
    return f"Slope: {ESTIMATORS[trend.estimator]}. Interval of {_level(config)}: {interval}. {_significance(config)}"


def _significance(config: RunConfig) -> str:
    adjusted = config.trend.significance == "p_adjusted"
    rule = (
        f"p_adjusted <= {config.alpha:g} (Benjamini-Hochberg over all cells)"
        if adjusted
        else f"p_value < {config.alpha:g}, not adjusted for the number of cells"
    )
    return f"Test: {TESTS[config.trend.test]}; significant is {rule}."


def _drivers(config: RunConfig) -> str:
    drivers = config.drivers
    held = "the other drivers and time" if drivers.detrend else "the other drivers"
    size = "the number of years" if drivers.dof == "n" else "the effective sample size"
    rule = (
        f"p_value < {config.alpha:g}, not adjusted"
        if drivers.dominant == "p_value"
        else f"p_adjusted <= {config.alpha:g} and a lead over every other driver with p < {config.alpha:g}"
    )
    kind = drivers.method.capitalize()
    return f"Partial correlation ({kind}) with {held} held; p values by {size}. A dominant driver has {rule}."


def _ddww(config: RunConfig) -> str:
    transition = "" if config.zones.transition_in_share else ", shares without the transition zone"
    draws = config.bootstrap.replicates
    interval = f"Intervals of {_level(config)} of the shares: bootstrap of tiles of the map, {draws} draws."
    none = "No intervals of the shares."
    return f"Zones: {SCHEMES[config.zones.scheme]}{transition}. {interval if draws else none} {_significance(config)}"


def _tables(config: RunConfig) -> str:
    return (
        "Trends here are least-squares slopes of area-weighted means, p values and intervals with the effective "
        f"sample size; drying and wetting shares are of cells that are significant. {_significance(config)} "
        f"{_tiles(config)}"
    )


def _tiles(config: RunConfig) -> str:
    draws = config.bootstrap.replicates
    if not draws:
        return "Means over cells and gradients have no intervals."
    return f"Intervals of {_level(config)} of means over cells and of gradients: {draws} draws of 20-degree tiles."


def _sensitivity(config: RunConfig) -> str:
    return (
        "Each combination has the numbers of a run with its keys; what it does not choose is as in the run's "
        f"configuration. The run itself: {_ddww(config)}"
    )


def _level(config: RunConfig) -> str:
    return f"{100 * (1 - config.alpha):g} %"
