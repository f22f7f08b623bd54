"""The result in plain sentences; every share names its denominator."""

from __future__ import annotations

from smcloud.report.context import ReportContext
from smcloud.report.language import join, paragraph, tell
from smcloud.report.rounding import Record, Table, bounded, few_years, number, percent, shown, trend_text, words
from smcloud.report.scope import area_text, of_region
from smcloud.report.tables import CHANGING, CONSTANT


def global_trend(globe: Record | None, context: ReportContext) -> str:
    """Write the trend of a fixed set of cells with interval and p, then the other ways and why they differ."""
    if globe is None or globe["slope"] is None:
        if of_region(globe):
            return tell("No trend of the region could be computed: there are not enough valid years.")
        return tell("No global trend could be computed: there are not enough valid years.")
    own = trend_text(globe.get("mean_of_slopes"))
    if globe.get("slope_fixed_cells") is None:
        told = [
            tell(
                "The area-weighted mean of all cells with a value changes by {estimate}; no fixed set of cells has "
                "enough years, so cells that enter or leave the record are part of it.",
                estimate=_with_p(slope(globe, context), globe, "p_value"),
            )
        ]
    else:
        estimate = slope(globe, context, "slope_fixed_cells")
        estimate = _with_p(estimate, globe, "slope_fixed_cells_p_value")
        told = [tell("The mean of {cells} changes by {estimate}.", cells=_fixed_set(globe), estimate=estimate)]
        if {trend_text(globe[key]) for key in ("slope", "slope_fixed_cells")} == {own}:
            told.append(
                tell(
                    "The mean of all cells with a value has the same trend, and so has the mean of the cells’ own "
                    "slopes."
                )
            )
            return paragraph(told)
        told.append(
            tell(
                "The mean of all cells with a value changes by {estimate}, which also counts cells that enter or leave "
                "the record.",
                estimate=slope(globe, context),
            )
        )
    if globe.get("mean_of_slopes") is not None:
        told.append(tell("The mean of the cells’ own slopes, each over its own years, is {slope}.", slope=own))
    return paragraph(told)


def _fixed_set(globe: Record) -> str:
    """Say which cells the fixed set is of, and how much land they are."""
    cells, share = globe.get("n_fixed_cells"), globe.get("fixed_cells_share")
    if cells is None or share is None:
        return tell("the cells with a value in at least 80 % of the years and at both ends of the record")
    return tell(
        "the {cells} cells with a value in at least 80 % of the years and at both ends of the record "
        "({share} of the land)",
        cells=number(cells, 0), share=percent(share),
    )  # fmt: skip


def _with_p(estimate: str, row: Record, key: str) -> str:
    return estimate if row.get(key) is None else tell("{estimate}, {p}", estimate=estimate, p=p_text(row[key]))


def changed_area(globe: Record | None, context: ReportContext, coverage: Table) -> str:
    """Write the shares of the covered area that become drier and wetter, and how much of it is constant."""
    if globe is None or globe.get("drying_share") is None:
        return tell("No cell has a valid trend.")
    unchanged = 1 - globe["drying_share"] - globe["wetting_share"]
    return tell(
        "Of the {area} with a valid trend ({coverage}), {drying} dries and {wetting} becomes wetter significantly "
        "({test}); {unchanged} shows no significant change.",
        area=area(globe["covered_area_km2"]), coverage=_coverage(globe, coverage),
        drying=percent(globe["drying_share"]), wetting=percent(globe["wetting_share"]),
        test=context.trend_test, unchanged=percent(unchanged),
    )  # fmt: skip


def drivers(table: Table, context: ReportContext) -> str:
    """Write which driver is strongest on which share of the area with a result."""
    named = [row for row in table if row["driver"] not in ("none", "tie")]
    if any(row["share"] is None for row in named):
        return tell("No cell has enough valid years for a test of the drivers.")
    parts = [
        tell(
            "{driver} on {share} ({positive} positive, {negative} negative)",
            driver=words(row["driver"]), share=percent(row["share"]), positive=percent(row["positive_share"]),
            negative=percent(row["negative_share"]),
        )
        for row in sorted(named, key=lambda row: -row["share"])
    ]  # fmt: skip
    rest = {row["driver"]: row["share"] for row in table}
    values = {"test": context.driver_test, "drivers": join(parts), "none": percent(rest["none"])}
    if rest["tie"]:
        return tell(
            "Of the area with a test of the drivers, the strongest significant partial correlation ({test}) is with "
            "{drivers}; {none} has none, and {tie} is a tie.",
            tie=percent(rest["tie"]), **values,
        )  # fmt: skip
    return tell(
        "Of the area with a test of the drivers, the strongest significant partial correlation ({test}) is with "
        "{drivers}; {none} has none.",
        **values,
    )


def slope(row: Record, context: ReportContext, key: str = "slope") -> str:
    """Format ``−0.103 × 10⁻³ … (95 % interval −0.150 × 10⁻³ to −0.056 × 10⁻³)`` from a record of a table of regions."""
    text = trend_text(row[key], units=True)
    lower, upper = row.get(f"{key}_lower"), row.get(f"{key}_upper")
    if lower is None or upper is None:
        return text
    values = {"slope": text, "level": context.level, "few": few_years(row, key)}
    if not bounded(key, lower, upper):
        if not values["few"]:
            return tell("{slope} ({level} interval not bounded)", **values)
        return tell("{slope} ({level} interval not bounded, {few})", **values)
    values |= {"lower": trend_text(lower), "upper": trend_text(upper)}
    if not values["few"]:
        return tell("{slope} ({level} interval {lower} to {upper})", **values)
    return tell("{slope} ({level} interval {lower} to {upper}, {few})", **values)


def p_text(value: float) -> str:
    """Format ``p = 0.012`` or ``p < 0.001``."""
    text = shown("p_value", value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def area(value: float | None) -> str:
    """Format an area."""
    return tell("unknown area") if value is None else area_text(value)


def _coverage(globe: Record, coverage: Table) -> str:
    """Say how much of all land has a trend, and how much of it one of 0 because its values never change."""
    if not globe.get("area_km2") or globe.get("covered_area_km2") is None:
        return tell("land area unknown")
    share = percent(globe["covered_area_km2"] / globe["area_km2"])
    shares = {row["reason"]: row["share"] for row in coverage}
    if not shares.get(CONSTANT):
        return tell("{share} of all land", share=share)
    return tell(
        "{share} of all land: {changing} with values that change, {constant} constant, a slope of 0",
        share=share, changing=percent(shares[CHANGING]), constant=percent(shares[CONSTANT]),
    )  # fmt: skip
