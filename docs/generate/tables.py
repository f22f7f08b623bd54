"""Pieces of Markdown that the generated pages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """Return ``text`` as it may stand in a cell of a table: one line, without bars, RST marks as Markdown."""
    line = re.sub(r"\s+", " ", str(text)).strip()
    return markdown(line).replace("|", "\\|")


def markdown(text: str) -> str:
    """Turn the marks of a docstring (double backquotes, roles) into those of Markdown."""
    plain = re.sub(r":\w+:`~?([^`<]+?)(?:\s*<[^>]*>)?`", r"``\1``", text)
    return re.sub(r"``(.+?)``", r"`\1`", plain)


def code(text: object) -> str:
    """Return ``text`` as code, or nothing of nothing."""
    return f"`{text}`" if str(text) else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown; cells are taken as they are."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def page(title: str, *parts: str) -> str:
    """Return a page: its title and its parts, a blank line between them."""
    return "\n\n".join([f"# {title}", *(part.strip("\n") for part in parts if part.strip())]) + "\n"
