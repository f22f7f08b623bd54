"""Whether a run can find anything: asked of its configuration before it starts, of its maps before they are sealed."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smcloud import conventions
from smcloud.config import RunConfig
from smcloud.errors import NoDataError, TooFewYearsError, all_at_once

if TYPE_CHECKING:
    import xarray as xr

    from smcloud.cube import Times
    from smcloud.pipeline.job import Job

log = logging.getLogger("smcloud")

MONTHS = 12
# Tests by ranks, and how many years each loses before it ranks.
RANK_TESTS = {"mann_kendall": 0, "hamed_rao": 0, "prewhitening": 1, "3pw": 1}
# The autocorrelation that shrinks the sample is corrected by n - 4.
LEAST_EFFECTIVE = 5
TOO_SHORT = "lengthen period in the configuration or lower years.min_years"
NEXT = {
    "too_short": TOO_SHORT,
    "ends_not_covered": "lower years.ends.min_years, or begin and end period where the record does",
    "months_not_connected": "raise annual.fixed_months_share: months that share no year have no common level",
    "constant": "check the source of soil_moisture: no series changes",
    "not_land": "check the source of land_mask, and whether soil_moisture lies on its land",
    "dropped": "check the sources of drivers.names: they have no values, or vary less than drivers.floors",
    "collinear": "leave one of the drivers out of drivers.names: they are combinations of each other",
}
EMPTY = {
    "monthly_means": "lower annual.min_months or monthly.min_days, or check the source of soil_moisture",
    "anomalies": "lower annual.min_climatology_years, annual.fixed_months_share or annual.year_months_share, or check "
    "the source of soil_moisture",
}


def whole_years(months: Times, first_month: int = 1) -> int:
    """Count the years from ``first_month`` that lie whole in ``months`` (datetime64[M], one after the other)."""
    return conventions.whole_years(int(months[0].astype(int)), len(months), first_month)[2]


def require_years(config: RunConfig, job: Job) -> None:
    """Raise :class:`TooFewYearsError` where no cell could have a result in the period of ``job``; a cube may be short.

    The error names every key that asks for more whole years than the period has.
    """
    years = whole_years(job.opened.months, config.annual.first_month)
    all_at_once(
        TooFewYearsError(
            f"the period has too few years for {what}",
            where="period",
            found=f"{years} whole years, {job.period[0]} to {job.period[1]}",
            expected=f"at least {least} ({key})",
            next=f"lengthen period in the configuration (its inputs must hold it), or {remedy}; smcloud ingest CONFIG "
            "makes the cube alone, of any number of years",
        )
        for key, least, what, remedy in years_needed(config)
        if years < least
    )


def years_needed(config: RunConfig) -> list[tuple[str, int, str, str]]:
    """List what asks for years: the key, the number of whole years, what it is for, and how to ask for fewer."""
    annual, years, trend, drivers = config.annual, config.years, config.trend, config.drivers
    needs = [("years.min_years", years.min_years, "a trend", "lower years.min_years")]
    if years.ends is not None:
        needs.append(("years.ends.min_years", years.ends.min_years, "both ends", "lower years.ends.min_years"))
    climatology = "annual.min_climatology_years", annual.min_climatology_years
    if annual.method == "anomalies":
        needs.append((*climatology, "anomalies", "lower annual.min_climatology_years"))
    if trend.test in RANK_TESTS:
        least, what = _least_of_ranks(config.alpha) + RANK_TESTS[trend.test], f"a p value below {config.alpha:g}"
        needs.append((f"trend.test: {trend.test}", least, what, "choose another trend.test"))
    if "effective" in (trend.interval, trend.test):
        remedy = "choose other trend.interval and trend.test"
        needs.append(("trend: effective", LEAST_EFFECTIVE, "an effective sample size", remedy))
    if drivers.names:
        cases = len(drivers.names) + drivers.detrend + 2
        needs.append(("drivers.names", cases, "partial correlations", "shorten drivers.names"))
        if drivers.monthly:
            needs.append((*climatology, "monthly anomalies of the drivers", "set drivers.monthly: false"))
            months = max(years.min_years, cases) + max(drivers.lags.values(), default=0)
            needs.append(("drivers.lags", -(-months // MONTHS), "the lags of the drivers", "lower drivers.lags"))
    if drivers.names and any(config.attribution.lags):
        needs.append((*climatology, "monthly anomalies of the drivers", "set attribution.lags: [0]"))
    return needs


def _least_of_ranks(alpha: float) -> int:
    """The fewest samples of which a Mann-Kendall test can have p < ``alpha``: all of them in order."""
    for n in itertools.count(3):
        z = (n * (n - 1) / 2 - 1) / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        if math.erfc(z / math.sqrt(2)) < alpha:
            return n
    raise AssertionError("p falls with n")


def require_findings(config: RunConfig, products: Mapping[str, xr.Dataset]) -> None:
    """Raise :class:`NoDataError`, with the counts of ``status``, where the maps in ``products`` hold no result.

    ``products`` holds trend and, where the run has them, drivers, lazy. A result is a slope with its p value in a cell
    that is not constant; and a partial correlation with its own.
    """
    trend = products["trend"]
    tested = trend["slope"].notnull() & trend["p_value"].notnull()
    _require("valid trend", "trend", trend, tested & _moves(trend), config)
    if "drivers" in products:
        drivers = products["drivers"]
        _require("valid partial correlation", "drivers", drivers, drivers["p_value"].notnull(), config)


def warn_of_mixed_pools(config: RunConfig, attrs: Mapping[str, Any]) -> None:
    """Log where the run's test pools cells that do not share one autocorrelation: the ``attrs`` of trend say it."""
    share = attrs.get("mixed_pools_share")
    if share and "effective_pooled" in (config.trend.test, config.trend.interval):
        log.warning(
            "on %.3g %% of the tested land the pool is not of one kind (trend: r1_dispersion above 1.5): "
            "the size of the test is not promised there",
            100 * share,
        )


def _moves(trend: xr.Dataset) -> xr.DataArray:
    codes, names = _flags(trend)
    return trend["status"] != codes[names.index("constant")]


def _flags(ds: xr.Dataset) -> tuple[list[int], list[str]]:
    attrs = ds["status"].attrs
    return [int(code) for code in attrs["flag_values"]], str(attrs["flag_meanings"]).split()


def _require(what: str, product: str, ds: xr.Dataset, valid: xr.DataArray, config: RunConfig) -> None:
    if bool(valid.any().compute()):
        return
    status = ds["status"].compute().values
    counts = {name: int((status == code).sum()) for code, name in zip(*_flags(ds), strict=True)}
    told = sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])
    reasons = [name for name in told if name not in ("ok", "not_land")] or told or ["empty"]
    remedies = NEXT | {"empty": EMPTY[config.annual.method], "ok": TOO_SHORT}
    raise NoDataError(
        f"no cell has a {what}, so nothing is published",
        where=f"{product}: status",
        found=f"of {status.size}: " + ", ".join(f"{counts[name]} {name.replace('_', ' ')}" for name in told),
        expected=f"one {what} or more",
        next=remedies.get(reasons[0], TOO_SHORT),
    )
