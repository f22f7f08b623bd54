"""Where a stage spends its time, by kind: ``python -m tests.benchmarks.sampled STAGE CONFIG``.

Fifty times a second it is looked up what the threads of the workers do: the innermost call of a known kind counts. The
processor time that threads spend in compiled statistics is added up beside it.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

INTERVAL = 0.02
WORKERS = "Default-Threads"  # in the names of their threads
IDLE = ("concurrent/futures/thread.py", "distributed/threadpoolexecutor.py", "threading.py", "queue.py")
KINDS = {
    "codec": ("zarr/codecs/", "zarr/core/buffer/cpu.py", "numcodecs/", "smcloud/store/arrays.py"),
    "kernel": ("smcloud/jit/", "tests/benchmarks/sampled.py"),
    "numpy": ("numpy/", "smcloud/products/", "smcloud/stats/", "smcloud/cube/", "xskillscore/"),
    "zarr": ("zarr/", "smcloud/catalog/"),
    "files": ("fsspec/", "pathlib.py", "smcloud/store/"),
    "xarray": ("xarray/",),
    "dask": ("dask/", "smcloud/cluster/"),
    "distributed": ("distributed/",),
}
COPIES = ("_copy_lanes",)  # kernels that only bring values into another order


def kind_of(frame: FrameType | None) -> str:
    """The kind of what a thread does."""
    waits = frame is not None and frame.f_code.co_filename.endswith(IDLE)
    if not waits and frame is not None and frame.f_code.co_qualname == "Task.__call__":
        return "numpy"  # of dask's tasks only functions of numpy have no frame of their own
    while frame is not None:
        path = frame.f_code.co_filename
        for kind, places in KINDS.items():
            if any(place in path for place in places) and not (waits and kind != "zarr"):
                return f"waits for {kind}" if waits else kind
        frame = frame.f_back
    return "idle" if waits else "other"


@contextmanager
def sampling(counts: Counter[str]) -> Iterator[None]:
    """Count the kinds of what the workers' threads do while the context lasts."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(INTERVAL):
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            for ident, frame in sys._current_frames().items():
                if WORKERS in str(names.get(ident)):
                    counts[kind_of(frame)] += 1

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def timed_kernels(spent: dict[str, float]) -> None:
    """Add up the processor time of every kernel that is marked from now on, by its name."""
    from smcloud import jit

    real, lock = jit.kernel, threading.Lock()

    def kernel(*arguments: Any) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            call = real(*arguments)(function)

            @functools.wraps(call)
            def timed(*values: Any) -> None:
                call.compile()
                begin = time.thread_time()
                call(*values)
                with lock:
                    spent[function.__name__] = spent.get(function.__name__, 0.0) + time.thread_time() - begin

            return timed

        return decorate

    jit.kernel = kernel  # type: ignore[assignment]


def measure(stage: str, config: str) -> dict[str, Any]:
    """Run a stage: its seconds, those of its kernels on one thread, and what its workers' threads did, in percent."""
    spent: dict[str, float] = {}
    timed_kernels(spent)
    from smcloud import pipeline
    from smcloud.cluster import open_cluster
    from smcloud.config import load_config

    settings = load_config(config)
    job = pipeline.check(settings)
    counts: Counter[str] = Counter()
    with open_cluster(settings.cluster), sampling(counts):
        begin = time.perf_counter()
        getattr(pipeline, stage)(settings, job)
        seconds = time.perf_counter() - begin
    total = sum(counts.values()) or 1
    statistics = sum(cost for name, cost in spent.items() if name not in COPIES)
    return {"seconds": round(seconds, 1), "kernel_seconds": round(statistics, 2),
            "percent": {kind: round(100 * count / total) for kind, count in counts.most_common()}}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
