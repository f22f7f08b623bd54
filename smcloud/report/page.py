"""The report's page: one HTML file, the PNG files that it shows, and its tables as CSV files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr

from smcloud.config.choices import described, flattened, follows_the_study, levels_of
from smcloud.products.tables import OF_THE_RESULT
from smcloud.report.context import ReportContext
from smcloud.report.curve_section import NAME, PARQUET, curve_section
from smcloud.report.downloads import downloads, file_name, scores
from smcloud.report.figures import OF_THE_STUDY, draw_all
from smcloud.report.maps import DETECTABLE, ENDS
from smcloud.report.published import comparison, ddww_figures, differences
from smcloud.report.rounding import Table, figures, layout
from smcloud.report.scope import of_region, region_name, region_words, whole
from smcloud.report.scorecard import scorecard_table
from smcloud.report.sentences import summary
from smcloud.report.tables import COMPARATOR_COLUMNS, summary_tables
from smcloud.secrecy import told_lines

_LINK = re.compile(r"https?://[^\s<>\"']+|\b10\.\d{4,9}/[^\s<>\"']+")
_NOT_SHOWN = ("levels", "changed")  # of the configuration: who chose what stands under choices
_BOUNDS = ("lat_bnds", "lon_bnds", "region_share")  # what areas are made of
_USED: dict[str, tuple[str, ...]] = {
    "annual": (),
    "trend": (
        "slope",
        "significant",
        "climatology",
        "status",
        DETECTABLE,
        "break_year",
        "n_breaks",
        ENDS,
        *COMPARATOR_COLUMNS,
        *_BOUNDS,
    ),
    "drivers": (
        "dominant_driver",
        "dominant_correlation",
        "variance_inflation_factor",
        "lmg",
        "lagged_partial_correlation",
        *_BOUNDS,
    ),
}
_KINDS = {
    "land_cover": "land cover",
    "texture": "soil texture (USDA)",
    "elevation": "elevation",
    "lai": "leaf area index",
    "aridity": "aridity (UNEP)",
    "climatology": "wetness: deciles of the land by mean soil moisture",
    "ddww": "DDWW class: which drivers go with it",
}


def render(products: Mapping[str, xr.Dataset], context: ReportContext) -> dict[str, bytes]:
    """Render the report of a run: file name -> bytes, ``index.html`` and the PNG and CSV files that it links to.

    ``products`` holds the datasets annual, trend, drivers, ddww, regional, strata and sensitivity, as far as the
    run has them; the page names what is absent. Nothing is read or written, and the same input gives
    the same bytes.
    """
    from jinja2 import Environment, StrictUndefined

    products = {name: _loaded(name, ds) for name, ds in products.items()}
    context = _with_resolution(context, products)
    tables = summary_tables(products)
    pictures, absent = draw_all(products, context)
    curve = curve_section(products[NAME]) if NAME in products else None
    template = resources.files("smcloud.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters["unbroken"] = unbroken
    choices, config = _choices(context.config), {k: v for k, v in context.config.items() if k not in _NOT_SHOWN}
    published = comparison(products, tables, context), ddww_figures(products, tables)
    files = downloads(
        {name: _shown_rows(name, table) for name, table in tables.items()}
        | {
            "presets": context.presets,
            "scorecard": scores(context.scorecard or {}),
            NAME: [] if curve is None else curve.table,
            "published": [{key: text.replace("\n", " ") for key, text in row.items()} for row in published[0]],
            "literature": published[1],
            "choices": [dict(zip(("key", "value", "level"), row, strict=True)) for row in choices],
            "config": [{"key": key, "value": value} for key, value in _flat(config)],
            "inputs": [{"role": role, **record} for role, record in context.inputs.items()],
            "seconds": [{"stage": stage, "seconds": float(value)} for stage, value in context.seconds.items()],
        },
        products,
        context,
    ) | ({} if curve is None else {PARQUET: curve.parquet, curve.picture.name: curve.picture.png})
    environment.globals |= {"file_name": file_name, "files": files}
    html = environment.from_string(template).render(
        context=context,
        facts=_facts(products, context),
        summary=summary(products, tables, context),
        pictures=[picture for picture in pictures if picture.name not in OF_THE_STUDY.values()],
        of_the_study={id: picture for picture in pictures for id, name in OF_THE_STUDY.items() if name == picture.name},
        absent=absent,
        curve=curve,
        tables=_named_tables(tables),
        comparison=published[0],
        ddww_figures=published[1],
        differences=differences(products, context),
        choices=choices,
        follows=follows_the_study(context.config),
        region=region_name(products),
        config=_flat(config),
        scorecard=scorecard_table(context.scorecard) if context.scorecard is not None else None,
        presets=_laid_out("presets", "Both presets on this world", context.presets) if context.presets else None,
        inputs=[(role, record, pieces(str(record.get("citation") or ""))) for role, record in context.inputs.items()],
        seconds=[(stage, figures(float(value), 1)) for stage, value in context.seconds.items()],
    )
    return {"index.html": html.encode("utf-8")} | {picture.name: picture.png for picture in pictures} | files


def pieces(citation: str) -> list[tuple[str, str | None]]:
    """Split a citation into (text, link) pieces: URLs and DOIs become links, the rest has None."""
    parts: list[tuple[str, str | None]] = []
    start = 0
    for match in _LINK.finditer(citation):
        text = match.group().rstrip(".,;)")
        if match.start() > start:
            parts.append((citation[start : match.start()], None))
        parts.append((text, text if text.startswith("http") else f"https://doi.org/{text}"))
        start = match.start() + len(text)
    return [*parts, (citation[start:], None)] if start < len(citation) else parts


def unbroken(text: str) -> str:
    """Keep a number and its unit, and a ``p`` and its limit, on the same line of ``text``."""
    for pair in (" %", "p < ", "p = ", " million", " × "):
        text = text.replace(pair, pair.replace(" ", "\u00a0"))
    return text


def _shown(value: Any) -> Any:
    """What a page shows of a text: no secret, no control character; what is markup already stays."""
    return told_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _loaded(name: str, ds: xr.Dataset) -> xr.Dataset:
    """What the report uses of a product, in memory: a lazy product is read once, and no more of it than needed."""
    if name not in _USED:
        return ds.compute()
    return ds.drop_vars([key for key in ds.data_vars if key not in _USED[name]]).compute()


def _with_resolution(context: ReportContext, products: Mapping[str, xr.Dataset]) -> ReportContext:
    """The context with the resolution of an even native grid, as the trend product shows it."""
    if context.resolution is not None or "trend" not in products:
        return context
    steps = np.concatenate([np.diff(products["trend"][axis].values.astype(float)) for axis in ("lat", "lon")])
    even = min(products["trend"].sizes[axis] for axis in ("lat", "lon")) > 1 and np.ptp(np.abs(steps)) < 1e-3
    return replace(context, resolution=round(float(np.abs(steps).mean()), 4)) if even else context


def _facts(products: Mapping[str, xr.Dataset], context: ReportContext) -> list[tuple[str, str]]:
    catalog = ", ".join(dict.fromkeys(str(record.get("entry", "?")) for record in context.inputs.values()))
    return [
        ("Preset", described(context.config)),
        *([("Region", region_words(products))] if region_words(products) else []),
        ("Period", context.period(products)),
        ("Grid", context.grid),
        ("Significance", context.trend_test),
        ("Inputs", catalog or "not recorded"),
        ("Made", context.created),
    ]


def _named_tables(tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    headings = {
        "regions": "The region" if of_region(whole(tables.get("regions", []))) else "Globe and hemispheres",
        "bands": "10-degree bands",
        "coverage": "Where there is a trend, and why not",
        "comparators": "Other estimators and tests",
        "drivers": "Strongest driver",
        "ddww": "DDWW",
        "gradients": "Gradients with properties of the land",
        "attribution": "How far the drivers can be told apart, and when they act (means over cells)",
        "end_years": "Without the ends of the record: trend of the fixed cells",
        "seasons": "Seasons: trend of the fixed cells of each",
    }
    named = []
    for name, table in tables.items():
        table = _shown_rows(name, table)
        kind = name.removeprefix("strata_")
        heading = headings.get(name, f"By {_KINDS.get(kind, kind.replace('_', ' '))}")
        named.append(_laid_out(name, heading, table))
    return named


def _shown_rows(name: str, table: Table) -> Table:
    """The rows of ``table`` that are on the page: a stratum without land says nothing."""
    return [row for row in table if row["area_km2"]] or table if name.startswith("strata_") else table


def _laid_out(name: str, heading: str, table: Table) -> dict[str, Any]:
    headers, text, rows = layout(table, OF_THE_RESULT if name == "strata_ddww" else ())
    return {"name": name, "heading": heading, "headers": headers, "text": text, "rows": rows, "grey": _grey(table)}


def _grey(table: Table) -> list[bool]:
    """Which rows rest on few cells, or on less than half of their land."""
    limits = {"n_cells": 10, "n_fixed_cells": 10, "covered_share": 0.5, "fixed_cells_share": 0.5}
    return [any(row.get(key) is not None and row[key] < least for key, least in limits.items()) for row in table]


# From what nobody knows to what the study says; then whose choices the others are.
_LEVELS = {
    "unknown": "unknown: the study does not say",
    "likely": "likely: it follows from what the study says",
    "stated": "stated by the study",
    "method": "smcloud’s own method",
    "chosen": "chosen by you",
}


def _choices(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Key, value and level in words of every choice, those that the study leaves open first."""
    values, levels = flattened(config), levels_of(config)
    order = sorted(levels, key=lambda key: list(_LEVELS).index(levels[key]) if levels[key] in _LEVELS else len(_LEVELS))
    return [(key, _value(values[key]), _LEVELS.get(levels[key], levels[key])) for key in order]


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        nested = isinstance(value, Mapping) and value
        rows += _flat(value, f"{prefix}{key}.") if nested else [(f"{prefix}{key}", _value(value))]
    return rows


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_value(inner)}" for key, inner in value.items() if inner is not None) or "–"
    if value is None or isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value or ()) or "–"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
