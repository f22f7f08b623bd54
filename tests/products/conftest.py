"""A small world with every kind of cell: gaps, constant, empty, short, desert without leaves, ocean, ties, no zone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.config import RunConfig, parse_config
from smcloud.products.annual import annual as annual_product
from smcloud.products.ddww import ddww
from smcloud.products.drivers import driver_fields, driver_maps
from smcloud.products.trend import trend_fields, trend_maps

LAT, LON = np.arange(-75.0, 90, 30), np.arange(-157.5, 180, 45)
UNKNOWN_SENSORS_ROW = 4
DRIVERS = ("precipitation", "soil_temperature", "lai")
CONSTANT, EMPTY, SHORT, DESERT, OCEAN, TIES, NO_ZONE, MISSING_START = (
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 3),
    (5, 7),
    (2, 2),
    (3, 3),
    (4, 4),
)


def make_config(**more: Any) -> RunConfig:
    base = {
        "preset": "peng2023",
        "period": {"start": "2000-01", "end": "2021-12"},
        "catalog": "c.yaml",
        "inputs": {role: "entry" for role in ("soil_moisture", *DRIVERS, "radiation", "aridity_index")},
        "store": "somewhere",
    }
    return parse_config(base | more)


def make_cube(seed: int = 7) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    time = pd.date_range("1999-11-01", "2022-03-01", freq="MS")
    shape = (len(time), len(LAT), len(LON))
    years = (np.arange(len(time)) - 2)[:, None, None] / 12
    inside = (time.year >= 2000) & (time.year <= 2021)
    annual_noise = lambda: np.repeat(rng.normal(size=(24, *shape[1:])), 12, axis=0)[10 : 10 + len(time)]  # noqa: E731
    rain_noise, warm_noise, leaf_noise, own_noise = (annual_noise() for _ in range(4))
    slope = np.where(rng.random(shape[1:]) < 0.4, 0.0, rng.normal(size=shape[1:]) * 3e-3)
    sm = 0.25 + slope * years + 0.01 * rain_noise + 0.006 * leaf_noise + 0.008 * own_noise
    sm = np.clip(sm + 0.002 * rng.normal(size=shape), 0.001, 0.9)
    sm[rng.random(shape) < 0.25] = np.nan
    sm[(rng.random((24, *shape[1:])) < 0.08).repeat(12, axis=0)[10 : 10 + len(time)]] = np.nan
    sm[:, *CONSTANT] = 0.1
    sm[:, *EMPTY] = np.nan
    sm[time.year < 2011, *SHORT] = np.nan
    sm[time.year < 2004, *MISSING_START] = np.nan
    sm[:, *TIES] = np.where(inside, 0.25 * (time.year % 3), np.nan)
    cube = xr.Dataset(
        {
            "soil_moisture": (("time", "lat", "lon"), sm.astype("float32")),
            "soil_moisture_days": (("time", "lat", "lon"), np.full(shape, 20.0, "float32")),
            "precipitation": (("time", "lat", "lon"), (60 + 8 * rain_noise + rng.random(shape)).astype("float32")),
            "soil_temperature": (("time", "lat", "lon"), (285 + warm_noise + 0.02 * years).astype("float32")),
            "lai": (("time", "lat", "lon"), (2.5 + 0.5 * leaf_noise + 0.01 * years).astype("float32")),
            "radiation": (("time", "lat", "lon"), (200 + rng.normal(size=shape)).astype("float32")),
            "aridity_index": (("lat", "lon"), rng.choice([0.02, 0.1, 0.3, 0.58, 0.9], shape[1:]).astype("float32")),
            "elevation": (("lat", "lon"), rng.uniform(-50, 3000, shape[1:])),
            "land_cover": (("lat", "lon"), rng.choice([1.0, 4.0, 9.0], shape[1:])),
            "clay": (("lat", "lon"), rng.uniform(0, 50, shape[1:])),
            "sand": (("lat", "lon"), rng.uniform(0, 50, shape[1:])),
            "land_mask": (("lat", "lon"), np.ones(shape[1:], "float32")),
            "provisional": ("time", np.zeros(len(time), "int8")),
        },
        coords={"time": time, "lat": LAT, "lon": LON},
    )
    cube["lai"][:, *DESERT] = 0.0
    cube["lai"][:, 4, 1] = (0.5 + 0.001 * rain_noise[:, 4, 1]).astype("float32")  # varies less than the floor
    cube["precipitation"][40, 3, 5] = np.nan
    cube["land_mask"][OCEAN] = 0
    cube["aridity_index"][NO_ZONE] = np.nan
    cube["aridity_index"][5, :4] = [0.5, 0.65, 0.2, 0.05]  # on the limits
    add_measurement(cube)
    units = {"soil_moisture": "m3 m-3", "precipitation": "mm month-1", "soil_temperature": "K", "lai": "m2 m-2"}
    for name in (*units, "radiation"):
        total = name == "precipitation"
        cube[name].attrs = {"units": units.get(name, "W m-2"), "cell_methods": f"time: {'sum' if total else 'mean'}"}
    for name, unit in {"elevation": "m", "clay": "%", "sand": "%", "aridity_index": "1", "land_mask": "1"}.items():
        cube[name].attrs = {"units": unit, "long_name": name.replace("_", " ")}
    cube["land_cover"].attrs = {
        "units": "1",
        "long_name": "land cover",
        "flag_values": [1, 4, 9],
        "flag_meanings": "forest savanna cropland",
    }
    return cube


def add_measurement(cube: xr.Dataset) -> None:
    """Sensors that change in no cell, in one month, in several, or are not known; and errors with gaps."""
    rng = np.random.default_rng(17)
    sm = cube["soil_moisture"]
    month = np.arange(sm.sizes["time"])[:, None, None]
    first, second = (rng.integers(*limits, sm.shape[1:]) for limits in ((40, 110), (135, 230)))
    kind = rng.integers(0, 4, sm.shape[1:])
    sets = 2 + 8 * ((month >= first) & (kind > 0)) + 256 * ((month >= second) & (kind > 1))
    sets = np.where(np.arange(len(LAT))[None, :, None] == UNKNOWN_SENSORS_ROW, sets * (kind == 1), sets)
    cube["soil_moisture_sensors"] = (sm.dims, np.where(sm.notnull(), sets, 0).astype("int32"))
    low = rng.uniform(0.01, 0.05, sm.shape) * (1 + 0.004 * month)
    known = sm.notnull() & (rng.random(sm.shape) > 0.02)
    for name, factor in (("", 1.0), ("_independent", 0.25), ("_decaying", 0.6)):
        values = np.where(known, factor * low, np.nan)
        cube[f"soil_moisture_uncertainty{name}"] = (sm.dims, values.astype("float32"))


@pytest.fixture(scope="session")
def config() -> RunConfig:
    return make_config()


@pytest.fixture
def cube() -> xr.Dataset:
    return make_cube()


@pytest.fixture(scope="session")
def annual(config: RunConfig) -> xr.Dataset:
    return annual_product(make_cube(), config)


def products(annual: xr.Dataset, config: RunConfig, cube: xr.Dataset | None = None) -> dict[str, xr.Dataset]:
    """Both phases, in the order of the pipeline."""
    trend = trend_maps(annual, config, cube)
    trend = trend.assign(trend_fields(trend, config, annual))
    drivers = driver_maps(annual, config, cube)
    drivers = drivers.assign(driver_fields(drivers, config))
    out = {"annual": annual, "trend": trend, "drivers": drivers}
    classes = ddww(trend, annual, config)
    return out if classes is None else out | {"ddww": classes}


@pytest.fixture(scope="session")
def world(annual: xr.Dataset, config: RunConfig) -> dict[str, xr.Dataset]:
    return products(annual, config)


def each_cell(function: Callable[[int, int], float]) -> np.ndarray:
    """``function(i, j)`` for every cell, as a plain loop."""
    return np.array([[function(i, j) for j in range(len(LON))] for i in range(len(LAT))])
