"""Monthly means and totals against a loop over every hour, and against every way of chunking."""

import datetime
import math

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import month_range, steps_of
from smcloud.cube.monthly import monthly
from smcloud.cube.reduction import _runs
from tests.examples import examples


def steps_for(stamps, period, stamp):
    spec = VariableSpec(name="x", units="1", period=period, stamp=stamp, valid_range=(0, 1))
    return steps_of(xr.DataArray(pd.DatetimeIndex(stamps), dims="time"), spec, "x")


def field(values, stamps):
    values = np.asarray(values, np.float32)
    values = values.reshape(len(stamps), *(values.shape[1:] or (1, 1)))
    return xr.DataArray(
        values,
        dims=("time", "lat", "lon"),
        coords={"time": stamps, "lat": np.arange(values.shape[1]), "lon": np.arange(values.shape[2])},
    )


def reduce(values, stamps, period, stamp, first, last, total=False, chunks=None):
    da = field(values, stamps)
    da = da.chunk(chunks) if chunks else da
    value, hours = dask.compute(*monthly(da, steps_for(stamps, period, stamp), month_range(first, last), total))
    assert (value.dtype, hours.dtype) == (np.float64, np.float32)
    return value, hours.astype(np.float64) / 24


def by_the_hour(values, stamps, hours, stamp, first, last, total):
    """Value and days of each month for one cell, walking through every hour of every step."""
    amount, held = {}, {}
    for value, time in zip(np.ravel(values), pd.DatetimeIndex(stamps).to_pydatetime(), strict=True):
        start = time - datetime.timedelta(hours={"start": 0, "mid": hours / 2, "end": hours}[stamp])
        length = hours
        if hours == 192:
            length = min(hours, (datetime.datetime(start.year + 1, 1, 1) - start).total_seconds() / 3600)
        if np.isnan(value):
            continue
        for hour in range(int(length)):
            at = start + datetime.timedelta(hours=hour)
            key = f"{at.year:04d}-{at.month:02d}"
            amount[key] = amount.get(key, 0.0) + float(value) * (1 / length if total else 1.0)
            held[key] = held.get(key, 0) + 1
    months = [str(month) for month in month_range(first, last)]
    scale = [1.0 if total else 1 / held[month] if month in held else np.nan for month in months]
    value = [amount.get(month, np.nan) * s for month, s in zip(months, scale, strict=True)]
    return value, [held.get(month, 0) / 24 for month in months]


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize(
    ("period", "hours", "stamp", "freq", "start", "end"),
    [
        ("hour", 1, "end", "h", "1999-12-30T01", "2000-03-02"),
        ("hour", 1, "start", "h", "1999-12-30", "2000-03-02"),
        ("3hour", 3, "mid", "3h", "1999-12-30T01:30", "2000-03-02"),
        ("6hour", 6, "end", "6h", "1999-12-30T03", "2000-03-02"),
        ("day", 24, "start", "D", "1999-12-30", "2000-03-02"),
        ("day", 24, "end", "D", "1999-12-30", "2000-03-02"),
        ("day", 24, "start", "D", "1999-12-30T06", "2000-03-02"),
        ("8day", 192, "start", "8D", "2000-01-01", "2000-12-31"),
    ],
)
def test_equals_a_loop_over_the_hours(period, hours, stamp, freq, start, end, total):
    stamps = pd.date_range(start, end, freq=freq)
    rng = np.random.default_rng(5)
    values = rng.uniform(0, 1, len(stamps)).astype(np.float32)
    values[rng.random(len(stamps)) < 0.2] = np.nan
    value, days = reduce(values, stamps, period, stamp, "1999-12", "2000-04", total)
    expected, expected_days = by_the_hour(values, stamps, hours, stamp, "1999-12", "2000-04", total)
    np.testing.assert_allclose(value[:, 0, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(days[:, 0, 0], expected_days, rtol=0, atol=1e-12)


def test_the_deluge_in_the_hour_that_ends_at_midnight_belongs_to_december():
    stamps = pd.date_range("2001-12-01T01", "2002-02-01T00", freq="h")
    rain = np.where(stamps == pd.Timestamp("2002-01-01T00"), 0.5, 0.0)
    value, _ = reduce(rain, stamps, "hour", "end", "2001-12", "2002-01", total=True)
    np.testing.assert_array_equal(value[:, 0, 0], [0.5, 0.0])
    value, _ = reduce(rain, stamps, "hour", "start", "2001-12", "2002-01", total=True)
    np.testing.assert_array_equal(value[:, 0, 0], [0.0, 0.5])


def test_a_composite_is_split_by_its_days():
    stamps = pd.date_range("2001-01-01", "2001-12-31", freq="8D")
    values = np.zeros(len(stamps))
    values[3] = 8.0  # 25 January to 1 February: seven days and one
    total, _ = reduce(values, stamps, "8day", "start", "2001-01", "2001-02", total=True)
    np.testing.assert_allclose(total[:, 0, 0], [7.0, 1.0], rtol=1e-15)
    mean, days = reduce(values, stamps, "8day", "start", "2001-01", "2001-02")
    np.testing.assert_allclose(mean[:, 0, 0], [8 * 7 / 31, 8 / 28], rtol=1e-15)
    np.testing.assert_array_equal(days[:, 0, 0], [31, 28])


def test_the_last_composite_of_a_year_weighs_its_five_or_six_days():
    for year, days in [(2000, 6), (2001, 5)]:
        stamps = pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D")
        mean, _ = reduce(np.where(np.arange(46) == 45, 1.0, 0.0), stamps, "8day", "start", f"{year}-12", f"{year}-12")
        np.testing.assert_allclose(mean[0, 0, 0], days / 31, rtol=1e-15)


def test_a_month_that_no_step_touches_is_missing_with_no_days():
    stamps = pd.DatetimeIndex(["2000-01-05", "2003-07-01"])
    value, days = reduce([0.2, 0.4], stamps, "day", "start", "2000-01", "2003-12")
    assert value.shape == (48, 1, 1)
    assert np.isfinite(value.values).sum() == 2
    assert days.values.sum() == 2
    value, days = reduce([0.2, 0.4], stamps, "day", "start", "2001-01", "2002-12", total=True)
    assert np.isnan(value.values).all()
    assert not days.values.any()


def test_monthly_values_come_through_unchanged():
    stamps = pd.date_range("2000-01-01", periods=14, freq="MS")
    values = np.random.default_rng(0).normal(280, 10, (14, 2, 3)).astype(np.float32)
    value, days = reduce(values, stamps, "month", "start", "2000-01", "2001-02")
    np.testing.assert_array_equal(value, values)
    np.testing.assert_array_equal(days[:, 0, 0], stamps.days_in_month)
    total, _ = reduce(values, stamps, "month", "start", "2000-01", "2001-02", total=True)
    np.testing.assert_array_equal(total, values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("time", "runs"),
    [(1, (1,) * 26), (2, (2,) * 13), (9, (6, 6, 6, 6, 2)), (21, (12, 12, 2)), (-1, (12, 12, 2))],
)
def test_one_task_for_a_run_of_months_that_touches_enough_chunks(time, runs):
    stamps = pd.date_range("2000-04-02", "2002-06-01")
    da = field(np.zeros((len(stamps), 2, 3)), stamps).chunk(time=time, lon=2)
    at = steps_for(stamps, "day", "end"), month_range("2000-04", "2002-05")
    assert [part.chunks for part in monthly(da, *at)] == [(runs, (2,), (2, 1))] * 2
    (_, hours), read = reads_of(da, *at)
    assert (hours[:, 0, 0] == 24 * hours["time"].dt.days_in_month).all()
    assert len(read) <= 1.2 * da.data.npartitions and set(read) == set(np.ndindex(da.data.numblocks))


@pytest.mark.parametrize(("chunk", "runs"), [(1, [12, 12, 12]), (12, [12, 12, 12]), (24, [24, 12]), (36, [36])])
def test_a_run_of_monthly_steps_ends_with_a_year_and_a_chunk(chunk, runs):
    stamps = pd.date_range("2000-01-01", periods=36, freq="MS")
    sizes = [chunk] * (36 // chunk) + [36 % chunk] * (36 % chunk > 0)
    found = _runs(steps_for(stamps, "month", "start"), month_range("2000-01", "2002-12"), sizes)
    assert [len(run.months) for run in found] == runs
    assert [k for run in found for k in run.chunks] == list(range(len(sizes)))  # each chunk once


def reads_of(da, steps, months):
    """The computed months, and which chunks were read for them."""
    read = []

    def seen(block, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return block

    watched = da.copy(data=da.data.map_blocks(seen, dtype=da.dtype, meta=np.empty((0, 0, 0), da.dtype)))
    with dask.config.set(scheduler="synchronous"):
        return dask.compute(*monthly(watched, steps, months)), read


# Rain spans nine orders of magnitude: plain float64 sums depend on the order of addition.
RAIN = np.random.default_rng(8).lognormal(-12, 6, (200, 2, 2)).astype(np.float32)
RAIN[np.random.default_rng(9).random(RAIN.shape) < 0.1] = np.nan
DAYS = pd.date_range("2000-12-05", periods=200, freq="D")


@pytest.mark.parametrize("total", [False, True])
@given(cuts=st.sets(st.integers(1, 199), max_size=60), lon=st.integers(1, 2))
@settings(max_examples=examples(25), deadline=None)
def test_chunks_along_time_do_not_change_a_bit(total, cuts, lon):
    edges = [0, *sorted(cuts), 200]
    whole = reduce(RAIN, DAYS, "day", "end", "2000-12", "2001-06", total)
    cut = reduce(RAIN, DAYS, "day", "end", "2000-12", "2001-06", total, {"time": tuple(np.diff(edges)), "lon": lon})
    for a, b in zip(whole, cut, strict=True):
        assert a.values.tobytes() == b.values.tobytes()


def test_plain_sums_of_these_values_depend_on_the_chunks():
    values = np.nan_to_num(RAIN[:31].astype(np.float64)).reshape(31, -1)
    whole = values.cumsum(axis=0)[-1]
    assert any(
        (whole != values[:cut].cumsum(axis=0)[-1] + values[cut:].cumsum(axis=0)[-1]).any() for cut in range(1, 31)
    )


def test_each_step_alone_gives_the_same_bits():
    whole = reduce(RAIN, DAYS, "day", "start", "2000-12", "2001-06", True)
    single = reduce(RAIN, DAYS, "day", "start", "2000-12", "2001-06", True, {"time": 1})
    assert whole[0].values.tobytes() == single[0].values.tobytes()


@given(
    values=st.lists(st.floats(-1e6, 1e6, width=32), min_size=31, max_size=31),
    scale=st.sampled_from([1.0, 1e-9, 1e-5, 300.0]),
)
@settings(max_examples=examples(60), deadline=None)
def test_sums_are_those_of_exact_arithmetic_but_for_the_rounding_of_float64(values, scale):
    values = (np.asarray(values) * scale).astype(np.float32)
    stamps = pd.date_range("2001-01-01", periods=31)
    total, _ = reduce(values, stamps, "day", "start", "2001-01", "2001-01", True)
    rounding = 31 * 2.0**-53 * np.abs(values.astype(float)).sum()  # the bound of a sum taken step by step
    np.testing.assert_allclose(total.item(), math.fsum(values.astype(float)), rtol=0, atol=rounding)


@pytest.mark.parametrize("dtype", ["f8", "i2"])
def test_every_kind_of_number_is_added_as_float64(dtype):
    stamps = pd.date_range("2000-01-01", "2000-03-31", freq="6h")
    values = np.arange(len(stamps) * 6).reshape(-1, 2, 3) % 97
    da = field(values, stamps)
    steps, months = steps_for(stamps, "6hour", "start"), month_range("2000-01", "2000-03")
    want = dask.compute(*monthly(da, steps, months))
    for mine, theirs in zip(dask.compute(*monthly(da.astype(dtype).chunk(time=7), steps, months)), want, strict=True):
        xr.testing.assert_identical(mine.rename(None), theirs.rename(None))
