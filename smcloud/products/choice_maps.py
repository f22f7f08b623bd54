"""What rows of a specification curve are made of cell by cell: slopes, p values and zones of several series at once.

Most cells have the same annual values whatever a year needs, and most of the globe has none: each distinct series is
treated once, and the tests of its ranks share one Sen slope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import land, ordered_mean
from smcloud.products.attributes import to_storage_dtype
from smcloud.products.blocks import per_block
from smcloud.products.choice_grid import DEFAULT, config_of
from smcloud.products.trend import STATISTICS, ends_covered
from smcloud.products.zones import zones
from smcloud.stats.rank_tests import TESTS, rank_tests

Block = npt.NDArray[Any]

# The roles that rows are made of; where one of the last three is absent, rows are void.
ROLES = ("soil_moisture", "land_mask", "aridity_index", "precipitation", "potential_evaporation")
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
    needed = [annual[[name for name in ROLES if name in annual]] for annual in annuals]
    months = cube[[name for name in ROLES[3:] if name in cube]]
    function = partial(_choice_maps, configs=configs, labels=labels)
    return per_block(function, *needed, months, config=configs[0])


def _choice_maps(
    *datasets: xr.Dataset, config: RunConfig, configs: Sequence[RunConfig], labels: Sequence[str]
) -> xr.Dataset:
    *annuals, months = datasets
    lands = _by_series([land(annual) for annual in annuals])
    moisture = _by_series([annual["soil_moisture"] for annual in annuals]).where(lands)
    out = _of_distinct(moisture, config) | {"land_mask": lands.astype("uint8")}
    known = [
        zones_of(annual, xr.Dataset(), own, months, CELL_BY_CELL) for annual, own in zip(annuals, configs, strict=True)
    ]
    out |= {"zone": _by_series([stacked(each, "zones") for each in known])} if known[0] else {}
    out |= {"aridity_index": annuals[0]["aridity_index"]} if "aridity_index" in annuals[0] else {}
    return to_storage_dtype(xr.Dataset(out).drop_attrs()).assign_coords(series=list(labels))


def _of_distinct(moisture: xr.DataArray, config: RunConfig) -> dict[str, xr.DataArray]:
    """Slopes, p values and climatology of ``moisture`` (series, year, lat, lon), each distinct series treated once."""
    sizes = {"estimator": len(ESTIMATORS), "test": len(CELL_TESTS)}
    outputs = [["series", "estimator"], ["series", "test"], ["series"]]
    results = xr.apply_ufunc(
        _statistics, moisture, kwargs={"years": moisture["year"].to_numpy(), "config": config},
        input_core_dims=[["series", "year"]], output_core_dims=outputs, dask="parallelized",
        output_dtypes=[np.float64] * 3, dask_gufunc_kwargs={"output_sizes": sizes},
    )  # fmt: skip
    named = dict(zip(("slope", "p_value", "climatology"), results, strict=True))
    labels = {"estimator": list(ESTIMATORS), "test": list(CELL_TESTS)}
    return {
        name: da.transpose("series", ..., "lat", "lon").assign_coords({k: v for k, v in labels.items() if k in da.dims})
        for name, da in named.items()
    }


def _statistics(values: Block, *, years: npt.NDArray[np.int64], config: RunConfig) -> tuple[Block, Block, Block]:
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
    out = xr.concat(list(parts), "series", coords="minimal", compat="override")
    return out.chunk(series=-1) if out.chunks else out
