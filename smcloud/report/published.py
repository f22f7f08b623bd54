"""The study's published results beside the run's own, each labelled as such.

Published numbers: Peng, Zeng et al. (2023), Remote Sensing of Environment 291, 113569; for the DDWW
share also Greve et al. (2014), Feng and Zhang (2015) and Xiong et al. (2022), each with its denominator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

from smcloud.config.choices import described, follows_the_study
from smcloud.report.context import ReportContext
from smcloud.report.profiles import bands, latitudes
from smcloud.report.rounding import SLOPE_UNITS, Record, Table, number, percent, shown, trend_text, words
from smcloud.report.sentences import area, ddww_shares, global_trend, join
from smcloud.report.tables import areas, find

CHANGED = "area with a significant change"
STUDY = "Peng et al. (2023)"
_R5_CLASSES = ("WW", "DW", "WD", "DD")
_R6_WETTING = re.compile(r"crop|savanna|forest|loam|^\D*[12]000")
_R6_RESPONSES = (("temperature", re.compile(r"barren|\bclay$|^\D*sand$")), ("lai", re.compile(r"forest")))
NOT_HERE = "This run does not hold what is needed."


def comparison(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext
) -> list[dict[str, str]]:
    """Make rows ``id, subject, published, this_run, differs`` for the study's results R1 to R6."""
    globe = find(tables.get("regions", []), "globe")
    share = NOT_HERE
    if "ddww" in products:
        got = ddww_shares(products["ddww"], tables.get("ddww", []))
        share = f"{percent(got['of_change'])} of the {CHANGED} and a zone ({area(got['changed'])})"
    rows = [
        ("R1", "Global trend", f"−0.10 × {SLOPE_UNITS}, 2000–2021; no interval",
         global_trend(globe, context), "The study’s estimator is likely least squares; its area is unknown."),
        ("R2", "Where it dries", "Drying of the southern hemisphere dominates; the higher the latitude, the stronger "
         "the overall drying.", _hemispheres(products, tables),
         "Set side by side as shares of the area with data, not tested."),
        ("R3", "Strongest partial correlation", "Precipitation dominates where soil moisture is high; vegetation and "
         "precipitation act positively where it is low; soil temperature matters least.", _dominance(products, tables),
         "The study’s degrees of freedom and controls are unknown; a partial correlation of values with trends is "
         "inflated by common trends."),
        ("R4", "DDWW share", "41.06 % of the area with a significant change", share,
         "The study’s zone limits and masks are unknown; only shares with the same denominator can be compared. By the "
         "definition of the zones chance gives 33 to 50 %, so nobody can tell from here whether the study’s share is "
         "more or less than chance."),
        ("R5", "Drivers per class", "Precipitation recharge and vegetation water retention behind WW and, in the "
         "words of the Chinese summary, DD (DW may have been meant); soil temperature behind WD; falling vegetation "
         "cover and falling precipitation behind DD.", _class_drivers(tables),
         "Mean parts of the trend that go with the trend of each driver, with time in the regression. The classes were "
         "chosen by their trends, so nothing here is tested."),
        ("R6", "Strata", "Wetting in croplands, savannas, forests, loam soils and above 1000 m; temperature has little "
         "effect on barren ground, vegetation little in forests; the temperature effect grows with clay and falls with "
         "sand.",
         _strata(tables), "The legends of land cover and soil texture may differ; clay and sand are seen through the "
         "texture table."),
    ]  # fmt: skip
    return [dict(zip(("id", "subject", "published", "this_run", "differs"), row, strict=True)) for row in rows]


