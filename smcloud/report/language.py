"""The language of a report: every sentence is a template in English, and the catalog of a language holds its own.

A template is a whole sentence, or a whole cell, label or item of a list; values go into its ``{names}``. The catalogs
are gettext's, ``locale/<language>/LC_MESSAGES/messages.po``, read by Babel.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, reduce
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from typing import Any

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "zh": "中文"}

_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


@contextmanager
def spoken(language: str) -> Iterator[None]:
    """Write all that is told within in ``language``, one of :data:`LANGUAGES`."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def language() -> str:
    """Return the language that is spoken now."""
    return _spoken.get()


@cache
def catalog(language: str) -> NullTranslations:
    """Load the messages of a language; English has none, for its templates are the keys."""
    if language == ENGLISH:
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    path = resources.files("smcloud.report").joinpath("locale", language, "LC_MESSAGES", "messages.po")
    compiled = io.BytesIO()
    write_mo(compiled, read_po(io.BytesIO(path.read_bytes()), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def message(template: str) -> str:
    """Mark ``template`` as one of the catalog, to be told later."""
    return template


def tell(template: str, /, **values: Any) -> str:
    """Return ``template`` in the language that is spoken, with its ``{names}`` filled in."""
    told = catalog(language()).gettext(template) if template else ""
    return told.format(**values) if values else told


def tell_count(one: str, many: str, count: float, /, **values: Any) -> str:
    """Return the form of a template for ``count`` things, with its ``{names}`` filled in."""
    return catalog(language()).ngettext(one, many, count if isinstance(count, int) else 2).format(**values)


def join(parts: Sequence[str]) -> str:
    """Join words as ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return tell("{first} and {last}", first=tell(", ").join(parts[:-1]), last=parts[-1])


def join_values(parts: Sequence[str]) -> str:
    """Join numbers as ``1, 2 and 3``, and what begins or ends with one."""
    if len(parts) < 2:
        return "".join(parts)
    return tell("{values} and {last}", values=tell(", ").join(parts[:-1]), last=parts[-1])


def listed(parts: Sequence[str]) -> str:
    """Join items of a list that have commas of their own: ``a; b; c``."""
    return tell("; ").join(parts)


def paragraph(sentences: Sequence[str]) -> str:
    """Set whole sentences one after the other."""
    told = [sentence for sentence in sentences if sentence]
    return reduce(lambda before, after: tell("{before} {after}", before=before, after=after), told) if told else ""
