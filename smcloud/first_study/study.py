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
    days = [held.days for held in soil.values() if not held.enough]
    if days:
        up_to = f"1 to {max(days)}" if max(days) > 1 else "1"
        choose = f"{up_to}: no month of {_listed(soil, False)} holds the {least} days that the preset asks for"
        study["monthly"] = {"min_days": Line(min(days), "", choose)}
    study["grid"] = Line("native", "soil moisture's own; another one is {resolution: 0.25}")
    study["store"] = Line(store, "where cube and results go: a folder, gs:// or s3://")
    return study


def _listed(soil: Mapping[str, Months], enough: bool | None = None) -> str:
    held = {name: months for name, months in soil.items() if enough is None or months.enough is enough}
    return ", ".join(f"{name} ({months})" for name, months in held.items())


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
        which = f"as inputs.{SOIL}: {_listed(soil)}" if soil else "as soil moisture has it"
        return {key: Line("2000-01", "", f"a month YYYY-MM, {which}") for key in ("start", "end")}
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
    for role in dict.fromkeys(role for draft in drafts for role in draft.roles):
        held = [draft for draft in drafts if role in draft.roles]
        names = [draft.name for draft in held]
        if role == SOIL:
            second = "; another one can be soil_moisture_reference: ENTRY:soil_moisture"
            inputs[role] = Line(names[0], "", _listed(soil) + second if len(names) > 1 else "")
            continue
        lacking = {draft.name: _lacking(draft, role, months) for draft in held} if months else {}
        fit = [name for name in names if not lacking.get(name)]
        if len(fit) > 1:
            inputs[role] = Line(fit[0], "", f"{' or '.join(fit)}, or remove the line")
        elif fit:
            inputs[role] = Line(fit[0], _said(held[names.index(fit[0])], role))
        else:
            inputs[role] = Line(None, "; ".join(f"{name} is left out: {why}" for name, why in lacking.items()))
    return inputs


def _said(draft: Draft, role: str) -> str:
    steps = draft.steps[role]
    return "" if steps is None else f"{steps.start[0].astype('M8[M]')} to {steps.end[-1].astype('M8[M]')}"


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
    return f"{much} of each month is needed, and {short[0]} has less; it holds {_said(draft, role)}" if short else ""