def ddww_figures(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[dict[str, str]]:
    """List published DDWW shares and their opposites with the denominator of each, the run's own first."""
    rows = []
    if "ddww" in products:
        got = ddww_shares(products["ddww"], tables.get("ddww", []))
        bases = (("change", f"{CHANGED} and a zone"), ("land", "land with a valid trend and a zone"))
        rows = [
            _share("This run", percent(got[f"of_{base}"]), percent(got[f"opposite_of_{base}"]), denominator)
            for base, denominator in bases
        ]
    rows += [
        _share(STUDY, "41.06 %", "not given", CHANGED),
        _share("Greve et al. (2014)", "10.8 %", "9.5 %", "land"),
        _share("Feng & Zhang (2015)", "15.12 %", "7.77 %", "land, 22.16 % of it drier and 7.14 % wetter in 1979–2013"),
        _share("Feng & Zhang (2015)", "51.6 %", "26.93 %", "area with a trend"),
        _share(
            "Xiong et al. (2022)",
            "11.01–40.84 %",
            "10.21–35.43 %",
            "global land, water storage; range over data sets",
        ),
        _share(
            "Dorigo et al. (2012)", "not given", "not given", "27 % of the area changed in 1988–2010, 73 % of it drying"
        ),
        _share("Feng (2016)", "not given", "not given", "climate stands behind 98.8 % of drying, 114.6 % of wetting"),
    ]
    return rows


def differences(products: Mapping[str, xr.Dataset], context: ReportContext) -> list[str]:
    """List the differences between this run as a whole and the study."""
    if context.invented:
        return ["The inputs are an invented world, so the published numbers cannot be met."]
    lines = []
    if context.period(products) != "2000–2021":
        lines.append(f"The period is {context.period(products)}, the study’s 2000–2021.")
    lines.append(f"The run is on a {context.grid}; its inputs and their versions are listed under provenance.")
    names = list(dict(context.config.get("drivers", {})).get("names", []))
    if names != ["precipitation", "soil_temperature", "lai"]:
        lines.append(
            f"The drivers are {join([words(name) for name in names]) if names else 'none'}; the study’s are "
            "precipitation, soil temperature and LAI."
        )
    if follows_the_study(context.config):
        lines.append("The study’s full text was not at hand: choices listed as unknown or likely are guesses at it.")
    else:
        preset = context.config.get("preset", "unknown")
        lines.append(f"The preset is {preset}, which departs from the study on purpose.")
    if context.config.get("changed"):
        lines.append(f"Chosen for this run: {described(context.config)}.")
    return lines


def _share(source: str, ddww: str, opposite: str, denominator: str) -> dict[str, str]:
    return {"source": source, "ddww": ddww, "opposite": opposite, "denominator": denominator}


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
    return "; ".join(parts) + "." if parts else NOT_HERE


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


def _dominance(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> str:
    if "drivers" not in tables or any(row["share"] is None for row in tables["drivers"]):
        return NOT_HERE
    named = [row for row in tables["drivers"] if row["driver"] not in ("none", "tie")]
    text = "Of the area with a result: " + "; ".join(
        f"{words(row['driver'])} {percent(row['share'])} ({percent(row['positive_share'])} positive)" for row in named
    )
    return ". ".join([text, *_by_wetness(products)]) + "."


def _by_wetness(products: Mapping[str, xr.Dataset]) -> list[str]:
    """Share of each dominant driver in the drier and in the wetter half of the area with a result."""
    if "trend" not in products or "climatology" not in products["trend"]:
        return []
    drivers = products["drivers"]
    climatology = products["trend"]["climatology"].transpose("lat", "lon").values.astype(float)
    code = drivers["dominant_driver"].transpose("lat", "lon").values
    negative = drivers["dominant_correlation"].transpose("lat", "lon").values < 0
    weight = np.where((code != 255) & np.isfinite(climatology), areas(drivers), 0.0)
    order = np.argsort(climatology, axis=None)
    if not weight.sum():
        return []
    level = climatology.ravel()[order][np.searchsorted(np.cumsum(weight.ravel()[order]), weight.sum() / 2)]
    text = f"{number(float(level), 3)} m³ m⁻³"
    halves = ((f"drier half (mean soil moisture below {text})", climatology < level),
              (f"wetter half (from {text} on)", climatology >= level))  # fmt: skip
    lines = []
    for name, half in halves:
        total = weight[half].sum()
        shares = [
            f"{words(str(driver))} {percent(weight[half & (code == i)].sum() / total)} "
            f"({percent(weight[half & (code == i) & ~negative].sum() / total)} positive)"
            for i, driver in enumerate(drivers["driver"].values, start=1)
            if total
        ]
        lines += [f"In the {name}: {'; '.join(shares)}"] if shares else []
    return lines


def _class_drivers(tables: Mapping[str, Table]) -> str:
    table = next((rows for name, rows in tables.items() if name.startswith("strata_ddww")), [])
    parts = []
    for name in _R5_CLASSES:
        row = next((row for row in table if _names_class(row, name)), None)
        if row is not None:
            parts.append(f"{name}: {_contributions(row)}")
    return "Mean part of the trend, m³ m⁻³ yr⁻¹. " + "; ".join(parts) + "." if parts else NOT_HERE


def _names_class(row: Record, name: str) -> bool:
    return re.search(rf"\b{name}\b", f"{row['label']} {row['key']}".replace("_", " ")) is not None


def _contributions(row: Record) -> str:
    parts = {key.split(": ")[1]: value for key, value in row.items() if key.startswith("trend_contribution: ")}
    of_drivers = ", ".join(f"{words(name)} {trend_text(value)}" for name, value in parts.items())
    return f"{of_drivers or 'no driver'}, of {trend_text(row.get('mean_of_slopes'))} in all"


def _strata(tables: Mapping[str, Table]) -> str:
    rows = [
        (str(row["label"]), row)
        for name, table in tables.items()
        if name.startswith("strata_") and not name.startswith("strata_ddww")
        for row in table
    ]
    trends = [
        f"{label} {trend_text(row['slope'])}"
        for label, row in rows
        if row["slope"] is not None and _R6_WETTING.search(label.lower())
    ]
    parts = [f"Trend of the mean, m³ m⁻³ yr⁻¹: {'; '.join(trends)}."] if trends else []
    for driver, pattern in _R6_RESPONSES:
        responses = [
            f"{label} {shown('correlation', value)}"
            for label, row in rows
            if pattern.search(label.lower())
            for key, value in row.items()
            if key.startswith("partial_correlation: ") and driver in key and value is not None
        ]
        if responses:
            parts.append(f"Mean partial r with {words(driver)}: {'; '.join(responses)}.")
    return " ".join(parts) or NOT_HERE
