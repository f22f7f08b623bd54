"""The specification curve: what each combination of choices says of trend, significant change and DDWW."""

from __future__ import annotations

from typing import NamedTuple

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_of
from smcloud.products.annual import cell_areas, land, ordered_mean, whole_years
from smcloud.products.anomalies import MONTHS
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.blocks import per_block
from smcloud.products.choice_grid import BY_NAME, CHOICES, LEAST_SQUARES_TESTS, Row, config_of, rows, void, years_later
from smcloud.products.regions import regions
from smcloud.products.shared_autocorrelation import pooled_columns
from smcloud.products.shared_null import SharedNull, chance, change_of
from smcloud.products.tables import table
from smcloud.products.trend import POOLED, STATISTICS, called, preset_trend, significance, tested_series
from smcloud.products.zones import zones
from smcloud.stats import area_weighted_series
from smcloud.stats.class_areas import class_areas, class_lattice

# The roles that rows are made of; where one of the last three is absent, rows are void.
ROLES = ("soil_moisture", "land_mask", "aridity_index", "precipitation", "potential_evaporation")
REGIONS = ("globe", "north", "south")
TRANSITIONS = [option.name for option in BY_NAME["transition"].options]
DEFAULT = Row(*(choice.options[0].name for choice in CHOICES))
# Slope and test go together; a change is called by one of these pairs and a rule for many tests.
METHODS = tuple(
    (estimator.name, test.name)
    for test in BY_NAME["test"].options
    for estimator in BY_NAME["estimator"].options
    if not (estimator.name == "sen" and test.name in LEAST_SQUARES_TESTS)
)


class Series(NamedTuple):
    """One way to annual values: how months become years, and the first year."""

    annual: str
    start: str


def all_series(config: RunConfig, years: int) -> list[Series]:
    """List the series that any row needs, of a run with so many whole ``years``."""
    needed = (Series(row.annual, row.start) for row in rows() if not void(row, config, years))
    return list(dict.fromkeys(needed))


def years_of(cube: xr.Dataset, config: RunConfig) -> tuple[int, int]:
    """Return the first whole year of ``cube`` and the number of whole years."""
    _, years = whole_years(cube, config)
    return int(years[0]), len(years)


def series_of(cube: xr.Dataset, config: RunConfig, each: Series) -> tuple[xr.Dataset, xr.Dataset, RunConfig]:
    """Return the annual product of ``each`` as a run of its own would store it, its cube and its configuration; lazy.

    Of the roles only :data:`ROLES`.
    """
    first_year, _ = years_of(cube, config)
    first, _ = whole_years(cube, config)
    later = years_later(each.start)
    start = first + MONTHS * later if later else 0
    kept = cube[[role for role in ROLES if role in cube]].isel(time=slice(start, None))
    own = config_of(DEFAULT._replace(annual=each.annual, start=each.start), config, first_year)
    return to_storage_dtype(annual_of(kept, own)), kept, own


def series_figures(
    annual: xr.Dataset, cube: xr.Dataset, config: RunConfig, null: SharedNull | None = None
) -> xr.Dataset:
    """Compute all that the rows of one series need, as a small Dataset; lazy.

    ``annual``, ``cube`` and ``config`` as :func:`series_of` gives them. ``area_km2`` (zones, change, group): areas by
    class and direction (:data:`~smcloud.stats.class_areas.GROUPS`) for the schemes that have their roles, and for the
    land of each region in place of a zone; ``mean_of_slopes`` (estimator, region), ``slope`` and ``slope_fixed_cells``
    (region) in m3 m-3 yr-1 as in the regional product; and, of a ``null``, the share by ``chance`` (transition, zones,
    change, figure). Every step is the one of the products trend, ddww and regional, on values as they are stored.
    """
    maps = choice_maps(annual, config)
    change = changes(maps, annual, config)
    zone, area = zone_codes(annual, maps, config, cube), cell_areas(annual)
    chosen = regions(
        annual["lat"], annual["lon"], xr.ones_like(annual["soil_moisture"].isel(year=0, drop=True), dtype=bool)
    )
    masks = chosen.mask.sel(region=list(REGIONS))
    places = [position for position, name in enumerate(chosen.mask["region"].values) if name in REGIONS]
    chosen = chosen._replace(
        mask=masks, labels=[chosen.labels[p] for p in places], kinds=[chosen.kinds[p] for p in places]
    )
    on_land = (masks & land(annual)).astype("uint8").rename(region="zones").drop_attrs()
    every = xr.concat([zone, on_land], "zones") if zone.sizes["zones"] else on_land
    slope = maps["slope"].isel(estimator=0, drop=True)
    lines = table(annual, xr.Dataset({"slope": slope, "significant": xr.zeros_like(slope)}), None, chosen, config)
    weights = area.where(land(annual), 0.0)
    means = [
        area_weighted_series(maps["slope"].sel(estimator=name), weights, masks)["mean"]
        for name in maps["estimator"].values
    ]
    columns = {
        "area_km2": class_areas(change, every, area),
        "mean_of_slopes": xr.concat(means, "estimator"),
        "slope": lines["slope"],
        "slope_fixed_cells": lines["slope_fixed_cells"],
    }
    if null is not None and zone.sizes["zones"]:
        found = chance(class_lattice(change, zone, area), null, TRANSITIONS, config.alpha)
        columns["chance"] = found.reindex(zones=every["zones"])
    return xr.Dataset(columns).drop_attrs()


