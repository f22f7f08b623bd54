"""Which variable is which role."""

import numpy as np
import pytest
import xarray as xr

from smcloud.errors import VariableError
from smcloud.first_study.roles import CALLED, parse_roles, roles_in


def held(**variables):
    """A file with these variables (y, x): attributes by name."""
    return xr.Dataset({name: (("y", "x"), np.zeros((2, 2)), attrs) for name, attrs in variables.items()})


def test_names_come_before_standard_names_and_these_before_long_names():
    by_standard = {"standard_name": "precipitation_flux"}
    ds = held(tp={}, a=by_standard, b={"long_name": "Total precipitation"})
    assert roles_in(ds, {}, {}, "a.nc") == {"precipitation": ["tp"]}
    assert roles_in(ds.drop_vars("tp"), {}, {}, "a.nc") == {"precipitation": ["a"]}
    assert roles_in(ds[["b"]], {}, {}, "a.nc") == {"precipitation": ["b"]}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("swvl1", "soil_moisture"), ("Lai_500m", "lai"), ("t2m", "temperature"), ("pre", "precipitation"),
        ("LSMASK", "land_mask"), ("pev", "potential_evaporation"), ("stl1", "soil_temperature"),
        ("tmp", "temperature"), ("clay_0-5cm_mean_5000", "clay"), ("Majority_Land_Cover_Type_1", "land_cover"),
    ],
)  # fmt: skip
def test_names_that_are_met(name, role):
    assert roles_in(held(**{name: {}}), {}, {}, "a.nc") == {role: [name]}


@pytest.mark.parametrize(
    "name",
    [
        "swvl2",
        "sm_uncertainty",
        "LaiStdDev_1km",
        "t0",
        "FparLai_QC",
        "stl4",
        "lai_hv",
        "time_bnds",
        "temp_annual",
        "flag",
    ],
)
def test_names_that_are_something_else(name):
    assert roles_in(held(**{name: {}}), {}, {}, "a.nc") == {}


def test_a_series_and_a_text_are_no_candidates():
    ds = xr.Dataset({"sm": ("time", np.zeros(3)), "lai": (("y", "x"), np.full((2, 2), "a"))})
    assert roles_in(ds, {}, {}, "a.nc") == {}


def test_roles_that_are_asked_for():
    ds = held(sm={}, soilw={}, tp={})
    assert roles_in(ds, {}, {}, "a.nc")["soil_moisture"] == ["sm", "soilw"]
    assert roles_in(ds, {"soil_moisture": "soilw", "deep": "s?"}, {}, "a.nc") == {
        "soil_moisture": ["soilw"],
        "deep": ["sm"],
    }
    assert roles_in(ds, {"precipitation": ""}, {}, "a.nc") == {"precipitation": ["tp"]}
    with pytest.raises(VariableError) as raised:
        roles_in(ds, {"soil_moisture": "s*"}, {}, "a.nc")
    assert raised.value.found == "sm and soilw" and "--role soil_moisture=sm" in raised.value.next


def test_what_may_be_asked_for():
    assert parse_roles(["lai", "snow=sd*"]) == {"lai": "", "snow": "sd*"}
    for wrong, said in (
        ("snow", "snow=NAME"),
        ("time=t", "time"),
        ("Lai", "Lai"),
        ("lai=", "after the sign"),
        ("=x", "nothing"),
    ):
        with pytest.raises(ValueError, match=said):
            parse_roles([wrong])


def test_every_known_role_has_a_unit_in_the_cube():
    from smcloud.cube.units import CUBE_UNITS

    assert set(CALLED) <= set(CUBE_UNITS)
