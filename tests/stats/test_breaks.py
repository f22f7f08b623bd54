"""Breaks against a plain transcription of their rule, and the trend with steps against statsmodels."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, GridError
from smcloud.stats import linear_trend, set_breaks, trend_with_steps
from tests.examples import examples


def found(codes, shortest=12, most=3):
    out = set_breaks(xr.DataArray(np.asarray(codes, np.int32), dims="time"), shortest=shortest, most=most).values
    return [int(v) for v in out if v >= 0]


def by_the_rule(codes, shortest, most):
    """Runs as lists of months, without the kernel's bookkeeping."""
    known = [(i, int(c)) for i, c in enumerate(codes) if c > 0]
    runs = []
    for i, c in known:
        if runs and runs[-1][0] == c:
            runs[-1][1].append(i)
        else:
            runs.append((c, [i]))
    runs = [(c, months[0]) for c, months in runs if months[-1] - months[0] + 1 >= shortest]
    breaks = [(-(a ^ b).bit_count() / (a | b).bit_count(), at) for (a, _), (b, at) in pairwise(runs) if a != b]
    return sorted(at for _, at in sorted(breaks)[:most])


def test_a_new_set_that_lasts_is_a_break_where_it_begins():
    assert found([2] * 30 + [10] * 40) == [30]
    assert found([2] * 100) == [] and found([0] * 100) == []


def test_a_set_of_less_than_a_year_is_no_break_nor_an_epoch():
    assert found([2] * 30 + [10] * 11 + [2] * 30) == []
    assert found([2] * 30 + [10] * 12 + [2] * 30) == [30, 42]
    assert found([2] * 11 + [10] * 30) == [] and found([2] * 12 + [10] * 30) == [12]
    assert found([2] * 30 + [10] * 11) == []
    assert found([2] * 30 + [4] * 3 + [10] * 30) == [33]


def test_months_without_a_set_do_not_end_a_run():
    codes = np.tile([2, 2, 2, 0, 0, 2], 10)
    codes[36:] *= 5
    assert found(codes) == [36]


def test_the_largest_changes_are_kept_and_the_earliest_of_equals():
    codes = [1] * 12 + [3] * 12 + [7] * 12 + [15] * 12 + [64] * 12 + [66] * 12
    assert found(codes) == [12, 48, 60]  # 1/2, 1, 1/2 against 1/3 and 1/4
    assert found([1] * 12 + [2] * 12 + [4] * 12 + [8] * 12 + [16] * 12) == [12, 24, 36]
    assert found(codes, most=1) == [48]


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, 6, 7, 1 << 16]), st.integers(1, 20)), max_size=14),
    st.integers(1, 14),
    st.integers(1, 4),
)
@settings(max_examples=examples(150), deadline=None)
def test_equals_the_rule_written_out(runs, shortest, most):
    codes = [code for code, length in runs for _ in range(length)] or [0]
    assert found(codes, shortest, most) == by_the_rule(codes, shortest, most)


def test_cells_and_chunks_stand_alone():
    rng = np.random.default_rng(3)
    codes = xr.DataArray(np.repeat(rng.integers(0, 4, (20, 3, 4)), 13, axis=0), dims=("time", "lat", "lon"))
    whole = set_breaks(codes)
    assert whole.dims == ("break", "lat", "lon") and (whole >= 0).any()
    xr.testing.assert_identical(set_breaks(codes.chunk(lat=1, lon=3)).compute(), whole)
    with pytest.raises(ChunkError):
        set_breaks(codes.chunk(time=100))
    with pytest.raises(ConfigurationError):
        set_breaks(codes, most=0)
    y, steps = world(5)
    lazy = trend_with_steps(y.chunk(cell=7), steps.chunk(cell=7), dim="year").compute()
    xr.testing.assert_identical(lazy, trend_with_steps(y, steps, dim="year"))
    phi = xr.DataArray(np.linspace(0, 0.9, y.sizes["cell"]), dims="cell")
    shared = trend_with_steps(y.chunk(cell=7), steps, dim="year", phi=phi.chunk(cell=3))
    assert shared["slope"].chunks
    xr.testing.assert_identical(shared.compute(), trend_with_steps(y, steps, dim="year", phi=phi))
    turned = trend_with_steps(y[::-1], steps, dim="year")
    np.testing.assert_array_equal(turned["slope"], lazy["slope"])
    with pytest.raises(GridError):
        trend_with_steps(y, steps.isel(year=slice(1, None)), dim="year")


