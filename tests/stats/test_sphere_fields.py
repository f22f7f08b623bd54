"""Random fields have the correlation that is asked for, and its length is found again from signs."""

import numpy as np
import pytest
import scipy.stats

from smcloud.stats.engine.sphere_kernels import held_shares
from smcloud.stats.sphere_fields import (
    BIN_KM,
    LENGTHS,
    _by_distance,
    _distance,
    _unlike_share,
    efolding_length,
    exponential_fields,
)

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


def test_pairs_by_distance_are_those_of_a_loop_over_the_cells_bit_for_bit() -> None:
    rng = np.random.default_rng(6)
    there = rng.random((90, 180)) < 0.03
    there[[0, 44, 89]] |= rng.random((3, 180)) < 0.3
    i, j = np.nonzero(there)
    drier, wetter = rng.random((2, i.size)) * (rng.random((2, i.size)) < 0.7)
    lat, lon = np.radians(-90 + 2 / 2 + 2 * i), np.radians(2 * j)
    bins = int(np.pi * RADIUS / BIN_KM) + 1
    expected = np.zeros((3, bins))
    for k in range(i.size - 1):
        rest = slice(k + 1, None)
        apart = _distance(lat[rest], lat[k], lon[rest] - lon[k])
        weight = (drier[k] + wetter[k]) * (drier[rest] + wetter[rest])
        unlike = drier[k] * wetter[rest] + wetter[k] * drier[rest]
        place = (apart / BIN_KM).astype(int)
        expected += [np.bincount(place, values, bins) for values in (weight, weight * apart, unlike)]
    expected[1] /= np.where(expected[0] > 0, expected[0], 1.0)
    np.testing.assert_array_equal(_by_distance(i, j, drier, wetter), expected)
    north, south = np.array([[80, 10]]), np.array([[3, 175]])
    own = _by_distance(*np.concatenate([south, north]).T, np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    at = int(distance((3, 175), (80, 10)) / BIN_KM)
    assert own[1][at] == pytest.approx(distance((3, 175), (80, 10))) and own[0][at] == own[2][at] == 2.0


def test_held_shares_are_those_of_sorted_fields_bit_for_bit() -> None:
    rng = np.random.default_rng(8)
    fields = rng.normal(size=(30, 400))
    fields[10:20] = np.round(fields[10:20], 1)  # equal values stay in the order of the cells
    fields[20:25] = rng.normal(size=(5, 400)) ** 15  # most of them close together
    fields[25] = 1.0
    parts = rng.random((3, 400)) * (rng.random((3, 400)) < 0.8)
    dry, wet = parts[:2]
    whole = parts.sum(axis=0) + 0.01
    for drying in (0.0, 0.3 * whole.sum(), whole.sum()):
        out = np.empty(len(fields))
        held_shares(fields, whole, dry, wet, drying, whole.sum(), out)
        order = np.argsort(fields, axis=-1, kind="stable")
        before = whole[order].cumsum(axis=-1) - whole[order]
        dries = np.clip((drying - before) / whole[order], 0.0, 1.0)
        held = dries * dry[order] + (1 - dries) * wet[order]
        np.testing.assert_array_equal(out, held.cumsum(axis=-1)[:, -1] / whole.sum())
