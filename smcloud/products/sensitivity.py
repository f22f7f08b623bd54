"""The specification curve: what each combination of choices says of trend, significant change and DDWW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import SHARE, cell_areas, land, whole_years
from smcloud.products.annual import annual as annual_of
from smcloud.products.anomalies import MONTHS
from smcloud.products.attributes import to_storage_dtype, without_attributes
from smcloud.products.choice_grid import (
    BY_NAME,
    DEFAULT,
    LEAST_MONTHS,
    LEAST_SQUARES_TESTS,
    OUTSIDE,
    TWO_ZONES,
    config_of,
    rows,
    void,
    years_later,
)
from smcloud.products.choice_maps import AMOUNTS, ROLES, choice_maps, stacked, zones_of
from smcloud.products.regions import GLOBE, REGION, regions
from smcloud.products.shared_null import FIGURES, SharedNull, chance, change_code, change_of
from smcloud.products.tables import region_lines
from smcloud.products.trend import POOLED, tested_series
from smcloud.stats import area_weighted_series, fdr, pooled_trend
from smcloud.stats.class_areas import GROUPS, class_areas, class_lattice

WHOLES = {GLOBE: (GLOBE, "north", "south"), REGION: (REGION,)}
TRANSITIONS = [option.name for option in BY_NAME["transition"].options]
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
OF_WHOLE_FIELDS = ("aridity_terciles", "moisture_terciles")


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

    Precipitation and potential evaporation are whole years' amounts in every series, made once for a first year: zones
    need no others, and those over the months of soil moisture take longer than soil moisture itself.
    """
    first_year, _ = years_of(cube, config)
    first, _ = whole_years(cube, config)
    cube = cube.drop_vars([name for name in cube.data_vars if name not in ROLES])
    of_zones = [name for name in AMOUNTS if name in cube]
    amounts: dict[str, xr.Dataset] = {}
    means: dict[str, tuple[int, xr.Dataset]] = {}  # of so many months or more; a mean of more is one of these
    out: dict[Series, Made] = {}
    for each in wanted:
        own = config_of(DEFAULT._replace(annual=each.annual, start=each.start), config, first_year)
        later = years_later(each.start)
        kept = cube.isel(time=slice(first + MONTHS * later if later else 0, None))
        if each.start not in amounts:
            plain = config_of(DEFAULT._replace(start=each.start), config, first_year)
            amounts[each.start] = annual_of(kept[of_zones], plain) if of_zones else xr.Dataset()
        least, (fewer, made) = LEAST_MONTHS.get(each.annual, 0), means.get(each.start, (MONTHS, xr.Dataset()))
        if least > fewer:
            made = made.assign(soil_moisture=made["soil_moisture"].where(made["n_months"] >= least))
        else:
            made = annual_of(kept.drop_vars(of_zones), own).assign(amounts[each.start].data_vars)
            means |= {each.start: (least, made)} if least else {}
        out[each] = Made(to_storage_dtype(made), kept, own)
    return out


def series_figures(made: Mapping[Series, Made], null: SharedNull | None = None) -> xr.Dataset:
    """Compute all that the rows of some series need, as a small Dataset by ``series``; lazy.

    ``made`` are series of one first year, as :func:`series_of` gives them. ``area_km2`` (zones, change, group): areas
    by class and direction (:data:`~smcloud.stats.class_areas.GROUPS`) for the schemes that have their roles, and for
    the land of each region in place of a zone; ``mean_of_slopes`` (estimator, region), ``slope`` and
    ``slope_fixed_cells`` (region) in m3 m-3 yr-1 as in the regional product; and, of a ``null``, the excess by
    ``chance`` (transition, zones, change, figure). Every step is the one of the products trend, ddww and regional, on
    values as they are stored. What needs all cells is one task of whole fields.
    """
    parts = list(made.values())
    cube = parts[0].cube
    labels = ["/".join(each) for each in made]
    maps = choice_maps([each.annual for each in parts], cube, [each.config for each in parts], labels)
    maps = maps.assign_coords({name: cube[name] for name in ("lat_bnds", "lon_bnds") if name in cube.coords})
    maps = maps.assign({SHARE: cube[SHARE]}) if SHARE in cube else maps
    region = parts[0].annual.attrs.get("region_name")
    groups = regions(cube["lat"], cube["lon"], region=region, among=parts_of(region))
    out = []
    for at, (annual, _, config) in enumerate(parts):
        series, (radius, least) = tested_series(annual, config)[2], (config.trend.radius_km, config.years.min_years)
        pooled = pooled_trend(series, cell_areas(annual), "year", radius, config.alpha, least)["p_value"]
        lines = region_lines(annual, groups, config).drop_vars(("kind", "label"), errors="ignore")
        numbers = of_whole_fields(maps, at, pooled, config, null, region)
        out.append(without_attributes(numbers.assign(lines.data_vars)))
    return xr.concat(out, "series", coords="minimal", compat="override", join="exact")


def parts_of(region: str | None) -> tuple[str, ...]:
    """Return the groups of cells that numbers are of: the globe and its hemispheres, or the ``region`` alone."""
    return WHOLES[GLOBE if region is None else REGION]


