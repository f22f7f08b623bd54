"""Whether dry gets drier and wet gets wetter: zones, classes of significant change, and their share of the land."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import cell_areas, land
from smcloud.products.attributes import add_cf_attributes
from smcloud.products.flags import CLASSES, NO_DATA, ZONES
from smcloud.products.trend import ends_covered, preset_trend, significance
from smcloud.stats import area_weighted_sums, bootstrap

CLASS_FLAGS = {name: flag for flag, name in CLASSES.items() if 0 < flag < NO_DATA}
ZONE_FLAGS = {name[0].upper(): flag for flag, name in ZONES.items() if flag > 0}


def ddww(trend: xr.Dataset, annual: xr.Dataset, config: RunConfig) -> xr.Dataset | None:
    """Make zone and class (lat, lon), area and shares by ``class``; None without the role ``aridity_index``.

    ``trend`` holds ``slope`` and ``significant``; ``annual`` the static roles. A zone needs land and an aridity
    index (P/PET): dry below the first limit of ``zones.limits``, wet from the second on. A class needs a zone and a
    valid trend. Areas are km2 over the cells; a share whose denominator is empty is NaN. ``expected_share`` is the
    share of the zone in the land that could have a class, times the share of the class's direction in the area with
    a significant change.
    """
    if "aridity_index" not in annual:
        return None
    zone = _zone(annual["aridity_index"], land(annual), config.zones.limits)
    slope = trend["slope"]
    valid = slope.notnull() & (zone > 0)
    changed = valid & (trend["significant"] == 1) & (slope != 0)
    direction = {"D": changed & (slope < 0), "W": changed & (slope > 0)}
    masks = {name: (zone == ZONE_FLAGS[name[0]]) & direction[name[1]] for name in CLASS_FLAGS}
    code = xr.full_like(zone, 0).where(valid, NO_DATA)
    for name, flag in CLASS_FLAGS.items():
        code = code.where(~masks[name], flag)
    area = _areas(
        masks
        | {f"zone {letter}": valid & (zone == flag) for letter, flag in ZONE_FLAGS.items()}
        | {f"direction {letter}": mask for letter, mask in direction.items()}
        | {"changed": changed, "valid": valid, "land": land(annual)},
        annual,
    )
    total = area.where(area > 0)
    names = list(CLASS_FLAGS)
    by_class = area.sel(group=names).rename(group="class")
    expected = [
        total.sel(group=f"zone {name[0]}").fillna(0)
        / total.sel(group="valid")
        * total.sel(group=f"direction {name[1]}").fillna(0)
        / total.sel(group="changed")
        for name in names
    ]
    columns = {
        "zone": zone,
        "ddww_class": code.astype("uint8"),
        "area_km2": by_class,
        "share_of_all_land": by_class / total.sel(group="land", drop=True),
        "share_of_land": by_class / total.sel(group="valid", drop=True),
        "share_of_change": by_class / total.sel(group="changed", drop=True),
        "expected_share": xr.concat([e.drop_vars("group", errors="ignore") for e in expected], dim=by_class["class"]),
    }
    out = add_cf_attributes(xr.Dataset(columns), "ddww", config)
    limits = "dry below {:g}, wet from {:g} on".format(*config.zones.limits)
    out["zone"].attrs["comment"] = f"Aridity index (precipitation over potential evaporation): {limits}."
    return out


def ddww_attributes(ddww: xr.Dataset) -> dict[str, float]:
    """Return the shares of DD and WW together, of a computed :func:`ddww`: of the significant change, and of land."""
    both = ddww.sel({"class": ["DD", "WW"]})
    return {f"ddww_{name}": float(both[name].sum(skipna=False)) for name in ("share_of_change", "share_of_land")}


def ddww_interval(annual: xr.Dataset, config: RunConfig) -> xr.Dataset | None:
    """Compute the interval of the two shares of :func:`ddww_attributes` by a block bootstrap of years; lazy.

    None without the role ``aridity_index`` and where ``bootstrap.replicates`` is 0. By ``share`` (share_of_change,
    share_of_land): ``estimate``, ``stderr``, ``lower``, ``upper`` and ``replicates``, as
    :func:`~smcloud.stats.bootstrap` gives them; every replicate is tested by the preset's rule, and one sequence of
    years serves all cells, which keeps what neighbours have in common.
    """
    choice = config.bootstrap
    if "aridity_index" not in annual or not choice.replicates:
        return None
    zone, area = _zone(annual["aridity_index"], land(annual), config.zones.limits), cell_areas(annual)
    everywhere = xr.ones_like(area, dtype=bool).expand_dims("group")

    def shares(series: xr.DataArray) -> xr.DataArray:
        trend = preset_trend(series, config)
        valid = trend["slope"].notnull() & (zone > 0)
        changed = (
            valid & (significance(trend["p_value"], trend["slope"], config)["significant"] == 1) & (trend["slope"] != 0)
        )
        drier, wetter = trend["slope"] < 0, trend["slope"] > 0
        ddww_cells = changed & (((zone == ZONE_FLAGS["D"]) & drier) | ((zone == ZONE_FLAGS["W"]) & wetter))
        masks = xr.concat([ddww_cells, changed, valid], dim="mask").astype("float64")
        total = area_weighted_sums(masks, area, everywhere)["sum"].isel(group=0, drop=True)
        base = total.isel(mask=[1, 2]).rename(mask="share").assign_coords(share=["share_of_change", "share_of_land"])
        return total.isel(mask=0, drop=True) / base.where(base > 0)

    observed = annual["soil_moisture"].where(land(annual))
    series = observed.where(ends_covered(observed, config.years.ends))
    return bootstrap(
        shares, series, dim="year", block=choice.block, replicates=choice.replicates, seed=choice.seed,
        alpha=config.alpha,
    )  # fmt: skip


def interval_attributes(interval: xr.Dataset) -> dict[str, float | int]:
    """Return the limits of a computed :func:`ddww_interval` as attributes of the product, NaN where the share is."""
    limits = {
        f"ddww_{name}_{limit}": float(interval[limit].where(interval["estimate"].notnull()).sel(share=name))
        for name in interval["share"].values
        for limit in ("lower", "upper")
    }
    return limits | {"ddww_replicates": int(interval["replicates"].min())}


def _zone(aridity: xr.DataArray, on_land: xr.DataArray, limits: tuple[float, float]) -> xr.DataArray:
    dry, wet = limits
    code = xr.full_like(aridity, 3).where(aridity >= wet, 2).where(aridity >= dry, 1)
    return code.where(aridity.notnull() & on_land, 0).astype("uint8")


def _areas(masks: Mapping[str, xr.DataArray], annual: xr.Dataset) -> xr.DataArray:
    """Area in km2 of each mask, by ``group``."""
    groups = xr.concat([mask.drop_attrs() for mask in masks.values()], dim="group").assign_coords(group=list(masks))
    area = cell_areas(annual)
    return area_weighted_sums(xr.ones_like(area), area, groups)["covered_area"].drop_attrs()
