"""Catalogs of one entry or several, opened with every reader, and the cube that is built of them."""

import json
from types import SimpleNamespace

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.catalog import load_catalog, open_entry
from smcloud.config import parse_config
from smcloud.cube import add_counters, build, open_sources
from smcloud.cube.calendar import month_range
from tests.catalog.readers.era5_files import LAT, LON, TP, WATER, field


@pytest.fixture
def entry():
    """A function that makes a catalog entry; ``args`` and ``metadata`` are added to what is always there."""

    def make(urlpath, variables, driver="netcdf", reader="default", args=None, **metadata):
        return {
            "driver": driver,
            "description": "a source of the tests",
            "args": {"urlpath": urlpath} | (args or {}),
            "metadata": {"reader": reader, "licence": "as published", "citation": "as published"}
            | metadata
            | {"variables": variables},
        }

    return make


@pytest.fixture
def catalog(tmp_path):
    """A function that writes a catalog of named entries (JSON is YAML) and loads it."""

    def make(**entries):
        path = tmp_path / "catalog.yaml"
        path.write_text(json.dumps({"sources": entries}))
        return load_catalog(path)

    return make


@pytest.fixture
def opened(catalog):
    """A function that opens an entry through its catalog, with every reader."""
    return lambda entry: open_entry(catalog(source=entry), "source")


@pytest.fixture
def cube(catalog):
    """A function that opens the roles of an entry and builds the months ``first`` to ``last``.

    Gives the sources, the loaded cube and its counters.
    """

    def make(entry, first, last, roles=("soil_moisture",), **settings):
        loaded = catalog(source=entry)
        config = parse_config(
            {
                "preset": "peng2023",
                "period": {"start": "2000-01", "end": "2000-12"},
                "catalog": loaded.path,
                "inputs": dict.fromkeys(roles, "source"),
                "monthly": {"min_days": 1},
                "grid": "native",
                "store": "nowhere",
            }
            | settings
        )
        sources = open_sources(config, loaded)
        made = build(config, sources, month_range(first, last))
        ds, counters = dask.compute(made.dataset, {role: dict(counted) for role, counted in made.counters.items()})
        counters = add_counters([counters])
        return SimpleNamespace(sources=sources, dataset=ds, counters=counters)

    return make


@pytest.fixture(scope="module")
def arco(tmp_path_factory):
    """ARCO's layout in small: Zarr format 2, one hour to a chunk, hours preallocated behind the record (NaN)."""
    time = pd.date_range("2000-01-01", "2000-03-31T23", freq="h")
    dims = ("time", "latitude", "longitude")
    rain = field(len(time), 0, 1e-3).astype("float32")
    rain[time >= "2000-03-06"] = np.nan
    water, height = field(len(time), 0.1, 0.4, 1).astype("float32"), field(1, 0, 9806.65, 2)[0].astype("float32")
    ds = xr.Dataset(
        {
            "total_precipitation": (dims, rain, {"units": "m", "long_name": "Total precipitation"}),
            "volumetric_soil_water_layer_1": (dims, water, {"units": "m**3 m**-3"}),
            "geopotential_at_surface": (dims[1:], height, {"units": "m**2 s**-2"}),
        },
        coords={"time": time, "latitude": LAT.astype("float32"), "longitude": LON.astype("float32")},
        attrs={
            "valid_time_start": "2000-01-01",
            "valid_time_stop": "2000-01-31",
            "valid_time_stop_era5t": "2000-03-05",
        },
    )
    chunks = {str(name): {"chunks": (1, 3, 4) if da.ndim == 3 else (3, 4)} for name, da in ds.data_vars.items()}
    path = tmp_path_factory.mktemp("arco") / "era5.zarr-v3"
    ds.to_zarr(path, zarr_format=2, encoding=chunks, consolidated=True)
    assert (path / ".zmetadata").exists()
    return ds.assign_attrs(path=path)


@pytest.fixture
def hourly(arco, entry):
    def make(path=arco.attrs["path"], **metadata):
        variables = {
            "precipitation": TP | {"name": "total_precipitation"},
            "soil_moisture": WATER | {"name": "volumetric_soil_water_layer_1", "period": "hour", "stamp": "end"},
            "elevation": {
                "name": "geopotential_at_surface", "units": "m", "attr_units": "m2 s-2", "scale": 1 / 9.80665,
                "period": "static", "valid_range": [-500, 9000],
            },
        }  # fmt: skip
        return entry(str(path), variables, driver="zarr", args={"chunks": {"time": 24}}, **metadata)

    return make
