"""What rows of a specification curve are made of cell by cell: slopes, p values and zones of several series at once.

Most cells have the same annual values whatever a year needs, and most of the globe has none: each distinct series is
treated once, and the tests of its ranks share one Sen slope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import SHARE, land, ordered_mean
from smcloud.products.attributes import to_storage_dtype, without_attributes
from smcloud.products.choice_grid import DEFAULT, config_of
from smcloud.products.trend import STATISTICS, ends_covered
from smcloud.products.zones import zones
from smcloud.stats.rank_tests import TESTS, rank_tests

Block = npt.NDArray[Any]

# The roles that rows are made of; where one of the last three is absent, rows are void.
AMOUNTS = ("precipitation", "potential_evaporation")
ROLES = ("soil_moisture", "land_mask", SHARE, "aridity_index", *AMOUNTS)
ESTIMATORS = ("ols", "sen")
CELL_TESTS = ("t", "effective", *TESTS)
CELL_BY_CELL = ("aridity_3", "aridity_2", "water_balance")


def choice_maps(
    annuals: Sequence[xr.Dataset], cube: xr.Dataset, configs: Sequence[RunConfig], labels: Sequence[str]
) -> xr.Dataset:
    """Compute cell by cell what rows are made of, rounded as products are when they are stored; lazy.

    ``annuals`` are the annual values of some series of the same years and ``configs`` their configurations, ``labels``
    what they are called. ``slope`` (series, estimator, lat, lon), ``p_value`` (series, test, lat, lon; the pooled test
    is not among them), ``climatology`` and ``land_mask`` (series, lat, lon; 1 or 0), the zones (series, zones, lat,
    lon) of schemes that need no other cell, and ``aridity_index``. NaN rules are those of the product trend.
    """
    needed = [annual[[name for name in ROLES if name in annual and name != SHARE]] for annual in annuals]
    amounts = [name for name in AMOUNTS if name in cube]
    made_of = [*needed, cube[amounts]] if amounts else needed
    options: dict[str, Any] = {"configs": list(configs), "labels": list(labels)}
    if not needed[0].chunks:
        return _choice_maps(*made_of, **options)
    return xr.map_blocks(_choice_maps, made_of[0], made_of[1:], options, _pattern(made_of, options))


def _pattern(datasets: Sequence[xr.Dataset], options: dict[str, Any]) -> xr.Dataset:
    """What comes of lazy ``datasets``: what comes of one cell, for all of them."""
    import dask.array

    first = datasets[0]
    cells = {dim: first.chunksizes[dim] for dim in ("lat", "lon")}
    small = [ds.isel(lat=[0], lon=[0]).map(_emptied, keep_attrs=True) for ds in datasets]
    out = {}
    for name, da in _choice_maps(*small, **options).data_vars.items():
        leading = da.shape[:-2]
        chunks = (*leading, *cells.values())
        shape = (*leading, *(sum(sizes) for sizes in cells.values()))
        coords = {dim: da[dim] for dim in da.dims[:-2]} | {dim: first[dim] for dim in cells}
        out[name] = xr.DataArray(dask.array.zeros(shape, da.dtype, chunks=chunks), coords, da.dims)
    return xr.Dataset(out)


def _emptied(da: xr.DataArray) -> xr.DataArray:
    return da.copy(data=np.zeros(da.shape, da.dtype))


def _choice_maps(*datasets: xr.Dataset, configs: Sequence[RunConfig], labels: Sequence[str]) -> xr.Dataset:
    cells = {dim: datasets[0][dim] for dim in ("lat", "lon") if dim in datasets[0].coords}
    bare = [_without_cells(ds) for ds in datasets]  # all are of the same block, so nothing is to be aligned
    annuals, months = bare[: len(labels)], bare[len(labels)] if len(bare) > len(labels) else None
    lands = _by_series([land(annual) for annual in annuals])
    moisture = _by_series([annual["soil_moisture"] for annual in annuals]).where(lands)
    out = _of_distinct(moisture, configs[0]) | {"land_mask": lands.astype("uint8")}
    zone: list[xr.DataArray] = []
    for at, (annual, own) in enumerate(zip(annuals, configs, strict=True)):
        if at == 0 or not _same_zones(annual, own, configs[at - 1]):
            found = zones_of(annual, xr.Dataset(), own, months, CELL_BY_CELL)
        zone += [stacked(found, "zones")] if found else []
    out |= {"zone": _by_series(zone)} if zone else {}
    out |= {"aridity_index": annuals[0]["aridity_index"]} if "aridity_index" in annuals[0] else {}
    return to_storage_dtype(without_attributes(xr.Dataset(out))).assign_coords({"series": list(labels), **cells})


def _without_cells(ds: xr.Dataset) -> xr.Dataset:
    return ds.drop_vars([name for name, da in ds.coords.items() if {"lat", "lon"} & {*da.dims}])


def _same_zones(annual: xr.Dataset, own: RunConfig, before: RunConfig) -> bool:
    """Whether the zones of a series are those of the one before it: of one land, and of the same amounts."""
    sums = all(annual[name].attrs.get("cell_methods") == "time: sum" for name in AMOUNTS if name in annual)
    return "land_mask" in annual and (sums or own.annual.method == before.annual.method)


def _of_distinct(moisture: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Slopes, p values and climatology of ``moisture`` (series, year, lat, lon), each distinct series treated once."""
    values = moisture.transpose("lat", "lon", "series", "year")
    found = _statistics(values.to_numpy(), moisture["year"].to_numpy(), config)
    labels = {"estimator": list(ESTIMATORS), "test": list(CELL_TESTS)}
    out = {}
    for name, own, data in zip(("slope", "p_value", "climatology"), ("estimator", "test", None), found, strict=True):
        dims = ("lat", "lon", "series", *([own] if own else []))
        da = xr.DataArray(data, {own: labels[own]} if own else {}, dims)
        out[name] = da.transpose("series", ..., "lat", "lon")
    return out


