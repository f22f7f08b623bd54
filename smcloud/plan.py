"""What a run costs, in integers: chunks, tasks, bytes, requests, memory and seconds; nothing is opened here.

How much memory a block needs, and how long its work takes, stands here as constants that were fitted on one machine to
runs of ``python -m tests.benchmarks.plan``, which tells how far they are off, as docs/plans.md does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

MIB = 2**20
PROCESS_BYTES = 400 * MIB  # of one that has imported and compiled everything
# Of one core: decoding and harmonising a MiB of a source, encoding and decoding a MiB of a store, a task's own cost.
READ_MS_PER_MIB, WRITE_MS_PER_MIB, LOAD_MS_PER_MIB, TASK_US = 6, 3, 1, 1500
CELL_YEAR_PAIR_NS = 210  # of one core: products of one land cell, per pair of years
# Of one core: the autocorrelation that neighbours share. The fit of one land cell, by each task that it is in reach of,
# and its pool for each row within the radius. A task holds the annual values that it takes in, these bytes beside each,
# and for each land cell within the radius in latitude what pools are made of, twice.
POOL_CELL_NS, POOL_ROW_NS, POOL_CELL_BYTES, POOL_TERM_BYTES = 5000, 60, 150, 736
# The specification curve. Of one core: one series of a land cell. While some series are worked on together, a worker
# holds the annual values of each twice, and so many bytes beside them for each of their cells.
CURVE_CELL_NS, CURVE_CELL_BYTES = 20_000, 400
LAND_PERCENT = 34  # of the cells of a global grid; minutes are of such a grid
# To start with, on any number of cores, where compiled kernels are kept.
INGEST_SECONDS, COMPUTE_SECONDS = 2, {"peng2023": 2, "rigorous": 7}
# Requests for metadata, coordinates and listings: hardly more on a larger grid.
INGEST_GETS, INGEST_PUTS, COMPUTE_GETS, COMPUTE_PUTS = 124, 34, 847, 292
# A month of a source: value and valid hours, and what uncertainty and sensors add. A thread that reduces, regrids and
# writes months holds so much of them, in percent, and so many chunks; of what has no months this for each cell.
MONTH_BYTES, UNCERTAINTY_BYTES, SENSOR_BYTES, HELD_PERCENT, HELD_CHUNKS, STATIC_BYTES = 12, 28, 4, 360, 2, 26
# Bytes alive at a time in a worker's thread, in percent of what its largest task takes in; and in the client, of each
# cell while the map of classes is tested.
BLOCK_PERCENT, CLIENT_CELL_BYTES = {"peng2023": 150, "rigorous": 360}, 40


class Array(NamedTuple):
    """A stored array: whole chunks are read and written, so its bytes are those of its chunks, decoded."""

    shape: tuple[int, ...]
    chunk: tuple[int, ...]
    itemsize: int

    @property
    def chunks(self) -> int:
        """Number of stored chunks."""
        return math.prod(-(-size // step) for size, step in zip(self.shape, self.chunk, strict=True))

    @property
    def bytes(self) -> int:
        """Decoded bytes of all chunks."""
        return self.chunks * math.prod(self.chunk) * self.itemsize


def touched(window: tuple[int, int], chunk: int) -> int:
    """How many chunks of ``chunk`` steps hold the steps ``window`` (first, behind the last)."""
    first, stop = window
    return -(-stop // chunk) - first // chunk if stop > first else 0


class Machine(NamedTuple):
    """What a run works on."""

    workers: int
    cores: int  # of each worker

    @property
    def threads(self) -> int:
        """All cores."""
        return self.workers * self.cores


class IngestWork(NamedTuple):
    """What a cube is made from and into.

    ``read`` are (chunks, bytes of a chunk) of each source, ``cube`` the arrays that are written; ``held`` the bytes
    that one thread holds, ``kept`` those that stay in all workers together, from one year to the next.
    """

    read: Sequence[tuple[int, int]]
    cube: Sequence[Array]
    tasks: int
    graphs: int
    held: int
    kept: int
    seal_tasks: int


class Pools(NamedTuple):
    """Number of tasks, rows that the pools of a row reach, that all tasks fit, and that the largest one takes in."""

    bands: int
    reached: int
    fitted: int
    taken: int


class ComputeWork(NamedTuple):
    """What the products are made from and into; ``lat`` are the rows of the grid.

    ``block`` are bytes of the largest task of a block of cells, ``fields`` of the whole maps that one worker may hold,
    ``loaded`` whether the client takes in a map of all ``cells``. ``series`` are those of a specification curve, of
    which ``at_once`` are worked on together; none without one.
    """

    read: Sequence[Array]
    written: Sequence[Array]
    tasks: int
    graphs: int
    block: int
    fields: int
    loaded: bool
    cells: int
    lat: int
    years: int
    pools: Pools
    preset: str
    seal_tasks: int
    series: int = 0
    at_once: int = 0


@dataclass(frozen=True)
class Stage:
    """The cost of one stage: bytes are decoded ones, memory is the most that one process holds at a time.

    ``source_bytes`` and ``source_requests`` are the part of ``bytes_read`` and ``get_requests`` that sources answer.
    """

    name: str
    chunks: int = 0
    tasks: int = 0
    graphs: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    get_requests: int = 0
    put_requests: int = 0
    worker_memory: int = 0
    client_memory: int = 0
    core_ms: int = 0
    seconds: int = 0
    source_bytes: int = 0
    source_requests: int = 0


@dataclass(frozen=True)
class Plan:
    """The stages of a run on a machine; ``note`` says what needs no work.

    ``cold_seconds`` are those of the stage start that a second run on this machine would not take.
    """

    what: str
    stages: tuple[Stage, ...]
    machine: Machine
    note: str = ""
    cold_seconds: int = 0

    def total(self, field: str) -> int:
        """Sum of a field over the stages, or its largest value where it is memory."""
        values = [int(getattr(stage, field)) for stage in self.stages]
        return max(values, default=0) if field.endswith("_memory") else sum(values)

    @property
    def minutes(self) -> int:
        """Expected minutes of the whole run, rounded up."""
        return -(-self.total("seconds") // 60)

    def record(self) -> dict[str, Any]:
        """The plan as plain integers and texts."""
        fields = [name for name in Stage.__dataclass_fields__ if name != "name"]
        return {
            "plan": self.what,
            "workers": self.machine.workers,
            "worker_cores": self.machine.cores,
            "stages": {stage.name: {key: asdict(stage)[key] for key in fields} for stage in self.stages},
            "total": {field: self.total(field) for field in fields},
            "minutes": self.minutes,
            "cold_seconds": self.cold_seconds,
            "note": self.note,
        }


def ingest_stage(work: IngestWork, machine: Machine) -> Stage:
    """Sources to cube."""
    asked, decoded = sum(count for count, _ in work.read), sum(count * size for count, size in work.read)
    chunks, written = sum(array.chunks for array in work.cube), sum(array.bytes for array in work.cube)
    ms = decoded * READ_MS_PER_MIB // MIB + written * (WRITE_MS_PER_MIB + LOAD_MS_PER_MIB) // MIB
    gets = asked + chunks + work.seal_tasks + INGEST_GETS + work.graphs * len(work.cube)
    stage = Stage(
        "ingest",
        chunks=chunks,
        tasks=work.tasks + work.seal_tasks,
        graphs=work.graphs,
        bytes_read=decoded + written,
        bytes_written=written,
        get_requests=gets,
        put_requests=chunks + INGEST_PUTS + work.graphs,
        worker_memory=PROCESS_BYTES + machine.cores * work.held + work.kept // machine.workers,
        client_memory=PROCESS_BYTES,
        core_ms=ms,
        source_bytes=decoded,
        source_requests=asked,
    )
    return _timed(stage, machine, INGEST_SECONDS)


def compute_stage(work: ComputeWork, machine: Machine) -> Stage:
    """Cube to sealed products."""
    chunks, made = sum(array.chunks for array in work.written), sum(array.bytes for array in work.written)
    loaded = sum(array.bytes for array in work.read) + made
    ms = loaded * LOAD_MS_PER_MIB // MIB + made * WRITE_MS_PER_MIB // MIB
    land = work.cells * LAND_PERCENT // 100
    ms += land * (work.years**2 * CELL_YEAR_PAIR_NS + work.series * CURVE_CELL_NS) // 1_000_000
    bands, reached, fitted, taken = work.pools
    curve = work.cells * work.at_once * (16 * work.years + CURVE_CELL_BYTES)
    pool_ms = land * (fitted * POOL_CELL_NS // work.lat + reached * POOL_ROW_NS) // 1_000_000
    pools = work.cells * taken // work.lat * (8 * work.years + POOL_CELL_BYTES)
    pools += land * reached // work.lat * POOL_TERM_BYTES
    blocks = machine.cores * work.block * BLOCK_PERCENT[work.preset] // 100
    stage = Stage(
        "compute",
        chunks=chunks,
        tasks=work.tasks + work.seal_tasks,
        graphs=work.graphs,
        bytes_read=loaded,
        bytes_written=made,
        get_requests=sum(array.chunks for array in work.read) + chunks + work.seal_tasks + COMPUTE_GETS,
        put_requests=chunks + COMPUTE_PUTS,
        worker_memory=PROCESS_BYTES + max(blocks, min(machine.cores, bands) * pools + work.fields, curve),
        client_memory=PROCESS_BYTES + (work.cells * CLIENT_CELL_BYTES if work.loaded else 0),
        core_ms=ms,
    )
    return _timed(stage, machine, COMPUTE_SECONDS[work.preset], pool_ms, bands)


def _timed(stage: Stage, machine: Machine, compiling: int, few_ms: int = 0, few: int = 1) -> Stage:
    """``stage`` with the cost of its tasks and of ``few_ms`` in a ``few`` tasks, and its seconds on all cores."""
    ms = stage.core_ms + stage.tasks * TASK_US // 1000
    seconds = compiling + -(-ms // (1000 * machine.threads)) + -(-few_ms // (1000 * min(machine.threads, few)))
    return replace(stage, core_ms=ms + few_ms, seconds=seconds)


def size(count: float) -> str:
    """``1.5 GiB`` for a count of bytes."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = sum(count >= 1024**at for at in range(1, len(units)))
    return f"{count / 1024**power:.{min(power, 1)}f} {units[power]}"
