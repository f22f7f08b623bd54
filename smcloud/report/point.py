"""What a release says about one cell, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smcloud.conventions.invented import NOTE
from smcloud.products.flags import CLASS_MEANING
from smcloud.report.rounding import (
    DASH,
    MINUS,
    SLOPE_UNITS,
    figures,
    interval,
    number,
    percent,
    shown,
    trend_text,
    words,
)

# Why a cell has no trend; {n} years with a value, {years} of the record, {min_years} and {ends} of the configuration.
WHY = {
    "empty": "none of the {years} years has a soil moisture value here",
    "too_short": "only {n} of {years} years have a value, and this run asks for {min_years}",
    "constant": "all annual values are the same, so that there is nothing to test",
    "variance_not_corrected": "the years of this cell are so alike that the test has no variance to work with",
    "not_land": "the cell is not land",
    "ends_not_covered": "the record does not cover both ends of the period: {ends}",
    "chosen_by_this_result": "the group was chosen by this very result, which cannot be tested on it again",
    "months_not_connected": "the calendar months of the record do not overlap enough to be fitted together",
}
# Why a trend that has a slope has no p value.
NO_TEST = {
    "too_short": "too few years follow each other for a test that allows for their likeness",
    "variance_not_corrected": WHY["variance_not_corrected"],
}
WHY_NO_DRIVER = {
    "empty": "there is no year with soil moisture and all drivers",
    "too_short": "too few years have soil moisture and all drivers",
    "constant": "soil moisture is the same in all years",
    "dropped": "it does not vary enough here, or has no values beside those of soil moisture, and is left out",
    "collinear": "it cannot be told apart from the other drivers here",
    "not_land": "the cell is not land",
    "ends_not_covered": "the record does not cover both ends of the period",
}
RULES = {"p_adjusted": "adjusted p ≤ {alpha:g}", "p_value": "p < {alpha:g}"}


def point_words(record: Mapping[str, Any]) -> list[str]:
    """Tell the ``record`` of a cell (see :func:`smcloud.export.point`) in lines for people.

    A value that is missing is never left out silently: the line says why there is none.
    """
    lines = [NOTE] if record.get("invented") else []
    lines += [_place(record), _moisture(record["soil_moisture"])]
    lines += _trend(record)
    lines += _drivers(record)
    lines += _class(record)
    return lines


def point_table(record: Mapping[str, Any]) -> list[str]:
    """Lay out the annual series of ``record`` as a table in plain text; a dash is a missing value."""
    rows = record["series"]
    if not rows:
        return []
    names = list(rows[0])
    cells = [[words(name) for name in names]]
    cells += [[DASH if row[name] is None else _plain(name, row[name]) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _plain(name: str, value: float) -> str:
    # Five digits: in kelvin three would hide what changes.
    return str(value) if name == "year" or isinstance(value, int) else f"{value:.5g}".replace("-", MINUS)


def _place(record: Mapping[str, Any]) -> str:
    cell = record["cell"]
    (south, north), (west, east) = cell["lat_bounds"], cell["lon_bounds"]
    cover = f", {words(cell['land_cover'])}" if cell["land_cover"] else ""
    return (
        f"The cell around {_degrees(cell['lat'], 'N', 'S')} {_degrees(cell['lon'], 'E', 'W')}: "
        f"{_degrees(south, 'N', 'S')} to {_degrees(north, 'N', 'S')}, {_degrees(west, 'E', 'W')} to "
        f"{_degrees(east, 'E', 'W')}, {number(cell['height_km'], 0)} km high and {number(cell['width_km'], 0)} km "
        f"wide, {number(cell['area_km2'], 0)} km²{cover}.{_within(cell.get('region_share'))}"
    )


def _within(share: float | None) -> str:
    """How much of a cell counts in a run on a region of polygons."""
    if share is None or share == 1:
        return ""
    return f" {percent(share)} of it lies in the region." if share else " It lies outside of the region."


def _degrees(value: float, plus: str, minus: str) -> str:
    if plus == "E":
        value = (value + 180) % 360 - 180 if value > 180 else value
    return f"{abs(value):g}°" + (plus if value > 0 else minus if value < 0 else "")


def _moisture(moisture: Mapping[str, Any]) -> str:
    first, last = moisture["period"]
    if not moisture["n_years"]:
        return f"Soil moisture: no value in any year of {first} to {last}."
    start, end = moisture["first"], moisture["last"]
    return (
        f"Soil moisture: {figures(start['value'])} in {start['year']}, {figures(end['value'])} in {end['year']}, "
        f"{figures(moisture['mean'])} m³ m⁻³ on average; "
        f"{moisture['n_years']} of {moisture['years']} years have a value."
    )


def _trend(record: Mapping[str, Any]) -> list[str]:
    trend, moisture, choices = record["trend"], record["soil_moisture"], record["choices"]
    if trend is None:
        return ["Trend: this release has no trend product."]
    status = trend.get("status")
    if trend["slope"] is None:
        return [f"Trend: no value, because {why(status, moisture, choices)}."]
    slope = f"{shown('slope', trend['slope'])}{_limits(trend, choices)} × {SLOPE_UNITS}"
    lines = [f"Trend: {slope}, over {trend['n_years']} years."]
    rule = RULES[choices["trend_significance"]].format(alpha=choices["alpha"])
    if trend["p_value"] is None:
        lines.append(f"Not tested: {NO_TEST.get(str(status), 'the test has no result here')}.")
        return lines
    adjusted = trend.get("p_adjusted")
    found = {"significant": "significant", "not_significant": "not significant"}.get(str(trend["significant"]))
    lines.append(
        f"The trend is {found or 'without a verdict'} by the rule of this run ({rule}): {_p('p', trend['p_value'])}"
        + (f", {_p('adjusted for the number of cells', adjusted)}" if adjusted is not None else "")
        + "."
    )
    if status == "constant":
        lines.append("All annual values are the same: the trend is 0 because nothing changes, on land or in the data.")
    elif found == "not significant":
        least = trend.get("minimum_detectable_slope")
        could = "" if least is None else f": 80 % of such records would show a slope of {trend_text(least, units=True)}"
        lines.append(f"That is no proof that nothing changes{could}.")
    return lines


def _limits(trend: Mapping[str, Any], choices: Mapping[str, Any]) -> str:
    if trend.get("slope_lower") is None or trend.get("slope_upper") is None:
        return " (without an interval)"
    level = 100 * (1 - float(choices["alpha"]))
    return f" ({level:g} % interval {interval('slope', trend['slope_lower'], trend['slope_upper'])})"


def _p(name: str, value: float) -> str:
    text = shown("p_value", value)
    return f"{name} {text}" if text.startswith("<") else f"{name} = {text}"


def why(status: str | None, moisture: Mapping[str, Any], choices: Mapping[str, Any]) -> str:
    """Say in words why a cell has no trend."""
    if status in (None, "ok", "dropped", "collinear"):
        return "the release does not say why"
    ends = dict(choices.get("ends") or {})
    asked = "too few years there have a value"
    if ends:
        asked = f"this run asks for {ends.get('min_years')} values in the first and last {ends.get('span')} years each"
    least = choices["min_years"]
    return WHY.get(str(status), words(str(status))).format(
        n=moisture["n_years"], years=moisture["years"], min_years="more" if least is None else least, ends=asked
    )


def _drivers(record: Mapping[str, Any]) -> list[str]:
    drivers, dominant, choices = record["drivers"], record["dominant"] or {}, record["choices"]
    if drivers is None:
        return ["Drivers: this release has no drivers product."]
    reasons = {driver.get("status") for driver in drivers}
    if all(driver["partial_correlation"] is None for driver in drivers) and len(reasons) == 1:
        return [f"Drivers: no value, because {why_no_driver(*reasons)}."]
    level = 100 * (1 - float(choices["alpha"]))
    lines = ["Partial correlation of soil moisture with each driver, the others held fixed:"]
    for driver in drivers:
        name, r = words(driver["driver"]), driver["partial_correlation"]
        if r is None:
            lines.append(f"  {name}: no value, because {why_no_driver(driver.get('status'))}.")
            continue
        limits = interval("correlation", driver.get("r_lower"), driver.get("r_upper"))
        between = f" ({level:g} % interval {limits})" if limits != DASH else ", without an interval"
        p = "not tested" if driver.get("p_value") is None else _p("p", driver["p_value"])
        lines.append(f"  {name}: r = {number(r, 2)}{between}, {p}.")
    return [*lines, _dominant(dominant, choices)]


def why_no_driver(status: str | None) -> str:
    """Say in words why a driver has no value in a cell."""
    return WHY_NO_DRIVER.get(str(status), "the release does not say why")


def _dominant(dominant: Mapping[str, Any], choices: Mapping[str, Any]) -> str:
    rule, name = RULES[choices["drivers_dominant"]].format(alpha=choices["alpha"]), dominant.get("dominant_driver")
    if name in (None, "no_data"):
        return "Strongest driver: no value."
    if name == "none":
        return f"Strongest driver: none is significant ({rule})."
    if name == "tie":
        return "Strongest driver: two are equally strong."
    r = dominant.get("dominant_correlation")
    sign = "" if r is None else f"; the soil is wetter in years when it is {'higher' if r > 0 else 'lower'}"
    return f"Strongest driver ({rule}): {words(str(name))}{sign}."


def _class(record: Mapping[str, Any]) -> list[str]:
    ddww, name = record["ddww"], "Dry gets drier, wet gets wetter"
    if ddww is None:
        return [f"{name}: this release has no such classes."]
    zone, found = ddww.get("zone"), ddww.get("ddww_class")
    if zone in (None, "none"):
        return [f"{name}: the cell lies in no zone of dryness, and has no class."]
    if found in CLASS_MEANING:
        return [f"{name}: the cell lies in the {zone} zone; its class is {found}, {CLASS_MEANING[found]}."]
    why_not = "its trend is not significant" if found == "not_significant" else "its trend has no value"
    return [f"{name}: the cell lies in the {zone} zone; no class, because {why_not}."]
