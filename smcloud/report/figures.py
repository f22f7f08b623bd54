"""The report's figures as SVG, with the words that go with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from smcloud.report import detectable, figures_by_group, figures_by_latitude, maps, profiles, series_figure
from smcloud.report.context import ReportContext
from smcloud.report.drawing import to_svg
from smcloud.report.language import ENGLISH, language, message, tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawer = Callable[[Mapping[str, xr.Dataset], ReportContext], "Figure"]


@dataclass(frozen=True)
class Picture:
    """One figure: file name, section of the page, what it shows, alternative text, caption and the SVG."""

    name: str
    section: str
    heading: str
    alt: str
    caption: str
    svg: bytes


@dataclass(frozen=True)
class _Plan:
    name: str
    section: str
    heading: str
    needs: tuple[str, ...]
    draw: Drawer
    alt: str
    caption: str


_PLANS = (
    _Plan(
        "trend.svg", "map", message("Where soil moisture changes"), ("trend",), maps.trend_map,
        message(
            "Map of the slope of annual soil moisture; brown cells dry, teal cells become wetter, light grey cells "
            "have "
            "no significant trend, striped land has no value."
        ),
        message(
            "Only cells with a significant trend are coloured; the scale ends near the 95th percentile of their "
            "slopes, "
            "and the arrows hold what lies beyond. Light grey land was tested and shows no significant trend, which "
            "does "
            "not prove that there is none."
        ),
    ),
    _Plan(
        "detectable.svg", "map", message("What could have been found"), ("trend",), detectable.detectable_map,
        message(
            "Map of the slope that a cell would show in 80 % of all records; pale where small trends show, dark where "
            "only large ones do, striped where there is no test."
        ),
        message(
            "How to read “not significant”: where the map above is light grey, a trend of the size shown here would "
            "have "
            "been found in four of five records like this one (before any correction for many cells), a smaller one in "
            "fewer. So light grey does not exclude a trend smaller than this, and a dark cell says very little."
        ),
    ),
    _Plan(
        "ends.svg", "map", message("How far the trend rests on the ends of the record"), ("trend",), maps.end_year_map,
        message(
            "Map of the largest change of the slope where one or two years at an end of the record are left out; brown "
            "where the slope is lower without them, teal where it is higher, striped where there is no slope."
        ),
        message(
            "A trend of few decades may rest on one dry or wet year at an end. Where the change is as large as the "
            "trend "
            "itself, the trend is little more than that; the table of the ends gives the same by region."
        ),
    ),
    _Plan(
        "drivers.svg", "drivers", message("What it moves with"), ("drivers",), maps.driver_map,
        message(
            "Map of the driver with the strongest significant partial correlation with soil moisture; hue is the "
            "driver, "
            "dark is a positive and light a negative correlation."
        ),
        message(
            "A partial correlation of annual values shows what varies together when the other drivers are held "
            "fixed; it "
            "does not by itself attribute a trend."
        ),
    ),
    _Plan(
        "deciles.svg", "drivers", message("The drivers by wetness"), ("strata",), figures_by_latitude.decile_figure,
        message(
            "Two panels by decile of mean soil moisture: mean partial correlation with each driver, and share of the "
            "area "
            "where each is the strongest, with intervals."
        ),
        message(
            "Intervals say how much the mean hangs on which places are in it. Where those of two drivers overlap, "
            "neither "
            "is told to be ahead."
        ),
    ),
    _Plan(
        "ddww.svg", "ddww", message("Dry gets drier, wet gets wetter?"), ("ddww",), maps.ddww_map,
        message(
            "Map of six classes: dry zones in browns and oranges, wet zones in blues, transition zones in plum; dark "
            "is "
            "drier, light is wetter."
        ),
        message(
            "The zones are those of the run’s scheme (see the method); the change is the sign of the significant trend."
        ),
    ),
    _Plan(
        "shares.svg", "ddww", message("DDWW and chance"), ("ddww",), figures_by_group.share_figure,
        message(
            "The share of dry gets drier and wet gets wetter in the changed land and in all land, with its interval, "
            "beside its opposite and the share by chance."
        ),
        message(
            "A share within the grey range is not told apart from directions that know nothing of the zones."
        ),
    ),
    _Plan(
        "latitude.svg", "latitude", message("Trend and distance from the "
        "equator"), ("regional",), figures_by_latitude.latitude_figure,
        message(
            "Left, the trend of each 10-degree band by distance from the equator with a line for each hemisphere; "
            "right, "
            "bars of the part of each hemisphere in the trend of both."
        ),
        message(
            "Whether a line is told apart from a level one is said above, by the interval of its gradient. The bars of "
            "the two hemispheres add up to that of both."
        ),
    ),
    _Plan(
        "zonal.svg", "latitude", message("By latitude"), ("regional",), profiles.zonal_profile,
        message(
            "Three panels by 10-degree latitude band: share of the area that dries and becomes wetter, trend of a "
            "fixed "
            "set of its cells with the interval, and the share of land with data."
        ),
        message(
            "A band with little land or little data says little: the right panel shows how much of its land has data."
        ),
    ),
    _Plan(
        "series.svg", "series", message("The mean, year by year"), ("regional",), series_figure.mean_series,
        message(
            "Line of the area-weighted mean soil moisture of a fixed set of cells by year with its trend line and the "
            "wedge of the interval of the slope."
        ),
        message(
            "Cells enter and leave with data gaps, so the mean of all cells also moves with its composition: a step "
            "that "
            "the fixed set of cells does not have is of that kind. A dashed line stands where the set of sensors "
            "changes "
            "on at least 5 % of the area: a step there may be theirs and no change of the soil."
        ),
    ),
    _Plan(
        "classes.svg", "r5", message("What goes with each class of "
        "change"), ("strata", "ddww"), figures_by_group.class_figure,
        message(
            "Bars by class of change: left the part of each driver in the mean trend, right the share of the class "
            "where "
            "the driver falls and rises significantly."
        ),
        message(
            "What the bars of a class leave of its mean trend goes with no driver. Trends that go together are no "
            "proof "
            "of a cause."
        ),
    ),
    _Plan(
        "strata.svg", "r6", message("By property of the land"), ("strata",), figures_by_group.strata_figure,
        message(
            "Rows for each class of land cover, soil, elevation, leaf area and aridity: left the trend, right the mean "
            "partial correlation with each driver, with intervals."
        ),
        message(
            "A bar that crosses 0 tells no sign. Properties of the land go together, so a row is not the effect of its "
            "property alone."
        ),
    ),
)  # fmt: skip


def draw_all(products: Mapping[str, xr.Dataset], context: ReportContext) -> tuple[list[Picture], list[str]]:
    """Draw every figure whose products exist; return them, and one sentence for each that is left out."""
    pictures, absent = [], []
    for plan in _PLANS:
        why, heading = _reason_to_skip(plan, products), tell(plan.heading)
        if why:
            absent.append(tell("There is no figure “{heading}”: {reason}.", heading=heading, reason=why))
            continue
        svg = drawn(plan.draw(products, context), context)
        texts = tell(plan.alt), tell(plan.caption)
        pictures.append(Picture(in_language(plan.name), plan.section, heading, *texts, svg))
    return pictures, absent


def drawn(figure: Figure, context: ReportContext) -> bytes:
    """Render a figure with its title in it and the run's credit below."""
    return to_svg(figure, figure.texts[0].get_text(), context.credit)


