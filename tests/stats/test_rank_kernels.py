"""Every algorithm behind Mann-Kendall and Theil-Sen gives the bits of the comparison of all pairs."""

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.stats.engine import rank_kernels as kernels
from tests.examples import examples

Z = 1.959963984540054
ALL_PAIRS, BANDS = 10**9, 8


def slopes(rows: np.ndarray, t: np.ndarray, way: object, interpolated: bool = False) -> tuple[np.ndarray, np.ndarray]:
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    if way == "lanes":
        for cells, tile in kernels.lane_tiles(rows, kernels.LANES):
            kernels.slopes_of_lanes(tile, t, 3, Z, interpolated, out[cells], status[cells])
    else:
        kernels.slopes_of_rows(rows, t, 3, Z, interpolated, way, out, status)
    return out, status


def scores(rows: np.ndarray, t: np.ndarray, lanes: bool) -> tuple[np.ndarray, np.ndarray]:
    out, status = np.empty((len(rows), 5)), np.empty(len(rows), np.uint8)
    if lanes:
        for cells, tile in kernels.lane_tiles(rows, kernels.LANES):
            kernels.score_of_lanes(tile, 3, out[cells], status[cells])
    else:
        kernels.score_of_rows(rows, t, 3, out, status)
    return out, status


def same(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


KINDS = ("noise", "trend", "rounded", "zeros", "outliers", "walk", "line", "two values", "high level", "season")


def make(kind: str, cells: int, n: int, gaps: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = 2000 + (np.arange(n) + 0.5) / 12
    rows = rng.normal(size=(cells, n))
    rows = {
        "noise": rows,
        "trend": rows + 3 * (t - 2000),
        "rounded": np.round(rows, 1),
        "zeros": np.maximum(rows, 0.3) - 0.3,
        "outliers": rng.standard_cauchy((cells, n)) ** 3,
        "walk": rows.cumsum(axis=1),
        "line": 0.2 + 0.001 * (t - 2000) + 0 * rows,
        "two values": (rows > 1).astype(float),
        "high level": 285.15 + 1e-3 * rows,
        "season": 5 * np.sin(2 * np.pi * t) + 0.1 * rows,
    }[kind]
    rows[rng.random(rows.shape) < gaps] = rng.choice([np.nan, np.inf])
    return rows, t


@settings(max_examples=examples(60), deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    n=st.integers(2, 90),
    gaps=st.sampled_from([0.0, 0.1, 0.5]),
    interpolated=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_ways_give_the_same_bits(kind: str, n: int, gaps: float, interpolated: bool, seed: int) -> None:
    rows, t = make(kind, 5, n, gaps, seed)
    same(scores(rows, t, True), scores(rows, t, False))
    expected = slopes(rows, t, ALL_PAIRS, interpolated)
    same(slopes(rows, t, BANDS, interpolated), expected)
    same(slopes(rows, t, "lanes", interpolated), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_long_series(kind: str) -> None:
    rows, t = make(kind, 3, 700, 0.1, 7)
    same(scores(rows, t, True), scores(rows, t, False))
    same(slopes(rows, t, BANDS), slopes(rows, t, ALL_PAIRS))


def test_the_score_is_the_sum_of_signs() -> None:
    rows, t = make("rounded", 4, 40, 0.2, 3)
    for lanes in (True, False):
        out, _ = scores(rows, t, lanes)
        for row, found in zip(rows, out, strict=True):
            x = row[np.isfinite(row)]
            assert found[0] == sum(np.sign(x[j] - x[i]) for i in range(len(x)) for j in range(i + 1, len(x)))
            _, sizes = np.unique(x, return_counts=True)
            ties = float((sizes * (sizes - 1) * (2 * sizes + 5)).sum())
            assert found[1] == (len(x) * (len(x) - 1) * (2 * len(x) + 5) - ties) / 18


@pytest.mark.slow
def test_sorting_counts_the_inversions() -> None:
    counted = nb.njit(lambda values, order, spare, other: kernels.sort_counting(values, order, spare, other))
    rng = np.random.default_rng(1)
    for n in (1, 2, 7, 8, 9, 100, 1000):
        values = np.round(rng.normal(size=n), 1)
        sorted_, order = values.copy(), np.arange(n)
        count = counted(sorted_, order, np.empty(n), np.empty(n, np.int64))
        assert count == sum(int((values[i + 1 :] < values[i]).sum()) for i in range(n))
        np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
        np.testing.assert_array_equal(sorted_, np.sort(values))


def test_the_slopes_of_a_long_series_need_no_memory_for_all_pairs() -> None:
    """The room for slopes grows with n to the power of 1.5, and the result is the exact median."""
    rng = np.random.default_rng(2)
    n = 3000
    row, t = rng.normal(size=(1, n)), np.arange(n, dtype=float)
    out, _ = slopes(row, t, BANDS)
    i, j = np.triu_indices(n, 1)
    every = (row[0, j] - row[0, i]) / (t[j] - t[i])
    every.partition(every.size // 2)
    half = every.size // 2
    assert every.size % 2 == 0
    assert out[0, 0] == (every[half] + every[:half].max()) / 2
