"""The number of each question is the run's own, goes no further than its interval, and what to mind stands with it."""

import numpy as np
import pytest
import xarray as xr

from smcloud.report import summary_tables
from smcloud.report.caveats import coverage, few_independent, own_zones, sensors, shared_sources
from smcloud.report.headlines import headlines
from smcloud.report.rounding import shown


def answers(products, context):
    return {each.section: each for each in headlines(products, summary_tables(products), context)}


def with_globe(products, **values):
    regional = products["regional"].copy(deep=True)
    for name, value in values.items():
        if name not in regional:
            regional[name] = ("region", np.full(regional.sizes["region"], np.nan))
        regional[name][list(regional["region"].values).index("globe")] = value
    return products | {"regional": regional}


def test_one_number_stands_at_each_question(products, context):
    found = answers(products, context)
    assert list(found) == ["series", "map", "drivers", "ddww", "latitude"]
    globe = products["regional"].sel(region="globe")
    assert found["series"].number.startswith(f"{shown('slope', float(globe['slope_fixed_cells']))} × 10⁻³ m³")
    assert "95 % interval" in found["series"].number
    assert f"{100 * float(globe['drying_share']):.1f} % of the area with a trend dries" in found["map"].number
    assert f"On {100 * products['ddww'].attrs['ddww_share_of_change']:.1f} % of" in found["ddww"].number
    assert found["drivers"].number.startswith("With ")
    assert "with every 10 degrees from the equator" in found["latitude"].number


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (1e-4, 3e-4, "a fixed set of cells becomes wetter"), (-3e-4, -1e-4, "a fixed set of cells dries"),
        (-1e-4, 1e-4, "not told apart from no change"), (np.nan, np.nan, "nothing is told of its sign"),
        (1e-4, 0.5, "not told apart from no change"),
    ],
)  # fmt: skip
def test_the_trend_is_said_as_far_as_its_interval_goes(products, context, lower, upper, told):
    made = with_globe(products, slope_fixed_cells=2e-4, slope_fixed_cells_lower=lower, slope_fixed_cells_upper=upper)
    assert answers(made, context)["series"].number.endswith(told)


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (0.1, 0.2, "more than the 10.0 to 20.0 % of chance"), (0.8, 0.9, "less than the 80.0 to 90.0 % of chance"),
        (0.1, 0.9, "not told apart from the 10.0 to 90.0 % of chance"),
    ],
)  # fmt: skip
def test_the_ddww_share_stands_beside_chance(products, context, lower, upper, told):
    attrs = products["ddww"].attrs | {"ddww_null_lower": lower, "ddww_null_upper": upper}
    found = answers(products | {"ddww": products["ddww"].assign_attrs(attrs)}, context)
    assert found["ddww"].number.endswith(told)


def test_the_share_of_a_driver_has_the_interval_of_that_share_only(products, context):
    shares = {row["driver"]: row["share"] for row in summary_tables(products)["drivers"]}
    first = max((name for name in shares if name not in ("none", "tie")), key=lambda name: shares[name])
    regional = products["regional"].copy(deep=True)
    at = {
        "region": list(regional["region"].values).index("globe"),
        "driver": list(regional["driver"].values).index(first),
    }
    for end, value in (("", shares[first]), ("_lower", 0.123), ("_upper", 0.456)):
        regional[f"dominant_share{end}"][at] = value
    assert "(95 % interval 12.3 to 45.6 %)" in answers(products | {"regional": regional}, context)["drivers"].number
    regional["dominant_share"][at] = shares[first] + 0.05
    assert "interval" not in answers(products | {"regional": regional}, context)["drivers"].number


def test_no_driver_is_called_the_strongest_where_none_is_significant(products, context):
    tables = summary_tables(products)
    rows = [row | {"share": 1.0 if row["driver"] == "none" else 0.0} for row in tables["drivers"]]
    found = {each.section: each for each in headlines(products, tables | {"drivers": rows}, context)}
    assert found["drivers"].number == "No driver is significant anywhere in the area tested"


def test_what_to_mind_stands_at_the_number(products, context, new_context):
    few = with_globe(products, slope_fixed_cells_n_effective=3.2)
    assert "count as 3.2 independent ones only" in " ".join(answers(few, context)["series"].cautions)
    assert few_independent({"n_effective": 5.0}, "slope") == few_independent(None, "slope") == ""
    assert "only 50.0 % of the land" in coverage({"area_km2": 2.0, "covered_area_km2": 1.0})
    assert coverage({"area_km2": 2.0, "covered_area_km2": 1.9}) == coverage(None) == ""
    trend = products["trend"].assign(n_breaks=0 * products["trend"]["slope"] + 1)
    trend["break_year"] = xr.concat([0 * trend["slope"] + year for year in (2007.3, 2012.7)], "break")
    assert "changes in 2007 on 100 % of the area and 2012 on 100 % of the area" in sensors(trend)
    assert sensors(products["trend"]) == sensors(None) == ""
    own = {"soil_moisture": {"entry": "gldas"}, "precipitation": {"entry": "gldas"}}
    told = shared_sources(new_context(inputs=own))
    assert len(told) == 1 and "soil moisture and precipitation come from the same source (gldas)" in told[0]
    pair = {name: {"entry": "era5"} for name in ("precipitation", "soil_temperature")} | {"lai": {"entry": "glass"}}
    told = shared_sources(new_context(inputs=pair | {"soil_moisture": {"entry": "esa"}}))
    assert len(told) == 1 and told[0].startswith("Mind that precipitation and soil temperature come from one source")
    assert shared_sources(context) == [] == own_zones(context)
    assert "thirds of the land" in own_zones(new_context(config={"zones": {"scheme": "climatology_terciles"}}))[0]


def test_without_products_each_question_says_what_is_absent(context):
    found = answers({}, context)
    assert "latitude" not in found and all(each.number == "" for each in found.values())
    assert "no regional product" in found["series"].lines[0] and "tested no drivers" in found["drivers"].lines[0]
    assert "no zones of dryness" in found["ddww"].lines[0]
