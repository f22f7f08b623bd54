"""The page of what the tests of the store noticed, and what not."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.mutants.changes import Mutant

REASONS = Path(__file__).with_name("reasons.json")
Results = dict[str, dict[str, Any]]


def page(every: dict[tuple[str, Mutant], str], known: Results) -> tuple[str, float]:
    """The table of all modules, and the changes that no test noticed, each with the reason; the smallest share."""
    reasons: dict[str, str] = json.loads(REASONS.read_text())
    ends: dict[str, list[str]] = defaultdict(list)
    left = []
    for (module, mutant), key in every.items():
        if key not in known:
            continue
        ends[module].append(known[key]["end"])
        if known[key]["end"] == "survived":
            why = reasons.get(f"{module}: {mutant.name}", "not explained")
            left.append(f"| {module} {mutant.line} | `{_cell(mutant)}` | {why} |")
    share = {module: 1 - found.count("survived") / len(found) for module, found in ends.items()}
    rows = [
        f"| {m} | {len(e)} | {len(e) - e.count('survived')} | {e.count('time')} | {100 * share[m]:.0f} % |"
        for m, e in ends.items()
    ]
    return "\n".join([*HEAD, *rows, "", *LEFT, *left, ""]), min(share.values(), default=0.0)


def _cell(mutant: Mutant) -> str:
    return mutant.name.replace("|", "\\|")


HEAD = """# Whether the tests of the store would notice

`make mutants` changes the modules that make and read releases, one operator, constant, branch or call at a time, and
runs tests that run the changed line, for at most five seconds: what is not noticed by these may be by another one.
Errors' words and types are not changed.

| module | changes | noticed | of them by time | share |
|---|---|---|---|---|""".splitlines()
LEFT = """## Not noticed

| where | change | why |
|---|---|---|""".splitlines()
