"""Annual values of the method ``anomalies`` against plain least squares, and what the method is for."""

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import ChunkError
from smcloud.products.annual import annual as annual_product
from smcloud.products.anomalies import anomaly_columns, deseasonalised, driver_years, soil_moisture_years
from smcloud.products.flags import NOT_CONNECTED
from smcloud.products.trend import trend_fields, trend_maps
from smcloud.stats.engine.level_kernels import month_levels

from .conftest import CONSTANT, EMPTY, MISSING_START, SHORT, each_cell, make_config, make_cube

YEARS = range(2000, 2022)
LOST_DRIVER, SNOW, FEW = (3, 6), (0, 5), (1, 1)


def gappy_cube() -> xr.Dataset:
    """The small world with fewer gaps: some cells keep all twelve months, others lose some, SNOW its winter."""
    cube = make_cube()
    rng = np.random.default_rng(17)
    moisture = cube["soil_moisture"].values
    filled = np.isnan(moisture) & (rng.random(moisture.shape) < 0.65)
    for cell in (EMPTY, SHORT, MISSING_START):
        filled[:, *cell] = False
    filled[:, *SNOW] |= np.isnan(moisture[:, *SNOW])
    moisture[filled] = 0.2 + 0.01 * rng.normal(size=filled.sum())
    moisture[np.isin(cube.time.dt.month, [11, 12, 1, 2]), *SNOW] = np.nan
    moisture[np.isin(cube.time.dt.month, [3]) & (cube.time.dt.year.values % 3 == 0), *SNOW] = np.nan
    moisture[cube.time.dt.month > 3, *FEW] = np.nan
    cube["precipitation"][cube.time.dt.year.values < 2013, *LOST_DRIVER] = np.nan
    return cube


@pytest.fixture(scope="module")
def strict() -> RunConfig:
    return make_config(preset="rigorous")


@pytest.fixture(scope="module")
def gappy() -> xr.Dataset:
    return gappy_cube()


@pytest.fixture(scope="module")
def made(gappy: xr.Dataset, strict: RunConfig) -> xr.Dataset:
    return annual_product(gappy, strict)


def by_month(cube: xr.Dataset, name: str, i: int, j: int) -> dict[int, dict[int, float]]:
    """Values by month and year, without the missing ones."""
    out: dict[int, dict[int, float]] = {month: {} for month in range(1, 13)}
    stamps = zip(cube.time.dt.year.values, cube.time.dt.month.values, strict=True)
    for (year, month), value in zip(stamps, cube[name].values[:, i, j].astype(float), strict=True):
        if year in YEARS and value == value:
            out[month][year] = value
    return out


def fixed_set(moisture: dict[int, dict[int, float]]) -> list[int]:
    return [m for m, found in moisture.items() if len(found) >= 10 and 100 * len(found) >= 80 * len(YEARS)]


def used_months(moisture: dict[int, dict[int, float]], year: int) -> list[int]:
    """The months behind a year's soil moisture; none where it has no value."""
    fixed = fixed_set(moisture)
    used = [m for m in fixed if year in moisture[m]]
    return used if fixed and 100 * len(used) >= 80 * len(fixed) else []


def season(values: dict[int, dict[int, float]]) -> dict[int, float]:
    """a(month) of x = a(month) + b(year) + e by least squares over all of ``values``; the a add up to 0."""
    cells = [(month, year) for month, found in values.items() for year in found]
    months, years = sorted({m for m, _ in cells}), sorted({y for _, y in cells})
    design = np.zeros((len(cells), len(months) + len(years)))
    for row, (month, year) in zip(design, cells, strict=True):
        row[months.index(month)] = row[len(months) + years.index(year)] = 1
    solved = np.linalg.lstsq(design, np.array([values[m][y] for m, y in cells]), rcond=None)[0][: len(months)]
    return dict(zip(months, solved - solved.mean(), strict=True))


