"""``python -m tests.faults``: the rows of docs/faults.md, each measured where its code or size is another than before.

``--only ROW`` measures one row; ``--again`` all, whatever was measured; ``--shards N`` so many more parts of the long
machine of states, and nothing else. Two rows are measured at a time, each in a process of its own, the longest first.
A row is written when it ends, so the command may be stopped and goes on later.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from smcloud.config.code import code_digest
from tests.faults.rows import LONG, ROWS, SHARDS, measured

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
CODE = ("smcloud.store", "smcloud.errors", "smcloud.io_errors")


# What a number of each count must be; others tell how much was tried.
WANTED = {"unreadable", "torn", "twice", "lost", "dead ids", "bad", "not found", "wrong values", "failed to pass"}


def main(arguments: list[str] | None = None) -> int:
    """Measure the rows and write the page; 1 where a row is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--only", choices=list(ROWS), action="append")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--shards", type=int, default=0)
    asked = parser.parse_args(arguments)
    code = code_digest(CODE)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    shards = [name for name in SHARDS if results.get(name, {}).get("code") != code][: asked.shards]
    wanted = asked.only or shards or [name for name in ROWS if asked.again or results.get(name, {}).get("code") != code]
    wanted.sort(key=lambda name: -results.get(name, {}).get("seconds", 0))
    unfinished = []
    with processes() as pool:
        rows = {pool.submit(measured, name): name for name in wanted}
        for row in as_completed(rows):
            if err := row.exception():  # others go on
                unfinished.append(f"{rows[row]}: {err!r}")
                print(unfinished[-1], file=sys.stderr, flush=True)
                continue
            name, counts, seconds = row.result()
            results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}  # another command's may have ended
            results[name] = {"counts": counts, "seconds": round(seconds, 1), "code": code}
            RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
            print(_line(name, results[name]), flush=True)
    PAGE.write_text(page(results, code))
    print(page(results, code))
    return int(bool(unfinished) or any(count for result in results.values() for count in _wrong(result["counts"])))


def processes() -> Executor:
    """Two processes, each new for its row, as clients and servers of rows live on in theirs."""
    return ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1)


def _wrong(counts: dict[str, int]) -> list[int]:
    return [count for key, count in counts.items() if key in WANTED]


def _line(name: str, result: dict[str, Any]) -> str:
    counts: dict[str, int] = result["counts"]
    tried = ", ".join(f"{count:,} {key}" for key, count in counts.items() if key not in WANTED)
    wrong = ", ".join(f"{count} {key}" for key, count in counts.items() if key in WANTED)
    return f"| {name} | {tried} | {wrong} | {result['seconds']:,.0f} s |"


def page(results: dict[str, Any], code: str) -> str:
    """The page of all rows that were measured; those of other code say so."""
    lines = []
    for name in ROWS:
        if name in results:
            old = "" if results[name]["code"] == code else " (of earlier code)"
            lines.append(_line(name + old, results[name]))
        else:
            lines.append(f"| {name} | not measured | | |")
    done = [results[name] for name in SHARDS if name in results and results[name]["code"] == code]
    counts = {key: sum(shard["counts"][key] for shard in done) for key in ("stores", "events", "failed to pass")}
    total = {"counts": counts, "seconds": sum(shard["seconds"] for shard in done)}
    lines.append(_line(f"{LONG}: {len(done)} of 50 parts", total))
    return HEAD + "\n".join(lines) + "\n" + FOOT


HEAD = """# What was done to a store, and what came of it

`make faults` measures these rows, two at a time, and writes this page. Smaller they are part of `make test-cloud`
(`tests/faults`). A row is not measured again where the code of the store did not change.
Disk: a local folder. gcs, s3: servers on loopback that speak the protocols (`tests/cloud/gcs.py`, moto), not the
providers.

| row | tried | wrong | time |
|---|---|---|---|
"""
FOOT = """
- **crash**: one run is killed at every operation that changes the store: before it, after it, on a disk also with half
  a file written. After each, readers open the newest release with every chunk checked, and the same run goes to its
  end: two releases, and `verify --all` finds nothing.
- **power cut**: no machine was cut. What a disk then holds is recorded at every operation of a run: of the contents
  what was synced, every other file empty; of the names those that were synced, or all of them. Each state that is
  another one is put on a disk, readers open it, and the same run goes to its end.
- **full disk**: from every such operation on the disk takes nothing more. The run ends with one error that says so.
- **server faults**: the server answers late, cut, with 429, 503 or 401, not at all, or does what it was asked and its
  answer is lost; for a few requests of a run, or from one on. A run that does not end well ends with one error.
- **publishers**: eight processes publish 200 times each: first each its own work, then all the same at the same time.
- **failing twins**: four runs of one work at a time; about half of them fail and remove what they wrote.
- **failing ingest**: two runs of one small cube from its sources; one finds values out of range when both have written.
- **reads under publishing**: four threads open the newest release and read ten values of it, every tenth time the whole
  field with its digests, which counts as ten.
- **corruptions**: bits, ends, lost, exchanged and foreign objects, values changed together with their inventory, and
  edited records. *Not found* counts those that `verify --all` passes, *wrong values* those that a reader with
  `verify="chunks"` was given.
- **any order of events**: runs, kills, failures, twins, damage and repair as hypothesis orders them; readers look after
  every event. The long one is 1,000 stores of 500 events, in parts of 20 that `ARGS='--shards 2'` measures.
"""

if __name__ == "__main__":
    sys.exit(main())
