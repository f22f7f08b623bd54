"""A plan against the run: made worlds are ingested and computed for real, and measured in processes of their own.

``python -m tests.benchmarks.plan [NAME ...] [--folder DIR]`` prints what was planned and what was found; with ``--fit``
on one and two threads, cold and warm, and the constants of seconds that would make both equal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from smcloud.pipeline.planning.examples import ROLES, STATIC

PLANNED = ("tasks", "bytes_read", "bytes_written", "memory")


class World(NamedTuple):
    """Cell size, limits (south, north, west, east) in degrees, and years of a made study."""

    resolution: float
    limits: tuple[float, float, float, float]
    years: int


GLOBE = (-90.0, 90.0, -180.0, 180.0)
WORLDS = {
    "window-0.05": World(0.05, (36.0, 45.0, 0.0, 18.0), 22),
    "globe-1": World(1.0, GLOBE, 40),
    "globe-0.25": World(0.25, GLOBE, 22),
}


def write_world(world: World, folder: Path, workers: int = 2, roles: Sequence[str] = tuple(ROLES)) -> Path:
    """Monthly sources of a third land, of some ``roles``, their catalog and a configuration; returns its path."""
    import zarr

    south, north, west, east = world.limits
    lat = np.arange(south + world.resolution / 2, north, world.resolution)
    lon = np.arange(west + world.resolution / 2, east, world.resolution)
    months = 12 * world.years
    shape = (months, len(lat), len(lon))
    rng = np.random.default_rng(1)
    coarse = rng.random((-(-len(lat) // 9), -(-len(lon) // 9)))
    land = coarse.repeat(9, axis=0).repeat(9, axis=1)[: len(lat), : len(lon)] < 0.34
    first = 2024 - world.years
    group = zarr.create_group(folder / "world.zarr", overwrite=True)
    middle = {"soil_moisture": 0.25, "precipitation": 60.0, "soil_temperature": 285.0, "lai": 2.0}
    common = rng.normal(size=(world.years, *shape[1:])).astype("f4")
    for role in roles:
        units, _, _ = ROLES[role]
        array = group.create_array(
            role, shape=shape, chunks=(12, min(360, len(lat)), min(360, len(lon))), dtype="f4",
            dimension_names=("time", "lat", "lon"), attributes={"units": units}, fill_value=np.nan,
        )  # fmt: skip
        for year in range(world.years):
            values = rng.normal(scale=0.03, size=(12, *shape[1:])).astype("f4") + np.float32(0.02) * common[year]
            array[12 * year : 12 * year + 12] = np.where(land, middle[role] * (1 + values), np.nan).round(4)
    for role, (units, _) in STATIC.items():
        values = land if role == "land_mask" else np.where(land, 0.2 + rng.random(shape[1:]), np.nan)
        group.create_array(role, data=values.astype("f4"), chunks=shape[1:], dimension_names=("lat", "lon"),
                           attributes={"units": units})  # fmt: skip
    days = np.arange(f"{first}-01", "2024-01", dtype="datetime64[M]").astype("datetime64[D]")
    since = (days - days[0]).astype("i8")
    for name, axis, units in (("time", since, f"days since {days[0]}"), ("lat", lat, "degrees_north"),
                              ("lon", lon, "degrees_east")):  # fmt: skip
        attributes = {"units": units} | ({"calendar": "standard"} if name == "time" else {})
        group.create_array(name, data=axis, dimension_names=(name,), attributes=attributes)
    variables = {
        role: {"name": role, "units": units, "period": "month", "aggregate": aggregate, "valid_range": list(valid)}
        for role, (units, aggregate, valid) in ROLES.items()
        if role in roles
    } | {
        role: {"name": role, "units": units, "period": "static", "aggregate": "mean", "valid_range": list(valid)}
        for role, (units, valid) in STATIC.items()
    }
    args = {"urlpath": "{{ CATALOG_DIR }}/world.zarr", "xarray_kwargs": {"consolidated": False}}
    metadata = {"licence": "CC0-1.0", "citation": "made", "variables": variables}
    source = {"driver": "zarr", "description": "a made world", "args": args, "metadata": metadata}
    (folder / "catalog.yaml").write_text(yaml.safe_dump({"sources": {"world": source}}))
    config = {
        "preset": "peng2023", "period": {"start": f"{first}-01", "end": "2023-12"},
        "catalog": str(folder / "catalog.yaml"), "inputs": dict.fromkeys(variables, "world"),
        "store": str(folder / "store"), "cluster": {"kind": "local", "workers": workers},
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def peak() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def measure(stage: str, config: str) -> dict[str, Any]:
    """Run one stage on a local cluster in this process and count its tasks, decoded bytes, memory and seconds."""
    from distributed.diagnostics.plugin import SchedulerPlugin
    from zarr.codecs import ZstdCodec

    from smcloud import pipeline
    from smcloud.catalog.stores import codecs
    from smcloud.cluster import open_cluster
    from smcloud.config import load_config
    from smcloud.store.arrays import StoredArray

    found = {"tasks": 0, "bytes_read": 0, "bytes_written": 0}

    class Counter(SchedulerPlugin):
        def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
            found["tasks"] += start == "processing" and finish == "memory"

    decode, encode, source = ZstdCodec._decode_sync, ZstdCodec._encode_sync, codecs._zstd

    def decoded(self: Any, chunk: Any, spec: Any) -> Any:
        out = decode(self, chunk, spec)
        found["bytes_read"] += len(out)
        return out

    def of_source(*arguments: Any) -> Any:
        out = source(*arguments)
        found["bytes_read"] += len(out)
        return out

    def encoded(self: Any, chunk: Any, spec: Any) -> Any:
        found["bytes_written"] += len(chunk)
        return encode(self, chunk, spec)

    settings = load_config(config)
    job = pipeline.check(settings)
    start = time.perf_counter()
    planned = pipeline.plan(settings, job)
    planning = time.perf_counter() - start
    before = peak()
    into = StoredArray.decode_into

    def decoded_into(self: Any, raw: Any, out: Any) -> None:
        found["bytes_read"] += out.nbytes if self._zstd is not None else 0  # else zarr's codec counts
        into(self, raw, out)

    ZstdCodec._decode_sync, ZstdCodec._encode_sync, codecs._zstd = decoded, encoded, of_source
    StoredArray.decode_into = decoded_into  # type: ignore[method-assign]
    with open_cluster(settings.cluster) as client:
        client.cluster.scheduler.add_plugin(Counter())
        start = time.perf_counter()
        getattr(pipeline, stage)(settings, job)
        seconds = time.perf_counter() - start
    wanted = next(s for s in planned.stages if s.name == stage)
    # A local cluster is this process: what the client holds and what the worker holds are not held at one time.
    memory = max(wanted.worker_memory, wanted.client_memory)
    plan = {name: getattr(wanted, name) for name in PLANNED[:3]} | {"memory": memory, "seconds": wanted.seconds,
                                                                 "core_ms": wanted.core_ms}  # fmt: skip
    return {"stage": stage, "planned": plan, "planning_seconds": round(planning, 1), "before": before,
            "found": found | {"memory": peak(), "seconds": round(seconds, 1)}}  # fmt: skip


def compare(name: str, folder: Path) -> list[dict[str, Any]]:
    """Plan and run one world; a row for each stage."""
    if not (folder / "config.yaml").exists():
        write_world(WORLDS[name], folder)
    rows = []
    for found in stages(folder / "config.yaml"):
        row = {"world": name} | found
        row["ratio"] = {key: round(row["planned"][key] / row["found"][key], 2) for key in PLANNED}
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def stages(config: Path, environment: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Measure both stages, each in a process of its own."""
    for stage in ("ingest", "compute"):
        command = [sys.executable, "-m", "tests.benchmarks.plan", "--child", stage, str(config)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        yield json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str]) -> None:
    """The worlds that are named, or all; ends with 1 where a plan is off by more than 30 %."""
    if arguments[:1] == ["--child"]:
        print(json.dumps(measure(*arguments[1:])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*WORLDS, []])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--fit", action="store_true", help="run every case, and print constants of seconds")
    options = parser.parse_args(arguments)
    if options.fit:
        from tests.benchmarks import plan_fit

        with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
            plan_fit.report(plan_fit.runs(options.names or list(WORLDS), stages, Path(scratch)))
        return
    off = []
    for name in options.names or WORLDS:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for row in compare(name, Path(folder)):
                off += [(name, row["stage"], key) for key, ratio in row["ratio"].items() if abs(ratio - 1) > 0.3]
    if off:
        sys.exit(f"off by more than 30 %: {off}")


if __name__ == "__main__":
    main(sys.argv[1:])
