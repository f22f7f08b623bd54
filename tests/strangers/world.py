"""A small world around one source: its catalog, its cube, and what the gate says of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask
import dask.array
import numpy as np
import pandas as pd
import xarray as xr

from smcloud.catalog import load_catalog, open_entry
from smcloud.config import parse_config
from smcloud.cube import add_counters, build, open_sources, validate_counters
from smcloud.cube.build import target_grid
from smcloud.cube.sources import resolve_months
from smcloud.io_errors import VALUES, reaching
from tests.strangers.forms import Place, Raw, Values

LAT, LON = np.array([-45.0, -15.0, 15.0, 45.0]), np.array([-135.0, -45.0, 45.0])
SHAPE = (LAT.size, LON.size)
AXES = ("time", "lat", "lon")
GRID = {"lat": Raw(("lat",), LAT), "lon": Raw(("lon",), LON)}
EPOCH = "days since 2000-01-01"


def stamps(times: pd.DatetimeIndex) -> Raw:
    """A time axis as files hold it: days since 2000, as CF says."""
    days = (times - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1)
    return Raw(("time",), np.asarray(days, np.float64), {"units": EPOCH, "calendar": "standard"})


def dates(times: pd.DatetimeIndex) -> Raw:
    """A time axis for forms that date their files by name."""
    return Raw(("time",), times.values)


def axes(form: str, times: pd.DatetimeIndex) -> dict[str, Raw]:
    """The axes of a source in ``form``."""
    return {"time": dates(times) if form == "hdf4" else stamps(times)} | GRID


def random_field(n: int, low: float, high: float, seed: int = 0, dtype: str = "f4") -> Values:
    """Values (n, lat, lon) between two limits, none on them."""
    return np.random.default_rng(seed).uniform(low, high, (n, *SHAPE)).astype(dtype)


def cube_of(
    folder: Path,
    place: Place,
    spec: Mapping[str, Any],
    *,
    role: str = "precipitation",
    start: str = "2000-01",
    end: str = "2000-12",
    settings: Mapping[str, Any] | None = None,
    others: Mapping[str, Mapping[str, Any]] | None = None,
    **metadata: Any,
) -> xr.Dataset:
    """Build the cube of ``role`` from the source at ``place`` and hold it against the gate, as a run does.

    ``spec`` holds the keys of the variable in the catalog, ``metadata`` those of the entry, ``settings`` those of
    the configuration. Beside it stands a soil moisture on the same grid, unless that is the role. Raises what a run
    raises; the Dataset is loaded.
    """
    entry = {
        "driver": place["driver"],
        "description": "of a stranger",
        "args": place["args"],
        "metadata": {"reader": place["reader"], "licence": "x", "citation": "x"}
        | metadata
        | {"variables": {role: dict(spec), **(others or {})}},
    }
    sources = {"source": entry}
    inputs = dict.fromkeys([role, *(others or {})], "source")
    if role != "soil_moisture":
        sources["soil"] = PLAIN
        inputs["soil_moisture"] = "soil"
    (folder / "catalog.yaml").write_text(json.dumps({"sources": sources}))
    catalog = load_catalog(folder / "catalog.yaml")
    config = parse_config(
        {
            "preset": "peng2023", "period": {"start": start, "end": end}, "catalog": catalog.path, "inputs": inputs,
            "grid": "native", "store": "nowhere", "monthly": {"min_days": 1},
        } | dict(settings or {})
    )  # fmt: skip
    datasets = {"source": open_entry(catalog, "source")}
    if role != "soil_moisture":
        datasets["soil"] = _plain(start, end)
    opened = open_sources(config, catalog, datasets)
    # Soil moisture says what the grid and the months are; its own months, if not asked for, would cost their time.
    grid = target_grid(config, opened["soil_moisture"])
    asked = {name: opened[name] for name in (role, *(others or {}))}
    made = build(config, asked, resolve_months(config, opened), grid=grid)
    ds, tried = made.dataset, {name: dict(counters) for name, counters in made.counters.items()}
    with dask.config.set(scheduler="synchronous"), reaching(VALUES, "source"):
        ds, counted = dask.compute(ds, tried)
    for name, counters in add_counters([counted]).items():
        source = opened[name]
        limits = source.spec.valid_range, source.spec.units, source.where, source.spec.coverage_change
        validate_counters(name, counters, *limits, packing=source.packing)
    return ds  # type: ignore[no-any-return]


# Beside the stranger's source stands one that is plain, made once a process for each period.
@functools.cache
def _plain(start: str, end: str) -> xr.Dataset:
    months = pd.date_range(start, end, freq="MS")
    values = dask.array.from_array(random_field(len(months), 0.1, 0.4, seed=99))
    return xr.Dataset({"sm": (AXES, values, {"units": "m3 m-3"})}, {"time": months, "lat": LAT, "lon": LON})


PLAIN = {
    "driver": "zarr",
    "description": "soil moisture",
    "args": {"urlpath": "plain.zarr"},
    "metadata": {
        "licence": "x",
        "citation": "x",
        "variables": {
            "soil_moisture": {"name": "sm", "units": "m3 m-3", "period": "month", "valid_range": [0, 1]},
        },
    },
}
