"""What a run costs, in integers: chunks, tasks, bytes, requests, memory and seconds; nothing is opened here.

How much memory a block needs, and how long its work takes, stands here as constants that were fitted on one machine to
runs of ``python -m tests.benchmarks.plan``, which tells how far they are off, as docs/plans.md does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from smcloud.config import Budget
from smcloud.errors import BudgetError

MIB = 2**20
# A process that has imported and compiled everything.
PROCESS_BYTES = 400 * MIB
# Of one core: decoding and harmonising a MiB of a source, encoding and decoding a MiB of a store, a task's own cost.
READ_MS_PER_MIB, WRITE_MS_PER_MIB, LOAD_MS_PER_MIB, TASK_US = 20, 12, 3, 1500
# Of one core: products of one land cell, per pair of years, and per replicate of its bootstrap.
CELL_YEAR_PAIR_NS, CELL_REPLICATE_US = 600, 39
LAND_PERCENT = 34  # of the cells of a global grid; minutes are of such a grid
# Until everything is compiled, whatever the number of cores.
INGEST_SECONDS, COMPUTE_SECONDS = 4, {"peng2023": 25, "rigorous": 32}
# Requests for metadata, coordinates and listings: hardly more on a larger grid.
INGEST_GETS, INGEST_PUTS, COMPUTE_GETS, COMPUTE_PUTS = 220, 40, 1000, 140
PUBLISH_SECONDS, REPORT_SECONDS = 2, 20
# A month of a source: value and valid hours, and what the uncertainty and the sensors of soil moisture add. A thread
# that reduces, regrids and writes months holds so much of them, in percent, and so many chunks of the source.
MONTH_BYTES, UNCERTAINTY_BYTES, SENSOR_BYTES, HELD_PERCENT, HELD_CHUNKS = 12, 28, 4, 360, 2
# Bytes alive at a time in a worker's thread, in percent of what its largest task takes in; and in the client, of the
# maps of one product.
BLOCK_PERCENT, FIELDS_PERCENT = {"peng2023": 150, "rigorous": 360}, 250


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


@dataclass(frozen=True)
class Stage:
    """The cost of one stage: bytes are decoded ones, memory is the most that one process holds at a time."""

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


@dataclass(frozen=True)
class Plan:
    """The stages of a run on ``workers`` of ``cores`` cores each; ``note`` says what needs no work."""

    what: str
    stages: tuple[Stage, ...]
    workers: int
    cores: int
    note: str = ""

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
            "workers": self.workers,
            "worker_cores": self.cores,
            "stages": {stage.name: {key: asdict(stage)[key] for key in fields} for stage in self.stages},
            "total": {field: self.total(field) for field in fields},
            "minutes": self.minutes,
            "note": self.note,
        }


def time_tiles(chunks: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Runs [first, stop) of at most ``most`` neighbouring time ``chunks`` (ascending), at least of one."""
    runs: list[tuple[int, int]] = []
    for chunk in chunks:
        if runs and runs[-1][1] == chunk and chunk - runs[-1][0] < most:
            runs[-1] = (runs[-1][0], chunk + 1)
        else:
            runs.append((chunk, chunk + 1))
    return runs


