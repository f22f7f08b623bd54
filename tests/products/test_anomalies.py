"""Annual values of the method ``anomalies`` against plain loops, and what the method is for."""

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import ChunkError
from smcloud.products.annual import annual as annual_product
from smcloud.products.anomalies import deseasonalised
from smcloud.products.trend import trend_fields, trend_maps

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


def oracle(cube: xr.Dataset, name: str, year: int, i: int, j: int) -> float:
    moisture = by_month(cube, "soil_moisture", i, j)
    fixed, used = fixed_set(moisture), used_months(moisture, year)
    if name == "soil_moisture":
        if not used:
            return np.nan
        normal = {m: sum(moisture[m].values()) / len(moisture[m]) for m in fixed}
        return sum(normal.values()) / len(fixed) + sum(moisture[m][year] - normal[m] for m in used) / len(used)
    fixed = fixed or list(range(1, 13))
    used = used or fixed
    driver = by_month(cube, name, i, j)
    if any(year not in driver[m] for m in used) or any(len(driver[m]) < 10 for m in fixed):
        return np.nan
    normal = {m: sum(driver[m].values()) / len(driver[m]) for m in fixed}
    departure, level = sum(driver[m][year] - normal[m] for m in used), sum(normal.values())
    return level + departure if name == "precipitation" else level / len(fixed) + departure / len(used)


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
    for month in (3, 4, 7, 12):
        mean = sum(values[month].values()) / len(values[month]) if len(values[month]) >= 10 else np.nan
        for year in (2000, 2001, 2017):
            expected = values[month].get(year, np.nan) - mean
            actual = float(got.sel(time=f"{year}-{month:02d}-01")[i, j])
            np.testing.assert_allclose(actual, expected, atol=1e-15)
    few = deseasonalised(monthly, 22)
    assert few.notnull().sum() < got.notnull().sum() and got.dims == monthly.dims


def test_chunks_along_time_are_refused(gappy: xr.Dataset, strict: RunConfig) -> None:
    with pytest.raises(ChunkError, match="one chunk"):
        annual_product(gappy.chunk(time=12), strict)
