"""The sample world's scorecard in words: what was measured, what was expected, and a verdict where there is a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smcloud.report.labels import label
from smcloud.report.language import listed, message, tell
from smcloud.report.rounding import DASH, MINUS, SUPERSCRIPT, Record, Table, figures, number

# What a score is called, by the first part of its name, and what is measured.
TITLES = {
    "detectable": (message("Power, strong trends"), message("area with a true trend of 4 or more standard errors: "
    "right sign, p < 0.05")),
    "power": (message("Power"), message("area with a true trend of this size: right sign and significant by the "
    "run’s rule")),
    "false_alarms": (message("False alarms"), message("area without a trend that is significant by the run’s rule")),
    "false_discoveries": (message("False discoveries"), message("area that is significant by the run’s rule and has "
    "no trend")),
    "recall": (message("DDWW class found"), message("area of the true class that is given this class")),
    "driver": (message("Right driver named"), message("area with one strong true driver: that one is named")),
    "driver_named_without": (message("Driver named in vain"), message("area without a driver that is given one")),
    "idle_soil_temperature_named": (message("Idle driver named"), message("area given soil temperature, which does "
    "nothing here")),
    "idle_soil_temperature_contribution": (
        message("Idle driver’s part"), message("of the true trends, given to soil temperature, which does nothing "
            "here"),
    ),
    "skill": (message("Slope map"), message("against the truth, m³ m⁻³ yr⁻¹ but for the correlation")),
    "sensor_step_called_significant": (
        message("False alarms, sensor step"), message("p < 0.05 where only the sensors changed: a trend test takes a "
            "step for a trend"),
    ),
    "sensor_step_with_break_terms": (
        message("False alarms, sensor step with a term"), message("p < 0.05 in the same area, with a term for each "
            "sensor change"),
    ),
    "sensor_drift_called_significant": (
        message("False alarms, sensor drift"), message("p < 0.05 where only the record drifts: a test takes it for a "
            "trend"),
    ),
    "unscored_share": (message("Not scored"), message("land that no score above counts")),
}  # fmt: skip
PARTS = {
    "pearson_r": message("correlation"),
    "rmse": message("root mean square error"),
    "mean_error": message("mean error"),
    "weak": message("trend of less than 4 standard errors"),
    "without_a_trend_to_find": message("empty, constant or too short"),
    "sensor_step": message("sensors changed"),
}
FACTS = {
    "n_cells": message("cells"), "area_km2": message("area km²"), "mean_delta": message("true trend in standard "
    "errors"),
    "without_a_result": message("missed for want of a result"), "expected_from": message("expected from"),
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
        return tell("score")
    title = tell(TITLES[path[0]][0]) if path[0] in TITLES else label(path[0].replace("_", " "))
    parts = [_part(part) for part in path[1:]]
    return tell("{score}: {of}", score=title, of=tell(", ").join(parts)) if parts else title


def _part(part: str) -> str:
    if part in PARTS:
        return tell(PARTS[part])
    words = part.replace("_", " ").replace("phi ", "φ ")
    if words.startswith("delta "):
        return tell("trend of {size} standard errors", size=words.removeprefix("delta "))
    return label(words)


def _measured(path: Sequence[str]) -> str:
    return tell(TITLES[path[0]][1]) if path and path[0] in TITLES else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)


def _free(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if not _is_number(value):
        return label(str(value))
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
        wanted.append(tell("at least {limit}", limit=f"{value['wanted']:g}"))
        passes.append(known and score >= value["wanted"])
    if value.get("wanted_at_most") is not None:
        wanted.append(tell("at most {limit}", limit=f"{value['wanted_at_most']:g}"))
        passes.append(known and score <= value["wanted_at_most"])
    facts = [
        tell("{fact} {value}", fact=tell(FACTS[key]) if key in FACTS else key.replace("_", " "), value=_free(inner))
        for key, inner in value.items()
        if key not in ("score", "wanted", "wanted_at_most", "expected", "expected_at_most")
    ]
    return {
        "name": _name(path),
        "score": _free(score),
        "expected": _expected(value),
        "wanted": tell(", ").join(wanted),
        "verdict": "" if not passes else "no value" if not known else "pass" if all(passes) else "fail",
        "details": listed([text for text in (_measured(path), *facts) if text]),
    }


def _expected(value: Mapping[str, Any]) -> str:
    if value.get("expected_at_most") is not None:
        return tell("at most {limit} on average", limit=f"{value['expected_at_most']:g}")
    return "" if value.get("expected") is None else _free(float(value["expected"]))
