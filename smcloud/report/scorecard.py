"""The sample world's scorecard in words: what was measured, what was expected, and a verdict where there is a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smcloud.report.rounding import DASH, MINUS, SUPERSCRIPT, Record, Table, figures, number

# What a score is called, by the first part of its name, and what is measured.
TITLES = {
    "detectable": ("Power, strong trends", "area with a true trend of 4 or more standard errors: right sign, p < 0.05"),
    "power": ("Power", "area with a true trend of this size: right sign and significant by the run’s rule"),
    "false_alarms": ("False alarms", "area without a trend that is significant by the run’s rule"),
    "false_discoveries": ("False discoveries", "area that is significant by the run’s rule and has no trend"),
    "recall": ("DDWW class found", "area of the true class that is given this class"),
    "driver": ("Right driver named", "area with one strong true driver: that one is named"),
    "driver_named_without": ("Driver named in vain", "area without a driver that is given one"),
    "idle_soil_temperature_named": ("Idle driver named", "area given soil temperature, which does nothing here"),
    "idle_soil_temperature_contribution": (
        "Idle driver’s part", "of the true trends, given to soil temperature, which does nothing here",
    ),
    "skill": ("Slope map", "against the truth, m³ m⁻³ yr⁻¹ but for the correlation"),
    "sensor_step_called_significant": (
        "False alarms, sensor step", "p < 0.05 where only the sensors changed: a trend test takes a step for a trend",
    ),
    "sensor_step_with_break_terms": (
        "False alarms, sensor step with a term", "p < 0.05 in the same area, with a term for each sensor change",
    ),
    "sensor_drift_called_significant": (
        "False alarms, sensor drift", "p < 0.05 where only the record drifts: a test takes it for a trend",
    ),
    "unscored_share": ("Not scored", "land that no score above counts"),
}  # fmt: skip
PARTS = {
    "pearson_r": "correlation",
    "rmse": "root mean square error",
    "weak": "trend of less than 4 standard errors",
    "without_a_trend_to_find": "empty, constant or too short",
    "sensor_step": "sensors changed",
}
FACTS = {
    "n_cells": "cells", "area_km2": "area km²", "mean_delta": "true trend in standard errors",
    "without_a_result": "missed for want of a result",
}  # fmt: skip


def scorecard_table(scorecard: Mapping[str, Any]) -> Table:
    """Convert a nested scorecard to records of ``name, score, expected, wanted, verdict, details``.

    A mapping with ``score`` is one row; ``wanted`` is its lower and ``wanted_at_most`` its upper limit,
    and only with one of them (not None) there is a verdict. ``expected`` and ``expected_at_most`` are what simulations
    give on average, and no limits. Other numbers are rows of their own.
    """
    rows: Table = []

    def visit(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, Mapping) and "score" in value:
            rows.append(_scored(path, value))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                visit((*path, str(key)), inner)
        else:
            row = {"name": _name(path), "score": _free(value), "expected": "", "wanted": "", "verdict": ""}
            rows.append(row | {"details": _measured(path)})

    visit((), scorecard)
    return rows


def _name(path: Sequence[str]) -> str:
    if not path:
        return "score"
    parts = [PARTS.get(part, part.replace("_", " ")).replace("phi ", "φ ") for part in path[1:]]
    parts = [f"trend of {part.removeprefix('delta ')} standard errors" if "delta " in part else part for part in parts]
    title = TITLES[path[0]][0] if path[0] in TITLES else path[0].replace("_", " ")
    return f"{title}: {', '.join(parts)}" if parts else title


def _measured(path: Sequence[str]) -> str:
    return TITLES[path[0]][1] if path and path[0] in TITLES else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _free(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if not _is_number(value):
        return str(value)
    size = abs(float(value))
    if 0 < size < 0.01:
        digits, power = f"{float(value):.2e}".split("e")
        return f"{digits.replace('-', MINUS)} × 10{str(int(power)).translate(SUPERSCRIPT)}"
    return number(float(value), 0) if size >= 1000 or isinstance(value, int) else figures(float(value), 3)


def _scored(path: tuple[str, ...], value: Mapping[str, Any]) -> Record:
    score = value["score"]
    known = _is_number(score)
    wanted, passes = [], []
    if value.get("wanted") is not None:
        wanted.append(f"at least {value['wanted']:g}")
        passes.append(known and score >= value["wanted"])
    if value.get("wanted_at_most") is not None:
        wanted.append(f"at most {value['wanted_at_most']:g}")
        passes.append(known and score <= value["wanted_at_most"])
    facts = [
        f"{FACTS.get(key, key.replace('_', ' '))} {_free(inner)}"
        for key, inner in value.items()
        if key not in ("score", "wanted", "wanted_at_most", "expected", "expected_at_most")
    ]
    return {
        "name": _name(path),
        "score": _free(score),
        "expected": _expected(value),
        "wanted": ", ".join(wanted),
        "verdict": "" if not passes else "no value" if not known else "pass" if all(passes) else "fail",
        "details": "; ".join(filter(None, [_measured(path), *facts])),
    }


def _expected(value: Mapping[str, Any]) -> str:
    if value.get("expected_at_most") is not None:
        return f"at most {value['expected_at_most']:g} on average"
    return "" if value.get("expected") is None else _free(float(value["expected"]))
