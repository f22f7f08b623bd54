"""Runs beside each other: publishers of the same and of different work, readers under publishing, twins that fail."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import dask

from smcloud import pipeline
from smcloud.config import RunConfig, load_config
from smcloud.errors import RangeError
from smcloud.store import (
    Attempts,
    Release,
    cube_path,
    list_releases,
    open_product,
    product_path,
    sealed_prefix,
    verify_all,
)
from tests.conftest import write_small_world
from tests.faults.stores import NewStore
from tests.faults.work import Study, more, product, whole

PUBLISHERS = 8
READS = 10
PUBLISHER = """
import os, sys
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"
from smcloud.store import ReleaseContent, Store, publish
store = Store.open(sys.argv[1])
content = ReleaseContent.model_validate_json(sys.stdin.readline())
product = content.products["trend"]
for name in map(str.strip, sys.stdin):
    products = {"trend": product, name: product.model_copy(update={"run_id": name})}
    print(publish(store, content.model_copy(update={"products": products})).number, flush=True)
"""


def publish_at_once(new: NewStore, rounds: int) -> dict[str, int]:
    """Eight processes publish ``rounds`` times each, half of them the same work: no gaps, none lost, none twice."""
    store = new()
    content = Study(store).content(1).model_dump_json()
    start = [sys.executable, "-W", "ignore", "-c", PUBLISHER, store.url]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(start, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(PUBLISHERS)]
    told: list[tuple[str, int]] = []

    def publish(worker: subprocess.Popen[str], names: list[str]) -> list[tuple[str, int]]:
        assert worker.stdin and worker.stdout
        worker.stdin.writelines(f"{name}\n" for name in names)
        worker.stdin.flush()
        return [(name, int(worker.stdout.readline())) for name in names]

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        for worker in workers:
            assert worker.stdin
            worker.stdin.write(f"{content}\n")
        each = [[f"{number}-{turn}" for turn in range(rounds // 2)] for number in range(PUBLISHERS)]
        told += [pair for pairs in pool.map(publish, workers, each) for pair in pairs]
        for turn in range(rounds - rounds // 2):
            told += [pair for pairs in pool.map(publish, workers, [[f"all-{turn}"]] * PUBLISHERS) for pair in pairs]
        for worker in workers:
            assert worker.stdin and worker.stdout
            worker.stdin.close()
            assert worker.wait(60) == 0
            worker.stdout.close()
    releases = {release.number: _name(release) for release in list_releases(store)}
    lost = sum(releases.get(number) != name for name, number in told)
    assert sorted(releases) == list(range(1, len(releases) + 1))
    twice = len(releases) - len(set(releases.values()))
    return {"publishes": len(told), "releases": len(releases), "lost": lost, "twice": twice}


def _name(release: Release) -> str:
    return next(name for name in release.products if name != "trend")


def read_under_publishing(new: NewStore, reads: int) -> dict[str, int]:
    """Threads read the newest release, values and digests, while another publishes; what was not as it must be."""
    store = new()
    study = Study(store)
    for run in range(1, 5):
        study.run(run)
    ended, counted = threading.Event(), {"reads": 0, "bad": 0, "releases": 4}
    expected = {run: whole(run) for run in range(1, 5)}

    def publish_on() -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            counted["releases"] = max(counted["releases"], study.run(1 + turn % 4).number)
            time.sleep(0.3)  # readers are what is counted, and a listing of many releases takes them long

    def read(number: int) -> int:
        """Open the newest release once and read ten values of it, or the whole field with its digests; how many bad."""
        whole_field = number % 10 == 0
        ds = open_product(store.url, "trend", verify="chunks" if whole_field else "metadata")
        right = expected[int(ds.attrs["seed"])]["slope"].to_numpy()
        if whole_field:
            return READS * int((ds["slope"].to_numpy() != right).any())
        places = [((number + k) % 4, k % 6) for k in range(READS)]
        return sum(float(ds["slope"][place]) != float(right[place]) for place in places)

    publisher = threading.Thread(target=publish_on)
    publisher.start()
    try:
        with dask.config.set(scheduler="synchronous"), ThreadPoolExecutor(4) as pool:
            for bad in pool.map(read, range(reads // READS)):
                counted["reads"] += READS
                counted["bad"] += bad
    finally:
        ended.set()
        publisher.join()
    return counted


def fail_beside(new: NewStore, rounds: int) -> dict[str, int]:
    """Four runs of one work at a time, of which some fail and remove what they wrote: nothing else goes."""
    store, rng = new(), random.Random(0)
    study = Study(store)
    counted = {"rounds": 0, "runs": 0, "failed": 0, "dead ids": 0}
    for turn in range(rounds):
        path, fates = product_path("trend", f"run{turn}"), [rng.random() < 0.5 for _ in range(4)]
        fates[0] = False  # one of them goes to its end
        with ThreadPoolExecutor(4) as pool:
            ended = list(pool.map(lambda fails, path=path, turn=turn: _run(study, path, turn, fails), fates))
        counted["rounds"] += 1
        counted["runs"] += len(ended)
        counted["failed"] += ended.count("")
        digests = set(ended) - {""}
        release = study.run(turn)
        good = release.products["trend"].inventory_sha256 in digests and len(digests) == 1
        counted["dead ids"] += not (good and study.read() == release.number)
    verify_all(store)
    return counted


def _run(study: Study, path: str, seed: int, fails: bool) -> str:
    """The sha256 of the inventory, empty where the run failed."""
    with Attempts(study.store) as attempts:
        attempt = attempts.begin(path)
        if not attempt.is_sealed:
            dask.compute(attempt.prefix.stage(product(seed)), scheduler="synchronous")
            if fails:
                attempt.discard()
                return ""
            attempt.prefix.append(more(seed))
        return attempt.seal(["slope", "share", "lat", "lon"])


def ingest_beside(new: NewStore, rounds: int) -> dict[str, int]:
    """Real cubes: two runs of one ingest at a time, of which one finds values out of range when both have written."""
    counted = {"rounds": 0, "failed": 0, "dead ids": 0}
    fails = threading.local()
    module: Any = import_module("smcloud.pipeline.ingest")
    real = module._validate
    both = threading.Barrier(2, timeout=60)

    def validate(job: Any, counters: Any) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait()
        real(job, counters)
        if fails.here:
            raise RangeError("values out of range")

    def ingest(config: RunConfig, job: Any, here: bool) -> str:
        fails.here = here
        try:
            return str(pipeline.ingest(config, job).inventory_sha256)
        except RangeError:
            return ""

    with tempfile.TemporaryDirectory() as folder:
        only = dict.fromkeys(("soil_moisture", "soil_temperature"), "world")
        path = write_small_world(Path(folder), inputs=only, drivers={"names": ["soil_temperature"]})
        with mock.patch.object(module, "_validate", validate), ThreadPoolExecutor(2) as pool:
            for _ in range(rounds):
                store = new()
                config = load_config(path).model_copy(update={"store": store.url})
                job = pipeline.check(config)
                ended = list(pool.map(lambda here, config=config, job=job: ingest(config, job, here), (False, True)))
                counted["rounds"] += 1
                counted["failed"] += ended.count("")
                cube = sealed_prefix(store, cube_path(job.cube_id))
                counted["dead ids"] += cube is None or cube.inventory()[1] != ended[0]
    return counted
