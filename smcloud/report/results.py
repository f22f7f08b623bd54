"""What this run says of the study's results R1 to R4, in sentences that go no further than their intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.profiles import bands, latitudes
from smcloud.report.rounding import NOT_BOUNDED, Record, Table, interval, number, percent, trend_text, words
from smcloud.report.scope import of_region, whole
from smcloud.report.sentences import ddww, global_trend, join, slope
from smcloud.report.tables import find

NOT_HERE = "This run does not hold what is needed."
CHANGED = "area with a significant change"
STUDY_TREND = -0.10e-3
NOT_APART = "not told apart from 0"
_TENTHS = re.compile(r"decile (\d+)")


def sign_told(lower: float | None, upper: float | None) -> str:
    """Say what an interval tells of a sign: ``above 0``, ``below 0``, that it tells none, or that there is none."""
    if lower is None or upper is None:
        return "no interval"
    return "above 0" if lower > 0 else "below 0" if upper < 0 else NOT_APART


def global_result(tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    """R1: the trend, what its interval tells, of the globe's where the study's number lies, and what the ends add."""
    return _global(tables, context) + _without_ends(tables.get("end_years", []))


def _global(tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    globe = whole(tables.get("regions", []))
    lines = [global_trend(globe, context)]
    key = "slope_fixed_cells" if globe is not None and globe.get("slope_fixed_cells") is not None else "slope"
    if globe is None or globe.get(f"{key}_lower") is None or globe.get(f"{key}_upper") is None:
        return lines
    lower, upper = globe[f"{key}_lower"], globe[f"{key}_upper"]
    if interval("slope", lower, upper) == NOT_BOUNDED:
        return lines
    if sign_told(lower, upper) == NOT_APART:
        what = "trend" if of_region(globe) else "global trend"
        lines.append(f"The interval holds 0: the {what} is not told apart from none.")
    if not context.invented and not of_region(globe):
        lies = "inside" if lower <= STUDY_TREND <= upper else "outside"
        lines.append(f"The study’s number lies {lies} this interval; it has none of its own.")
    return lines


def _without_ends(table: Table) -> list[str]:
    """How far the trend of the fixed cells of the whole rests on the ends of the record."""
    own = [row for row in table if row["key"].startswith(("globe/", "region/")) and row["slope"] is not None]
    if len(own) < 2:
        return []
    told = [
        f"{trend_text(row['slope'])} (left out: {row['left_out']})"
        for row in (min(own, key=lambda row: row["slope"]), max(own, key=lambda row: row["slope"]))
    ]
    return [f"Without one or two years at an end, or at both, that of the fixed cells lies between {join(told)}."]


def latitude_result(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext
) -> list[str]:
    """R2: what each hemisphere adds to the trend, and how trends change with the distance from the equator."""
    rows = {key: find(tables.get("regions", []), key) for key in ("globe", "region", "south", "north")}
    found = {key: row for key, row in rows.items() if row is not None}
    lines = []
    halves = [found[key] for key in ("south", "north") if key in found and found[key].get("part_of_whole") is not None]
    if len(halves) == 2:
        parts = [
            f"{row['label']} {slope(row, context, 'part_of_whole')}{_verdict(row, 'part_of_whole')}" for row in halves
        ]
        lines.append(f"Parts of the global trend of the fixed cells, which they add up to: {'; '.join(parts)}.")
        (low, high), (other, top) = ((row["part_of_whole_lower"], row["part_of_whole_upper"]) for row in halves)
        if None not in (low, high, other, top):
            apart = "the south’s lies below" if high < other else "the south’s lies above" if low > top else ""
            told = (
                f"By their intervals {apart} the north’s."
                if apart
                else "Their intervals overlap: none dominates for sure."
            )
            lines.append(told)
    for row in found.values():
        if row.get("latitude_gradient") is not None:
            place = "The region" if of_region(row) else row["label"]
            change, cells = slope(row, context, "latitude_gradient"), number(row["latitude_gradient_n_cells"], 0)
            lines.append(
                f"{place}: with every 10 degrees from the equator the trend changes by {change}, "
                f"{_with_latitude(row)} ({cells} cells)."
            )
    shares = _hemispheres(products, tables)
    return [*lines, shares] if shares else lines or [NOT_HERE]


def driver_result(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[str]:
    """R3: where each driver is the strongest, which leads in each decile of wetness, and how it acts in dry land."""
    if "drivers" not in tables or any(row["share"] is None for row in tables["drivers"]):
        return [NOT_HERE]
    named = [row for row in tables["drivers"] if row["driver"] not in ("none", "tie")]
    lines = [
        "Of the area with a result: "
        + "; ".join(
            f"{words(row['driver'])} {percent(row['share'])} ({percent(row['positive_share'])} positive)"
            for row in named
        )
        + "."
    ]
    deciles = tables.get("strata_climatology", [])
    names = [row["driver"] for row in named]
    if not deciles or any(f"dominant_share: {name}" not in deciles[0] for name in names):
        return lines
    led: dict[str, list[str]] = {}
    for row in deciles:
        led.setdefault(leader(row, names) or "", []).append(_tenth(row))
    told = [f"{words(name)} in {_deciles(led[name])}" for name in names if name in led]
    none = f"; none is told to be ahead in {_deciles(led[''])}" if "" in led and told else ""
    lines.append(
        f"Strongest by decile of mean soil moisture, 1 the driest, where the interval of its share lies above those of "
        f"all others: {', '.join(told) or 'no driver in any decile'}{none}."
    )
    lines += _positive(deciles, names)
    for name in names:
        signs = {
            sign: [_tenth(row) for row in deciles if sign_of(row, f"partial_correlation: {name}") == sign]
            for sign in ("above 0", "below 0")
        }
        parts = [f"{sign} in decile{'s' * (len(own) > 1)} {_deciles(own)}" for sign, own in signs.items() if own]
        lines.append(
            f"Mean partial r with {words(name)}, by its interval: {', '.join(parts) or f'{NOT_APART} in any decile'}."
        )
    return lines


def _positive(deciles: Table, names: Sequence[str]) -> list[str]:
    """On how much of the driest and the wettest tenth each driver acts significantly, and which way."""
    parts = []
    for name in names:
        ends = [
            [row.get(f"significant_{sign}_share: {name}") for sign in ("positive", "negative")]
            for row in (deciles[0], deciles[-1])
        ]
        if all(share is not None for end in ends for share in end):
            (dry_up, dry_down), (wet_up, wet_down) = [[percent(share) for share in end] for end in ends]
            parts.append(f"{words(name)} above 0 on {dry_up} and {wet_up}, below 0 on {dry_down} and {wet_down}")
    if not parts:
        return []
    return [f"Significant partial r, by area of the driest and of the wettest tenth: {'; '.join(parts)}."]


def share_result(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[str]:
    """R4: the DDWW share by both denominators, with intervals and what chance gives."""
    if "ddww" not in products:
        return [NOT_HERE]
    return ddww(products["ddww"], tables.get("ddww", []))


def leader(row: Record, names: Sequence[str]) -> str | None:
    """Return the driver whose share has an interval above those of all others; None where no driver has."""
    lower: dict[str, Any] = {name: row.get(f"dominant_share: {name}_lower") for name in names}
    upper: dict[str, Any] = {name: row.get(f"dominant_share: {name}_upper") for name in names}
    if None in (*lower.values(), *upper.values()):
        return None
    return next((own for own in names if all(lower[own] > upper[n] for n in names if n != own)), None)


def _tenth(row: Record) -> str:
    found = _TENTHS.search(str(row["label"]))
    return found[1] if found else str(row["label"])


def _deciles(numbers: Sequence[str]) -> str:
    """Join numbers, neighbours as ``4 to 7``."""
    if not all(text.isdigit() for text in numbers):
        return join(list(numbers))
    runs: list[list[int]] = []
    for place in sorted(map(int, numbers)):
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return join([text for run in runs for text in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))])


def sign_of(row: Record, key: str) -> str:
    """What the interval of ``key`` tells of its sign."""
    return sign_told(row.get(f"{key}_lower"), row.get(f"{key}_upper"))


def _verdict(row: Record, key: str) -> str:
    told = sign_of(row, key)
    return f", {told}" if told in (NOT_APART, "no interval") else ""


def _with_latitude(row: Record) -> str:
    told = sign_of(row, "latitude_gradient")
    return {"below 0": "drier with latitude", "above 0": "wetter with latitude"}.get(told, told)


def _hemispheres(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> str:
    parts = []
    for key in ("south", "north"):
        row = find(tables.get("regions", []), key)
        if row is not None and row["drying_share"] is not None:
            parts.append(
                f"{key}: {percent(row['drying_share'])} dries, {percent(row['wetting_share'])} becomes wetter, "
                f"trend of a fixed set of cells {trend_text(row.get('slope_fixed_cells'), units=True)}"
            )
    steps = _by_distance(bands(products)) if "regional" in products else []
    if steps:
        parts.append("drying share by distance from the equator: " + ", ".join(steps))
    return f"Significant: {'; '.join(parts)}." if parts else ""


def _by_distance(rows: Table) -> list[str]:
    steps = []
    for low, high in ((0, 30), (30, 60), (60, 90)):
        total = dry = 0.0
        for row in rows:
            limits = latitudes(row)
            if limits and low <= abs(sum(limits) / 2) < high and row["drying_share"] is not None:
                total += row["covered_area_km2"]
                dry += row["covered_area_km2"] * row["drying_share"]
        if total:
            steps.append(f"{low}–{high}° {percent(dry / total)}")
    return steps
