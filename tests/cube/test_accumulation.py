"""Running totals: back to amounts whatever the chunks, and told from rain of many kinds."""

import dask
import dask.array
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.catalog import VariableSpec
from smcloud.cube import accumulation, reset_hours
from smcloud.cube.calendar import Steps, month_range
from smcloud.cube.reduction import reduce_months
from smcloud.errors import AccumulationError, CatalogError

HOUR = np.timedelta64(3600, "s")


def spec(reset=None, **keys):
    more = {"accumulation": {"reset": reset}} if reset else {}
    base = {"name": "tp", "units": "m", "period": "hour", "aggregate": "sum", "valid_range": (0, 1)}
    return VariableSpec(**(base | more | keys))


def steps_from(first, n, hours=1):
    start = np.datetime64(first, "s") + np.arange(n) * hours * HOUR
    return Steps(start, start + hours * HOUR)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_chunks_and_any_record_give_back_the_amounts(data):
    n = data.draw(st.integers(1, 90))
    first = np.datetime64("2000-12-30T00", "s") + data.draw(st.integers(0, 47)) * HOUR
    reset = data.draw(st.sampled_from(["day", "month", "year"]))
    units = np.array(data.draw(st.lists(st.integers(0, 50), min_size=n, max_size=n)))
    gone = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))) & (np.arange(n) % 5 == 0)
    cuts = data.draw(st.sets(st.integers(1, n - 1)) if n > 1 else st.just(set()))
    steps = steps_from(first, n)
    kept = ~gone if (~gone).any() else np.ones(n, bool)
    period = steps.start.astype({"day": "M8[D]", "month": "M8[M]", "year": "M8[Y]"}[reset])

    total, want = np.zeros(n), np.full(n, np.nan)
    for i in range(n):  # by hand, one step after the other
        begins = steps.start[i] == period[i].astype("M8[s]")
        total[i] = units[i] / 64 + (total[i - 1] if i and period[i - 1] == period[i] else 0.0)
        if begins or (i and kept[i - 1] and period[i - 1] == period[i]):
            want[i] = units[i] / 64
    places = [cut for cut in sorted(cuts) if cut < kept.sum()]
    chunks = tuple(np.diff([0, *places, int(kept.sum())]))
    values = dask.array.from_array(total[kept].astype("f4"), chunks=(chunks,))
    da = xr.DataArray(values, {"time": steps.start[kept].astype("M8[ns]")}, ["time"])
    made = accumulation.amounts(da, Steps(steps.start[kept], steps.end[kept]), spec(reset), 0.0)
    assert made.chunks == da.chunks
    np.testing.assert_array_equal(made.compute(scheduler="synchronous"), want[kept])


def test_falls_within_the_rounding_are_zero_and_larger_ones_stay():
    total = xr.DataArray(np.array([0.5, 0.4, 0.2, 0.7]), {"time": pd.date_range("2000", periods=4, freq="h")}, ["time"])
    made = accumulation.amounts(total, steps_from("2000-01-01", 4), spec("day"), 0.15)
    np.testing.assert_allclose(made, [0.5, 0.0, -0.2, 0.5])
    negative = spec("day", valid_range=(-1, 1))  # evaporation: a total may fall
    made = accumulation.amounts(total, steps_from("2000-01-01", 4), negative, 0.15)
    np.testing.assert_allclose(made, [0.5, -0.1, -0.2, 0.5])


def test_the_rounding_is_a_unit_of_the_packing():
    raw = xr.DataArray(np.zeros(3, "f4"))
    assert accumulation.rounding_of(raw, spec(valid_range=(0, 2))) == 2.0**-15
    raw.encoding = {"dtype": np.dtype("i2"), "scale_factor": 0.002}
    assert accumulation.rounding_of(raw, spec()) == pytest.approx(0.002, rel=0.02)
    assert accumulation.rounding_of(raw, spec(scale=1000.0)) == pytest.approx(2, rel=0.02)
    assert accumulation.rounding_of(raw, spec(scale=0.002)) == pytest.approx(0.002, rel=0.02)


@pytest.mark.parametrize(
    "keys",
    [
        {"accumulation": {"reset": "day"}, "period": "day"},
        {"accumulation": {"reset": "day"}, "aggregate": "mean"},
        {"accumulation": {"reset": "week"}},
    ],
)
def test_keys_that_do_not_fit(keys):
    with pytest.raises((ValueError, CatalogError)):
        spec(**keys)


# ------------------------------------------------------------------------------------ totals or rain


