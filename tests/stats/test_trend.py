from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, VariableError
from smcloud.stats import linear_trend, theil_sen
from tests.examples import examples

YEARS = np.arange(2000, 2022)
CLOSE = {"rtol": 1e-10, "atol": 0}


def check(found: xr.DataArray, expected: object, **tolerance: float) -> None:
    np.testing.assert_allclose(found.to_numpy(), np.asarray(expected), **(tolerance or CLOSE))


# --- least squares, interval "t" ---


def test_linear_trend_is_linregress_at_the_true_times(difficult: np.ndarray, annual: Callable) -> None:
    out = linear_trend(annual(difficult), alpha=0.1)
    for cell, row in enumerate(difficult):
        valid = np.isfinite(row)
        ref = stats.linregress(YEARS[valid], row[valid])
        half = stats.t.ppf(0.95, valid.sum() - 2) * ref.stderr
        one = out.isel(cell=cell)
        check(one.slope, ref.slope, rtol=1e-10, atol=1e-18)
        check(one.intercept, ref.intercept)
        check(one.stderr, ref.stderr)
        check(one.p_value, ref.pvalue)
        check(one.slope_lower, ref.slope - half, rtol=1e-10, atol=1e-15)
        check(one.slope_upper, ref.slope + half, rtol=1e-10, atol=1e-15)
        assert one.n == valid.sum() == one.n_effective
        assert one.status == 0


def test_p_values_keep_their_digits_in_the_far_tail(rng: np.random.Generator, annual: Callable) -> None:
    row = YEARS + 1e-4 * rng.normal(size=22)
    ref = stats.linregress(YEARS.astype(float) - 2010, row)
    assert 0 < ref.pvalue < 1e-60
    # The rounding of r limits linregress itself here, so t comes from the residuals.
    residual = row - ref.intercept - ref.slope * (YEARS - 2010)
    stderr = np.sqrt((residual**2).sum() / 20 / ((YEARS - YEARS.mean()) ** 2).sum())
    check(linear_trend(annual(row)).p_value, 2 * stats.t.sf(ref.slope / stderr, 20), rtol=1e-8)


def test_a_straight_line_has_no_error_and_no_p_at_any_scale(annual: Callable) -> None:
    lines = np.stack([0.2 + 0.001 * (YEARS - 2000), -3.0 * YEARS, 1e6 + 0.1 * YEARS])
    for scale in (1.0, 1e-8, 1e8, -0.3):
        out = linear_trend(annual(lines * scale), interval="effective")
        check(out.slope, np.array([0.001, -3.0, 0.1]) * scale, rtol=1e-9)
        assert (out.p_value == 0).all() and (out.stderr == 0).all()
        assert (out.slope_lower == out.slope).all() and (out.slope_upper == out.slope).all()


def test_rounding_noise_around_a_constant_is_not_a_trend(rng: np.random.Generator, annual: Callable) -> None:
    noise = 0.3 + np.spacing(0.3) * rng.integers(-2, 3, size=(2000, 22))
    p = linear_trend(annual(noise)).p_value
    assert 0.03 < float((p < 0.05).mean()) < 0.07


def test_gaps_keep_their_place(rng: np.random.Generator) -> None:
    months = 2000 + (np.arange(264) + 0.5) / 12
    world = 0.2 + 0.001 * (months - 2000)
    rows = np.where(rng.random((500, 264)) < 0.4, np.nan, world)
    da = xr.DataArray(rows, dims=("cell", "time"), coords={"time": months})
    check(linear_trend(da).slope, np.full(500, 1.0e-3), rtol=1e-11)
    check(theil_sen(da.isel(cell=slice(20))).slope, np.full(20, 1.0e-3), rtol=1e-11)


# --- reasons ---


