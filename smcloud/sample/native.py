"""Writes a sample world as Zarr stores with the native quirks of each real source, and its truth beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from smcloud.sample.climate import SampleWorld, generator
from smcloud.sample.coefficients import FIRST_YEAR, TAIL_YEAR, YEARS, Coefficients
from smcloud.sample.fields import Array
from smcloud.sample.months import CLOUDS, DAYS, FLAGS, LAST_DAY_SHARE, POISON, WET_DAYS, Months, dates_of, months_of
from smcloud.sample.stores import flush, new_array, new_store, write_axis, write_lat_lon
from smcloud.sample.truth import truth_of
from smcloud.sample.world import LAND_COVER

VALID_STOP = "2022-01-14"
"""ERA5's attribute; the data are good to the step that ends on the day after."""
FILL = -9999.0
COMPOSITE_DAYS = 8
WATER, ICE, CLOUD_CODES = 254, 252, (249, 250, 251, 253, 255)
MIN_DAYS, MIN_MONTHS = 5, 6  # of a month and a year that count in the truth's se
STORES = ("cci_sm", "era5", "lai", "aridity", "environment", "truth")


def write_world(
    directory: str | Path,
    *,
    seed: int = 20230501,
    resolution: float = 5.0,
    coefficients: Coefficients | None = None,
) -> dict[str, str]:
    """Write ``cci_sm``, ``era5``, ``lai``, ``aridity``, ``environment`` and ``truth`` as ``<name>.zarr``.

    The same arguments give the same bytes. Returns name -> path. An existing store is replaced.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: str(directory / f"{name}.zarr") for name in STORES}
    world = SampleWorld(seed, resolution, coefficients)
    months = Months(world)
    days_used = _write_soil_moisture(paths["cci_sm"], world, months)
    _write_era5(paths["era5"], world, months)
    _write_lai(paths["lai"], world, months)
    _write_static(paths, world)
    valid, measurement = _sampling(months, days_used)
    truth_of(world, valid, measurement).to_zarr(paths["truth"], mode="w", zarr_format=2)
    return paths


def _sampling(months: Months, days_used: np.ndarray) -> tuple[np.ndarray, Array]:
    """Years that count (cell, year), and the mean variance that days and missing months add to an annual mean."""
    used = np.where(days_used >= MIN_DAYS, days_used, 0)
    n = (used > 0).sum(axis=2)
    valid = n >= MIN_MONTHS
    with np.errstate(divide="ignore", invalid="ignore"):
        daily = (np.where(used > 0, 1 / used, 0.0).sum(axis=2) / n**2) * months.p.uncertainty[:, None] ** 2
        missing = (1 / n - 1 / 12) * months.within_variance[:, None]
    total = np.where(valid, daily + missing, 0.0).sum(axis=1)
    return valid, total / np.maximum(valid.sum(axis=1), 1)


def _years() -> Iterator[int]:
    return iter(range(FIRST_YEAR, TAIL_YEAR + 1))


def _write_soil_moisture(path: str, world: SampleWorld, months: Months) -> np.ndarray:
    """Daily CCI-like soil moisture; returns the days that pass the flags (cell, year of ``YEARS``, month)."""
    geo = world.geo
    days = np.concatenate([dates_of(year) for year in _years()])
    group = new_store(path, {
        "title": "Sample soil moisture in the form of ESA CCI COMBINED", "Conventions": "CF-1.8",
        "time_coverage_start": str(days[0]), "time_coverage_end": str(days[-1]),
    })  # fmt: skip
    write_axis(group, "time", days.astype("int64"), {"units": "days since 1970-01-01", "calendar": "standard"})
    write_lat_lon(group, ("lat", "lon"), *world.axes, "f8")
    dims, shape = ("time", "lat", "lon"), (days.size, *geo.shape)
    meanings = "snow_coverage_or_temperature_below_zero dense_vegetation others_no_convergence " \
        "outside_physical_bounds weight_below_threshold all_datasets_unreliable barren_ground"  # fmt: skip
    flag_attrs = {"long_name": "flag", "flag_masks": [1, 2, 4, 8, 16, 32, 64], "flag_meanings": meanings}
    sm_attrs = {"units": "m3 m-3", "long_name": "Volumetric Soil Moisture", "valid_range": [0.0, 1.0]}
    sigma_attrs = sm_attrs | {"long_name": "Volumetric Soil Moisture Uncertainty"}
    out = {
        "sm": new_array(group, "sm", dims, shape, "<f4", FILL, attrs=sm_attrs),
        "sm_uncertainty": new_array(group, "sm_uncertainty", dims, shape, "<f4", FILL, attrs=sigma_attrs),
        "flag": new_array(group, "flag", dims, shape, "|i1", 127, attrs=flag_attrs),
        "sensor": new_array(group, "sensor", dims, shape, "<i4", 0, attrs={"long_name": "Sensor bitmask"}),
    }
    used = np.zeros((geo.lat.size, len(YEARS), 12), np.int64)
    start = 0
    blocks: dict[str, list[np.ndarray]] = {name: [] for name in out}
    for year in _years():
        sm, flag, seen = _one_year(world, months, year)
        these = dates_of(year)
        if year in YEARS:
            good = seen & ((flag == 0) | (flag == 64))
            first = np.flatnonzero(np.diff(months_of(these), prepend=-1))
            used[:, year - FIRST_YEAR] = np.add.reduceat(good, first, axis=1, dtype=np.int64)
        sigma = np.where(seen, world.physics.uncertainty[:, None].astype("f4"), np.float32(FILL))
        blocks["sm"].append(world.grid(np.where(seen, sm, FILL), FILL, np.float32))
        blocks["sm_uncertainty"].append(world.grid(sigma, FILL, np.float32))
        blocks["flag"].append(world.grid(flag, 127, np.int8))
        blocks["sensor"].append(world.grid(np.where(seen, months.sensors(these), 0), 0, np.int32))
        start = flush(out, blocks, start, last=year == TAIL_YEAR)
    zarr.consolidate_metadata(path, zarr_format=2)
    return used


def _one_year(world: SampleWorld, months: Months, year: int) -> tuple[Array, np.ndarray, np.ndarray]:
    """Daily values, flags and where anything was measured (cell, day).

    Flagged days hold wrong values: another level each year, drifting against the truth; some of them carry
    the fill of the flag itself.
    """
    geo, p = world.geo, world.physics
    days = dates_of(year)
    seen, flag = months.measured(year, days), months.flags(year, days)
    rng = generator(world.seed, DAYS, year, 1)
    noise = world.physics.uncertainty[:, None] * rng.standard_normal(seen.shape, np.float32)
    value = months.soil_moisture(year)[:, months_of(days)] + noise
    level = 0.3 + 0.16 * generator(world.seed, FLAGS, year, 1).standard_normal(geo.lat.size)
    wrong = np.clip(level - 3 * p.beta * (year - YEARS[len(YEARS) // 2]), 0.02, 0.6)
    bad = (flag != 0) & (flag != 64)
    flag = np.where(seen, flag, np.int8(127))
    return np.clip(np.where(bad, wrong[:, None], value), 0.005, 0.95), flag, seen


def _write_era5(path: str, world: SampleWorld, months: Months) -> None:
    """Daily steps stamped at their END, rain in m; the axis goes on past the valid end, and holds poison there."""
    p = world.physics
    shape2 = (p.nodes[0].size, p.nodes[1].size)
    days = np.concatenate([[np.datetime64(f"{FIRST_YEAR - 1}-12-31")], *(dates_of(year) for year in _years())])
    stamps = days + np.timedelta64(1, "D")
    group = new_store(path, {
        "title": "Sample reanalysis in the form of ARCO-ERA5", "valid_time_start": str(stamps[0]),
        "valid_time_stop": VALID_STOP,
    })  # fmt: skip
    hours = stamps.astype("datetime64[h]").astype("int64") - np.datetime64("1900-01-01", "h").astype("int64")
    write_axis(group, "time", hours, {"units": "hours since 1900-01-01", "calendar": "proleptic_gregorian"})
    write_lat_lon(group, ("latitude", "longitude"), *p.nodes, "f4")
    dims, shape = ("time", "latitude", "longitude"), (days.size, *shape2)
    rain_attrs = {"units": "m", "long_name": "Total precipitation", "short_name": "tp"}
    heat_attrs = {"units": "K", "long_name": "Soil temperature level 1", "short_name": "stl1"}
    attrs = {"total_precipitation": rain_attrs, "soil_temperature_level_1": heat_attrs}
    out = {name: new_array(group, name, dims, shape, "<f4", np.nan, attrs=about) for name, about in attrs.items()}
    blocks: dict[str, list[np.ndarray]] = {name: [] for name in out}
    start = 0
    for year in range(FIRST_YEAR - 1, TAIL_YEAR + 1):
        these = dates_of(year)
        rain, heat = _daily_rain(months, year, these), _daily_heat(months, year, these)
        if year == TAIL_YEAR:
            _poison(world, rain, heat, these)
        first = these.size - 1 if year < FIRST_YEAR else 0
        blocks["total_precipitation"].append((rain[first:] / 1000).astype("f4").reshape(-1, *shape2))
        blocks["soil_temperature_level_1"].append(heat[first:].astype("f4").reshape(-1, *shape2))
        start = flush(out, blocks, start, last=year == TAIL_YEAR)
    zarr.consolidate_metadata(path, zarr_format=2)


def _daily_rain(months: Months, year: int, days: np.ndarray) -> Array:
    """(day, node), mm: six wet days and the last day of each month, the deluge on the year's last."""
    monthly, deluge = months.precipitation(year)
    month, day = months_of(days), (days - days.astype("datetime64[M]")).astype(int)
    last = np.append(month[1:] != month[:-1], True)
    share = np.isin(day, WET_DAYS) * (1 - LAST_DAY_SHARE) / len(WET_DAYS) + last * LAST_DAY_SHARE
    daily = monthly.T[month] * share[:, None]
    daily[-1] += deluge
    return np.maximum(daily, 0.0)


