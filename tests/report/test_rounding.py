"""Rounding for readers is right and never invents a value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smcloud.report import markdown, rounding, summary_tables


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("slope", -1.0349e-4, "−0.103"), ("slope", -4e-7, "−0.0004"), ("slope", -4e-9, "0"),
        ("slope_upper", 0.0012345, "1.23"),
        ("p_value", 0.04949, "0.049"), ("p_value", 0.00099, "< 0.001"), ("p_value", 0.001, "0.001"),
        ("p_value", 1.0, "1.00"), ("slope", 0.0, "0"), ("share", 1.0, "100"), ("share", 1e-4, "< 0.1"),
        ("slope_fixed_cells_p_value", 0.02, "0.020"), ("drying_share", 0.41058, "41.1"), ("drying_share", 0.0, "0.0"),
        ("area_km2", 128_682_000.0, "128,682"), ("area_km2", 80_740.0, "80.7"), ("n_cells", 12345, "12,345"),
        ("partial_correlation: lai", -0.004, "0.00"), ("partial_correlation: lai", -0.456, "−0.46"),
        ("slope", None, "–"), ("p_value", float("nan"), "–"), ("label", "Globe", "Globe"),
    ],
)  # fmt: skip
def test_rounding(key, value, text):
    assert rounding.shown(key, value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.0, "1.23 × 10⁵"), (-9.9999e12, "−1.00 × 10¹³"), (9996.0, "10,000"), (1234.5, "1,230"), (99.96, "100"),
     (0.04949, "0.0495"), (1e-9, "0"), (-2e-4, "−0.0002"), (0.0, "0")],
)  # fmt: skip
def test_three_significant_digits(value, text):
    assert rounding.figures(value) == text


@given(st.floats(-1e3, 1e3), st.integers(0, 4))
def test_rounded_numbers_read_back(value: float, decimals: int):
    text = rounding.number(value, decimals)
    back = float(text.replace("−", "-").replace(",", ""))
    assert abs(back - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9) + 1e-12
    assert not (back == 0 and text.startswith("−"))


def test_layout_joins_an_estimate_with_its_limits():
    table = [{"key": "a", "label": "A", "slope": 1e-3, "slope_lower": -2e-4, "slope_upper": 2.2e-3, "extra": None}]
    headers, text, rows = rounding.layout(table)
    assert headers[2] == "interval" and len(headers) == 3
    assert text == [True, False, False]
    assert rows == [["A", "1.00", "−0.200 to 2.20"]]


def test_markdown(products):
    text = markdown(summary_tables(products)["regions"])
    lines = text.splitlines()
    assert lines[0].startswith("|") and "Trend" in lines[0]
    assert len({line.count("|") for line in lines}) == 1
    assert [cell.strip("- ") for cell in lines[1].split("|")[1:3]] == ["", ":"]
    assert len(lines) == 2 + 4
    assert markdown([]) == "(empty)"
    assert r"a\|b" in markdown([{"label": "a|b", "slope": 1.0}])


def test_few_independent_years_are_said_at_the_number():
    row = {"n_effective": 2.31, "slope_fixed_cells_n_effective": 12.0}
    assert rounding.few_years(row) == "2.3 independent years only"
    assert (
        rounding.few_years(row, "slope_fixed_cells")
        == ""
        == rounding.few_years({}, "part_of_whole")
        == rounding.few_years({"n_effective": None})
    )
    assert (
        rounding.shown("slope_fixed_cells_n_effective", 12.04) == "12.0"
        and rounding.interval("slope", -0.0947, 0.0963) == "not bounded"
    )
