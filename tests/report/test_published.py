"""The study's numbers stand beside the run's, each with its label and denominator."""

import numpy as np
import pytest
import xarray as xr

from smcloud.report import summary_tables
from smcloud.report.published import comparison, ddww_figures, differences
from smcloud.report.rounding import shown


@pytest.fixture
def rows(products, context):
    return {row["id"]: row for row in comparison(products, summary_tables(products), context)}


def test_the_six_results_are_there(rows):
    assert list(rows) == ["R1", "R2", "R3", "R4", "R5", "R6"]
    assert "−0.10 × 10⁻³" in rows["R1"]["published"]
    assert "41.06 %" in rows["R4"]["published"]
    assert all(row["differs"] for row in rows.values())


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


def test_r3_tells_the_drier_from_the_wetter_half(rows, products):
    """Where each driver leads, in halves of the area by mean soil moisture: the mean of its cells cannot show that."""
    drivers, wet = products["drivers"], products["trend"]["climatology"]
    code = drivers["dominant_driver"]
    weight = (np.cos(np.deg2rad(drivers["lat"])) * xr.ones_like(wet)).where((code != 255) & wet.notnull(), 0.0)
    level = min(
        value
        for value in np.unique(wet.values[np.isfinite(wet.values)])
        if float(weight.where(wet <= value, 0.0).sum()) >= float(weight.sum()) / 2
    )
    positive = drivers["dominant_correlation"] >= 0
    drier, wetter = rows["R3"]["this_run"].split("In the ")[1:]
    for text, half in ((drier, wet < level), (wetter, wet >= level)):
        own = weight.where(half, 0.0)
        share = float(own.where(code == 1, 0.0).sum() / own.sum())
        good = float(own.where((code == 1) & positive, 0.0).sum() / own.sum())
        assert f"precipitation {100 * share:.1f} % ({100 * good:.1f} % positive)" in text
    assert drier.startswith("drier half (mean soil moisture below") and wetter.startswith("wetter half")


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
