"""What this run says of the study's results R1, R3 and R4, in sentences that go no further than their intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from smcloud.report.context import ReportContext
from smcloud.report.ddww_sentences import ddww
from smcloud.report.labels import label
from smcloud.report.language import join_values, listed, tell, tell_count
from smcloud.report.rounding import Record, Table, bounded, percent, trend_text, words
from smcloud.report.scope import of_region, whole
from smcloud.report.sentences import global_trend

STUDY_TREND = -0.10e-3
ABOVE, BELOW, NOT_APART, NO_INTERVAL = "above 0", "below 0", "not told apart from 0", "no interval"
_TENTHS = re.compile(r"decile (\d+)")


def not_here() -> str:
    """Say that a run lacks what a result needs."""
    return tell("This run does not hold what is needed.")


def sign_told(lower: float | None, upper: float | None) -> str:
    """Say what an interval tells of a sign: ``above 0``, ``below 0``, that it tells none, or that there is none."""
    if lower is None or upper is None:
        return NO_INTERVAL
    return ABOVE if lower > 0 else BELOW if upper < 0 else NOT_APART


def global_result(tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    """R1: the trend, what its interval tells, of the globe's where the study's number lies, and what the ends add."""
    return _global(tables, context) + _without_ends(tables.get("end_years", []))


def _global(tables: Mapping[str, Table], context: ReportContext) -> list[str]:
    globe = whole(tables.get("regions", []))
    lines = [global_trend(globe, context)]
    key = "slope_fixed_cells" if globe is not None and globe.get("slope_fixed_cells") is not None else "slope"
    if globe is None or globe.get(f"{key}_lower") is None or globe.get(f"{key}_upper") is None:
        return lines
    lower, upper = globe[f"{key}_lower"], globe[f"{key}_upper"]
    if not bounded("slope", lower, upper):
        return lines
    if sign_told(lower, upper) == NOT_APART and of_region(globe):
        lines.append(tell("The interval holds 0: the trend is not told apart from none."))
    elif sign_told(lower, upper) == NOT_APART:
        lines.append(tell("The interval holds 0: the global trend is not told apart from none."))
    if context.invented or of_region(globe):
        return lines
    if lower <= STUDY_TREND <= upper:
        return [*lines, tell("The study’s number lies inside this interval; it has none of its own.")]
    return [*lines, tell("The study’s number lies outside this interval; it has none of its own.")]


def _without_ends(table: Table) -> list[str]:
    """How far the trend of the fixed cells of the whole rests on the ends of the record."""
    own = [row for row in table if row["key"].startswith(("globe/", "region/")) and row["slope"] is not None]
    if len(own) < 2:
        return []
    told = [
        tell("{slope} (left out: {years})", slope=trend_text(row["slope"]), years=label(row["left_out"]))
        for row in (min(own, key=lambda row: row["slope"]), max(own, key=lambda row: row["slope"]))
    ]
    return [
        tell(
            "Without one or two years at an end, or at both, that of the fixed cells lies between {slopes}.",
            slopes=join_values(told),
        )
    ]


def driver_result(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[str]:
    """R3: where each driver is the strongest, which leads in each decile of wetness, and how it acts in dry land."""
    if "drivers" not in tables or any(row["share"] is None for row in tables["drivers"]):
        return [not_here()]
    named = [row for row in tables["drivers"] if row["driver"] not in ("none", "tie")]
    shares = [
        tell(
            "{driver} {share} ({positive} positive)",
            driver=words(row["driver"]), share=percent(row["share"]), positive=percent(row["positive_share"]),
        )
        for row in named
    ]  # fmt: skip
    lines = [tell("Of the area with a result: {shares}.", shares=listed(shares))]
    deciles = tables.get("strata_climatology", [])
    names = [row["driver"] for row in named]
    if not deciles or any(f"dominant_share: {name}" not in deciles[0] for name in names):
        return lines
    return [*lines, _leaders(deciles, names), *_positive(deciles, names), *(_signs(deciles, name) for name in names)]


def _leaders(deciles: Table, names: Sequence[str]) -> str:
    led: dict[str, list[str]] = {}
    for row in deciles:
        led.setdefault(leader(row, names) or "", []).append(_tenth(row))
    told = [
        tell("{driver} in {deciles}", driver=words(name), deciles=_deciles(led[name])) for name in names if name in led
    ]
    if not told:
        return tell(
            "Strongest by decile of mean soil moisture, 1 the driest, where the interval of its share lies above those "
            "of all others: no driver in any decile."
        )
    if "" not in led:
        return tell(
            "Strongest by decile of mean soil moisture, 1 the driest, where the interval of its share lies above those "
            "of all others: {drivers}.",
            drivers=tell(", ").join(told),
        )
    return tell(
        "Strongest by decile of mean soil moisture, 1 the driest, where the interval of its share lies above those of "
        "all others: {drivers}; none is told to be ahead in {deciles}.",
        drivers=tell(", ").join(told), deciles=_deciles(led[""]),
    )  # fmt: skip


def _signs(deciles: Table, name: str) -> str:
    """Where the mean partial correlation with a driver has a sign."""
    key, driver = f"partial_correlation: {name}", words(name)
    above, below = ([_tenth(row) for row in deciles if sign_of(row, key) == sign] for sign in (ABOVE, BELOW))
    parts = []
    if above:
        parts.append(
            tell_count("above 0 in decile {deciles}", "above 0 in deciles {deciles}", len(above),
                       deciles=_deciles(above))
        )  # fmt: skip
    if below:
        parts.append(
            tell_count("below 0 in decile {deciles}", "below 0 in deciles {deciles}", len(below),
                       deciles=_deciles(below))
        )  # fmt: skip
    if not parts:
        return tell(
            "Mean partial r with {driver}, by its interval: not told apart from 0 in any decile.", driver=driver
        )
    return tell("Mean partial r with {driver}, by its interval: {signs}.", driver=driver, signs=tell(", ").join(parts))


def _positive(deciles: Table, names: Sequence[str]) -> list[str]:
    """On how much of the driest and the wettest tenth each driver acts significantly, and which way."""
    parts = []
    for name in names:
        ends = [
            [row.get(f"significant_{sign}_share: {name}") for sign in ("positive", "negative")]
            for row in (deciles[0], deciles[-1])
        ]
        if all(share is not None for end in ends for share in end):
            (dry_up, dry_down), (wet_up, wet_down) = [[percent(share) for share in end] for end in ends]
            parts.append(
                tell(
                    "{driver} above 0 on {dry_up} and {wet_up}, below 0 on {dry_down} and {wet_down}",
                    driver=words(name), dry_up=dry_up, wet_up=wet_up, dry_down=dry_down, wet_down=wet_down,
                )
            )  # fmt: skip
    if not parts:
        return []
    return [
        tell("Significant partial r, by area of the driest and of the wettest tenth: {drivers}.", drivers=listed(parts))
    ]


def share_result(products: Mapping[str, xr.Dataset], tables: Mapping[str, Table]) -> list[str]:
    """R4: the DDWW share by both denominators, with intervals and what chance gives."""
    if "ddww" not in products:
        return [not_here()]
    return ddww(products["ddww"], tables.get("ddww", []))


def leader(row: Record, names: Sequence[str]) -> str | None:
    """Return the driver whose share has an interval above those of all others; None where no driver has."""
    lower: dict[str, Any] = {name: row.get(f"dominant_share: {name}_lower") for name in names}
    upper: dict[str, Any] = {name: row.get(f"dominant_share: {name}_upper") for name in names}
    if None in (*lower.values(), *upper.values()):
        return None
    return next((own for own in names if all(lower[own] > upper[n] for n in names if n != own)), None)


def _tenth(row: Record) -> str:
    found = _TENTHS.search(str(row["label"]))
    return found[1] if found else str(row["label"])


def _deciles(numbers: Sequence[str]) -> str:
    """Join numbers, neighbours as ``4 to 7``."""
    if not all(text.isdigit() for text in numbers):
        return join_values(list(numbers))
    runs: list[list[int]] = []
    for place in sorted(map(int, numbers)):
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return join_values([text for run in runs for text in _run(run)])


def _run(run: Sequence[int]) -> list[str]:
    if len(run) > 2:
        return [tell("{lower} to {upper}", lower=run[0], upper=run[-1])]
    return [str(place) for place in run]


def sign_of(row: Record, key: str) -> str:
    """What the interval of ``key`` tells of its sign."""
    return sign_told(row.get(f"{key}_lower"), row.get(f"{key}_upper"))
