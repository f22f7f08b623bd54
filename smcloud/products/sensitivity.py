"""The specification curve: what each combination of choices says of trend, significant change and DDWW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import SHARE, cell_areas, land, ordered_mean, whole_years
from smcloud.products.annual import annual as annual_of
from smcloud.products.anomalies import MONTHS
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.blocks import per_block
from smcloud.products.choice_grid import BY_NAME, CHOICES, LEAST_SQUARES_TESTS, Row, config_of, rows, void, years_later
from smcloud.products.regions import GLOBE, REGION, Groups, regions
from smcloud.products.shared_autocorrelation import pooled_columns
from smcloud.products.shared_null import FIGURES, SharedNull, chance, change_of
from smcloud.products.tables import table
from smcloud.products.trend import POOLED, STATISTICS, called, preset_trend, significance, tested_series
from smcloud.products.zones import zones
from smcloud.stats import area_weighted_series
from smcloud.stats.class_areas import GROUPS, class_areas, class_lattice

# The roles that rows are made of; where one of the last three is absent, rows are void.
ROLES = ("soil_moisture", "land_mask", SHARE, "aridity_index", "precipitation", "potential_evaporation")
WHOLES = {GLOBE: (GLOBE, "north", "south"), REGION: (REGION,)}
TRANSITIONS = [option.name for option in BY_NAME["transition"].options]
DEFAULT = Row(*(choice.options[0].name for choice in CHOICES))
# Slope and test go together; a change is called by one of these pairs and a rule for many tests.
METHODS = tuple(
    (estimator.name, test.name)
    for test in BY_NAME["test"].options
    for estimator in BY_NAME["estimator"].options
    if not (estimator.name == "sen" and test.name in LEAST_SQUARES_TESTS)
)


# Ways to call a change, ``estimator/test/significance``.
CHANGES = tuple(
    f"{estimator}/{test}/{rule.name}" for estimator, test in METHODS for rule in BY_NAME["significance"].options
)
LINES = ("slope", "slope_fixed_cells")
CELL_BY_CELL, OF_WHOLE_FIELDS = ("aridity_3", "aridity_2", "water_balance"), ("aridity_terciles", "moisture_terciles")


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


def may_hold_values(cube: xr.Dataset) -> xr.DataArray:
    """Return where (lat, lon) any series may have a value: on the land of ``land_mask``, without one anywhere; lazy."""
    if "land_mask" in cube:
        return cube["land_mask"] > 0
    return xr.ones_like(cube["soil_moisture"].isel(time=0, drop=True), dtype=bool)


class Made(NamedTuple):
    """The annual product of a series as a run of its own would store it, that run's cube and its configuration."""

    annual: xr.Dataset
    cube: xr.Dataset
    config: RunConfig


def series_of(cube: xr.Dataset, config: RunConfig, wanted: Sequence[Series]) -> dict[Series, Made]:
    """Make the ``wanted`` series of the monthly ``cube``, of :data:`ROLES` only; lazy.

    Means of months of a later first year are those of an earlier one without its first years, so they are made once.
    """
    first_year, _ = years_of(cube, config)
    first, _ = whole_years(cube, config)
    cube = cube.drop_vars([name for name in cube.data_vars if name not in ROLES])
    out: dict[Series, Made] = {}
    for each in wanted:
        own = config_of(DEFAULT._replace(annual=each.annual, start=each.start), config, first_year)
        later = years_later(each.start)
        kept = cube.isel(time=slice(first + MONTHS * later if later else 0, None))
        longest = out.get(each._replace(start="first"))
        if longest is None or own.annual.method == "anomalies":
            made = to_storage_dtype(annual_of(kept, own))
        else:
            made = longest.annual.isel(year=slice(later, None))
        out[each] = Made(made, kept, own)
    return out


