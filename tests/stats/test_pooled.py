"""The pooled trend against a plain transcription of its definition, and its pools against distances on the sphere."""

import math

import dask.array
import numpy as np
import pytest
import scipy.stats
import xarray as xr

from smcloud.errors import CalendarError, ChunkError, ConfigurationError, GridError
from smcloud.stats import cell_area, linear_trend, pooled_trend
from smcloud.stats.area import EARTH_RADIUS_KM
from smcloud.stats.engine.pools import FEWEST, PHIS, nearest
from tests.examples import examples

YEARS = np.arange(2000, 2022)


def field(seed, lat, lon, phi=0.4, gaps=0.2, slope=0.0):
    """AR(1) noise of an autocorrelation that rises with latitude, gaps, and a trend."""
    rng = np.random.default_rng(seed)
    shape = (YEARS.size, len(lat), len(lon))
    noise, own = rng.normal(size=shape), phi * np.linspace(0.2, 1, len(lat))[:, np.newaxis]
    for i in range(1, YEARS.size):
        noise[i] = own * noise[i - 1] + np.sqrt(1 - own**2) * noise[i]
    values = noise + slope * np.arange(YEARS.size)[:, np.newaxis, np.newaxis]
    values[rng.random(shape) < gaps] = np.nan
    return xr.DataArray(values, {"time": YEARS, "lat": lat, "lon": lon}, ("time", "lat", "lon"), name="sm")