def oracle(cube: xr.Dataset, name: str, year: int, i: int, j: int) -> float:
    moisture = by_month(cube, "soil_moisture", i, j)
    fixed, used = fixed_set(moisture), used_months(moisture, year)
    if name == "soil_moisture":
        if not used:
            return np.nan
        a = season({m: moisture[m] for m in fixed})
        return sum(moisture[m][year] - a[m] for m in used) / len(used)
    driver = by_month(cube, name, i, j)
    if fixed:  # of the driver count the months that soil moisture has
        together = {m: {y: x for y, x in driver[m].items() if y in moisture[m]} for m in fixed}
    else:
        fixed = list(range(1, 13))
        together = {m: driver[m] for m in fixed}
    used = used or fixed
    if any(year not in driver[m] for m in used) or any(len(together[m]) < 10 for m in fixed):
        return np.nan
    a = season(together)
    if name != "precipitation":
        return sum(driver[m][year] - a[m] for m in used) / len(used)
    average = sum(sum(found.values()) / len(found) for found in together.values()) / len(fixed)
    return sum(driver[m][year] - a[m] for m in used) + (len(fixed) - len(used)) * average


@pytest.mark.slow
@pytest.mark.parametrize("name", ["soil_moisture", "precipitation", "soil_temperature", "lai"])
def test_values_against_a_plain_loop(gappy: xr.Dataset, made: xr.Dataset, name: str) -> None:
    for year in (2000, 2010, 2021):
        expected = each_cell(lambda i, j, y=year: oracle(gappy, name, y, i, j))
        assert np.isfinite(expected).sum() > 20
        np.testing.assert_allclose(made[name].sel(year=year), expected, rtol=1e-12, atol=1e-15, err_msg=str(year))
    assert made[name].attrs["comment"] and made[name].dtype == np.float64


def test_counts_of_months(gappy: xr.Dataset, made: xr.Dataset) -> None:
    sizes = each_cell(lambda i, j: len(fixed_set(by_month(gappy, "soil_moisture", i, j))))
    np.testing.assert_array_equal(made["n_fixed_months"], sizes)
    assert sizes[SNOW] == 7 and sizes[FEW] <= 3 and sizes[EMPTY] == 0 and {12, 11} <= set(sizes.ravel())
    plain = annual_product(gappy, make_config())
    np.testing.assert_array_equal(made["n_months"], plain["n_months"])
    assert "n_fixed_months" not in plain and "comment" not in plain["soil_moisture"].attrs


def test_shares_and_years_are_parameters(gappy: xr.Dataset) -> None:
    rule = {"fixed_months_share": 1.0, "year_months_share": 0.5, "min_climatology_years": 22}
    got = annual_product(gappy, make_config(preset="rigorous", annual=rule))
    full = each_cell(lambda i, j: sum(len(v) == 22 for v in by_month(gappy, "soil_moisture", i, j).values()))
    np.testing.assert_array_equal(got["n_fixed_months"], full)
    np.testing.assert_array_equal(got["soil_moisture"].notnull().all("year"), full > 0)
    loose = annual_product(gappy, make_config(preset="rigorous", annual={"year_months_share": 0.1}))
    hard = annual_product(gappy, make_config(preset="rigorous", annual={"year_months_share": 1.0}))
    assert loose["soil_moisture"].notnull().sum() > hard["soil_moisture"].notnull().sum() > 0


def test_a_share_that_is_just_met_counts(strict: RunConfig) -> None:
    cube = make_cube().sel(time=slice("2000-01", "2019-12"))
    cube["soil_moisture"][:, 2, 1] = 0.2
    cube["soil_moisture"][np.isin(cube.time.dt.month, [6]) & (cube.time.dt.year.values < 2004), 2, 1] = np.nan
    cube["soil_moisture"][np.isin(cube.time.dt.month, [7]) & (cube.time.dt.year.values < 2005), 2, 1] = np.nan
    got = annual_product(cube, strict)
    assert int(got["n_fixed_months"][2, 1]) == 11  # 16 of 20 years are 80 %, 15 are not
    ten = cube.copy(deep=True)
    ten["soil_moisture"][np.isin(ten.time.dt.month, [8, 9]), 2, 1] = np.nan
    ten["soil_moisture"][np.isin(ten.time.dt.month, [7]), 2, 1] = 0.2
    ten["soil_moisture"][np.isin(ten.time.dt.month, [6]), 2, 1] = 0.2
    ten["soil_moisture"][(ten.time.dt.year.values == 2010) & np.isin(ten.time.dt.month, [1, 2]), 2, 1] = np.nan
    ten["soil_moisture"][(ten.time.dt.year.values == 2011) & np.isin(ten.time.dt.month, [1, 2, 3]), 2, 1] = np.nan
    value = annual_product(ten, strict)["soil_moisture"][:, 2, 1]
    assert bool(value.sel(year=2010).notnull()) and bool(value.sel(year=2011).isnull())  # 8 and 7 of 10 months


