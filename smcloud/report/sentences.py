"""The result in plain sentences; every share names its denominator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from smcloud.report.context import SLOPE_UNITS, ReportContext
from smcloud.report.rounding import NOT_BOUNDED, POWER, Record, Table, interval, number, percent, shown, words
from smcloud.report.tables import areas, find, plain

DETECTABLE = "minimum_detectable_slope"


def summary(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    """Write what the run found, in order: global trend, changed area, drivers, DDWW; says which parts are absent."""
    globe = find(tables.get("regions", []), "globe")
    lines = ["This release holds no regional product."]
    if "regional" in products:
        lines = [global_trend(globe, context), changed_area(globe, context)]
    lines += [detectable(products.get("trend")), reference(products.get("trend"))]
    lines.append(drivers(tables["drivers"], context) if "drivers" in tables else "This run tested no drivers.")
    if "ddww" in products:
        lines += ddww(products["ddww"], tables.get("ddww", []))
    else:
        lines.append("This run has no DDWW classes, because it has no zones of dryness.")
    return [line for line in lines if line]


def global_trend(globe: Record | None, context: ReportContext) -> str:
    """Write the global trend of a fixed set of cells with interval and p, then the other ways and why they differ."""
    if globe is None or globe["slope"] is None:
        return "No global trend could be computed: there are not enough valid years."
    raw = slope(globe, context)
    if globe.get("slope_fixed_cells") is None:
        text = f"The area-weighted mean of all cells with a value changes by {raw}{_p(globe, 'p_value')}"
        text += "; no fixed set of cells has enough years, so cells that enter or leave the record are part of it"
    else:
        text = f"The mean of {_fixed_set(globe)} changes by {slope(globe, context, 'slope_fixed_cells')}"
        text += f"{_p(globe, 'slope_fixed_cells_p_value')}. The mean of all cells with a value changes by {raw}, "
        text += "which also counts cells that enter or leave the record"
    if globe.get("mean_of_slopes") is not None:
        text += (
            f"; the mean of the cells’ own slopes, each over its own years, is {trend_text(globe['mean_of_slopes'])}"
        )
    return text + "."


def _fixed_set(globe: Record) -> str:
    """Say which cells the fixed set is of, and how much land they are."""
    cells, share = globe.get("n_fixed_cells"), globe.get("fixed_cells_share")
    of_land = "" if share is None else f", {percent(share)} of the land"
    count = "the cells" if cells is None else f"the {number(cells, 0)} cells"
    return f"{count} with a value in at least 80 % of the years, also at both ends{of_land},"


def _p(row: Record, key: str) -> str:
    return "" if row.get(key) is None else f", {p_text(row[key])}"


def trend_text(value: float | None, units: bool = False) -> str:
    """Format ``−0.103 × 10⁻³``: a number of a sentence carries its power of ten."""
    return shown("slope", value) + ("" if value is None else f" × {SLOPE_UNITS if units else POWER}")


def detectable(trend: xr.Dataset | None) -> str:
    """Write how large a trend has to be for half of the area to show it; empty where the product does not tell."""
    if trend is None or DETECTABLE not in trend:
        return ""
    slopes = trend[DETECTABLE].transpose("lat", "lon").values.astype(float)
    known = np.isfinite(slopes)
    if not known.any():
        return ""
    order = np.argsort(slopes[known])
    weight = areas(trend)[known][order].cumsum()
    middle = float(slopes[known][order][np.searchsorted(weight, weight[-1] / 2)])
    return (
        f"“Not significant” is not “no change”: on half of the area a trend of {trend_text(middle, units=True)} would "
        f"be found in at most 80 % of such records (tested under the autocorrelation that neighbours share)."
    )


def reference(trend: xr.Dataset | None) -> str:
    """Write how far the trend of the second record agrees with the first; empty without one."""
    share = None if trend is None else trend.attrs.get("reference_same_sign_share")
    if share is None:
        return ""
    return f"On {percent(share)} of the area with both, the reference record has a slope of the same sign."


def changed_area(globe: Record | None, context: ReportContext) -> str:
    """Write the shares of the covered area that become drier and wetter."""
    if globe is None or globe.get("drying_share") is None:
        return "No cell has a valid trend."
    unchanged = 1 - globe["drying_share"] - globe["wetting_share"]
    return (
        f"Of the {area(globe['covered_area_km2'])} with a valid trend ({_coverage(globe)}), "
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
        text = f"The odds ratio DD × WW / (DW × WD), by area, is {number(odds, 2)}"
        lower, upper = attribute("odds_ratio_lower"), attribute("odds_ratio_upper")
        if lower is not None and upper is not None:
            level = 100 * (1 - float(product.attrs.get("alpha", 0.05)))
            text += f" ({level:g} % interval {number(lower, 2)} to {number(upper, 2)})"
        lines.append(f"{text}; 1 is no association.")
    lower, upper = attribute("ddww_null_lower"), attribute("ddww_null_upper")
    if lower is not None and upper is not None:
        lines.append(
            f"Where directions of change go together in space but know nothing of the zones, the share lies between "
            f"{percent(lower)} and {percent(upper)} in 95 % of simulations."
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
    return f" ({level:g} % interval {number(100 * lower, 1)} to {percent(upper)}, by a bootstrap of 20-degree tiles)"


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
        return f"{text} ({context.level} interval {NOT_BOUNDED})"
    return f"{text} ({context.level} interval {trend_text(lower)} to {trend_text(upper)})"


def p_text(value: float) -> str:
    """Format ``p = 0.012`` or ``p < 0.001``."""
    text = shown("p_value", value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def area(value: float | None) -> str:
    """Format an area in million km2."""
    if value is None:
        return "unknown area"
    return f"{number(value / 1e6, 1 if value >= 1e7 else 3)} million km²"


def join(parts: list[str]) -> str:
    """Join words as ``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _coverage(globe: Record) -> str:
    if not globe.get("area_km2") or globe.get("covered_area_km2") is None:
        return "land area unknown"
    return f"{percent(globe['covered_area_km2'] / globe['area_km2'])} of all land"
