"""Whether a release is of the sample world, and the sentence that says so wherever its numbers go."""

from __future__ import annotations

from collections.abc import Iterable

VERSION = "sample world"  # of the catalog entries of that world
NOTE = "This is an invented world: its climate, trends and drivers were made up, and nothing here is about the Earth."


def is_invented(versions: Iterable[str | None]) -> bool:
    """Whether inputs of these versions are of the sample world."""
    return VERSION in set(versions)
