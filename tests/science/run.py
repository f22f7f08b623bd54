"""``make science``: simulate what docs/science.md promises, print every figure beside its target, and write the page.

``--quick`` is a small run for every commit: a figure may leave its target by 4 of its own standard errors, and nothing
is written. The exit code is 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.science import (
    anomalies,
    ddww_coverage,
    detectable,
    discoveries,
    dominance,
    idle_driver,
    ribbon_coverage,
    single_series,
    size,
    zone_chance,
)  # fmt: skip
from tests.science.figures import QUICK_SLACK, Job, Section

PAGE = Path(__file__).parents[2] / "docs" / "science-checks.md"
SUBJECTS: dict[str, Any] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        size, discoveries, ddww_coverage, zone_chance, ribbon_coverage, idle_driver, dominance, single_series,
        detectable, anomalies,
    )
}  # fmt: skip
PROCESSES = 2
PACKAGES = ("numpy", "scipy", "numba", "xarray")


def timed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float]:
    """A result, and the processor time it took."""
    begin = time.process_time()
    return function(*arguments), time.process_time() - begin


def simulate(subjects: dict[str, Any], quick: bool, processes: int = PROCESSES) -> tuple[list[Section], float]:
    """The sections of all subjects, each printed as it is done, and the processor seconds behind them."""
    work: dict[str, list[Job]] = {name: subject.jobs(quick) for name, subject in subjects.items()}
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        waiting = {name: [pool.submit(timed, *job) for job in jobs] for name, jobs in work.items()}
        sections, total = [], 0.0
        for name, subject in subjects.items():
            found = [each.result() for each in waiting[name]]
            spent = sum(seconds for _, seconds in found)
            print(f"{name}: {len(found)} simulations, {spent:.0f} processor seconds", file=sys.stderr, flush=True)
            sections.append(subject.section(work[name], [result for result, _ in found]))
            print("\n".join(sections[-1].lines(QUICK_SLACK if quick else 0.0)), flush=True)
            total += spent
    return sections, total


def missed(sections: Sequence[Section], slack: float) -> list[str]:
    """The figures that are not within their targets."""
    return [figure.what for section in sections for figure in section.figures if not figure.met(slack)]


def page(sections: Sequence[Section], seconds: float) -> str:
    """The page that a whole run writes."""
    failed = missed(sections, 0.0)
    judged = sum(figure.judged for section in sections for figure in section.figures)
    verdict = f"{judged - len(failed)} of {judged} targets are met."
    lines = [
        "# Science checks",
        "",
        "Written by `make science`, never by hand. Each figure is simulated with the functions of `smcloud.stats` and",
        "`smcloud.products` as they are, on series and maps whose truth is known, with fixed seeds. "
        "[science.md](science.md) has",
        "the definitions. A figure without a target is shown for comparison.",
        "",
        f"**{verdict}**",
        *(f"- missed: {what}" for what in failed),
        "",
        *(line for section in sections for line in section.lines()),
        "## How it was made",
        "",
        f"- {seconds:.0f} processor seconds in {PROCESSES} processes",
        f"- Python {sys.version.split()[0]}, {', '.join(f'{name} {version(name)}' for name in PACKAGES)}",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subjects; 0 where all targets are met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.science", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run with looser limits; writes no page")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, metavar="SUBJECT", help="these alone; writes no page")
    options = parser.parse_args(arguments)
    subjects = {name: SUBJECTS[name] for name in options.only or SUBJECTS}
    sections, seconds = simulate(subjects, options.quick)
    slack = QUICK_SLACK if options.quick else 0.0
    failed = missed(sections, slack)
    print("\n".join([f"missed: {what}" for what in failed] or ["all targets are met"]))
    print(f"{seconds:.0f} processor seconds")
    if not (options.quick or options.only):
        PAGE.write_text(page(sections, seconds), encoding="utf-8")
    return 1 if failed else 0
