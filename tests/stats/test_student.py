"""Two-sided p values of Student's t against scipy, far into the tail and close to 0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from smcloud.stats.engine.student import two_sided
from tests.examples import examples

DF = np.array([0.5, 1, 1.3, 2, 3, 5, 10.7, 17, 20, 100, 257, 262.5, 1000, 7998, 1e5])
T = np.concatenate([[0], np.logspace(-12, 6, 400)])


@pytest.mark.parametrize("df", DF)
def test_p_is_that_of_scipy(df: float) -> None:
    p, near = two_sided(T, np.full(T.shape, df)), T < 1e-4
    np.testing.assert_allclose(p[~near], 2 * special.stdtr(df, -T[~near]), rtol=1e-10, atol=1e-300)
    # Close to 0 scipy's p is off by up to 5e-9: x = df/(df + t^2) rounds to 1. There the density is level.
    np.testing.assert_allclose(p[near], 1 - 2 * T[near] * stats.t.pdf(0, df), rtol=1e-10)
    assert (np.diff(p) <= 1e-15).all() and p[0] == 1


@settings(max_examples=examples(300), deadline=None)
@given(t=st.floats(-50, 50), df=st.floats(1, 1e4))
def test_any_t_and_df(t: float, df: float) -> None:
    one = two_sided(np.array([t, -t]), np.array([df, df]))
    assert one[0] == one[1]
    slack = 5e-9 if abs(t) < 1e-4 else 1e-300
    np.testing.assert_allclose(one[0], 2 * special.stdtr(df, -abs(t)), rtol=1e-10, atol=slack)


def test_what_has_no_p_and_what_has_no_doubt() -> None:
    t, df = np.array([np.nan, 1.0, np.inf, -np.inf, 1e200, 0.0]), np.array([5.0, np.nan, 5.0, 5.0, 5.0, 5.0])
    np.testing.assert_array_equal(two_sided(t, df), [np.nan, np.nan, 0, 0, 0, 1])


def test_neighbours_do_not_matter_nor_does_shape() -> None:
    rng = np.random.default_rng(1)
    t, df = rng.normal(size=(7, 3)) * 3, rng.choice([5.0, 17.0, 19.5], (7, 3))
    whole = two_sided(t, df)
    alone = [[two_sided(t[i, j : j + 1], df[i, j : j + 1])[0] for j in range(3)] for i in range(7)]
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_array_equal(two_sided(t.T, df.T), whole.T)
