"""The study's numbers stand beside the run's, each with its label and denominator."""

import numpy as np
import pytest

from smcloud.report import results_by_stratum, summary_tables
from smcloud.report.published import comparison, ddww_figures, differences
from smcloud.report.results import driver_result, global_result
from smcloud.report.results_by_latitude import latitude_result
from smcloud.report.results_by_stratum import strata_result
from smcloud.report.rounding import shown


@pytest.fixture
def rows(products, context):
    return {row["id"]: row for row in comparison(products, summary_tables(products), context)}


def test_the_six_results_are_there(rows):
    assert list(rows) == ["R1", "R2", "R3", "R4", "R5", "R6"]
    assert "−0.10 × 10⁻³" in rows["R1"]["number"]
    assert "41.06 %" in rows["R4"]["number"]
    assert all(row["differs"] and row["published"] and row["number"] for row in rows.values())


def test_r1_and_r4_are_the_runs_numbers(rows, products):
    globe = products["regional"].sel(region="globe")
    assert f"{1e3 * float(globe['slope']):.3f}" in rows["R1"]["this_run"].replace("−", "-")
    assert f"{100 * products['ddww'].attrs['ddww_share_of_change']:.1f} %" in rows["R4"]["this_run"]


def test_r2_gives_hemispheres_and_distance_from_the_equator(rows, products):
    south = products["regional"].sel(region="south")
    assert f"south: {100 * float(south['drying_share']):.1f} % dries" in rows["R2"]["this_run"]
    bands = products["regional"].where(products["regional"]["kind"] == "band", drop=True)
    near = bands.sel(region=["30S-20S", "20S-10S", "10S-0", "0-10N", "10N-20N", "20N-30N"])
    want = float((near["drying_share"] * near["covered_area_km2"]).sum() / near["covered_area_km2"].sum())
    assert f"0–30° {100 * want:.1f} %" in rows["R2"]["this_run"]


def test_r1_says_where_the_studys_number_lies(products, context, new_context, scorecard):
    globe = products["regional"].sel(region="globe")
    inside = float(globe["slope_fixed_cells_lower"]) <= -1e-4 <= float(globe["slope_fixed_cells_upper"])
    lines = global_result(summary_tables(products), context)
    assert f"lies {'inside' if inside else 'outside'} this interval" in lines[-1]
    invented = " ".join(global_result(summary_tables(products), new_context(scorecard=scorecard)))
    assert "The study" not in invented
    wide = products["regional"].copy(deep=True)
    wide["slope_fixed_cells_lower"][:], wide["slope_fixed_cells_upper"][:] = -1e-3, 1e-3
    text = " ".join(global_result(summary_tables({"regional": wide}), context))
    assert "not told apart from none" in text and "lies inside" in text


def test_r2_gives_parts_and_gradients_and_no_more_than_their_intervals(products, context):
    regional = products["regional"].copy(deep=True)
    for key, part, half, change in (
        ("south", -2e-4, 5e-5, -3e-5),
        ("north", 1e-5, 5e-5, 1e-5),
        ("globe", -1.9e-4, 1e-4, 0),
    ):
        at = {"region": list(regional["region"].values).index(key)}
        for end, sign in (("", 0), ("_lower", -1), ("_upper", 1)):
            regional[f"part_of_whole{end}"][at] = part + sign * half
            regional[f"latitude_gradient{end}"][at] = change + sign * 2e-5
    made = {"regional": regional}
    text = " ".join(latitude_result(made, summary_tables(made), context))
    assert "Southern hemisphere −0.200 × 10⁻³" in text and "0.0100 × 10⁻³" in text
    assert "By their intervals the south’s lies below the north’s." in text
    north, south = (
        text.split(f"{name} hemisphere: with every 10 degrees")[1].split(" cells).")[0]
        for name in ("Northern", "Southern")
    )
    assert "not told apart from 0" in north and "drier with latitude" in south
    regional["part_of_whole_upper"][list(regional["region"].values).index("south")] = 2e-4
    text = " ".join(latitude_result(made, summary_tables(made), context))
    assert "none dominates for sure" in text and "below the north" not in text


def test_r3_names_a_leader_only_where_intervals_do_not_overlap(products):
    strata = products["strata"].copy(deep=True)
    first = list(strata["stratum"].values).index("climatology/1")
    rain, heat, leaf = (np.full(10, value) for value in (0.2, 0.05, 0.2))
    leaf[:3], rain[3:] = 0.6, 0.7
    for place, values in enumerate((rain, heat, leaf)):
        for end, shift in (("", 0.0), ("_lower", -0.1), ("_upper", 0.1)):
            strata[f"dominant_share{end}"][first : first + 10, place] = values + shift
            strata[f"partial_correlation{end}"][first : first + 10, place] = (0.3, -0.05, 0.3)[place] + shift
    strata["dominant_share_upper"][first + 6, 2] = 0.65  # its interval reaches into that of precipitation
    strata["dominant_share_lower"][first + 9] = np.nan
    made = products | {"strata": strata}
    text = " ".join(driver_result(made, summary_tables(made)))
    assert "precipitation in 4 to 6, 8 and 9, LAI in 1 to 3; none is told to be ahead in 7 and 10." in text
    assert "r with precipitation, by its interval: above 0 in deciles 1 to 10." in text
    assert "r with soil temperature, by its interval: not told apart from 0 in any decile." in text


