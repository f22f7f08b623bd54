"""The Mann-Kendall variants against plain transcriptions, pymannkendall, the reference pairs and the null."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pymannkendall
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smcloud.errors import CalendarError, ConfigurationError
from smcloud.stats import mann_kendall
from smcloud.stats.significance import _variant
from tests.examples import examples

VARIANTS = ("hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw")
REVERSIBLE = ("original", "hamed_rao", "yue_wang")
VALUES = ("s", "var_s", "tau", "z", "p_value")


def series(rows: np.ndarray, t: np.ndarray | None = None) -> xr.DataArray:
    array = np.asarray(rows)
    return xr.DataArray(
        array, dims=("cell", "time")[-array.ndim :], coords={"time": np.arange(array.shape[-1]) if t is None else t}
    )


# --- the definitions, written out ---


def score(values: list[float]) -> tuple[int, float]:
    n = len(values)
    s = sum((values[j] > values[i]) - (values[j] < values[i]) for i in range(n) for j in range(i + 1, n))
    ties = [values.count(v) for v in set(values)]
    return s, (n * (n - 1) * (2 * n + 5) - sum(k * (k - 1) * (2 * k + 5) for k in ties)) / 18


def p_of(s: int, var: float) -> float:
    return 2 * stats.norm.sf(abs((s - np.sign(s)) / math.sqrt(var)))


def sen(values: list[float], times: list[float]) -> float:
    pairs = [(i, j) for j in range(len(values)) for i in range(j)]
    return float(np.median([(values[j] - values[i]) / (times[j] - times[i]) for i, j in pairs]))


def autocorrelation(x: dict[int, float], k: int) -> float:
    mean = sum(x.values()) / len(x)
    products = [(v - mean) * (x[i + k] - mean) for i, v in x.items() if i + k in x]
    if len(products) < 5:
        return math.nan
    square = sum((v - mean) ** 2 for v in x.values()) / (len(x) - k)
    return min(0.99, max(-0.99, sum(products) / len(products) / square))


def parts(row: np.ndarray, t: np.ndarray) -> tuple[dict[int, float], float, dict[int, float]]:
    x = {i: float(v) for i, v in enumerate(row) if np.isfinite(v)}
    slope = sen(list(x.values()), [float(t[i]) for i in x])
    return x, slope, {i: v - slope * float(t[i] - t[0]) for i, v in x.items()}


def hamed_rao(row: np.ndarray, t: np.ndarray, lags: int = 3, alpha: float = 0.05) -> tuple[int, float]:
    x, slope, rest = parts(row, t)
    n, tolerance = len(x), 1e-12 * (max(map(abs, x.values())) + abs(slope) * max(abs(float(t[i])) for i in x))
    ranks = {}
    for i, v in rest.items():
        close = sum(abs(w - v) <= tolerance for w in rest.values())
        ranks[i] = sum(w < v - tolerance for w in rest.values()) + (close + 1) / 2
    total = 0.0
    for k in range(1, min(lags, n - 1) + 1):
        rho = autocorrelation(ranks, k)
        if math.isnan(rho) and lags < 47:  # 47 are all lags: those that are known
            return score(list(x.values()))[0], math.nan
        if abs(rho) > stats.norm.isf(alpha / 2) / math.sqrt(n):
            total += max(0, n - k) * max(0, n - k - 1) * max(0, n - k - 2) * rho
    s, var = score(list(x.values()))
    factor = 1 + 2 * total / (n * (n - 1) * (n - 2))
    return s, var * factor if factor > 0 else var


def yue_wang(row: np.ndarray, t: np.ndarray, lags: int = 1) -> tuple[int, float]:
    x, _, rest = parts(row, t)
    n = len(x)
    r = [autocorrelation(rest, k) for k in range(1, min(lags, n - 1) + 1)]
    if lags < 47 and np.isnan(r).any():
        return score(list(x.values()))[0], math.nan
    factor = 1 + 2 * sum((1 - k / n) * r_k for k, r_k in enumerate(r, 1) if not math.isnan(r_k))
    s, var = score(list(x.values()))
    return s, var * factor if factor > 0 else var


def whitened(row: np.ndarray, t: np.ndarray) -> tuple[list[float], list[float], float]:
    x, slope, rest = parts(row, t)
    r_x, r_rest = autocorrelation(x, 1), autocorrelation(rest, 1)
    steps = [i for i in x if i - 1 in x]
    pw = [x[i] - r_x * x[i - 1] for i in steps]
    trend_free = [(rest[i] - r_rest * rest[i - 1]) + slope * float(t[i] - t[0]) for i in steps]
    errors = [rest[i] - r_rest * rest[i - 1] for i in steps]
    b = slope / math.sqrt((1 + r_rest) / (1 - r_rest)) if r_rest > 0 else slope
    ratio = np.var(list(x.values()), ddof=1) / np.var(errors, ddof=1)
    vctfpw = [e * ratio + b * float(t[i] - t[0]) for e, i in zip(errors, steps, strict=True)]
    return pw, trend_free, sen(vctfpw, [float(t[i]) for i in steps])


@pytest.fixture
def cases(rng: np.random.Generator, ar1: Callable) -> np.ndarray:
    """Autocorrelated rows of 48 steps with trends, gaps, levels and scales; none with ties."""
    rows = np.concatenate([ar1(rng, 12, 48, phi) for phi in (-0.6, 0.0, 0.5, 0.8)])
    rows[::2] += 0.05 * np.arange(48)
    rows[1::3][rng.random((16, 48)) < 0.3] = np.nan
    rows[40:44] = 0.3 + 1e-3 * rows[40:44]
    rows[44:46, 5:40] = np.nan
    rows[46:] *= 1e6
    return rows


@pytest.mark.parametrize("length", [48, 30])
def test_every_variant_is_its_formula(cases: np.ndarray, length: int) -> None:
    cases, t = cases[:, :length], 2000 + np.arange(length) / 12
    da = series(cases, t)
    found = {method: mann_kendall(da, method=method) for method in VARIANTS}
    assert all(int((out.status == 0).sum()) > 35 for out in found.values())
    few = 0
    for cell, row in enumerate(cases):
        if np.isfinite(row[1:] * row[:-1]).sum() < 5:
            few += 1
            assert all(out.status[cell] == 2 and np.isnan(out.p_value[cell]) for out in found.values())
            continue
        pw, trend_free, slope = whitened(row, t)
        scores = {
            "hamed_rao": hamed_rao(row, t),
            "yue_wang": yue_wang(row, t),
            "prewhitening": score(pw),
            "tfpw": score(trend_free),
        }
        scores["3pw"] = max(scores["prewhitening"], scores["tfpw"], key=lambda pair: p_of(*pair))
        for method, (s, var) in scores.items():
            one = found[method].isel(cell=cell)
            assert one.s == s, (method, cell)
            np.testing.assert_allclose(one.var_s, var, rtol=1e-11 if method in REVERSIBLE else 0)
            np.testing.assert_allclose(one.p_value, p_of(s, var), rtol=0, atol=1e-10)
            assert one.n == np.isfinite(row).sum()
        np.testing.assert_allclose(found["3pw"].slope[cell], slope, rtol=1e-9)
        pairs = len(pw) * (len(pw) - 1) / 2
        np.testing.assert_allclose(found["prewhitening"].tau[cell], scores["prewhitening"][0] / pairs, rtol=1e-12)
    assert few == (2 if length == 30 else 0)


@pytest.mark.parametrize("lags", [1, 2, 5, "all"])
@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_lags_and_level(cases: np.ndarray, lags: int | str, alpha: float) -> None:
    t, number = np.arange(48), 47 if lags == "all" else lags
    da = series(cases[:12])
    rao, yue = (mann_kendall(da, method=method, lags=lags, alpha=alpha) for method in ("hamed_rao", "yue_wang"))
    for cell, row in enumerate(cases[:12]):
        np.testing.assert_allclose(rao.var_s[cell], hamed_rao(row, t, number, alpha)[1], rtol=1e-11)
        expected = yue_wang(row, t, number)[1]
        factor_is_near_zero = yue.status[cell] == 4 or expected < 1e-6 * rao.var_s[cell]
        if not factor_is_near_zero:
            np.testing.assert_allclose(yue.var_s[cell], expected, rtol=1e-9)


# Lengths with an even number of pairs: with an odd one the Sen line runs through two samples, and rounding decides on
# pymannkendall's order of two equal residuals.
@pytest.mark.parametrize("length", [24, 37, 120])
def test_variants_are_pymannkendall_on_gapless_series(length: int, rng: np.random.Generator, ar1: Callable) -> None:
    rows = ar1(rng, 12, length, 0.4) + np.linspace(0, 1, length)
    da = series(rows)
    peers: dict[tuple[str, object], Callable] = {
        ("hamed_rao", 3): lambda x: pymannkendall.hamed_rao_modification_test(x, lag=3),
        ("hamed_rao", "all"): pymannkendall.hamed_rao_modification_test,
        ("yue_wang", 1): lambda x: pymannkendall.yue_wang_modification_test(x, lag=1),
        ("yue_wang", "all"): pymannkendall.yue_wang_modification_test,
        ("prewhitening", None): pymannkendall.pre_whitening_modification_test,
        ("tfpw", None): pymannkendall.trend_free_pre_whitening_modification_test,
    }
    compared = 0
    for (method, lags), peer in peers.items():
        # The last of all lags have fewer than five pairs.
        out = mann_kendall(da, method=method, lags=lags, normalise="n" if lags == "all" else "pairs")
        for cell, row in enumerate(rows):
            with np.errstate(invalid="ignore"):
                ref = peer(row)
            if out.status[cell] == 4:
                assert not ref.var_s > 0
                continue
            assert out.s[cell] == ref.s
            np.testing.assert_allclose(out.var_s[cell], ref.var_s, rtol=1e-9)
            np.testing.assert_allclose(out.p_value[cell], ref.p, rtol=0, atol=1e-10)
            compared += 1
    assert compared > 55


def test_the_sen_slope_inside_is_exact(rng: np.random.Generator) -> None:
    """Lengths on both sides of each algorithm, heavy ties, lines, outliers; by way of the VCTFPW slope without r1."""
    for length in (8, 36, 37, 60, 264):
        t = np.arange(length, dtype=float)
        rows = np.stack(
            [
                rng.normal(size=length),
                np.round(rng.normal(size=length)),
                (rng.random(length) < 0.1).astype(float),
                0.1 * t + np.round(rng.normal(size=length), 1),
                rng.standard_cauchy(length),
                285 + 1e-6 * rng.normal(size=length),
                np.where(t < length // 2, 0.0, 1.0) + 1e-3 * rng.normal(size=length),
                0.2 + 0.001 * t,
            ]
        )
        rows[0, 3:6] = np.nan
        # At this level no lag-1 autocorrelation is significant, and the slope is that of the series itself.
        out = mann_kendall(series(rows), method="3pw", r1="significant", alpha=1e-300, normalise="n")
        for cell, row in enumerate(rows):
            valid = np.isfinite(row)
            expected = sen(row[valid].tolist(), t[valid].tolist()) if np.ptp(row[valid]) else 0.0
            np.testing.assert_allclose(out.slope[cell], expected, rtol=1e-14, atol=0)
            s, var = score(row[valid].tolist())
            assert (out.s[cell], out.var_s[cell]) == (s, var)


# --- the reference pairs ---


@pytest.fixture
def folder(test_data: Path) -> Path:
    return test_data / "reference" / "mannkendall"


def read(folder: Path, name: str) -> np.ndarray:
    return np.genfromtxt(folder / f"{name}.csv", skip_header=1, delimiter=",")


def test_reference_prewhitening(folder: Path) -> None:
    given = pd.read_csv(folder / "prewhite_test1_in.csv")
    reference = pd.read_csv(folder / "prewhite_test1_out.csv")
    stamps = pd.to_datetime(given[["y", "m", "d"]].set_axis(["year", "month", "day"], axis=1))
    t = (stamps - stamps[0]).dt.total_seconds().to_numpy()
    values = given["data"].to_numpy()
    # The residuals' r1 is not significant: TFPW is the series itself, VCTFPW only takes the variance of the series.
    da = series(values, stamps.to_numpy())
    tfpw = mann_kendall(da, method="tfpw", r1="significant")
    valid = reference["TFPW_Y"].notna().to_numpy()
    assert (tfpw.s, tfpw.var_s) == score(reference["TFPW_Y"][valid].tolist())
    columns = _variant(
        values[None], t=t, method="3pw", alpha=0.05, min_valid=3, lags=0, significant=True, by_pairs=False
    )
    vctfpw = reference["VCTFPW"].to_numpy()
    np.testing.assert_allclose(columns[5], sen(vctfpw[valid].tolist(), t[valid].tolist()), rtol=1e-12)
    # The reference takes Pearson's r of the pairs for r1; with it our formula gives its series.
    x = values - np.nanmean(values)
    both = np.isfinite(x[1:] * x[:-1])
    pearson = np.corrcoef(x[1:][both], x[:-1][both])[0, 1]
    np.testing.assert_allclose(values[1:] - pearson * values[:-1], reference["PW"][1:], rtol=1e-10)


def test_reference_without_significant_autocorrelation(folder: Path) -> None:
    for name, outcome in (("in", "out2"),):
        values = read(folder, f"nanprewhite_AR_test1_{name}")
        same = read(folder, f"nanprewhite_AR_test1_{outcome}")
        np.testing.assert_array_equal(values, same)
        out = mann_kendall(series(values), method="prewhitening", r1="significant")
        assert (out.s, out.var_s) == score(same[np.isfinite(same)].tolist())
        always = mann_kendall(series(values), method="prewhitening")
        assert always.var_s != out.var_s


def test_reference_probability_of_3pw(folder: Path, cases: np.ndarray) -> None:
    p = [float(read(folder, f"Prob_3PW_test1_in{number}")) for number in (1, 2)]
    assert max(p) == read(folder, "Prob_3PW_test1_out1")
    found = {method: mann_kendall(series(cases), method=method) for method in ("prewhitening", "tfpw", "3pw")}
    larger = np.maximum(found["prewhitening"].p_value, found["tfpw"].p_value)
    assert (found["3pw"].p_value == larger).all()
    assert 0 < int((found["tfpw"].p_value == larger).sum()) < larger.size


def test_reference_slope_of_twenty_years_of_days(folder: Path) -> None:
    table = read(folder, "MK_tempAggr_test1_in")
    stamps = pd.to_datetime(pd.DataFrame(table[:, :3].astype(int), columns=["year", "month", "day"])).to_numpy()
    out = mann_kendall(series(table[:, 6], stamps), method="3pw", r1="significant", normalise="n")
    p, _, slope, _, _ = read(folder, "MK_tempAggr_test1_out_default")
    # The reference has another estimator of r1 (Pearson's of the pairs) and takes the days of a year as simultaneous.
    np.testing.assert_allclose(out.slope, slope, rtol=0.02)
    np.testing.assert_allclose(np.log10(out.p_value), np.log10(p), rtol=0.1)


# --- the slope of VCTFPW ---


def test_vctfpw_slope_is_unbiased_and_tighter_than_the_factor_of_the_variance(
    rng: np.random.Generator, ar1: Callable
) -> None:
    rows = ar1(rng, 400, 120, 0.0) + 0.05 * np.arange(120)
    assert abs(float(mann_kendall(series(rows), method="3pw").slope.mean()) - 0.05) < 0.005


# --- properties ---


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rounded=st.booleans(), method=st.sampled_from(REVERSIBLE))
def test_time_reversal(seed: int, rounded: bool, method: str) -> None:
    rng = np.random.default_rng(seed)
    rows = np.cumsum(rng.normal(size=(20, 45)), axis=1)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows = np.round(rows) if rounded else rows
    there, back = (mann_kendall(series(r), method=method) for r in (rows, rows[:, ::-1]))
    assert (back.s == -there.s).all() and (back.status == there.status).all()
    np.testing.assert_allclose(back.p_value, there.p_value, rtol=1e-9)


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(VARIANTS))
def test_scale_and_level(seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    rows = np.cumsum(rng.normal(size=(10, 40)), axis=1)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    base = mann_kendall(series(rows), method=method)
    for other, factor in ((rows * 1e-8, 1e-8), (rows * 1e8, 1e8), (rows + 16, 1.0)):
        out = mann_kendall(series(other), method=method)
        assert (out.s == base.s).all()
        np.testing.assert_allclose(out.p_value, base.p_value, rtol=1e-7)
        if method == "3pw":
            np.testing.assert_allclose(out.slope, base.slope * factor, rtol=1e-6)


@pytest.mark.parametrize("method", VARIANTS)
def test_neighbours_chunks_order_and_dtype_change_no_bit(method: str, cases: np.ndarray) -> None:
    da = series(cases.astype("float32")).assign_coords(cell=np.arange(len(cases)))
    whole = mann_kendall(da, method=method)
    lazy = mann_kendall(da.chunk(cell=5), method=method)
    assert lazy.s.chunks
    assert lazy.compute(scheduler="threads").identical(whole)
    assert mann_kendall(da.astype("float64"), method=method).identical(whole)
    order = np.random.default_rng(1).permutation(len(cases))
    assert mann_kendall(da[order], method=method).identical(whole.isel(cell=order))
    assert mann_kendall(da[:, ::-1], method=method).identical(whole)
    assert mann_kendall(da[7], method=method).identical(whole.isel(cell=7))
    assert ("slope" in whole) == (method == "3pw") and whole.status.dtype == "uint8" and whole.n.dtype == "int32"


# --- degenerate input ---


@pytest.mark.parametrize("method", VARIANTS)
def test_degenerate_series(method: str) -> None:
    rows = np.full((7, 22), np.nan)
    rows[1, :2] = 1.0, 2.0
    rows[2] = 0.25
    rows[3, ::2] = np.arange(11.0)
    rows[4] = 0.2 + 0.001 * np.arange(22)
    rows[5] = np.where(np.arange(22) % 7 == 3, np.inf, np.sin(np.arange(22)))
    rows[6, [0, 1, 2, 5, 6, 7]] = 3.0, 1.0, 2.0, 5.0, 4.0, 6.0
    with np.errstate(all="raise"):
        out = mann_kendall(series(rows), method=method)
    assert out.n.values.tolist() == [0, 2, 22, 11, 22, 19, 6]
    assert out.status.values[:5].tolist() == [1, 2, 3, 2, 0]
    assert (out.s[3] == 55) == (method in REVERSIBLE)
    assert np.isnan(out.var_s[3]) and np.isnan(out.p_value[3])
    plain = mann_kendall(series(rows), method=method, normalise="n")
    assert plain.status.values[:5].tolist() == [1, 2, 3, 0 if method in REVERSIBLE else 2, 0]
    assert out[list(VALUES)].isel(cell=[0, 1]).to_dataarray().isnull().all()
    constant = out.isel(cell=2)
    assert (constant.s, constant.var_s, constant.z, constant.p_value) == (0, 0, 0, 1) and np.isnan(constant.tau)
    assert out.s[4] == (231 if method in REVERSIBLE else 210)
    gap = np.where(np.isfinite(rows[5]), rows[5], np.nan)
    assert mann_kendall(series(gap), method=method).identical(out.isel(cell=5))
    if method == "3pw":
        assert constant.slope == 0
        np.testing.assert_allclose(out.slope[4], 0.001, rtol=1e-9)
    short = mann_kendall(series(rows), method=method, min_valid=12)
    assert short.status.values[[3, 6]].tolist() == [2, 2]


def test_a_variance_that_is_not_positive_is_not_corrected() -> None:
    row = np.where(np.arange(30) % 2, 1.0, -1.0) + 0.01 * np.sin(np.arange(30.0))
    plain = mann_kendall(series(row))
    for method in ("hamed_rao", "yue_wang"):
        out = mann_kendall(series(row), method=method, lags=1)
        assert out.status == 4
        assert (out.var_s, out.p_value, out.s) == (plain.var_s, plain.p_value, plain.s)


def test_a_missing_step_is_an_error_but_for_the_original() -> None:
    years = np.delete(np.arange(2000, 2023), 7)
    da = series(np.sin(np.arange(22.0)), years)
    assert mann_kendall(da).status == 0
    for method in VARIANTS:
        with pytest.raises(CalendarError):
            mann_kendall(da, method=method)
        with pytest.raises(CalendarError):
            mann_kendall(da[[1, 0, 2, 3]], method=method)


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "sen"},
        {"method": "tfpw", "lags": 2},
        {"method": "hamed_rao", "lags": 0},
        {"method": "yue_wang", "lags": "some"},
        {"method": "hamed_rao", "r1": "significant"},
        {"method": "3pw", "r1": "never"},
        {"method": "3pw", "alpha": 1.5},
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        mann_kendall(series(np.arange(22.0)), **arguments)
