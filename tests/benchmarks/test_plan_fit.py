"""The fit finds the constants that made the seconds."""

import itertools

import numpy as np
import pytest

from smcloud import plan as plans
from tests.benchmarks import plan_fit
from tests.benchmarks.plan import WORLDS

TRUE = {
    "INGEST_SECONDS": 1.5, "COMPUTE_SECONDS": 4.0, "READ_MS_PER_MIB": 9.0, "WRITE_MS_PER_MIB": 2.0,
    "LOAD_MS_PER_MIB": 0.5, "TASK_US": 3000.0, "CELL_YEAR_PAIR_NS": 100.0, "POOLS": 2.0,
}  # fmt: skip
COMPILING = 30.0


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    made = []
    for name, stage in itertools.product(WORLDS, ("ingest", "compute")):
        read, written = (int(size) for size in rng.integers(1, 9, 2) * (9 << 30, 1 << 30))
        planned = {"tasks": int(rng.integers(100, 9000)), "bytes_read": read, "bytes_written": written, "core_ms": 0}
        work = {"stage": stage, "planned": planned, "world": name}
        if stage == "compute":  # the planned work, and 50 s of pools
            one = plan_fit.amounts(work | {"workers": 1}) * [
                0,
                0,
                *(plan_fit.today()[key] for key in plan_fit.TERMS[2:]),
            ]
            planned["core_ms"] = round(1000 * one.sum()) + 50_000
        for workers, kernels in itertools.product((1, 2), ("cold", "warm")):
            row = work | {"workers": workers, "kernels": kernels, "found": {}}
            seconds = float(plan_fit.amounts(row) @ [TRUE[key] for key in plan_fit.TERMS])
            row["found"]["seconds"] = seconds + (COMPILING / 2 if kernels == "cold" else 0)
            made.append(row)
    return made


def test_the_constants_that_made_the_seconds_are_found(rows):
    found = plan_fit.fit(rows)
    assert found == pytest.approx(TRUE | {"COMPILE_SECONDS": COMPILING}, rel=1e-6)


def test_amounts_are_those_that_a_stage_is_planned_from(rows):
    row = next(row for row in rows if row["stage"] == "compute" and row["workers"] == 1)
    seconds = plan_fit.amounts(row) @ [plan_fit.today()[key] for key in plan_fit.TERMS]
    expected = plans.COMPUTE_SECONDS["peng2023"] + row["planned"]["core_ms"] / 1000
    assert seconds == pytest.approx(expected, abs=0.01)


def test_what_no_row_asks_for_has_no_constant(rows):
    found = plan_fit.fit([row for row in rows if row["stage"] == "ingest"])
    assert [name for name, value in found.items() if np.isnan(value)] == [
        "COMPUTE_SECONDS",
        "CELL_YEAR_PAIR_NS",
        "POOLS",
    ]
