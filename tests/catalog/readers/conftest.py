"""Catalogs of one entry or several, opened with every reader, and the cube that is built of them."""

import json
from types import SimpleNamespace

import dask
import pytest

from smcloud.catalog import load_catalog, open_entry
from smcloud.config import parse_config
from smcloud.cube import add_counters, build, open_sources
from smcloud.cube.calendar import month_range


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
