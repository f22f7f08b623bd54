"""The study's published results beside the run's own, each labelled as such.

Published numbers: Peng, Zeng et al. (2023), Remote Sensing of Environment 291, 113569; for the DDWW
share also Greve et al. (2014), Feng and Zhang (2015) and Xiong et al. (2022), each with its denominator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from smcloud.config.choices import follows_the_study
from smcloud.report.context import ReportContext
from smcloud.report.ddww_sentences import ddww_shares
from smcloud.report.language import join, tell
from smcloud.report.results import driver_result, global_result, share_result
from smcloud.report.results_by_latitude import latitude_result
from smcloud.report.results_by_stratum import class_result, strata_result
from smcloud.report.rounding import SLOPE_UNITS, Table, percent, words
from smcloud.report.scope import of_region, region_name, whole

STUDY = "Peng et al. (2023)"


def comparison(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext
) -> list[dict[str, str]]:
    """Make rows ``id, subject, published, number, this_run, differs`` for the study's results R1 to R6.

    ``published`` is what the study says, ``number`` the figure that it gives; the sentences of ``this_run`` are lines.
    What the study says is of the globe: of a region the rows hold ``id``, ``subject`` and ``this_run`` alone.
    """
    rows = [
        ("R1", tell("Global trend"), tell("A map of the trends with p < 0.05, and a global trend that is negative."),
         tell("{number}, 2000–2021; no interval", number=f"−0.10 × {SLOPE_UNITS}"),
         global_result(tables, context), tell("The study’s estimator is likely least squares; its area is unknown.")),
        ("R2", tell("Where it dries"), tell("Drying of the southern hemisphere dominates; the higher the latitude, "
            "the stronger "
         "the overall drying."), tell("none that we know of"), latitude_result(products, tables, context),
         tell("How the study added up hemispheres and latitudes is unknown. Here the parts are those of a fixed set of "
         "cells, and the gradient is that of the cells’ trends; its interval takes differences between places for "
         "chance and is wide.")),
        ("R3", tell("Strongest partial correlation"), tell("Precipitation dominates where soil moisture is high; "
            "vegetation and "
         "precipitation act positively where it is low; soil temperature matters least."), tell("none that we know of"),
         driver_result(products, tables),
         tell("The study’s degrees of freedom and controls are unknown; a partial correlation of values with trends is "
         "inflated by common trends. Where it drew the line between high and low is unknown: here it is by deciles.")),
        ("R4", tell("DDWW share"), tell("Six classes; dry gets drier and wet gets wetter on less than half of the "
            "changed area."),
         tell("41.06 % of the area with a significant change"), share_result(products, tables),
         tell("The study’s zone limits and masks are unknown; only shares with the same denominator can be compared. "
             "By the "
         "definition of the zones chance gives 33 to 50 %, so nobody can tell from here whether the study’s share is "
         "more or less than chance.")),
        ("R5", tell("Drivers per class"), tell("Precipitation recharge and vegetation water retention behind WW and, "
            "in the "
         "words of the Chinese summary, DD (DW may have been meant); soil temperature behind WD; falling vegetation "
         "cover and falling precipitation behind DD."), tell("none that we know of"), class_result(tables),
         tell("Mean parts of the trend that go with the trend of each driver, with time in the regression. The "
             "classes were "
         "chosen by their trends, so nothing here is tested.")),
        ("R6", tell("Strata"), tell("Wetting in croplands, savannas, forests, loam soils and above 1000 m; "
            "temperature has little "
         "effect on barren ground, vegetation little in forests; the temperature effect grows with clay and falls with "
         "sand."), tell("none that we know of"), strata_result(tables),
         tell("The legends of land cover and soil texture may differ. Properties of the land go together with "
             "climate, so a "
         "gradient with clay is not the effect of clay alone.")),
    ]  # fmt: skip
    keys = ("id", "subject", "published", "number", "this_run", "differs")
    made = [dict(zip(keys, (*row[:4], "\n".join(row[4]), row[5]), strict=True)) for row in rows]
    return _of_region(made) if of_region(whole(tables.get("regions", []))) else made


def _of_region(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    subjects = {"R1": tell("Trend"), "R2": tell("Trend and latitude")}
    return [
        {"id": row["id"], "subject": subjects.get(row["id"], row["subject"]), "this_run": row["this_run"]}
        for row in rows
    ]


def ddww_figures(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[dict[str, str]]:
    """List published DDWW shares and their opposites with the denominator of each, the run's own first.

    Of a region the run's own alone.
    """
    rows, changed, unknown = [], tell("area with a significant change"), tell("not given")
    if "ddww" in products:
        got = ddww_shares(products["ddww"], tables.get("ddww", []))
        bases = (
            ("change", tell("area with a significant change and a zone")),
            ("land", tell("land with a valid trend and a zone")),
        )
        rows = [
            _share(tell("This run"), percent(got[f"of_{base}"]), percent(got[f"opposite_of_{base}"]), denominator)
            for base, denominator in bases
        ]
    if of_region(whole(tables.get("regions", []))):
        return rows
    drier = tell("land, 22.16 % of it drier and 7.14 % wetter in 1979–2013")
    return [
        *rows,
        _share(STUDY, "41.06 %", unknown, changed),
        _share("Greve et al. (2014)", "10.8 %", "9.5 %", tell("land")),
        _share("Feng & Zhang (2015)", "15.12 %", "7.77 %", drier),
        _share("Feng & Zhang (2015)", "51.6 %", "26.93 %", tell("area with a trend")),
        _share("Xiong et al. (2022)", "11.01–40.84 %", "10.21–35.43 %",
               tell("global land, water storage; range over data sets")),
        _share("Dorigo et al. (2012)", unknown, unknown,
               tell("27 % of the area changed in 1988–2010, 73 % of it drying")),
        _share("Feng (2016)", unknown, unknown,
               tell("climate stands behind 98.8 % of drying, 114.6 % of wetting")),
    ]  # fmt: skip


def differences(products: Mapping[str, xr.Dataset], context: ReportContext) -> list[str]:
    """List the differences between this run as a whole and the study."""
    if region_name(products):
        return [
            tell(
                "The study is of all land, this run of one region: none of its results stands beside those of this run."
            )
        ]
    if context.invented:
        return [tell("The inputs are an invented world, so the published numbers cannot be met.")]
    lines = []
    if context.period(products) != "2000–2021":
        lines.append(tell("The period is {period}, the study’s 2000–2021.", period=context.period(products)))
    lines.append(
        tell("The run is on a {grid}; its inputs and their versions are listed under provenance.", grid=context.grid)
    )
    names = list(dict(context.config.get("drivers", {})).get("names", []))
    if names != ["precipitation", "soil_temperature", "lai"]:
        lines.append(
            tell(
                "The drivers are {drivers}; the study’s are precipitation, soil temperature and LAI.",
                drivers=join([words(name) for name in names]) if names else tell("none"),
            )
        )
    if follows_the_study(context.config):
        lines.append(
            tell("The study’s full text was not at hand: choices listed as unknown or likely are guesses at it.")
        )
    else:
        preset = context.config.get("preset", "unknown")
        lines.append(tell("The preset is {preset}, which departs from the study on purpose.", preset=preset))
    if context.config.get("changed"):
        lines.append(tell("Chosen for this run: {choices}.", choices=preset_words(context.config)))
    return lines


def preset_words(config: Mapping[str, Any]) -> str:
    """Return the preset's name, and which keys the user changed of it."""
    name, changed = str(config.get("preset", "none")), [str(key) for key in config.get("changed") or ()]
    return tell("{preset}, changed: {keys}", preset=name, keys=", ".join(changed)) if changed else name


def _share(source: str, ddww: str, opposite: str, denominator: str) -> dict[str, str]:
    return {"source": source, "ddww": ddww, "opposite": opposite, "denominator": denominator}