def series_figures(
    annual: xr.Dataset, cube: xr.Dataset, config: RunConfig, null: SharedNull | None = None
) -> xr.Dataset:
    """Compute all that the rows of one series need, as a small Dataset; lazy.

    ``annual``, ``cube`` and ``config`` as :func:`series_of` gives them. ``area_km2`` (zones, change, group): areas by
    class and direction (:data:`~smcloud.stats.class_areas.GROUPS`) for the schemes that have their roles, and for the
    land of each region in place of a zone; ``mean_of_slopes`` (estimator, region), ``slope`` and ``slope_fixed_cells``
    (region) in m3 m-3 yr-1 as in the regional product; and, of a ``null``, the share by ``chance`` (transition, zones,
    change, figure). Every step is the one of the products trend, ddww and regional, on values as they are stored. What
    needs all cells is one task of whole fields.
    """
    maps = choice_maps(annual, cube, config)
    pooled = pooled_columns(tested_series(annual, config)[2], cell_areas(annual), config)["p_value"]
    bounds = {name: annual[name] for name in ("lat_bnds", "lon_bnds") if name in annual.coords}
    fields = maps.assign(pooled_p_value=pooled).assign_coords(bounds)
    fields = fields.assign({SHARE: annual[SHARE]}) if SHARE in annual else fields
    region = annual.attrs.get("region_name")
    slope = maps["slope"].isel(estimator=0, drop=True)
    trend = xr.Dataset({"slope": slope, "significant": xr.zeros_like(slope)})
    lines = table(annual, trend, None, _regions(annual["lat"], annual["lon"], region), config)
    return of_whole_fields(fields, config, null, region).assign({name: lines[name] for name in LINES}).drop_attrs()


def choice_maps(annual: xr.Dataset, cube: xr.Dataset, config: RunConfig) -> xr.Dataset:
    """Compute cell by cell what rows are made of, rounded as products are when they are stored; lazy.

    ``slope`` (estimator, lat, lon), ``p_value`` (test, lat, lon; the pooled test is not among them), ``climatology``,
    the zones (zones, lat, lon) of schemes that need no other cell, and ``aridity_index`` and ``land_mask`` (1 or 0).
    """
    annual = annual[[name for name in ROLES if name in annual and name != SHARE]]
    months = cube[[name for name in ROLES[4:] if name in cube]]
    return per_block(_choice_maps, annual, months, config=config)


def _choice_maps(annual: xr.Dataset, months: xr.Dataset, *, config: RunConfig) -> xr.Dataset:
    observed, _, series = tested_series(annual, config)
    found = {name: statistic(series, config) for name, statistic in STATISTICS.items()}
    slopes: dict[str, xr.DataArray] = {}
    p_values: dict[str, xr.DataArray] = {}
    for estimator, test in METHODS:
        columns = preset_trend(series, _with(config, estimator=estimator, test=test), found)
        slopes.setdefault(estimator, columns["slope"])
        if test != POOLED:
            p_values.setdefault(test, columns["p_value"])
    climatology = ordered_mean(observed, "year")
    known = _zones(annual, xr.Dataset({"climatology": climatology}), config, months, CELL_BY_CELL)
    out = {
        "slope": _stacked(slopes, "estimator"),
        "p_value": _stacked(p_values, "test"),
        "climatology": climatology,
        "land_mask": land(annual).astype("uint8"),
    }
    out |= {"zone": _stacked(known, "zones")} if known else {}
    out |= {"aridity_index": annual["aridity_index"]} if "aridity_index" in annual else {}
    return to_storage_dtype(xr.Dataset(out).drop_attrs())


def of_whole_fields(
    fields: xr.Dataset, config: RunConfig, null: SharedNull | None, region: str | None = None
) -> xr.Dataset:
    """Reduce the ``fields`` of :func:`choice_maps`, and ``pooled_p_value``, to numbers; one task for lazy ones."""
    if not fields["slope"].chunks:
        return _of_whole_fields(fields, config=config, null=null, region=region)
    parts = parts_of(region)
    schemes = [*_schemes(fields), *parts]
    sizes = {
        "area_km2": {"zones": schemes, "change": list(CHANGES), "group": list(GROUPS)},
        "mean_of_slopes": {"estimator": list(fields["estimator"].values), "region": list(parts)},
    }
    if null is not None:
        sizes["chance"] = {
            "transition": TRANSITIONS,
            "zones": schemes,
            "change": list(CHANGES),
            "figure": list(FIGURES),
        }
    pattern = {
        name: xr.DataArray(np.zeros([len(labels) for labels in axes.values()]), axes, list(axes)).chunk()
        for name, axes in sizes.items()
    }
    whole = fields.chunk({dim: -1 for dim in fields.dims})
    given = {"config": config, "null": null, "region": region}
    return xr.map_blocks(_of_whole_fields, whole, kwargs=given, template=xr.Dataset(pattern))