def _daily_heat(months: Months, year: int, days: np.ndarray) -> Array:
    """(day, node), K: the month's mean with a ten-day swing that adds up to zero."""
    month, day = months_of(days), (days - days.astype("datetime64[M]")).astype(int)
    length = np.bincount(month)[month]
    swing = np.where(day < 10, -1.0, np.where(day < 20, 0.0, 10.0 / (length - 20)))
    return months.soil_temperature(year).T[month] + swing[:, None]


def _poison(world: SampleWorld, rain: Array, heat: Array, days: np.ndarray) -> None:
    """Values after the valid end that no range check can catch."""
    after = days > np.datetime64(VALID_STOP) + np.timedelta64(1, "D")
    rng = generator(world.seed, POISON)
    size = rain.shape[1]
    rain[after] = rng.uniform(5, 60, size)
    heat[after] = rng.uniform(240, 330, size)


def _write_lai(path: str, world: SampleWorld, months: Months) -> None:
    """8-day composites as MODIS makes them: 46 a year from 1 January, the last one short.

    uint8 codes of 0.1 without CF attributes, 249 to 255 where there is no leaf area.
    """
    geo = world.geo
    starts = [dates_of(year)[::COMPOSITE_DAYS] for year in _years()]
    times = np.concatenate(starts)
    group = new_store(path, {"title": "Sample leaf area index in the form of MCD15A2H"})
    since = (times - np.datetime64("2000-01-01")).astype("int64")
    write_axis(group, "time", since, {"units": "days since 2000-01-01", "calendar": "standard"})
    write_lat_lon(group, ("lat", "lon"), *world.axes, "f8")
    array = new_array(group, "lai", ("time", "lat", "lon"), (times.size, *geo.shape), "|u1", None,
                   attrs={"long_name": "Leaf area index"}, steps=8 * 46)  # fmt: skip
    codes = []
    for year, days in zip(_years(), starts, strict=True):
        total = np.cumsum(months.lai(year, days) / 0.1, axis=1)
        code = np.diff(np.floor(total + 0.5), axis=1, prepend=0.0)  # the rounding error never adds up
        rng = generator(world.seed, CLOUDS, year)
        cloud = rng.random(code.shape) < 0.05
        cloud[:, 1:] &= ~cloud[:, :-1]
        cloud[geo.lai_mean == 0] = False
        code[cloud] = rng.choice(CLOUD_CODES, int(cloud.sum()))
        code[geo.empty] = ICE
        codes.append(world.grid(code, WATER, np.uint8))
    array[:] = np.concatenate(codes)
    zarr.consolidate_metadata(path, zarr_format=2)


