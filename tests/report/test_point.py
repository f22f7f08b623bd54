"""The words of one cell: each status says why there is no value, and not significant is never called no trend."""

import copy

import pytest

from smcloud.products.flags import STATUS
from smcloud.report import point_table, point_words
from smcloud.report.point import NO_TEST, WHY, WHY_NO_DRIVER

RECORD = {
    "cell": {"lat": 12.5, "lon": 347.5, "lat_bounds": [10.0, 15.0], "lon_bounds": [345.0, 350.0],
             "area_km2": 301686.0, "height_km": 556.0, "width_km": 543.0, "land": 1, "land_cover": "open_shrublands"},
    "choices": {"alpha": 0.05, "min_years": 10, "ends": {"span": 5, "min_years": 3},
                "trend_significance": "p_adjusted", "drivers_dominant": "p_value"},
    "soil_moisture": {"units": "m3 m-3", "years": 22, "period": [2000, 2021], "n_years": 20,
                      "first": {"year": 2001, "value": 0.3164}, "last": {"year": 2021, "value": 0.249}, "mean": 0.2772},
    "trend": {"units": "m3 m-3 yr-1", "slope": -3.5e-3, "slope_lower": -4.14e-3, "slope_upper": -2.87e-3,
              "p_value": 0.0321, "p_adjusted": 0.064, "significant": "not_significant", "n_years": 20,
              "minimum_detectable_slope": 1.2e-3, "status": "ok"},
    "drivers": [
        {"driver": "lai", "partial_correlation": -0.98, "r_lower": -0.99, "r_upper": -0.94, "p_value": 1e-5,
         "status": "ok"},
        {"driver": "soil_temperature", "partial_correlation": None, "r_lower": None, "r_upper": None, "p_value": None,
         "status": "dropped"},
    ],
    "dominant": {"dominant_driver": "lai", "dominant_correlation": -0.98},
    "ddww": {"zone": "wet", "ddww_class": "WD"},
    "series": [{"year": 2000, "soil_moisture": None, "n_months": 0}, {"year": 2001, "soil_moisture": 0.3164,
                                                                     "n_months": 12}],
}  # fmt: skip


def told(**changes):
    """The words for the record with parts of it changed."""
    record = copy.deepcopy(RECORD)
    for name, part in changes.items():
        record[name] = {**record[name], **part} if isinstance(part, dict) else part
    return "\n".join(point_words(record))


def test_a_cell_with_values():
    text = told()
    assert "The cell around 12.5°N 12.5°W: 10°N to 15°N, 15°W to 10°W, 556 km high and 543 km wide" in text
    assert "open shrublands" in text
    assert "0.316 in 2001, 0.249 in 2021, 0.277 m³ m⁻³ on average; 20 of 22 years" in text
    assert "Trend: −3.50 (95 % interval −4.14 to −2.87) × 10⁻³ m³ m⁻³ yr⁻¹, over 20 years." in text
    assert "not significant by the rule of this run (adjusted p ≤ 0.05): p = 0.032, adjusted for the number" in text
    assert "80 % of such records would show a slope of 1.20 × 10⁻³" in text
    assert "LAI: r = −0.98 (95 % interval −0.99 to −0.94), p < 0.001." in text
    assert "soil temperature: no value, because it does not vary enough" in text
    assert "Strongest driver (p < 0.05): LAI; the soil is wetter in years when it is lower." in text
    assert "in the wet zone; its class is WD, wet gets drier." in text


def test_not_significant_is_never_called_no_trend():
    assert "no trend" not in told(ddww={"ddww_class": "not_significant"}).lower()
    significant = told(trend={"significant": "significant"})
    assert "The trend is significant by" in significant and "no proof" not in significant


@pytest.mark.parametrize("status", [name for name in STATUS.values() if name not in ("ok", "dropped", "collinear")])
def test_every_status_says_why_there_is_no_trend(status):
    nothing = dict.fromkeys(("slope", "slope_lower", "slope_upper", "p_value", "p_adjusted"))
    text = told(trend=nothing | {"status": status, "significant": "no_data"})
    line = next(line for line in text.splitlines() if line.startswith("Trend:"))
    assert line.startswith("Trend: no value, because ") and "_" not in line and "{" not in line
    assert line == f"Trend: no value, because {WHY[status].format(n=20, years=22, min_years=10, ends=ENDS)}."


