"""Sentences that keep a number from being read as more than it is."""

from __future__ import annotations

import numpy as np
import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.detectable import DETECTABLE
from smcloud.report.language import join, join_values, tell
from smcloud.report.rounding import FEW_YEARS, Record, number, percent, trend_text, words
from smcloud.report.series_figure import sensor_changes
from smcloud.report.values import areas, plain

COVERED = 0.8


def detectable(trend: xr.Dataset | None, context: ReportContext) -> str:
    """Write how large a trend has to be for half of the area to show it; empty where the product does not tell."""
    if trend is None or DETECTABLE not in trend:
        return ""
    field = trend[DETECTABLE].transpose("lat", "lon").values
    known = np.isfinite(field)
    if not known.any():
        return ""
    slopes, weight = field[known], areas(trend)[known]
    del field, known  # fields are large
    order = np.argsort(slopes)
    weight = weight[order].cumsum()
    middle = float(slopes[order][np.searchsorted(weight, weight[-1] / 2)])
    # Half of the tested area; the test is the one under the autocorrelation that neighbours share.
    if context.adjusts_trend:
        return tell(
            "“Not significant” is not “no change”: on half of the tested area even a trend of {slope} would be "
            "missed in "
            "one of five such records or more often (by the test under the autocorrelation that neighbours share, "
            "p < {alpha}, before the correction for many cells, which misses more). The map “What could have been "
            "found” "
            "shows this slope for each cell: where no trend is significant, one of up to this size may still be there.",
            slope=trend_text(middle, units=True), alpha=f"{context.alpha:g}",
        )  # fmt: skip
    return tell(
        "“Not significant” is not “no change”: on half of the tested area even a trend of {slope} would be missed in "
        "one of five such records or more often (by the test under the autocorrelation that neighbours share, "
        "p < {alpha}). The map “What could have been found” shows this slope for each cell: where no trend is "
        "significant, one of up to this size may still be there.",
        slope=trend_text(middle, units=True), alpha=f"{context.alpha:g}",
    )  # fmt: skip


def mixed_pools(trend: xr.Dataset | None, context: ReportContext) -> str:
    """Write where neighbours do not share one autocorrelation; empty where they do, or the product does not tell."""
    share = None if trend is None else plain(trend.attrs.get("mixed_pools_share", float("nan")))
    if not share:
        return ""
    if context.pools_trend:
        return tell(
            "Caution: on {share} of the tested area the autocorrelations of the neighbours differ by more than chance "
            "(dispersion above 1.5), so the pool is not of one kind, and the size of the test is not promised there.",
            share=percent(share),
        )
    return tell(
        "Caution: on {share} of the tested area the autocorrelations of the neighbours differ by more than chance "
        "(dispersion above 1.5), so the pool is not of one kind, and what is said to be detectable there is uncertain.",
        share=percent(share),
    )


def reference(trend: xr.Dataset | None) -> str:
    """Write how far the trend of the second record agrees with the first; empty without one."""
    share = None if trend is None else trend.attrs.get("reference_same_sign_share")
    if share is None:
        return ""
    return tell(
        "On {share} of the area with both, the reference record has a slope of the same sign.", share=percent(share)
    )


def few_independent(globe: Record | None, key: str) -> str:
    """Write that the trend rests on few independent years; empty where it does not."""
    years = (globe or {}).get("n_effective" if key == "slope" else f"{key}_n_effective")
    if years is None or years >= FEW_YEARS:
        return ""
    return tell(
        "Caution: the years are so alike that they count as {years} independent ones only; an interval of so few is "
        "wide whatever the trend is.",
        years=number(years, 1),
    )


def coverage(globe: Record | None) -> str:
    """Write that much of the land has no trend; empty where that is little."""
    if not globe or not globe.get("area_km2") or globe.get("covered_area_km2") is None:
        return ""
    share = globe["covered_area_km2"] / globe["area_km2"]
    if share >= COVERED:
        return ""
    return tell("Caution: only {share} of the land has a valid trend, and nothing here is of the rest.",
                share=percent(share))  # fmt: skip


def sensors(trend: xr.Dataset | None) -> str:
    """Write where the set of sensors changes on much of the area; empty where it does not, or is not known."""
    changes = [] if trend is None else sensor_changes(trend)
    if not changes:
        return ""
    told = [
        tell("{year} on {share} of the area", year=int(at + 0.5), share=percent(share)) for at, share in changes
    ]  # fmt: skip
    return tell(
        "Caution: the set of sensors changes in {changes}; a step there may be theirs and no change of the soil.",
        changes=join_values(told),
    )


def shared_sources(context: ReportContext) -> list[str]:
    """Write which drivers come from the source of soil moisture, and which share one with each other."""
    names = list(dict(context.config.get("drivers", {})).get("names", []))
    entries = {role: str(record.get("entry") or "") for role, record in context.inputs.items()}
    own = [words(name) for name in names if entries.get(name) and entries.get(name) == entries.get("soil_moisture")]
    lines = []
    if own:
        lines.append(
            tell(
                "Caution: soil moisture and {drivers} come from the same source ({source}), so that part of what they "
                "have in common may be the source’s own.",
                drivers=join(own), source=entries["soil_moisture"],
            )
        )  # fmt: skip
    by_source: dict[str, list[str]] = {}
    for name in names:
        if entries.get(name) and entries[name] != entries.get("soil_moisture"):
            by_source.setdefault(entries[name], []).append(words(name))
    lines += [
        tell(
            "Mind that {drivers} come from one source ({source}): errors of it may go together in them.",
            drivers=join(group), source=source,
        )
        for source, group in by_source.items()
        if len(group) > 1
    ]  # fmt: skip
    return lines


def own_zones(context: ReportContext) -> list[str]:
    """Write that the zones of dryness are made of the soil moisture that they are asked about."""
    if dict(context.config.get("zones", {})).get("scheme") != "climatology_terciles":
        return []
    return [
        tell(
            "Caution: the zones are thirds of the land by the mean of the same soil moisture whose trends are "
            "counted in "
            "them; nothing else says what is dry or wet."
        )
    ]
