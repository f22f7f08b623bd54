"""The docstrings of the public statistics and of the readers: all sections are there, and the examples hold."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import smcloud
from smcloud import stats
from smcloud.config import load_config

STATISTICS = [function for name in stats.__all__ if inspect.isfunction(function := getattr(stats, name))]
READERS = [smcloud.open_cube, smcloud.open_product]
SECTIONS = ["Parameters", "Returns", "Raises", "Examples"]


def sections(function: Callable[..., Any]) -> dict[str, str]:
    """The text below each underlined heading of a docstring, and before the first one (under "")."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def failures(function: Callable[..., Any], **names: object) -> str:
    """What goes wrong when the example of a docstring is run with nothing but ``names`` defined."""
    lines: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    found = doctest.DocTestFinder(recurse=False).find(function, function.__name__, globs=dict(names))
    for test in found:
        runner.run(test, out=lines.append)
    assert sum(len(test.examples) for test in found) > 1
    return "".join(lines)


def test_all_public_statistics_are_looked_at() -> None:
    assert len(STATISTICS) > 14
    assert {function.__name__ for function in STATISTICS} == set(stats.__all__)


@pytest.mark.parametrize("function", STATISTICS + READERS, ids=lambda function: function.__name__)
def test_a_docstring_has_all_sections_and_names_every_parameter(function: Callable[..., Any]) -> None:
    found = sections(function)
    missing = [name for name in SECTIONS if not found.get(name, "").strip()]
    assert not missing, f"{function.__name__} lacks {missing}"
    summary = found[""].splitlines()[0]
    assert summary.endswith(".") and len(found[""].split("\n\n")) > 1
    named = re.findall(r"^(\w[\w, ]*) : \S", found["Parameters"], flags=re.MULTILINE)
    assert [name for line in named for name in line.split(", ")] == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("function", STATISTICS, ids=lambda function: function.__name__)
def test_the_example_of_a_statistic_holds(function: Callable[..., Any]) -> None:
    assert failures(function) == ""


@pytest.fixture
def store(published: Path) -> str:
    """A store with one release of the small world."""
    return str(load_config(published).store)


@pytest.mark.slow
def test_the_examples_of_the_readers_hold(store: str) -> None:
    assert {reader.__name__: failures(reader, store=store) for reader in READERS} == {
        "open_cube": "",
        "open_product": "",
    }
