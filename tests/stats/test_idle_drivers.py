"""A driver that a cell cannot use is left out there, and its gaps cost the other drivers no case."""

import numpy as np
import pytest
import xarray as xr

from smcloud.stats import leading_driver, partial_correlation, standardised_regression, trend_contribution
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
