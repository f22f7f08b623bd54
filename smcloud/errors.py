"""Errors that end a command: one class per remedy, each with a stable code and an exit code.

Every error says what is wrong, where, which value was found, which was expected and what to
type next. The command line prints these five parts, or the same as JSON with ``--json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from smcloud.secrecy import told

PARTS = ("what", "where", "found", "expected", "next")


class SmcloudError(Exception):
    """Base of all errors with a remedy.

    Parameters are keyword-only: ``what`` is one sentence; ``where`` a file, key, entry or URL;
    ``found`` and ``expected`` the two values that disagree; ``next`` the command or edit to make. Each is kept as one
    line that may be shown to anybody (:func:`smcloud.secrecy.told`), whatever stranger's text it quotes.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: str = "", found: object = "", expected: object = "", next: str = ""
    ) -> None:
        self.what = told(what)
        self.where = told(where)
        self.found = told(found)
        self.expected = told(expected)
        self.next = told(next)
        self.others: tuple[SmcloudError, ...] = ()
        super().__init__(self.what)

    def with_others(self, others: Iterable[SmcloudError]) -> Self:
        """Name the ``others`` that were found together with this one, so that all can be mended at once."""
        self.others = tuple(others)
        for other in self.others:  # each is named once
            other.others = ()
        return self

    def record(self) -> dict[str, Any]:
        """The error as a flat record, for ``--json``; of several, ``problems`` lists the records of all."""
        own = self._own()
        return own | {"problems": [own, *(other._own() for other in self.others)]} if self.others else own

    def _own(self) -> dict[str, str]:
        return {"code": self.code} | {part: getattr(self, part) for part in PARTS}

    def __str__(self) -> str:
        parts = [self.what]
        for label in PARTS[1:]:
            value = getattr(self, label)
            if value:
                parts.append(f"  {label + ':':<10}{value}")
        return "\n".join([*parts, *(f"also: {other}" for other in self.others)])

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders from dask workers; keyword-only arguments need this.
        return (_rebuild, (type(self), self._own(), self.others))


def _rebuild(cls: type[SmcloudError], record: dict[str, str], others: tuple[SmcloudError, ...]) -> SmcloudError:
    return cls(**{part: record[part] for part in PARTS}).with_others(others)


@contextmanager
def noting(problems: list[SmcloudError]) -> Iterator[None]:
    """Add an error of ours, and the others that it names, to ``problems`` instead of raising it."""
    try:
        yield
    except SmcloudError as err:
        problems += [err, *err.others]


def all_at_once(problems: Iterable[SmcloudError]) -> None:
    """Raise the first of ``problems``, where there is one, and let it name the others."""
    found = list(problems)
    if found:
        raise found[0].with_others(found[1:])


class ConfigurationError(SmcloudError):
    """A key of the run's configuration is missing, unknown or has an impossible value."""

    code, exit_code = "configuration", 2


class BudgetError(SmcloudError):
    """The run's plan exceeds the configured budget, or the memory of a worker."""

    code, exit_code = "budget", 2


class CatalogError(SmcloudError):
    """The catalog file breaks its schema, or the entry asked for is not in it."""

    code, exit_code = "catalog", 2


class UnitError(SmcloudError):
    """A source's unit is not the catalog's, or cannot be converted to the cube's."""

    code, exit_code = "unit", 3


class VariableError(SmcloudError):
    """A source lacks a variable or dimension that its catalog entry names."""

    code, exit_code = "variable", 3


class GridError(SmcloudError):
    """Axes are not regular, not monotonic, or do not fit each other."""

    code, exit_code = "grid", 3


class CalendarError(SmcloudError):
    """A time axis has missing, duplicate or unsorted steps, or another calendar."""

    code, exit_code = "calendar", 3


class PeriodError(SmcloudError):
    """The period asked for is not inside the record of a source."""

    code, exit_code = "period", 3


class TooFewYearsError(SmcloudError):
    """The period holds fewer whole years than the analysis needs."""

    code, exit_code = "too-few-years", 3


class RangeError(SmcloudError):
    """Values lie outside the valid range that the catalog states."""

    code, exit_code = "valid-range", 3


class NoDataError(SmcloudError):
    """Nothing valid is left: all values are missing or masked."""

    code, exit_code = "no-data", 3


class CoverageError(SmcloudError):
    """A month holds suspiciously fewer, or more, values than the month before."""

    code, exit_code = "coverage", 3


class ClimatologyError(SmcloudError):
    """A series repeats itself every year: a fixed climatology, which cannot explain a change."""

    code, exit_code = "climatology", 3


class AccumulationError(SmcloudError):
    """Running totals are said to be plain amounts, or do not grow as totals must."""

    code, exit_code = "accumulation", 3


class ChunkError(SmcloudError):
    """An array's shape or chunks cannot be worked on as they are."""

    code, exit_code = "chunks", 3


class UnreachableError(SmcloudError):
    """A store, source or cluster does not answer or refuses."""

    code, exit_code = "unreachable", 4


class FileFormError(SmcloudError):
    """A file is missing, cut, damaged or of another form than its entry says, or points to what lies elsewhere."""

    code, exit_code = "file-form", 3


class SourceReadError(SmcloudError):
    """A source opened, but its values could not be read: a chunk is broken or went away."""

    code, exit_code = "source-read", 3


class IntegrityError(SmcloudError):
    """Published bytes are not those that were sealed."""

    code, exit_code = "integrity", 4


class NotAStoreError(SmcloudError):
    """The store's path holds something that smcloud did not write."""

    code, exit_code = "not-a-store", 5


class ReleaseConflictError(SmcloudError):
    """Another publisher took the release number, or the content differs from what is there."""

    code, exit_code = "release-conflict", 5


class NothingPublishedError(SmcloudError):
    """A store, release or product that was asked for does not exist (yet)."""

    code, exit_code = "nothing-published", 2


class ExportError(SmcloudError):
    """A release cannot be written in the form, or to the place, that was asked for."""

    code, exit_code = "export", 2


class OutsideGridError(SmcloudError):
    """A point or a region holds no cell of the grid."""

    code, exit_code = "outside-grid", 3


class SourceChangedError(SmcloudError):
    """A source was written to while it was read: the same command begins with what it holds now."""

    code, exit_code = "source-changed", 6


class UnexpectedError(SmcloudError):
    """Something that no other class foresaw: a defect of smcloud or of what it runs on."""

    code, exit_code = "unexpected", 1


class InterruptedRunError(SmcloudError):
    """The run was interrupted; the same command goes on from what is done."""

    code, exit_code = "interrupted", 6
