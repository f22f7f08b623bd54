"""How files call what the roles are: names, CF's standard names, and what long names say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from smcloud.catalog.schema import ERA5_LAI
from smcloud.config.roles import require_role
from smcloud.errors import VariableError

if TYPE_CHECKING:
    import xarray as xr


class Called(NamedTuple):
    """What a role is called: a pattern of whole names, standard names, a pattern that is searched in long names."""

    names: str
    standard_names: tuple[str, ...] = ()
    long_names: str = "$^"


STATIC = ("aridity_index", "land_cover", "elevation", "clay", "sand", "land_mask")
CALLED: Mapping[str, Called] = {
    "soil_moisture": Called(
        r"s?sm|swvl1|soil_?moist(ure)?|sm_?surf(ace)?|volumetric_soil_water_layer_1|mrsos|SoilMoi0_10cm\w*|SFMC|"
        r"SMsurf|vsm|theta|soilw|GWETTOP|SWI",
        ("volume_fraction_of_condensed_water_in_soil", "mass_content_of_water_in_soil_layer",
         "volume_fraction_of_water_in_soil", "soil_moisture_content", "moisture_content_of_soil_layer"),
        r"^(volumetric )?(surface )?soil moisture$|volumetric soil water (layer|level) 1$",
    ),
    "precipitation": Called(
        r"tp|pre?|precip(itation)?|rain(fall)?|total_precipitation|pr(e)?cp(tot)?|ppt|mtpr|tprate",
        ("precipitation_amount", "precipitation_flux", "lwe_thickness_of_precipitation_amount",
         "lwe_precipitation_rate", "rainfall_amount", "rainfall_flux", "thickness_of_rainfall_amount"),
        r"^(total |monthly |daily |mean )*(precipitation|rainfall)( rate| amount)?$",
    ),
    "potential_evaporation": Called(
        r"pev|pet|potential_evap(oration|otranspiration)?|evspsblpot|eto|Ep",
        ("water_potential_evaporation_flux", "water_potential_evaporation_amount",
         "lwe_thickness_of_water_potential_evaporation_amount"),
        r"^potential evap(oration|otranspiration)$",
    ),
    "soil_temperature": Called(
        r"stl1|tsl|soil_?temp(erature)?(_level_1)?|ST0_10|SoilTMP0_10cm\w*", ("soil_temperature",),
        r"soil temperature (level|layer) 1$",
    ),
    "temperature": Called(
        r"t2m|tas|tmp|temp|temperature|2m_temperature|air_?temp(erature)?|tmean|tavg|tg|Tair\w*", ("air_temperature",),
        r"^2 ?met(re|er) temperature$|^(monthly |daily |mean |near-surface )*air temperature$",
    ),
    "lai": Called(r"lai(_\d+k?m)?|leaf_area_index", ("leaf_area_index",), r"^leaf area index$"),
    "aridity_index": Called(r"ai|ai_v\w+|aridity(_index)?", (), r"^aridity index$"),
    "land_cover": Called(
        r"land_?cover|lccs_class|Majority_Land_Cover_Type_1|LC_Type1", ("land_cover_lccs", "area_type"),
        r"^land cover( class)?$",
    ),
    "elevation": Called(r"elev(ation)?|dem|orog\w*|topo|altitude", ("surface_altitude",), r"^(surface )?elevation$"),
    "clay": Called(r"clay(_0-5cm)?\w*", (), r"^clay (content|fraction)$"),
    "sand": Called(r"sand(_0-5cm)?\w*", (), r"^sand (content|fraction)$"),
    "land_mask": Called(
        r"lsm|land|land_?mask|ls_?mask|land_sea_mask|sftlf|GLDAS_mask", ("land_binary_mask", "land_area_fraction"),
        r"^land[- _]?(sea)?[- _]?mask$",
    ),
}  # fmt: skip


def parse_roles(given: Iterable[str]) -> dict[str, str]:
    """Read ``ROLE`` and ``ROLE=PATTERN``; raises ValueError that says what a role may be called."""
    asked: dict[str, str] = {}
    for text in given:
        role, equal, pattern = text.partition("=")
        try:
            require_role(role)
        except Exception as err:
            raise ValueError(f"{role or 'nothing'}: {err}") from err
        if role not in CALLED and not pattern:
            known = ", ".join(CALLED)
            raise ValueError(f"{role}: say which variable it is, {role}=NAME; known without it are {known}")
        if equal and not pattern:
            raise ValueError(f"{text}: a name or pattern after the sign =")
        asked[role] = pattern
    return asked


def roles_in(ds: xr.Dataset, asked: Mapping[str, str], aliases: Mapping[str, str], where: str) -> dict[str, list[str]]:
    """Tell which variables of a file may be which role, the likelier sort of sign first deciding.

    ``asked`` are the roles that are wanted, with a pattern of the variable's name or ''; none means all known.
    ``aliases`` gives names under which a variable is known beside its own. Raises :class:`VariableError` where a
    pattern fits several variables.
    """
    numbers = [str(name) for name, da in ds.data_vars.items() if da.ndim >= 2 and da.dtype.kind in "iufb"]
    candidates = [name for name in numbers if name.lower() not in ERA5_LAI]
    found: dict[str, list[str]] = {}
    for role in asked or CALLED:
        pattern = asked.get(role, "")
        names = _matching(candidates, aliases, pattern) if pattern else _called(ds, candidates, aliases, CALLED[role])
        if pattern and len(names) > 1:
            raise VariableError(
                f"two variables are asked for as {role}",
                where=where,
                found=" and ".join(names),
                expected="one variable for a role",
                next=f"name it: smcloud init ... --role {role}={names[0]}",
            )
        if names:
            found[role] = names
    return found


def _matching(candidates: Sequence[str], aliases: Mapping[str, str], pattern: str) -> list[str]:
    return [name for name in candidates if fnmatchcase(name, pattern) or fnmatchcase(aliases.get(name, ""), pattern)]


def _called(ds: xr.Dataset, candidates: Sequence[str], aliases: Mapping[str, str], called: Called) -> list[str]:
    attrs: dict[str, Mapping[Any, Any]] = {name: ds[name].attrs for name in candidates}
    names = re.compile(called.names, re.IGNORECASE)
    by_name = [name for name in candidates if names.fullmatch(name) or names.fullmatch(aliases.get(name, ""))]
    standard = [name for name in candidates if attrs[name].get("standard_name") in called.standard_names]
    long = [
        name for name in candidates if re.search(called.long_names, str(attrs[name].get("long_name", "")).strip(), re.I)
    ]
    return by_name or standard or long
