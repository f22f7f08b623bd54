"""``python -m tests.mutants``: the tests of the store against small changes of it; writes docs/mutants.md.

Each change is tried in a process of its own, forked from one that has imported what all need, with the tests that run
the changed statement, until five seconds are over: first those that noticed other changes of the module, then those
that are about it, and the fastest of them first. A change that was noticed is not tried again while its module is the
same; one that was not, while the tests are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.abc
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.changes import Mutant, mutants
from tests.mutants.page import Results, page

ROOT = Path(__file__).parents[2]
# Each module, and the files of tests that are about it, which come first.
MODULES = {
    "release": ("first_try", "release", "chain"),
    "prefix": ("copying", "write", "integrity"),
    "integrity": ("integrity", "copying", "s3"),
    "objects": ("objects", "s3"),
    "inventory": ("integrity", "verify"),
    "chain": ("chain",),
}
TESTS = ("tests/store", "tests/faults/test_rows.py")
HERE, PAGE = Path(__file__).parent, ROOT / "docs" / "mutants.md"
SECONDS, MOST, PROCESSES = 5.0, 100, 2
NOT_RUN = (3, 4, 5)  # exit codes of pytest: an internal error, a wrong command, no test


def file_of(module: str) -> Path:
    """The file of a module of the store."""
    return ROOT / "smcloud" / "store" / f"{module}.py"


def tests_by_line() -> dict[str, dict[int, list[str]]]:
    """The tests that run each line of each module, those first that are about it, and the fastest first."""
    import coverage

    with tempfile.TemporaryDirectory() as folder:
        data, durations = Path(folder) / "data", Path(folder) / "durations.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutants.durations", *TESTS]
        command += ["--cov=smcloud/store", "--cov-context=test", "--cov-report="]
        environment = os.environ | {"COVERAGE_FILE": str(data), "DURATIONS": str(durations), "COVERAGE_CORE": "ctrace"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        if done.returncode:  # a test that fails without a change says nothing of one
            sys.exit(done.stdout)
        seconds: dict[str, float] = json.loads(durations.read_text())
        kept = coverage.CoverageData(str(data))
        kept.read()
        return {module: _by_line(module, kept.contexts_by_lineno(str(file_of(module))), seconds) for module in MODULES}


def _by_line(module: str, contexts: dict[int, list[str]], seconds: dict[str, float]) -> dict[int, list[str]]:
    first = {f"tests/store/test_{name}.py" for name in MODULES[module]}
    about = {test for test in seconds if test.partition("::")[0] in first}
    out = {}
    for line, names in contexts.items():
        tests = {name.partition("|")[0] for name in names} & seconds.keys()
        # A line that runs when the module is imported runs before all tests.
        out[line] = sorted(tests or about, key=lambda test: (test not in about, seconds[test]))
    return out


class Clock:
    """A plugin of pytest that begins no test when the time is over, and writes down the one that failed."""

    def __init__(self, failed: Path, seconds: float = SECONDS) -> None:
        self.failed, self.seconds = failed, seconds
        self.began = 0.0  # imports and collection come before the first test

    def pytest_runtest_protocol(self) -> bool | None:
        """Say that the test was run where it is not."""
        now = sum(os.times()[:4])
        self.began = self.began or now
        return True if now - self.began > self.seconds else None

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Tell which test noticed the change."""
        if report.failed:
            self.failed.write_text(report.nodeid)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a text."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text

    def find_spec(self, name: str, *args: Any) -> Any:
        """Find the changed module only."""
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: Any) -> None:
        """Run the text as the module, under the name of its file."""
        module.__file__ = str(file_of(self.name.rpartition(".")[2]))
        exec(compile(self.text, module.__file__, "exec"), module.__dict__)


