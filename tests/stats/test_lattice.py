"""Areas on the lattice, tiles and their draws, against plain loops."""

import numpy as np
import pytest

from smcloud.stats.lattice import areas_by_class, draw_tiles, limits_of, tiles_of


@pytest.mark.parametrize("turned", [False, True], ids=["-180..180", "0..360"])
def test_areas_against_a_plain_loop(turned: bool) -> None:
    rng = np.random.default_rng(3)
    lat = np.array([90.0, 89.0, 45.3, 44.1, 0.0, -0.1, -33.0, -89.9, -90.0])
    lon = np.array([-180.0, -179.1, -178.0, -20.5, -0.2, 0.0, 1.9, 2.0, 19.9, 179.9])
    code, area = rng.integers(0, 4, (9, 10)), rng.uniform(1, 2, (9, 10))
    got = areas_by_class(code, area, lat, lon % 360 if turned else lon, (1, 2, 3))
    expected = np.zeros((90, 180, 3))
    for i, j in np.ndindex(9, 10):
        if code[i, j]:
            row, column = min(89, int((lat[i] + 90) // 2)), int((lon[j] + 180) // 2)
            expected[row, column, code[i, j] - 1] += area[i, j]
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    tiles = np.zeros((9, 18, 3))
    for i, j in np.ndindex(90, 180):
        tiles[i // 10, j // 10] += expected[i, j]
    np.testing.assert_allclose(tiles_of(got), tiles.reshape(162, 3), rtol=1e-14)


def test_as_many_tiles_are_drawn_as_hold_land_and_no_empty_one() -> None:
    tiles = np.zeros((162, 2))
    tiles[[3, 50, 120], 0] = [1.0, 10.0, 100.0]
    got = draw_tiles(tiles, 500, seed=4)[:, 0]
    digits = np.array([[int(x) for x in f"{int(value):03d}"] for value in got])
    assert (digits.sum(axis=1) == 3).all()
    assert len(np.unique(got)) == 10  # all ways to draw three of three
    np.testing.assert_allclose(digits.mean(axis=0), 1, atol=0.15)
    np.testing.assert_array_equal(got, draw_tiles(tiles, 500, seed=4)[:, 0])
    assert (got != draw_tiles(tiles, 500, seed=5)[:, 0]).any()


def test_limits_that_bound_nothing_are_none() -> None:
    values = np.arange(101.0)
    assert limits_of(values, 0.1) == (5.0, 95.0)
    assert limits_of(np.concatenate([values, [np.nan] * 50]), 0.1) == (5.0, 95.0)
    lower, upper = limits_of(np.concatenate([values, [np.inf] * 50]), 0.1)
    assert lower == 7.5 and np.isnan(upper)
    assert np.isnan(limits_of(np.full(3, np.nan), 0.1)).all()
