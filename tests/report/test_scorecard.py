"""Scorecard verdicts."""

import pytest

from smcloud.report import markdown, scorecard_table


def test_scorecard_verdicts(scorecard):
    rows = {row["name"]: row for row in scorecard_table(scorecard)}
    assert rows["detectable"]["verdict"] == "pass" and rows["detectable"]["wanted"] == "at least 0.95"
    assert "41,234,567" in rows["detectable"]["details"]
    assert rows["driver"]["verdict"] == "fail"
    assert rows["driver named without"]["verdict"] == "pass" and "at most" in rows["driver named without"]["wanted"]
    assert rows["recall · WW"]["verdict"] == "no value" and rows["recall · WW"]["score"] == "–"
    assert rows["not significant · phi 0.4"]["verdict"] == "" and rows["not significant · phi 0.4"]["score"] == "0.830"
    assert rows["skill · mean error"]["score"] == "−1.20 × 10⁻⁵"
    assert len(rows) == 11
    table = scorecard_table({"whole": {"score": 1.0, "area_km2": 71257369.443}, "cells": 3})
    assert [row["score"] for row in table] == ["1.000", "3"] and table[0]["details"] == "area km² 71,257,369"


@pytest.mark.parametrize(("limit", "score", "verdict"), [
    ("wanted", 0.95, "pass"), ("wanted", 0.9499, "fail"),
    ("wanted_at_most", 0.95, "pass"), ("wanted_at_most", 0.951, "fail"),
])  # fmt: skip
def test_limits_are_inclusive(limit, score, verdict):
    assert scorecard_table({"x": {"score": score, limit: 0.95}})[0]["verdict"] == verdict


def test_scorecard_in_markdown(scorecard):
    lines = markdown(scorecard_table(scorecard)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")[1:-1]] == ["Score", "Reached", "Wanted", "Verdict", "Details"]
    assert len(lines) == 2 + 11