def _statistics(values: Block, years: npt.NDArray[np.int64], config: RunConfig) -> tuple[Block, Block, Block]:
    """Slopes (..., estimator), p values (..., test) and climatology (...) of ``values`` (lat, lon, series, year)."""
    shape = values.shape[:-1]
    rows = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    distinct, place = np.unique(first_alike(rows), return_inverse=True)
    observed = xr.DataArray(rows.reshape(-1, rows.shape[-1])[distinct], {"year": years}, ("cell", "year"))
    series = observed.where(ends_covered(observed, config.years.ends))
    ranked = rank_tests(series, "year", config.alpha, config.years.min_years)
    lines = [STATISTICS[name](series, config) for name in ("ols", "effective")]
    slopes = np.stack([lines[0]["slope"], ranked["slope"]], axis=-1)
    p_values = np.stack([*(line["p_value"] for line in lines), *ranked["p_value"].transpose("test", "cell")], axis=-1)
    results = (slopes, p_values, ordered_mean(observed, "year").to_numpy())
    made = [result[place.ravel()].reshape(*shape, *result.shape[1:]) for result in results]
    return made[0], made[1], made[2]


def first_alike(rows: Block) -> npt.NDArray[np.int64]:
    """Return for each series of ``rows`` (cell, series, year) the first place of its cell that holds the same bits.

    Flat, counted over all cells; series without any value have the place of the first of these.
    """
    cells, count, _ = rows.shape
    bits = rows.view(np.int64 if rows.dtype.itemsize == 8 else np.int32)
    place = np.arange(cells * count).reshape(cells, count)
    own = place.copy()
    for later in range(1, count):
        for earlier in range(later):
            alike = (place[:, later] == own[:, later]) & (bits[:, earlier] == bits[:, later]).all(axis=-1)
            place[alike, later] = place[alike, earlier]
    empty = np.isnan(rows).all(axis=-1)
    place[empty] = np.argmax(empty)
    return place.ravel()


def zones_of(
    annual: xr.Dataset, trend: xr.Dataset, config: RunConfig, cube: xr.Dataset | None, names: Sequence[str]
) -> dict[str, xr.DataArray]:
    """Return the codes of the zones by those of the schemes ``names`` that have their roles."""
    found = {name: zones(annual, trend, with_options(config, zones=name), cube) for name in names}
    return {name: each.code for name, each in found.items() if each is not None}


def with_options(config: RunConfig, **names: str) -> RunConfig:
    """Return ``config`` with the options ``names`` by choice, and the first option of every other choice."""
    return config_of(DEFAULT._replace(**names), config, 0)


def stacked(parts: Mapping[str, xr.DataArray], dim: str) -> xr.DataArray:
    """Put the named ``parts`` one after the other along a new ``dim`` with their names."""
    return xr.concat(list(parts.values()), dim, coords="minimal", compat="override").assign_coords({dim: list(parts)})


def _by_series(parts: Sequence[xr.DataArray]) -> xr.DataArray:
    return xr.concat(list(parts), "series", coords="minimal", compat="override")