@pytest.mark.parametrize("function", [linear_trend, theil_sen])
def test_degenerate_series_have_a_reason_and_no_warning(function: Callable, annual: Callable) -> None:
    nan = np.nan
    rows = np.full((6, 22), nan)
    rows[1, [3, 7]] = 1.0, 2.0
    rows[2] = 0.25
    rows[3, [2, 9, 20]] = 4.0
    rows[4] = np.inf
    rows[5, :3] = 1.0, 3.0, 2.0
    with np.errstate(all="raise"):
        out = function(annual(rows))
    assert out.status.dtype == np.uint8 and out.n.dtype.kind == "i"
    assert out.status.values[:5].tolist() == [1, 2, 3, 3, 1]
    assert out.n.values.tolist() == [0, 2, 22, 3, 0, 3]
    for cell in (0, 1, 4):
        floats = [out[name][cell] for name in out if name not in ("n", "status")]
        assert all(np.isnan(value) for value in floats)
    for cell, level in ((2, 0.25), (3, 4.0)):
        one = out.isel(cell=cell)
        assert one.slope == one.slope_lower == one.slope_upper == 0
        assert one.intercept == level
    assert out.status.attrs["flag_meanings"].split()[3] == "constant"
    if function is linear_trend:
        assert (out.p_value[2:4] == 1).all() and (out.stderr[2:4] == 0).all()


def test_infinite_values_are_missing(annual: Callable, rng: np.random.Generator) -> None:
    row = rng.normal(size=22)
    bad, gap = row.copy(), row.copy()
    bad[5], gap[5] = np.inf, np.nan
    assert linear_trend(annual(bad)).identical(linear_trend(annual(gap)))


# --- interval "effective" ---


def santer(t: np.ndarray, row: np.ndarray, alpha: float) -> tuple[float, float, float, float]:
    """Definition 7 with numpy alone: slope, half-width, p, n_eff."""
    valid = np.isfinite(row)
    n = int(valid.sum())
    slope, intercept = np.polyfit(t[valid], row[valid], 1)
    rest = row - (intercept + slope * t)
    rest = rest - np.nanmean(rest)
    r1 = np.clip(np.nanmean(rest[1:] * rest[:-1]) / (np.nansum(rest**2) / (n - 1)), -0.99, 0.99)
    phi = max(0.0, (n * r1 + 2) / (n - 4))
    n_eff = n * (1 - phi) / (1 + phi)
    spread = ((t[valid] - t[valid].mean()) ** 2).sum()
    stderr = np.sqrt(np.nansum(rest**2) / (n_eff - 2) / spread)
    quantile = stats.t.ppf(1 - alpha / 2, n_eff - 2)
    return slope, quantile * stderr, 2 * stats.t.sf(abs(slope) / stderr, n_eff - 2), n_eff


def test_effective_interval_is_definition_7_with_gaps(
    rng: np.random.Generator, ar1: Callable, annual: Callable
) -> None:
    rows = ar1(rng, 80, 22, 0.3) + 0.02 * np.arange(22)
    rows[40:][rng.random((40, 22)) < 0.25] = np.nan
    out = linear_trend(annual(rows), interval="effective", alpha=0.1)
    compared = 0
    for cell, row in enumerate(rows):
        with np.errstate(invalid="ignore"):
            slope, half, p, n_eff = santer(YEARS - 2010.0, row, 0.1)
        if n_eff <= 2.1:
            continue
        compared += 1
        one = out.isel(cell=cell)
        check(one.n_effective, n_eff, rtol=1e-8)
        check(one.slope_upper - one.slope, half, rtol=1e-7)
        check(one.p_value, p, rtol=1e-6)
        check(one.slope, slope, rtol=1e-8)
    assert compared > 70


def test_effective_interval_is_missing_where_nothing_is_left_to_judge(annual: Callable) -> None:
    rows = np.full((2, 22), np.nan)
    rows[0, :4] = 1.0, 3.0, 2.0, 5.0
    rows[1] = np.sin(np.arange(22) / 22 * 2 * np.pi)
    out = linear_trend(annual(rows), interval="effective")
    check(out.slope, linear_trend(annual(rows)).slope)
    assert out.status.values.tolist() == [2, 2]
    for name in ("slope_lower", "slope_upper", "stderr", "p_value"):
        assert out[name].isnull().all()
    assert np.isnan(out.n_effective[0]) and out.n_effective[1] <= 2
    assert (linear_trend(annual(rows)).status == 0).all()


def test_lags_need_a_complete_axis(rng: np.random.Generator, annual: Callable) -> None:
    whole = annual(rng.normal(size=22))
    holed = whole.drop_sel(time=2007)
    linear_trend(holed)
    with pytest.raises(CalendarError, match="not complete"):
        linear_trend(holed, interval="effective")
    linear_trend(holed.reindex(time=YEARS), interval="effective")


# --- Theil-Sen ---


