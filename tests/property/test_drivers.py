"""What holds for every statistic of a target and its drivers, and for the control of false discoveries."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smcloud.errors import CalendarError, ChunkError
from smcloud.stats import (
    fdr,
    leading_driver,
    linear_trend,
    partial_correlation,
    standardised_regression,
    trend_contribution,
)
from tests.examples import examples

pytestmark = pytest.mark.slow

STATISTICS: dict[str, Callable[..., xr.Dataset]] = {
    "partial": partial_correlation,
    "partial, effective": partial(partial_correlation, dof="effective"),
    "partial, ranks": partial(partial_correlation, method="spearman", dof="effective"),
    "regression": standardised_regression,
    "contribution": trend_contribution,
    "contribution, time not held": partial(trend_contribution, control_time=False),
    "lead": leading_driver,
}
HOLD_TIME = ("contribution", "lead")
EVERY = pytest.mark.parametrize("name", STATISTICS)
YEARS = 2000.0 + np.arange(22)
SEEDS = st.integers(0, 2**32 - 1)


def world(seed: int, shape: tuple[int, ...], k: int, gaps: float = 0.05) -> tuple[xr.DataArray, xr.Dataset]:
    """A target near 0.3 and k related drivers on levels of their own, with trends and gaps; dims lat, lon, time."""
    rng = np.random.default_rng(seed)
    common, t = rng.normal(size=(*shape, 22)), np.arange(22) / 22
    values = {f"d{j}": rng.normal(size=(*shape, 22)) + 0.7 * (-1) ** j * common + j * t for j in range(k)}
    values = {name: 20.0 * j + 3.0**j * v for j, (name, v) in enumerate(values.items())}
    target = 0.3 + 0.02 * (common + rng.normal(size=common.shape) + t)
    for array in (target, *values.values()):
        array[rng.random(array.shape) < gaps] = np.nan
    dims = (*("lat", "lon")[: len(shape)], "time")
    drivers = xr.Dataset({name: (dims, v) for name, v in values.items()}, {"time": YEARS})
    return xr.DataArray(target, dims=dims, coords={"time": YEARS}), drivers


def complete(target: xr.DataArray, drivers: xr.Dataset) -> xr.DataArray:
    return target.notnull() & drivers.to_dataarray().notnull().all("variable")


def reversed_in_time(array: xr.DataArray) -> xr.DataArray:
    return array.copy(data=array.values[..., ::-1])


# --- the identities ---


@settings(max_examples=examples(15), deadline=None)
@given(seed=SEEDS, k=st.integers(1, 5), gaps=st.sampled_from([0.0, 0.05]))
def test_partial_r_is_the_correlation_of_residuals(seed: int, k: int, gaps: float) -> None:
    target, drivers = world(seed, (4,), k, gaps)
    out, together = partial_correlation(target, drivers), complete(target, drivers)
    for cell in range(4):
        both = together[cell].values
        if both.sum() < k + 3:
            assert np.isnan(out.r[:, cell]).all()
            continue
        for j, name in enumerate(drivers):
            controls = [drivers[other][cell].values[both] for other in drivers if other != name]
            design = np.vstack([np.ones(both.sum()), *[(c - c.mean()) / c.std() for c in controls]]).T
            y, x = (v - v.mean() for v in (target[cell].values[both], drivers[name][cell].values[both]))
            rest = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (y, x)]
            r = rest[0] @ rest[1] / np.sqrt((rest[0] @ rest[0]) * (rest[1] @ rest[1]))
            assert abs(float(out.r[j, cell]) - r) < 1e-12


@settings(max_examples=examples(15), deadline=None)
@given(seed=SEEDS, k=st.integers(1, 6))
def test_shares_add_up_to_r2_and_contributions_to_the_slope(seed: int, k: int) -> None:
    target, drivers = world(seed, (5,), k, 0.03)
    shares, parts = standardised_regression(target, drivers), trend_contribution(target, drivers)
    enough, most = shares.n >= k + 2, parts.n >= k + 3
    np.testing.assert_allclose(shares.lmg.sum("driver")[enough], shares.r2[enough], rtol=0, atol=1e-12)
    assert (shares.lmg >= -1e-12)[:, enough].all() and (shares.r2 <= 1 + 1e-12)[enough].all()
    slope = linear_trend(target.where(complete(target, drivers))).slope
    total = parts.contribution.sum("driver") + parts.unexplained
    np.testing.assert_allclose(total[most], slope[most], rtol=1e-10, atol=1e-15)
    assert int(most.sum()) > 2


# --- time reversal, scale, level ---


@EVERY
@settings(max_examples=examples(6), deadline=None)
@given(seed=SEEDS, k=st.integers(1, 4))
def test_time_reversal_scale_and_level(name: str, seed: int, k: int) -> None:
    target, drivers = world(seed, (6,), k)
    plain = STATISTICS[name](target, drivers)
    slopes, sizes = ("contribution", "unexplained", "slope"), ("stderr", "stderr_total", "effect")
    changes = {
        "reversal": (reversed_in_time(target), drivers.map(reversed_in_time), -1.0),
        "small": (target * 1e-8, drivers * 1e8, 1e-8),
        "large": (target * 1e8, drivers * 1e-8, 1e8),
        "level": (target + 50, drivers - 300, 1.0),
    }
    for change, (y, x, factor) in changes.items():
        other = STATISTICS[name](y, x)
        assert (other.n == plain.n).all() and (other.status == plain.status).all()
        for column in set(plain) - {"n", "status"}:
            scale = abs(factor) if column in slopes + sizes else 1.0
            expected = plain[column] * (factor if column in slopes else scale)
            np.testing.assert_allclose(other[column], expected, rtol=1e-7, atol=1e-10 * scale, err_msg=change)


# --- chunks, neighbours, order, dtype: the same bits ---


@EVERY
@settings(max_examples=examples(6), deadline=None)
@given(seed=SEEDS, k=st.integers(1, 3), data=st.data())
def test_chunks_neighbours_and_order_change_no_bit(name: str, seed: int, k: int, data: st.DataObject) -> None:
    target, drivers = world(seed, (4, 3), k)
    target[0, 0] = np.nan
    drivers["d0"][1, 1] = 5.0
    target, drivers = target.astype("float32"), drivers.astype("float32")
    whole = STATISTICS[name](target, drivers)
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 3))
    a, b = data.draw(sizes), data.draw(sizes)
    lazy = STATISTICS[name](
        target.transpose("time", "lon", "lat").chunk(lat=a[0], lon=a[1]), drivers.chunk(lat=b[0], lon=b[1])
    )
    assert all(variable.chunks for variable in lazy.data_vars.values())
    assert lazy.compute(scheduler="synchronous").transpose(..., "lat", "lon").identical(whole)
    order = np.array(data.draw(st.permutations(range(4))))
    assert STATISTICS[name](target[order], drivers.isel(lat=order)).identical(whole.isel(lat=order))
    place = {"lat": data.draw(st.integers(0, 3)), "lon": data.draw(st.integers(0, 2))}
    assert STATISTICS[name](target.isel(place), drivers.isel(place)).identical(whole.isel(place))
    wide = STATISTICS[name](target.astype("float64"), drivers.astype("float64"))
    assert wide.identical(whole)
    back = {"time": slice(None, None, -1)}
    assert STATISTICS[name](target.isel(back), drivers.isel(back)).identical(whole)


@EVERY
@pytest.mark.parametrize("dtype", [">f4", ">f8", "float16", "int16"])
def test_every_dtype_is_computed_in_float64(name: str, dtype: str) -> None:
    target, drivers = (x.round(1) * 10 for x in world(5, (5,), 2, 0.0))
    given = STATISTICS[name](target.astype(dtype), drivers.astype(dtype))
    assert given.identical(STATISTICS[name](target.astype(dtype).astype(float), drivers.astype(dtype).astype(float)))


# --- axes ---


@EVERY
def test_a_bad_axis_is_an_error(name: str) -> None:
    target, drivers = world(1, (3,), 2)
    unsorted = {"time": np.r_[1, 0, 2:22]}
    with pytest.raises(CalendarError):
        STATISTICS[name](target.isel(unsorted), drivers.isel(unsorted))
    for y, x in ((target.chunk(time=11), drivers), (target, drivers.chunk(time=11))):
        with pytest.raises(ChunkError) as caught:
            STATISTICS[name](y, x)
        assert '.chunk({"time": -1})' in caught.value.next


# --- degenerate input ---

VALUES = st.one_of(st.integers(-2, 2).map(float), st.integers(-400, 400).map(lambda k: k / 64), st.just(np.nan))
EXTREMES = st.one_of(VALUES, st.floats(), st.sampled_from([np.inf, -np.inf, 5e-324, 1.7e308]))


def drawn(elements: st.SearchStrategy[float]) -> st.SearchStrategy[tuple[np.ndarray, int]]:
    """Target and 1-3 drivers of 1-14 steps in 1-3 cells, (1 + k, cells, steps)."""
    shape = st.tuples(st.integers(2, 4), st.integers(1, 3), st.integers(1, 14))
    return shape.flatmap(lambda size: hnp.arrays(np.float64, size, elements=elements))


def labelled(values: np.ndarray) -> tuple[xr.DataArray, xr.Dataset]:
    arrays = [xr.DataArray(v, dims=("cell", "time"), coords={"time": np.arange(v.shape[1])}) for v in values]
    return arrays[0], xr.Dataset({f"d{j}": v for j, v in enumerate(arrays[1:])})


def settled(series: np.ndarray, least: int) -> np.ndarray:
    """Target and drivers (1 + k, step) of a cell, 0 for the drivers that it cannot use: none of their gaps counts."""
    series = series.copy()

    def idle(j: int, cases: np.ndarray) -> bool:
        return not cases.any() or np.ptp(series[j, cases]) == 0

    if np.isfinite(series[1:][:, np.isfinite(series[0])]).all():
        return series
    for j in range(1, len(series)):
        if idle(j, np.isfinite(series[[0, j]]).all(axis=0)):
            series[j] = 0.0
    while True:
        cases = np.isfinite(series).all(axis=0)
        more = [j for j in range(1, len(series)) if cases.sum() >= least and series[j].any() and idle(j, cases)]
        if not more:
            return series
        series[more[0]] = 0.0


@EVERY
@settings(max_examples=examples(15), deadline=None)
@given(values=drawn(VALUES))
def test_every_cell_has_its_value_or_a_reason(name: str, values: np.ndarray) -> None:
    target, drivers = labelled(values)
    k = len(drivers)
    with np.errstate(all="raise"):
        out = STATISTICS[name](target, drivers)
    least = k + 2 + (name in HOLD_TIME)  # for a partial correlation of k - 1 controls that is controls + 3
    values = np.stack([settled(values[:, cell], least) for cell in range(values.shape[1])], axis=1)
    together = complete(*labelled(values)).values
    found = {column: out[column].values for column in out}  # (driver, cell) or (cell,)
    own = [column for column in ("r", "contribution", "effect", "lmg") if column in found]
    for cell, both in enumerate(together):
        y, status = values[0, cell, both], found["status"][:, cell]
        assert found["n"][cell] == both.sum()
        if both.sum() < least:
            assert (status == (2 if both.any() else 1)).all()
            assert all(np.isnan(found[column][..., cell]).all() for column in set(found) - {"n", "status"})
            continue
        flat = np.array([np.ptp(values[1 + j, cell, both]) == 0 for j in range(k)])
        assert (status[flat] == 5).all()
        if np.ptp(y) == 0:
            assert (status[~flat] == 3).all()
            assert "r" not in found or np.isnan(found["r"][:, cell]).all()
            assert "r" not in found or (found["p_value"][~flat, cell] == 1).all()
            continue
        lone = name in ("partial, effective", "partial, ranks") and (both[1:] & both[:-1]).sum() < 5
        known = 2 if lone else 0  # r stands, but not how sure it is
        assert set(status[~flat].tolist()) <= {known, 6}
        for column in own:
            np.testing.assert_array_equal(np.isnan(found[column][:, cell]), status != known)
        if lone:
            assert np.isnan(found["p_value"][:, cell]).all() and np.isnan(found["n_effective"][:, cell]).all()
    if "r" in out:
        fine = out.where(out.status == 0)
        for column, low, high in (("r", -1, 1), ("p_value", 0, 1), ("df", 1, 12)):
            assert (fine[column].isnull() | ((fine[column] >= low) & (fine[column] <= high))).all()
        assert (fine.r.isnull() | ((fine.r_lower <= fine.r) & (fine.r <= fine.r_upper))).all()


@EVERY
@settings(max_examples=examples(15), deadline=None)
@given(values=drawn(EXTREMES))
def test_no_value_is_an_exception_from_inside_a_block(name: str, values: np.ndarray) -> None:
    target, drivers = labelled(values)
    out = STATISTICS[name](target, drivers)
    assert set(np.unique(out.status)) <= {0, 1, 2, 3, 5, 6}
    lazy = STATISTICS[name](target.chunk(cell=1), drivers.chunk(cell=2)).compute(scheduler="synchronous")
    assert lazy.identical(out)


@EVERY
def test_constant_and_collinear_drivers_leave_the_others(name: str) -> None:
    target, drivers = world(9, (4,), 2, 0.0)
    alone = STATISTICS[name](target, drivers)
    more = drivers.assign(flat=xr.full_like(drivers["d0"], 0.1), twin=3 - 2 * drivers["d1"])
    out = STATISTICS[name](target, more)
    assert out.status.transpose("lat", "driver").values.tolist() == [[0, 6, 5, 6]] * 4
    # Two that tell the same share what they explain over the orders of entry, so the shares of the others change.
    # A lead over one of these two is not shown, whatever the others do.
    shared = {"p_value", "df"} if name == "lead" else set()
    for column in set(out) - {"n", "status", "r2", "unexplained", "slope", "lmg"} - shared:
        np.testing.assert_allclose(out[column].sel(driver="d0"), alone[column].sel(driver="d0"), rtol=1e-9, atol=1e-12)
        assert out[column].sel(driver=["flat", "twin", "d1"]).isnull().all() or column in ("df", "n_effective")


# --- false discoveries ---


@settings(max_examples=examples(15), deadline=None)
@given(p=hnp.arrays(np.float64, (4, 6), elements=st.one_of(st.floats(0, 1), st.just(np.nan))), data=st.data())
def test_false_discovery_control_knows_no_order_and_no_chunks(p: np.ndarray, data: st.DataObject) -> None:
    field = xr.DataArray(p, dims=("lat", "lon"))
    whole = fdr(field, alpha=0.1)
    lazy = fdr(field.chunk(lat=data.draw(st.integers(1, 4)), lon=data.draw(st.integers(1, 6))), alpha=0.1)
    assert lazy.compute(scheduler="synchronous").identical(whole)
    order = np.array(data.draw(st.permutations(range(6))))
    assert fdr(field[:, order], alpha=0.1).identical(whole.isel(lon=order))
    valid = np.isfinite(p)
    assert (whole.p_adjusted.isnull().values == ~valid).all() and not whole.significant.values[~valid].any()
    without = fdr(xr.DataArray(p[valid], dims="cell"), alpha=0.1)  # missing ones do not count as tests
    np.testing.assert_array_equal(whole.p_adjusted.values[valid], without.p_adjusted)
    m, found = valid.sum(), int(whole.significant.sum())
    assert found == max((i + 1 for i, q in enumerate(np.sort(p[valid])) if q * m / (i + 1) <= 0.1), default=0)