def test_r5_gives_the_part_of_each_driver_in_the_trend_of_four_classes(products, context):
    strata = products["strata"]
    parts = products | {"strata": strata.assign(trend_contribution=strata["partial_correlation"] * 2e-3)}
    made = comparison(parts, summary_tables(parts), context)
    text = next(row["this_run"] for row in made if row["id"] == "R5").replace("−", "-")
    for name in ("WW", "DW", "WD", "DD"):
        own = strata.sel(stratum=f"ddww/{name}")
        r = float(own["partial_correlation"].sel(driver="precipitation"))
        assert f"{name}: precipitation {shown('slope', 2e-3 * r)} × 10⁻³" in text.replace("-", "−")
        assert f"of {shown('slope', float(own['mean_of_slopes']))} × 10⁻³ in all" in text.replace("-", "−")


def test_r6_names_the_strata_of_the_study_and_no_other(rows):
    trends = rows["R6"]["this_run"].split(".  ")[0]
    for name in ("cropland", "savanna", "forest", "sandy loam", "loam", "1000-2000 m"):
        assert name in trends
    assert "500-1000 m" not in rows["R6"]["this_run"]
    assert "r with temperature: barren" in rows["R6"]["this_run"]
    assert "With 10 % more of clay, partial r with soil temperature changes by −0.02 (" in rows["R6"]["this_run"]


def test_r6_sorts_strata_by_what_their_intervals_tell(products):
    strata = products["strata"].copy(deep=True)
    for name, lower, upper in (("cropland", 1e-4, 3e-4), ("savanna", -3e-4, -1e-4), ("forest", -1e-4, 3e-4)):
        at = list(strata["stratum"].values).index(f"land_cover/{name}")
        strata["slope"][at], strata["slope_lower"][at], strata["slope_upper"][at] = (lower + upper) / 2, lower, upper
    lines = strata_result(summary_tables({"strata": strata}))
    found = {name: next(line for line in lines if f" {name} " in line) for name in ("cropland", "savanna", "forest")}
    assert "interval above 0" in found["cropland"] and "interval below 0" in found["savanna"]
    assert "not told apart from 0" in found["forest"] and "(−0.100 to 0.300)" in found["forest"]


def test_published_shares_have_their_denominators(products):
    rows = ddww_figures(products, summary_tables(products))
    found = {(row["source"], row["ddww"], row["opposite"], row["denominator"]) for row in rows}
    assert ("Greve et al. (2014)", "10.8 %", "9.5 %", "land") in found
    assert (
        "Feng & Zhang (2015)",
        "15.12 %",
        "7.77 %",
        "land, 22.16 % of it drier and 7.14 % wetter in 1979–2013",
    ) in found
    assert ("Peng et al. (2023)", "41.06 %", "not given", "area with a significant change") in found
    table = products["ddww"]["share_of_land"].sel({"class": ["DW", "WD"]})
    assert rows[1]["opposite"] == f"{100 * float(table.sum()):.1f} %"
    assert all(row["denominator"] for row in rows)


def test_without_products_nothing_is_made_up(context):
    rows = comparison({}, {}, context)
    assert all("does not hold" in row["this_run"] for row in rows if row["id"] not in ("R1",))
    assert "No global trend" in rows[0]["this_run"]
    assert len(ddww_figures({}, {})) == 7


def test_what_differs_is_said(products, context, new_context, make_products):
    assert any("guesses" in line for line in differences(products, context))
    shorter = {name: ds for name, ds in products.items()}
    shorter["annual"] = products["annual"].isel(year=slice(0, 20))
    assert any("2000–2019" in line for line in differences(shorter, context))
    own = {"preset": "rigorous", "levels": {"trend": "method"}, "changed": ["drivers.names"]}
    config = dict(context.config) | own | {"drivers": {"names": ["lai"]}}
    lines = " ".join(differences(products, new_context(config=config)))
    assert "rigorous" in lines and "drivers are LAI" in lines and "guesses" not in lines
    assert "Chosen for this run: rigorous, changed: drivers.names." in lines
    assert "invented" in differences(products, new_context(scorecard={}))[0]


def test_a_gradient_without_an_interval_and_a_class_without_a_cell_say_so() -> None:
    row = {"label": "clay", "driver": "soil_temperature", "step": "10 %", "n_cells": 33, "correlation_per_step": 0.28}
    missing = {"correlation_per_step_lower": None, "correlation_per_step_upper": None}
    assert results_by_stratum._gradients([row | missing]) == [
        "With 10 % more of clay, partial r with soil temperature changes by 0.28 (33 cells, no interval)."
    ]
    limits = {"correlation_per_step_lower": -0.1, "correlation_per_step_upper": 0.6}
    assert results_by_stratum._gradients([row | limits]) == [
        "With 10 % more of clay, partial r with soil temperature changes by 0.28 (−0.10 to 0.60; 33 cells), "
        "not told apart from 0."
    ]
    empty = {"label": "DW: dry gets wetter", "key": "", "n_cells": 0, "mean_of_slopes": None}
    lines = results_by_stratum.class_result({"strata_ddww": [empty]})
    assert lines[1:] == ["DW: no cell."]
