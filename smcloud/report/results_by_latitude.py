"""What this run says of the study's result R2: hemispheres, and trends by distance from the equator."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.labels import label
from smcloud.report.language import listed, tell
from smcloud.report.profiles import bands, latitudes
from smcloud.report.results import ABOVE, BELOW, NO_INTERVAL, NOT_APART, not_here, sign_of
from smcloud.report.rounding import Record, Table, number, percent, trend_text
from smcloud.report.scope import of_region
from smcloud.report.sentences import slope
from smcloud.report.tables import find


def latitude_result(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext
) -> list[str]:
    """R2: what each hemisphere adds to the trend, and how trends change with the distance from the equator."""
    rows = {key: find(tables.get("regions", []), key) for key in ("globe", "region", "south", "north")}
    found = {key: row for key, row in rows.items() if row is not None}
    halves = [found[key] for key in ("south", "north") if key in found and found[key].get("part_of_whole") is not None]
    lines = _parts(halves, context) if len(halves) == 2 else []
    lines += [gradient(row, context) for row in found.values() if row.get("latitude_gradient") is not None]
    shares = _hemispheres(products, tables)
    return [*lines, shares] if shares else lines or [not_here()]


def _parts(halves: Table, context: ReportContext) -> list[str]:
    """What each hemisphere adds, and whether one adds more than the other."""
    parts = []
    for row in halves:
        sign, values = sign_of(row, "part_of_whole"), {"half": label(row["label"])}
        values["part"] = slope(row, context, "part_of_whole")
        if sign == NOT_APART:
            parts.append(tell("{half} {part}, not told apart from 0", **values))
        elif sign == NO_INTERVAL:
            parts.append(tell("{half} {part}, no interval", **values))
        else:
            parts.append(tell("{half} {part}", **values))
    lines = [
        tell(
            "Parts of the global trend of the fixed cells, which they add up to: {parts}.",
            parts=listed(parts),
        )
    ]
    (low, high), (other, top) = ((row["part_of_whole_lower"], row["part_of_whole_upper"]) for row in halves)
    if None in (low, high, other, top):
        return lines
    if high < other:
        return [*lines, tell("By their intervals the south’s lies below the north’s.")]
    if low > top:
        return [*lines, tell("By their intervals the south’s lies above the north’s.")]
    return [*lines, tell("Their intervals overlap: none dominates for sure.")]


def gradient(row: Record, context: ReportContext) -> str:
    """Say how the trends of a region change with the distance from the equator, as far as the interval tells."""
    values = {
        "place": tell("The region") if of_region(row) else label(row["label"]),
        "change": slope(row, context, "latitude_gradient"), "cells": number(row["latitude_gradient_n_cells"], 0),
    }  # fmt: skip
    told = {
        BELOW: tell(
            "{place}: with every 10 degrees from the equator the trend changes by {change}, drier with latitude "
            "({cells} cells)."
        ),
        ABOVE: tell(
            "{place}: with every 10 degrees from the equator the trend changes by {change}, wetter with latitude "
            "({cells} cells)."
        ),
        NOT_APART: tell(
            "{place}: with every 10 degrees from the equator the trend changes by {change}, not told apart from 0 "
            "({cells} cells)."
        ),
        NO_INTERVAL: tell(
            "{place}: with every 10 degrees from the equator the trend changes by {change}, no interval "
            "({cells} cells)."
        ),
    }
    return told[sign_of(row, "latitude_gradient")].format(**values)


def _hemispheres(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> str:
    parts, templates = [], {
        "south": tell("south: {drying} dries, {wetting} becomes wetter, trend of a fixed set of cells {slope}"),
        "north": tell("north: {drying} dries, {wetting} becomes wetter, trend of a fixed set of cells {slope}"),
    }  # fmt: skip
    for key, template in templates.items():
        row = find(tables.get("regions", []), key)
        if row is not None and row["drying_share"] is not None:
            parts.append(
                template.format(
                    drying=percent(row["drying_share"]), wetting=percent(row["wetting_share"]),
                    slope=trend_text(row.get("slope_fixed_cells"), units=True),
                )
            )  # fmt: skip
    steps = _by_distance(bands(products)) if "regional" in products else []
    if steps:
        parts.append(tell("drying share by distance from the equator: {steps}", steps=tell(", ").join(steps)))
    return tell("Significant: {parts}.", parts=listed(parts)) if parts else ""


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