def parts_of(region: str | None) -> tuple[str, ...]:
    """Return the groups of cells that numbers are of: the globe and its hemispheres, or the ``region`` alone."""
    return WHOLES[GLOBE if region is None else REGION]


def _of_whole_fields(
    fields: xr.Dataset, *, config: RunConfig, null: SharedNull | None, region: str | None
) -> xr.Dataset:
    area = cell_areas(fields)
    change = changes(fields, config)
    codes = {name: fields["zone"].sel(zones=name, drop=True) for name in _known(fields)}
    codes |= _zones(fields, fields, config, None, OF_WHOLE_FIELDS)
    zone = _stacked({name: codes[name] for name in _schemes(fields)}, "zones")
    masks, on_land = _regions(fields["lat"], fields["lon"], region).mask, land(fields)
    of_land = (masks & on_land).astype("uint8").rename(region="zones").drop_attrs()
    every = xr.concat([zone, of_land], "zones", coords="minimal", compat="override")
    slopes = area_weighted_series(fields["slope"], area.where(on_land, 0.0), masks)["mean"]
    columns = {
        "area_km2": class_areas(change, every, area),
        "mean_of_slopes": slopes.transpose("estimator", "region"),
    }
    if null is not None:
        found = chance(class_lattice(change, zone, area), null, TRANSITIONS, config.alpha)
        columns["chance"] = found.reindex(zones=every["zones"]).transpose("transition", "zones", "change", "figure")
    return xr.Dataset(columns).drop_attrs()


def changes(fields: xr.Dataset, config: RunConfig) -> xr.DataArray:
    """Code the change (change, lat, lon; uint8) by every way of :data:`CHANGES`, from fields in memory."""
    adjusted: dict[str, xr.DataArray] = {}
    codes = {}
    for name in CHANGES:
        estimator, test, rule = name.split("/")
        slope = fields["slope"].sel(estimator=estimator, drop=True)
        p = fields["pooled_p_value"] if test == POOLED else fields["p_value"].sel(test=test, drop=True)
        if test not in adjusted:
            adjusted[test] = significance(p, slope, config)["p_adjusted"]
        own = _with(config, estimator=estimator, test=test, significance=rule)
        codes[name] = change_of(slope, called(p, adjusted[test], slope, own))
    return _stacked(codes, "change")


def _zones(
    annual: xr.Dataset, trend: xr.Dataset, config: RunConfig, cube: xr.Dataset | None, names: tuple[str, ...]
) -> dict[str, xr.DataArray]:
    """The codes of the zones by those of the schemes ``names`` that have their roles."""
    found = {name: zones(annual, trend, _with(config, zones=name), cube) for name in names}
    return {name: each.code for name, each in found.items() if each is not None}


def _schemes(fields: xr.Dataset) -> list[str]:
    """The schemes of zones that have their roles, in the order of the options."""
    known = [*_known(fields), "moisture_terciles"]
    known += ["aridity_terciles"] if "aridity_index" in fields else []
    return [option.name for option in BY_NAME["zones"].options if option.name in known]


def _known(fields: xr.Dataset) -> list[str]:
    return [str(name) for name in fields["zones"].values] if "zone" in fields else []


def _regions(lat: xr.DataArray, lon: xr.DataArray, region: str | None) -> Groups:
    every = regions(lat, lon, region=region)
    at = [position for position, name in enumerate(every.mask["region"].values) if name in parts_of(region)]
    return Groups(every.mask.isel(region=at), [every.labels[k] for k in at], [every.kinds[k] for k in at])


def _with(config: RunConfig, **names: str) -> RunConfig:
    return config_of(DEFAULT._replace(**names), config, 0)


def _stacked(parts: Mapping[str, xr.DataArray], dim: str) -> xr.DataArray:
    return xr.concat(list(parts.values()), dim, coords="minimal", compat="override").assign_coords({dim: list(parts)})
