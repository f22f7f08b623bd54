"""A small sealed release with every kind of variable that products have, on a grid of any order and convention."""

from __future__ import annotations

import dask
import numpy as np
import xarray as xr

from smcloud.products.attributes import COORDINATES, TEXTS
from smcloud.products.flags import driver_flags
from smcloud.products.variables import VARIABLES
from smcloud.store import CubeEntry, InputEntry, Prefix, ProductEntry, ReleaseContent, Store, cube_path, product_path
from smcloud.store import publish as publish_release

DRIVERS = ["precipitation", "lai"]
LAT, LON = np.arange(-75.0, 90, 30), np.arange(-165.0, 180, 30)
STATUS_CODES = 11
HOSTILE = '=HYPERLINK("http://x","y")'
LABELS = ["Globe", HOSTILE, "a, b; c", "two\nlines", 'he said "no" # really', "-1 to +1", "@home", "plain é 土"]


def products(lat=LAT, lon=LON, years=4, seed=0, bounds=True):
    """Products by name: random fields, some NaN, every status."""
    rng = np.random.default_rng(seed)
    shape, cells = (len(lat), len(lon)), ("lat", "lon")
    grid = {"lat": ("lat", np.asarray(lat, float)), "lon": ("lon", np.asarray(lon, float))}

    def field(*outer, dtype="float64", scale=1.0):
        values = (scale * rng.normal(size=(*outer, *shape))).astype(dtype)
        values[rng.random(values.shape) < 0.2] = np.nan
        return values

    def codes(name, product="trend", outer=()):
        known = VARIABLES[product][name]["flag_values"]
        return np.resize(np.array(known, "uint8"), (*outer, *shape))

    status = np.resize(np.arange(STATUS_CODES, dtype="uint8"), shape)
    annual = xr.Dataset(
        {
            "soil_moisture": (("year", *cells), 0.3 + field(years, scale=0.01)),
            "lai": (("year", *cells), field(years)),
            "n_months": (("year", *cells), rng.integers(0, 13, (years, *shape)).astype("uint8")),
            "land_cover": (cells, np.where(rng.random(shape) < 0.2, np.nan, 12).astype("float32")),
            "elevation": (cells, field(dtype="float32", scale=500)),
        },
        coords={**grid, "year": 2000 + np.arange(years)},
    )
    for name, units in (("soil_moisture", "m3 m-3"), ("lai", "m2 m-2"), ("n_months", "1"), ("elevation", "m")):
        annual[name].attrs = {"units": units, "long_name": f"annual {name}"}
    annual["land_cover"].attrs = {"flag_values": [12], "flag_meanings": "croplands", "units": "1"}
    trend = xr.Dataset(
        {
            **{name: (cells, field(dtype="float32", scale=1e-3)) for name in ("slope", "slope_lower", "slope_upper")},
            **{name: (cells, np.abs(field())) for name in ("p_value", "p_adjusted", "climatology")},
            "significant": (cells, codes("significant")),
            "n_years": (cells, rng.integers(0, years + 1, shape).astype("uint16")),
            "n_pooled": (cells, rng.integers(0, 99, shape).astype("int32")),
            "status": (cells, status),
            "break_year": (("break", *cells), 2000 + field(2)),
        },
        coords=grid,
    )
    drivers = xr.Dataset(
        {
            **{
                name: (("driver", *cells), field(2))
                for name in ("partial_correlation", "r_lower", "r_upper", "p_value")
            },
            "status": (("driver", *cells), np.resize(np.arange(STATUS_CODES, dtype="uint8"), (2, *shape))),
            "dominant_driver": (cells, np.resize(np.array([0, 1, 2, 254, 255], "uint8"), shape)),
            "dominant_correlation": (cells, field()),
        },
        coords={**grid, "driver": DRIVERS},
    )
    ddww = xr.Dataset(
        {
            "zone": (cells, codes("zone", "ddww")),
            "ddww_class": (cells, codes("ddww_class", "ddww")),
            "area_km2": (("class",), rng.random(3)),
        },
        coords={**grid, "class": ["DD", "DW", "WW"]},
    )
    n = len(LABELS)
    regional = xr.Dataset(
        {
            "slope": (("region",), np.array([np.nan, *rng.normal(size=n - 1)])),
            "n_cells": (("region",), np.arange(n, dtype="int64")),
            "status": (("region",), np.zeros(n, "uint8")),
            "partial_correlation": (("region", "driver"), rng.normal(size=(n, 2))),
            "soil_moisture": (("region", "year"), rng.normal(size=(n, years))),
        },
        coords={
            "region": [f"r{i}" for i in range(n)],
            "driver": DRIVERS,
            "year": 2000 + np.arange(years),
            "label": ("region", LABELS),
            "kind": ("region", ["band"] * n),
        },
    )
    made = {"annual": annual, "trend": trend, "drivers": drivers, "ddww": ddww, "regional": regional}
    for name, ds in made.items():
        for variable in ds.data_vars:
            ds[variable].attrs |= VARIABLES[name].get(variable, {})
        for axis in ds.coords:
            ds[axis].attrs = dict(COORDINATES.get(axis, {}))
        ds.attrs = {"title": TEXTS[name][0], "Conventions": "CF-1.11, ACDD-1.3", "alpha": 0.05, "limits": [0.5, 0.65]}
    days = np.array([[f"{2000 + i}-01-01", f"{2001 + i}-01-01"] for i in range(years)], "M8[ns]")
    made["annual"] = annual.assign_coords(time=("year", days[:, 0], {"bounds": "time_bnds"}))
    made["annual"].coords["time_bnds"] = (("year", "bnds"), days)
    annual = made["annual"]
    made["drivers"]["dominant_driver"].attrs |= driver_flags(DRIVERS)
    if bounds and len(lat) > 1 and len(lon) > 1:
        for axis, values in (("lat", lat), ("lon", lon)):
            half = abs(values[1] - values[0]) / 2
            edges = np.stack([values - half, values + half], axis=1)
            annual.coords[f"{axis}_bnds"] = ((axis, "bnds"), edges)
            annual[axis].attrs["bounds"] = f"{axis}_bnds"
    return made


def publish(folder, made, config=None, version="1"):
    """Seal and publish ``made`` in a new store below ``folder``; returns its path."""
    store = Store.open(folder / "store")
    cube = xr.Dataset({"land_mask": (("lat", "lon"), np.ones((2, 2)))}, coords={"lat": [0.0, 1.0], "lon": [0.0, 1.0]})
    dask.compute(Prefix(store, cube_path("cube1")).stage(cube))
    digest = Prefix(store, cube_path("cube1")).seal().inventory_sha256
    entries = {}
    for name, ds in made.items():
        path = product_path(name, "run1")
        dask.compute(Prefix(store, path).stage(ds))
        entries[name] = ProductEntry(
            url=path, run_id="run1", inventory_sha256=Prefix(store, path).seal().inventory_sha256
        )
    text = 'Doe, J. (2024): =1+1, "Soil"\nand more # so, doi:10.1/x'
    source = InputEntry(entry="sm", version=version, state="x", licence="CC-BY-4.0", citation=text)
    publish_release(
        store,
        ReleaseContent(
            cube=CubeEntry(id="cube1", url=cube_path("cube1"), period=("2000-01", "2003-12"), inventory_sha256=digest),
            products=entries,
            report="reports/run1/index.html",
            inputs={"soil_moisture": source},
            config={"preset": "peng2023", "publisher": {"name": "A. Person"}, **(config or {})},
            code={"smcloud": "0.1.0"},
        ),
    )
    return store.url
