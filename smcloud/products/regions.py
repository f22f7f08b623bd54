"""Groups of cells: regions by latitude, and strata by properties of the land."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import VariableError
from smcloud.products.annual import cell_areas, land, ordered_mean
from smcloud.products.flags import CLASS_MEANING, CLASSES
from smcloud.products.texture import CLASSES as TEXTURES
from smcloud.products.texture import texture
from smcloud.products.zones import limits_by_area

# Latitude of the tropics (the obliquity of the ecliptic) in the years of the record.
TROPIC = 23.4378
BAND = 10
ELEVATION = (200.0, 500.0, 1000.0, 2000.0)
LAI = (0.5, 1.0, 2.0, 4.0)
DECILES = 10
# Limits of the UNEP World Atlas of Desertification (1997).
ARIDITY = {"hyper-arid": 0.05, "arid": 0.2, "semi-arid": 0.5, "dry sub-humid": 0.65, "humid": math.inf}


GLOBE, REGION, POLYGON = "globe", "region", "polygon"


class Groups(NamedTuple):
    """Boolean ``mask`` (region or stratum, lat, lon), true where a cell belongs, and a label and a kind for each."""

    mask: xr.DataArray
    labels: list[str]
    kinds: list[str]


class _Group(NamedTuple):
    name: str
    label: str
    kind: str
    mask: xr.DataArray


def regions(
    lat: xr.DataArray,
    lon: xr.DataArray,
    everywhere: xr.DataArray | None = None,
    region: str | None = None,
    among: Sequence[str] | None = None,
) -> Groups:
    """Group cells into globe, hemispheres, tropics and 10-degree bands, by the latitude of the cell's centre.

    ``lat`` and ``lon`` are the one-dimensional centres in degrees. North begins at 0, a band at its southern limit;
    the tropics lie within 23.4378 degrees. Every group is there, also one without a cell. Where the cells are those of
    a ``region`` (its name) the groups are this and the bands that have a cell. The first group is the whole. The mask
    is lazy with the chunks of ``everywhere``, true (lat, lon), where that is given. ``among`` names
    the groups that are wanted, by default all.
    """
    groups = [_Group(REGION, f"The region: {region}", REGION, lat <= 90)]
    if region is None:
        groups = [
            _Group(GLOBE, "Globe", GLOBE, lat <= 90),
            _Group("north", "Northern hemisphere", "hemisphere", lat >= 0),
            _Group("south", "Southern hemisphere", "hemisphere", lat < 0),
            _Group("tropics", "Tropics", "tropics", abs(lat) < TROPIC),
        ]
    for south in range(-90, 90, BAND):
        north = south + BAND
        upper = lat <= north if north == 90 else lat < north
        name = f"{_degrees(south)}-{_degrees(north)}"
        inside = (lat >= south) & upper
        if region is None or bool(inside.any()):
            groups.append(_Group(name, f"{_degrees(south)} to {_degrees(north)}", "band", inside))
    if everywhere is None:
        everywhere = xr.ones_like(lat, dtype=bool) & xr.ones_like(lon, dtype=bool)
    by_latitude = _gather([group for group in groups if among is None or group.name in among], "region")
    return by_latitude._replace(mask=(by_latitude.mask & everywhere).transpose("region", "lat", "lon").rename("groups"))


def strata(annual: xr.Dataset, trend: xr.Dataset, ddww: xr.Dataset | None, config: RunConfig) -> Groups | None:
    """Group land cells by land cover, texture, elevation, leaf area, aridity, DDWW class and wetness; None without any.

    A role that ``annual`` lacks (land_cover, clay with sand, elevation, lai, aridity_index) drops
    its strata, and so does ``ddww`` = None. Limits belong to the class above them; ground below 0 m to the first one.
    Wetness, the deciles by area of the ``climatology`` of ``trend``, is there where the run has drivers.
    Names are kind/class. Raises :class:`VariableError` for a land cover without a legend.
    """
    groups: list[_Group] = []
    if "land_cover" in annual:
        cover = annual["land_cover"]
        for code, meaning in _legend(cover):
            groups.append(_Group(f"land_cover/{meaning}", meaning.replace("_", " "), "land_cover", cover == code))
    if "clay" in annual and "sand" in annual:
        soil = texture(annual["clay"], annual["sand"])
        for number, name in enumerate(TEXTURES, start=1):
            groups.append(_Group(f"texture/{name.replace(' ', '_')}", name, "texture", soil == number))
    if "elevation" in annual:
        groups += _bands(annual["elevation"], ELEVATION, "elevation", " m")
    if "lai" in annual:
        groups += _bands(ordered_mean(annual["lai"], "year"), LAI, "lai", "")
    if "aridity_index" in annual:
        lower = -math.inf
        for name, upper in ARIDITY.items():
            mask = (annual["aridity_index"] >= lower) & (annual["aridity_index"] < upper)
            groups.append(_Group(f"aridity/{name.replace(' ', '_')}", name, "aridity", mask))
            lower = upper
    if ddww is not None:
        for flag, name in CLASSES.items():
            if name in CLASS_MEANING:
                mask = ddww["ddww_class"] == flag
                groups.append(_Group(f"ddww/{name}", f"{name} ({CLASS_MEANING[name]})", "ddww", mask))
    on_land = land(annual)
    if config.drivers.names:
        groups += _deciles(trend["climatology"].where(on_land), cell_areas(annual))
    return _gather((group._replace(mask=group.mask & on_land) for group in groups), "stratum") if groups else None


def _bands(da: xr.DataArray, limits: tuple[float, ...], kind: str, unit: str) -> list[_Group]:
    """Classes [.., first limit), [first, second) .. [last, ..) of ``da``; NaN is in none."""
    edges = (0.0, *limits, math.inf)
    out = []
    for position, (lower, upper) in enumerate(itertools.pairwise(edges)):
        mask = (da < upper) if position == 0 else (da >= lower) & (da < upper)
        text = f"{lower:g}-{upper:g}" if upper < math.inf else f"{lower:g}+"
        out.append(_Group(f"{kind}/{text}", f"{text}{unit}", kind, mask))
    return out


def _deciles(climatology: xr.DataArray, area: xr.DataArray) -> list[_Group]:
    """Tenths of the area with a mean soil moisture, from the driest on."""
    limits = [limit.drop_attrs() for limit in limits_by_area(climatology, area, DECILES)]
    ends = {1: " (driest)", DECILES: " (wettest)"}
    out = []
    for number in range(1, DECILES + 1):
        mask = climatology.notnull()
        if number > 1:
            mask &= climatology >= limits[number - 2]
        if number < DECILES:
            mask &= climatology < limits[number - 1]
        label = f"decile {number}{ends.get(number, '')}"
        out.append(_Group(f"climatology/{number}", label, "climatology", mask))
    return out


def _legend(cover: xr.DataArray) -> list[tuple[int, str]]:
    codes = [int(code) for code in cover.attrs.get("flag_values", ())]
    meanings = str(cover.attrs.get("flag_meanings", "")).split()
    if not codes or len(codes) != len(meanings):
        raise VariableError(
            "land cover has no legend",
            where="land_cover: flag_values, flag_meanings",
            found=f"{len(codes)} codes, {len(meanings)} names",
            expected="as many names as codes",
            next="give legend in the catalog entry of land_cover",
        )
    return list(zip(codes, meanings, strict=True))


def _gather(members: Iterable[_Group], dim: str) -> Groups:
    groups = list(members)
    masks = [group.mask.transpose("lat", ...) for group in groups]
    mask = xr.concat(masks, dim=dim).drop_attrs().assign_coords({dim: [group.name for group in groups]})
    return Groups(mask.rename("groups"), [group.label for group in groups], [group.kind for group in groups])


def _degrees(latitude: int) -> str:
    return f"{abs(latitude)}{'N' if latitude > 0 else 'S' if latitude < 0 else ''}"
