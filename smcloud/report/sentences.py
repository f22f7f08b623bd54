"""The result in plain sentences; every share names its denominator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from smcloud.report.caveats import detectable, mixed_pools, reference
from smcloud.report.context import ReportContext
from smcloud.report.rounding import (
    NOT_BOUNDED,
    Record,
    Table,
    few_years,
    figures,
    hundredths,
    interval,
    number,
    percent,
    shown,
    trend_text,
    words,
)
from smcloud.report.scope import area_text, of_region, region_sentence, whole
from smcloud.report.tables import CHANGING, CONSTANT
from smcloud.report.values import plain


def summary(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    """Write what the run found, in order: region, trend, changed area, drivers, DDWW; says which are absent."""
    globe = whole(tables.get("regions", []))
    lines = ["This release holds no regional product."]
    if "regional" in products:
        lines = [global_trend(globe, context), changed_area(globe, context, tables.get("coverage", []))]
        lines = [region_sentence(products, tables, context), *lines]
    trend = products.get("trend")
    lines += [detectable(trend, context), mixed_pools(trend, context), reference(trend)]
    lines.append(drivers(tables["drivers"], context) if "drivers" in tables else "This run tested no drivers.")
    if "ddww" in products:
        lines += ddww(products["ddww"], tables.get("ddww", []))
    else:
        lines.append("This run has no DDWW classes, because it has no zones of dryness.")
    return [line for line in lines if line]


def global_trend(globe: Record | None, context: ReportContext) -> str:
    """Write the trend of a fixed set of cells with interval and p, then the other ways and why they differ."""
    if globe is None or globe["slope"] is None:
        what = "trend of the region" if of_region(globe) else "global trend"
        return f"No {what} could be computed: there are not enough valid years."
    raw = slope(globe, context)
    if globe.get("slope_fixed_cells") is None:
        text = f"The area-weighted mean of all cells with a value changes by {raw}{_p(globe, 'p_value')}"
        text += "; no fixed set of cells has enough years, so cells that enter or leave the record are part of it"
    else:
        text = f"The mean of {_fixed_set(globe)} changes by {slope(globe, context, 'slope_fixed_cells')}"
        text += f"{_p(globe, 'slope_fixed_cells_p_value')}. The mean of all cells with a value "
        same = {trend_text(globe[key]) for key in ("slope", "slope_fixed_cells")}
        if len(same | {trend_text(globe.get("mean_of_slopes"))}) == 1:
            return f"{text}has the same trend, and so has the mean of the cells’ own slopes."
        text += f"changes by {raw}, which also counts cells that enter or leave the record"
    if globe.get("mean_of_slopes") is not None:
        text += (
            f"; the mean of the cells’ own slopes, each over its own years, is {trend_text(globe['mean_of_slopes'])}"
        )
    return text + "."


def _fixed_set(globe: Record) -> str:
    """Say which cells the fixed set is of, and how much land they are."""
    cells, share = globe.get("n_fixed_cells"), globe.get("fixed_cells_share")
    of_land = "" if share is None else f" ({percent(share)} of the land)"
    count = "the cells" if cells is None else f"the {number(cells, 0)} cells"
    return f"{count} with a value in at least 80 % of the years and at both ends of the record{of_land}"


def _p(row: Record, key: str) -> str:
    return "" if row.get(key) is None else f", {p_text(row[key])}"


def changed_area(globe: Record | None, context: ReportContext, coverage: Table) -> str:
    """Write the shares of the covered area that become drier and wetter, and how much of it is constant."""
    if globe is None or globe.get("drying_share") is None:
        return "No cell has a valid trend."
    unchanged = 1 - globe["drying_share"] - globe["wetting_share"]
    return (
        f"Of the {area(globe['covered_area_km2'])} with a valid trend ({_coverage(globe)}{_constant(coverage)}), "
        f"{percent(globe['drying_share'])} dries and {percent(globe['wetting_share'])} becomes wetter significantly "
        f"({context.trend_test}); {percent(unchanged)} shows no significant change."
    )


def drivers(table: Table, context: ReportContext) -> str:
    """Write which driver is strongest on which share of the area with a result."""
    named = [row for row in table if row["driver"] not in ("none", "tie")]
    if any(row["share"] is None for row in named):
        return "No cell has enough valid years for a test of the drivers."
    parts = [
        f"{words(row['driver'])} on {percent(row['share'])} ({percent(row['positive_share'])} positive, "
        f"{percent(row['negative_share'])} negative)"
        for row in sorted(named, key=lambda row: -row["share"])
    ]
    rest = {row["driver"]: row["share"] for row in table}
    tie = f", and {percent(rest['tie'])} is a tie" if rest["tie"] else ""
    return (
        f"Of the area with a test of the drivers, the strongest significant partial correlation "
        f"({context.driver_test}) is with {join(parts)}; {percent(rest['none'])} has none{tie}."
    )


def ddww(product: xr.Dataset, table: Table) -> list[str]:
    """Write DDWW and its opposite with both denominators, and the expectation by chance."""
    shares = ddww_shares(product, table)
    if not shares["changed"]:
        return ["No zone has a significant change, so there is no DDWW share."]
    lines = [
        f"“Dry gets drier, wet gets wetter” (DD + WW) holds on {percent(shares['of_change'])}"
        f"{_interval(product, 'change')} of {_changed_land(product)} ({area(shares['changed'])}), "
        f"which is {percent(shares['of_land'])}{_interval(product, 'land')} of the land with a valid trend and a zone."
    ]
    lines += _odds(product)
    opposite = (
        f"The opposite (DW + WD) covers {percent(shares['opposite_of_change'])} of the changed area and "
        f"{percent(shares['opposite_of_land'])} of that land"
    )
    if shares["by_chance"] is None:
        return [*lines, f"{opposite}."]
    chance = f"if zone and change had nothing to do with each other, DDWW would hold on {percent(shares['by_chance'])}"
    return [*lines, f"{opposite}; {chance} of the changed area."]


def _odds(product: xr.Dataset) -> list[str]:
    """The odds ratio with its interval, and the range of the share where the directions know nothing of the zones."""

    def attribute(name: str) -> float | None:
        return plain(product.attrs[name]) if name in product.attrs else None

    lines, odds = [], attribute("odds_ratio")
    if odds is not None:
        text = f"The odds ratio DD × WW / (DW × WD), by area, is {figures(odds)}"
        lower, upper = attribute("odds_ratio_lower"), attribute("odds_ratio_upper")
        if lower is not None and upper is not None:
            level = 100 * (1 - float(product.attrs.get("alpha", 0.05)))
            text += f" ({level:g} % interval {figures(lower)} to {figures(upper)})"
        lines.append(f"{text}; 1 is no association.")
    lower, upper = attribute("ddww_null_lower"), attribute("ddww_null_upper")
    if lower is not None and upper is not None:
        lines.append(
            f"Where directions of change go together in space but know nothing of the zones, the DDWW share lies "
            f"between {percent(lower)} and {percent(upper)} in 95 % of simulations."
        )
    return lines


def _changed_land(product: xr.Dataset) -> str:
    """What shares of the change are of."""
    return str(product.attrs.get("ddww_share_of_change_denominator", "the area with a significant change and a zone"))


def _interval(product: xr.Dataset, base: str) -> str:
    """The interval of a DDWW share in brackets, nothing where the run has none."""
    names = [f"ddww_share_of_{base}_{limit}" for limit in ("lower", "upper")]
    lower, upper = (plain(product.attrs[name]) if name in product.attrs else None for name in names)
    if lower is None or upper is None:
        return ""
    level = 100 * (1 - float(product.attrs.get("alpha", 0.05)))
    method = ", by a bootstrap of 20-degree tiles" if base == "change" else ""
    return f" ({level:g} % interval {hundredths(lower)} to {percent(upper)}{method})"


def ddww_shares(product: xr.Dataset, table: Table) -> dict[str, Any]:
    """Return DDWW shares 0..1 of the changed area and of land with a trend; its opposite's, chance's; changed km2."""
    rows = {row["class"]: row for row in table}

    def together(names: tuple[str, str], key: str) -> float | None:
        values = [rows[name].get(key) for name in names if name in rows]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == 2 else None

    def attribute(name: str) -> float | None:
        return plain(product.attrs[name]) if name in product.attrs else None

    return {
        "of_change": attribute("ddww_share_of_change"),
        "of_land": attribute("ddww_share_of_land"),
        "opposite_of_change": together(("DW", "WD"), "share_of_change"),
        "opposite_of_land": together(("DW", "WD"), "share_of_land"),
        "by_chance": together(("DD", "WW"), "expected_share"),
        "changed": sum(row["area_km2"] or 0.0 for row in table if row["share_of_change"] is not None),
    }


def slope(row: Record, context: ReportContext, key: str = "slope") -> str:
    """Format ``−0.103 × 10⁻³ … (95 % interval −0.150 × 10⁻³ to −0.056 × 10⁻³)`` from a record of a table of regions."""
    text = trend_text(row[key], units=True)
    lower, upper = row.get(f"{key}_lower"), row.get(f"{key}_upper")
    if lower is None or upper is None:
        return text
    if interval(key, lower, upper) == NOT_BOUNDED:
        return f"{text} ({context.level} interval {NOT_BOUNDED}{few_years(row, key)})"
    return f"{text} ({context.level} interval {trend_text(lower)} to {trend_text(upper)}{few_years(row, key)})"


def p_text(value: float) -> str:
    """Format ``p = 0.012`` or ``p < 0.001``."""
    text = shown("p_value", value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def area(value: float | None) -> str:
    """Format an area."""
    if value is None:
        return "unknown area"
    return area_text(value)


def join(parts: list[str]) -> str:
    """Join words as ``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _constant(coverage: Table) -> str:
    """Say how much of all land has a trend of 0 because its values never change; empty where none has."""
    shares = {row["reason"]: row["share"] for row in coverage}
    if not shares.get(CONSTANT):
        return ""
    return f": {percent(shares[CHANGING])} with values that change, {percent(shares[CONSTANT])} constant, a slope of 0"


def _coverage(globe: Record) -> str:
    if not globe.get("area_km2") or globe.get("covered_area_km2") is None:
        return "land area unknown"
    return f"{percent(globe['covered_area_km2'] / globe['area_km2'])} of all land"