def test_equal_months_stay_exactly_equal(made: xr.Dataset, strict: RunConfig) -> None:
    assert (made["soil_moisture"][:, *CONSTANT] == float(np.float32(0.1))).all()
    trend = trend_maps(made, strict)
    tested = trend_fields(trend, strict, made)
    assert float(trend["slope"][CONSTANT]) == 0 and float(tested["p_value"][CONSTANT]) == 1
    assert made["soil_moisture"][:, *EMPTY].isnull().all()
    assert made["lai"][:, *EMPTY].notnull().all()


def test_a_season_that_shortens_makes_no_trend(strict: RunConfig) -> None:
    """March is wet, and comes into the record more often towards the end: a plain annual mean gets wetter."""
    cube = make_cube()
    season = 0.3 + 0.1 * np.sin(2 * np.pi * (cube.time.dt.month - 0) / 12)
    noise = np.random.default_rng(8).normal(size=cube["soil_moisture"].shape) * 1e-3
    cube["soil_moisture"] = season.astype("float32").broadcast_like(cube["soil_moisture"]).copy() + noise
    frozen = np.isin(cube.time.dt.month, [11, 12, 1, 2])
    late = np.isin(cube.time.dt.month, [3]) & (cube.time.dt.year.values < 2010)
    cube["soil_moisture"][frozen | late] = np.nan
    slopes = {
        preset: trend_maps(annual_product(cube, config), config)["slope"].mean()
        for preset, config in (("peng2023", make_config()), ("rigorous", strict))
    }
    assert float(slopes["peng2023"]) > 5e-4 and abs(float(slopes["rigorous"])) < 2e-5


def test_the_level_is_kept(gappy: xr.Dataset, made: xr.Dataset, strict: RunConfig) -> None:
    trend = trend_maps(made, strict)
    whole = ((made["n_fixed_months"] == 12) & (trend["n_years"] > 0)).values
    plain = gappy["soil_moisture"].sel(time=slice("2000-01", "2021-12")).mean("time").values
    assert whole.sum() > 5 and np.ptp(plain[whole]) > 0.05
    np.testing.assert_allclose(trend["climatology"].values[whole], plain[whole], atol=0.02)
    assert made["precipitation"].attrs["units"] == "mm yr-1"


def test_deseasonalised_months(gappy: xr.Dataset) -> None:
    monthly = gappy["soil_moisture"].sel(time=slice("2000-01", "2021-12"))
    got = deseasonalised(monthly, 10)
    i, j = SNOW
    values = by_month(gappy, "soil_moisture", i, j)
    kept = {month: found for month, found in values.items() if len(found) >= 10}
    a = season(kept)
    level = sum(sum(found.values()) / len(found) for found in kept.values()) / len(kept)
    assert {3, 4, 7} <= set(kept) and 12 not in kept
    for month in (3, 4, 7, 12):
        for year in (2000, 2001, 2017):
            expected = values[month].get(year, np.nan) - level - a.get(month, np.nan)
            actual = float(got.sel(time=f"{year}-{month:02d}-01")[i, j])
            np.testing.assert_allclose(actual, expected, atol=1e-15)
    few = deseasonalised(monthly, 22)
    assert few.notnull().sum() < got.notnull().sum() and got.dims == monthly.dims


def winters_lost(first_years: int) -> xr.Dataset:
    """A season and a trend of 1.0e-3 a year; November to March are missing in the first years."""
    cube = make_cube()
    month, year = cube.time.dt.month, cube.time.dt.year
    line = 0.2 + 1e-3 * (year + (month - 0.5) / 12 - 2000) + 0.08 * np.cos(2 * np.pi * (month - 1) / 12)
    lost = np.isin(month, [11, 12, 1, 2, 3]) & (year.values < 2000 + first_years)
    cube["soil_moisture"] = line.where(~lost).broadcast_like(cube["soil_moisture"]).astype("float32")
    return cube.transpose("time", "lat", "lon")