def choice_maps(annual: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Compute ``slope`` (estimator, lat, lon), ``p_value`` (test, lat, lon) and ``climatology`` cell by cell; lazy.

    Values are rounded as a trend product is when it is stored. The pooled test is not among them.
    """
    needed = annual[[name for name in ("soil_moisture", "land_mask") if name in annual]]
    return per_block(_choice_maps, needed, config=config)


def _choice_maps(annual: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    observed, _, series = tested_series(annual, config)
    found = {name: statistic(series, config) for name, statistic in STATISTICS.items()}
    slopes, p_values = {}, {}
    for estimator, test in METHODS:
        own = config_of(DEFAULT._replace(estimator=estimator, test=test), config, 0)
        columns = preset_trend(series, own, found)
        slopes.setdefault(estimator, columns["slope"])
        if own.trend.test != POOLED:
            p_values.setdefault(test, columns["p_value"])
    out = {
        "slope": xr.concat(list(slopes.values()), "estimator").assign_coords(estimator=list(slopes)),
        "p_value": xr.concat(list(p_values.values()), "test").assign_coords(test=list(p_values)),
        "climatology": ordered_mean(observed, "year"),
    }
    return to_storage_dtype(xr.Dataset(out).drop_attrs())


def changes(maps: xr.Dataset, annual: xr.Dataset, config: RunConfig) -> xr.DataArray:
    """Code the change (change, lat, lon; uint8) by every method of :data:`METHODS` and rule for many tests; lazy.

    ``change`` names them, ``estimator/test/significance``.
    """
    _, _, series = tested_series(annual, config)
    pooled = pooled_columns(series, cell_areas(annual), config)["p_value"]
    adjusted: dict[str, xr.DataArray] = {}
    codes = {}
    for estimator, test in METHODS:
        slope = maps["slope"].sel(estimator=estimator, drop=True)
        p = pooled if test == "effective_pooled" else maps["p_value"].sel(test=test, drop=True)
        if test not in adjusted:
            adjusted[test] = significance(p, slope, config)["p_adjusted"]
        for rule in BY_NAME["significance"].options:
            own = config_of(DEFAULT._replace(estimator=estimator, test=test, significance=rule.name), config, 0)
            codes[f"{estimator}/{test}/{rule.name}"] = change_of(slope, called(p, adjusted[test], slope, own))
    return xr.concat(list(codes.values()), "change").assign_coords(change=list(codes))


def zone_codes(annual: xr.Dataset, maps: xr.Dataset, config: RunConfig, cube: xr.Dataset) -> xr.DataArray:
    """Find the zones (zones, lat, lon; uint8) by every scheme whose roles ``annual`` has; lazy."""
    codes = {}
    for option in BY_NAME["zones"].options:
        found = zones(annual, maps, config_of(DEFAULT._replace(zones=option.name), config, 0), cube)
        if found is not None:
            codes[option.name] = found.code
    return xr.concat(list(codes.values()), "zones").assign_coords(zones=list(codes))