def forked(module: str, mutant: Mutant, tests: list[str], folder: Path, seconds: float) -> int:
    """Start the tests on the changed module: the process's id, the name of a file of ``folder`` with what failed."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(quiet, stream)
    import pytest

    sys.meta_path.insert(0, Changed(f"smcloud.store.{module}", mutant.text))
    plain = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
    os._exit(int(pytest.main([*plain, *tests], plugins=[Clock(folder / str(os.getpid()), seconds)])))


@dataclass
class Trial:
    """The changes that are tried now, and how often each test noticed one of a module: those tests come first."""

    folder: Path
    seconds: float = SECONDS  # of a change's tests
    running: dict[int, tuple[str, Mutant, float]] = field(default_factory=dict)
    noticed: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def of(self, work: Iterable[tuple[str, Mutant, list[str]]]) -> Iterator[tuple[str, Mutant, str]]:
        """Try each change: "killed" by a test, by "time", or it "survived"."""
        for module, mutant, tests in work:
            if not tests:
                yield module, mutant, "survived"
                continue
            while len(self.running) >= PROCESSES:
                yield from self._ended()
            chosen = sorted(tests, key=lambda test, module=module: -self.noticed[module][test])[:MOST]
            process = forked(module, mutant, chosen, self.folder, self.seconds)
            self.running[process] = (module, mutant, time.monotonic())
        while self.running:
            yield from self._ended()

    def _ended(self) -> Iterator[tuple[str, Mutant, str]]:
        time.sleep(0.02)
        for process, (module, mutant, began) in list(self.running.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            # Imports, two at a time, and hypothesis takes long to explain.
            late = time.monotonic() - began > 6 * self.seconds
            if not ended and late:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if ended or late:
                del self.running[process]
                code = os.waitstatus_to_exitcode(status)
                if code in NOT_RUN and not late:
                    raise RuntimeError(f"pytest ended with {code} on {module}: {mutant.name}")
                failed = self.folder / str(process)
                if failed.exists():
                    self.noticed[module][failed.read_text()] += 1
                yield module, mutant, "time" if late else "survived" if code == 0 else "killed"


def import_what_all_need() -> None:
    """Import the libraries, and nothing of this project: a change must be seen by whoever imports its module."""
    for name in ("smcloud.pipeline", "smcloud.store", "tests.conftest", "tests.faults.test_rows"):
        importlib.import_module(name)

    for name in list(sys.modules):
        if name.partition(".")[0] in ("smcloud", "flows") or (name.startswith("tests") and "mutants" not in name):
            del sys.modules[name]


def with_their_tests(new: list[tuple[str, Mutant]]) -> Iterator[tuple[str, Mutant, str]]:
    """Try each change with the tests that run its line, or else its statement."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["SMCLOUD_TEST_CACHE"] = cache  # of all sessions, which have none of their own without pytest's
        lines = tests_by_line()
        import_what_all_need()
        work = ((m, mutant, lines[m].get(mutant.line) or lines[m].get(mutant.start, [])) for m, mutant in new)
        yield from Trial(Path(cache)).of(work)


def main(arguments: list[str] | None = None) -> int:
    """Try what is not known, write results and page; 1 where less than 85 % of a module's changes were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", choices=MODULES, action="append")
    asked = parser.parse_args(arguments)
    file = HERE / "results.json"
    results: Results = json.loads(file.read_text()) if file.exists() else {}
    files = sorted(file for folder in ("store", "faults", "mutants") for file in (ROOT / "tests" / folder).glob("*.py"))
    suite = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    every = {(m, mutant): key_of(m, mutant) for m in MODULES for mutant in mutants(file_of(m).read_text())}
    new = [
        (module, mutant)
        for (module, mutant), key in every.items()
        if module in (asked.only or MODULES)
        and (key not in results or (results[key]["end"] == "survived" and results[key]["tests"] != suite))
    ]
    if new:
        for module, mutant, end in with_their_tests(new):
            results[every[module, mutant]] = {"end": end, "tests": suite}
            file.write_text(json.dumps(results, indent=0, sort_keys=True) + "\n")  # the command may be stopped
            print(f"{module}:{mutant.line} {end}: {mutant.name}", flush=True)
    known = {key: results[key] for key in every.values() if key in results}
    file.write_text(json.dumps(known, indent=0, sort_keys=True) + "\n")
    text, least = page(every, known)
    PAGE.write_text(text)
    print(text)
    return int(least < 0.85)


def key_of(module: str, mutant: Mutant) -> str:
    """The name of a change under which its end is kept: the module as it is with it."""
    return hashlib.sha256(f"{module}\0{mutant.text}".encode()).hexdigest()[:24]


if __name__ == "__main__":
    sys.exit(main())