@pytest.mark.parametrize("share", [0.8, 0.5], ids=["without those years", "with those years"])
def test_months_that_begin_late_do_not_bend_the_slope(share: float) -> None:
    cube = winters_lost(4)
    plain = make_config(annual={"year_months_share": share})
    own = make_config(annual={"year_months_share": share, "method": "anomalies"})
    by_means, by_anomalies = annual_product(cube, plain), annual_product(cube, own)
    assert float(trend_maps(by_means, plain)["slope"][0, 0]) == pytest.approx(2.7e-3, rel=0.02)
    trend = trend_maps(by_anomalies, own)
    assert int(trend["n_years"][0, 0]) == (18 if share == 0.8 else 22)
    assert float(trend["slope"][0, 0]) == pytest.approx(1.0e-3, rel=1e-5)
    months = cube["soil_moisture"].sel(time=slice("2000", "2021"))
    beside = anomaly_columns(by_means["soil_moisture"], months, plain)["anomaly_slope"]
    assert float(beside[0, 0]) == pytest.approx(1.0e-3, rel=1e-5)
    assert anomaly_columns(by_anomalies["soil_moisture"], months, own) == {}
    nowhere = anomaly_columns(by_means["soil_moisture"].where(by_means["lat"] > 0), months, plain)["anomaly_slope"]
    assert nowhere[0].isnull().all() and nowhere[-1].notnull().all()


def test_what_soil_moisture_follows_month_by_month_it_follows_year_by_year() -> None:
    cube = gappy_cube()
    rng = np.random.default_rng(3)
    warm = 285 + rng.normal(size=cube["soil_moisture"].shape) + 0.1 * cube.time.dt.year.values[:, None, None]
    cube["soil_temperature"] = cube["soil_temperature"].copy(data=warm)
    cube["soil_moisture"] = (2e-3 * cube["soil_temperature"]).where(cube["soil_moisture"].notnull())
    made = annual_product(cube, make_config(preset="rigorous", annual={"year_months_share": 0.5}))
    both = made["soil_moisture"].notnull()
    assert (made["n_months"].where(both, 12) < made["n_fixed_months"]).sum() > 100
    rest = (made["soil_moisture"] - 2e-3 * made["soil_temperature"]).where(both)
    assert float((rest.max("year") - rest.min("year")).max()) < 1e-12


