from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

YEARS = np.arange(2000, 2022)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture
def annual() -> Callable[..., xr.DataArray]:
    """Rows of values (cells, 22) or one row (22,) as a labelled array of the years 2000-2021."""

    def make(values: object, name: str | None = None) -> xr.DataArray:
        array = np.asarray(values)
        dims = ("cell", "time")[-array.ndim :]
        return xr.DataArray(array, dims=dims, coords={"time": YEARS[: array.shape[-1]]}, name=name)

    return make


@pytest.fixture(scope="session")
def ar1() -> Callable[..., np.ndarray]:
    """Stationary AR(1) series of unit variance, (count, length)."""

    def make(rng: np.random.Generator, count: int, length: int, phi: float) -> np.ndarray:
        series = rng.normal(size=(count, length))
        series[:, 1:] *= np.sqrt(1 - phi**2)
        for step in range(1, length):
            series[:, step] += phi * series[:, step - 1]
        return series

    return make


@pytest.fixture
def difficult(rng: np.random.Generator) -> np.ndarray:
    """Rows of 22 annual values: random, trended, with gaps, tied, rounded, on a high level, small, short."""
    t = np.arange(22)
    rows = rng.normal(size=(60, 22))
    rows[10:20] += 0.3 * t
    rows[20:30][rng.random((10, 22)) < 0.4] = np.nan
    rows[30:40] = np.round(rows[30:40])
    rows[34:40][rng.random((6, 22)) < 0.3] = np.nan
    rows[40:45] = 285 + 0.05 * t + 0.5 * rows[40:45]
    rows[45:50] *= 1e-6
    for short, row in enumerate(range(50, 60)):
        rows[row, rng.permutation(22)[: 16 - short]] = np.nan
    return rows