class Tile(NamedTuple):
    """A region of whole blocks of cells: rows and columns of blocks, [first, stop) each."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def name(self) -> str:
        """A name for its marker."""
        return "-".join(f"{number:04d}" for number in (*self.rows, *self.columns))


def block_tiles(rows: int, columns: int, tasks_of_block: int, limit: int) -> list[Tile]:
    """Rectangles of blocks, each with a graph of at most ``limit`` tasks or of one block, in the order of the grid."""
    most = max(1, limit // max(1, tasks_of_block))
    high, wide = max(1, min(rows, most // columns)), min(columns, most)
    return [
        Tile((row, min(row + high, rows)), (column, min(column + wide, columns)))
        for row in range(0, rows, high)
        for column in range(0, columns, wide)
    ]


def ingest_stage(
    sources: Iterable[tuple[int, int]], cube: Sequence[Array], tasks: int, graphs: int, held: int, kept: int,
    threads: int, workers: int, seal_tasks: int,
) -> Stage:  # fmt: skip
    """Sources to cube: ``sources`` are (chunks read, bytes of a chunk), ``held`` the bytes that one thread holds.

    ``kept`` bytes stay in all workers together, from one year to the next.
    """
    read = [(count, count * size) for count, size in sources]
    chunks, written = sum(array.chunks for array in cube), sum(array.bytes for array in cube)
    decoded = sum(size for _, size in read)
    ms = decoded * READ_MS_PER_MIB // MIB + written * (WRITE_MS_PER_MIB + LOAD_MS_PER_MIB) // MIB
    return _stage(
        "ingest", chunks, tasks + seal_tasks, graphs, decoded + written, written,
        sum(count for count, _ in read) + chunks + seal_tasks + INGEST_GETS + graphs * len(cube),
        chunks + INGEST_PUTS + graphs,
        PROCESS_BYTES + threads * held + kept // workers, PROCESS_BYTES, ms, threads * workers, INGEST_SECONDS,
    )  # fmt: skip


def compute_stage(
    read: Sequence[Array], written: Sequence[Array], tasks: int, graphs: int, block: int, fields: int, cells: int,
    years: int, replicates: int, preset: str, threads: int, workers: int, seal_tasks: int,
) -> Stage:  # fmt: skip
    """Cube to sealed products: ``block`` bytes of the largest task, ``fields`` bytes that the client holds at once."""
    chunks, made = sum(array.chunks for array in written), sum(array.bytes for array in written)
    loaded = sum(array.bytes for array in read) + made
    ms = loaded * LOAD_MS_PER_MIB // MIB + made * WRITE_MS_PER_MIB // MIB
    cell_ns = years * years * CELL_YEAR_PAIR_NS + replicates * CELL_REPLICATE_US * 1000
    ms += cells * LAND_PERCENT // 100 * cell_ns // 1_000_000
    gets = sum(array.chunks for array in read) + chunks + seal_tasks + COMPUTE_GETS
    return _stage(
        "compute", chunks, tasks + seal_tasks, graphs, loaded, made, gets, chunks + COMPUTE_PUTS,
        PROCESS_BYTES + threads * block * BLOCK_PERCENT[preset] // 100,
        PROCESS_BYTES + fields * FIELDS_PERCENT // 100, ms, threads * workers, COMPUTE_SECONDS[preset],
    )  # fmt: skip


def _stage(
    name: str, chunks: int, tasks: int, graphs: int, read: int, written: int, gets: int, puts: int, worker: int,
    client: int, ms: int, cores: int, compiling: int,
) -> Stage:  # fmt: skip
    ms += tasks * TASK_US // 1000
    seconds = compiling + -(-ms // (1000 * cores))
    return Stage(name, chunks, tasks, graphs, read, written, gets, puts, worker, client, ms, seconds)


FIXED = (Stage("publish", seconds=PUBLISH_SECONDS), Stage("report", seconds=REPORT_SECONDS))


def require_budget(plan: Plan, budget: Budget, worker_memory: int | None, client_memory: int | None = None) -> None:
    """Raise :class:`BudgetError` where ``plan`` exceeds ``budget``, or memory of a worker or here (None: not known)."""
    for stage in plan.stages:
        if client_memory is not None and stage.client_memory > client_memory:
            raise BudgetError(
                f"the stage {stage.name} needs more memory than this process may take",
                where="the process that runs smcloud",
                found=size(stage.client_memory),
                expected=f"at most {size(client_memory)}",
                next="run it where there is more (the memory of a flow is a job variable of its work pool)",
            )
        if worker_memory is not None and stage.worker_memory > worker_memory:
            raise BudgetError(
                f"the stage {stage.name} needs more memory than a worker has",
                where="cluster.worker_memory",
                found=f"{size(stage.worker_memory)} for {plan.cores} cores at a time",
                expected=f"at most {size(worker_memory)}",
                next="raise cluster.worker_memory, or cluster.workers with fewer cluster.worker_cores each",
            )
    amounts = (
        ("tasks", plan.total("tasks"), budget.tasks, str, "coarsen grid.resolution or shorten period"),
        ("bytes", plan.total("bytes_read") + plan.total("bytes_written"), budget.bytes, size,
         "coarsen grid.resolution, shorten period or leave out drivers"),
        ("minutes", plan.minutes, budget.minutes, str, "raise cluster.workers"),
    )  # fmt: skip
    for name, needed, limit, written, knob in amounts:
        if limit is not None and needed > limit:
            raise BudgetError(
                "the plan exceeds the budget",
                where=f"budget.{name}",
                found=written(needed),
                expected=f"at most {written(limit)}",
                next=f"{knob}, or raise budget.{name}; smcloud plan CONFIG shows the stages",
            )


def size(count: float) -> str:
    """``1.5 GiB`` for a count of bytes."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
