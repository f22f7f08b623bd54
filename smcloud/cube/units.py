"""Units of the cube and the conversion of each source into them."""

from __future__ import annotations

import xarray as xr

from smcloud.catalog.validation import unit_registry
from smcloud.errors import UnitError

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


def cube_units(role: str, units: str, aggregate: str) -> str:
    """Return the unit of ``role`` in the cube; a role without a fixed one keeps its own (per month if summed)."""
    return CUBE_UNITS.get(role, f"{units} month-1" if aggregate == "sum" else units)


def convert(
    da: xr.DataArray, role: str, units: str, aggregate: str, days: xr.DataArray | None, where: str
) -> xr.DataArray:
    """Convert monthly (or static) values of ``role`` to the cube's unit, lazily.

    ``units`` is the source's. A sum is a depth over the month; a mean that is a depth per time is
    multiplied by the length of the month (``days``). A mass per area counts as water, 1000 kg m-3.
    Raises :class:`UnitError` where no conversion exists.
    """
    target = cube_units(role, units, aggregate)
    if target == units or target == f"{units} month-1":
        out = da
    elif target.endswith(" month-1") and aggregate == "mean":
        if days is None:
            raise UnitError("a static layer cannot be a rate", where=where, found=units, expected=target)
        factor, _ = _linear(units, target.removesuffix(" month-1") + " day-1", where)
        out = da * factor * days
    else:
        factor, offset = _linear(units, target.removesuffix(" month-1"), where)
        out = da * factor + offset if offset else da * factor
    return out.assign_attrs(units=target)


def _linear(source: str, target: str, where: str) -> tuple[float, float]:
    """Factor and offset of ``target = factor * source + offset``."""
    import pint

    registry = unit_registry()
    try:
        unit, wanted = registry.parse_units(source), registry.parse_units(target)
        quantity = registry.Quantity
        if quantity(1.0, unit).check(quantity(1.0, wanted) * registry.Quantity(WATER_DENSITY)):
            per = quantity(1.0, unit) / registry.Quantity(WATER_DENSITY)
            return float(per.to(wanted).magnitude), 0.0
        zero, one = (float(quantity(value, unit).to(wanted).magnitude) for value in (0.0, 1.0))
    except (pint.errors.PintError, ArithmeticError, AssertionError, AttributeError, ValueError, TypeError) as err:
        raise UnitError(
            "a unit cannot be converted",
            where=where,
            found=source,
            expected=f"a unit of the kind of {target}",
            next="correct units and aggregate in the catalog entry",
        ) from err
    return one - zero, zero
