"""What variables are told of their content."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from smcloud.conventions import STANDARD_NAMES, with_content
from smcloud.conventions.acdd import content_type


@pytest.mark.parametrize(
    ("name", "attrs", "expected"),
    [
        ("soil_moisture", {}, "physicalMeasurement"),
        ("precipitation", {}, "modelResult"),
        ("slope", {}, "modelResult"),
        ("mean_of_slopes", {}, "modelResult"),
        ("contribution_without_time", {}, "modelResult"),
        ("correlation_gradient", {}, "modelResult"),
        ("trend_contribution_n_cells", {}, "qualityInformation"),
        ("monthly_n_effective", {}, "qualityInformation"),
        ("slope_lower", {}, "qualityInformation"),
        ("p_adjusted", {}, "qualityInformation"),
        ("n_years", {}, "qualityInformation"),
        ("status", {"flag_values": [0]}, "qualityInformation"),
        ("ddww_class", {"flag_values": [0]}, "thematicClassification"),
        ("land_cover", {"flag_values": [0]}, "referenceInformation"),
    ],
)
def test_the_kind_of_content(name, attrs, expected):
    assert content_type(name, attrs, False) == expected and content_type(name, attrs, True) == "coordinate"


def test_temperatures_have_a_scale_and_bounds_nothing_of_their_own():
    ds = xr.Dataset(
        {"soil_temperature": ("time", [280.0], {"units": "K"}), "slope": ("time", [1.0], {"units": "K yr-1"})},
        {"time": ("time", [0], {"standard_name": "time"}), "time_bnds": (("time", "bnds"), [[0, 1]])},
    )
    out = with_content(ds)
    assert out["soil_temperature"].attrs["units_metadata"] == "temperature: on_scale"
    assert "units_metadata" not in out["slope"].attrs  # a difference by year is not on the scale
    assert out["time"].attrs["units_metadata"] == "leap_seconds: none" and out["time_bnds"].attrs == {}


def test_standard_names_are_of_the_table_of_cf():
    from compliance_checker.cf.util import StandardNameTable

    table = StandardNameTable()
    units = {"soil_moisture": "m3 m-3", "precipitation": "mm month-1", "soil_temperature": "K", "elevation": "m"}
    for role, name in STANDARD_NAMES.items():
        assert name in table, role
    assert set(units) <= set(STANDARD_NAMES) and np.all([table[STANDARD_NAMES[role]] for role in units])
