"""Zones by each scheme, against plain loops."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from smcloud.config import RunConfig
from smcloud.errors import VariableError
from smcloud.products.annual import annual as annual_product
from smcloud.products.ddww import completed_ddww, ddww
from smcloud.products.trend import trend_fields, trend_maps
from smcloud.products.zones import zones

from .conftest import LAT, LON, NO_ZONE, OCEAN, make_config, make_cube
from .test_ddww import area


def scheme(name: str, **more: Any) -> RunConfig:
    return make_config(zones={"scheme": name}, **more)


def with_evaporation(sign: float = 1.0) -> xr.Dataset:
    """The cube with potential evaporation that is high in summer, and above the rain of the year in half the cells."""
    cube = make_cube()
    month = cube["time"].dt.month
    level = xr.DataArray(np.where(np.add.outer(range(len(LAT)), range(len(LON))) % 2, 40.0, 90.0), dims=("lat", "lon"))
    evaporation = sign * (level * (1 - np.cos(2 * np.pi * (month - 1) / 12))).transpose("time", "lat", "lon")
    cube["potential_evaporation"] = evaporation.astype("float32")
    cube["potential_evaporation"].attrs = {"units": "mm month-1", "cell_methods": "time: sum"}
    return cube


def plain_terciles(values: np.ndarray) -> np.ndarray:
    """Codes of the cells with a value: a third of their area, from the lowest value up, is dry."""
    cells = sorted((values[i, j], area(i), i, j) for i, j in np.argwhere(np.isfinite(values)))
    total, below = sum(cell[1] for cell in cells), 0.0
    out = np.zeros(values.shape, int)
    for _, weight, i, j in cells:
        out[i, j] = 1 + (below + weight >= total / 3) + (below + weight >= 2 * total / 3)
        below += weight
    return out


def test_terciles_of_the_climatology(world: dict[str, xr.Dataset]) -> None:
    config = scheme("climatology_terciles", bootstrap={"replicates": 0})
    values = world["trend"]["climatology"].values.copy()
    values[OCEAN] = np.nan
    made = ddww(world["trend"], world["annual"].drop_vars("aridity_index"), config)
    np.testing.assert_array_equal(made["zone"], plain_terciles(values))
    done = completed_ddww(made, world["annual"], config)
    lower, upper = done.attrs["zones_limits"]
    assert set(done.data_vars) == set(made.data_vars) - {"zone_limits"}
    np.testing.assert_array_equal(done["zone"] == 1, values < lower)
    np.testing.assert_array_equal(done["zone"] == 3, values >= upper)
    assert done.attrs["zones_scheme"] == "climatology_terciles"
    comment = done["zone"].attrs["comment"]
    assert f"dry below {lower:g}, wet from {upper:g} on" in comment
    assert "GLDAS" in comment and "0.34 and 0.33" in comment


def test_terciles_of_the_aridity_index_share_values_with_many_cells(world: dict[str, xr.Dataset]) -> None:
    """Equal values are never divided: a limit belongs to the class above it."""
    config = scheme("aridity_terciles")
    rng = np.random.default_rng(8)
    index = world["annual"]["aridity_index"]
    smooth = index.copy(data=rng.random(index.shape)).where(index.notnull())
    values = smooth.values.copy()
    values[OCEAN] = np.nan
    found = zones(world["annual"].assign(aridity_index=smooth), world["trend"], config)
    np.testing.assert_array_equal(found.code, plain_terciles(values))
    assert found.code.dtype == np.uint8 and found.code.values[NO_ZONE] == 0 and found.code.values[OCEAN] == 0
    lower, upper = zones(world["annual"], world["trend"], config).limits.values
    coarse = zones(world["annual"], world["trend"], config).code
    known = index.notnull().values
    known[OCEAN] = False
    np.testing.assert_array_equal(coarse.values[known], (1 + (index >= lower) + (index >= upper)).values[known])


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["positive", "downward"])
@pytest.mark.parametrize("preset", ["peng2023", "rigorous"])
def test_the_sign_of_the_water_balance_is_of_whole_years(preset: str, sign: float) -> None:
    """Whatever the months of soil moisture are, and with evaporation as a positive or a negative amount."""
    config = scheme("water_balance", preset=preset)
    cube = with_evaporation(sign)
    cube["soil_moisture"] = cube["soil_moisture"].where(cube["time"].dt.month.isin([5, 6, 7, 8]), 0.2)
    cube["soil_moisture"] = cube["soil_moisture"].where(cube["time"].dt.month.isin([4, 5, 6, 7, 8, 9]))
    annual = annual_product(cube, config)
    found = zones(annual, xr.Dataset(), config, cube)
    inside = (cube["time"].dt.year >= 2000) & (cube["time"].dt.year <= 2021)
    rain, demand = (
        cube[name].values[inside].astype(float).reshape(22, 12, *cube["soil_moisture"].shape[1:]).sum(axis=1)
        for name in ("precipitation", "potential_evaporation")
    )
    with np.errstate(invalid="ignore"):
        expected = np.where(np.nanmean(rain, axis=0) - abs(demand.mean(axis=0)) >= 0, 3, 1)
    expected[OCEAN] = 0
    np.testing.assert_array_equal(found.code, expected)
    assert {1, 3} <= set(np.unique(found.code)) and found.limits.values.tolist() == [0, 0]


def test_a_scheme_whose_roles_are_absent_gives_no_zones(world: dict[str, xr.Dataset]) -> None:
    annual, trend = world["annual"], world["trend"]
    assert zones(annual, trend, scheme("water_balance")) is None
    assert zones(annual.drop_vars("aridity_index"), trend, scheme("aridity_terciles")) is None
    assert ddww(trend, annual, scheme("water_balance")) is None
    assert scheme("climatology_terciles").zones.roles == ()


def test_a_layer_without_months_has_no_water_balance(world: dict[str, xr.Dataset]) -> None:
    annual = world["annual"].assign(potential_evaporation=world["annual"]["aridity_index"])
    with pytest.raises(VariableError) as err:
        zones(annual, world["trend"], scheme("water_balance"))
    assert "potential_evaporation" in err.value.where


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aridity", "aridity_terciles", "climatology_terciles", "water_balance"])
def test_zones_do_not_depend_on_chunks(name: str) -> None:
    config = scheme(name, bootstrap={"replicates": 40})
    done = []
    for cube in (with_evaporation(), with_evaporation().chunk(lat=2, lon=3)):
        annual = annual_product(cube, config)
        trend = trend_maps(annual, config)
        trend = trend.assign(trend_fields(trend, config, annual))
        made = ddww(trend, annual, config, cube)
        assert made["zone"].chunks is None or cube.chunks
        done.append(completed_ddww(made.compute(), annual, config))
    xr.testing.assert_identical(*done)
    assert len(np.unique(done[0]["zone"])) == (3 if name == "water_balance" else 4)
    assert done[0].attrs["zones_scheme"] == name
