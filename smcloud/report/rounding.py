"""Numbers and tables as readers see them: rounding, units, dashes, Markdown."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from smcloud.delimited import WIDEST
from smcloud.report.labels import label
from smcloud.report.language import message, tell, tell_count

Record = dict[str, Any]
Table = list[Record]

DASH = "–"
MINUS = "−"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWER = "10⁻³"
SLOPE_UNITS = f"{POWER} m³ m⁻³ yr⁻¹"
FEW_YEARS = 5  # independent ones: an interval of so few is wide whatever the trend is

_HEADERS = {
    "label": "",
    "driver": message("Driver"),
    "class": message("Class"),
    "reason": message("Status"),
    "meaning": message("Meaning"),
    "name": message("Score"),
    "score": message("Reached"),
    "expected": message("Expected"),
    "wanted": message("Wanted"),
    "verdict": message("Verdict"),
    "details": message("Details"),
    "slope": message("Trend (10⁻³/yr)"),
    "mean_of_slopes": message("Mean of trends (10⁻³/yr)"),
    "slope_fixed_cells": message("Trend, fixed cells (10⁻³/yr)"),
    "p_value": message("p"),
    "slope_fixed_cells_p_value": message("p"),
    "n_effective": message("Independent years"),
    "slope_fixed_cells_n_effective": message("Independent years"),
    "part_of_whole_n_effective": message("Independent years"),
    "left_out": message("Years left out"),
    "season": message("Season"),
    "variance_inflation_factor": message("Variance inflation factor"),
    "lmg": message("Share of R² (LMG)"),
    "drying_share": message("Drying (%)"),
    "wetting_share": message("Wetting (%)"),
    "area_km2": message("Area (10³ km²)"),
    "covered_area_km2": message("With data (10³ km²)"),
    "n_cells": message("Cells"),
    "land_share": message("Land (%)"),
    "covered_share": message("With data (%)"),
    "n_fixed_cells": message("Fixed cells"),
    "fixed_cells_share": message("Land of fixed cells (%)"),
    "method": message("Method"),
    "preset": message("Preset"),
    "phi": message("φ"),
    "significant_share": message("False alarms by the preset’s rule (%)"),
    "detected_share": message("Strong trends with p below alpha (%)"),
    "called_share": message("Strong trends found by the preset’s rule (%)"),
    "rejected_share": message("p below alpha (%)"),
    "share": message("Share (%)"),
    "positive_share": message("Positive (%)"),
    "negative_share": message("Negative (%)"),
    "part_of_whole": message("Part of the whole’s trend (10⁻³/yr)"),
    "part_of_whole_p_value": message("p"),
    "latitude_gradient": message("Trend per 10° from the equator (10⁻³/yr)"),
    "latitude_gradient_n_cells": message("Cells of it"),
    "step": message("Per"),
    "slope_per_step": message("Trend changes by (10⁻³/yr)"),
    "correlation_per_step": message("r changes by"),
    "share_of_change": message("Of changed area (%)"),
    "share_of_land": message("Of land with a trend (%)"),
    "share_of_all_land": message("Of all land (%)"),
    "expected_share": message("Of changed area by chance (%)"),
}
_OF_A_DRIVER = {
    "partial_correlation": message("r"),
    "dominant_share": message("Strongest (%)"),
    "positive_share": message("r above 0 (%)"),
    "significant_positive_share": message("r significant, above 0 (%)"),
    "significant_negative_share": message("r significant, below 0 (%)"),
    "trend_contribution": message("Part of trend (10⁻³/yr)"),
    "rising_share": message("Rising (%)"),
    "falling_share": message("Falling (%)"),
    "driver_trend_n_cells": message("Cells with its trend"),
}


def words(name: str) -> str:
    """Return a role's name for readers."""
    return label("LAI" if name == "lai" else name.replace("_", " "))


def percent(share: float | None) -> str:
    """Format a share 0..1 as ``12.3 %``, a dash where it is missing."""
    return DASH if share is None else f"{hundredths(share)} %"


def hundredths(share: float) -> str:
    """Format a share 0..1 in per cent: one decimal as long as that makes no more than three digits."""
    if 0 < share < 0.0005:
        return "< 0.1"
    return number(100 * share, 1 if abs(share) < 0.9995 else 0)


def number(value: float, decimals: int) -> str:
    """Format a rounded number with a true minus sign and no negative zero."""
    text = f"{abs(value):,.{decimals}f}"
    negative = value < 0 and any(digit not in "0.,-" for digit in text)
    return (MINUS if negative else "") + text


def figures(value: float, decimals: int = 4) -> str:
    """Format with three significant digits, as far as ``decimals`` reach; as a power of ten where they do not fit."""
    if not value:
        return "0"
    digits, power = f"{abs(value):.2e}".split("e")
    if int(power) >= 5:
        return f"{MINUS if value < 0 else ''}{digits} × 10{str(int(power)).translate(SUPERSCRIPT)}"
    kept = 2 - int(power)
    text = number(value, min(kept, decimals)) if kept >= 0 else number(round(value, kept), 0)
    return text if any(digit in "123456789" for digit in text) else "0"


