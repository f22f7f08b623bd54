"""What a change is, and that a changed module is what the tests see."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants import __main__ as command
from tests.mutants import page
from tests.mutants.changes import Mutant, mutants

SOURCE = '''
"""Words."""
def f(a: int, names=("x",)) -> bool:
    """Words."""
    if not a:
        raise ValueError("words" + "more")
    log.debug("words")
    names.clear()
    return a < 2 and f"{a + 1}" in names
'''


def test_each_change_is_made_once_and_none_to_words() -> None:
    changes = [mutant.after for mutant in mutants(SOURCE)]
    assert [text.partition("\n")[0] for text in changes] == [
        "def f(a: int, names=('x!',)) -> bool:",
        "if a:",
        "pass",
        "pass",
        "return None",
        "return a < 2 or f'{a + 1}' in names",
        "return a <= 2 and f'{a + 1}' in names",
        "return a < 3 and f'{a + 1}' in names",
        "return a < 2 and f'{a + 1}' not in names",
    ]
    whole = [mutant.text for mutant in mutants(SOURCE)]
    assert len({ast.dump(ast.parse(text)) for text in [*whole, SOURCE]}) == len(whole) + 1


def test_the_module_of_a_change_is_what_is_imported() -> None:
    finder = command.Changed("smcloud.store.inventory", "FOUND = __file__")
    module = ModuleType("smcloud.store.inventory")
    assert finder.find_spec("smcloud.store.release") is None
    assert finder.find_spec("smcloud.store.inventory").loader is finder
    finder.exec_module(module)
    assert module.FOUND.endswith("smcloud/store/inventory.py")


def test_tests_of_the_module_come_first_and_then_the_fastest() -> None:
    names = {"a/test_chain.py::quick": 0.1, "tests/store/test_chain.py::slow": 2.0, "a/test_other.py::long": 4.0}
    chosen = command._by_line("chain", {7: [f"{name}|run" for name in names], 8: [""]}, names)
    about = ["tests/store/test_chain.py::slow"]
    assert chosen == {7: [*about, "a/test_chain.py::quick", "a/test_other.py::long"], 8: about}


def test_no_test_begins_when_the_time_is_over(tmp_path: Path) -> None:
    clock = command.Clock(tmp_path / "failed")
    assert clock.pytest_runtest_protocol() is None
    clock.seconds = -1.0
    assert clock.pytest_runtest_protocol() is True


TRIAL = """
import sys
from pathlib import Path
from tests.mutants.__main__ import Trial, file_of, import_what_all_need
from tests.mutants.changes import Mutant
body = file_of("pages").read_text()
broken = Mutant(1, 1, "", "", body.replace('INDEX = "index.html"', "INDEX = 1"))
tests = ["tests/store/test_pages.py"]
import_what_all_need()
work = [("pages", broken, tests), ("pages", Mutant(1, 1, "", "", body), tests), ("pages", broken, [])]
trial = Trial(Path(sys.argv[1]), seconds=600)
print(*sorted(end for *_, end in trial.of(work)))
(noticed,) = trial.noticed["pages"]
assert noticed.startswith("tests/store/test_pages.py::test_")
"""


@pytest.mark.e2e
def test_a_change_is_killed_by_a_test_and_survives_without(tmp_path: Path) -> None:
    """In a process of its own: modules are forgotten there for the changed one. Nothing here depends on the time."""
    done = subprocess.run(
        [sys.executable, "-c", TRIAL, tmp_path], cwd=command.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["killed", "survived", "survived"]


def test_the_page_names_what_was_not_noticed_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reasons.json").write_text(json.dumps({"chain: a | b -> a & b": "the same"}))
    monkeypatch.setattr(page, "REASONS", tmp_path / "reasons.json")
    every = {("chain", Mutant(n, n, "a | b", after, after)): after for n, after in enumerate(["a & b", "a", "b"])}
    ends = {"a & b": {"end": "survived"}, "a": {"end": "killed"}, "b": {"end": "time"}}
    text, least = page.page(every, ends)
    assert "| chain | 3 | 2 | 1 | 67 % |" in text and "| chain 0 | `a \\| b -> a & b` | the same |" in text
    assert round(least, 2) == 0.67
