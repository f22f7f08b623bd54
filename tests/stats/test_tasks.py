"""How many dask tasks a statistic costs beside the reading of its inputs and the writing of its results."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from dask._task_spec import Task

from smcloud.stats import (
    fdr,
    leading_driver,
    linear_trend,
    mann_kendall,
    partial_correlation,
    seasonal_mann_kendall,
    standardised_regression,
    theil_sen,
    trend_contribution,
)

MOST = 2
DRIVERS = ["a", "b", "c"]


@pytest.fixture
def stored(tmp_path: Path, rng: np.random.Generator) -> xr.Dataset:
    """A target and three drivers in a store, 4 x 2 blocks of cells with all of time each."""
    values = {name: (("time", "lat", "lon"), rng.normal(size=(22, 8, 6))) for name in ["y", *DRIVERS]}
    world = xr.Dataset(values, {"time": np.arange(2000, 2022)})
    path = tmp_path / "in.zarr"
    world.to_zarr(path, encoding={name: {"chunks": (22, 2, 3)} for name in values}, consolidated=False)
    return xr.open_zarr(path, consolidated=False)


def block_tasks(result: xr.Dataset, path: Path) -> int:
    """Tasks at block positions that run when ``result`` is written; an alias runs nothing."""
    (written,) = dask.optimize(result.to_zarr(path, compute=False, consolidated=False))
    graph = dict(written.__dask_graph__())
    return sum(isinstance(key, tuple) and isinstance(task, Task) for key, task in graph.items())


OF_ONE: dict[str, Callable[..., xr.Dataset]] = {
    "linear_trend": linear_trend,
    "linear_trend, effective": partial(linear_trend, interval="effective"),
    "theil_sen": theil_sen,
    "mann_kendall": mann_kendall,
    "seasonal_mann_kendall": partial(seasonal_mann_kendall, season=2, dependent=True),
} | {
    method: partial(mann_kendall, method=method) for method in ("hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw")
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_ONE)
def test_statistics_of_one_series(name: str, stored: xr.Dataset, tmp_path: Path) -> None:
    out = OF_ONE[name](stored["y"])
    beside = block_tasks(out, tmp_path / "out.zarr") / 8 - 1 - len(out.data_vars)
    assert 0 < beside <= MOST


@pytest.mark.parametrize(
    "function",
    [partial_correlation, partial(partial_correlation, dof="effective", method="spearman", lags={"a": 1}),
     trend_contribution, leading_driver, standardised_regression],
    ids=["partial_correlation", "partial_correlation with options", "trend_contribution", "leading_driver",
         "standardised_regression"],
)  # fmt: skip
def test_statistics_of_a_target_and_its_drivers(
    function: Callable[..., xr.Dataset], stored: xr.Dataset, tmp_path: Path
) -> None:
    out = function(stored["y"], stored[DRIVERS])
    beside = block_tasks(out, tmp_path / "out.zarr") / 8 - (1 + len(DRIVERS)) - len(out.data_vars)
    assert 0 < beside <= MOST


def test_fdr_of_a_field_in_blocks(stored: xr.Dataset, tmp_path: Path) -> None:
    """Eight reads and two writes; the field of p values becomes one block, and that is one block position."""
    out = fdr(abs(stored["y"].isel(time=0, drop=True)))
    assert 8 < block_tasks(out, tmp_path / "out.zarr") <= 8 + 2 + MOST