def shown(key: str, value: Any) -> str:
    """Format a value of a record for readers: slopes in 1e-3, shares in %, areas in 1000 km2, None as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return DASH
    if isinstance(value, str):
        return value
    if key == "phi":
        return f"{value:g}"
    if key.endswith("p_value"):
        return "< 0.001" if value < 0.001 else figures(value, 3)
    if key.endswith("n_cells"):
        return number(value, 0)
    if key.endswith(("n_effective", "inflation_factor")):
        return number(value, 1)
    if key == "lmg":
        return number(value, 2)
    if any(part in key for part in ("slope", "contribution", "part_of_whole", "latitude_gradient")):
        return figures(1e3 * value)
    if "share" in key:
        return hundredths(value)
    if key.endswith("km2"):
        return number(value / 1e3, 0 if value >= 1e5 or value == 0 else 1)
    if "correlation" in key:
        return number(value, 2)
    return number(value, 0) if float(value).is_integer() else figures(value)


def trend_text(value: float | None, units: bool = False) -> str:
    """Format ``−0.103 × 10⁻³``: a number of a sentence carries its power of ten."""
    return shown("slope", value) + ("" if value is None else f" × {SLOPE_UNITS if units else POWER}")


def layout(table: Sequence[Record], kept: Collection[str] = ()) -> tuple[list[str], list[bool], list[list[str]]]:
    """Return headers, which columns are text, and the rounded cells; an estimate and its limits share two columns.

    Columns without a single value are left out, but for those of ``kept``; ``key`` is for machines and is not shown.
    """
    keys = [key for key in table[0] if key != "key" and (key in kept or any(row[key] is not None for row in table))]
    headers, text, columns = [], [], []
    for key in keys:
        if key.endswith("_upper") and f"{key.removesuffix('_upper')}_lower" in keys:
            continue
        if key.endswith("_lower") and f"{key.removesuffix('_lower')}_upper" in keys:
            upper = f"{key.removesuffix('_lower')}_upper"
            headers.append(tell("interval"))
            columns.append([interval(key, row[key], row[upper]) for row in table])
            text.append(False)
            continue
        headers.append(_header(key))
        columns.append([words(row[key]) if key == "driver" else label(shown(key, row[key])) for row in table])
        text.append(any(isinstance(row[key], str) for row in table))
    return headers, text, [list(cells) for cells in zip(*columns, strict=True)]


def markdown(table: Sequence[Record]) -> str:
    """Write the table in GitHub's Markdown, rounded as on the page; an empty table says so."""
    if not table:
        return "(empty)"
    headers, text, rows = layout(table)
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (headers, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = [
        [cell.ljust(w) if is_text else cell.rjust(w) for cell, w, is_text in zip(line, widths, text, strict=True)]
        for line in cells
    ]
    rule = ["-" * max(3, w) if is_text else "-" * max(2, w - 1) + ":" for w, is_text in zip(widths, text, strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (padded[0], rule, *padded[1:]))


def _header(key: str) -> str:
    if ":" in key:
        name, driver = key.split(": ")
        if driver.endswith("_n_cells"):
            return tell("Cells, {driver}", driver=words(driver.removesuffix("_n_cells")))
        column = tell(_OF_A_DRIVER[name]) if name in _OF_A_DRIVER else label(name)
        return tell("{column}, {driver}", column=column, driver=words(driver))
    if ", lag " in key:
        return _lag(int(key.rpartition(" ")[2]))
    if key.startswith("trend_of_"):
        return tell("Trend of {driver} (its unit/yr)", driver=words(key.removeprefix("trend_of_")))
    if key.startswith("power_"):
        size = key.split("_")[1]
        return tell("Power at {size} standard errors, by the preset’s rule (%)", size=size)
    return tell(_HEADERS[key]) if key in _HEADERS else label(key.replace("_", " "))


def _lag(months: int) -> str:
    if not months:
        return tell("r, driver of the same month")
    if months < 0:
        return tell_count("r, driver {months} month later", "r, driver {months} months later", -months, months=-months)
    return tell_count("r, driver {months} month before", "r, driver {months} months before", months, months=months)


def few_years(row: Record, key: str = "slope") -> str:
    """Say at a number whose interval rests on few independent years how many these are; else an empty text."""
    years = row.get("n_effective" if key == "slope" else f"{key}_n_effective")
    if years is None or years >= FEW_YEARS:
        return ""
    return tell("{years} independent years only", years=number(years, 1))


def bounded(key: str, lower: Any, upper: Any) -> bool:
    """Return whether two limits say something: those of a slope may be wider than all that soil can hold."""
    return not ("slope" in key and upper - lower > WIDEST)


def interval(key: str, lower: Any, upper: Any) -> str:
    """Format two limits for readers; a dash where one is missing, ``not bounded`` where they say nothing."""
    if lower is None or upper is None:
        return DASH
    if not bounded(key, lower, upper):
        return tell("not bounded")
    return tell("{lower} to {upper}", lower=shown(key, lower), upper=shown(key, upper))
