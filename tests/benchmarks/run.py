"""``make bench``: time this library and its peers in turn, print the table and write RESULTS.md beside this file."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import threading
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.benchmarks.by_hand import hand_rows
from tests.benchmarks.cases import Case, all_cases
from tests.benchmarks.floor import bench_rows
from tests.benchmarks.full_grid import grid_trend, peak_memory
from tests.benchmarks.ingest import ingest_rows
from tests.benchmarks.pooled import pooled_rows
from tests.benchmarks.refresh import refresh_row

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PACKAGES = ("numpy", "numba", "scipy", "xarray", "dask", "pymannkendall", "xskillscore", "pingouin", "flox")
HEADER = ("case", "peer", "this library", "peer's time", "ratio", "at least", "aim", "reached")


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def amount(value: float) -> str:
    """A time for readers."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} us"


def verdict(ratio: float, least: float, aim: float) -> str:
    """Which of the two targets a ratio (the higher the better) reaches."""
    if aim and ratio >= aim:
        return "aim"
    return "at least" if ratio >= least else "no"


def compare(case: Case, rounds: int) -> list[tuple[str, ...]]:
    """Table rows of one case: each round runs this library and then each peer; times are per cell."""
    ours = case.ours()  # compiles
    found = {peer.name: peer.run() for peer in case.peers}
    case.check(ours, found)
    own: list[float] = []
    theirs: dict[str, list[float]] = {peer.name: [] for peer in case.peers}
    ratios: dict[str, list[float]] = {peer.name: [] for peer in case.peers}
    for _ in range(rounds):
        for peer in case.peers:
            before = seconds(case.ours) / case.items
            its = seconds(peer.run) / peer.items
            after = seconds(case.ours) / case.items
            own += [before, after]
            theirs[peer.name].append(its)
            ratios[peer.name].append(its / ((before + after) / 2))
    rows = []
    for peer in case.peers:
        ratio = median(ratios[peer.name])
        rows.append(
            (
                case.name,
                peer.name,
                amount(median(own)),
                amount(median(theirs[peer.name])),
                f"{ratio:.3g}x",
                f"{peer.least:g}x",
                f"{peer.aim:g}x" if peer.aim else "-",
                verdict(ratio, peer.least, peer.aim),
            )
        )
    return rows


def parallel_control() -> str:
    """Whether two threads really run at once: the time of two loops in turn over that of two threads."""
    import numpy as np

    values = np.random.default_rng(0).random(2_000_000)

    def work() -> None:
        for _ in range(8):
            np.sort(values)  # releases the interpreter's lock

    ratios = []
    for _ in range(3):
        alone = seconds(work) + seconds(work)
        threads = [threading.Thread(target=work) for _ in range(2)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ratios.append(alone / (time.perf_counter() - begin))
    gain = median(ratios)
    word = "they run in parallel" if gain > 1.7 else "they do not, so thread scaling is not measured"
    return f"two threads do the work of two in 1/{gain:.2f} of the time: {word}"


def environment() -> list[str]:
    """The machine, its load and the versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.split(":", 1)[1].strip()
                break
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"load average (1, 5, 15 minutes): {load}",
        ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    ]


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as a Markdown table."""
    lines = [HEADER, ("---",) * len(HEADER), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def main(arguments: list[str] | None = None) -> None:
    """Run the cases, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of cases, from 0; writes no file")
    parser.add_argument("--no-grid", action="store_true", help="leave out whatever takes a full grid")
    options = parser.parse_args(arguments)
    if any(os.environ.get(name) != "1" for name in THREADS):
        raise SystemExit(f"set {'=1 '.join(THREADS)}=1, as `make bench` does")
    warnings.simplefilter("ignore")
    before = environment()
    control = parallel_control()
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for number, make in enumerate(all_cases()):
        if options.only is not None and number not in options.only:
            continue
        case = make()
        rows += compare(case, options.rounds)
        print("\n".join(" | ".join(row) for row in rows[-len(case.peers) :]), flush=True)
        if case.notes:
            notes.append(f"{case.name}: {case.notes}")
    if not options.no_grid and options.only is None:
        for row, note in (grid_trend(options.rounds, seconds, amount), peak_memory(), refresh_row()):
            rows.append(row)
            notes.append(note)
            print(" | ".join(row), note, flush=True)
        rows += pooled_rows()
        print("\n".join(" | ".join(row) for row in rows[-2:]), flush=True)
        for more, said in (ingest_rows(options.rounds, seconds, amount), bench_rows(), hand_rows()):
            print("\n".join(" | ".join(row) for row in more), flush=True)
            rows, notes = rows + more, notes + said
    lines = [
        "# Speed and memory",
        "",
        "Written by `make bench`. One thread, but two workers for the whole study; every peer and this library on the",
        "same data, and but for the study in one process, in turn (this library before and after each peer's run);",
        "medians. Times are per cell where a case has cells: slow peers treat fewer cells of the same array. Neither",
        "compilation nor, but for this library in the study, start-up is counted.",
        "",
        *table(rows),
        "",
        *(f"- {note}" for note in notes),
        "",
        "## Environment",
        "",
        *(f"- {line}" for line in before),
        f"- load average at the end: {', '.join(f'{value:.2f}' for value in os.getloadavg())}",
        f"- control: {control}",
    ]
    print("\n".join(lines))
    if options.only is None:
        Path(__file__).with_name("RESULTS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
