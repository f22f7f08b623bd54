"""From the unit that a file states to the lines of an entry, and the values that are possible in it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from smcloud.catalog.units import unit_of
from smcloud.cube.ranges import CUBE_RANGES, OFTEN
from smcloud.cube.units import CUBE_UNITS, conversion, cube_units
from smcloud.errors import UnitError
from smcloud.first_study.drafts import WIDEST, Line, spec_of

WATER = ("precipitation", "potential_evaporation")
CLASSES = "land_cover"
TIME_METHOD = re.compile(r"\btime:\s+(sum|mean|point)\b")


def unit_lines(role: str, attrs: Mapping[Any, Any], period: str) -> dict[str, Line]:
    """Make the lines units, attr_units, aggregate and legend of a role from the attributes of its variable."""
    found = str(attrs.get("units", "")).strip()
    target = CUBE_UNITS.get(role, "")
    if role == CLASSES:
        return _classes(attrs, found)
    made = _aggregate(role, attrs, found, period)
    aggregate, lines = made.value, {"aggregate": made}
    if not found:
        if target in ("1", "m2 m-2"):  # there is no other
            return lines | {"units": Line(target, "a guess: the file states no unit")}
        often = " or ".join(OFTEN.get(target, (target or "the unit",)))
        return lines | {"units": Line(target or "1", "", f"{often}: the file states no unit")}
    if not target:
        return lines | {"units": Line(found, f"as the file has it; {role} keeps it")}
    try:
        conversion(role, found, aggregate, period, role)
    except UnitError as err:
        lines |= {"attr_units": Line(found, "as the file has it")}
        if target == "1" and not _is_known(found):
            return lines | {"units": Line("1", "a guess: what the file has is no unit")}
        if err.next.startswith("water of a layer"):
            return lines | {"units": Line(target), "scale": Line(0.01, "", "1 / the depth of the soil's layer in mm")}
        return lines | {
            "units": Line(target, "", f"the unit that is meant, of the kind of {target}: {err.what}; {err.next}")
        }
    return lines | {"units": Line(found, f"as the file has it; {cube_units(role, found, aggregate)} in the cube")}


def _aggregate(role: str, attrs: Mapping[Any, Any], found: str, period: str) -> Line:
    """How steps become a month; asked for where neither unit nor ``cell_methods`` tell amounts from means."""
    if _is_rate(found):
        return Line("mean", "a rate")
    if role not in WATER and (role in CUBE_UNITS or period == "static"):
        return Line("mean")
    how = TIME_METHOD.search(str(attrs.get("cell_methods", "")))
    if how and (role not in WATER or how[1] == "sum"):
        return Line("sum" if how[1] == "sum" else "mean", f"cell_methods {attrs['cell_methods']}")
    if role not in WATER:
        often = "mean of a state or a rate, sum of amounts of each step; neither unit nor cell_methods say"
        return Line("mean", "", "" if found and _is_share_or_warmth(found) else often)
    if period != "month":
        return Line("sum", "a unit without a time is an amount of each step")
    mean = f"mean, with units: {found or 'mm'} day-1 and attr_units: {found or 'what the file has'}"
    return Line(
        "sum", "", f"sum of what fell in the month; for its mean amount of a day (ERA5's monthly tp) {mean}; neither "
        "unit nor cell_methods say which",
    )  # fmt: skip


def _is_share_or_warmth(units: str) -> bool:
    """Whether a unit is one in which nothing adds up from step to step."""
    for role in ("lai", "soil_moisture", "temperature"):
        try:
            conversion(role, units, "mean", "day", role)
        except UnitError:
            continue
        return True
    return False


def _is_rate(units: str) -> bool:
    try:
        return bool(unit_of(units).per)
    except ValueError:
        return False


def _is_known(units: str) -> bool:
    try:
        return bool(unit_of(units))
    except ValueError:
        return False


def _classes(attrs: Mapping[Any, Any], found: str) -> dict[str, Line]:
    import numpy as np

    codes, names = np.ravel(attrs.get("flag_values", ())).tolist(), str(attrs.get("flag_meanings", "")).split()
    lines = {"aggregate": Line("class"), "units": Line("1")}
    if found and found != "1":
        lines["attr_units"] = Line(found, "as the file has it")
    if len(codes) == len(names) and codes:
        return lines | {"legend": Line(dict(zip(map(int, codes), names, strict=True)), "flag_meanings of the file")}
    return lines | {"legend": Line({0: "a class"}, "", "{1: forest, 2: ...}, the name of each code")}


def range_line(role: str, lines: Mapping[str, Line]) -> Line:
    """Make the line valid_range of a variable: what the role can be in its unit; an amount of a month for any step.

    Where unit or legend are open, so is this.
    """
    spec, limits = spec_of(lines), CUBE_RANGES.get(role)
    if any(lines[key].choose for key in ("units", "legend") if key in lines):
        limits = None
    elif spec.aggregate == "class":
        first, last = min(spec.legend), max(spec.legend)
        return Line((first, max(last, first + 1)), "the codes of the legend")
    if limits is None:
        return Line(WIDEST, "", "[smallest, largest] that can be true in this unit")
    how = conversion(role, spec.units, spec.aggregate, spec.period, role)
    low, high = sorted((limit - how.offset) / how.factor for limit in limits)
    return Line((_outward(low, -1), _outward(high, 1)), f"what {role} can be")


def _outward(value: float, sign: int) -> float:
    """``value`` to four digits, never further in."""
    if not value:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
    return float(f"{(math.ceil(value / step - 1e-9) if sign > 0 else math.floor(value / step + 1e-9)) * step:.4g}")
