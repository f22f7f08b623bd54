"""The study's published results beside the run's own, each labelled as such.

Published numbers: Peng, Zeng et al. (2023), Remote Sensing of Environment 291, 113569; for the DDWW
share also Greve et al. (2014), Feng and Zhang (2015) and Xiong et al. (2022), each with its denominator.
"""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.config.choices import described, follows_the_study
from smcloud.report.context import ReportContext
from smcloud.report.results import (
    CHANGED,
    driver_result,
    global_result,
    latitude_result,
    share_result,
)
from smcloud.report.results_by_stratum import class_result, strata_result
from smcloud.report.rounding import SLOPE_UNITS, Table, percent, words
from smcloud.report.scope import of_region, region_name, whole
from smcloud.report.sentences import ddww_shares, join

STUDY = "Peng et al. (2023)"
NO_NUMBER = "none that we know of"


def comparison(
    products: Mapping[str, xr.Dataset], tables: Mapping[str, Table], context: ReportContext
) -> list[dict[str, str]]:
    """Make rows ``id, subject, published, number, this_run, differs`` for the study's results R1 to R6.

    ``published`` is what the study says, ``number`` the figure that it gives; the sentences of ``this_run`` are lines.
    What the study says is of the globe: of a region the rows hold ``id``, ``subject`` and ``this_run`` alone.
    """
    rows = [
        ("R1", "Global trend", "A map of the trends with p < 0.05, and a global trend that is negative.",
         f"−0.10 × {SLOPE_UNITS}, 2000–2021; no interval",
         global_result(tables, context), "The study’s estimator is likely least squares; its area is unknown."),
        ("R2", "Where it dries", "Drying of the southern hemisphere dominates; the higher the latitude, the stronger "
         "the overall drying.", NO_NUMBER, latitude_result(products, tables, context),
         "How the study added up hemispheres and latitudes is unknown. Here the parts are those of a fixed set of "
         "cells, and the gradient is that of the cells’ trends; its interval takes differences between places for "
         "chance and is wide."),
        ("R3", "Strongest partial correlation", "Precipitation dominates where soil moisture is high; vegetation and "
         "precipitation act positively where it is low; soil temperature matters least.", NO_NUMBER,
         driver_result(products, tables),
         "The study’s degrees of freedom and controls are unknown; a partial correlation of values with trends is "
         "inflated by common trends. Where it drew the line between high and low is unknown: here it is by deciles."),
        ("R4", "DDWW share", "Six classes; dry gets drier and wet gets wetter on less than half of the changed area.",
         "41.06 % of the area with a significant change", share_result(products, tables),
         "The study’s zone limits and masks are unknown; only shares with the same denominator can be compared. By the "
         "definition of the zones chance gives 33 to 50 %, so nobody can tell from here whether the study’s share is "
         "more or less than chance."),
        ("R5", "Drivers per class", "Precipitation recharge and vegetation water retention behind WW and, in the "
         "words of the Chinese summary, DD (DW may have been meant); soil temperature behind WD; falling vegetation "
         "cover and falling precipitation behind DD.", NO_NUMBER, class_result(tables),
         "Mean parts of the trend that go with the trend of each driver, with time in the regression. The classes were "
         "chosen by their trends, so nothing here is tested."),
        ("R6", "Strata", "Wetting in croplands, savannas, forests, loam soils and above 1000 m; temperature has little "
         "effect on barren ground, vegetation little in forests; the temperature effect grows with clay and falls with "
         "sand.", NO_NUMBER, strata_result(tables),
         "The legends of land cover and soil texture may differ. Properties of the land go together with climate, so a "
         "gradient with clay is not the effect of clay alone."),
    ]  # fmt: skip
    if of_region(whole(tables.get("regions", []))):
        subjects = {"R1": "Trend", "R2": "Trend and latitude"}
        return [{"id": row[0], "subject": subjects.get(row[0], row[1]), "this_run": "\n".join(row[4])} for row in rows]
    keys = ("id", "subject", "published", "number", "this_run", "differs")
    return [dict(zip(keys, (*row[:4], "\n".join(row[4]), row[5]), strict=True)) for row in rows]


def ddww_figures(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[dict[str, str]]:
    """List published DDWW shares and their opposites with the denominator of each, the run's own first.

    Of a region the run's own alone.
    """
    rows = []
    if "ddww" in products:
        got = ddww_shares(products["ddww"], tables.get("ddww", []))
        bases = (("change", f"{CHANGED} and a zone"), ("land", "land with a valid trend and a zone"))
        rows = [
            _share("This run", percent(got[f"of_{base}"]), percent(got[f"opposite_of_{base}"]), denominator)
            for base, denominator in bases
        ]
    if of_region(whole(tables.get("regions", []))):
        return rows
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
    if region_name(products):
        return [
            "The study is of all land, this run of one region: none of its results stands beside those of this run."
        ]
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