def in_language(name: str) -> str:
    """Name the file of a page in the language that is spoken; English has the plain name."""
    return name if language() == ENGLISH else f"{language()}-{name}"


def _reason_to_skip(plan: _Plan, products: Mapping[str, xr.Dataset]) -> str:
    missing = [name for name in plan.needs if name not in products]
    if missing:
        return tell("the release holds no {product} product", product=missing[0])
    if plan.name == "detectable.svg" and detectable.DETECTABLE not in products["trend"]:
        return tell("the trend product does not hold it")
    if plan.name == "ends.svg" and maps.ENDS not in products["trend"]:
        return tell("the trend product does not hold it")
    if plan.name == "zonal.svg" and not profiles.bands(products):
        return tell("the regional product holds no bands")
    if plan.name == "latitude.svg" and not figures_by_latitude.has_hemispheres(products["regional"]):
        return tell("the regional product holds no parts of hemispheres")
    if plan.needs[0] == "strata":
        return _without_strata(plan.name, products["strata"])
    if plan.name == "series.svg" and "soil_moisture" not in products["regional"]:
        return tell("the regional product holds no series")
    return ""


def _without_strata(name: str, strata: xr.Dataset) -> str:
    kinds = {str(kind) for kind in strata["kind"].values}
    needed = {"deciles.svg": {"climatology"}, "classes.svg": {"ddww"}}.get(name, set(figures_by_group.KINDS))
    if not kinds & needed:
        return tell("the strata product holds none of its groups")
    columns = {"deciles.svg": "dominant_share", "classes.svg": "rising_share"}
    if columns.get(name, "partial_correlation") not in strata:
        return tell("the strata product does not hold it")
    return ""
