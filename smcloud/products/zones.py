"""The zones of the DDWW question, dry, transition and wet, by the scheme of the configuration."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import VariableError
from smcloud.products.annual import cell_areas, land, ordered_mean, whole_year_sums

AFTER_THE_FACT = (
    "The record that is asked for change gives its zones too. Simulated without any trend, in cells whose levels "
    "differ about as much as the years of one cell do, DDWW and its opposite had 0.34 and 0.33 of the changed land in "
    "terciles of the whole period, as here, but 0.17 and 0.53 in those of the first 7 years and 0.55 and 0.16 in those "
    "of the last 7: compare with the range by chance. Terciles of ESA CCI COMBINED are those of the GLDAS climatology "
    "that it is scaled to."
)
INDEX = "aridity index (precipitation over potential evaporation)"
TERCILES = "terciles by area over the land"
# What each scheme goes by, and how; {} are its limits.
SCHEMES = {
    "aridity": (INDEX, "limits of the configuration", ""),
    "aridity_terciles": (INDEX, TERCILES, ""),
    "climatology_terciles": ("mean annual soil moisture", TERCILES, AFTER_THE_FACT),
    "water_balance": (
        "mean annual precipitation less potential evaporation",
        "sign",
        "Potential evaporation counts as a positive amount, whatever its sign in the source. There is no transition.",
    ),
}


class Zones(NamedTuple):
    """Codes (lat, lon): 0 none, 1 dry, 2 transition, 3 wet; and the two ``limits``, lazy where they are computed."""

    code: xr.DataArray
    limits: xr.DataArray


def zones(annual: xr.Dataset, trend: xr.Dataset, config: RunConfig, cube: xr.Dataset | None = None) -> Zones | None:
    """Find the zone of each land cell; None without the roles of ``zones.scheme``. Lazy as what it is made of.

    Dry lies below the first limit, wet from the second on; a cell without a value has no zone. Limits of ``aridity``
    are those of ``zones.limits``, of the terciles they are values that a third of the area of the land with a value
    lies below, and of ``water_balance`` 0 (mm per year, of the monthly ``cube`` where ``annual`` has not all months).
    """
    if any(role not in annual for role in config.zones.roles):
        return None
    on_land = land(annual)
    value = _value(annual, trend, config, cube).where(on_land)
    if config.zones.scheme.endswith("terciles"):
        limits = limits_by_area(value, cell_areas(annual), 3)
    else:
        limits = xr.DataArray(np.array(config.zones.limits or (0.0, 0.0)), dims="limit")
    dry, wet = (limits.isel(limit=k, drop=True) for k in (0, 1))
    if config.zones.scheme == "aridity":
        dry, wet = dry.astype(value.dtype), wet.astype(value.dtype)  # an index that is stored as 0.65 is not below it
    code = xr.full_like(value, 3).where(value >= wet, 2).where(value >= dry, 1)
    return Zones(code.where(value.notnull(), 0).astype("uint8").drop_attrs(), limits)


def zone_attributes(config: RunConfig, limits: tuple[float, float]) -> dict[str, str]:
    """Describe the variable ``zone`` of a run whose limits are ``limits``."""
    by, how, caution = SCHEMES[config.zones.scheme]
    comment = f"{by[0].upper()}{by[1:]}: dry below {limits[0]:g}, wet from {limits[1]:g} on ({how})."
    return {
        "long_name": f"zone by the {by}",
        "comment": f"{comment} {caution}".strip(),
    }


def _value(annual: xr.Dataset, trend: xr.Dataset, config: RunConfig, cube: xr.Dataset | None) -> xr.DataArray:
    """What the scheme goes by, (lat, lon)."""
    if config.zones.scheme == "climatology_terciles":
        return trend["climatology"]
    if config.zones.scheme == "water_balance":
        return _water_balance(annual, config, cube)
    return annual["aridity_index"]


def _water_balance(annual: xr.Dataset, config: RunConfig, cube: xr.Dataset | None) -> xr.DataArray:
    """Mean over the years of precipitation less potential evaporation, mm; years that lack one of them do not count."""
    for role in config.zones.roles:
        if "year" not in annual[role].dims:
            raise VariableError(
                "the sign of the water balance needs months of both roles",
                where=f"zones.scheme: water_balance, {role}",
                found="a layer without months",
                expected="amounts by month",
                next=f"give inputs.{role} an entry with months, or take zones: {{scheme: aridity}}",
            )
    if config.annual.method == "anomalies" and cube is not None:  # annual sums are then of the months of soil moisture
        rain, demand = (whole_year_sums(cube, role, config) for role in config.zones.roles)
    else:
        rain, demand = (annual[role] for role in config.zones.roles)
    both = rain.notnull() & demand.notnull()
    # Downward fluxes are positive in ERA5, so evaporation is negative there.
    return ordered_mean(rain.where(both), "year") - abs(ordered_mean(demand.where(both), "year"))


def limits_by_area(value: xr.DataArray, area: xr.DataArray, parts: int) -> xr.DataArray:
    """Find the values (limit) that 1, 2 .. ``parts`` - 1 of so many parts of the area with a value lie below.

    ``value`` and ``area`` are (lat, lon); of equal values all lie from the limit on. NaN without a value. Lazy where
    they are, with the field in one chunk.
    """
    fields = [da.chunk({dim: -1 for dim in da.dims}) if da.chunks else da for da in (value, area)]
    out: xr.DataArray = xr.apply_ufunc(
        _limits_of_field, *fields, kwargs={"parts": parts}, input_core_dims=[value.dims, value.dims],
        output_core_dims=[["limit"]], dask="parallelized", output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"limit": parts - 1}},
    )  # fmt: skip
    return out


def _limits_of_field(value: npt.NDArray[Any], area: npt.NDArray[np.float64], parts: int) -> npt.NDArray[np.float64]:
    known = np.isfinite(value)
    if not known.any():
        return np.full(parts - 1, np.nan)
    order = np.argsort(value[known], kind="stable")
    below = area[known][order].cumsum()
    place = np.searchsorted(below, below[-1] * np.arange(1, parts) / parts)
    return value[known][order][place].astype(np.float64)