def test_theil_sen_is_scipy(difficult: np.ndarray, annual: Callable) -> None:
    out = theil_sen(annual(difficult), alpha=0.1)
    for cell, row in enumerate(difficult):
        valid = np.isfinite(row)
        ref = stats.theilslopes(row[valid], YEARS[valid], 0.9)
        one = out.isel(cell=cell)
        check(one.slope, ref.slope, rtol=1e-10, atol=1e-18)
        check(one.intercept, ref.intercept, rtol=1e-10, atol=1e-15)
        check(one.slope_lower, ref.low_slope, rtol=1e-10, atol=1e-18)
        check(one.slope_upper, ref.high_slope, rtol=1e-10, atol=1e-18)
        assert one.status == 0 and one.n == valid.sum()


@pytest.mark.parametrize("n", [3, 4])
def test_theil_sen_has_no_limits_where_a_rank_leaves_the_slopes(n: int, annual: Callable) -> None:
    row = np.full(22, np.nan)
    row[:n] = [1.0, 4.0, 2.0, 7.0][:n]
    for limits in ("scipy", "interpolated"):
        out = theil_sen(annual(row), limits=limits)
        check(out.slope, stats.theilslopes(row[:n], YEARS[:n]).slope)
        assert np.isnan(out.slope_lower) and out.status == 2
        # The interpolated places lie half a place lower: of six slopes the upper one is still inside.
        assert np.isnan(out.slope_upper) == (limits == "scipy" or n == 3)


def test_interpolated_limits_lie_between_their_neighbours(annual: Callable) -> None:
    row = np.array([1.0, 3.0, 2.0, 6.0, 5.0, 9.0, 7.5, 11.0])
    slopes = np.sort([(row[j] - row[i]) / (j - i) for i in range(8) for j in range(i + 1, 8)])
    width = stats.norm.isf(0.1) * np.sqrt(8 * 7 * 21 / 18)
    places = np.array([28 - width, 28 + width]) / 2
    expected = np.interp(places, np.arange(1, 29), slopes)
    out = theil_sen(annual(row), alpha=0.2, limits="interpolated")
    check(out.slope_lower, expected[0])
    check(out.slope_upper, expected[1])


# --- properties ---