def distances(lat, lon):
    """Great-circle distances in km between all cells of a grid, in the order of rows and columns."""
    a, b = (each.ravel() for each in np.meshgrid(np.deg2rad(lat), np.deg2rad(lon), indexing="ij"))
    half = np.sin((a[:, None] - a) / 2) ** 2 + np.cos(a)[:, None] * np.cos(a) * np.sin((b[:, None] - b) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


class Cell:
    """A series, its residuals and the matrices of its own gaps."""

    def __init__(self, x):
        at = np.flatnonzero(np.isfinite(x))
        t = at - at.mean()
        design = np.column_stack([np.ones_like(t), t])
        self.m = np.eye(at.size) - design @ np.linalg.solve(design.T @ design, design.T)
        self.e = self.m @ x[at]
        self.t, self.gap = t, np.abs(np.subtract.outer(at, at))
        self.lag = np.where(self.gap == 1, 0.5, 0.0)
        self.slope = (t @ x[at]) / (t @ t)

    def traces(self, phi):
        r = float(phi) ** self.gap
        return np.trace(self.m @ self.lag @ self.m @ r), np.trace(self.m @ r)

    def test(self, phi):
        r = float(phi) ** self.gap
        mr = self.m @ r
        variance = self.t @ r @ self.t / (self.t @ self.t) ** 2 * (self.e @ self.e) / np.trace(mr)
        return math.sqrt(variance), np.trace(mr) ** 2 / np.trace(mr @ mr)


def transcribed(da, radius):
    """Definition 7b with dense matrices: phi, pool, standard error, df and p of every cell."""
    lat, lon = da.lat.values, da.lon.values
    area = cell_area(da.lat, da.lon).values.ravel()
    cells = [Cell(series) for series in da.values.reshape(YEARS.size, -1).T]
    few = np.array([cell.lag.sum() < 5 for cell in cells])  # its sum is the number of pairs of neighbours
    far = np.where(few, np.inf, distances(lat, lon))
    out = []
    for own, cell in enumerate(cells):
        pool = np.flatnonzero(far[own] <= radius)
        if pool.size < 30:
            pool = np.argsort(far[own].round(4), kind="stable")[: min(30, (~few).sum())]
        weight = area[pool]
        rho = sum(w * cells[k].e @ cells[k].lag @ cells[k].e for w, k in zip(weight, pool, strict=True))
        rho /= sum(w * cells[k].e @ cells[k].e for w, k in zip(weight, pool, strict=True))
        ratio = []
        for phi in PHIS:
            lagged, variance = np.transpose([cells[k].traces(phi) for k in pool])
            ratio.append(weight @ lagged / (weight @ variance))
        phi = float(np.interp(rho, ratio, PHIS))
        stderr, df = cell.test(phi)
        out.append((phi, pool.size, cell.slope, stderr, df, 2 * scipy.stats.t.sf(abs(cell.slope / stderr), df)))
    return np.array(out).T


@pytest.mark.slow
@pytest.mark.parametrize(("lat", "lon", "radius"), [
    (np.arange(-62.5, 70, 15), np.arange(-170.0, 180, 20), 3000.0),  # round the globe
    (np.arange(80.0, 90.1, 2.5), np.arange(0.0, 360, 30), 900.0),  # with a row on the pole
    (np.arange(0.0, 8), np.arange(20.0, 29), 250.0),  # a window: pools end with it
    (np.arange(0.0, 4), np.arange(20.0, 24), 5000.0),  # fewer than 30 cells in all
])  # fmt: skip
def test_it_is_the_definition(lat, lon, radius):
    da = field(3, lat, lon, slope=0.05)
    got = pooled_trend(da, cell_area(da.lat, da.lon), radius_km=radius)
    expected = transcribed(da, radius)
    for name, column in zip(("r1_pooled", "n_pooled", "slope", "stderr", "df", "p_value"), expected, strict=True):
        np.testing.assert_allclose(got[name].values.ravel(), column, rtol=1e-8, atol=1e-12, err_msg=name)
    quantile = scipy.stats.t.ppf(0.975, got["df"])
    np.testing.assert_allclose(got["slope_upper"] - got["slope"], quantile * got["stderr"], rtol=1e-9)
    np.testing.assert_allclose(got["slope"] - got["slope_lower"], quantile * got["stderr"], rtol=1e-9)


def test_without_autocorrelation_it_is_least_squares():
    """Residuals that alternate have phi 0, and then the test is Student's."""
    lat, lon = np.arange(0.0, 6), np.arange(0.0, 6)
    da = field(5, lat, lon, gaps=0.1, slope=0.03)
    da = da + 20.0 * xr.DataArray((-1.0) ** YEARS, {"time": YEARS}, ("time",))
    got, ols = pooled_trend(da, cell_area(da.lat, da.lon)), linear_trend(da)
    assert (got["r1_pooled"] == 0).all()
    for name in ("slope", "slope_lower", "slope_upper", "stderr", "p_value"):
        np.testing.assert_allclose(got[name], ols[name], rtol=1e-9)
    np.testing.assert_allclose(got["df"], ols["n"] - 2, rtol=1e-12)


def test_cells_without_a_slope_are_in_no_pool():
    da = field(7, np.arange(0.0, 8), np.arange(0.0, 8), gaps=0.0)
    area = cell_area(da.lat, da.lon)
    whole = pooled_trend(da, area)
    da[:, 0, 0], da[:, 1, 1], da[5:, 2, 2] = np.nan, 0.3, np.nan
    got = pooled_trend(da, area, min_valid=15)
    assert got["status"].values[[0, 1, 2, 3], [0, 1, 2, 3]].tolist() == [1, 3, 2, 0]
    assert int(got["n_pooled"][3, 3]) == 61 and int(whole["n_pooled"][3, 3]) == 64
    assert got["n_pooled"].values[[0, 1, 2], [0, 1, 2]].tolist() == [0, 0, 0]
    none = got.isel(lat=[0, 2], lon=[0, 2])
    assert all(np.isnan(none[name].values[[0, 1], [0, 1]]).all() for name in ("slope", "p_value", "r1_pooled", "df"))
    constant = got.isel(lat=1, lon=1)
    assert constant["slope"] == constant["stderr"] == constant["slope_lower"] == 0 and constant["p_value"] == 1
    assert constant["r1_pooled"].isnull() and constant["r1_dispersion"].isnull()


def test_a_straight_line_is_certain():
    da = field(8, np.arange(0.0, 8), np.arange(0.0, 8), gaps=0.0)
    da[:, 4, 4] = 0.1 + 0.5 * (YEARS - 2000.0)
    got = pooled_trend(da, cell_area(da.lat, da.lon)).isel(lat=4, lon=4)
    assert got["p_value"] < 1e-200
    np.testing.assert_allclose(got["slope"], 0.5, rtol=1e-12)


def test_time_turned_round_turns_the_slope():
    da = field(9, np.arange(0.0, 7), np.arange(0.0, 7), slope=0.04)
    area = cell_area(da.lat, da.lon)
    got, turned = pooled_trend(da, area), pooled_trend(da.copy(data=da.values[::-1]), area)
    np.testing.assert_allclose(turned["slope"], -got["slope"], rtol=1e-9)
    for name in ("p_value", "stderr", "df", "r1_pooled", "r1_dispersion"):
        np.testing.assert_allclose(turned[name], got[name], rtol=1e-8)
    small = pooled_trend(da * 1e-8, area)
    np.testing.assert_allclose(small["p_value"], got["p_value"], rtol=1e-9)


def test_it_is_lazy_and_no_chunks_change_a_bit():
    """Bands of rows reach over their chunks, and lonely cells over the whole field."""
    lat, lon = np.arange(0.0, 40), np.arange(0.0, 12)
    da = field(10, lat, lon).astype("float32")
    da[:, 12:37, :9] = np.nan  # islands in the north and in the middle, far from the rest
    da[:, 2:6, 7] = 0.25
    area = cell_area(da.lat, da.lon)
    whole = pooled_trend(da, area, radius_km=400)
    assert int((whole["n_pooled"] == 30).sum()) > 10 and int(whole["n_pooled"].max()) > 40
    lazy = pooled_trend(da.chunk(), area, radius_km=400)
    assert all(isinstance(each.data, dask.array.Array) for each in lazy.data_vars.values())
    assert lazy["slope"].dtype == np.float64 and lazy["n_pooled"].dtype == np.int32
    bands = []
    for chunks in ({}, {"lat": 7, "lon": 5}, {"lat": (1, 13, 20, 6)}, {"lat": 20, "lon": 1}):
        other = pooled_trend(da.chunk(chunks), area.chunk(lat=11), radius_km=400)
        bands.append(len(other["slope"].chunksizes["lat"]))
        xr.testing.assert_identical(other.compute(), whole)
    assert bands == [1, 3, 2, 2]  # none has fewer than 11 rows: 7 are within the radius
    xr.testing.assert_identical(pooled_trend(da, area.chunk(lat=13), radius_km=400).compute(), whole)
    with pytest.raises(ChunkError, match="time"):
        pooled_trend(da.chunk(time=3), area)


def test_what_cannot_be_is_refused():
    da = field(11, np.arange(0.0, 4), np.arange(0.0, 4))
    area = cell_area(da.lat, da.lon)
    with pytest.raises(ConfigurationError, match="radius"):
        pooled_trend(da, area, radius_km=0)
    with pytest.raises(GridError, match="another grid"):
        pooled_trend(da, area.isel(lat=slice(2)))
    with pytest.raises(GridError, match="evenly"):
        pooled_trend(da.isel(lon=[0, 1, 3]), area.isel(lon=[0, 1, 3]))
    with pytest.raises(GridError, match="dimensions"):
        pooled_trend(da.expand_dims(member=2), area)
    with pytest.raises(CalendarError, match="complete"):
        pooled_trend(da.isel(time=[0, 1, 2, 5, 6]), area)


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [0.0, 0.15, 0.3])
@pytest.mark.parametrize("phi", [0.0, 0.2, 0.4, 0.6])
def test_its_size_is_near_five_percent(phi, gaps):
    """Independent cells of one phi: 0.02 to 0.06 of them are called significant where there is no trend."""
    rng = np.random.default_rng([int(10 * phi), int(100 * gaps)])
    fields, shape = examples(40), (YEARS.size, 12, 12)
    found, spread = [], []
    for _ in range(fields):
        values = rng.normal(size=shape)
        for i in range(1, YEARS.size):
            values[i] = phi * values[i - 1] + math.sqrt(1 - phi**2) * values[i]
        values[rng.random(shape) < gaps] = np.nan
        da = xr.DataArray(
            values, {"time": YEARS, "lat": np.arange(12.0), "lon": np.arange(12.0)}, ("time", "lat", "lon")
        )
        got = pooled_trend(da, cell_area(da.lat, da.lon), min_valid=10)
        found.append(float((got["p_value"] < 0.05).mean()))
        spread.append(float(got["r1_dispersion"].mean()))
    assert np.mean(spread) == pytest.approx(1.0, abs=0.15)  # one kind
    error = np.std(found) / math.sqrt(fields)
    assert 0.02 - 2 * error < np.mean(found) < 0.06 + 2 * error, np.mean(found)