def of_whole_fields(
    maps: xr.Dataset, at: int, pooled: xr.DataArray, config: RunConfig, null: SharedNull | None, region: str | None
) -> xr.Dataset:
    """Reduce the fields of the series ``at``, those of ``maps`` and its ``pooled`` p values, to numbers; one task."""
    own = xr.Dataset({"pooled_p_value": pooled})
    if not pooled.chunks:
        return _of_whole_fields(maps.isel(series=at, drop=True).merge(own), config, null, region)
    parts = parts_of(region)
    schemes = [*_schemes(maps), *parts]
    sizes = {
        "area_km2": {"zones": schemes, "change": list(CHANGES), "group": list(GROUPS)},
        "mean_of_slopes": {"estimator": list(maps["estimator"].values), "region": list(parts)},
    }
    if null is not None:
        by_row = {"transition": TRANSITIONS, "zones": schemes, "change": list(CHANGES)}
        sizes["chance"] = by_row | {"figure": list(FIGURES)}
    pattern = {
        name: xr.DataArray(np.zeros([len(labels) for labels in axes.values()]), axes, list(axes)).chunk()
        for name, axes in sizes.items()
    }
    whole = [ds.chunk({dim: -1 for dim in ds.dims}) for ds in (maps, own)]
    drawn = [] if null is None else [null.as_dataset().chunk()]  # once in a graph, whatever the number of series
    options = {"at": at, "config": config, "region": region}
    return xr.map_blocks(_whole_block, whole[0], [whole[1], *drawn], options, xr.Dataset(pattern))


def _whole_block(
    maps: xr.Dataset, pooled: xr.Dataset, drawn: xr.Dataset | None = None, *, at: int, config: RunConfig,
    region: str | None,
) -> xr.Dataset:  # fmt: skip
    fields = maps.isel(series=at, drop=True).assign(pooled.data_vars)
    return _of_whole_fields(fields, config, None if drawn is None else SharedNull.of_dataset(drawn), region)


def _of_whole_fields(fields: xr.Dataset, config: RunConfig, null: SharedNull | None, region: str | None) -> xr.Dataset:
    area = cell_areas(fields)
    change = changes(fields, config)
    codes = {name: fields["zone"].sel(zones=name, drop=True) for name in _known(fields)}
    codes |= zones_of(fields, fields, config, None, OF_WHOLE_FIELDS)
    zone = stacked({name: codes[name] for name in _schemes(fields)}, "zones")
    masks, on_land = regions(fields["lat"], fields["lon"], region=region, among=parts_of(region)).mask, land(fields)
    of_land = (masks & on_land).astype("uint8").rename(region="zones").drop_attrs()
    every = xr.concat([zone, of_land], "zones", coords="minimal", compat="override")
    slopes = area_weighted_series(fields["slope"], area.where(on_land, 0.0), masks)["mean"]
    columns = {
        "area_km2": class_areas(change, every, area),
        "mean_of_slopes": slopes.transpose("estimator", "region"),
    }
    if null is not None:
        columns["chance"] = _by_chance(fields, zone, area, columns["area_km2"], null, config.alpha)
    return without_attributes(xr.Dataset(columns))


def _by_chance(
    fields: xr.Dataset, zone: xr.DataArray, area: xr.DataArray, areas: xr.DataArray, null: SharedNull, alpha: float
) -> xr.DataArray:
    """The excess in worlds without trends (transition, zones, change, figure); NaN for regions in place of zones."""
    tested = fields["slope"].isel(estimator=[0]).rename(estimator="change")
    lattice = class_lattice(change_of(-abs(tested) - 1.0, xr.ones_like(tested, dtype=bool)), zone, area)
    by_zone = lattice.isel(change=0).sel({"class": ["DD", "TD", "WD"]}).transpose("zones", "class", "place").to_numpy()
    out = np.full((len(TRANSITIONS), *areas.shape[:2], len(FIGURES)), np.nan)
    for own, transition in zip(out, TRANSITIONS, strict=True):
        outside = transition == OUTSIDE
        changed = areas.sel(group="counted outside" if outside else "counted").to_numpy()
        for position, name in enumerate(zone["zones"].values):
            if not (outside and name in TWO_ZONES):  # such rows are void
                own[position] = chance(by_zone[position], changed[position], null, outside, alpha)
    coords = {"transition": TRANSITIONS, "zones": areas["zones"], "change": areas["change"], "figure": list(FIGURES)}
    return xr.DataArray(out, coords, tuple(coords))


def changes(fields: xr.Dataset, config: RunConfig) -> xr.DataArray:
    """Code the change (change, lat, lon; uint8) by every way of :data:`CHANGES`, from fields in memory."""
    tests = {str(name): fields["p_value"].sel(test=name, drop=True) for name in fields["test"].values}
    tests[POOLED] = fields["pooled_p_value"]
    passed: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}
    for name, p in tests.items():
        passed[name, "p_value"] = (p < config.alpha).to_numpy()
        passed[name, "p_adjusted"] = fdr(p, config.alpha, dims=("lat", "lon"))["significant"].to_numpy()
    slopes = {str(name): fields["slope"].sel(estimator=name).to_numpy() for name in fields["estimator"].values}
    out = np.empty((len(CHANGES), *fields["pooled_p_value"].shape), np.uint8)
    for code, name in zip(out, CHANGES, strict=True):
        estimator, test, rule = name.split("/")
        code[...] = change_code(slopes[estimator], passed[test, rule])
    coords = {"change": list(CHANGES), "lat": fields["lat"], "lon": fields["lon"]}
    return xr.DataArray(out, coords, ("change", "lat", "lon"))


def _schemes(fields: xr.Dataset) -> list[str]:
    """The schemes of zones that have their roles, in the order of the options."""
    known = [*_known(fields), "moisture_terciles"]
    known += ["aridity_terciles"] if "aridity_index" in fields else []
    return [option.name for option in BY_NAME["zones"].options if option.name in known]


def _known(fields: xr.Dataset) -> list[str]:
    return [str(name) for name in fields["zones"].values] if "zone" in fields else []
