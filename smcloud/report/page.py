"""The report's page: one HTML file for each language, the SVG files that it shows, and its tables as CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from smcloud.config.choices import follows_the_study
from smcloud.report.context import ReportContext
from smcloud.report.curve_section import NAME, PARQUET, CurveSection, curve_section
from smcloud.report.detectable import DETECTABLE
from smcloud.report.downloads import downloads, file_name, scores
from smcloud.report.figures import draw_all
from smcloud.report.headlines import headlines
from smcloud.report.language import ENGLISH, LANGUAGES, language, spoken, tell
from smcloud.report.maps import ENDS
from smcloud.report.method import choices, configuration, pieces
from smcloud.report.page_tables import laid_out, named_tables, shown_rows
from smcloud.report.published import comparison, ddww_figures, differences, preset_words
from smcloud.report.rounding import Table, figures
from smcloud.report.scope import region_name, region_words, titled
from smcloud.report.scorecard import scorecard_table
from smcloud.report.tables import COMPARATOR_COLUMNS, summary_tables
from smcloud.secrecy import told_lines

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

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
KEPT_MAPS = 256 * 2**20  # bytes of a product's maps that are read once and kept
# Where the page shows the figures that go with a result of the study.
DRAWN_AT = {"R1": "map", "R2": "latitude", "R3": "drivers", "R4": "ddww"}


def page_name(language: str) -> str:
    """Return the file of the page in ``language``, ``index.html`` in English."""
    return "index.html" if language == ENGLISH else f"index.{language}.html"


def render(
    products: Mapping[str, xr.Dataset], context: ReportContext, languages: Sequence[str] = (ENGLISH,)
) -> dict[str, bytes]:
    """Render the report of a run: file name -> bytes, a page in each language, and its SVG and CSV files.

    ``products`` holds the datasets annual, trend, drivers, ddww, regional, strata and sensitivity, as far as the
    run has them; the page names what is absent. English, ``index.html``, is always there; the tables are the same for
    all. Nothing is read or written, and the same input gives the same bytes.
    """
    products = used(products)
    context = _with_resolution(context, products)
    tables = summary_tables(products)
    files: dict[str, bytes] = {}
    wanted = list(dict.fromkeys((ENGLISH, *languages)))
    template = _template()
    for each in wanted:
        with spoken(each):
            curve = curve_section(products[NAME], context) if NAME in products else None
            if each == ENGLISH:
                files |= _files(products, tables, context, curve)
            files |= _page(template, (products, tables, context), curve, (files, wanted))
    return files


def _files(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext, curve: CurveSection | None
) -> dict[str, bytes]:
    """The tables as files, which are the same for every language."""
    config = configuration(context.config)
    rows = comparison(products, tables, context)
    listed: dict[str, Table] = {name: shown_rows(name, table) for name, table in tables.items()}
    listed |= {
        "presets": context.presets,
        "scorecard": scores(context.scorecard or {}),
        NAME: [] if curve is None else curve.table,
        "published": [{key: text.replace("\n", " ") for key, text in row.items()} for row in rows],
        "literature": [dict(row) for row in ddww_figures(products, tables)],
        "choices": [dict(zip(("key", "value", "level"), row, strict=True)) for row in choices(context.config)],
        "config": [{"key": key, "value": value} for key, value in config],
        "inputs": [{"role": role, **record} for role, record in context.inputs.items()],
        "seconds": [{"stage": stage, "seconds": float(value)} for stage, value in context.seconds.items()],
    }
    return downloads(listed, products, context) | ({} if curve is None else {PARQUET: curve.parquet})


def _page(
    template: Template,
    run: tuple[Mapping[str, xr.Dataset], Mapping[str, Table], ReportContext],
    curve: CurveSection | None,
    others: tuple[Mapping[str, bytes], Sequence[str]],
) -> dict[str, bytes]:
    """The page in the language that is spoken, with its figures; ``others`` are the files there, and all languages."""
    (products, tables, context), (files, languages) = run, others
    pictures, absent = draw_all(products, context)
    html = template.render(
        context=context,
        title=titled(products, context),
        language=language(),
        languages=[(each, LANGUAGES[each], page_name(each)) for each in languages],
        facts=_facts(products, context),
        headlines=headlines(products, tables, context),
        pictures={
            key: [each for each in pictures if each.section == key] for key in {each.section for each in pictures}
        },
        drawn_at=DRAWN_AT,
        absent=absent,
        curve=curve,
        tables=named_tables(tables),
        comparison=comparison(products, tables, context),
        ddww_figures=ddww_figures(products, tables),
        differences=differences(products, context),
        choices=choices(context.config),
        preset=preset_words(context.config),
        follows=follows_the_study(context.config),
        region=region_name(products),
        config=configuration(context.config),
        scorecard=scorecard_table(context.scorecard) if context.scorecard is not None else None,
        presets=laid_out("presets", context.presets) if context.presets else None,
        inputs=[(role, record, pieces(str(record.get("citation") or ""))) for role, record in context.inputs.items()],
        seconds=[(stage, figures(float(value), 1)) for stage, value in context.seconds.items()],
        files=files,
    )
    drawn = {picture.name: picture.svg for picture in [*pictures, *([] if curve is None else [curve.picture])]}
    return {page_name(language()): html.encode("utf-8")} | drawn


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters["unbroken"] = unbroken
    environment.globals |= {"file_name": file_name, "tell": _tell_html(tell)}
    source = resources.files("smcloud.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def _tell_html(tell: Callable[..., str]) -> Callable[..., Markup]:
    """Of ``tell`` the form for the template: what fills a message is escaped, but for markup."""
    from markupsafe import Markup, escape

    def told(template: str, **values: Any) -> Markup:
        text = escape(tell(template))
        return Markup(text.format(**{key: _shown(value) for key, value in values.items()}) if values else text)

    return told


def unbroken(text: str) -> str:
    """Keep a number and its unit, and a ``p`` and its limit, on the same line of ``text``."""
    for pair in (" %", "p < ", "p = ", " million", " × "):
        text = text.replace(pair, pair.replace(" ", "\u00a0"))
    return text


def _shown(value: Any) -> Any:
    """What a page shows of a text: no secret, no control character; what is markup already stays."""
    return told_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def used(products: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return what the report uses of each product, in memory; but maps that take much of it stay lazy.

    Such a map is read where it is shown or summed, and not kept: one at a time is in memory.
    """
    return {name: _used(name, ds) for name, ds in products.items()}


def _used(name: str, ds: xr.Dataset) -> xr.Dataset:
    if name in _USED:
        ds = ds.drop_vars([key for key in ds.data_vars if key not in _USED[name]])
    maps = [key for key, variable in ds.variables.items() if {"lat", "lon"} <= {*variable.dims}]
    if sum(ds[key].nbytes for key in maps) <= KEPT_MAPS:
        return ds.compute()
    rest = ds.drop_vars(maps).compute()
    return ds.assign_coords(rest.coords).assign(rest.data_vars)


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
        *([(tell("Release"), str(context.release))] if context.release is not None else []),
        (tell("Preset"), preset_words(context.config)),
        *([(tell("Region"), region_words(products))] if region_words(products) else []),
        (tell("Period"), context.period(products)),
        (tell("Grid"), context.grid),
        (tell("Significance"), context.trend_test),
        (tell("Inputs"), catalog or tell("not recorded")),
        (tell("Made"), context.created),
    ]
