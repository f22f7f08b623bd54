"""How a run was made, for its page: who made each choice, the whole configuration, sources and what was left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from smcloud.config.choices import flattened, levels_of
from smcloud.report.language import message, tell

_LINK = re.compile(r"https?://[^\s<>\"']+|\b10\.\d{4,9}/[^\s<>\"']+")
_NOT_SHOWN = ("levels", "changed")  # of the configuration: who chose what stands under choices
# Places on a disk, which are nobody's business: from the root, the home, or where the run was started.
_LOCAL = re.compile(r"(?:file:)?/|~|\.{1,2}[/\\]|[A-Za-z]:[\\/]|\\\\")
# From what nobody knows to what the study says; then whose choices the others are.
LEVELS = {
    "unknown": message("unknown: the study does not say"),
    "likely": message("likely: it follows from what the study says"),
    "stated": message("stated by the study"),
    "method": message("smcloud’s own method"),
    "chosen": message("chosen by you"),
}


def choices(config: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """List key, value and level in words of every choice, those that the study leaves open first."""
    values, levels = flattened(config), levels_of(config)
    order = sorted(levels, key=lambda key: list(LEVELS).index(levels[key]) if levels[key] in LEVELS else len(LEVELS))
    return [(key, value_text(values[key]), tell(LEVELS.get(levels[key], levels[key]))) for key in order]


def configuration(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the whole configuration by dotted key; of a place on a disk only the name."""
    return _flat({key: value for key, value in config.items() if key not in _NOT_SHOWN})


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        nested = isinstance(value, Mapping) and value
        rows += _flat(value, f"{prefix}{key}.") if nested else [(f"{prefix}{key}", value_text(value))]
    return rows


def value_text(value: Any) -> str:
    """Write a value of the configuration: a list by its items, a place on a disk by its name alone."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {value_text(inner)}" for key, inner in value.items() if inner is not None) or "–"
    if value is None or isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value or ()) or "–"
    if isinstance(value, bool):
        return tell("yes") if value else tell("no")
    return public(str(value))


def public(text: str) -> str:
    """Return ``text`` without the folders of a place on a disk; all else as it is."""
    if not _LOCAL.match(text):
        return text
    kind: type[PurePath] = PureWindowsPath if "\\" in text else PurePosixPath
    return kind(text).name or "–"


def pieces(citation: str) -> list[tuple[str, str | None]]:
    """Split a citation into (text, link) pieces: URLs and DOIs become links, the rest has None."""
    parts: list[tuple[str, str | None]] = []
    start = 0
    for match in _LINK.finditer(citation):
        text = match.group().rstrip(".,;)")
        if match.start() > start:
            parts.append((citation[start : match.start()], None))
        parts.append((text, text if text.startswith("http") else f"https://doi.org/{text}"))
        start = match.start() + len(text)
    return [*parts, (citation[start:], None)] if start < len(citation) else parts