def test_levels_and_links_against_least_squares_and_its_rank() -> None:
    rng = np.random.default_rng(2)
    cells, years = 80, 6
    used = rng.random((cells, years * 12)) < np.linspace(0.06, 0.9, cells)[:, None]
    series = rng.normal(size=used.shape)
    levels, connected = np.empty((cells, 12)), np.empty(cells, np.uint8)
    month_levels(series, used, levels, connected)
    linked = 0
    for x, chosen, level, whole in zip(series, used, levels, connected, strict=True):
        at = np.flatnonzero(chosen)
        months, when = np.unique(at % 12), np.unique(at // 12)
        design = np.column_stack([at[:, None] % 12 == months, at[:, None] // 12 == when]).astype(float)
        assert whole == (np.linalg.matrix_rank(design) == months.size + when.size - 1)
        if whole:
            linked += 1
            a = np.linalg.lstsq(design, x[at], rcond=None)[0][: months.size]
            own = [x[at[at % 12 == m]].mean() for m in months]
            np.testing.assert_allclose(level[months], a - a.mean() + np.mean(own), atol=1e-12)
        assert np.isnan(level).sum() == (12 - months.size if whole else 12)
    assert 20 < linked < cells - 5


def test_months_and_years_that_do_not_hang_together_have_no_value_and_a_reason() -> None:
    """Summers in the first half of the record, winters in the second: nobody can tell season from change."""
    cube = make_cube()
    summer = np.isin(cube.time.dt.month, [5, 6, 7, 8, 9, 10])
    early = cube.time.dt.year.values < 2011
    cube["soil_moisture"][:] = 0.3 + 0.01 * np.random.default_rng(1).normal(size=cube["soil_moisture"].shape)
    cube["soil_moisture"][summer != early, 2, 2] = np.nan
    cube["soil_moisture"][:, *EMPTY] = np.nan
    config = make_config(preset="rigorous", annual={"fixed_months_share": 0.5, "year_months_share": 0.5})
    made = annual_product(cube, config)
    assert int(made["n_fixed_months"][2, 2]) == 12 and made["soil_moisture"][:, 2, 2].isnull().all()
    assert int(made["anomaly_status"][2, 2]) == NOT_CONNECTED
    assert int(made["anomaly_status"][EMPTY]) == 1 and int(made["anomaly_status"][3, 3]) == 0
    assert made["soil_moisture"][:, 3, 3].notnull().all() and made["lai"][:, 2, 2].isnull().all()
    assert deseasonalised(cube["soil_moisture"].sel(time=slice("2000", "2021")), 10)[:, 2, 2].isnull().all()
    cube["soil_moisture"][cube.time.dt.year.values == 2011, 2, 2] = 0.3  # one whole year links them
    linked = annual_product(cube, config)
    assert int(linked["anomaly_status"][2, 2]) == 0 and linked["soil_moisture"][:, 2, 2].notnull().all()


def test_a_season_that_repeats_itself_is_exactly_constant() -> None:
    cube = make_cube()
    rng = np.random.default_rng(4)
    one_year = rng.random((12, *cube["soil_moisture"].shape[1:])).astype("float32")
    months = cube.time.dt.month.values - 1
    gap = rng.random(cube["soil_moisture"].shape) < 0.1
    cube["soil_moisture"] = cube["soil_moisture"].copy(data=np.where(gap, np.nan, one_year[months]))
    made = soil_moisture_years(
        cube["soil_moisture"].sel(time=slice("2000", "2021")), make_config(preset="rigorous").annual
    )
    assert float((made.value.max("year") - made.value.min("year")).max()) == 0.0


def test_chunks_along_time_are_refused(gappy: xr.Dataset, strict: RunConfig) -> None:
    with pytest.raises(ChunkError, match="one chunk"):
        annual_product(gappy.chunk(time=12), strict)


def test_a_block_without_any_value_is_empty_and_leaves_the_drivers_theirs(strict: RunConfig) -> None:
    cube = make_cube()
    cube["soil_moisture"][:] = np.nan
    made = annual_product(cube, strict)
    assert made["soil_moisture"].isnull().all() and (made["anomaly_status"] == 1).all()
    assert (made["n_fixed_months"] == 0).all() and (made["n_months"] == 0).all()
    plain = annual_product(cube, make_config())
    for name in ("precipitation", "soil_temperature"):
        np.testing.assert_allclose(made[name], plain[name], rtol=1e-6)


def plain_levels(x: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, bool]:
    """Levels of x (year, month) by the normal equations and their Cholesky factors, each sum in its order."""
    mean, count = np.full(12, np.nan), used.sum(axis=0)
    for m in np.flatnonzero(count):
        values = x[used[:, m], m]
        mean[m] = values[0] + sum((value - values[0] for value in values), 0.0) / count[m]
    if np.isin(count, (0, len(x))).all():
        return mean, True
    matrix, right = np.zeros((12, 12)), np.zeros(12)
    sets = [set(np.flatnonzero(row).tolist()) for row in used]
    for year, months in enumerate(sets):
        total = sum((x[year, m] - mean[m] for m in sorted(months)), 0.0)
        for m in months:
            right[m] += x[year, m] - mean[m] - total / len(months)
            matrix[m, m] += 1.0
            for k in months:
                matrix[m, k] -= 1.0 / len(months)
    reached = {int(np.flatnonzero(count)[0])}
    for _ in range(12):
        reached = reached.union(*(months for months in sets if months & reached))
    if len(reached) < np.count_nonzero(count):
        return np.full(12, np.nan), False
    both = np.outer(count > 0, count > 0)
    matrix = np.where(both, matrix + max(1.0, matrix.diagonal().max()) / 12, np.eye(12))
    for m in range(12):
        for k in range(m + 1):
            for i in range(k):
                matrix[m, k] -= matrix[m, i] * matrix[k, i]
            matrix[m, k] = np.sqrt(matrix[m, k]) if m == k else matrix[m, k] / matrix[k, k]
    for m in range(12):
        for i in range(m):
            right[m] -= matrix[m, i] * right[i]
        right[m] /= matrix[m, m]
    for m in reversed(range(12)):
        for i in range(m + 1, 12):
            right[m] -= matrix[i, m] * right[i]
        right[m] /= matrix[m, m]
    return mean + right, True


def plain_mean(values: np.ndarray) -> float:
    return values[0] + sum((value - values[0] for value in values), 0.0) / len(values) if len(values) else np.nan


def plain_year(x: np.ndarray, used: np.ndarray, level: np.ndarray, base: float, summed: bool) -> float:
    total = sum((x[m] - level[m] for m in np.flatnonzero(used)), 0.0)
    return base + (total if summed else total / max(used.sum(), 1))


@pytest.mark.parametrize(
    "rule", [{}, {"fixed_months_share": 0.5, "year_months_share": 0.5, "min_climatology_years": 3}]
)
def test_annual_values_are_those_of_plain_loops_bit_for_bit(rule: dict[str, float]) -> None:
    choice = make_config(preset="rigorous", annual=rule).annual
    rng, years, cells = np.random.default_rng(5), 12, 140  # more cells than are treated at a time
    x = (0.2 + 0.1 * rng.random((years, 12, cells)) * rng.integers(0, 2, cells)).astype("float32")
    x[rng.random(x.shape) < 0.4 * rng.random((12, cells)) * rng.integers(0, 2, cells)] = np.nan
    x[:, :, 5], x[:6, 6:, 7], x[6:, :6, 7], x[:, 3, 9:12] = np.nan, np.nan, np.nan, np.nan
    y = rng.normal(size=x.shape)
    y[rng.random(x.shape) < 0.02] = np.nan
    moisture, driver = (xr.DataArray(v.reshape(-1, 1, cells), dims=("time", "lat", "lon")) for v in (x, y))
    made = soil_moisture_years(moisture, choice)
    by_mean, by_sum = (driver_years(driver, made, choice, summed).values[:, 0] for summed in (False, True))
    apart = deseasonalised(moisture, choice.min_climatology_years).values.reshape(x.shape)
    statuses = set()
    for c in range(cells):
        xc, yc = x[..., c].astype(float), y[..., c]
        valid = ~np.isnan(xc)
        least = max(choice.min_climatology_years, choice.fixed_months_share * years - 1e-9)
        fixed = valid.sum(axis=0) >= least
        used, size = valid & fixed, int(fixed.sum())
        level, connected = plain_levels(xc, used) if size else (np.full(12, np.nan), True)
        enough = (size > 0) & connected & (used.sum(axis=1) >= choice.year_months_share * size - 1e-9)
        base = plain_mean(level[fixed])
        value = [
            plain_year(*of, level, base, False) if ok else np.nan for *of, ok in zip(xc, used, enough, strict=True)
        ]
        behind = np.where(enough[:, None], used, fixed | (size == 0))
        statuses.add(status := 1 if size == 0 else 0 if connected else NOT_CONNECTED)
        pattern = (used | (size == 0)) & ~np.isnan(yc)
        season, _ = plain_levels(yc, pattern)
        season = np.where(pattern.sum(axis=0) >= choice.min_climatology_years, season, np.nan)
        whole = behind.any(axis=0)
        mean = plain_mean(season[whole])
        follows = [plain_year(*of, season, mean, False) for of in zip(yc, behind, strict=True)]
        sums = [plain_year(*of, season, mean * whole.sum(), True) for of in zip(yc, behind, strict=True)]
        many = valid & (valid.sum(axis=0) >= choice.min_climatology_years)
        rest = xc - plain_levels(xc, many)[0] if many.any() else np.full_like(xc, np.nan)
        for got, expected in (
            (made.value.values[:, 0, c], value), (made.n_months.values[:, 0, c], valid.sum(axis=1)),
            (made.behind.values[:, 0, c], behind.ravel()), (made.size.values[0, c], size),
            (made.fitted.values[:, 0, c], (used | (size == 0)).ravel()), (made.status.values[0, c], status),
            (by_mean[:, c], follows), (by_sum[:, c], sums), (apart[..., c], rest),
        ):  # fmt: skip
            np.testing.assert_array_equal(got, expected, err_msg=str(c))
    assert {0, 1} <= statuses and (NOT_CONNECTED in statuses) == bool(rule)
    assert np.isfinite(made.value.values).sum() > 500 and np.isfinite(by_sum).sum() > 500
