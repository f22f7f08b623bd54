"""Some sizes of study, planned on templates of their sources: no data, no catalog file, no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import dask.array
import numpy as np
import xarray as xr

from smcloud.catalog import Catalog
from smcloud.config import Cluster, RunConfig, parse_config
from smcloud.cube import CubeInputs, month_range, open_sources
from smcloud.cube.axes import global_grid
from smcloud.pipeline.planning.money import Bill, Prices, bill
from smcloud.pipeline.planning.plan import stages_of
from smcloud.pipeline.tiling import machine_of
from smcloud.plan import Plan

ROLES = {
    "soil_moisture": ("m3 m-3", "mean", (0, 1)),
    "precipitation": ("mm", "sum", (0, 5000)),
    "soil_temperature": ("K", "mean", (180, 350)),
    "lai": ("m2 m-2", "mean", (0, 20)),
}
STATIC = {"aridity_index": ("1", (0, 100)), "land_mask": ("1", (0, 1))}
UNITS = {"month": "M", "day": "D", "hour": "h"}
CLUSTER = Cluster(kind="gateway", workers=20, worker_cores=2, worker_memory="16 GiB")


HOURLY = Cluster(kind="gateway", workers=21, worker_cores=1, worker_memory="8 GiB")  # as in infra/config/monthly.yaml


class Size(NamedTuple):
    """Cell size in degrees, years, step of each role's record and steps to its chunks, (lat, lon) of a chunk."""

    resolution: float
    years: int
    steps: Mapping[str, tuple[str, int]]
    block: tuple[int, int]
    cluster: Cluster = CLUSTER


SIZES = {
    "0.25-monthly-22": Size(0.25, 22, dict.fromkeys(ROLES, ("month", 12)), (720, 1440)),
    "0.05-monthly-40": Size(0.05, 40, dict.fromkeys(ROLES, ("month", 12)), (900, 900)),
    "0.05-daily-40": Size(0.05, 40, dict.fromkeys(ROLES, ("day", 16)), (900, 900)),
    # What a schedule on ESA CCI and ERA5 reads.
    "0.25-hourly-26": Size(
        0.25, 26, {"soil_moisture": ("day", 1), "precipitation": ("hour", 24), "soil_temperature": ("hour", 24)},
        (720, 1440), HOURLY,
    ),
}  # fmt: skip


def plan_size(name: str, preset: str = "peng2023", cluster: Cluster | None = None) -> Plan:
    """Plan one of :data:`SIZES`: its roles over the whole globe on one grid, an aridity index, a land mask."""
    size = SIZES[name]
    config, catalog, datasets = sources_of(size, preset, cluster or size.cluster)
    months = month_range(config.period.start, config.period.end)
    opened = CubeInputs(datasets, open_sources(config, catalog, datasets), months)
    return Plan(name, stages_of(config, opened), machine_of(config.cluster))


def bill_size(name: str, plan: Plan, prices: Prices, own: bool = False) -> Bill:
    """Put prices to the plan of one of :data:`SIZES`, as if its store lay in a bucket of gs://."""
    return bill(plan, SIZES[name].cluster, "gs://template", prices, own)


def sources_of(size: Size, preset: str, cluster: Cluster) -> tuple[RunConfig, Catalog, dict[str, xr.Dataset]]:
    """Make configuration, catalog and lazy zeros of one size: an entry for each step, and ``static``."""
    first, last = 2024 - size.years, 2023
    lat, lon = global_grid(size.resolution)
    cells = {"lat": lat, "lon": lon}
    sources: dict[str, Any] = {}
    opened: dict[str, xr.Dataset] = {}
    for step, chunk in sorted(set(size.steps.values())):
        roles = {role: ROLES[role] for role, its in size.steps.items() if its == (step, chunk)}
        times = np.arange(f"{first}-01", f"{last + 1}-01", dtype=f"datetime64[{UNITS[step]}]").astype("datetime64[ns]")
        ds = xr.Dataset(coords={"time": times} | cells)
        for role, (units, _, _) in roles.items():
            ds[role] = _zeros(role, {"time": len(times)} | _sizes(cells), (chunk, *size.block), units)
        variables = {
            role: {"name": role, "units": units, "period": step, "aggregate": aggregate, "valid_range": list(valid)}
            for role, (units, aggregate, valid) in roles.items()
        }
        opened[step], sources[step] = ds, _entry(variables)
    ds = xr.Dataset(coords=cells)
    for role, (units, _) in STATIC.items():
        ds[role] = _zeros(role, _sizes(cells), size.block, units)
    opened["static"], sources["static"] = ds, _entry({
        role: {"name": role, "units": units, "period": "static", "aggregate": "mean", "valid_range": list(valid)}
        for role, (units, valid) in STATIC.items()
    })  # fmt: skip
    inputs = {role: step for role, (step, _) in size.steps.items()} | dict.fromkeys(STATIC, "static")
    config = {
        "preset": preset, "period": {"start": f"{first}-01", "end": f"{last}-12"}, "catalog": "template.yaml",
        "inputs": inputs, "store": "memory://template", "cluster": cluster.model_dump(mode="json"),
    }  # fmt: skip
    catalog = Catalog.model_validate({"path": "template.yaml", "sources": sources})
    return parse_config(config, "template"), catalog, opened


def _entry(variables: dict[str, Any]) -> dict[str, Any]:
    metadata = {"licence": "none", "citation": "none", "variables": variables}
    return {"driver": "zarr", "description": "a template", "args": {"urlpath": "template.zarr"}, "metadata": metadata}


def _sizes(cells: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {dim: len(values) for dim, values in cells.items()}


def _zeros(role: str, sizes: Mapping[str, int], chunks: tuple[int, ...], units: str) -> xr.DataArray:
    zeros = dask.array.zeros(tuple(sizes.values()), chunks=chunks, dtype="f4", name=f"source/{role}")
    return xr.DataArray(zeros, dims=list(sizes), attrs={"units": units})
