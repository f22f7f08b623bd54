"""Whether dry gets drier and wet gets wetter: classes of significant change by zone, and their share of the land."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.association import association
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.flags import CLASS_FLAGS, NO_DATA, ZONE_FLAGS
from smcloud.products.zones import zone_attributes, zones
from smcloud.stats import area_weighted_sums

ZONE_LIMITS = "zone_limits"  # of a scheme that computes them, until they are attributes


def ddww(trend: xr.Dataset, annual: xr.Dataset, config: RunConfig, cube: xr.Dataset | None = None) -> xr.Dataset | None:
    """Make zone and class (lat, lon), area and shares by ``class``; None without the roles of ``zones.scheme``.

    ``trend`` holds ``slope``, ``significant`` and ``climatology``; ``annual`` the roles, the monthly ``cube`` what it
    was made of (see :func:`~smcloud.products.zones.zones`). A class needs a zone and a valid trend. Areas are km2 over
    the cells; a share whose denominator is empty is NaN. ``share_of_change`` is of the changed land with a zone, and
    ``expected_share`` the share of the class's zone in that land times the share of its direction in it. Where
    ``zones.transition_in_share`` is false both leave the transition zone out, and are NaN for its classes.
    """
    zoned = zones(annual, trend, config, cube)
    if zoned is None:
        return None
    zone, slope = zoned.code, trend["slope"]
    valid = slope.notnull() & (zone > 0)
    changed = valid & (trend["significant"] == 1) & (slope != 0)
    direction = {"D": changed & (slope < 0), "W": changed & (slope > 0)}
    masks = {name: (zone == ZONE_FLAGS[name[0]]) & direction[name[1]] for name in CLASS_FLAGS}
    code = xr.full_like(zone, 0).where(valid, NO_DATA)
    for name, flag in CLASS_FLAGS.items():
        code = code.where(~masks[name], flag)
    counted = changed if config.zones.transition_in_share else changed & (zone != ZONE_FLAGS["T"])
    area = _areas(
        masks
        | {f"zone {letter}": counted & (zone == flag) for letter, flag in ZONE_FLAGS.items()}
        | {f"direction {letter}": mask & counted for letter, mask in direction.items()}
        | {"counted": counted, "valid": valid, "land": land(annual)},
        annual,
    )
    columns = {"zone": zone, "ddww_class": code.astype("uint8")} | _shares(area, config)
    if config.zones.scheme.endswith("terciles"):
        columns[ZONE_LIMITS] = zoned.limits
        return add_cf_attributes(xr.Dataset(columns), "ddww", config)
    return _with_zones(add_cf_attributes(xr.Dataset(columns), "ddww", config), zoned.limits, config)


def _shares(area: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Area and shares by ``class``."""
    total = area.where(area > 0)
    by_class = area.sel(group=list(CLASS_FLAGS)).rename(group="class")
    return {
        "area_km2": by_class,
        "share_of_all_land": by_class / total.sel(group="land", drop=True),
        "share_of_land": by_class / total.sel(group="valid", drop=True),
    } | shares_of_change(area, config)


def shares_of_change(area: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Compute ``share_of_change`` and ``expected_share`` by ``class``, as :func:`ddww` says, of areas in km2.

    ``area`` (group and any other dimensions): the classes by name, ``zone D``, ``zone T``, ``zone W``, ``direction D``,
    ``direction W`` and ``counted``, the zones and directions of the changed land that counts.
    """
    total = area.where(area > 0)
    names = list(CLASS_FLAGS)
    by_class = area.sel(group=names).rename(group="class")
    expected = [
        total.sel(group=f"zone {name[0]}").fillna(0)
        / total.sel(group="counted")
        * total.sel(group=f"direction {name[1]}").fillna(0)
        / total.sel(group="counted")
        for name in names
    ]
    expected_share = xr.concat([e.drop_vars("group", errors="ignore") for e in expected], dim=by_class["class"])
    in_share = xr.DataArray([name in shared_classes(config) for name in names], dims="class")
    return {
        "share_of_change": (by_class / total.sel(group="counted", drop=True)).where(in_share),
        "expected_share": expected_share.where(in_share),
    }


def shared_classes(config: RunConfig) -> list[str]:
    """Return the classes that shares of the changed land are of."""
    return [name for name in CLASS_FLAGS if config.zones.transition_in_share or name[0] != "T"]


def completed_ddww(ddww: xr.Dataset, annual: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Give a computed :func:`ddww` the shares of DD and WW together as attributes, with what they are worth.

    That is :func:`ddww_attributes` and :func:`~smcloud.products.association.association`.
    """
    out = _with_zones(ddww.drop_vars(ZONE_LIMITS), ddww[ZONE_LIMITS], config) if ZONE_LIMITS in ddww else ddww
    more = ddww_attributes(ddww) | association(ddww["ddww_class"], annual, shared_classes(config), config)
    return out.assign_attrs(out.attrs | more)


def ddww_attributes(ddww: xr.Dataset) -> dict[str, float]:
    """Return the shares of DD and WW together, of a computed :func:`ddww`, and their association with the zones.

    The shares are of the change, of land, of the change without the transition zone, and the one expected by chance;
    ``odds_ratio`` is DD WW/(DW WD) by area. NaN where a denominator is empty, the ratio where one of its classes is.
    """
    return {name: float(da) for name, da in ddww_figures(ddww).items()}


def ddww_figures(ddww: xr.Dataset) -> dict[str, xr.DataArray]:
    """Compute the numbers of :func:`ddww_attributes` over the dimensions that ``ddww`` has beside ``class``.

    ``ddww`` holds ``area_km2``, ``share_of_change``, ``expected_share`` and, for its own number, ``share_of_land``.
    """
    both = ddww.sel({"class": ["DD", "WW"]})
    names = [name for name in ("share_of_change", "share_of_land", "expected_share") if name in ddww]
    shares = {f"ddww_{name}": both[name].sum("class", skipna=False) for name in names}
    areas = [ddww["area_km2"].sel({"class": name}, drop=True) for name in ("DD", "DW", "WD", "WW")]
    dd, dw, wd, ww = areas
    changed = dd + dw + wd + ww
    every = (dd > 0) & (dw > 0) & (wd > 0) & (ww > 0)
    return shares | {
        "ddww_share_without_transition": (dd + ww) / changed.where(changed > 0),
        "odds_ratio": dd * ww / (dw * wd).where(every),
    }


def _with_zones(ds: xr.Dataset, limits: xr.DataArray, config: RunConfig) -> xr.Dataset:
    """Name the zones, and the land that shares of change are of, in the attributes."""
    lower, upper = (float(limits.isel(limit=k)) for k in (0, 1))
    out = ds.assign(zone=ds["zone"].assign_attrs(zone_attributes(config, (lower, upper))))
    where = "and a zone" if config.zones.transition_in_share else "in the dry and the wet zone"
    more: dict[str, Any] = {
        "zones_scheme": config.zones.scheme,
        "zones_limits": [lower, upper],
        "ddww_share_of_change_denominator": f"the area with a significant change {where}",
    }
    return out.assign_attrs(ds.attrs | more)


def _areas(masks: Mapping[str, xr.DataArray], annual: xr.Dataset) -> xr.DataArray:
    """Area in km2 of each mask, by ``group``."""
    groups = xr.concat(list(masks.values()), dim="group").drop_attrs().assign_coords(group=list(masks))
    area = cell_areas(annual)
    return area_weighted_sums(xr.ones_like(area), area, groups)["covered_area"].drop_attrs()