def world(seed=0, cells=40, years=22):
    rng = np.random.default_rng(seed)
    t = np.arange(2000.0, 2000 + years)
    y = 0.25 + 0.01 * rng.normal(size=(years, cells)) + 1e-3 * (t - 2000)[:, None]
    y[rng.random(y.shape) < 0.15] = np.nan
    steps = np.full((3, years, cells), np.nan)
    for cell in range(cells):
        at = np.sort(rng.choice(np.arange(2, years - 2), cell % 4, replace=False))
        for k, first in enumerate(at):
            steps[k, :, cell] = (t - 2000 > first) + (t - 2000 == first) * rng.uniform(0.1, 0.9)
            y[:, cell] += 0.02 * steps[k, :, cell]
    return (
        xr.DataArray(y, {"year": t}, ("year", "cell")),
        xr.DataArray(steps, {"year": t}, ("break", "year", "cell")),
    )


def pooled_error(design, at, rest, phi):
    """Definition 7b with the projection of this regression, by matrices."""
    inverse = np.linalg.pinv(design)
    left = np.eye(len(at)) - design @ inverse
    errors = phi ** np.abs(np.subtract.outer(at, at))
    trace = np.trace(left @ errors)
    stderr = np.sqrt((inverse @ errors @ inverse.T)[1, 1] * (rest @ rest) / trace)
    return stderr, trace**2 / np.trace(left @ errors @ left @ errors)


def own_error(fit, at):
    """Definition 7 with the break terms counted."""
    n, pairs = len(at), np.flatnonzero(np.diff(at) == 1)
    rest = fit.resid
    r1 = np.clip((rest[pairs] * rest[pairs + 1]).mean() / ((rest @ rest) / (n - 1)), -0.99, 0.99)
    phi = max(0.0, (n * r1 + 2) / (n - 4))
    df = n * (1 - phi) / (1 + phi) - len(fit.params)
    return (fit.bse[1] * np.sqrt((n - len(fit.params)) / df), df) if df > 0 else (np.nan, np.nan)


def test_equals_statsmodels_with_a_column_for_each_step():
    y, steps = world()
    phi = xr.DataArray(np.linspace(0, 0.9, y.sizes["cell"]), dims="cell")
    got, pooled = (trend_with_steps(y, steps, dim="year", alpha=0.1, phi=p) for p in (None, phi))
    seen, judged = set(), 0
    for cell in range(y.sizes["cell"]):
        valid = np.isfinite(y[:, cell].values)
        used = [steps[k, :, cell].values[valid] for k in range(3) if np.isfinite(steps[k, 0, cell])]
        design = np.column_stack([np.ones(valid.sum()), y["year"].values[valid] - 2010, *used])
        fit = sm.OLS(y[:, cell].values[valid], design).fit()
        at = np.flatnonzero(valid)
        for out, (stderr, df) in (
            (got, own_error(fit, at)), (pooled, pooled_error(design, at, fit.resid, float(phi[cell])))
        ):  # fmt: skip
            half = scipy.stats.t.ppf(0.95, df) * stderr
            for name, value in {
                "slope": fit.params[1], "stderr_independent": fit.bse[1], "stderr": stderr,
                "p_value": 2 * scipy.stats.t.sf(abs(fit.params[1]) / stderr, df),
                "slope_lower": fit.params[1] - half, "slope_upper": fit.params[1] + half,
            }.items():  # fmt: skip
                np.testing.assert_allclose(out[name][cell], value, rtol=1e-7, err_msg=f"{name} {cell}")
            assert int(out["status"][cell]) == (0 if np.isfinite(stderr) else 2)
            judged += np.isfinite(stderr)
        assert int(got["n_steps"][cell]) == len(used) and got["n"][cell] == valid.sum()
        seen.add(len(used))
    assert seen == {0, 1, 2, 3} and judged > 70


def test_without_steps_it_is_the_plain_trend():
    y, steps = world(1)
    got, plain = trend_with_steps(y, steps * np.nan, dim="year"), linear_trend(y, dim="year", interval="effective")
    for name in ("slope", "stderr", "p_value", "slope_lower", "slope_upper"):
        np.testing.assert_allclose(got[name], plain[name], rtol=1e-9)
    np.testing.assert_allclose(got["stderr_independent"], linear_trend(y, dim="year")["stderr"], rtol=1e-9)
    assert (got["n_steps"] == 0).all()


