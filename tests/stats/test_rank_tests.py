"""The rank tests that share one Sen slope: against other packages, plain transcriptions, and each test on its own."""

from collections.abc import Callable

import numpy as np
import pymannkendall
import pytest
import xarray as xr
from scipy import stats

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats import mann_kendall, theil_sen
from smcloud.stats.rank_tests import TESTS, rank_tests
from tests.stats.test_mk_variants import hamed_rao, p_of, score, series, whitened

METHODS = {"mann_kendall": "original"} | {name: name for name in TESTS[1:]}


@pytest.fixture
def rows(difficult: np.ndarray) -> np.ndarray:
    """Rows with trends, gaps, ties, levels and scales, and short, constant and empty ones."""
    more = np.full((8, 22), np.nan)
    more[0] = 0.3
    more[2, [3, 9, 20]] = 0.1, 0.3, 0.2
    more[3, [3, 9]] = 0.1, 0.3
    more[4, 8:13] = 0.5, 0.1, 0.4, 0.4, 0.9
    more[5, ::2] = np.arange(11)  # no step has a neighbour
    more[6] = 2.5e-3 * np.arange(22)  # a straight line
    more[7] = np.where(np.arange(22) % 5, 0.25, np.inf)  # constant but for what is not finite
    return np.concatenate([difficult, more])


def test_all_are_those_of_each_test_alone_bit_for_bit(rows: np.ndarray) -> None:
    da = series(rows, 2000 + np.arange(22))
    for least in (3, 10):
        found = rank_tests(da, "time", 0.1, least)
        assert list(found["test"].values) == list(TESTS)
        assert found["slope"].values.tobytes() == theil_sen(da, alpha=0.1, min_valid=least)["slope"].values.tobytes()
        for name, method in METHODS.items():
            alone = mann_kendall(da, method=method, alpha=0.1, min_valid=least)
            assert found["p_value"].sel(test=name).values.tobytes() == alone["p_value"].values.tobytes(), name
        original = mann_kendall(da, min_valid=least)
        for name in ("n", "status"):
            np.testing.assert_array_equal(found[name], original[name])
    assert len(set(found["status"].values.tolist())) == 4  # fine, empty, short and constant ones


def test_slope_and_mann_kendall_are_those_of_other_packages(rows: np.ndarray) -> None:
    t = 2000.0 + np.arange(22)
    found = rank_tests(series(rows, t), "time", 0.05, 3)
    seen = 0
    for row, slope, p in zip(
        rows, found["slope"].values, found["p_value"].sel(test="mann_kendall").values, strict=True
    ):
        valid = np.isfinite(row)
        if valid.sum() < 3 or np.ptp(row[valid]) == 0:
            assert (np.isnan(p) and np.isnan(slope)) if valid.sum() < 3 else (p == 1 and slope == 0)
            continue
        seen += 1
        np.testing.assert_allclose(slope, stats.theilslopes(row[valid], t[valid]).slope, rtol=1e-12, atol=1e-18)
        # ranks alone count, so that gaps do not matter; the peer's p is 0 below 1e-15
        np.testing.assert_allclose(p, pymannkendall.original_test(row[valid]).p, rtol=1e-9, atol=1e-15)
    assert seen > 55


def test_corrected_and_whitened_tests_are_their_formulas(rows: np.ndarray) -> None:
    t = 2000.0 + np.arange(22)
    found = rank_tests(series(rows, t), "time", 0.05, 3)["p_value"]
    seen = dict.fromkeys(TESTS[1:], 0)
    for cell, row in enumerate(rows):
        values = row[np.isfinite(row)]
        if len(values) < 3 or np.ptp(values) == 0:
            continue
        own = {name: float(found.sel(test=name)[cell]) for name in TESTS[1:]}
        if np.isfinite(row[1:] * row[:-1]).sum() < 5:
            if len(values) == 3:  # no lag has a weight
                assert own.pop("hamed_rao") == pytest.approx(p_of(*score(values.tolist())))
            assert all(np.isnan(p) for p in own.values()), cell
            continue
        if cell == 66:  # of a straight line rounding is left, which no two ways of computing have alike
            continue
        expected = {"hamed_rao": p_of(*hamed_rao(row, t))}
        for name, values in zip(("prewhitening", "trend_free"), whitened(row, t)[:2], strict=True):
            s, var = score(values)
            expected[name] = p_of(s, var) if var > 0 else 1.0
        expected["3pw"] = max(expected["prewhitening"], expected.pop("trend_free"))
        for name, p in own.items():
            if not np.isnan(expected[name]):
                seen[name] += 1
            np.testing.assert_allclose(p, expected[name], rtol=1e-7, atol=1e-15, err_msg=f"{name} of {cell}")
    assert min(seen.values()) > 40, seen


def test_prewhitening_without_gaps_is_that_of_pymannkendall(ar1: Callable, rng: np.random.Generator) -> None:
    rows = np.concatenate([ar1(rng, 20, 22, phi) for phi in (0.0, 0.6)]) + 0.05 * np.arange(22)
    found = rank_tests(series(rows), "time", 0.05, 3)["p_value"]
    peers = {
        "prewhitening": [pymannkendall.pre_whitening_modification_test(row).p for row in rows],
        "tfpw": [pymannkendall.trend_free_pre_whitening_modification_test(row).p for row in rows],
    }
    np.testing.assert_allclose(found.sel(test="prewhitening"), peers["prewhitening"], rtol=1e-9)
    larger = np.maximum(peers["prewhitening"], peers["tfpw"])
    np.testing.assert_allclose(found.sel(test="3pw"), larger, rtol=1e-9)
    assert 0 < (larger > peers["prewhitening"]).sum() < 40  # each of the two is the larger one somewhere


def test_blocks_change_no_bit(rows: np.ndarray) -> None:
    da = series(rows.astype("float32"), 2000 + np.arange(22))
    whole = rank_tests(da, "time", 0.05, 15)
    for chunks in ({"cell": 1}, {"cell": 7}):
        lazy = rank_tests(da.chunk(chunks), "time", 0.05, 15)
        assert all(variable.chunks for variable in lazy.data_vars.values())
        xr.testing.assert_identical(lazy.compute(), whole)


def test_impossible_arguments_and_axes_raise(rows: np.ndarray) -> None:
    da = series(rows, 2000 + np.arange(22))
    for alpha, least in ((0.0, 3), (1.5, 3), (0.05, 2)):
        with pytest.raises(ConfigurationError):
            rank_tests(da, "time", alpha, least)
    with pytest.raises(CalendarError):
        rank_tests(da.drop_sel(time=2005), "time", 0.05, 3)
