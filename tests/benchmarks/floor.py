"""How close a stage comes to what its bytes and kernels allow: ``python -m tests.benchmarks.floor [WORLD]``.

The floor of a stage is the time that as many threads take to decode all its inputs, encode all its outputs, read these
back once with their sha256, and run its kernels: the processor time that the stage spends in compiled statistics,
shared among the threads. Where the stage spends its own time is sampled (:mod:`tests.benchmarks.sampled`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from smcloud.store.arrays import StoredArray, stored_array
from tests.benchmarks.plan import WORLDS, write_world

THREADS = (1, 2)


class Chunk(NamedTuple):
    """A stored chunk and what decodes it."""

    array: StoredArray
    path: Path


class Floor(NamedTuple):
    """Seconds of what a stage cannot do without."""

    decode: float
    encode: float
    read_back: float
    kernels: float


def chunks_below(folder: Path) -> list[Chunk]:
    """All stored chunks of all arrays below a Zarr group."""
    found = []
    for metadata in sorted(folder.rglob("zarr.json")):
        raw = metadata.read_bytes()
        if json.loads(raw)["node_type"] == "array":
            array = stored_array(raw)
            found += [Chunk(array, path) for path in (metadata.parent / "c").rglob("*") if path.is_file()]
    return found


def seconds(work: Callable[[Any], object], items: Iterable[Any], threads: int) -> float:
    """Wall-clock time of all ``items`` on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        for _ in pool.map(work, items):
            pass
        return time.perf_counter() - begin


def decode(chunk: Chunk) -> np.ndarray:
    """The values of a chunk, from its file."""
    return chunk.array.decode(chunk.path.read_bytes())


def recode(chunk: Chunk) -> bytes:
    """Decode and encode again: what it takes beyond decoding is encoding."""
    return chunk.array.encode(decode(chunk))


def read_back(chunk: Chunk) -> str:
    """Decode and hash, as the seal does."""
    raw = chunk.path.read_bytes()
    chunk.array.decode(raw)
    return hashlib.sha256(raw).hexdigest()


def floor_of(inputs: list[Chunk], outputs: list[Chunk], kernel_seconds: float, threads: int) -> Floor:
    """Measure each part by itself, its files in the system's cache."""
    decoded = seconds(decode, outputs, threads)
    return Floor(
        seconds(decode, inputs, threads),
        max(0.0, seconds(recode, outputs, threads) - decoded),
        seconds(read_back, outputs, threads),
        kernel_seconds / threads,
    )


def measured(stage: str, config: Path) -> dict[str, Any]:
    """A stage in a process of its own, warm: its kernels are in the cache of the machine."""
    command = [sys.executable, "-m", "tests.benchmarks.sampled", stage, str(config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    out: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return out


def floor_rows(name: str = "globe-0.25") -> list[dict[str, Any]]:
    """Both stages on one and on two threads: their seconds, their floor and the ratio."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        config = write_world(WORLDS[name], Path(folder))
        store = Path(folder) / "store"
        for threads in THREADS:
            settings = yaml.safe_load(config.read_text())
            settings["cluster"] = {"kind": "local", "workers": threads}
            config.write_text(yaml.safe_dump(settings))
            shutil.rmtree(store, ignore_errors=True)
            taken = {stage: measured(stage, config) for stage in ("ingest", "compute")}
            (cube,) = (store / "cube").glob("*.zarr")
            products = [path for path in (store / "products").glob("*/*.zarr")]
            (annual,) = (path for path in products if path.parent.name == "annual")
            made = [chunk for path in products for chunk in chunks_below(path)]
            parts = {
                "ingest": (chunks_below(Path(folder) / "world.zarr"), chunks_below(cube)),
                "compute": ([*chunks_below(cube), *chunks_below(annual)], made),
            }
            for stage, (inputs, outputs) in parts.items():
                floor = floor_of(inputs, outputs, taken[stage]["kernel_seconds"], threads)
                row = {"world": name, "stage": stage, "threads": threads, "seconds": taken[stage]["seconds"]}
                row |= {key: round(value, 1) for key, value in floor._asdict().items()}
                row |= {"ratio": round(row["seconds"] / sum(floor), 2), "percent": taken[stage]["percent"]}
                rows.append(row)
                print(json.dumps(row), flush=True)
    return rows


# At least and aim: seconds of a stage over its floor on two threads, and of one thread over two.
LIMITS = {"ingest": (2.5, 1.8), "compute": (2.2, 1.6)}
SCALING = (1.7, 1.9)


def bench_rows(name: str = "globe-0.25") -> tuple[list[tuple[str, ...]], list[str]]:
    """Rows of the table of ``make bench``, and where the time of each stage goes."""
    found = {(row["stage"], row["threads"]): row for row in floor_rows(name)}
    rows: list[tuple[str, ...]] = []
    notes = []
    for stage, (least, aim) in LIMITS.items():
        one, two = (found[stage, threads] for threads in THREADS)
        parts = {key: two[key] for key in Floor._fields}
        reached = "aim" if two["ratio"] <= aim else "at least" if two["ratio"] <= least else "no"
        rows.append((f"{stage}, {name}, 2 threads", "its floor: decode, encode, read back, kernels",
                     f"{two['seconds']:.3g} s", f"{sum(parts.values()):.3g} s", f"{two['ratio']:.2f} of it",
                     f"{least:g}", f"{aim:g}", reached))  # fmt: skip
        gain, (least, aim) = one["seconds"] / two["seconds"], SCALING
        reached = "aim" if gain >= aim else "at least" if gain >= least else "no"
        rows.append((f"{stage}, {name}, 2 threads", "1 thread", f"{two['seconds']:.3g} s", f"{one['seconds']:.3g} s",
                     f"{gain:.2f}x", f"{least:g}x", f"{aim:g}x", reached))  # fmt: skip
        floor = ", ".join(f"{key.replace('_', ' ')} {value:.1f} s" for key, value in parts.items())
        spent = ", ".join(f"{kind} {share} %" for kind, share in two["percent"].items())
        notes.append(f"{stage}, {name}: floor on two threads {floor}; the workers' threads: {spent}")
    return rows, notes


if __name__ == "__main__":
    floor_rows(*sys.argv[1:])
