"""What this run says of the study's results R5 and R6: classes of change, and strata of the land."""

from __future__ import annotations

import re
from collections.abc import Mapping

from smcloud.report.labels import label
from smcloud.report.language import listed, paragraph, tell, tell_count
from smcloud.report.results import ABOVE, BELOW, NO_INTERVAL, NOT_APART, not_here, sign_of, sign_told
from smcloud.report.rounding import Record, Table, few_years, interval, number, percent, shown, trend_text, words

FEW = 10
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
            lines.append(tell("{class_}: no cell.", class_=name))
        elif row is not None:
            lines.append(paragraph([_parts_of(name, row), _moves(row)]))
    return [tell("Mean part of the trend, m³ m⁻³ yr⁻¹."), *lines] if lines else [not_here()]


def _parts_of(name: str, row: Record) -> str:
    parts = [
        tell("{driver} {part}", driver=words(driver), part=trend_text(part))
        for driver, part in _of_drivers(row, "trend_contribution").items()
    ]
    return tell_count(
        "{class_}: {parts}, of {all} in all ({cells} cell).",
        "{class_}: {parts}, of {all} in all ({cells} cells).",
        row["n_cells"],
        class_=name, parts=tell(", ").join(parts) or tell("no driver"), all=trend_text(row.get("mean_of_slopes")),
        cells=number(row["n_cells"], 0),
    )  # fmt: skip


def _moves(row: Record) -> str:
    moves = [
        tell(
            "{driver} rises on {rising} and falls on {falling}",
            driver=words(driver), rising=percent(row[f"rising_share: {driver}"]), falling=percent(falls),
        )
        for driver, falls in _of_drivers(row, "falling_share").items()
    ]  # fmt: skip
    return tell("Significant trends of the drivers, of its area: {moves}.", moves=listed(moves)) if moves else ""


def _wetting_line(sign: str, items: list[str]) -> str:
    templates = {
        ABOVE: tell("Trend of the mean (m³ m⁻³ yr⁻¹, limits in 10⁻³), interval above 0: {strata}."),
        BELOW: tell("Trend of the mean (m³ m⁻³ yr⁻¹, limits in 10⁻³), interval below 0: {strata}."),
        NOT_APART: tell("Trend of the mean (m³ m⁻³ yr⁻¹, limits in 10⁻³), not told apart from 0: {strata}."),
        NO_INTERVAL: tell("Trend of the mean (m³ m⁻³ yr⁻¹, limits in 10⁻³), without an interval: {strata}."),
    }
    return templates[sign].format(strata=listed(items))


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
            sign = sign_told(row.get("slope_lower"), row.get("slope_upper"))
            signs.setdefault(sign, []).append(_stratum_trend(row))
    lines = [_wetting_line(sign, signs[sign]) for sign in (ABOVE, BELOW, NOT_APART, NO_INTERVAL) if sign in signs]
    for driver, pattern in _R6_RESPONSES:
        responses = [
            tell("{stratum} {r}", stratum=label(str(row["label"])), r=_r_text(row, key))
            for row in rows
            if pattern.search(str(row["label"]).lower())
            for key in _keys_of(row, "partial_correlation", driver)
            if row[key] is not None
        ]
        if responses:
            lines.append(
                tell("Mean partial r with {driver}: {strata}.", driver=words(driver), strata=listed(responses))
            )
    return [*lines, *_gradients(tables.get("gradients", []))] or [not_here()]


def _stratum_trend(row: Record) -> str:
    lower, upper = row.get("slope_lower"), row.get("slope_upper")
    limits = [] if lower is None or upper is None else [interval("slope", lower, upper)]
    told = tell(", ").join([*limits, *filter(None, [few_years(row)])])
    values = {"stratum": label(str(row["label"])), "slope": trend_text(row["slope"]), "limits": told}
    text = tell("{stratum} {slope} ({limits})", **values) if told else tell("{stratum} {slope}", **values)
    if row["n_cells"] >= FEW:
        return text
    return tell_count(
        "{trend}, of {cells} cell only", "{trend}, of {cells} cells only", row["n_cells"], trend=text,
        cells=row["n_cells"],
    )  # fmt: skip


def _names_class(row: Record, name: str) -> bool:
    return re.search(rf"\b{name}\b", f"{row['label']} {row['key']}".replace("_", " ")) is not None


def _keys_of(row: Record, column: str, driver: str = "") -> list[str]:
    """The keys of ``column`` of the drivers whose names hold ``driver``, without limits and numbers of cells."""
    ends = ("_lower", "_upper", "_n_cells")
    return [key for key in row if key.startswith(f"{column}: ") and driver in key and not key.endswith(ends)]


def _of_drivers(row: Record, column: str) -> dict[str, float | None]:
    return {key.split(": ")[1]: row[key] for key in _keys_of(row, column)}


def _r_text(row: Record, key: str) -> str:
    lower, upper, cells = (row.get(f"{key}{end}") for end in ("_lower", "_upper", "_n_cells"))
    if lower is None or upper is None:
        return shown("correlation", row[key])
    values = {
        "r": shown("correlation", row[key]), "limits": interval("correlation", lower, upper),
        "cells": number(cells or 0, 0),
    }  # fmt: skip
    if sign_told(lower, upper) == NOT_APART:
        return tell("{r} ({limits}, not told apart from 0; {cells} cells)", **values)
    return tell("{r} ({limits}; {cells} cells)", **values)


def _gradients(table: Table) -> list[str]:
    """Those that the study speaks of: of the response to temperature with clay and sand, of the trend with height."""
    lines = []
    for row in table:
        heat = row["label"] in ("clay", "sand") and "temperature" in row["driver"]
        key = "correlation_per_step" if heat else "slope_per_step"
        if row.get(key) is None or not (heat or (row["label"], row["driver"]) == ("elevation", "trend")):
            continue
        lines.append(_of_correlation(row, key) if heat else _of_trend(row, key))
    return lines


def _values(row: Record, key: str) -> dict[str, str]:
    return {
        "step": row["step"], "property": label(row["label"]), "cells": number(row["n_cells"], 0),
        "limits": interval(key, row[f"{key}_lower"], row[f"{key}_upper"]),
    }  # fmt: skip


def _of_correlation(row: Record, key: str) -> str:
    sign = sign_of(row, key)
    values = _values(row, key) | {"driver": words(row["driver"]), "change": shown("correlation", row[key])}
    if sign == NO_INTERVAL:
        return tell(
            "With {step} more of {property}, partial r with {driver} changes by {change} ({cells} cells, no interval).",
            **values,
        )
    if sign == NOT_APART:
        return tell(
            "With {step} more of {property}, partial r with {driver} changes by {change} ({limits}; {cells} cells), "
            "not told apart from 0.",
            **values,
        )
    return tell(
        "With {step} more of {property}, partial r with {driver} changes by {change} ({limits}; {cells} cells).",
        **values,
    )


def _of_trend(row: Record, key: str) -> str:
    sign = sign_of(row, key)
    values = _values(row, key) | {"change": trend_text(row[key], units=True)}
    if sign == NO_INTERVAL:
        return tell(
            "With {step} more of {property}, the trend changes by {change} ({cells} cells, no interval).", **values
        )
    if sign == NOT_APART:
        return tell(
            "With {step} more of {property}, the trend changes by {change} ({limits} × 10⁻³; {cells} cells), "
            "not told apart from 0.",
            **values,
        )
    return tell(
        "With {step} more of {property}, the trend changes by {change} ({limits} × 10⁻³; {cells} cells).", **values
    )
