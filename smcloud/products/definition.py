"""The products, what each is made of, and their order: a run and its plan both follow this definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import xarray as xr

from smcloud.config import RunConfig
from smcloud.products.annual import annual as annual_of
from smcloud.products.curve import curve
from smcloud.products.ddww import completed_ddww
from smcloud.products.ddww import ddww as ddww_of
from smcloud.products.driver_columns import driver_trends
from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.products.gradients import gradients
from smcloud.products.overviews import MAPS, factors_of, overviews
from smcloud.products.polygons import with_polygons
from smcloud.products.regions import Groups
from smcloud.products.regions import regions as regions_of
from smcloud.products.regions import strata as strata_of
from smcloud.products.season_trends import season_columns, season_maps
from smcloud.products.seasons import SEASONAL, seasonal_moisture
from smcloud.products.tables import table
from smcloud.products.trend import trend_fields, trend_maps

Finish = Callable[[xr.Dataset, RunConfig], xr.Dataset]


class Writer(Protocol):
    """Where products are written: to a store, or to a plan that counts what a store would be asked for."""

    @property
    def grid(self) -> Mapping[str, int]:
        """The lengths of the whole grid, lat and lon."""
        ...

    def write(self, products: Mapping[str, xr.Dataset]) -> None:
        """Write the lazy products of one phase, by name, in one go."""

    def append(self, finishes: Mapping[str, Finish]) -> None:
        """Add to written products, by name, what ``finishes`` make of their maps, whole fields, in one go."""

    def open(self, name: str) -> xr.Dataset:
        """Open the written product, lazily: workers read it, no graph carries it."""

    def compute(self, ds: xr.Dataset) -> xr.Dataset:
        """Compute a small Dataset."""


@dataclass(frozen=True)
class Product:
    """One product.

    ``make`` is given the configuration and what ``needs`` names (the cube, other products; None where one is not
    made) and returns a lazy Dataset, or None where there is nothing to make it of. ``complete`` is given the Dataset in
    memory and the same, and completes it without dask; ``finish`` makes of the written maps, and of the lazy products
    ``beside`` them (the maps themselves, where they are among these), what needs all cells at once.
    """

    name: str
    needs: tuple[str, ...]
    make: Callable[..., xr.Dataset | None]
    complete: Callable[..., xr.Dataset] | None = None
    finish: Callable[..., xr.Dataset] | None = None
    beside: tuple[str, ...] = ()


def _annual(config: RunConfig, cube: xr.Dataset) -> xr.Dataset:
    return annual_of(cube, config).assign(seasonal_moisture(cube, config) if config.annual.seasons else {})


def _trend(config: RunConfig, cube: xr.Dataset, annual: xr.Dataset) -> xr.Dataset:
    return trend_maps(annual, config, cube).assign(season_maps(annual, config) if SEASONAL in annual else {})


def _drivers(config: RunConfig, cube: xr.Dataset, annual: xr.Dataset) -> xr.Dataset | None:
    return driver_maps(annual, config, cube) if config.drivers.names else None


def _ddww(config: RunConfig, cube: xr.Dataset, annual: xr.Dataset, trend: xr.Dataset) -> xr.Dataset | None:
    return ddww_of(trend, annual, config, cube)


def _with_shares(
    ds: xr.Dataset, config: RunConfig, cube: xr.Dataset, annual: xr.Dataset, trend: xr.Dataset
) -> xr.Dataset:
    return completed_ddww(ds, annual, config)


def _regional(
    config: RunConfig, cube: xr.Dataset, annual: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset | None
) -> xr.Dataset:
    everywhere = xr.ones_like(annual["soil_moisture"].isel(year=0, drop=True), dtype=bool)
    chosen = regions_of(annual["lat"], annual["lon"], everywhere, annual.attrs.get("region_name"))
    out = _regional_rows(annual, trend, drivers, chosen, config)
    return with_polygons(out, cube, (annual, trend, drivers), _regional_rows, config)


def _regional_rows(
    annual: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset | None, chosen: Groups, config: RunConfig
) -> xr.Dataset:
    out = table(annual, trend, drivers, chosen, config)
    return out.assign(season_columns(annual, chosen, config) if SEASONAL in annual else {})


def _strata(
    config: RunConfig, annual: xr.Dataset, trend: xr.Dataset, drivers: xr.Dataset | None, ddww: xr.Dataset | None
) -> xr.Dataset | None:
    groups = strata_of(annual, trend, ddww, config)
    if groups is None:
        return None
    trends = None if drivers is None else driver_trends(annual, drivers, config)
    out = table(annual, trend, drivers, groups, config, trends)
    return out.assign(gradients(annual, trend, drivers, config).data_vars)


# Products of one phase are written together; a phase reads what earlier ones have written, and of its own phase what a
# product needs is still lazy.
PHASES: tuple[tuple[Product, ...], ...] = (
    (Product("annual", ("cube",), _annual),),
    (
        Product("trend", ("cube", "annual"), _trend, finish=trend_fields, beside=("annual", "trend")),
        Product("drivers", ("cube", "annual"), _drivers, finish=driver_fields),
    ),
    (
        Product("ddww", ("cube", "annual", "trend"), _ddww, complete=_with_shares),
        Product("regional", ("cube", "annual", "trend", "drivers"), _regional),
        Product("strata", ("annual", "trend", "drivers", "ddww"), _strata),
    ),
)
PRODUCTS = (*(product.name for phase in PHASES for product in phase), "sensitivity")


def make_products(cube: xr.Dataset, config: RunConfig, writer: Writer) -> None:
    """Make all products of ``cube`` phase by phase and hand them to ``writer``; only that computes anything.

    The curve comes last, where it is asked for, and is of the cube alone: its rows have annual values of their own.
    """
    made: dict[str, xr.Dataset] = {"cube": cube}
    for phase in PHASES:
        ready: dict[str, xr.Dataset] = {}
        with ThreadPoolExecutor(1) as client:
            completed: dict[str, Future[xr.Dataset]] = {}
            for product in phase:
                parts = {name: made.get(name) for name in product.needs}
                lazy = product.make(config, **parts)
                if lazy is not None:
                    made[product.name] = ready[product.name] = lazy
                    if product.complete is not None:
                        computed = writer.compute(ready.pop(product.name))
                        completed[product.name] = client.submit(product.complete, computed, config, **parts)
            writer.write(ready)
            if completed:  # by this process, while workers had the others
                ready |= {name: future.result() for name, future in completed.items()}
                writer.write({name: ready[name] for name in completed})
        finishes: dict[str, Finish] = {}
        for product in phase:
            if product.name in ready and product.finish is not None:
                beside = {name: writer.open(name) if name == product.name else made[name] for name in product.beside}
                finishes[product.name] = partial(product.finish, **beside)
        if finishes:
            writer.append(finishes)
        if phase is not PHASES[-1]:
            made |= {name: writer.open(name) for name in ready}
    factors = factors_of(writer.grid)
    if factors:
        drawn = [name for name in MAPS if name in made and not made[name].keys().isdisjoint(MAPS[name])]
        edges = {name: cube[name].variable for name in ("lat_bnds", "lon_bnds")}
        writer.append({name: partial(overviews, product=name, factors=factors, edges=edges) for name in drawn})
    if config.sensitivity.publish:
        writer.write({"sensitivity": curve(cube, config, writer.compute)})
