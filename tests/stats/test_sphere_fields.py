"""Random fields have the correlation that is asked for, and its length is found again from signs."""

import numpy as np
import pytest
import scipy.stats

from smcloud.stats.sphere_fields import LENGTHS, _unlike_share, efolding_length, exponential_fields

RADIUS = 6371.0072


def vectors(cells: list[tuple[int, int]]) -> np.ndarray:
    """Unit vectors of cells (row, column) of the lattice."""
    lat, lon = np.radians(-89.0 + 2 * np.array(cells)[:, 0]), np.radians(1.0 + 2 * np.array(cells)[:, 1])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def distance(p: tuple[int, int], q: tuple[int, int]) -> float:
    """Great-circle distance in km."""
    a, b = vectors([p, q])
    return RADIUS * np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)


@pytest.mark.parametrize("length", [300.0, 1500.0])
def test_the_correlation_of_the_fields_is_exponential(length: float) -> None:
    rows = np.array([0, 40, 41, 45, 80])
    fields = np.concatenate(list(exponential_fields(rows, length, 2000, seed=1)))
    assert fields.shape == (2000, 5, 180)
    assert abs(fields.mean()) < 0.01
    for i, j in np.ndindex(5, 5):
        for shift in (0, 1, 3, 20, 90):
            got = (fields[:, i] * np.roll(fields[:, j], -shift, axis=-1)).mean()
            expected = np.exp(-distance((rows[i], 0), (rows[j], shift)) / length)
            assert got == pytest.approx(expected, abs=0.08 if i == j == 0 else 0.035), (i, j, shift)


def test_fields_depend_on_their_seed_alone() -> None:
    once, twice, other = (
        np.concatenate(list(exponential_fields(np.array([3, 30]), 800.0, 60, seed))) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(once, twice)
    assert (once != other).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.3, 0.9])
def test_the_share_of_unlike_pairs_is_that_of_the_bivariate_normal(share: float, rho: float) -> None:
    cut = scipy.stats.norm.ppf(share)
    below = scipy.stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([cut, cut])
    assert float(_unlike_share(share, np.array(rho))) == pytest.approx(2 * (share - below), abs=1e-6)


def test_equal_values_are_never_unlike() -> None:
    assert float(_unlike_share(0.3, np.array(1.0))) == 0.0


@pytest.mark.parametrize("length", [500.0, 1000.0, 2000.0])
def test_the_length_is_found_again_from_signs(length: float) -> None:
    """By Cholesky of the plain covariance of some hundred cells in two patches of land."""
    cells = [(i, j) for i in range(50, 74, 2) for j in range(90, 140, 2)]
    cells += [(i, j) for i in range(20, 45, 2) for j in range(60, 80, 2)]
    xyz = vectors(cells)
    apart = RADIUS * np.arccos(np.clip(xyz @ xyz.T, -1, 1))
    factor = np.linalg.cholesky(np.exp(-apart / length) + 1e-10 * np.eye(len(cells)))
    rng = np.random.default_rng(int(length))
    area = np.array([np.cos(np.radians(-89 + 2 * i)) for i, _ in cells])
    found = []
    for _ in range(40):
        values = factor @ rng.standard_normal(len(cells))
        drier = np.zeros((90, 180))
        wetter = np.zeros((90, 180))
        dry = values < np.quantile(values, 0.6)
        for cell, a, sign in zip(cells, area, dry, strict=True):
            (drier if sign else wetter)[cell] = a
        found.append(efolding_length(drier, wetter))
    assert np.exp(np.mean(np.log(found))) == pytest.approx(length, rel=0.18)


def test_no_length_without_both_signs() -> None:
    area = np.zeros((90, 180))
    area[40:50, 40:50] = 1.0
    assert np.isnan(efolding_length(area, 0 * area)) and np.isnan(efolding_length(0 * area, 0 * area))


def test_signs_that_alternate_have_the_shortest_length_and_halves_a_long_one() -> None:
    area = np.zeros((90, 180))
    area[30:60, 40:80] = 1.0
    board = (np.add.outer(np.arange(90), np.arange(180)) % 2).astype(float)
    assert efolding_length(area * board, area * (1 - board)) == LENGTHS[0]
    east = np.arange(180) >= 60
    assert efolding_length(area * east, area * ~east) > 1500