def test_what_cannot_be_told_is_missing():
    t = np.arange(2000.0, 2008)
    rng = np.random.default_rng(2)
    y = xr.DataArray(rng.normal(size=8), {"year": t}, ("year",))

    def fit(*firsts, values=y):
        terms = np.array([(t >= first).astype(float) for first in firsts])
        return trend_with_steps(values, xr.DataArray(terms, {"year": t}, ("break", "year")), dim="year")

    assert float(fit(2003, 2003)["n_steps"]) == 1  # the same step twice
    assert float(fit(1999)["n_steps"]) == 0  # no sample before it
    assert float(fit(2003)["slope"]) == float(fit(2003, 2003)["slope"])
    few = fit(2002, 2004, 2006, values=y.where((t == 2000) | (t == 2002) | (t == 2004) | (t == 2006)))
    assert np.isnan(few["slope"]) and int(few["status"]) == 6
    none = fit(2002, 2004, values=y.where(t < 2006).where((t != 2001) & (t != 2003)))
    assert np.isfinite(none["slope"]) and np.isnan(none["stderr"]) and np.isnan(none["p_value"])
    assert int(none["status"]) == 2 and int(fit(2003, values=y.where(t < 2002))["status"]) == 2
    flat = fit(2003, values=y * 0 + 0.3)
    assert (float(flat["slope"]), float(flat["p_value"]), int(flat["status"])) == (0, 1, 3)


def test_an_exact_line_with_a_step_has_its_slope_and_no_error():
    t = np.arange(2000.0, 2022)
    step = (t >= 2007).astype(float)
    y = xr.DataArray(0.2 + 1e-3 * (t - 2000) + 0.05 * step, {"year": t}, ("year",))
    got = trend_with_steps(y, xr.DataArray(step[None], {"year": t}, ("break", "year")), dim="year")
    np.testing.assert_allclose(got["slope"], 1e-3, rtol=1e-11)
    assert float(got["stderr"]) == 0 and float(got["p_value"]) == 0


def test_size_and_the_step_that_a_plain_trend_takes_for_one():
    """5 % of white noise with a step is rejected with its term, nearly all of it without."""
    rng = np.random.default_rng(4)
    t = np.arange(2000.0, 2022)
    step = np.where(t > 2007, 1.0, np.where(t == 2007, 0.5, 0.0))
    y = xr.DataArray(rng.normal(size=(22, 4000)) + 3 * step[:, None], {"year": t}, ("year", "cell"))
    terms = xr.DataArray(step[None], {"year": t}, ("break", "year"))
    assert float((linear_trend(y, dim="year")["p_value"] < 0.05).mean()) > 0.95
    assert abs(float((trend_with_steps(y, terms, dim="year")["p_value"] < 0.05).mean()) - 0.039) < 0.012


@pytest.mark.parametrize(("phi", "own"), [(0.0, 0.039), (0.2, 0.054), (0.4, 0.064)])
def test_size_beside_a_step_under_autocorrelation(phi, own, rng, ar1):
    """By definition 7, and nearer to 5 % with a phi that is known; independent errors reject .05, .09 and .15."""
    count, t = 4000, np.arange(2000.0, 2022)
    y = xr.DataArray(ar1(rng, count, 22, phi), {"year": t}, ("cell", "year"))
    terms = xr.DataArray([(t >= 2008) * 1.0], {"year": t}, ("break", "year"))
    for known, size in ((None, own), (xr.DataArray(phi), 0.05)):
        share = float((trend_with_steps(y, terms, dim="year", phi=known)["p_value"] < 0.05).mean())
        assert abs(share - size) < 3.5 * np.sqrt(2 * size * (1 - size) / count)
        assert share < 0.08


def test_a_phi_that_is_none_gives_no_error_and_a_missing_step_is_one():
    y, steps = world(6, cells=4)
    phi = xr.DataArray([np.nan, -0.1, 1.0, 0.95], dims="cell")
    got = trend_with_steps(y, steps, dim="year", phi=phi)
    assert got["status"].values.tolist() == [2, 2, 2, 0] and np.isfinite(got["slope"]).all()
    assert np.isnan(got["p_value"][:3]).all() and np.isfinite(got["p_value"][3])
    with pytest.raises(CalendarError):
        trend_with_steps(y.drop_sel(year=2007.0), steps.drop_sel(year=2007.0), dim="year")
