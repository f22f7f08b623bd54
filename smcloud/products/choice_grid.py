"""The choices of a specification curve: their options, the keys of the configuration behind each, and what is void."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple

from smcloud.config import RunConfig, overlay
from smcloud.config.sections import ZONE_ROLES
from smcloud.conventions import beginning

Keys = Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One option of a choice: its name, how a figure calls it, and the keys of the configuration that stand for it."""

    name: str
    label: str
    keys: Keys = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One choice with its options."""

    name: str
    label: str
    options: tuple[Option, ...]

    def option(self, name: str) -> Option:
        """Return the option called ``name``."""
        return next(option for option in self.options if option.name == name)


class Row(NamedTuple):
    """One combination: the name of an option of every choice."""

    estimator: str
    test: str
    significance: str
    zones: str
    transition: str
    annual: str
    start: str


def _test(name: str, label: str, key: str, interval: str = "t") -> Option:
    return Option(name, label, {"trend": {"test": key, "interval": interval}})


def _zones(name: str, label: str, scheme: str, limits: tuple[float, float] | None = None) -> Option:
    return Option(name, label, {"zones": {"scheme": scheme, "limits": limits}})


def _months(name: str, least: int) -> Option:
    return Option(name, f"means, ≥ {least} months", {"annual": _monthly_means(least)})


def _monthly_means(least: int) -> Keys:
    return {"method": "monthly_means", "min_months": least}


OUTSIDE = "out"
# Options of ``annual`` that are means of months, by how many a year needs at least; ascending.
LEAST_MONTHS = {f"months_{least}": least for least in (4, 6, 8)}
CHOICES = (
    Choice("estimator", "slope", (
        Option("ols", "least squares", {"trend": {"estimator": "ols"}}),
        Option("sen", "Theil-Sen", {"trend": {"estimator": "sen"}}),
    )),
    Choice("test", "test", (
        _test("t", "t", "ols"),
        _test("mann_kendall", "Mann-Kendall", "mann_kendall"),
        _test("effective", "effective n (7)", "effective", "effective"),
        _test("effective_pooled", "pooled (7b)", "effective_pooled", "effective_pooled"),
        _test("prewhitening", "prewhitening", "prewhitening"),
        _test("3pw", "3PW", "3pw"),
        _test("hamed_rao", "Hamed-Rao", "hamed_rao"),
    )),
    Choice("significance", "many tests", (
        Option("p_value", "p < alpha", {"trend": {"significance": "p_value"}}),
        Option("p_adjusted", "Benjamini-Hochberg", {"trend": {"significance": "p_adjusted"}}),
    )),
    Choice("zones", "zones", (
        _zones("aridity_3", "aridity 0.5, 0.65", "aridity", (0.5, 0.65)),
        _zones("aridity_2", "aridity 0.65", "aridity", (0.65, 0.65)),
        _zones("aridity_terciles", "aridity terciles", "aridity_terciles"),
        _zones("moisture_terciles", "moisture terciles", "climatology_terciles"),
        _zones("water_balance", "sign of P - PET", "water_balance"),
    )),
    Choice("transition", "transition zone", (
        Option("in", "in the share", {"zones": {"transition_in_share": True}}),
        Option(OUTSIDE, "left out", {"zones": {"transition_in_share": False}}),
    )),
    Choice("annual", "annual values", (
        *(_months(*each) for each in LEAST_MONTHS.items()),
        Option("anomalies", "anomalies", {"annual": {"method": "anomalies"}}),
    )),
    Choice("start", "first year", (
        Option("first", "the first"), Option("+1", "1 later"), Option("+2", "2 later"), Option("+3", "3 later"),
    )),
)  # fmt: skip
BY_NAME = {choice.name: choice for choice in CHOICES}
TWO_ZONES = ("aridity_2", "water_balance")
LEAST_SQUARES_TESTS = ("t", "effective", "effective_pooled")
DEFAULT = Row(*(choice.options[0].name for choice in CHOICES))


def rows() -> Iterator[Row]:
    """Give all combinations, void ones too, in the order of :data:`CHOICES`."""
    return (Row(*names) for names in itertools.product(*([o.name for o in choice.options] for choice in CHOICES)))


def years_later(start: str) -> int:
    """Return by how many years an option of ``start`` begins later."""
    return 0 if start == "first" else int(start)


def keys_of(row: Row, first_year: int, first_month: int = 1) -> dict[str, Any]:
    """Return the keys of the configuration that make ``row`` a run of its own, by section.

    ``first_year`` is the first whole year of the run whose rows these are, which begins with ``first_month``. Laid over
    its configuration (:func:`~smcloud.config.overlay`) they are that very run; a key that is not named stays as it is.
    """
    parts = (BY_NAME[choice].option(name).keys for choice, name in zip(Row._fields, row, strict=True))
    keys: dict[str, Any] = reduce(overlay, parts, {})
    later = years_later(row.start)
    return keys | ({"period": {"start": str(beginning(first_year + later, first_month))[:7]}} if later else {})


def config_of(row: Row, config: RunConfig, first_year: int) -> RunConfig:
    """Return ``config`` with the keys of ``row``, which are known to be valid."""
    made: dict[str, Any] = {
        section: getattr(config, section).model_copy(update=part)
        for section, part in keys_of(row, first_year, config.annual.first_month).items()
    }
    return config.model_copy(update=made)


def void(row: Row, config: RunConfig, years: int) -> str:
    """Say why there is no such run as ``row``; an empty text where there is one.

    ``config`` says which roles have an input, ``years`` how many whole years its period has.
    """
    if row.estimator == "sen" and row.test in LEAST_SQUARES_TESTS:
        return "the test is one of the least-squares slope"
    if row.transition == OUTSIDE and row.zones in TWO_ZONES:
        return "two zones have no transition between them"
    scheme = BY_NAME["zones"].option(row.zones).keys["zones"]["scheme"]
    absent = [role for role in ZONE_ROLES[scheme] if role not in config.inputs]
    if absent:
        return f"no input for the role {' and '.join(absent)}"
    return _too_short(row, config, years - years_later(row.start))


def _too_short(row: Row, config: RunConfig, years: int) -> str:
    if years < config.years.min_years:
        return f"{years} whole years, years.min_years is {config.years.min_years}"
    if row.annual == "anomalies" and years < config.annual.min_climatology_years:
        return f"{years} whole years, annual.min_climatology_years is {config.annual.min_climatology_years}"
    return ""


def own_row(config: RunConfig) -> Row | None:
    """Return the row that ``config`` is itself; None where one of its choices is not among the options."""
    record = config.model_dump()
    tried = (row for row in rows() if row.start == "first" and not void(row, config, 10_000))
    return next((row for row in tried if _matches(record, row)), None)


def _matches(record: Mapping[str, Any], row: Row) -> bool:
    keys = keys_of(row, 0)
    if row.zones in TWO_ZONES:
        keys = overlay(keys, {"zones": {"transition_in_share": record["zones"]["transition_in_share"]}})
    keys["trend"] = {key: value for key, value in keys["trend"].items() if key != "interval"}
    return all(record[section][key] == value for section, part in keys.items() for key, value in part.items())
