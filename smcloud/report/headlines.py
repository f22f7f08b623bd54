"""What was asked and what was found: for each question one number with its interval, in words, and what to mind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import xarray as xr

from smcloud.report.caveats import (
    coverage,
    detectable,
    few_independent,
    mixed_pools,
    own_zones,
    reference,
    sensors,
    shared_sources,
)
from smcloud.report.context import ReportContext
from smcloud.report.ddww_sentences import attribute, ddww, ddww_share, ddww_shares
from smcloud.report.language import tell
from smcloud.report.results import ABOVE, BELOW, NO_INTERVAL, NOT_APART, sign_of
from smcloud.report.results_by_latitude import gradient
from smcloud.report.rounding import Table, bounded, hundredths, percent, words
from smcloud.report.scope import region_sentence, whole
from smcloud.report.sentences import changed_area, drivers, global_trend, slope
from smcloud.report.values import plain

Products = Mapping[str, xr.Dataset]
Tables = Mapping[str, Table]


@dataclass(frozen=True)
class Headline:
    """A question, its number in words (empty without one), the sentences to it, and what to mind at that number.

    ``section`` is where the page shows it.
    """

    section: str
    question: str
    number: str
    lines: list[str]
    cautions: list[str] = field(default_factory=list)


def headlines(products: Products, tables: Tables, context: ReportContext) -> list[Headline]:
    """Answer the questions of a run in their order: trend, changed area, drivers, DDWW, latitude."""
    return [
        _trend(products, tables, context),
        _changed(products, tables, context),
        _drivers(products, tables, context),
        _ddww(products, tables, context),
        *_latitude(tables, context),
    ]


def _trend(products: Products, tables: Tables, context: ReportContext) -> Headline:
    question, globe = tell("Does the land dry or become wetter on the whole?"), whole(tables.get("regions", []))
    if "regional" not in products:
        return Headline("series", question, "", [tell("This release holds no regional product.")])
    lines = [line for line in (region_sentence(products, tables, context), global_trend(globe, context)) if line]
    if globe is None or globe["slope"] is None:
        return Headline("series", question, "", lines)
    key = "slope_fixed_cells" if globe.get("slope_fixed_cells") is not None else "slope"
    lower, upper = globe.get(f"{key}_lower"), globe.get(f"{key}_upper")
    sign = sign_of(globe, key)
    if lower is not None and upper is not None and not bounded(key, lower, upper):
        sign = NOT_APART
    fixed = {
        ABOVE: tell("{slope}: a fixed set of cells becomes wetter"),
        BELOW: tell("{slope}: a fixed set of cells dries"),
        NOT_APART: tell("{slope}: a fixed set of cells, not told apart from no change"),
        NO_INTERVAL: tell("{slope}: a fixed set of cells, without an interval, so that nothing is told of its sign"),
    }
    moving = {
        ABOVE: tell("{slope}: all cells with a value, which come and go, become wetter"),
        BELOW: tell("{slope}: all cells with a value, which come and go, dry"),
        NOT_APART: tell("{slope}: all cells with a value, which come and go, not told apart from no change"),
        NO_INTERVAL: tell("{slope}: all cells with a value, which come and go, without an interval"),
    }
    templates = fixed if key == "slope_fixed_cells" else moving
    cautions = [few_independent(globe, key), sensors(products.get("trend"))]
    number = templates[sign].format(slope=slope(globe, context, key))
    return Headline("series", question, number, lines, [line for line in cautions if line])


def _changed(products: Products, tables: Tables, context: ReportContext) -> Headline:
    question, globe = tell("Where does it change?"), whole(tables.get("regions", []))
    trend = products.get("trend")
    lines = [changed_area(globe, context, tables.get("coverage", []))] if "regional" in products else []
    lines += [line for line in (reference(trend),) if line]
    cautions = [coverage(globe), detectable(trend, context), mixed_pools(trend, context)]
    cautions = [line for line in cautions if line]
    if globe is None or globe.get("drying_share") is None:
        return Headline("map", question, "", lines, cautions)
    number = tell(
        "{drying} of the area with a trend dries significantly, {wetting} becomes wetter",
        drying=percent(globe["drying_share"]), wetting=percent(globe["wetting_share"]),
    )  # fmt: skip
    return Headline("map", question, number, lines, cautions)


def _drivers(products: Products, tables: Tables, context: ReportContext) -> Headline:
    question = tell("What does it move with?")
    if "drivers" not in tables:
        return Headline("drivers", question, "", [tell("This run tested no drivers.")])
    lines = [drivers(tables["drivers"], context)]
    named = [row for row in tables["drivers"] if row["driver"] not in ("none", "tie")]
    if not named or any(row["share"] is None for row in named):
        return Headline("drivers", question, "", lines)
    first = max(named, key=lambda row: row["share"])
    if not first["share"]:
        return Headline("drivers", question, tell("No driver is significant anywhere in the area tested"), lines)
    values = {"driver": words(first["driver"]), "share": percent(first["share"])}
    limits = _limits_of_share(products.get("regional"), first["driver"], first["share"])
    number = tell("With {driver}: the strongest on {share} of the area tested", **values)
    if limits is not None:
        number = tell(
            "With {driver}: the strongest on {share} of the area tested ({level} interval {lower} to {upper})",
            level=context.level, lower=hundredths(limits[0]), upper=percent(limits[1]), **values,
        )  # fmt: skip
    return Headline("drivers", question, number, lines, shared_sources(context))


def _limits_of_share(regional: xr.Dataset | None, driver: str, share: float) -> tuple[float, float] | None:
    """The interval of the share of the whole where ``driver`` is strongest, where that is the share that is told."""
    names = [f"dominant_share{end}" for end in ("", "_lower", "_upper")]
    if regional is None or not all(name in regional for name in names):
        return None
    at = next((str(key) for key in regional["region"].values if str(key) in ("globe", "region")), None)
    if at is None:
        return None
    own, lower, upper = (plain(regional[name].sel(region=at, driver=driver).values) for name in names)
    if own is None or lower is None or upper is None or abs(own - share) > 5e-4:
        return None
    return lower, upper


def _ddww(products: Products, tables: Tables, context: ReportContext) -> Headline:
    question = tell("Does dry land get drier, and wet land wetter?")
    if "ddww" not in products:
        none = tell("This run has no DDWW classes, because it has no zones of dryness.")
        return Headline("ddww", question, "", [none])
    product, table = products["ddww"], tables.get("ddww", [])
    shares = ddww_shares(product, table)
    lines, cautions = ddww(product, table), own_zones(context)
    if not shares["changed"]:
        return Headline("ddww", question, "", lines, cautions)
    return Headline("ddww", question, _beside_chance(product, shares), lines, cautions)


def _beside_chance(product: xr.Dataset, shares: Mapping[str, float | None]) -> str:
    """The DDWW share of the changed area beside what chance gives: its range where the run has one, else its mean."""
    share = shares["of_change"]
    values = {"share": ddww_share(product, "change", share)}
    lower, upper = attribute(product, "ddww_null_lower"), attribute(product, "ddww_null_upper")
    if share is not None and lower is not None and upper is not None:
        sign = ABOVE if share > upper else BELOW if share < lower else NOT_APART
        templates = {
            ABOVE: tell("On {share} of the changed area: more than the {lower} to {upper} of chance"),
            BELOW: tell("On {share} of the changed area: less than the {lower} to {upper} of chance"),
            NOT_APART: tell("On {share} of the changed area: not told apart from the {lower} to {upper} of chance"),
        }
        return templates[sign].format(lower=hundredths(lower), upper=percent(upper), **values)
    if shares["by_chance"] is None:
        return tell("On {share} of the changed area", **values)
    return tell(
        "On {share} of the changed area; by chance it would be {chance}", chance=percent(shares["by_chance"]), **values
    )


def _latitude(tables: Tables, context: ReportContext) -> list[Headline]:
    globe = whole(tables.get("regions", []))
    if globe is None or globe.get("latitude_gradient") is None:
        return []
    templates = {
        ABOVE: tell("{change} with every 10 degrees from the equator: wetter with latitude"),
        BELOW: tell("{change} with every 10 degrees from the equator: drier with latitude"),
        NOT_APART: tell("{change} with every 10 degrees from the equator: not told apart from 0"),
        NO_INTERVAL: tell("{change} with every 10 degrees from the equator, without an interval"),
    }
    change = slope(globe, context, "latitude_gradient")
    number = templates[sign_of(globe, "latitude_gradient")].format(change=change)
    rows = [row for row in tables["regions"] if row["key"] in ("globe", "region", "south", "north")]
    lines = [gradient(row, context) for row in rows if row.get("latitude_gradient") is not None]
    return [Headline("latitude", tell("Does the trend depend on latitude?"), number, lines)]
