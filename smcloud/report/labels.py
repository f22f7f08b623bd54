"""Names that the products bring along, in the language of the report: drivers, classes, groups of land, reasons."""

from __future__ import annotations

import re

from smcloud.report.language import catalog, language, message, tell

# Words of the products that the catalogs know. One that is not here is shown as it is in every language.
KNOWN = (
    message("Soil-moisture change: trend, drivers and DDWW"),
    message("precipitation"), message("soil temperature"), message("LAI"), message("temperature"),
    message("soil moisture"), message("none"), message("tie"), message("trend"),
    message("Globe"), message("Northern hemisphere"), message("Southern hemisphere"), message("Tropics"),
    message("water"), message("evergreen needleleaf forests"), message("evergreen broadleaf forests"),
    message("deciduous needleleaf forests"), message("deciduous broadleaf forests"), message("mixed forests"),
    message("closed shrublands"), message("open shrublands"), message("woody savannas"), message("savannas"),
    message("grasslands"), message("permanent wetlands"), message("croplands"), message("urban and built-up lands"),
    message("cropland natural vegetation mosaics"), message("snow and ice"), message("barren"),
    message("sand"), message("loamy sand"), message("sandy loam"), message("loam"), message("silt loam"),
    message("silt"), message("sandy clay loam"), message("clay loam"), message("silty clay loam"),
    message("sandy clay"), message("silty clay"), message("clay"), message("elevation"),
    message("hyper-arid"), message("arid"), message("semi-arid"), message("dry sub-humid"), message("humid"),
    message("dry gets drier"), message("dry gets wetter"), message("wet gets drier"), message("wet gets wetter"),
    message("transition gets drier"), message("transition gets wetter"),
    message("valid trend"), message("of it, values that change"), message("of it, constant values: slope 0"),
    message("empty"), message("too short"), message("constant"), message("variance not corrected"), message("dropped"),
    message("collinear"), message("ends not covered"), message("months not connected"), message("ok"),
    message("the preset’s"), message("least squares, t test"), message("Theil-Sen, Mann-Kendall"),
    message("anomalies of months"), message("least squares, effective sample size"), message("Mann-Kendall, 3PW"),
    message("Mann-Kendall, prewhitened"), message("Mann-Kendall, Hamed-Rao"),
    message("first year"), message("first two"), message("last year"), message("last two"),
    message("first and last year"), message("first and last two"), message("growing"),
    message("slope"), message("least squares"), message("test"), message("pooled (7b)"), message("effective n (7)"),
    message("prewhitening"), message("many tests"), message("zones"), message("aridity 0.5, 0.65"),
    message("aridity 0.65"), message("aridity terciles"), message("moisture terciles"), message("sign of P - PET"),
    message("transition zone"), message("in the share"), message("left out"), message("annual values"),
    message("means, ≥ 4 months"), message("means, ≥ 6 months"), message("means, ≥ 8 months"), message("anomalies"),
    message("the first"), message("1 later"), message("2 later"), message("3 later"),
    message("the area with a significant change and a zone"),
    message("the area with a significant change in the dry and the wet zone"),
    message("many simulated series of 22 years"),
    message("the power of the test in each cell; 0 where the run has no result"),
)  # fmt: skip

_DECILE = re.compile(r"decile (\d+)(?: \((driest|wettest)\))?$")
_BAND = re.compile(r"(\d+[NS]?) to (\d+[NS]?)$")
_CLASS = re.compile(r"([DWT][DW]) \((.+)\)$")
_REGION, _NO_TREND = "The region: ", "no trend: "


def label(text: str) -> str:
    """Return a name of a product in the language that is spoken; as it is where its catalog does not know it."""
    if found := _DECILE.match(text):
        ends = {"driest": tell("decile {n} (driest)", n=found[1]), "wettest": tell("decile {n} (wettest)", n=found[1])}
        return ends.get(found[2], tell("decile {n}", n=found[1]))
    if found := _BAND.match(text):
        return tell("{south} to {north}", south=found[1], north=found[2])
    if found := _CLASS.match(text):
        return tell("{class_} ({meaning})", class_=found[1], meaning=label(found[2]))
    if text.startswith(_REGION):
        return tell("The region: {name}", name=text.removeprefix(_REGION))
    if text.startswith(_NO_TREND):
        return tell("no trend: {reason}", reason=label(text.removeprefix(_NO_TREND)))
    return catalog(language()).gettext(text) if text else ""
