"""Units of the cube and the conversion of each source into them."""

from __future__ import annotations

from dataclasses import dataclass

import xarray as xr

from smcloud.catalog import Catalog
from smcloud.catalog.units import ANGLES, Unit, alike, unit_of, unit_registry
from smcloud.errors import SmcloudError, UnitError, all_at_once, noting

CUBE_UNITS = {
    "soil_moisture": "m3 m-3",
    "soil_moisture_uncertainty": "m3 m-3",
    "soil_moisture_reference": "m3 m-3",
    "precipitation": "mm month-1",
    "potential_evaporation": "mm month-1",
    "soil_temperature": "K",
    "temperature": "K",
    "lai": "m2 m-2",
    "aridity_index": "1",
    "elevation": "m",
    "clay": "%",
    "sand": "%",
    "land_cover": "1",
    "land_mask": "1",
}
WATER_DENSITY = "1000 kg m-3"
LAYERS = ((("mm", 1),), (("kg", 1), ("m", -2)))  # 1 mm of water is 1 kg m-2
OF_WATER = ("precipitation", "potential_evaporation", "soil_moisture", "soil_moisture_reference")


@dataclass(frozen=True)
class Conversion:
    """From a source's unit to the cube's: times ``factor``, plus ``offset``, and times the days of the month
    where the source holds a rate (``by_days``)."""

    factor: float = 1.0
    offset: float = 0.0
    by_days: bool = False


def cube_units(role: str, units: str, aggregate: str) -> str:
    """Return the unit of ``role`` in the cube; a role without a fixed one keeps its own (per month if summed)."""
    if role in CUBE_UNITS:
        return CUBE_UNITS[role]
    known = _known(units)
    if known is not None and known.per == "month":
        return str(known)
    return f"{units} month-1" if aggregate == "sum" else units


def is_per_month(units: str) -> bool:
    """Return whether a unit of the cube is an amount per month: a month with missing steps then has no value."""
    known = _known(units)
    return units.endswith(" month-1") if known is None else known.per == "month"


def convert(
    da: xr.DataArray,
    role: str,
    units: str,
    aggregate: str,
    days: xr.DataArray | None,
    where: str,
    *,
    period: str = "day",
) -> xr.DataArray:
    """Convert monthly (or static) values of ``role`` to the cube's unit, lazily.

    ``units`` is the source's, ``period`` that of its steps; ``days`` is the length of each month, None for a static
    layer. Raises what :func:`conversion` raises.
    """
    how = conversion(role, units, aggregate, "static" if days is None else period, where)
    out = da * how.factor if how.factor != 1 else da
    out = out * days if how.by_days and days is not None else out
    out = out + how.offset if how.offset else out
    return out.assign_attrs(units=cube_units(role, units, aggregate))


def conversion(role: str, units: str, aggregate: str, period: str, where: str) -> Conversion:
    """Find how ``role`` in ``units`` becomes the cube's unit; raises :class:`UnitError` where it cannot.

    An amount (mm) of steps shorter than a month must be summed, a rate (mm day-1) must be averaged: the mean rate is
    multiplied by the days of the month. Per month means per this month, never 30.44 days; a monthly step in mm or
    mm month-1 is its month's depth. Per year is refused. A mass per area counts as water, 1000 kg m-3.
    """
    if role not in CUBE_UNITS:
        known = _known(units)
        if known is not None and known.per and aggregate == "sum" and not (known.per == period == "month"):
            raise _summed_rate(units, where)
        return Conversion()
    target = CUBE_UNITS[role]
    try:
        source, wanted = unit_of(units), unit_of(target)
    except ValueError as err:
        raise _impossible(units, target, where, str(err)) from err
    if wanted.per != "month":
        if aggregate == "sum" and period not in ("month", "static"):
            raise UnitError(
                f"{role} is a mean, not a sum", where=where, found=units, expected="aggregate: mean",
                next="set aggregate: mean in the catalog entry",
            )  # fmt: skip
        return Conversion(*_linear(source, wanted, units, role, where))
    return _to_depth(role, units, aggregate, period, where)


