"""Points and smooth fields on the sphere."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]

EARTH_RADIUS_KM = 6371.0072
WAVES = 400


def axes(resolution: float) -> tuple[Array, Array]:
    """Cell centres: latitude descending, longitude from -180 eastward."""
    half = resolution / 2
    return (
        np.linspace(90 - half, -90 + half, round(180 / resolution)),
        np.linspace(-180 + half, 180 - half, round(360 / resolution)),
    )


def pattern(lat: Array, lon: Array, number: int, length: float = 0.5) -> Array:
    """A smooth fixed field on the sphere, about N(0, 1): 40 waves of wavelength near ``length`` radii."""
    rng = np.random.default_rng([number, 40])
    waves = rng.standard_normal((40, 3)) / length
    phase = rng.uniform(0, 2 * np.pi, 40)
    return np.asarray(np.cos(sphere(lat, lon) @ waves.T + phase).sum(axis=-1) / np.sqrt(20))


def sphere(lat: Array, lon: Array) -> Array:
    """Points on the unit sphere, last axis x, y, z."""
    phi, lam = np.deg2rad(lat), np.deg2rad(lon)
    return np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)


def percentile(values: Array, weight: Array) -> Array:
    """The share of weight below each value (its own counted half): 0 to 1."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(values.size)
    rank[order] = np.cumsum(weight[order]) - weight[order] / 2
    return rank / weight.sum() if values.size else rank


@lru_cache(maxsize=8)
def _waves(efolding_km: float) -> Array:
    """Wave vectors of the exponential kernel on the sphere's chord: its spectrum is a Cauchy law."""
    rng = np.random.default_rng(WAVES)
    direction, scale = rng.standard_normal((WAVES, 3)), np.abs(rng.standard_normal(WAVES))
    return np.asarray(direction / scale[:, None] * (EARTH_RADIUS_KM / efolding_km))


def basis(lat: Array, lon: Array, efolding_km: float) -> Array:
    """Rows of unit length, one per point: times N(0, 1) they give a field with variance 1 and that kernel."""
    angle = sphere(lat, lon) @ _waves(efolding_km).T
    return np.asarray(np.concatenate([np.cos(angle), np.sin(angle)], axis=-1) / np.sqrt(WAVES))
