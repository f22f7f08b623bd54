"""Figures of a simulation: each has a standard error, some have a target; and how they are printed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# A quick run is a small one: its figures may leave a target by so many of their own standard errors.
QUICK_SLACK = 4.0
HEADER = ("figure", "found", "standard error", "target", "")

# What a process is given: a function of a module of this package, and its arguments.
Job = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Figure:
    """A simulated number, and between which limits it has to lie."""

    what: str
    value: float
    error: float
    least: float = -math.inf
    most: float = math.inf
    digits: int = 3

    @property
    def judged(self) -> bool:
        return math.isfinite(self.least) or math.isfinite(self.most)

    def met(self, slack: float = 0.0) -> bool:
        """Whether it lies within its limits, these widened by ``slack`` standard errors; NaN never does."""
        if not self.judged:
            return True
        beyond = slack * self.error if slack else 0.0
        return self.least - beyond <= self.value <= self.most + beyond

    def row(self, slack: float = 0.0) -> tuple[str, ...]:
        verdict = ("met" if self.met(slack) else "**missed**") if self.judged else ""
        number = f".{self.digits}f"
        return self.what, f"{self.value:{number}}", f"{self.error:{number}}", self._target(number), verdict

    def _target(self, number: str) -> str:
        if not self.judged:
            return ""
        if not math.isfinite(self.least):
            return f"at most {self.most:{number}}"
        if not math.isfinite(self.most):
            return f"at least {self.least:{number}}"
        return f"{self.least:{number}} to {self.most:{number}}"


@dataclass(frozen=True)
class Table:
    """Numbers beside the figures, without a target."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        return [self.caption, "", *table(self.header, self.rows), ""]


@dataclass(frozen=True)
class Section:
    """One subject: what was simulated, what came out."""

    title: str
    text: str
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    remark: str = ""

    def lines(self, slack: float = 0.0) -> list[str]:
        figures = table(HEADER, [figure.row(slack) for figure in self.figures]) if self.figures else []
        more = [line for each in self.tables for line in each.lines()]
        remark = [self.remark, ""] if self.remark else []
        return [f"## {self.title}", "", self.text, "", *figures, "", *remark, *more]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows in Markdown."""
    return ["| " + " | ".join(line) + " |" for line in (header, ("---",) * len(header), *rows)]


def mean_and_error(values: Any) -> tuple[float, float]:
    """The mean of replicates that do not depend on each other, and its standard error; NaN does not count."""
    known = np.asarray(values, float).ravel()
    known = known[np.isfinite(known)]
    if known.size < 2:
        return (float(known[0]) if known.size else math.nan), math.nan
    return float(known.mean()), float(known.std(ddof=1) / math.sqrt(known.size))


def share_error(share: float, count: int) -> float:
    """The binomial standard error of a share of ``count`` independent cases; of none or all, that of half a case."""
    held = min(max(share, 0.5 / count), 1 - 0.5 / count)
    return math.sqrt(held * (1 - held) / count)


def told(values: Any, digits: int = 3) -> str:
    """A mean with its standard error, for a cell of a table."""
    mean, error = mean_and_error(values)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"
