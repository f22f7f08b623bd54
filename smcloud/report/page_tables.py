"""The tables of the page: which rows and columns are shown, their headings, and which rows rest on little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smcloud.products.tables import OF_THE_RESULT
from smcloud.report.labels import label
from smcloud.report.language import message, tell
from smcloud.report.rounding import Table, layout
from smcloud.report.scope import of_region, whole

_HEADINGS = {
    "bands": message("10-degree bands"),
    "coverage": message("Where there is a trend, and why not"),
    "comparators": message("Other estimators and tests"),
    "drivers": message("Strongest driver"),
    "ddww": message("DDWW"),
    "gradients": message("Gradients with properties of the land"),
    "attribution": message("How far the drivers can be told apart, and when they act (means over cells)"),
    "end_years": message("Without the ends of the record: trend of the fixed cells"),
    "seasons": message("Seasons: trend of the fixed cells of each"),
    "presets": message("Both presets on this world"),
    "strata_land_cover": message("By land cover"),
    "strata_texture": message("By soil texture (USDA)"),
    "strata_elevation": message("By elevation"),
    "strata_lai": message("By leaf area index"),
    "strata_aridity": message("By aridity (UNEP)"),
    "strata_climatology": message("By wetness: deciles of the land by mean soil moisture"),
    "strata_ddww": message("By DDWW class: which drivers go with it"),
}


def named_tables(tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    """Lay out all tables of a run for its page."""
    return [laid_out(name, shown_rows(name, table)) for name, table in tables.items()]


def shown_rows(name: str, table: Table) -> Table:
    """Select the rows of ``table`` that are on the page: a stratum without land says nothing."""
    return [row for row in table if row["area_km2"]] or table if name.startswith("strata_") else table


def laid_out(name: str, table: Table) -> dict[str, Any]:
    """Lay out one table: its name, heading, headers, cells, which columns are text and which rows are grey."""
    headers, text, rows = layout(table, OF_THE_RESULT if name == "strata_ddww" else ())
    heading = _heading(name, table)
    return {"name": name, "heading": heading, "headers": headers, "text": text, "rows": rows, "grey": grey(table)}


def _heading(name: str, table: Table) -> str:
    if name == "regions":
        return tell("The region") if of_region(whole(table)) else tell("Globe and hemispheres")
    return tell(_HEADINGS[name]) if name in _HEADINGS else label(name.removeprefix("strata_").replace("_", " "))


def grey(table: Table) -> list[bool]:
    """Say which rows rest on few cells, or on less than half of their land."""
    limits = {"n_cells": 10, "n_fixed_cells": 10, "covered_share": 0.5, "fixed_cells_share": 0.5}
    return [any(row.get(key) is not None and row[key] < least for key, least in limits.items()) for row in table]
