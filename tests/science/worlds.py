"""Made-up annual series whose truth is known: memory from year to year, gaps, neighbours that go together."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from smcloud.config import RunConfig, parse_config
from smcloud.stats import cell_area
from smcloud.stats.sphere_fields import exponential_fields

PHIS = (0.0, 0.2, 0.4, 0.6)
# Rows of the lattice of 2 degrees from 49 S to 49 N, and the columns of two fields that lie half the globe apart.
ROWS, WINDOWS = np.arange(20, 70), (slice(0, 50), slice(90, 140))
LATTICE = {"lat": -89.0 + 2 * ROWS, "lon": 1.0 + 2 * np.arange(50)}
# 20 x 120 cells of 3 degrees round the equator: 64 of them lie within 1500 km of one, 33 at the edge.
BELT = {"lat": np.arange(-28.5, 30, 3), "lon": np.arange(-178.5, 180, 3)}


def make_config(preset: str = "rigorous", years: int = 22, **more: Any) -> RunConfig:
    roles = ("soil_moisture", "precipitation", "soil_temperature", "aridity_index")
    base = {
        "preset": preset,
        "period": {"start": "2000-01", "end": f"{1999 + years}-12"},
        "catalog": "c.yaml",
        "inputs": dict.fromkeys(roles, "entry"),
        "store": "somewhere",
    }
    return parse_config(base | more)


def field(values: np.ndarray, axes: dict[str, np.ndarray], dim: str = "time") -> xr.DataArray:
    """Values (year, lat, lon) with their coordinates."""
    return xr.DataArray(values, {dim: np.arange(2000.0, 2000 + len(values)), **axes}, (dim, "lat", "lon"))


def series(values: np.ndarray) -> xr.DataArray:
    """Values (year, cell) with their years."""
    return xr.DataArray(values, {"time": np.arange(2000.0, 2000 + len(values))}, ("time", "cell"))


def area_of(axes: dict[str, np.ndarray]) -> xr.DataArray:
    return cell_area(*(xr.DataArray(axes[name], {name: axes[name]}, name, name=name) for name in ("lat", "lon")))


def remember(noise: np.ndarray, phi: Any) -> np.ndarray:
    """AR(1) of unit variance along the first axis of white noise, from its first year on."""
    out = np.array(noise, float)
    for i in range(1, len(out)):
        out[i] = phi * out[i - 1] + np.sqrt(1 - np.square(phi)) * noise[i]
    return out


def with_gaps(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """The same with a share of the values missing, at random."""
    return np.where(rng.random(values.shape) < share, np.nan, values)


def lattice_noise(length_km: float, years: int, draws: int, seed: int) -> np.ndarray:
    """White noise (draw, year, window, 50, 50) whose neighbours go together, exp(-d/``length_km``)."""
    found = np.concatenate(list(exponential_fields(ROWS, length_km, draws * years, seed)))
    windows = [found[..., columns] for columns in WINDOWS]
    return np.stack(windows, axis=1).reshape(draws, years, len(WINDOWS), len(ROWS), -1)


def slope_errors(phi: Any, years: int) -> Any:
    """The true standard error of the least-squares slope of AR(1) noise of unit variance, for each ``phi``."""
    t = np.arange(years) - (years - 1) / 2
    apart = np.abs(np.subtract.outer(np.arange(years), np.arange(years)))
    levels = np.linspace(0, 0.95, 191)
    spread = [np.sqrt(t @ level**apart @ t) / (t @ t) for level in levels]
    return np.interp(phi, levels, spread)
