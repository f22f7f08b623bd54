"""Units, ranges and legends of an entry, from what a file states."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smcloud.cube.ranges import CUBE_RANGES
from smcloud.cube.units import conversion
from smcloud.errors import UnitError
from smcloud.first_study.drafts import Line
from smcloud.first_study.understanding import range_line, unit_lines


def range_of(role, choose="", **keys):
    """The line valid_range of a variable with these keys; its unit is open where ``choose`` says so."""
    known = {"name": "x", "period": "day", "valid_range": (0, 1)} | keys
    lines = {key: Line(value) for key, value in known.items()}
    return range_line(role, lines | {"units": Line(known["units"], "", choose)})


def lines_of(role, units, period="day"):
    return unit_lines(role, {"units": units} if units is not None else {}, period)


@pytest.mark.parametrize(
    ("role", "units", "aggregate"),
    [
        ("precipitation", "mm", "sum"), ("precipitation", "kg m-2 s-1", "mean"), ("precipitation", "mm/day", "mean"),
        ("precipitation", "mm/month", "mean"), ("soil_moisture", "m**3 m**-3", "mean"), ("soil_moisture", "%", "mean"),
        ("temperature", "degrees Celsius", "mean"), ("lai", "m^2/m^2", "mean"), ("elevation", "feet", "mean"),
    ],
)  # fmt: skip
def test_a_unit_that_is_known_is_taken_and_can_become_the_cubes(role, units, aggregate):
    period = "month" if "month" in units else "day"
    lines = lines_of(role, units, period)
    assert (lines["units"].value, lines["units"].choose, lines["aggregate"].value) == (units, "", aggregate)
    assert "attr_units" not in lines
    conversion(role, units, aggregate, period, "")  # raises nothing


@pytest.mark.parametrize(
    ("role", "units", "said"),
    [
        ("precipitation", "mm/year", "a depth per year"),
        ("temperature", "degrees", "angle"),
        ("precipitation", "mm/pentad", "cannot be converted"),
    ],
)
def test_a_unit_that_cannot_become_the_cubes_is_asked_for(role, units, said):
    lines = lines_of(role, units)
    assert said in lines["units"].choose and lines["attr_units"].value == units
    with pytest.raises(UnitError):
        conversion(role, units, "mean", "day", "")
    assert range_of(role, "this or that", units="1").choose


@pytest.mark.parametrize(
    ("role", "attrs", "aggregate", "asked"),
    [
        ("precipitation", {"units": "m"}, "sum", True),  # of the month, or as ERA5 has it of its days
        ("precipitation", {"units": "m", "cell_methods": "time: sum"}, "sum", False),
        ("runoff", {"units": "mm"}, "mean", True),
        ("runoff", {"units": "mm", "cell_methods": "area: mean time: sum"}, "sum", False),
        ("snow", {"units": "mm", "cell_methods": "time: point"}, "mean", False),
        ("runoff", {"units": "mm day-1"}, "mean", False),
        ("deep", {"units": "m3 m-3"}, "mean", False),
        ("deep", {"units": "degC"}, "mean", False),
        ("mine", {}, "mean", True),
    ],
)
def test_how_steps_become_a_month_is_told_by_the_file_or_asked_for(role, attrs, aggregate, asked):
    line = unit_lines(role, attrs, "month")["aggregate"]
    assert (line.value, bool(line.choose)) == (aggregate, asked)


def test_no_unit_is_a_guess_for_shares_and_asked_for_else():
    assert lines_of("land_mask", None)["units"].note.startswith("a guess")
    assert lines_of("land_mask", "0 = water; 1 = land")["units"].value == "1"
    assert lines_of("soil_temperature", None)["units"].choose.startswith("K or degC or degF")
    assert lines_of("snow", "mm of snow")["units"].note.endswith("snow keeps it")


@given(st.sampled_from(["m3 m-3", "%", "percent"]), st.floats(-0.0099, 0.9999))
def test_all_that_soil_moisture_can_be_lies_in_its_range(units, value):
    low, high = range_of("soil_moisture", units=units).value
    assert low <= value / conversion("soil_moisture", units, "mean", "day", "").factor <= high


def test_ranges_are_those_of_the_role_in_the_files_unit():
    assert range_of("temperature", units="degC").value == (-93.15, 76.85)
    rain = range_of("precipitation", units="m", aggregate="sum").value
    assert rain == (-1e-5, 10.0) == tuple(limit / 1000 for limit in CUBE_RANGES["precipitation"])
    assert range_of("snow", units="mm").choose


def test_classes_are_named_by_the_file_or_asked_for():
    known = unit_lines("land_cover", {"flag_values": [1, 2], "flag_meanings": "forest urban"}, "static")
    assert known["legend"].value == {1: "forest", 2: "urban"}
    keys = {"units": "1", "period": "static", "aggregate": "class", "legend": known["legend"].value}
    assert range_of("land_cover", **keys).value == (1, 2)
    assert unit_lines("land_cover", {}, "static")["legend"].choose


def test_water_of_a_layer_needs_its_depth():
    lines = lines_of("soil_moisture", "kg m-2")
    assert [lines[key].value for key in ("units", "attr_units")] == ["m3 m-3", "kg m-2"]
    assert lines["scale"].choose == "1 / the depth of the soil's layer in mm"