@pytest.mark.parametrize("interval", ["t", "effective"])
def test_time_reversal_flips_the_slope_and_keeps_p(interval: str, difficult: np.ndarray, annual: Callable) -> None:
    there, back = (linear_trend(annual(rows), interval=interval) for rows in (difficult, difficult[:, ::-1]))
    check(back.slope, -there.slope, rtol=1e-9, atol=1e-17)
    check(back.p_value, there.p_value, rtol=1e-8)
    check(back.slope_lower, -there.slope_upper, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("limits", ["scipy", "interpolated"])
def test_time_reversal_flips_theil_sen(limits: str, difficult: np.ndarray, annual: Callable) -> None:
    there, back = (theil_sen(annual(rows), limits=limits) for rows in (difficult, difficult[:, ::-1]))
    check(back.slope, -there.slope, rtol=1e-12, atol=1e-18)
    if limits == "scipy":  # the places of the others are not symmetric
        check(back.slope_lower, -there.slope_upper, rtol=1e-12, atol=1e-18)
        check(back.slope_upper, -there.slope_lower, rtol=1e-12, atol=1e-18)


def test_scaling_keeps_p(difficult: np.ndarray, annual: Callable) -> None:
    for interval in ("t", "effective"):
        small, plain = (linear_trend(annual(rows), interval=interval) for rows in (difficult * 1e-8, difficult))
        check(small.p_value, plain.p_value, rtol=1e-9)
        check(small.slope, plain.slope * 1e-8, rtol=1e-9, atol=1e-24)


@pytest.mark.slow
@settings(max_examples=examples(25), deadline=None)
@given(data=st.data())
def test_no_cell_depends_on_neighbours_order_or_chunks(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    chunk = data.draw(st.integers(1, 13))
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(13, 3, 22)).astype("float32")
    rows[rng.random(rows.shape) < 0.3] = np.nan
    da = xr.DataArray(rows, dims=("lat", "lon", "time"), coords={"time": YEARS})
    for function, option in ((linear_trend, {"interval": "effective"}), (theil_sen, {})):
        whole = function(da, **option)
        lazy = function(da.chunk(lat=chunk, lon=2, time=-1), **option)
        assert all(variable.chunks for variable in lazy.data_vars.values())
        assert lazy.compute(scheduler="threads").identical(whole)
        assert function(da.transpose("time", "lon", "lat"), **option).transpose("lat", "lon").identical(whole)
        alone = function(da.isel(lat=[chunk - 1], lon=[1]), **option)
        assert alone.identical(whole.isel(lat=[chunk - 1], lon=[1]))


def test_float32_is_computed_in_float64(rng: np.random.Generator, annual: Callable) -> None:
    rows = (0.3 + 0.01 * rng.normal(size=(5, 22))).astype("float32")
    assert linear_trend(annual(rows)).identical(linear_trend(annual(rows.astype(float))))
    assert linear_trend(annual(rows)).slope.dtype == np.float64


def test_read_only_input_is_welcome(rng: np.random.Generator, annual: Callable) -> None:
    rows = rng.normal(size=(4, 22))
    rows.flags.writeable = False
    assert linear_trend(annual(rows)).status.sum() == 0
    assert theil_sen(annual(rows)).status.sum() == 0


# --- labels ---


def test_a_dataset_becomes_the_dimension_variable(rng: np.random.Generator, annual: Callable) -> None:
    a, b = annual(rng.normal(size=(3, 22))), annual(rng.normal(size=(3, 22)))
    out = linear_trend(xr.Dataset({"a": a, "b": b}))
    assert out.slope.dims == ("variable", "cell")
    assert out.sel(variable="b", drop=True).identical(linear_trend(b))


def test_dates_are_years(rng: np.random.Generator) -> None:
    stamps = pd.date_range("2000-01-01", "2021-12-01", freq="MS")
    row = rng.normal(size=264)
    out = linear_trend(xr.DataArray(row, dims="month", coords={"month": stamps}), dim="month", interval="effective")
    days = np.where(stamps.is_leap_year, 366, 365)
    years = stamps.year + (stamps.day_of_year - 1) / days
    check(out.slope, stats.linregress(years, row).slope)


def test_a_descending_axis_gives_the_same_numbers(rng: np.random.Generator, annual: Callable) -> None:
    da = annual(rng.normal(size=(3, 22)))
    assert linear_trend(da.isel(time=slice(None, None, -1))).identical(linear_trend(da))


def test_several_chunks_along_time_are_an_error(rng: np.random.Generator, annual: Callable) -> None:
    split = annual(rng.normal(size=(3, 22))).chunk(time=12)
    for function in (linear_trend, theil_sen):
        with pytest.raises(ChunkError, match=r'\.chunk\(\{"time": -1\}\)'):
            function(split)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"alpha": 0}, ConfigurationError),
        ({"alpha": 5}, ConfigurationError),
        ({"min_valid": 2}, ConfigurationError),
        ({"interval": "bootstrap"}, ConfigurationError),
        ({"dim": "month"}, VariableError),
    ],
)
def test_impossible_arguments(arguments: dict, error: type, annual: Callable) -> None:
    with pytest.raises(error):
        linear_trend(annual(np.arange(22.0)), **arguments)


@pytest.mark.parametrize("case", ["plain", "first far away", "only the last third", "nearly straight", "high"])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_least_squares_keeps_its_digits(case: str, scale: float, rng: np.random.Generator, annual: Callable) -> None:
    """The formulas in long double, for series on either side of what one pass over the samples can do."""
    years = np.arange(264.0)
    values = rng.normal(size=(40, years.size))
    values[rng.random(values.shape) < 0.1] = np.nan
    if case == "first far away":
        values[:, 0] = 1e5
    elif case == "only the last third":
        values[:, :176] = np.nan
    elif case == "nearly straight":
        values += 200 * years
    elif case == "high":
        values += 1e6
    values *= scale
    da = xr.DataArray(values.T, dims=("time", "cell"), coords={"time": years})
    out = linear_trend(da)
    for cell, row in enumerate(values):
        valid = np.isfinite(row)
        x, y = years[valid].astype(np.longdouble), row[valid].astype(np.longdouble)
        x, y = x - x.mean(), y - y.mean()
        slope = (x @ y) / (x @ x)
        rest = y - slope * x
        stderr = np.sqrt((rest @ rest) / (valid.sum() - 2) / (x @ x))
        np.testing.assert_allclose(out.stderr[cell], float(stderr), rtol=1e-12)
        np.testing.assert_allclose(out.slope[cell], float(slope), rtol=1e-12, atol=1e-13 * float(stderr))