def judged(values, hours=1, chunks=37, limits=(0, 50)):
    """What the gate says of the steps (time, cell) of a record that begins on 1 May; the counters too."""
    of = spec(period={1: "hour", 3: "3hour", 6: "6hour"}[hours], valid_range=limits, units="mm", stamp="end")
    steps = steps_from("2001-05-01", len(values), hours)
    da = xr.DataArray(values.astype("f4"), {"time": steps.start.astype("M8[ns]")}, ["time", "cell"])
    months = month_range("2001-05", steps.start[-1])
    pattern = reset_hours.pattern_of(of, accumulation.rounding_of(da, of))
    ((numbers,),) = reduce_months([da.chunk(time=chunks)], steps, months, [pattern])
    counted = dask.compute(reset_hours.by_reset(numbers), scheduler="synchronous")[0]
    counted = {key: dict(enumerate(da.values.tolist())) for key, da in counted.items()}
    try:
        reset_hours.judge_pattern("rain", counted, "here")
    except AccumulationError as err:
        return True, counted, err
    return False, counted, None


def rain(kind, days, hours, cells, seed):
    rng = np.random.default_rng(seed)
    n = days * 24 // hours
    wet = np.zeros((n, cells), bool)
    daily = 0.5 + 0.5 * np.sin(2 * np.pi * np.arange(n) * hours / 24 + rng.uniform(0, 6.28))  # showers of the afternoon
    begin = {"desert": 0.002, "plain": 0.05, "tropics": 0.25 * daily**4, "drizzle": 0.6}[kind]
    begin = np.broadcast_to(begin, n)
    stay = 0.4 if kind == "tropics" else 0.8
    for i in range(1, n):
        wet[i] = rng.random(cells) < np.where(wet[i - 1], stay, begin[i])
    amount = rng.gamma(0.7, 2.0, wet.shape) if kind != "drizzle" else rng.choice([0.1, 0.2, 0.3], wet.shape)
    return np.where(wet, amount, 0.0)


def since_midnight(amounts, hours, shift=0):
    days = np.roll(amounts, 0).reshape(-1, 24 // hours, amounts.shape[1])
    return np.roll(days.cumsum(axis=1).reshape(amounts.shape), shift, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, 3, 6])
@pytest.mark.parametrize("kind", ["desert", "plain", "tropics", "drizzle"])
def test_rain_is_never_taken_for_totals_and_totals_are_found(kind, hours):
    for seed, (days, cells) in enumerate([(31, 1), (31, 40), (150, 6), (10, 3)] * 2):
        amounts = rain(kind, days, hours, cells, seed)
        assert not judged(amounts, hours)[0], (days, cells, seed)
        wet_days = (amounts.reshape(days, -1, cells).sum(axis=1) > 0).sum()
        if wet_days >= 60:
            for shift in (0, 1, 24 // hours // 2):
                assert judged(since_midnight(amounts, hours, shift), hours)[0], (days, cells, seed, shift)


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, 6])
def test_smooth_days_and_equal_parts_of_days_are_amounts(hours):
    hour, clouds = np.arange(0, 60 * 24, hours), np.random.default_rng(0)
    for lon in range(0, 360, 30):  # evaporation with the sun
        sun = np.maximum(0, np.sin(2 * np.pi * (hour + hours / 2 - 6 + lon / 15) / 24))[:, None]
        clear = sun * np.array([[0.1, 0.3, 0.2]])
        assert not judged(clear, hours)[0], lon
        cloudy = clear * clouds.uniform(0.4, 1, clear.shape)
        assert not judged(cloudy, hours)[0], lon
        assert judged(since_midnight(cloudy, hours), hours)[0] or hours == 6, lon
    days = rain("plain", 60, 24, 5, 1)
    assert not judged(np.repeat(days, 24 // hours, axis=0), hours)[0]
    assert not judged(np.full((60 * 24 // hours, 3), 0.4), hours)[0]
    assert not judged(np.zeros((60 * 24 // hours, 3)), hours)[0]


def test_the_counters_are_those_of_a_plain_loop_whatever_the_chunks():
    values = rain("plain", 45, 1, 3, 0)
    values[100:140, 0] = np.nan
    expected = np.zeros((2, 3, 24))
    for i in range(1, len(values)):
        months = [0 if at < 31 * 24 else 1 for at in (i - 1, i)]
        if months[0] == months[1]:
            for before, now in zip(np.float32(values[i - 1]), np.float32(values[i]), strict=True):
                known = before > 50 / 65536 and not np.isnan(now)
                fell, rose = known and now < before - 50 / 65536, known and now > before + 50 / 65536
                expected[months[0], :, i % 24] += [known, fell, rose]
    for chunks in (1, 24, 100, len(values)):
        counted = judged(values, chunks=chunks)[1]
        for month in range(2):
            pairs, falls, rises = expected[month]
            at = int(np.argmax(falls))
            rest = [counts.sum() - counts[at] for counts in (pairs, falls, rises)]
            assert [counted[name][month] for name in reset_hours.COUNTERS] == [pairs[at], falls[at], *rest]


def test_the_message_names_the_key():
    found, _, err = judged(since_midnight(rain("plain", 31, 1, 5, 0), 1))
    assert found
    assert all(err.record().values())
    assert "accumulation: {reset: day}" in err.next
    assert err.exit_code == 3