def test_a_pool_of_two_kinds_is_told():
    """Autocorrelations of 0 and 0.8 side by side spread more than one phi can explain."""
    rng = np.random.default_rng(12)
    values = rng.normal(size=(YEARS.size, 16, 16))
    own = np.where(np.add.outer(np.arange(16), np.arange(16)) % 2, 0.8, 0.0)
    for i in range(1, YEARS.size):
        values[i] = own * values[i - 1] + np.sqrt(1 - own**2) * values[i]
    da = xr.DataArray(values, {"time": YEARS, "lat": np.arange(16.0), "lon": np.arange(16.0)}, ("time", "lat", "lon"))
    assert float(pooled_trend(da, cell_area(da.lat, da.lon))["r1_dispersion"].mean()) > 1.5


def test_where_no_cell_has_enough_pairs_nothing_is_said_of_its_errors():
    """Every second year: no pair of neighbouring years, so that an autocorrelation of 0 would be a guess."""
    axes = {"time": np.arange(2000, 2022), "lat": [0.0, 1.0], "lon": [0.0, 1.0, 2.0]}
    values = np.random.default_rng(3).normal(size=(22, 2, 3))
    values[1::2] = np.nan
    da = xr.DataArray(values, axes, list(axes))
    got = pooled_trend(da, cell_area(da.lat, da.lon))
    assert (got["status"] == 0).all() and got["slope"].notnull().all()
    for name in ("r1_pooled", "p_value", "slope_lower", "slope_upper", "stderr"):
        assert got[name].isnull().all(), name


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_the_nearest_cells_are_those_of_a_full_sort_also_where_many_are_equally_near(share):
    lat, step = np.deg2rad(np.arange(-85.0, 90, 10)), np.deg2rad(10.0)
    told = np.random.default_rng(2).random((18, 36)) < share
    cells = [(0, 0), (9, 35), (17, 20)]
    row, column = np.nonzero(told)
    for cell, found in zip(cells, nearest(cells, told, lat, step), strict=True):
        near, far = lat[cell[0]], lat[row]
        chords = 2 - 2 * (np.sin(near) * np.sin(far) + np.cos(near) * np.cos(far) * np.cos(step * (column - cell[1])))
        chosen = np.sort(np.lexsort((np.arange(row.size), chords.round(9)))[:FEWEST])
        np.testing.assert_array_equal(found, (row[chosen], column[chosen]))
