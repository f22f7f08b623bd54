"""Three sizes of study, planned on templates of their sources: no data, no catalog file, no store."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array
import numpy as np
import xarray as xr

from smcloud.catalog import Catalog
from smcloud.config import Cluster, RunConfig, parse_config
from smcloud.cube import month_range, open_sources
from smcloud.cube.axes import global_grid
from smcloud.pipeline.planning import planned
from smcloud.plan import Plan

ROLES = {
    "soil_moisture": ("m3 m-3", "mean", (0, 1)),
    "precipitation": ("mm", "sum", (0, 5000)),
    "soil_temperature": ("K", "mean", (180, 350)),
    "lai": ("m2 m-2", "mean", (0, 20)),
}
STATIC = {"aridity_index": ("1", (0, 100)), "land_mask": ("1", (0, 1))}
CLUSTER = Cluster(kind="gateway", workers=20, worker_cores=2, worker_memory="16 GiB")


class Size(NamedTuple):
    """Cell size in degrees, step and length of the sources' record, and their chunks (time, lat, lon)."""

    resolution: float
    period: str
    years: int
    chunks: tuple[int, int, int]


SIZES = {
    "0.25-monthly-22": Size(0.25, "month", 22, (12, 720, 1440)),
    "0.05-monthly-40": Size(0.05, "month", 40, (12, 900, 900)),
    "0.05-daily-40": Size(0.05, "day", 40, (16, 900, 900)),
}


def plan_size(name: str, preset: str = "peng2023", cluster: Cluster = CLUSTER) -> Plan:
    """The plan of one of :data:`SIZES`: four roles of the whole globe on one grid, an aridity index and a land mask."""
    size = SIZES[name]
    config, catalog, source = sources_of(size, preset, cluster)
    opened = {"template": source}
    months = month_range(config.period.start, config.period.end)
    return planned(config, open_sources(config, catalog, opened), opened, months, what=name)


def sources_of(size: Size, preset: str, cluster: Cluster) -> tuple[RunConfig, Catalog, xr.Dataset]:
    """Configuration, catalog and lazy zeros of one size."""
    first, last = 2024 - size.years, 2023
    unit = "M" if size.period == "month" else "D"
    days = np.arange(f"{first}-01", f"{last + 1}-01", dtype=f"datetime64[{unit}]")
    lat, lon = global_grid(size.resolution)
    shape = (len(days), len(lat), len(lon))
    variables: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for role, (units, aggregate, valid) in ROLES.items():
        zeros = dask.array.zeros(shape, chunks=size.chunks, dtype="f4", name=f"source/{role}")
        variables[role] = (("time", "lat", "lon"), zeros, {"units": units})
        metadata[role] = {"name": role, "units": units, "period": size.period, "aggregate": aggregate,
                          "valid_range": list(valid)}  # fmt: skip
    for role, (units, valid) in STATIC.items():
        zeros = dask.array.zeros(shape[1:], chunks=size.chunks[1:], dtype="f4", name=f"source/{role}")
        variables[role] = (("lat", "lon"), zeros, {"units": units})
        metadata[role] = {"name": role, "units": units, "period": "static", "aggregate": "mean",
                          "valid_range": list(valid)}  # fmt: skip
    source = xr.Dataset(variables, {"time": days.astype("datetime64[ns]"), "lat": lat, "lon": lon})
    entry = {
        "driver": "zarr", "description": "a template", "args": {"urlpath": "template.zarr"},
        "metadata": {"licence": "none", "citation": "none", "variables": metadata},
    }  # fmt: skip
    config = {
        "preset": preset, "period": {"start": f"{first}-01", "end": f"{last}-12"}, "catalog": "template.yaml",
        "inputs": dict.fromkeys(metadata, "template"), "store": "memory://template",
        "cluster": cluster.model_dump(mode="json"),
    }  # fmt: skip
    catalog = Catalog.model_validate({"path": "template.yaml", "sources": {"template": entry}})
    return parse_config(config, "template"), catalog, source