def _write_static(paths: Mapping[str, str], world: SampleWorld) -> None:
    geo = world.geo
    lat, lon = world.axes
    coords = {"lat": lat, "lon": lon}
    dims = ("lat", "lon")
    aridity = xr.Dataset({"aridity_index": (dims, world.grid(geo.aridity, dtype=np.float32), {"units": "1"})}, coords)
    names = " ".join(name.replace(" ", "_") for name in LAND_COVER.values())
    legend = {"flag_values": list(LAND_COVER), "flag_meanings": names}
    environment = xr.Dataset(
        {
            "elevation": (dims, world.grid(geo.elevation, dtype=np.float32), {"units": "m"}),
            "land_cover": (dims, world.grid(geo.land_cover, 0, np.uint8), legend),
            "clay": (dims, world.grid(geo.clay, dtype=np.float32), {"units": "%"}),
            "sand": (dims, world.grid(geo.sand, dtype=np.float32), {"units": "%"}),
            "land_mask": (dims, geo.land.astype(np.uint8), {"units": "1"}),
        },
        coords,
    )
    options: dict[str, Any] = {"mode": "w", "zarr_format": 2, "write_empty_chunks": True}
    aridity.sortby("lat").to_zarr(paths["aridity"], **options)
    environment.to_zarr(paths["environment"], **options)
