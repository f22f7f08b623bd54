"""The pages of the Python API: what is public, by autodoc, from its docstrings."""

from __future__ import annotations

import types

import smcloud
import smcloud.plot
import smcloud.plot.palette
import smcloud.stats
from docs.generate.tables import page


def _directives(module: types.ModuleType) -> str:
    """What autodoc is to show of ``module``: its public functions and classes, in the order of ``__all__``."""
    lines = []
    for name in module.__all__:
        held = getattr(module, name)
        if isinstance(held, types.FunctionType | type):
            lines.append(f".. auto{'class' if isinstance(held, type) else 'function'}:: {module.__name__}.{name}")
    return "```{eval-rst}\n" + "\n\n".join(lines) + "\n```"


def api_page() -> str:
    """The page of the Python API."""
    parts = [
        "`import smcloud` gives what is needed to read a store; `smcloud.stats` has every statistic as a function of "
        "labelled arrays, with shapes, units, the rule for missing values, errors and the source of the formula.",
        "## Open a store: smcloud",
        _directives(smcloud),
        "Errors are classes of `smcloud.SmcloudError`: [by exit code](errors.md).",
        "## Draw: smcloud.plot",
        _directives(smcloud.plot),
        "```{eval-rst}\n.. autoclass:: smcloud.plot.accessor.Results\n   :members:\n```",
        "```{eval-rst}\n.. automodule:: smcloud.plot.palette\n   :members:\n```",
        "## Statistics: smcloud.stats",
        _directives(smcloud.stats),
        "## Readers: smcloud.catalog.readers",
        "A form of file is one callable; what a new one has to keep to:",
        "```{eval-rst}\n.. autoclass:: smcloud.catalog.readers.Reader\n   :members: __call__\n\n"
        ".. autofunction:: smcloud.catalog.readers.reader_of\n```",
    ]
    return page("Python", *parts)
