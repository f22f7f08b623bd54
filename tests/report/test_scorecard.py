"""Scorecard verdicts."""

import pytest
import xarray as xr

from smcloud.config import parse_config
from smcloud.report import markdown, scorecard_table
from smcloud.report.scorecard import TITLES
from smcloud.sample import Coefficients, annual_world
from smcloud.sample import scorecard as scorecard_of
from smcloud.sample.demo import configuration

HEADERS = ["Score", "Reached", "Expected", "Wanted", "Verdict", "Details"]


def test_scorecard_verdicts(scorecard):
    rows = {row["name"]: row for row in scorecard_table(scorecard)}
    strong, vain = rows["Power, strong trends"], rows["Driver named in vain"]
    assert strong["verdict"] == "pass" and strong["wanted"] == "at least 0.95" and strong["expected"] == ""
    assert "41,234,567" in strong["details"] and "right sign" in strong["details"]
    assert rows["Right driver named"]["verdict"] == "fail"
    assert vain["verdict"] == "pass" and "at most" in vain["wanted"]
    assert rows["DDWW class found: WW"]["verdict"] == "no value" and rows["DDWW class found: WW"]["score"] == "–"
    assert rows["Slope map: mean error"]["score"] == "−1.20 × 10⁻⁵"
    assert len(rows) == 13
    table = scorecard_table({"whole": {"score": 1.0, "area_km2": 71257369.443}, "cells": 3})
    assert [row["score"] for row in table] == ["1.00", "3"] and table[0]["details"] == "area km² 71,257,369"


def test_what_is_expected_on_average_stands_beside_a_score_and_is_no_limit(scorecard):
    rows = {row["name"]: row for row in scorecard_table(scorecard)}
    power = rows["Power: trend of 3 standard errors, φ 0.4"]
    assert (power["score"], power["expected"], power["wanted"], power["verdict"]) == ("0.830", "0.950", "", "")
    assert power["details"].endswith("by the run’s rule; cells 9; true trend in standard errors 3.04")
    assert rows["False alarms: φ 0"]["expected"] == "0.050" and rows["False alarms: φ 0.4"]["expected"] == ""
    assert rows["False discoveries"]["expected"] == "at most 0.05 on average"
    assert rows["False discoveries"]["verdict"] == ""


def test_every_score_of_a_run_has_a_name_for_readers():
    truth = annual_world(1, coefficients=Coefficients(idle_warming=4.0, sensor_drift=1e-3))[1]
    trend = xr.Dataset({"slope": truth["beta"], "p_value": truth["beta"] * 0, "significant": truth["beta"] * 0 + 1})
    trend["p_value_with_breaks"] = trend["p_value"]
    names = {"driver": ["precipitation", "soil_temperature", "lai"]}
    drivers = xr.Dataset(
        {"dominant_driver": truth["driver"], "trend_contribution": truth["g"].rename(driver_name="driver")}, names
    )
    card = scorecard_of(truth, trend, drivers, truth[["ddww_class"]], parse_config(configuration("store")))
    assert set(card) == set(TITLES)
    assert not any("_" in row["name"] or "delta" in row["name"] for row in scorecard_table(card))


@pytest.mark.parametrize(("limit", "score", "verdict"), [
    ("wanted", 0.95, "pass"), ("wanted", 0.9499, "fail"),
    ("wanted_at_most", 0.95, "pass"), ("wanted_at_most", 0.951, "fail"),
])  # fmt: skip
def test_limits_are_inclusive(limit, score, verdict):
    assert scorecard_table({"x": {"score": score, limit: 0.95}})[0]["verdict"] == verdict


def test_scorecard_in_markdown(scorecard):
    lines = markdown(scorecard_table(scorecard)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == HEADERS
    assert len(lines) == 2 + 13
