"""The configuration for drafted entries: which entry for which role, and the months that they hold together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from smcloud.config import load_preset
from smcloud.cube.calendar import Times, days_in, month_range
from smcloud.first_study.drafts import Draft, Line
from smcloud.first_study.times import longest_run, months_of
from smcloud.first_study.understanding import WATER

PRESET = "peng2023"
SOIL = "soil_moisture"


class Months(NamedTuple):
    """The run of months that a record of soil moisture holds, with the days that the fullest of them has.

    ``enough`` says that each has as many days as the preset asks for.
    """

    first: np.datetime64
    last: np.datetime64
    days: int
    enough: bool

    def __str__(self) -> str:
        days = "" if self.enough else f", {self.days} {'day' if self.days == 1 else 'days'}"
        return f"{self.first} to {self.last}{days}"


def study_of(drafts: Sequence[Draft], places: Sequence[str], catalog: str, store: str) -> dict[str, Any]:
    """Make the keys of a configuration: lines, or mappings of lines.

    The months are the longest run that soil moisture holds; a role whose record does not hold them is left out, with
    its reason in the note of a line without a value.
    """
    least = int(load_preset(PRESET)["monthly"]["min_days"])
    soil = {draft.name: _months(draft, least) for draft in drafts if SOIL in draft.roles}
    months = next(iter(soil.values())) if len(soil) == 1 else None
    study: dict[str, Any] = {"preset": Line(PRESET, "every key below overrides it; the other one is rigorous")}
    study["period"] = _period(soil, least)
    study["catalog"] = Line(catalog)
    study["inputs"] = _inputs(drafts, soil, months, places)
    few = {name: held.days for name, held in soil.items() if not held.enough}
    if few:
        days = ", ".join(f"{held} of {name}" for name, held in few.items())
        choose = f"1 up to the days of the fullest month: {days}; the preset asks for {least}"
        study["monthly"] = {"min_days": Line(min(few.values()), "", choose)}
    study["grid"] = Line("native", "soil moisture's own; another one is {resolution: 0.25}")
    study["region"] = Line(None, "{bbox: [west, south, east, north]} or {shape: basin.geojson} reads that part alone")
    study["store"] = Line(store, "where cube and results go: a folder, gs:// or s3://")
    return study


def _months(draft: Draft, least: int) -> Months:
    steps = draft.steps[SOIL]
    assert steps is not None
    monthly = draft.spec(SOIL).period == "month"
    hours = months_of(steps.start, steps.end)
    held = [month for month, some in hours.items() if monthly or some >= 24 * least]
    run = longest_run(held) if held else None
    if run is not None:
        return Months(*run, days=int(max(hours.values()) / 24), enough=True)
    month = max(hours, key=lambda month: hours[month])
    return Months(month, month, max(1, int(hours[month] / 24)), False)


def _period(soil: Mapping[str, Months], least: int) -> dict[str, Line]:
    if len(soil) != 1:
        first, last = ([f"{months[i]} with {name}" for name, months in soil.items()] for i in (0, 1))
        which = "as the record of soil moisture has it"
        return {
            "start": Line("2000-01", "", f"the first month, YYYY-MM: {', '.join(first) or which}"),
            "end": Line("2000-01", "", f"the last month, YYYY-MM: {', '.join(last) or which}"),
        }
    (months,) = soil.values()
    count = len(month_range(months.first, months.last))
    years = int(load_preset(PRESET)["years"]["min_years"])
    why = f"the longest run of months with {least} days or more" if months.enough else "the month with most days"
    short = (
        f"; {count} {'month is' if count == 1 else 'months are'} enough for smcloud ingest, a trend needs {years} years"
    )
    return {
        "start": Line(str(months.first), f"{why}{short if count < 12 * years else ''}"),
        "end": Line(str(months.last), "or latest-complete-year, for a record that grows"),
    }


def _inputs(
    drafts: Sequence[Draft], soil: Mapping[str, Months], months: Months | None, places: Sequence[str]
) -> dict[str, Line]:
    inputs: dict[str, Line] = {}
    if not soil:
        again = f"smcloud init {' '.join(places)} FOLDER"
        inputs[SOIL] = Line(
            "none", "", f"an entry of soil moisture: nothing here is one. With its folder beside: {again}"
        )
    roles = dict.fromkeys(role for draft in drafts for role in draft.roles)
    for role in sorted(roles, key=lambda role: role != SOIL):
        entries = [draft for draft in drafts if role in draft.roles]
        names = [draft.name for draft in entries]
        if role == SOIL:
            listed = " or ".join(f"{name} ({held})" for name, held in soil.items())
            second = "; a second record can be soil_moisture_reference: ENTRY:soil_moisture"
            inputs[role] = Line(names[0], "", listed + second if len(soil) > 1 else "")
            continue
        lacking = {draft.name: _lacking(draft, role, months) for draft in entries} if months else {}
        fit = [name for name in names if not lacking.get(name)]
        if len(fit) > 1:
            inputs[role] = Line(fit[0], "", f"{' or '.join(fit)}, or remove the line")
        elif fit:
            inputs[role] = Line(fit[0], _said(entries[names.index(fit[0])], role))
        else:
            inputs[role] = Line(None, "; ".join(f"{name} is left out: {why}" for name, why in lacking.items()))
    return inputs


def _said(draft: Draft, role: str) -> str:
    steps = draft.steps[role]
    if steps is None:
        return ""
    first, last = steps.start[0].astype("M8[M]"), (steps.end[-1] - np.timedelta64(1, "s")).astype("M8[M]")
    return f"{first} to {last}"


def _lacking(draft: Draft, role: str, months: Months) -> str:
    """Why a record does not do for ``months``; empty where it does."""
    steps = draft.steps[role]
    if steps is None:
        return ""
    share = 1.0 if role in WATER else float(load_preset(PRESET)["monthly"]["min_share"])
    much = "all" if share == 1 else f"{share:.0%}"
    hours = months_of(steps.start, steps.end)
    needed: Times = month_range(months.first, months.last)
    short = [m for m, days in zip(needed, days_in(needed), strict=True) if hours.get(m, 0.0) < 24 * days * share - 0.5]
    if not short:
        return ""
    taken = ", if a stamp marks the start" if draft.roles[role].get("stamp", Line()).choose else ""
    return f"{much} of each month is needed, and {short[0]} has less; it holds {_said(draft, role)}{taken}"
