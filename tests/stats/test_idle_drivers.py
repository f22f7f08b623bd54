"""A driver that a cell cannot use is left out there, and its gaps cost the other drivers no case."""

import numpy as np
import pytest
import xarray as xr

from smcloud.stats import leading_driver, partial_correlation, standardised_regression, trend_contribution
from smcloud.stats.engine.case_kernels import LANES
from smcloud.stats.engine.idle_drivers import settle_idle_drivers
from smcloud.stats.status import DROPPED, EMPTY, OK, TOO_SHORT

YEARS = np.arange(2000, 2022)
NAMES = ("soil_moisture", "rain", "temperature", "lai")


@pytest.fixture
def world():
    """Target and three drivers of 6 cells, with gaps of the target."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(4, YEARS.size, 6)).cumsum(axis=1)
    values[0, 3, :] = np.nan
    arrays = [xr.DataArray(each, {"year": YEARS}, ("year", "cell")) for each in values]
    return dict(zip(NAMES, arrays, strict=True))


def without_lai(world, cell):
    target, drivers = split(world)
    return target.isel(cell=[cell]), drivers.drop_vars("lai").isel(cell=[cell])


def split(world):
    return world["soil_moisture"], xr.Dataset({name: world[name] for name in ("rain", "temperature", "lai")})


IDLE = {
    "no value": lambda lai: np.full_like(lai, np.nan),
    "a value in one year": lambda lai: np.where(YEARS == 2010, lai, np.nan),
    "zero in a few years": lambda lai: np.where(YEARS % 3 == 0, 0.0, np.nan),
    "below its floor in half of the years": lambda lai: np.where(YEARS > 2010, 1.0 + 1e-4 * lai, np.nan),
    "infinite": lambda lai: np.full_like(lai, np.inf),
    "values only where the target has none": lambda lai: np.where(YEARS == 2003, lai, np.nan),
}
STATISTICS = {
    "pearson": (partial_correlation, {"min_valid": 6}),
    "spearman": (partial_correlation, {"min_valid": 6, "method": "spearman"}),
    "effective": (partial_correlation, {"min_valid": 6, "dof": "effective"}),
    "regression": (standardised_regression, {}),
    "contribution": (trend_contribution, {"min_valid": 6}),
    "contribution, time not held": (trend_contribution, {"control_time": False}),
    "lead": (leading_driver, {"min_valid": 6}),
}


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("idle", IDLE)
def test_the_others_are_as_if_it_were_not_asked_for(world, statistic, idle):
    cell = 2
    world["lai"][:, cell] = IDLE[idle](world["lai"][:, cell].values)
    target, drivers = split(world)
    function, more = STATISTICS[statistic]
    whole = function(target, drivers, dim="year", floors={"lai": 0.02}, **more).isel(cell=cell)
    alone = function(*without_lai(world, cell), dim="year", **more).isel(cell=0)
    assert whole["status"].values.tolist() == [OK, OK, DROPPED]
    assert int(whole["n"]) == YEARS.size - 1
    for name in alone.data_vars:
        both = whole[name].sel(driver=alone["driver"]) if "driver" in alone[name].dims else whole[name]
        np.testing.assert_allclose(both, alone[name], rtol=1e-12, err_msg=name)
        if "driver" in whole[name].dims and name not in ("status", "n"):
            assert np.isnan(whole[name].sel(driver="lai"))


def test_a_driver_that_is_constant_beside_the_gaps_of_another_is_left_out_too(world):
    """Two drivers: the gaps of the first leave of the second one value only; without the second all is as before."""
    world["rain"][:, 1] = np.where(YEARS > 2008, world["rain"][:, 1], np.nan)
    world["lai"][:, 1] = np.where(YEARS > 2008, 3.0, np.arange(YEARS.size))
    world["lai"][-1, 1] = np.nan
    target, drivers = split(world)
    whole = partial_correlation(target, drivers, dim="year", min_valid=6).isel(cell=1)
    alone = partial_correlation(target, drivers.drop_vars("lai"), dim="year", min_valid=6).isel(cell=1)
    assert whole["status"].values.tolist() == [OK, OK, DROPPED]
    assert int(whole["n"]) == int(alone["n"]) == 13
    np.testing.assert_allclose(whole["r"][:2], alone["r"], rtol=1e-12)


def test_a_driver_with_few_values_that_vary_is_not_left_out(world):
    """It can be used in principle, so the cell is too short: a reader must not take two drivers for three."""
    world["lai"][:, 0] = np.where(YEARS < 2003, world["lai"][:, 0], np.nan)
    whole = partial_correlation(*split(world), dim="year", min_valid=6).isel(cell=0)
    assert (whole["status"] == TOO_SHORT).all()
    assert whole["r"].isnull().all()


def test_a_target_without_a_value_stays_empty(world):
    world["soil_moisture"][:, 0] = np.nan
    world["lai"][:, 0] = np.nan
    whole = partial_correlation(*split(world), dim="year", min_valid=6).isel(cell=0)
    assert (whole["status"] == EMPTY).all()


def test_neighbours_do_not_matter(world):
    world["lai"][:, 2] = np.nan
    target, drivers = split(world)
    together = partial_correlation(target, drivers, dim="year", min_valid=6)
    for cell in range(6):
        alone = partial_correlation(target.isel(cell=[cell]), drivers.isel(cell=[cell]), dim="year", min_valid=6)
        xr.testing.assert_identical(alone.isel(cell=0), together.isel(cell=cell))


def idle_drivers(series: np.ndarray, floors: list[float], least: int) -> set[int]:
    """Drivers of a cell (target first) that are idle, one after the other, by plain standard deviations."""
    series, idle = series.copy(), set()

    def varies_too_little(j: int, cases: np.ndarray) -> bool:
        values = series[j, cases]
        return values.size == 0 or np.ptp(values) == 0 or np.std(values, ddof=1) < floors[j - 1]

    if not (np.isfinite(series[0]) & ~np.isfinite(series[1:])).any():
        return idle
    drivers = range(1, len(series))
    for j in drivers:
        if varies_too_little(j, np.isfinite(series[[0, j]]).all(axis=0)):
            series[j] = 0.0
            idle.add(j)
    while True:
        cases = np.isfinite(series).all(axis=0)
        more = [j for j in drivers if j not in idle and varies_too_little(j, cases)] if cases.sum() >= least else []
        if not more:
            return idle
        series[more[0]] = 0.0
        idle.add(more[0])


def test_which_drivers_are_idle_against_plain_standard_deviations():
    """Drivers of all spreads around their floors, so that a quick look at their extremes leaves many open."""
    rng = np.random.default_rng(14)
    floors, least, steps, idle = [0.5, 0.0, 1.0], 8, 24, []
    tile = rng.normal(size=(4, steps, LANES))
    tile[1] *= np.geomspace(0.2, 2.0, LANES)
    tile[2, :, ::5] = rng.normal(size=LANES)[::5]  # constant
    tile[2, :, 1::7] += 1e12
    tile[3] = rng.permuted(tile[3] * np.geomspace(3.0, 0.6, LANES), axis=1)
    tile[rng.random(tile.shape) < 0.3 * rng.random((4, 1, LANES))] = np.nan
    tile[rng.random(tile.shape) < 0.01] = np.inf
    expected = tile.copy()
    for lane in range(LANES):
        found = idle_drivers(tile[..., lane], floors, least)
        idle.append(len(found))
        for j in found:
            expected[j, :, lane] = 0.0
    settle_idle_drivers(tile, np.array(floors), least)
    np.testing.assert_array_equal(tile, expected)
    assert all(idle.count(number) > 10 for number in (0, 1, 2))
