"""The constants of seconds in smcloud/plan.py that would make plans equal to runs of made worlds.

``python -m tests.benchmarks.plan --fit`` runs every world on one and two threads, each time with no compiled kernels
and then with those that are kept, and prints planned and measured seconds, and the constants. It wants a machine that
does nothing else.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from scipy.optimize import nnls

from smcloud import plan as plans
from smcloud.pipeline.planning import plan as planning
from tests.benchmarks.plan import WORLDS, World, write_world

Row = dict[str, Any]
PRESET = "peng2023"  # of the made worlds
# What a stage's seconds are the sum of, and the constant of each; POOLS scales all constants of pools together.
TERMS = ("INGEST_SECONDS", "COMPUTE_SECONDS", "READ_MS_PER_MIB", "WRITE_MS_PER_MIB", "LOAD_MS_PER_MIB", "TASK_US",
         "CELL_YEAR_PAIR_NS", "POOLS")  # fmt: skip


def runs(names: Sequence[str], stages: Callable[[Path, Mapping[str, str]], Iterator[Row]], scratch: Path) -> list[Row]:
    """Rows of ``stages`` for each world, one and two threads, cold and warm; each from an empty store."""
    rows: list[Row] = []
    for name in names:
        folder = scratch / name
        folder.mkdir()
        config = write_world(WORLDS[name], folder)
        for workers in (1, 2):
            settings = yaml.safe_load(config.read_text())
            settings["cluster"]["workers"] = workers
            config.write_text(yaml.safe_dump(settings))
            with tempfile.TemporaryDirectory(dir=scratch) as kernels:
                for kind in ("cold", "warm"):
                    for row in stages(config, {**os.environ, "SMCLOUD_CACHE_DIR": kernels}):
                        rows.append({"world": name, "workers": workers, "kernels": kind, **row})
                        print(told(rows[-1]), flush=True)
                    shutil.rmtree(folder / "store")
        shutil.rmtree(folder)
    return rows


def told(row: Row) -> str:
    """Planned and measured seconds of one stage."""
    planned, found = row["planned"]["seconds"], row["found"]["seconds"]
    how = f"{row['world']}, {row['stage']}, {row['workers']} threads, {row['kernels']}"
    return f"{how}: planned {planned} s, measured {found} s, {planned / found:.2f}"


def amounts(row: Row) -> npt.NDArray[np.float64]:
    """How much of each of :data:`TERMS` the seconds of a stage are planned from."""
    planned, world, threads = row["planned"], WORLDS[row["world"]], row["workers"]
    mib_read, mib_written = (planned[f"bytes_{way}"] / plans.MIB for way in ("read", "written"))
    if row["stage"] == "ingest":
        work = {"READ_MS_PER_MIB": mib_read - mib_written, "LOAD_MS_PER_MIB": mib_written}
    else:
        work = {"LOAD_MS_PER_MIB": mib_read, "CELL_YEAR_PAIR_NS": land_of(world) * world.years**2 / 1e6}
    work |= {"WRITE_MS_PER_MIB": mib_written, "TASK_US": planned["tasks"] / 1e3}
    work["POOLS"] = max(0.0, planned["core_ms"] - sum(getattr(plans, name) * much for name, much in work.items()))
    seconds = {name: much / 1000 / threads for name, much in work.items()}
    seconds[f"{row['stage'].upper()}_SECONDS"] = 1.0
    return np.array([seconds.get(name, 0.0) for name in TERMS])


def land_of(world: World) -> int:
    """Cells that the plan takes for land."""
    south, north, west, east = world.limits
    cells = round((north - south) / world.resolution) * round((east - west) / world.resolution)
    return cells * plans.LAND_PERCENT // 100


def today() -> dict[str, float]:
    """The constants as they are; what pools take times 1."""
    known = {name: float(getattr(plans, name)) for name in TERMS if name not in ("COMPUTE_SECONDS", "POOLS")}
    return known | {"COMPUTE_SECONDS": float(plans.COMPUTE_SECONDS[PRESET]), "POOLS": 1.0}


def fit(rows: Sequence[Row]) -> dict[str, float]:
    """Constants of no less than 0 with the least squares of relative errors of the warm rows, and of compiling.

    A constant that no row asks for is NaN. Compiling takes what cold rows took longer, on one thread.
    """
    warm = [row for row in rows if row["kernels"] == "warm"]
    found = np.array([row["found"]["seconds"] for row in warm])
    shares = np.array([amounts(row) for row in warm]) / found[:, np.newaxis]
    scale = shares.max(axis=0)  # columns of one size: amounts of tasks and of bytes are far apart
    asked = scale > 0
    values = np.full(len(TERMS), np.nan)
    values[asked] = nnls(shares[:, asked] / scale[asked], np.ones(len(warm)))[0] / scale[asked]
    spent = {kind: sum(row["found"]["seconds"] for row in rows if row["kernels"] == kind and row["workers"] == 1)
             for kind in ("cold", "warm")}  # fmt: skip
    worlds = len({row["world"] for row in rows if row["kernels"] == "cold" and row["workers"] == 1})
    compiling = (spent["cold"] - spent["warm"]) / worlds if worlds else float("nan")
    return dict(zip(TERMS, values.tolist(), strict=True)) | {"COMPILE_SECONDS": compiling}


def report(rows: Sequence[Row]) -> None:
    """Print each constant as it is and as it would be, and how far warm rows would be off with the latter."""
    fitted = fit(rows)
    now = today() | {"COMPILE_SECONDS": float(planning.COMPILE_SECONDS)}
    for name, value in fitted.items():
        print(f"{name}: {now[name]:g} now, {value:.3g} fitted")
    values = np.nan_to_num([fitted[name] for name in TERMS])
    for row in rows:
        if row["kernels"] == "warm":
            seconds = float(amounts(row) @ values)
            how = f"{row['world']}, {row['stage']}, {row['workers']} threads"
            print(f"{how}: {seconds:.1f} s with them, {seconds / row['found']['seconds']:.2f} of the measured")
    print("load average (1, 5, 15 minutes):", *(f"{load:.2f}" for load in os.getloadavg()))
