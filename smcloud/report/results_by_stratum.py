"""What this run says of the study's results R5 and R6: classes of change, and strata of the land."""

from __future__ import annotations

import re
from collections.abc import Mapping

from smcloud.report.results import NOT_APART, NOT_HERE, sign_of, sign_told
from smcloud.report.rounding import Record, Table, few_years, interval, number, percent, shown, trend_text, words

FEW = 10
TOLD = {"no interval": "without an interval", "above 0": "interval above 0", "below 0": "interval below 0"}
_R5_CLASSES = ("WW", "DW", "WD", "DD")
_R6_WETTING = re.compile(r"crop|savanna|forest|loam|^\D*[12]000")
_R6_RESPONSES = (("temperature", re.compile(r"barren")), ("lai", re.compile(r"forest")))


def class_result(tables: Mapping[str, Table]) -> list[str]:
    """R5: by class the parts of the drivers in its mean trend, and where the drivers themselves rise and fall."""
    table = next((rows for name, rows in tables.items() if name.startswith("strata_ddww")), [])
    lines = []
    for name in _R5_CLASSES:
        row = next((row for row in table if _names_class(row, name)), None)
        if row is not None and not row["n_cells"]:
            lines.append(f"{name}: no cell.")
        elif row is not None:
            moves = [
                f"{words(driver)} rises on {percent(row[f'rising_share: {driver}'])} and falls on {percent(falls)}"
                for driver, falls in _of_drivers(row, "falling_share").items()
            ]
            own = f" Significant trends of the drivers, of its area: {'; '.join(moves)}." if moves else ""
            lines.append(f"{name}: {_contributions(row)} ({number(row['n_cells'], 0)} cells).{own}")
    return ["Mean part of the trend, m³ m⁻³ yr⁻¹.", *lines] if lines else [NOT_HERE]


def strata_result(tables: Mapping[str, Table]) -> list[str]:
    """R6: trends of the strata that the study names, by what their intervals tell; responses, and gradients."""
    rows = [
        row
        for name, table in tables.items()
        if name.startswith("strata_") and not name.startswith(("strata_ddww", "strata_climatology"))
        for row in table
    ]
    signs: dict[str, list[str]] = {}
    for row in rows:
        if row["slope"] is not None and _R6_WETTING.search(str(row["label"]).lower()):
            signs.setdefault(sign_told(row.get("slope_lower"), row.get("slope_upper")), []).append(
                f"{row['label']} {trend_text(row['slope'])}{_limits(row)}{_few(row)}"
            )
    lines = [
        f"Trend of the mean (m³ m⁻³ yr⁻¹, limits in 10⁻³), {TOLD.get(sign, sign)}: {'; '.join(signs[sign])}."
        for sign in ("above 0", "below 0", NOT_APART, "no interval")
        if sign in signs
    ]
    for driver, pattern in _R6_RESPONSES:
        responses = [
            f"{row['label']} {_r_text(row, key)}"
            for row in rows
            if pattern.search(str(row["label"]).lower())
            for key in _keys_of(row, "partial_correlation", driver)
            if row[key] is not None
        ]
        if responses:
            lines.append(f"Mean partial r with {words(driver)}: {'; '.join(responses)}.")
    return [*lines, *_gradients(tables.get("gradients", []))] or [NOT_HERE]


def _limits(row: Record) -> str:
    lower, upper = row.get("slope_lower"), row.get("slope_upper")
    limits = "" if lower is None or upper is None else interval("slope", lower, upper)
    told = f"{limits}{few_years(row)}".removeprefix(", ")
    return f" ({told})" if told else ""


def _few(row: Record) -> str:
    return f", of {row['n_cells']} cells only" if row["n_cells"] < FEW else ""


def _names_class(row: Record, name: str) -> bool:
    return re.search(rf"\b{name}\b", f"{row['label']} {row['key']}".replace("_", " ")) is not None


def _keys_of(row: Record, column: str, driver: str = "") -> list[str]:
    """The keys of ``column`` of the drivers whose names hold ``driver``, without limits and numbers of cells."""
    ends = ("_lower", "_upper", "_n_cells")
    return [key for key in row if key.startswith(f"{column}: ") and driver in key and not key.endswith(ends)]


def _of_drivers(row: Record, column: str) -> dict[str, float | None]:
    return {key.split(": ")[1]: row[key] for key in _keys_of(row, column)}


def _contributions(row: Record) -> str:
    parts = [f"{words(name)} {trend_text(part)}" for name, part in _of_drivers(row, "trend_contribution").items()]
    return f"{', '.join(parts) or 'no driver'}, of {trend_text(row.get('mean_of_slopes'))} in all"


def _r_text(row: Record, key: str) -> str:
    lower, upper, cells = (row.get(f"{key}{end}") for end in ("_lower", "_upper", "_n_cells"))
    if lower is None or upper is None:
        return shown("correlation", row[key])
    told = f", {NOT_APART}" if sign_told(lower, upper) == NOT_APART else ""
    limits = f"{interval('correlation', lower, upper)}{told}"
    return f"{shown('correlation', row[key])} ({limits}; {number(cells or 0, 0)} cells)"


def _gradients(table: Table) -> list[str]:
    """Those that the study speaks of: of the response to temperature with clay and sand, of the trend with height."""
    lines = []
    for row in table:
        heat = row["label"] in ("clay", "sand") and "temperature" in row["driver"]
        key = "correlation_per_step" if heat else "slope_per_step"
        if row.get(key) is None or not (heat or (row["label"], row["driver"]) == ("elevation", "trend")):
            continue
        what = f"partial r with {words(row['driver'])}" if heat else "the trend"
        change = shown("correlation", row[key]) if heat else trend_text(row[key], units=True)
        told, cells = sign_of(row, key), f"{number(row['n_cells'], 0)} cells"
        limits = f"{interval(key, row[f'{key}_lower'], row[f'{key}_upper'])}{'' if heat else ' × 10⁻³'}; "
        if told == "no interval":
            limits, cells = "", f"{cells}, no interval"
        lines.append(
            f"With {row['step']} more of {row['label']}, {what} changes by {change} ({limits}{cells})"
            f"{f', {told}' if told == NOT_APART else ''}."
        )
    return lines
