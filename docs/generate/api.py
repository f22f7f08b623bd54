"""The pages of the Python API: what is public, by autodoc, from its docstrings."""

from __future__ import annotations

import types
from collections.abc import Iterable

import smcloud
import smcloud.catalog.readers
import smcloud.stats
from docs.generate.tables import page


def _directives(module: str, names: Iterable[str]) -> str:
    lines = [f".. autofunction:: {module}.{name}" for name in names]
    return "```{eval-rst}\n" + "\n\n".join(lines) + "\n```"


def functions(module: types.ModuleType) -> list[str]:
    """The public functions and classes of ``module``, in the order of its ``__all__``."""
    return [name for name in module.__all__ if not isinstance(getattr(module, name), types.ModuleType | str)]


def api_page() -> str:
    """The page of the Python API."""
    parts = [
        "`import smcloud` gives what is needed to read a store; `smcloud.stats` has every statistic as a function of "
        "labelled arrays, with shapes, units, the rule for missing values, errors and the source of the formula.",
        "## Open a store",
        _directives("smcloud", functions(smcloud)),
        "## Statistics: smcloud.stats",
        _directives("smcloud.stats", functions(smcloud.stats)),
    ]
    return page("Python", *parts)
