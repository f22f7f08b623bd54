"""Attributes of every product that say how its numbers were made, and who chose so."""

from __future__ import annotations

from typing import Any

from smcloud.config import RunConfig
from smcloud.config.choices import described, levels_of

# Attributes of a product: what their names begin with, and the section of the configuration whose keys they are. A
# table has trends of its own, always tested in one way; the test of its cells decides what their shares are.
SHAPED_BY: dict[str, dict[str, str]] = {
    "annual": {"annual": "annual"},
    "trend": {"annual": "annual", "trend": "trend"},
    "drivers": {"annual": "annual", "drivers": "drivers"},
    "ddww": {"annual": "annual", "trend": "trend", "zones": "zones"},
    "regional": {"annual": "annual", "cells_trend": "trend"},
    "sensitivity": {"run_annual": "annual", "run_trend": "trend", "run_zones": "zones"},
    "strata": {"annual": "annual", "cells_trend": "trend", "zones": "zones"},
}


def choice_attributes(config: RunConfig, product: str) -> dict[str, Any]:
    """Return the attributes of ``product`` that name preset, level and choices.

    ``preset`` is its name, ``choices`` the name with the keys that the user changed, and ``comment``, where the study
    is followed, lists the keys that it does not state. The keys of :data:`SHAPED_BY` stand beside them, so that
    estimator, test, interval and zones can be read off the product itself.
    """
    record = config.model_dump(mode="json")
    attrs: dict[str, Any] = {"preset": config.preset, "choices": described(record), "alpha": config.alpha}
    for name, section in SHAPED_BY[product].items():
        attrs |= {f"{name}_{key}": text for key, value in record[section].items() if (text := _told(value)) != ""}
    levels = levels_of(record)
    told = []
    for level in ("likely", "unknown"):
        keys = [key for key, found in levels.items() if found == level]
        told += [f"{level}: {', '.join(keys)}"] if keys else []
    if told:
        attrs["comment"] = f"What the study does not state of these choices is {'; '.join(told)}."
    return attrs


def _told(value: Any) -> Any:
    """What an attribute can hold of a value: a number, a text, or numbers; an empty text where it says nothing."""
    if value is None or value == [] or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not all(isinstance(item, int | float) for item in value):
        return ", ".join(map(str, value))
    return value
