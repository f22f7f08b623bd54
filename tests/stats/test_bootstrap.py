from collections.abc import Callable

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, VariableError
from smcloud.stats import area_weighted_series, area_weighted_sums, block_sequence, bootstrap, fdr, linear_trend
from smcloud.stats.time_axis import as_numbers

YEARS = np.arange(2000, 2022)
SEQUENCE_OF_SEED_1 = [10, 11, 12, 11, 12, 13, 16, 17, 18, 20, 21, 0, 0, 1, 2, 3, 4, 5, 18, 19, 20, 20]


def slope(da: xr.DataArray) -> xr.DataArray:
    return linear_trend(da).slope


def itself(da: xr.DataArray) -> xr.DataArray:
    return da


def line_and_rest(row: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares line at every step, and the enlarged residuals."""
    valid = np.isfinite(row)
    line = np.polyval(np.polyfit(t[valid] - 2010, row[valid], 1), t - 2010)
    return line, (row - line) * np.sqrt(valid.sum() / (valid.sum() - 2))


# --- the sequence ---


@pytest.mark.parametrize(("years", "block"), [(22, 1), (22, 3), (22, 22), (7, 5), (1, 1)])
def test_blocks_are_consecutive_years_of_a_circle(years: int, block: int) -> None:
    sequence = block_sequence(years, block, 200, seed=7)
    assert sequence.shape == (200, years) and sequence.min() >= 0 and sequence.max() == years - 1
    for begin in range(0, years, block):
        part = sequence[:, begin : begin + block]
        assert (part == (part[:, :1] + np.arange(part.shape[1])) % years).all()


def test_every_year_is_drawn_equally_often_and_blocks_are_independent() -> None:
    sequence = block_sequence(22, 3, 20_000, seed=11)
    for position in (0, 2, 4, 21):
        share = np.bincount(sequence[:, position], minlength=22) / 20_000
        assert np.abs(share - 1 / 22).max() < 4.5 * np.sqrt(1 / 22 / 20_000)
    same = (sequence[:, 0] == sequence[:, 3]).mean()
    assert abs(same - 1 / 22) < 4.5 * np.sqrt(1 / 22 / 20_000)


def test_the_seed_decides() -> None:
    one = block_sequence(22, 3, 50, seed=1)
    assert (one == block_sequence(22, 3, 50, seed=1)).all()
    assert (one != block_sequence(22, 3, 50, seed=2)).any()
    assert one[0].tolist() == SEQUENCE_OF_SEED_1


# --- replicates ---


@pytest.mark.parametrize("block", [1, 4])
def test_replicates_are_the_line_and_residuals_of_the_drawn_years(
    block: int, difficult: np.ndarray, annual: Callable
) -> None:
    seen = []

    def watch(da: xr.DataArray) -> xr.DataArray:
        seen.append(da)
        return da

    rows = np.vstack([difficult[:55], np.full(22, 0.25)])
    out = bootstrap(watch, annual(rows), block=block, replicates=40, seed=3)
    (resampled,) = (da for da in seen if "replicate" in da.dims)
    assert resampled.dims == ("replicate", "cell", "time") and (resampled.time == YEARS).all()
    sequence = block_sequence(22, block, 40, seed=3)
    for cell, row in enumerate(rows):
        line, rest = line_and_rest(row, YEARS)
        expected = line + rest[sequence]
        np.testing.assert_allclose(resampled.isel(cell=cell), expected, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(row)))
    values = resampled.transpose(..., "replicate").values
    np.testing.assert_array_equal(out.replicates, np.isfinite(values).sum(axis=-1))
    np.testing.assert_allclose(out.stderr, np.nanstd(values, axis=-1, ddof=1), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(out.lower, np.nanquantile(values, 0.025, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(out.upper, np.nanquantile(values, 0.975, axis=-1), rtol=1e-12)
    np.testing.assert_array_equal(out.estimate, rows)


def test_months_stay_in_their_place_of_the_year(rng: np.random.Generator) -> None:
    months = pd.date_range("2000-01-01", periods=96, freq="MS")
    # Each year is symmetric about its middle, so that the cycle does not tilt the line.
    season = np.tile(100 * np.cos(np.pi * (np.arange(12) - 5.5) / 6), 8)
    da = xr.DataArray(season + rng.normal(size=96), dims="time", coords={"time": months})
    left = bootstrap(lambda x: x - season, da, block=2, replicates=50, seed=1)
    assert float(left.lower.min()) > -5 and float(left.upper.max()) < 5
    sequence = block_sequence(8, 2, 50, seed=1)
    january = bootstrap(lambda x: x.isel(time=slice(0, None, 12)), da, block=2, replicates=50, seed=1)
    _, rest = line_and_rest(da.values, as_numbers(da.indexes["time"]))
    spread = np.std(rest[::12][sequence], axis=0, ddof=1)
    np.testing.assert_allclose(january.stderr, spread, rtol=1e-9)
    with pytest.raises(CalendarError, match="whole years"):
        bootstrap(slope, da[3:], block=2, replicates=50, seed=1)


@pytest.mark.parametrize("block", [1, 3, 5])
def test_the_spread_of_a_slope_in_closed_form(block: int, rng: np.random.Generator, annual: Callable) -> None:
    # Blocks are drawn independently, and each begins at one of 22 years: the variance is a sum over blocks.
    row = rng.normal(size=22).cumsum()
    _, rest = line_and_rest(row, YEARS)
    weight = (YEARS - YEARS.mean()) / ((YEARS - YEARS.mean()) ** 2).sum()
    variance, mean_variance = 0.0, 0.0
    for begin in range(0, 22, block):
        steps = np.arange(begin, min(begin + block, 22))
        drawn = rest[(np.arange(22)[:, np.newaxis] + np.arange(steps.size)) % 22]
        variance += np.var(drawn @ weight[steps])
        mean_variance += np.var(drawn.sum(axis=1) / 22)
    count = 6000
    out = bootstrap(slope, annual(row), block=block, replicates=count, seed=5)
    assert abs(float(out.stderr) ** 2 / variance - 1) < 4 * np.sqrt(2 / count)
    middle = (float(out.lower) + float(out.upper)) / 2
    assert abs(middle - float(out.estimate)) < 0.1 * np.sqrt(variance)
    mean = bootstrap(lambda da: da.mean("time"), annual(row), block=block, replicates=count, seed=5)
    assert abs(float(mean.stderr) ** 2 / mean_variance - 1) < 4 * np.sqrt(2 / count)
    if block == 1:  # the usual standard error of a slope, with n in place of n - 1
        np.testing.assert_allclose(np.sqrt(variance), linear_trend(annual(row)).stderr, rtol=1e-9)


def test_all_cells_move_together(rng: np.random.Generator, annual: Callable) -> None:
    noise = rng.normal(size=22)
    cells = annual(np.stack([noise, 3 * noise + 0.1 * np.arange(22), -noise]))
    out = bootstrap(slope, cells, block=3, replicates=500, seed=5)
    np.testing.assert_allclose(out.stderr / out.stderr[0], [1, 3, 1], rtol=1e-9)
    together = bootstrap(lambda da: slope(da.isel(cell=[0, 2])).sum("cell"), cells, block=3, replicates=500, seed=5)
    assert float(together.stderr) < 1e-12 * float(out.stderr[0])
    alone = bootstrap(slope, cells[[1]], block=3, replicates=500, seed=5)
    assert alone.identical(out.isel(cell=[1]))


# --- coverage ---


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "block", "coverage"), [(0.0, 1, 0.93), (0.0, 3, 0.90), (0.3, 3, 0.86), (0.6, 3, 0.71)])
def test_coverage_of_the_mean_slope_of_a_region(
    phi: float, block: int, coverage: float, rng: np.random.Generator, ar1: Callable
) -> None:
    worlds, cells, trend = 800, 6, 0.07
    shared = ar1(rng, worlds, 22, phi)[..., np.newaxis]
    own = ar1(rng, worlds * cells, 22, phi).reshape(worlds, cells, 22).swapaxes(1, 2)
    field = 0.6 * shared + 0.8 * own + trend * np.arange(22)[:, np.newaxis] + 0.3
    da = xr.DataArray(field, dims=("world", "time", "cell"), coords={"time": YEARS})
    out = bootstrap(lambda x: slope(x.mean("cell")), da, block=block, replicates=150, seed=9)
    inside = (out.lower <= trend) & (trend <= out.upper)
    assert abs(float(inside.mean()) - coverage) < 4 * np.sqrt(2 * coverage * (1 - coverage) / worlds)
    if phi == 0 and block == 1:  # with cells drawn apart the ratio would be 0.6
        assert 0.9 < float(out.stderr.mean() / out.estimate.std()) < 1.1


def ddww_share(da: xr.DataArray, dry: xr.DataArray) -> xr.DataArray:
    """Share of dry cells that get drier and wet cells that get wetter in all significant change."""
    trend = linear_trend(da)
    changed = trend.p_value < 0.05
    follows = changed & ((trend.slope < 0) == dry)
    return follows.sum(("lat", "lon")) / changed.sum(("lat", "lon"))


def test_coverage_of_a_ddww_share(rng: np.random.Generator) -> None:
    side, worlds = 10, 800
    distance = np.abs(np.subtract.outer(np.arange(side), np.arange(side)))
    root = np.linalg.cholesky(np.exp(-distance / 4))
    dry = xr.DataArray(np.arange(side) < 5, dims="lon")
    trend = np.where(dry, -0.12, 0.12) * np.where(np.arange(side)[:, np.newaxis] < 6, 1, -0.5)
    noise = root @ rng.normal(size=(worlds, 22, side, side)) @ root.T
    da = xr.DataArray(
        noise + trend * np.arange(22)[:, np.newaxis, np.newaxis], dims=("world", "time", "lat", "lon"),
        coords={"time": YEARS},
    )  # fmt: skip
    expected = float(ddww_share(da, dry).mean())
    out = bootstrap(lambda x: ddww_share(x, dry), da[:100], block=2, replicates=80, seed=4)
    assert 0.7 < expected < 0.95
    inside = (out.lower <= expected) & (expected <= out.upper)
    assert float(inside.mean()) > 0.8
    assert 0.6 < float(out.stderr.mean() / out.estimate.std()) < 1.6


# --- laziness, missing values, arguments ---


def test_a_lazy_statistic_holds_one_replicate_of_a_block(field: xr.DataArray) -> None:
    def watch(da: xr.DataArray) -> xr.DataArray:
        if "replicate" in da.dims:
            assert da.chunksizes == {"replicate": (1,) * 40, "lat": (4, 2), "lon": (7,), "time": (22,)}
        return slope(da)

    assert bootstrap(watch, field.chunk(lat=4), block=3, replicates=40, seed=6).stderr.chunks


@pytest.fixture
def field(rng: np.random.Generator) -> xr.DataArray:
    values = rng.normal(size=(22, 6, 7)) + 0.1 * np.arange(22)[:, np.newaxis, np.newaxis] * np.sign(np.arange(7) - 3)
    values[rng.random(values.shape) < 0.1] = np.nan
    values[:, 2, 2] = np.nan
    coords = {"time": YEARS, "lat": np.linspace(75, -75, 6), "lon": np.linspace(-150, 150, 7)}
    return xr.DataArray(values.astype("float32"), dims=("time", "lat", "lon"), coords=coords)


def ddww_area_share(da: xr.DataArray) -> xr.DataArray:
    """As the product: area-weighted, over the cells that pass the false discovery rate."""
    trend = linear_trend(da)
    changed = fdr(trend.p_value, alpha=0.2, dims=("lat", "lon")).significant
    follows = changed & ((trend.slope < 0) == (da.lon < 0))
    groups = ((da.lat >= -90) & (da.lon >= -180)).expand_dims(region=["all"])
    weights = np.cos(np.radians(da.lat)) * xr.ones_like(da.lon)
    areas = [area_weighted_sums(mask.astype(float), weights, groups)["sum"] for mask in (follows, changed)]
    return areas[0] / areas[1]


def regional_slope(da: xr.DataArray) -> xr.DataArray:
    groups = (da.lat > xr.DataArray([-90.0, 0.0], dims="region")) & (da.lon >= -180)
    weights = np.cos(np.radians(da.lat)) * xr.ones_like(da.lon)
    return slope(area_weighted_series(da.transpose(..., "time", "lat", "lon"), weights, groups)["mean"])


@pytest.mark.slow
@pytest.mark.parametrize("statistic", [slope, regional_slope, ddww_area_share])
def test_lazy_is_eager_for_any_chunks(statistic: Callable, field: xr.DataArray) -> None:
    eager = bootstrap(statistic, field, block=3, replicates=40, seed=6)
    assert not eager.stderr.isnull().all() and (eager.lower <= eager.upper).any()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed before it was asked for")

    for chunks in ({"lat": 2, "lon": 3}, {"lat": 5}):
        with dask.config.set(scheduler=refuse):
            lazy = bootstrap(statistic, field.chunk(chunks), block=3, replicates=40, seed=6)
        assert all(variable.chunks for variable in lazy.data_vars.values() if variable.ndim)
        assert lazy.compute(scheduler="threads").identical(eager)


def test_missing_samples_stay_missing_where_their_year_is_drawn(annual: Callable, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(4, 22))
    rows[0, 5:] = np.nan
    rows[1, 2:] = np.nan
    rows[2] = np.inf
    out = bootstrap(lambda da: linear_trend(da, min_valid=5).slope, annual(rows), block=2, replicates=60, seed=1)
    counts = np.isfinite(rows[0])[block_sequence(22, 2, 60, seed=1)].sum(axis=1)
    assert out.replicates.values.tolist() == [(counts >= 5).sum(), 0, 0, 60]
    assert 0 < int(out.replicates[0]) < 60
    assert out[["stderr", "lower", "upper"]].isel(cell=[1, 2]).to_dataarray().isnull().all()


def test_a_descending_axis_is_the_same_series(field: xr.DataArray) -> None:
    there = bootstrap(slope, field, block=3, replicates=40, seed=6)
    assert bootstrap(slope, field[::-1], block=3, replicates=40, seed=6).identical(there)


def test_scaling(annual: Callable, rng: np.random.Generator) -> None:
    da = annual(rng.normal(size=(5, 22)))
    plain = bootstrap(slope, da, block=3, replicates=40, seed=6)
    for factor in (1e-8, 1e8):
        out = bootstrap(slope, da * factor, block=3, replicates=40, seed=6)
        for name in ("estimate", "stderr", "lower", "upper"):
            np.testing.assert_allclose(out[name], plain[name] * factor, rtol=1e-9)


def test_arguments(field: xr.DataArray) -> None:
    for block in (0, 23):
        with pytest.raises(ConfigurationError, match="block length"):
            bootstrap(slope, field, block=block, replicates=40, seed=1)
    with pytest.raises(ConfigurationError, match="too few replicates") as caught:
        bootstrap(slope, field, block=3, replicates=39, seed=1)
    assert "40" in caught.value.expected
    with pytest.raises(ConfigurationError, match="no replicate"):
        block_sequence(22, 3, 0, seed=1)
    with pytest.raises(VariableError, match="replicates apart"):
        bootstrap(lambda da: da.mean(), field, block=3, replicates=40, seed=1)
    with pytest.raises(CalendarError):
        bootstrap(slope, field.drop_sel(time=2009), block=3, replicates=40, seed=1)
    with pytest.raises(ChunkError):
        bootstrap(slope, field.chunk(time=11), block=3, replicates=40, seed=1)
