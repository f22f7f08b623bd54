"""What holds for every statistic of one series, whatever the values: hypothesis looks for the ones that break it."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smcloud.errors import CalendarError, ChunkError
from smcloud.stats import linear_trend, mann_kendall, seasonal_mann_kendall, theil_sen
from tests.examples import examples

pytestmark = pytest.mark.slow

STATISTICS: dict[str, Callable[..., xr.Dataset]] = {
    "OLS": linear_trend,
    "OLS, effective": partial(linear_trend, interval="effective"),
    "Sen": theil_sen,
    "Sen, interpolated": partial(theil_sen, limits="interpolated"),
    "MK": mann_kendall,
    "Hamed-Rao": partial(mann_kendall, method="hamed_rao"),
    "Yue-Wang": partial(mann_kendall, method="yue_wang"),
    "PW": partial(mann_kendall, method="prewhitening"),
    "TFPW": partial(mann_kendall, method="tfpw"),
    "3PW": partial(mann_kendall, method="3pw"),
    "3PW, significant": partial(mann_kendall, method="3pw", r1="significant"),
    "seasonal MK": partial(seasonal_mann_kendall, season=4),
    "seasonal MK, dependent": partial(seasonal_mann_kendall, season=4, dependent=True),
}
PREWHITENED = ("PW", "TFPW", "3PW", "3PW, significant")
SYMMETRIC = [name for name in STATISTICS if name not in PREWHITENED and "seasonal" not in name]
EVERY = pytest.mark.parametrize("name", STATISTICS)

# Fractions of 2: equal values, signs and sums with whole numbers are exact, and ties and runs are frequent.
FRACTIONS = st.one_of(
    st.integers(-3, 3).map(float), st.integers(-(2**12), 2**12).map(lambda k: k / 2**10), st.just(np.nan)
)
# Finite values stay where the square of a difference is finite; beyond that the corrected tests are not defined.
EXTREMES = st.one_of(
    FRACTIONS, st.floats(width=32), st.floats(-1e150, 1e150), st.sampled_from([np.inf, -np.inf, 5e-324])
)


def tables(elements: st.SearchStrategy[float], least: int = 3) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(st.integers(1, 4), st.integers(least, 30)).flatmap(
        lambda shape: hnp.arrays(np.float64, shape, elements=elements)
    )


def label(rows: np.ndarray) -> xr.DataArray:
    return xr.DataArray(rows, dims=("cell", "time"), coords={"time": 2000.0 + np.arange(rows.shape[1])})


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Random walks with gaps: no ties, and no number that rounding decides."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=shape).cumsum(axis=-1)
    rows[rng.random(shape) < 0.15] = np.nan
    return rows


def close(found: xr.DataArray, expected: xr.DataArray, rtol: float, atol: float = 0.0) -> None:
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def spread_of(rows: np.ndarray) -> float:
    finite = rows[np.isfinite(rows)]
    return float(np.ptp(finite)) if finite.size else 0.0


# --- time reversal, scale, level ---


@pytest.mark.parametrize("name", [name for name in SYMMETRIC if name != "Sen, interpolated"])  # its places are not
@settings(max_examples=examples(15), deadline=None)
@given(rows=tables(FRACTIONS))
def test_time_reversal_flips_the_slope_and_keeps_p(name: str, rows: np.ndarray) -> None:
    there, back = (STATISTICS[name](label(table)) for table in (rows, rows[:, ::-1]))
    assert (there.status == back.status).all() and (there.n == back.n).all()
    atol = 1e-11 * spread_of(rows)
    if "slope" in there:
        close(back.slope, -there.slope, 1e-9, atol)
        close(back.slope_lower, -there.slope_upper, 1e-7, 100 * atol)
        close(back.slope_upper, -there.slope_lower, 1e-7, 100 * atol)
    if "s" in there:
        np.testing.assert_array_equal(back.s, -there.s)
    if "p_value" in there:
        close(back.p_value, there.p_value, 1e-6, 1e-10)


@pytest.mark.parametrize("name", SYMMETRIC)
@pytest.mark.parametrize("factor", [1e-8, 1e8])
@settings(max_examples=examples(10), deadline=None)
@given(rows=tables(FRACTIONS))
def test_scale_of_any_values(name: str, factor: float, rows: np.ndarray) -> None:
    plain, scaled = STATISTICS[name](label(rows)), STATISTICS[name](label(rows * factor))
    compare(plain, scaled, factor, 1e-11 * spread_of(rows))


@pytest.mark.parametrize("name", SYMMETRIC)
@settings(max_examples=examples(10), deadline=None)
@given(rows=tables(FRACTIONS), level=st.integers(-1000, 1000))
def test_level_of_any_values(name: str, rows: np.ndarray, level: int) -> None:
    plain, raised = STATISTICS[name](label(rows)), STATISTICS[name](label(rows + level))
    compare(plain, raised, 1.0, 1e-10 * (spread_of(rows) + abs(level) / 1e3))


@EVERY
@settings(max_examples=examples(5), deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_scale_and_level_of_noise(name: str, seed: int) -> None:
    rows = noise(seed, (6, 32))
    plain = STATISTICS[name](label(rows))
    for other, factor in ((rows * 1e-8, 1e-8), (rows * 1e8, 1e8), (rows + 64, 1.0), (rows - 1000, 1.0)):
        compare(plain, STATISTICS[name](label(other)), factor, 1e-11)


def compare(plain: xr.Dataset, other: xr.Dataset, factor: float, atol: float) -> None:
    """The same status, sample size, score and p; slopes times ``factor``."""
    assert (plain.status == other.status).all() and (plain.n == other.n).all()
    for column in ("slope", "slope_lower", "slope_upper"):
        if column in plain:
            close(other[column] / factor, plain[column], 1e-6, 100 * atol)
    for column in ("s", "tau"):
        if column in plain:
            np.testing.assert_array_equal(other[column], plain[column])
    if "p_value" in plain:
        close(other.p_value, plain.p_value, 1e-6, 1e-10)


# --- chunks, neighbours, order, dtype: the same bits ---


@EVERY
@settings(max_examples=examples(5), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_chunks_neighbours_and_order_change_no_bit(name: str, seed: int, data: st.DataObject) -> None:
    rows = noise(seed, (5, 4, 24))
    rows[0, 0] = np.nan
    rows[1, 1] = 0.25
    rows[2] = np.round(rows[2])
    da = xr.DataArray(rows, dims=("lat", "lon", "time"), coords={"time": np.arange(24.0)}).astype("float32")
    whole = STATISTICS[name](da)
    chunks = {dim: data.draw(partitions(da.sizes[dim]), dim) for dim in ("lat", "lon")}
    lazy = STATISTICS[name](da.transpose(*data.draw(st.permutations(da.dims))).chunk(**chunks, time=-1))
    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute(scheduler="synchronous").transpose("lat", "lon").identical(whole)
    order = np.array(data.draw(st.permutations(range(5))))
    assert STATISTICS[name](da[order]).identical(whole.isel(lat=order))
    lat, lon = data.draw(st.tuples(st.integers(0, 4), st.integers(0, 3)))
    assert STATISTICS[name](da[lat, lon]).identical(whole.isel(lat=lat, lon=lon))
    backwards = da.isel(time=slice(None, None, -1))
    assert STATISTICS[name](backwards).identical(whole)


def partitions(size: int) -> st.SearchStrategy[tuple[int, ...]]:
    cuts = st.lists(st.integers(1, size - 1), unique=True).map(sorted)
    return cuts.map(lambda places: tuple(np.diff([0, *places, size]).tolist()))


@EVERY
@pytest.mark.parametrize("dtype", ["float32", ">f4", ">f8", "float16", "int16"])
def test_every_dtype_is_computed_in_float64(name: str, dtype: str) -> None:
    rows = np.nan_to_num(np.round(16 * noise(3, (6, 24)))) if dtype == "int16" else noise(3, (6, 24))
    values = rows.astype(dtype)
    out = STATISTICS[name](label(values))
    assert out.identical(STATISTICS[name](label(values.astype("float64"))))
    columns = {column: str(out[column].dtype) for column in out}
    assert columns.pop("n") == "int32" and columns.pop("status") == "uint8" and set(columns.values()) == {"float64"}


# --- axes ---


@EVERY
def test_an_unsorted_axis_is_an_error_before_anything_is_computed(name: str) -> None:
    da = label(noise(1, (3, 24)))
    for places in (np.r_[1, 0, 2:24], np.r_[0:23, 22], np.r_[5, 0:24]):
        for lazy in (False, True):
            with pytest.raises(CalendarError):
                STATISTICS[name](da.isel(time=places).chunk(cell=1) if lazy else da.isel(time=places))


@EVERY
def test_several_chunks_along_time_are_an_error_that_says_how_to_mend_it(name: str) -> None:
    da = label(noise(1, (3, 24)))
    with pytest.raises(ChunkError) as caught:
        STATISTICS[name](da.chunk(cell=2, time=12))
    assert '.chunk({"time": -1})' in caught.value.next
    mended = STATISTICS[name](da.chunk(cell=2, time=12).chunk({"time": -1}))
    assert mended.compute(scheduler="synchronous").identical(STATISTICS[name](da))


# --- degenerate and extreme values ---


def expectations(out: xr.Dataset, rows: np.ndarray, min_valid: int = 3) -> None:
    """The value and the reason that every cell must have."""
    names = [column for column in out if column not in ("n", "status")]
    assert set(np.unique(out.status)) <= {0, 1, 2, 3, 4}
    for cell, row in enumerate(rows):
        valid, one = row[np.isfinite(row)], out.isel(cell=cell)
        assert int(one.n) == valid.size
        if valid.size < min_valid:
            assert one.status == (2 if valid.size else 1)
            assert all(np.isnan(one[column]) for column in names)
        elif valid.min() == valid.max():
            constant(one, float(valid[0]))
        else:
            assert one.status != 1


def constant(one: xr.Dataset, level: float) -> None:
    assert one.status == 3
    for column in ("slope", "slope_lower", "slope_upper", "stderr", "s", "var_s", "z"):
        assert column not in one or one[column] == 0, column
    assert "p_value" not in one or one.p_value == 1
    assert "tau" not in one or np.isnan(one.tau)
    assert "intercept" not in one or one.intercept == level


@EVERY
@settings(max_examples=examples(15), deadline=None)
@given(rows=tables(st.one_of(FRACTIONS, st.sampled_from([np.inf, -np.inf])), least=1))
def test_every_cell_has_its_value_or_a_reason(name: str, rows: np.ndarray) -> None:
    if "seasonal" in name:
        return
    with np.errstate(all="raise"):
        out = STATISTICS[name](label(rows))
        gaps = STATISTICS[name](label(np.where(np.isfinite(rows), rows, np.nan)))
    assert out.identical(gaps)  # an infinite value is a missing one
    expectations(out, rows)
    done = out.where(out.status == 0)
    if "p_value" in out:
        assert ((done.p_value >= 0) & (done.p_value <= 1) | done.p_value.isnull()).all()
    if "tau" in out:
        assert (done.tau.isnull() | (abs(done.tau) <= 1 + 1e-12)).all()
        assert (done.var_s.isnull() | (done.var_s > 0)).all()
    if "slope_lower" in out:
        inside = (done.slope_lower <= done.slope) & (done.slope <= done.slope_upper)
        assert (inside | done.slope_lower.isnull() | done.slope_upper.isnull()).all()


@EVERY
@settings(max_examples=examples(15), deadline=None)
@given(rows=tables(EXTREMES, least=1))
def test_no_value_is_an_exception_from_inside_a_block(name: str, rows: np.ndarray) -> None:
    da = label(rows)
    out = STATISTICS[name](da)
    assert out.sizes["cell"] == len(rows) and set(np.unique(out.status)) <= {0, 1, 2, 3, 4}
    lazy = STATISTICS[name](da.chunk(cell=1)).compute(scheduler="synchronous")
    assert lazy.identical(out)


@EVERY
def test_min_valid_and_degenerate_cells(name: str) -> None:
    rows = np.full((7, 24), np.nan)
    rows[1, :9] = np.arange(9.0) % 5
    rows[2] = 0.1
    rows[3, ::2] = 0.1 + 0.2
    rows[4] = np.inf
    rows[5] = -0.0
    rows[5, ::3] = 0.0
    rows[6, 4:16] = np.arange(12.0) * 5 % 12
    for lazy in (False, True):
        da = label(rows).chunk(cell=2) if lazy else label(rows)
        with np.errstate(all="raise"):
            out = STATISTICS[name](da, min_valid=10).compute(scheduler="synchronous")
        expectations(out, rows, 10)
        assert out.status.values.tolist() == [1, 2, 3, 3, 1, 3, 0]


@EVERY
def test_no_cells_at_all(name: str) -> None:
    out = STATISTICS[name](label(np.empty((0, 24))))
    assert out.sizes["cell"] == 0 and out.status.dtype == np.uint8