ENDS = "this run asks for 3 values in the first and last 5 years each"


def test_the_reasons_differ_and_name_their_numbers():
    assert len({*WHY.values()}) == len(WHY)
    nothing = {"slope": None, "significant": "no_data"}
    assert "only 20 of 22 years have a value, and this run asks for 10" in told(trend=nothing | {"status": "too_short"})
    assert ENDS in told(trend=nothing | {"status": "ends_not_covered"})
    assert "too few years there" in told(trend=nothing | {"status": "ends_not_covered"}, choices={"ends": None})
    assert "does not say why" in told(trend=nothing | {"status": "ok"})


@pytest.mark.parametrize("status", ["too_short", "variance_not_corrected", "ok"])
def test_a_slope_without_a_test_says_so(status):
    text = told(trend={"p_value": None, "status": status, "slope_lower": None, "significant": "not_significant"})
    assert "(without an interval)" in text
    assert f"Not tested: {NO_TEST.get(status, 'the test has no result here')}." in text


def test_constant_values_have_a_trend_of_zero():
    text = told(trend={"slope": 0.0, "slope_lower": 0.0, "slope_upper": 0.0, "p_value": 1.0, "status": "constant"})
    assert "Trend: 0 (95 %" in text and "All annual values are the same" in text


@pytest.mark.parametrize("status", sorted(WHY_NO_DRIVER))
def test_every_status_of_a_driver_says_why(status):
    lost = {"driver": "lai", "partial_correlation": None, "status": status}
    text = told(drivers=[lost, lost], dominant={"dominant_driver": "no_data"})
    assert f"Drivers: no value, because {WHY_NO_DRIVER[status]}." in text


def test_drivers_without_a_value_for_different_reasons_are_told_one_by_one():
    lost = [{"driver": name, "partial_correlation": None, "status": status}
            for name, status in (("lai", "dropped"), ("precipitation", "constant"))]  # fmt: skip
    text = told(drivers=lost)
    assert "  LAI: no value, because it does not vary" in text
    assert "  precipitation: no value, because soil moisture is the same in all years." in text


@pytest.mark.parametrize(
    ("name", "words"),
    [("none", "none is significant"), ("tie", "two are equally strong"), ("no_data", "no value"), (None, "no value")],
)
def test_the_strongest_driver(name, words):
    line = told(dominant={"dominant_driver": name}).splitlines()[-2]
    assert line.startswith("Strongest driver") and words in line


@pytest.mark.parametrize(
    ("ddww", "words"),
    [
        ({"zone": "none", "ddww_class": "no_data"}, "in no zone of dryness, and has no class"),
        ({"ddww_class": "no_data"}, "in the wet zone; no class, because its trend has no value"),
        ({"ddww_class": "not_significant"}, "in the wet zone; no class, because its trend is not significant"),
        ({"zone": "dry", "ddww_class": "DD"}, "in the dry zone; its class is DD, dry gets drier"),
    ],
)
def test_zone_and_class(ddww, words):
    assert words in told(ddww=ddww).splitlines()[-1]


def test_products_that_a_release_lacks_are_named():
    text = told(trend=None, drivers=None, ddww=None)
    assert "no trend product" in text and "no drivers product" in text and "no such classes" in text


def test_no_value_in_any_year():
    text = told(soil_moisture={"n_years": 0, "first": None, "last": None, "mean": None})
    assert "Soil moisture: no value in any year of 2000 to 2021." in text


def test_the_series_is_a_table_with_dashes():
    assert point_table(RECORD) == [
        "year  soil moisture  n months",
        "2000              –         0",
        "2001         0.3164        12",
    ]
    assert point_table({"series": []}) == []


@pytest.mark.parametrize(("share", "told"), [(None, ""), (1.0, ""), (0.25, "25.0 % of it lies in the region."),
                                             (0.0, "It lies outside of the region.")])  # fmt: skip
def test_the_part_of_a_cell_in_the_region_is_told(share, told):
    from smcloud.report.point import _within

    assert _within(share).strip() == told
