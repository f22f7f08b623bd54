"""Sensors and errors of a month against plain loops over its days and pairs of days, for every way of chunking."""

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from smcloud.catalog import VariableSpec
from smcloud.cube.calendar import month_range, steps_of
from smcloud.cube.measurement import error_bounds, sensor_mask, sensor_sets
from smcloud.cube.regrid import regrid_bits
from tests.examples import examples

RNG = np.random.default_rng(23)
# Days are missing from the axis itself, and a whole month of them.
DAYS = pd.date_range("2000-11-20", "2001-09-10")
DAYS = DAYS[(DAYS.month != 4) & (RNG.random(len(DAYS)) > 0.1)]
MONTHS = month_range("2000-12", "2001-08")
SHAPE = (len(DAYS), 2, 3)
SIGMA = np.where(RNG.random(SHAPE) < 0.3, np.nan, RNG.uniform(0.01, 0.08, SHAPE)).astype(np.float32)
SIGMA[DAYS.month == 6, 0, 0] = np.nan
BITS = RNG.choice([0, 2, 8, 10, 256, 65536 + 8], SHAPE, p=[0.1, 0.4, 0.2, 0.1, 0.1, 0.1])


def steps():
    spec = VariableSpec(name="x", units="1", period="day", stamp="start", valid_range=(0, 1))
    return steps_of(xr.DataArray(DAYS, dims="time"), spec, "x")


def field(values, chunks=None):
    da = xr.DataArray(values, {"time": DAYS, "lat": [0.0, 10], "lon": [0.0, 10, 20]}, ("time", "lat", "lon"))
    return da.chunk(chunks) if chunks else da


def each_month(function):
    month = DAYS.to_period("M").astype(str)
    return np.array([[[function(month == str(m), i, j) for j in range(3)] for i in range(2)] for m in MONTHS])


def error(here, i, j, correlation):
    """The mean's error from the full matrix of the pairs of days."""
    day = (DAYS[here] - DAYS[0]).days.to_numpy()
    sigma = SIGMA[here, i, j].astype(float)
    valid = np.isfinite(sigma)
    if not valid.any():
        return np.nan
    r = correlation(np.abs(day[valid][:, None] - day[valid][None, :]))
    return np.sqrt(sigma[valid] @ r @ sigma[valid]) / valid.sum()


@pytest.mark.parametrize("tau", [0.05, 0.7, 5.0, 200.0])
def test_bounds_equal_the_sum_over_all_pairs(tau):
    independent, decaying = dask.compute(*error_bounds(field(SIGMA), steps(), MONTHS, tau))
    expected = each_month(lambda *at: error(*at, lambda lag: np.exp(-lag / tau)))
    np.testing.assert_allclose(decaying, expected, rtol=1e-12)
    alone = each_month(lambda *at: error(*at, lambda lag: 1.0 * (lag == 0)))
    np.testing.assert_allclose(independent, alone, rtol=1e-12)
    assert np.isnan(expected[4]).all() and np.isnan(expected[6, 0, 0]) and np.isfinite(expected).sum() == 47


def test_a_gap_keeps_its_length():
    """The same errors without the missing days are another sum."""
    decaying = error_bounds(field(SIGMA), steps(), MONTHS, 2.0)[1].compute()
    here = DAYS.to_period("M").astype(str) == "2001-01"
    sigma = SIGMA[here, 1, 1][np.isfinite(SIGMA[here, 1, 1])].astype(float)
    lag = np.abs(np.subtract.outer(np.arange(len(sigma)), np.arange(len(sigma))))
    packed = np.sqrt(sigma @ np.exp(-lag / 2.0) @ sigma) / len(sigma)
    assert float(decaying[1, 1, 1]) < 0.97 * packed


def members(here, i, j):
    known = [int(b) for b, s in zip(BITS[here, i, j], SIGMA[here, i, j], strict=True) if b > 0 and np.isfinite(s)]
    return sum(1 << k for k in range(17) if known and 5 * sum(b >> k & 1 for b in known) >= len(known) and
               any(b >> k & 1 for b in known))  # fmt: skip


def masked(kind):
    """The mask as stored, or as decoded with its fill."""
    raw = np.where(BITS == 0, np.nan, BITS.astype(float)) if kind == "f" else np.where(BITS == 0, -9, BITS)
    return sensor_mask(field(raw), field(SIGMA))


@pytest.mark.parametrize("kind", ["f", "i"])
def test_a_sensor_counts_from_a_fifth_of_the_valid_days(kind):
    got = sensor_sets(masked(kind), steps(), MONTHS).compute()
    assert got.dtype == np.int32
    expected = each_month(members)
    np.testing.assert_array_equal(got, expected)
    assert (expected[4] == 0).all() and expected[6, 0, 0] == 0 and len(np.unique(expected)) > 4


def test_exactly_a_fifth_is_enough():
    days = pd.date_range("2001-01-01", periods=10)
    spec = VariableSpec(name="x", units="1", period="day", stamp="start", valid_range=(0, 1))
    for count, expected in ((1, 2), (2, 10)):
        bits = xr.DataArray(np.array([2] * (10 - count) + [10] * count, np.int32), {"time": days}, ("time",))
        got = sensor_sets(bits, steps_of(bits["time"], spec, "x"), month_range("2001-01", "2001-01"))
        assert got.values.tolist() == [expected]


@given(cuts=st.sets(st.integers(1, len(DAYS) - 1), max_size=40), lon=st.integers(1, 3))
@settings(max_examples=examples(20), deadline=None)
def test_chunks_do_not_change_a_bit(cuts, lon):
    edges = [0, *sorted(cuts), len(DAYS)]
    chunks = {"time": tuple(int(n) for n in np.diff(edges)), "lon": lon}
    whole = (*error_bounds(field(SIGMA), steps(), MONTHS, 3.0), sensor_sets(masked("f"), steps(), MONTHS))
    mask = sensor_mask(field(BITS, chunks), field(SIGMA, chunks))
    cut = (*error_bounds(field(SIGMA, chunks), steps(), MONTHS, 3.0), sensor_sets(mask, steps(), MONTHS))
    for a, b in zip(dask.compute(*whole), dask.compute(*cut), strict=True):
        assert a.values.tobytes() == b.values.tobytes()


def test_sets_on_a_coarser_grid_are_those_of_half_the_known_area():
    lat, lon = np.array([-2.5, 2.5]), np.array([-2.5, 2.5])
    sets = xr.DataArray(np.array([[2, 2], [10, 0]], np.int32), {"lat": lat, "lon": lon}, ("lat", "lon"))
    coarse = np.array([0.0]), np.array([0.0, 180.0])
    assert regrid_bits(sets, 17, *coarse).values.tolist() == [[2, 0]]
    assert regrid_bits(sets.where(sets != 2, 8), 17, *coarse).values.tolist() == [[8, 0]]
    xr.testing.assert_equal(regrid_bits(sets, 17, lat, lon), sets)
