"""Who made each choice of a configuration: the study, the preset, or the user.

These functions take a configuration as the plain mapping that a release holds, so that they also serve for what
another version has published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

# Parts of a configuration that presets supply: the science, as against the data and the machines.
SECTIONS = ("flags", "monthly", "annual", "years", "trend", "drivers", "attribution", "zones", "bootstrap", "alpha")
# How sure a preset's value is. ``method``: the preset's own way of working, not said to be the study's.
Level = Literal["stated", "likely", "unknown", "method"]
CHOSEN = "chosen"


def flattened(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of :data:`SECTIONS` by dotted key, section.key; what lies deeper is one value."""
    values: dict[str, Any] = {}
    for section in SECTIONS:
        part = config.get(section)
        if isinstance(part, Mapping):
            values |= {f"{section}.{key}": value for key, value in part.items()}
        elif section in config:
            values[section] = part
    return values


def levels_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the level of every dotted key: ``chosen`` where the user changed it, else what the preset says of it.

    ``levels`` of a preset names a key, or a section for all of its keys that are not named themselves. A key that the
    preset does not speak of is ``method``; without any levels (a release of an earlier version) nothing is returned.
    """
    levels, changed = config.get("levels"), config.get("changed") or ()
    if not levels:
        return {}
    return {
        key: CHOSEN if key in changed else str(levels.get(key, levels.get(key.partition(".")[0], "method")))
        for key in flattened(config)
    }


def follows_the_study(config: Mapping[str, Any]) -> bool:
    """Return whether values of the preset stand for what the study did: some are called stated, likely or unknown."""
    return any(level in ("stated", "likely", "unknown") for level in levels_of(config).values())


def described(config: Mapping[str, Any]) -> str:
    """Return the preset's name, and what the user changed of it: ``peng2023, changed: trend.test, zones.limits``."""
    name, changed = str(config.get("preset", "none")), [str(key) for key in config.get("changed") or ()]
    return f"{name}, changed: {', '.join(changed)}" if changed else name


def changed_keys(given: Mapping[str, Any], config: Mapping[str, Any], preset: Mapping[str, Any]) -> tuple[str, ...]:
    """List the dotted keys that ``given`` holds and whose checked values in ``config`` are not those of ``preset``."""
    values, own = flattened(config), flattened(preset)
    return tuple(key for key in flattened(given) if key in values and values[key] != own.get(key))
