"""Closed forms against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from smcloud.sample import SampleWorld
from smcloud.sample.coefficients import YEARS, Coefficients
from smcloud.sample.fields import EARTH_RADIUS_KM, sphere
from smcloud.sample.physics import physics
from smcloud.stats import linear_trend

REPLICATES = 200


@pytest.fixture(scope="module")
def replicates() -> list[SampleWorld]:
    return [SampleWorld(700000 + k) for k in range(REPLICATES)]


@pytest.fixture(scope="module")
def anomalies(replicates: list[SampleWorld]) -> np.ndarray:
    """(world, cell, year) of the valid period."""
    return np.stack([w.anomaly[:, 1 : 1 + len(YEARS)] for w in replicates])


def test_corner_weights_are_overlaps_on_the_sphere() -> None:
    p = physics(5.0, Coefficients())
    index, weight = p.corners
    lat, lon = p.node_points
    cell = 100
    fine = (np.arange(2000) + 0.5) / 2000 * 5 - 2.5
    rows = np.abs(lat[index[cell]][:, None] - (p.geo.lat[cell] + fine)) < 2.5
    expected = (rows * np.cos(np.deg2rad(p.geo.lat[cell] + fine))).sum(axis=1)
    np.testing.assert_allclose(weight[cell], expected / expected.sum(), rtol=1e-5)
    east = (lon[index] - p.geo.lon[:, None] + 180) % 360 - 180
    np.testing.assert_allclose(np.abs(east), 2.5)
    np.testing.assert_allclose(np.abs(lat[index] - p.geo.lat[:, None]), 2.5)


def test_mean_of_the_nodes_differs_from_the_nearest_node(world: SampleWorld) -> None:
    p = world.physics
    rain = world.node_noise[0]
    cell, nearest = p.to_cells(rain), rain[p.corners[0][:, 0]]
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(cell, nearest, strict=True)]
    assert np.median(r) < 0.5


@pytest.mark.slow
def test_noise_covariance_of_the_drivers(replicates: list[SampleWorld]) -> None:
    noise = np.concatenate([w.driver_noise for w in replicates[:60]], axis=1)  # (cell, world x year, 3)
    sample = np.einsum("cyj,cyk->cjk", noise, noise) / noise.shape[1]
    exact = replicates[0].physics.noise_covariance
    sd = np.sqrt(np.einsum("cjj->cj", exact))
    grows = sd[:, 2] > 0
    ratio = np.einsum("cjj->cj", sample)[grows] / sd[grows] ** 2
    assert np.abs(ratio - 1).max() < 0.2 and np.abs(ratio.mean(axis=0) - 1).max() < 0.01
    both = (sd[:, :, None] * sd[:, None, :])[grows]
    corr, got = exact[grows] / both, sample[grows] / both
    assert np.abs(got - corr).max() < 0.18
    np.testing.assert_allclose(np.median(corr[:, 0, 1]), -0.4, atol=0.01)
    np.testing.assert_allclose(corr[:, 0, 2], 0.4, atol=1e-9)


@pytest.mark.slow
def test_unexplained_part_is_ar1_in_time_and_exponential_in_space(replicates: list[SampleWorld]) -> None:
    u = np.stack([w.unexplained / w.physics.u_scale[:, None] for w in replicates])  # (world, cell, year)
    p = replicates[0].physics
    np.testing.assert_allclose((u**2).mean(axis=(0, 2)), 1, atol=0.12)
    lag1 = (u[..., 1:] * u[..., :-1]).mean(axis=(0, 2))
    for phi in (0.0, 0.2, 0.4):
        np.testing.assert_allclose(lag1[p.phi == phi].mean(), phi, atol=0.01)
    xyz = sphere(p.geo.lat, p.geo.lon) * EARTH_RADIUS_KM
    distance = np.sqrt(((xyz[:, None] - xyz[None]) ** 2).sum(axis=-1))
    white = p.phi == 0
    flat = u[:, white].transpose(1, 0, 2).reshape(white.sum(), -1)
    corr = flat @ flat.T / flat.shape[1]
    for km in (500, 1000, 1500, 3000):
        near = np.abs(distance[np.ix_(white, white)] - km) < 60
        np.testing.assert_allclose(corr[near].mean(), np.exp(-km / 1000), atol=0.05)


@pytest.mark.slow
def test_slope_se_over_replicate_worlds(anomalies: np.ndarray) -> None:
    p = physics(5.0, Coefficients())
    gap = p.geo.gap[:, None] & np.isin(YEARS, range(2004, 2010))
    series = xr.DataArray(np.where(gap, np.nan, anomalies), {"year": np.array(YEARS, float)}, ("world", "cell", "year"))
    slope = linear_trend(series, dim="year")["slope"].values
    alive = ~p.geo.constant
    se = p.slope_se(~gap, np.zeros(alive.size))[alive]
    ratio = slope.std(axis=0, ddof=1)[alive] / se
    assert ratio.min() > 0.8 and ratio.max() < 1.2  # the sd of 200 draws has a standard error of 5 %
    for kind in range(3):
        np.testing.assert_allclose(ratio[p.geo.phi_kind[alive] == kind].mean(), 1, atol=0.03)
    np.testing.assert_allclose(ratio[p.geo.gap[alive]].mean(), 1, atol=0.03)
    bias = (slope.mean(axis=0)[alive] - p.beta[alive]) / se * np.sqrt(REPLICATES)
    assert np.abs(bias).max() < 5 and abs(bias.mean()) < 0.6


def test_measurement_variance_enters_the_se() -> None:
    p = physics(5.0, Coefficients())
    valid = np.ones((p.geo.lat.size, 22), bool)
    more = p.slope_se(valid, np.full(p.geo.lat.size, 1e-4)) ** 2 - p.slope_se(valid, np.zeros(p.geo.lat.size)) ** 2
    np.testing.assert_allclose(more, 1e-4 / (22 * (22**2 - 1) / 12))


def test_trend_is_own_part_plus_drivers(world: SampleWorld) -> None:
    p = world.physics
    np.testing.assert_allclose(p.beta, p.a + (p.b * p.g).sum(axis=1))
    calm = (p.geo.direction == 0) & (p.geo.driver < 0)
    assert (p.beta[calm] == 0).all() and (p.b[calm] == 0).all()
    assert (world.anomaly[p.geo.constant] == 0).all()
