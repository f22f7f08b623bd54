"""The sample world's scorecard as a table with verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smcloud.report.rounding import DASH, MINUS, Record, Table, number

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


# Subject of a score, by the first part of its name.
MEANINGS = {
    "detectable": "area with a strong true trend: right sign and p < 0.05",
    "driver": "area with one strong true driver: that one is named",
    "driver_named_without": "area without a driver that is given one",
    "recall": "area of the true class that is given this class",
    "not_significant": "area without a trend that is left without one; phi: its autocorrelation from year to year",
    "skill": "slope map against the truth, m³ m⁻³ yr⁻¹ but for r",
    "sensor_step_called_significant": "a step of the sensors that a trend test cannot tell from a trend",
    "sensor_step_with_break_terms": "the same step called a trend beside a term for each change of the sensors",
    "unscored_share": "land that no score above counts",
}


def scorecard_table(scorecard: Mapping[str, Any]) -> Table:
    """Convert a nested scorecard to records of ``name, score, wanted, verdict, details``.

    A mapping with ``score`` is one row; ``wanted`` is its lower and ``wanted_at_most`` its upper limit,
    and only with one of them (not None) there is a verdict. Other numbers are rows without one.
    """
    rows: Table = []

    def visit(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, Mapping) and "score" in value:
            rows.append(_scored(path, value))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                visit((*path, str(key)), inner)
        else:
            row = {"name": _path(path), "score": _free(value), "wanted": "", "verdict": ""}
            rows.append(row | {"details": MEANINGS.get(path[0], "") if path else ""})

    visit((), scorecard)
    return rows


def _path(path: Sequence[str]) -> str:
    return " · ".join(part.replace("_", " ") for part in path) or "score"


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
        return f"{digits.replace('-', MINUS)} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    return number(float(value), 0 if size >= 1000 or isinstance(value, int) else 3)


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
    rest = {key: inner for key, inner in value.items() if key not in ("score", "wanted", "wanted_at_most")}
    facts = [f"{_path([key]).replace('km2', 'km²')} {_free(inner)}" for key, inner in rest.items()]
    return {
        "name": _path(path),
        "score": _free(score),
        "wanted": ", ".join(wanted),
        "verdict": "" if not passes else "no value" if not known else "pass" if all(passes) else "fail",
        "details": "; ".join(filter(None, [MEANINGS.get(path[0] if path else ""), *facts])),
    }
