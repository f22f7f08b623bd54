"""The rows of ``make faults``: what is done to a store in each, at its full size."""

from __future__ import annotations

import sys
import time
import unittest
from collections.abc import Callable
from typing import Any

from tests.faults import corruptions, crashes, power, races, server, states
from tests.faults.stores import KINDS, stores

ROUNDS = {"disk": 200, "gcs": 200, "s3": 200}


def on(kind: str, row: Callable[[Any], dict[str, int]]) -> Callable[[], dict[str, int]]:
    """A row on stores of ``kind``."""

    def run() -> dict[str, int]:
        with stores(kind) as new:
            return row(new)

    return run


def machine(stores: int = 200, events: int = 75, shard: int | None = None) -> dict[str, int]:
    """The machine of states at its full size, or a shard of a larger one."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(states.machine(stores, events, shard)).run(result)
    for _, text in result.failures + result.errors:
        print(text, file=sys.stderr)
    return {"stores": stores, "events": stores * events, "failed to pass": len(result.failures) + len(result.errors)}


ROWS: dict[str, Callable[[], dict[str, int]]] = {
    **{f"crash, {kind}": on(kind, lambda new, kind=kind: crashes.sweep(kind, new)) for kind in KINDS},
    "power cut, disk": on("disk", power.cut),
    "full disk": on("disk", crashes.fill),
    "server faults, gcs": lambda: server.fail(120),
    **{
        f"publishers, {kind}": on(kind, lambda new, kind=kind: races.publish_at_once(new, ROUNDS[kind]))
        for kind in KINDS
    },
    "failing twins, disk": on("disk", lambda new: races.fail_beside(new, 60)),
    "failing twins, gcs": on("gcs", lambda new: races.fail_beside(new, 60)),
    **{f"failing ingest, {kind}": on(kind, lambda new: races.ingest_beside(new, 60)) for kind in ("disk", "gcs")},
    "reads under publishing": on("disk", lambda new: races.read_under_publishing(new, 100_000)),
    "corruptions": on("disk", lambda new: corruptions.corrupt(new, 1000)),
    "any order of events": machine,
}
# 1,000 stores of 500 events in 50 parts, which are measured where --shards asks for some more of them.
LONG = "any order of events, long"
SHARDS: dict[str, Callable[[], dict[str, int]]] = {
    f"{LONG}, {k} of 50": lambda k=k: machine(20, 500, k) for k in range(1, 51)
}


def measured(name: str) -> tuple[str, dict[str, int], float]:
    """Measure a row, in the process that is given its name: its counts and seconds."""
    began = time.perf_counter()
    counts = (ROWS | SHARDS)[name]()
    return name, counts, time.perf_counter() - began
