"""The search for slopes of given ranks finds the slopes that scipy finds among all, to the bit."""

import numba as nb
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, theilslopes

from smcloud.stats import mann_kendall, theil_sen
from smcloud.stats.engine import rank_kernels, sen_search, sorting
from smcloud.stats.significance import _variant
from tests.examples import examples


def from_python(helper):
    """A compiled helper, which only compiled code may call, inside a function that Python may call."""
    return nb.njit(lambda *arguments: helper(*arguments))


mid_ranks, select = from_python(sorting.mid_ranks), from_python(sorting.select)
room_for, search = from_python(sen_search.room_for), from_python(sen_search._search)

Z = 1.959963984540054
# Around the switches: all pairs and search, side by side and search, insertion and merging, bracket and count first.
LENGTHS = (7, 8, 9, 15, 16, 17, 29, 30, 31, 33, 64, 65, 199, 200, 264, 700, 1200, 1500)
KINDS = ("noise", "rounded", "rounded trend", "step", "outliers", "heavy tails", "level", "line", "walk", "small",
         "two lines")  # fmt: skip


def make(kind: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    t = [np.arange(n, dtype=float), 2000 + (np.arange(n) + 0.5) / 12, np.sort(rng.random(n)) + 1e-3 * np.arange(n)][
        seed % 3
    ]
    x = rng.normal(size=n)
    x[rng.integers(n, size=1 + n // 20)] += 1e4 if kind == "outliers" else 0.0
    return {
        "noise": x,
        "outliers": x,
        "rounded": np.round(0.25 + 0.05 * x, 2),
        "rounded trend": np.round(0.25 + 0.01 * x + 2e-2 * (t - t[0]), 2),
        "step": 0.1 * x + (np.arange(n) > n // 3),
        "heavy tails": rng.standard_cauchy(n),
        "level": 285.15 + 1e-6 * x,
        "line": 0.2 + 0.001 * (t - t[0]),
        "walk": np.cumsum(x),
        "small": 1e-12 * x,
        "two lines": np.where(np.arange(n) % 2, 0.3 * t, 5 - 0.2 * t),
    }[kind], t


def same_as_scipy(x: np.ndarray, t: np.ndarray) -> None:
    out, status = np.empty((1, 5)), np.empty(1, np.uint8)
    rank_kernels.slopes_of_rows(x[None], t, 3, Z, False, sen_search.ALL_PAIRS_BELOW, out, status)
    expected = theilslopes(x, t)
    median, lower, upper = out[0, :3]
    assert median == expected.slope
    if np.isfinite(lower):  # scipy clips ranks that do not exist
        assert lower == expected.low_slope
    if np.isfinite(upper):
        assert upper == expected.high_slope
    if x.size >= 5:
        assert np.isfinite(lower) and np.isfinite(upper)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_lengths_around_the_switches(kind: str) -> None:
    for seed, n in enumerate(LENGTHS):
        same_as_scipy(*make(kind, n, seed))


@settings(max_examples=examples(150), deadline=None)
@given(kind=st.sampled_from(KINDS), n=st.integers(3, 400), seed=st.integers(0, 2**32 - 1))
def test_any_series(kind: str, n: int, seed: int) -> None:
    same_as_scipy(*make(kind, n, seed))


@pytest.mark.slow
def test_the_search_finds_any_rank_from_a_bad_guess() -> None:
    """The search itself ends at the slope, also from a bad guess; all pairs are for ties beyond the room."""
    found = []
    for kind in ("noise", "rounded", "rounded trend", "step", "walk", "heavy tails"):
        for seed in range(3):
            x, t = make(kind, 1200, seed)
            n, pairs = x.size, x.size * (x.size - 1) // 2
            work, orders, room = np.empty((4, n)), np.empty((2, n), np.int64), np.empty(room_for(n))
            work[0], work[1] = x - x[0], t - t[0]
            shortest = np.diff(t).min()
            scale = (float(np.abs(work[0]).max() / shortest), float(work[1, -1] / shortest))
            i, j = np.triu_indices(n, 1)
            slopes = np.sort((x[j] - x[i]) / (t[j] - t[i]))
            falling, level = int((slopes < 0).sum()), int((slopes == 0).sum())
            for rank in (pairs // 10, pairs // 2 - 1, pairs - 1 - pairs // 20):
                if slopes[rank] != 0 and (slopes == slopes[rank]).sum() < room.size / 2:
                    sure, lower, upper, _ = search(
                        x, t, rank, rank, falling, level, 0.0, pairs / 2, 10.0 * n, float(n * n), False, scale, work,
                        orders, room,
                    )  # fmt: skip
                    found.append(sure)
                    assert not sure or lower == upper == slopes[rank]
    assert len(found) > 45 and found.count(False) <= 1  # giving up costs the time of all pairs, and no digit


def test_the_variants_have_the_same_median() -> None:
    """Where nothing is removed, the slope of 3PW is the Sen slope."""
    for seed, n in enumerate((9, 40, 300)):
        x, t = make("rounded", n, 3 * seed)
        columns = _variant(
            x[None], t=t, method="3pw", alpha=1e-300, min_valid=3, lags=0, significant=True, by_pairs=False
        )
        assert columns[5] == theilslopes(x, t).slope


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.integers(-5, 5) | st.floats(-3, 3), min_size=2, max_size=120), st.data())
def test_selection(values: list[float], data: st.DataObject) -> None:
    rank = data.draw(st.integers(0, len(values) - 2))
    ordered = np.sort(np.array(values, dtype=float))
    assert select(np.array(values, dtype=float), rank, rank + 1) == (ordered[rank], ordered[rank + 1])
    assert select(np.array(values, dtype=float), rank, rank) == (ordered[rank], ordered[rank])


@pytest.mark.slow
def test_mid_ranks() -> None:
    rng = np.random.default_rng(4)
    for n in (1, 5, 17, 300):
        values, out = np.round(rng.normal(size=n), 1), np.empty(n)
        work, orders = np.empty((2, n)), np.empty((2, n), np.int64)
        mid_ranks(values, 0.0, work, orders, out)
        np.testing.assert_array_equal(out, rankdata(values))
        shaken = values + rng.uniform(-1e-13, 1e-13, n)
        mid_ranks(shaken, 1e-12, work, orders, out)
        np.testing.assert_array_equal(out, rankdata(values))


@pytest.mark.parametrize("method", ["original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw"])
def test_values_whose_differences_overflow_come_to_an_end(method: str) -> None:
    rows = [[3.0, -np.inf, -2.2e176, 5.8e16, -np.inf, 3.4e38, 5.3e192, 1.7e308, -3.1, np.nan],
            [np.nan, 5e-324, -0.16, 1.7e308, 2.7e23, 5e-324, -0.05, 0.0, np.inf, np.nan],
            [1.7e308, -1.7e308] * 5, [0.0, 1.7e308] * 5]  # fmt: skip
    for length in (10, 40):  # all pairs, and the search
        table = np.array([(row * 4)[:length] for row in rows])
        da = xr.DataArray(table, dims=("cell", "time"), coords={"time": np.arange(2000.0, 2000 + length)})
        with np.errstate(all="ignore"):
            assert mann_kendall(da, method=method).s.shape == theil_sen(da).slope.shape == (4,)
    assert np.isnan(select(np.full(9, np.nan), 4, 4)).all()
