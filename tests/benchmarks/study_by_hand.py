"""The study as a hydrologist writes it with xarray, dask, scipy, pymannkendall and pingouin, without smcloud.

``python -m tests.benchmarks.study_by_hand WORLD OUT WAY`` runs it and prints seconds of its steps as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pingouin
import pymannkendall
import xarray as xr
from scipy.stats import linregress, t

TARGET = "soil_moisture"
DRIVERS = ("precipitation", "soil_temperature", "lai")
CELLS = 24  # to a side of a dask chunk of cells
MIN_MONTHS, MIN_YEARS, ALPHA, LIMITS = 6, 15, 0.05, (0.5, 0.65)
# What runs the chunks, and how partial correlations are made.
WAYS = {"processes": "partial_corr", "threads": "partial_corr", "processes-pcorr": "pcorr"}
Series = np.ndarray[Any, np.dtype[np.float64]]


def annual_values(world: xr.Dataset) -> xr.Dataset:
    """Annual means of soil moisture from at least 6 months; sums and means of drivers from all 12."""
    years = world[[TARGET, *DRIVERS]].astype("float64").groupby("time.year")
    moisture = years.mean()[TARGET].where(years.count()[TARGET] >= MIN_MONTHS)
    means = years.mean(skipna=False)[["soil_temperature", "lai"]]
    return means.assign({TARGET: moisture, "precipitation": years.sum(min_count=12)["precipitation"]})


def trend_of_cell(series: Series, years: Series) -> tuple[float, ...]:
    """Least squares (slope, standard error, p), Theil-Sen slope, Mann-Kendall (S, Z, p)."""
    valid = np.isfinite(series)
    if valid.sum() < MIN_YEARS:
        return (np.nan,) * 7
    line = linregress(years[valid], series[valid])
    test = pymannkendall.original_test(series)
    return line.slope, line.stderr, line.pvalue, test.slope, test.s, test.z, test.p


def partial_corr(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """Partial r and p of soil moisture with each driver, one call for each."""
    found = []
    for name in DRIVERS:
        others = [other for other in DRIVERS if other != name]
        row = pingouin.partial_corr(frame, x=name, y=TARGET, covar=others).iloc[0]
        found.append((row["r"], row["p_val"] if "p_val" in row else row["p-val"]))
    return found


def pcorr(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """The same from the matrix of all partial correlations, with the t test written out."""
    r = pingouin.pcorr(frame).loc[TARGET, list(DRIVERS)].to_numpy()
    df = len(frame) - 2 - (len(DRIVERS) - 1)
    p = 2 * t.sf(np.abs(r) * np.sqrt(df / (1 - r**2)), df)
    return list(zip(r, p, strict=True))


def drivers_of_cell(*series: Series, correlate: Callable[[pd.DataFrame], list[tuple[float, float]]]) -> Series:
    """Partial r and p (driver, 2) of the years that have all four series."""
    frame = pd.DataFrame(dict(zip((TARGET, *DRIVERS), series, strict=True))).dropna()
    if len(frame) < MIN_YEARS:
        return np.full((len(DRIVERS), 2), np.nan)
    return np.array(correlate(frame))


def trend_maps(annual: xr.Dataset) -> xr.Dataset:
    """Trends of soil moisture, cell by cell."""
    names = ("ols_slope", "ols_stderr", "ols_p_value", "sen_slope", "mk_s", "mk_z", "mk_p_value")
    maps = xr.apply_ufunc(
        trend_of_cell, annual[TARGET], annual["year"].astype("float64"), input_core_dims=[["year"], ["year"]],
        output_core_dims=[[]] * len(names), vectorize=True, dask="parallelized", output_dtypes=[float] * len(names),
    )  # fmt: skip
    return xr.Dataset(dict(zip(names, maps, strict=True)))


def driver_maps(annual: xr.Dataset, way: str) -> xr.Dataset:
    """Partial correlations with p (driver, lat, lon), cell by cell."""
    both = xr.apply_ufunc(
        drivers_of_cell, *(annual[name] for name in (TARGET, *DRIVERS)), input_core_dims=[["year"]] * 4,
        output_core_dims=[["driver", "what"]], vectorize=True, dask="parallelized", output_dtypes=[float],
        kwargs={"correlate": globals()[WAYS[way]]},
        dask_gufunc_kwargs={"output_sizes": {"driver": len(DRIVERS), "what": 2}},
    ).assign_coords(driver=list(DRIVERS))  # fmt: skip
    return xr.Dataset({"partial_correlation": both.isel(what=0), "p_value": both.isel(what=1)})


def ddww_shares(trend: xr.Dataset, aridity: xr.DataArray) -> xr.Dataset:
    """Class of each cell, and the share of each in the area that changed."""
    area = np.cos(np.deg2rad(aridity["lat"])) * xr.ones_like(aridity)
    zones = {"D": aridity < LIMITS[0], "T": (aridity >= LIMITS[0]) & (aridity < LIMITS[1]), "W": aridity >= LIMITS[1]}
    changed, slope = trend["ols_p_value"] < ALPHA, trend["ols_slope"]
    directions = {"D": changed & (slope < 0), "W": changed & (slope > 0)}
    classes = {zone + way: zones[zone] & directions[way] for zone in zones for way in directions}
    in_class = xr.concat(list(classes.values()), dim="class").assign_coords({"class": list(classes)})
    shares = area.where(in_class).sum(["lat", "lon"])
    return xr.Dataset({"in_class": in_class, "share_of_change": shares / shares.sum("class")})


def study(world: xr.Dataset, out: Path, way: str) -> dict[str, float]:
    """All steps, each written to Zarr and read again by the next; seconds of each."""
    marks = [time.perf_counter()]

    def written(ds: xr.Dataset, name: str) -> xr.Dataset:
        ds.to_zarr(out / f"{name}.zarr", mode="w")
        marks.append(time.perf_counter())
        return xr.open_zarr(out / f"{name}.zarr")

    annual = written(annual_values(world).chunk(year=-1, lat=CELLS, lon=CELLS), "annual")
    trend = written(trend_maps(annual), "trend")
    written(driver_maps(annual, way), "drivers")
    written(ddww_shares(trend, world["aridity_index"]), "ddww")
    return dict(zip(("annual", "trend", "drivers", "ddww"), np.diff(marks).tolist(), strict=True))


def main(world_path: str, out: str, way: str) -> None:
    """Run the study; the cluster's start is not counted."""
    from distributed import Client

    warnings.simplefilter("ignore")
    processes = way.startswith("processes")
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) if processes else nullcontext() as client:

        def cpu() -> float:
            return time.process_time() + (sum(client.run(time.process_time).values()) if client else 0.0)

        world = xr.open_zarr(world_path, consolidated=False)
        study(world.isel(lat=slice(9), lon=slice(9)), Path(out), way)  # imports what is imported on the way
        before = cpu()
        seconds = study(world, Path(out), way)
        print(json.dumps({"seconds": seconds, "core_seconds": cpu() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