def _to_depth(role: str, units: str, aggregate: str, period: str, where: str) -> Conversion:
    """Conversion to a depth per month."""
    target, source = CUBE_UNITS[role], unit_of(units)
    if period == "static":
        raise UnitError(
            "a static layer cannot be a rate", where=where, found=units, expected=target,
            next="set the period of the source's steps in the catalog entry",
        )  # fmt: skip
    depth = unit_of(target).without("month")
    if source.per == "year":
        raise UnitError(
            "a depth per year does not say how it is shared among the months", where=where, found=units,
            expected=f"{target}, or a unit per day",
            next=f"set attr_units: {units}, units: mm day-1, and as scale 1 / the days of the producer's year",
        )  # fmt: skip
    if source.per == "month":
        if aggregate == "sum" and period != "month":
            raise _summed_rate(units, where)
        return Conversion(*_linear(source.without("month"), depth, units, role, where))
    if source.per:
        if aggregate == "sum":
            raise _summed_rate(units, where)
        factor, _ = _linear(source, Unit(1.0, (*depth.powers, ("day", -1))), units, role, where)
        return Conversion(factor, by_days=True)
    factor, _ = _linear(source, depth, units, role, where)
    if aggregate != "sum" and period != "month":
        raise UnitError(
            f"the mean of the amounts of each {period} cannot be converted to a month's", where=where, found=units,
            expected="aggregate: sum, or a unit per time such as mm day-1",
            next=f"set aggregate: sum in the catalog entry; if the values are a rate, units: {units} day-1 (or h-1, as "
            f"it is) and attr_units: {units}",
        )  # fmt: skip
    return Conversion(factor)


def require_convertible(catalog: Catalog) -> None:
    """Raise :class:`UnitError` for the variables of a catalog that cannot become the cube's unit of their role."""
    problems: list[SmcloudError] = []
    for name, entry in catalog.sources.items():
        for role, spec in entry.metadata.variables.items():
            if spec.aggregate != "class":
                where = f"{catalog.path}: sources.{name}.metadata.variables.{role}"
                with noting(problems):
                    conversion(role, spec.units, spec.aggregate, spec.period, where)
    all_at_once(problems)


def _known(units: str) -> Unit | None:
    try:
        return unit_of(units)
    except ValueError:
        return None


def _linear(source: Unit, wanted: Unit, units: str, role: str, where: str) -> tuple[float, float]:
    """Factor and offset of ``wanted = factor * source + offset``."""
    if any(word in ANGLES for word, _ in source.powers):
        raise _impossible(units, CUBE_UNITS[role], where, "it holds an angle")
    if source.powers == wanted.powers:  # one unit: pint takes half a second to begin
        return source.factor, 0.0
    import pint

    if not alike(source, wanted):
        raise _impossible(units, CUBE_UNITS[role], where, "it is a ratio of other things")
    registry = unit_registry()
    quantity = registry.Quantity
    try:
        unit, goal = (registry.parse_units(str(Unit(1.0, one.powers))) for one in (source, wanted))
        if role in OF_WATER and quantity(1.0, unit).check(quantity(1.0, goal) * quantity(WATER_DENSITY)):
            per = quantity(1.0, unit) / quantity(WATER_DENSITY)
            return float(per.to(goal).magnitude) * source.factor, 0.0
        zero, one = (float(quantity(value, unit).to(goal).magnitude) for value in (0.0, 1.0))
    except (pint.errors.PintError, AssertionError, AttributeError, ValueError, TypeError) as err:
        raise _impossible(units, CUBE_UNITS[role], where, "it is of another kind") from err
    return (one - zero) * source.factor, zero


def _impossible(units: str, target: str, where: str, reason: str) -> UnitError:
    known = _known(units)
    of_layer = target == "m3 m-3" and known is not None and known.powers in LAYERS
    return UnitError(
        f"a unit cannot be converted: {reason}",
        where=where,
        found=units or "no unit",
        expected=f"a unit of the kind of {target}",
        next=f"water of a layer of soil: units: m3 m-3, attr_units: {units} and scale: 1 / (the layer's depth in mm)"
        if of_layer
        else "correct units and aggregate in the catalog entry; attr_units repeats what the source itself says",
    )


def _summed_rate(units: str, where: str) -> UnitError:
    return UnitError(
        "a rate cannot be summed: the sum of its steps depends on their length",
        where=where,
        found=units,
        expected="aggregate: mean, which multiplies the mean rate by the length of the month",
        next=f"set aggregate: mean; if the values are amounts of their steps, units: mm and attr_units: {units}",
    )
