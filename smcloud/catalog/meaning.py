"""What a file says of a variable beside its unit: an amount that is a mean, a moisture that is a share, a flag."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from smcloud.catalog.schema import VariableSpec
from smcloud.catalog.units import unit_of
from smcloud.errors import UnitError, VariableError

if TYPE_CHECKING:
    import xarray as xr

WATER = ("precipitation", "potential_evaporation")  # roles that are amounts per month
SOIL = ("soil_moisture", "soil_moisture_reference")
NAMED_PERIODS = ("hour", "day", "month")
TIME_MEAN = re.compile(r"\btime:\s+mean\b")
# Of what a moisture may be a share: full pores, or the range between the driest and the wettest that was seen.
RELATIVE = re.compile(r"saturat|wetness|water index|relative soil moisture|relative_soil_moisture", re.IGNORECASE)
RELATIVE_NAMES = re.compile(r"(?:gwet|swi)\w*", re.IGNORECASE)
# What the first bit of a flag may mean, as it drops a value: with ESA CCI snow or frost.
UNUSABLE = re.compile(r"snow|fro[sz]|freez|temperature|zero|bad|invalid|unrel|poor|fail|miss|not_|no_|reject", re.I)


def check_meaning(role: str, ds: xr.Dataset, spec: VariableSpec, where: str) -> None:
    """Raise where the attributes of a variable contradict what the catalog makes of it.

    :class:`UnitError` for an amount of water that the file calls a mean, and for a moisture that is a share of
    saturation; :class:`VariableError` for flags with other meanings than those of ESA CCI.
    """
    da = ds[spec.name]
    if role in WATER and _is_amount(spec.units):
        _require_total(da, str(ds.attrs.get("history", "")), spec, f"{where}: {spec.name}")
    if role in SOIL and (spec.scale is None or spec.attr_units is None):
        _require_volumetric(da, spec, f"{where}: {spec.name}")
    if spec.flag:
        _require_known_flag(ds[spec.flag].attrs, f"{where}: {spec.flag}")


def _is_amount(units: str) -> bool:
    try:
        return not unit_of(units).per
    except ValueError:
        return False


def _require_total(da: xr.DataArray, history: str, spec: VariableSpec, where: str) -> None:
    """ERA5's monthly means say m and mean m per day, and CDO keeps the unit of the days whose mean it takes."""
    kind, methods = str(da.attrs.get("GRIB_stepType", "")), str(da.attrs.get("cell_methods", ""))
    lines = [line for line in history.splitlines() if line.strip()]
    said = ""
    if kind.startswith("avg"):
        said = f"GRIB_stepType {kind}"
    elif TIME_MEAN.search(methods):
        said = f"cell_methods {methods}"
    elif spec.period == "month" and lines and all("grib_to_netcdf" in line for line in lines):
        said = "history grib_to_netcdf, which writes monthly means of days as they are in the archive"
    if said:
        units, own = spec.units, spec.period if spec.period in NAMED_PERIODS else "day"
        raise UnitError(
            f"an amount of each {spec.period} is a mean, as its file says",
            where=where,
            found=f"{da.attrs.get('units', 'no unit')}, {said}",
            expected="amounts, or a unit per time",
            next=f"a mean of daily amounts, such as ERA5's monthly tp: units: {units} day-1, aggregate: mean and "
            f"attr_units: {units}; amounts of a {own} all the same: units: {units} {own}-1, the rest alike",
        )


def _require_volumetric(da: xr.DataArray, spec: VariableSpec, where: str) -> None:
    """Half of saturation is not half of the soil's volume, though both are percent: porosity lies between them."""
    texts = [str(da.attrs[key]) for key in ("long_name", "standard_name", "description") if key in da.attrs]
    said = next((text for text in texts if RELATIVE.search(text)), "")
    said = said or (spec.name if RELATIVE_NAMES.fullmatch(spec.name) else "")
    if said and not ("volumetric" in said.lower() and "saturat" not in said.lower()):
        raise UnitError(
            "soil moisture in percent of saturation is not volumetric",
            where=where,
            found=f"{da.attrs.get('units', 'no unit')} ({said})",
            expected="m3 m-3",
            next="use a volumetric product, or give attr_units (the unit as the file has it), units: m3 m-3 and scale: "
            "porosity, of percent porosity / 100",
        )


def _require_known_flag(attrs: Mapping[Any, Any], where: str) -> None:
    """Flags are read as bits of ESA CCI, any of which drops a value: others may call 1 good."""
    meanings = str(attrs.get("flag_meanings", "")).split()
    for key in ("flag_masks", "flag_values"):
        codes = np.ravel(attrs.get(key, ())).tolist()
        if len(codes) != len(meanings) or 1 not in codes:
            continue
        first = meanings[codes.index(1)]
        if not UNUSABLE.search(first):
            raise VariableError(
                "the flags of a source are not those of ESA CCI and C3S",
                where=where,
                found=f"1 is {first[:60]}",
                expected="1 is snow or temperature below zero, as with ESA CCI, or another reason to drop a value",
                next="mask the values in the source by its own flags, and leave flag out of the catalog entry",
            )
