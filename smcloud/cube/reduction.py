"""Reduction of a source's record to months in one pass, whatever its chunks.

One task takes a run of months of one block of cells: it reads the chunks that hold their steps one after the other,
in the order of time, so it holds one chunk at a time, and no chunking can change a bit. A chunk that two runs share is
read by both: runs are long enough for that to be rare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.calendar import HOUR, MONTH, Steps, Times

Block = npt.NDArray[Any]
Maps = tuple[type[np.generic], ...]
# A run ends with a year where it shares no chunk with the next one; else where it has more chunks than this.
CHUNKS_A_RUN = 16
PARTS_OF_A_YEAR = (1, 2, 3, 4, 6)


@dataclass(frozen=True)
class ChunkMonth:
    """The steps of one chunk that lie in one month."""

    month: int  # position in the run
    steps: slice  # those that overlap the month
    hours: npt.NDArray[np.float64]  # of each of them in the month
    share: npt.NDArray[np.float64]  # of each of them that lies in the month
    own: slice  # those whose middle lies in the month
    middles: npt.NDArray[np.float64]  # of these, in days since 1970
    fresh: slice  # those that overlap no earlier month of the period


class Reduction(Protocol):
    """A reduction of the steps of a month: ``add`` gets them in the order of time, one chunk after the other."""

    maps: ClassVar[Maps]  # dtypes of its maps (month, cell ...)
    numbers: ClassVar[int]  # how many numbers of each month and block it keeps beside them

    @property
    def array(self) -> int:
        """Position of the array that it reduces."""

    def start(self, months: int, shape: tuple[int, ...]) -> Any:
        """Return the state before the first step of ``months`` over a block of ``shape``."""

    def add(self, state: Any, steps: Block, chunk_month: ChunkMonth) -> None:
        """Add the steps (step, cell ...) of one chunk; ``chunk_month`` says which of them count, and for what."""

    def finish(self, state: Any) -> tuple[Block, ...]:
        """Return the maps (month, cell ...), then the numbers (month, 1, number) if there are any."""


def reduce_months(
    arrays: Sequence[xr.DataArray], steps: Steps, months: Times, reductions: Sequence[Reduction]
) -> list[list[xr.DataArray]]:
    """Apply ``reductions`` to ``arrays`` (time, ...), all with ``steps``, for each of ``months``; lazy.

    Returns of each reduction its maps (time, ...), then its numbers (time, block, number) if it has any; at most
    12 months to a chunk.
    """
    import dask.array

    from smcloud.cluster.internals import layered, merge, name_of

    window = steps.within(months)
    inside = steps.select(window)
    values = [da.isel(time=window).transpose("time", ...).drop_vars("time", errors="ignore") for da in arrays]
    sources = [da.data for da in xr.unify_chunks(*(da if da.chunks else da.chunk() for da in values))]
    first = sources[0]
    graph = merge(source.dask for source in sources)
    name = name_of("months", [source.name for source in sources], inside.start, inside.end, months, reductions)
    runs = _runs(inside, months, first.chunks[0])
    outputs = [(i, dtype) for i, reduction in enumerate(reductions) for dtype in _dtypes(reduction)]
    layers: dict[str, dict[Any, Any]] = {name: {}} | {f"{name}-{position}": {} for position in range(len(outputs))}
    parts = [(number, slice(m, m + 12)) for number, run in enumerate(runs) for m in range(0, len(run.months), 12)]
    for number, run in enumerate(runs):
        for flat, block in enumerate(np.ndindex(first.numblocks[1:])):
            shape = tuple(sizes[i] for sizes, i in zip(first.chunks[1:], block, strict=True))
            keys = [[(source.name, k, *block) for source in sources] for k in run.chunks]
            part = graph.cull([key for row in keys for key in row])
            layers[name][name, number, flat] = (partial(_reduced, part, keys, run, shape, tuple(reductions)),)
            for position, (_, dtype) in enumerate(outputs):
                own = f"{name}-{position}"
                for k, (_, stretch) in ((k, part) for k, part in enumerate(parts) if part[0] == number):
                    at = (own, k, *block) if dtype is not None else (own, k, flat, 0)
                    layers[own][at] = (partial(_part, position, stretch), (name, number, flat))
    lengths = tuple(len(runs[number].months[stretch]) for number, stretch in parts)
    blocks = int(np.prod(first.numblocks[1:]))
    results: list[list[xr.DataArray]] = [[] for _ in reductions]
    coords = {axis: c for axis, c in values[0].coords.items() if axis in values[0].dims}
    time = {"time": months.astype("datetime64[ns]")}
    months_graph = layered(layers, name)
    for position, (i, dtype) in enumerate(outputs):
        if dtype is not None:
            data = dask.array.Array(months_graph, f"{name}-{position}", (lengths, *first.chunks[1:]), dtype=dtype)
            results[i].append(xr.DataArray(data, dims=values[0].dims, coords=coords | time))
        else:
            chunks = (lengths, (1,) * blocks, (reductions[i].numbers,))
            data = dask.array.Array(months_graph, f"{name}-{position}", chunks, dtype=np.float64)
            results[i].append(xr.DataArray(data, dims=("time", "block", "number"), coords=time))
    return results


def _dtypes(reduction: Reduction) -> list[type[np.generic] | None]:
    return [*reduction.maps, *([None] if reduction.numbers else [])]


@dataclass(frozen=True)
class _Run:
    """Consecutive months, the chunks that hold their steps, and of these all steps."""

    months: Times
    after: np.datetime64  # steps that end before belong to an earlier month of the period as well
    chunks: range
    sizes: tuple[int, ...]
    steps: Steps

    def pieces(self) -> Iterator[list[ChunkMonth]]:
        """Iterate over the chunks: for each, the months that it touches."""
        edges = np.append(self.months, self.months[-1] + MONTH).astype("datetime64[s]")
        stop = 0
        for size in self.sizes:
            start, stop = stop, stop + size
            steps = self.steps.select(slice(start, stop))
            touched = np.flatnonzero((edges[:-1] < steps.end[-1]) & (edges[1:] > steps.start[0]))
            chunk_months = (_piece(steps, int(month), edges[month], edges[month + 1], self.after) for month in touched)
            yield [chunk_month for chunk_month in chunk_months if chunk_month.hours.size]


def _piece(chunk: Steps, month: int, begin: np.datetime64, end: np.datetime64, after: np.datetime64) -> ChunkMonth:
    length = ((chunk.end - chunk.start) // HOUR).astype(np.float64)
    middle = chunk.start + (chunk.end - chunk.start) // 2
    steps = slice(int(np.searchsorted(chunk.end, begin, "right")), int(np.searchsorted(chunk.start, end, "left")))
    own = slice(*(int(i) for i in np.searchsorted(middle, [begin, end])))
    earlier = int(np.searchsorted(chunk.start, begin)) if begin > after else 0
    part = chunk.select(steps)
    hours = ((np.minimum(part.end, end) - np.maximum(part.start, begin)) // HOUR).astype(np.float64)
    days = middle[own].astype("datetime64[s]").astype(np.float64) / 86400.0
    return ChunkMonth(
        month, steps, hours, hours / length[steps], own, days, slice(max(earlier, steps.start), steps.stop)
    )


def _runs(steps: Steps, months: Times, sizes: Sequence[int]) -> list[_Run]:
    stops = np.cumsum(sizes)
    windows = [steps.within(months[m : m + 1]) for m in range(len(months))]
    first, last = (np.searchsorted(stops, [at(w) for w in windows], "right") for at in (_first, _last))
    runs, start = [], 0
    for stop in range(1, len(months) + 1):
        length = stop - start
        even = length % 12 == 0 or (length in PARTS_OF_A_YEAR and start % length == 0)
        shared = stop < len(months) and first[stop] <= last[stop - 1]
        many = last[stop - 1] - first[start] >= CHUNKS_A_RUN
        if stop == len(months) or (even and (many or (length % 12 == 0 and not shared))):
            positions = steps.within(months[start:stop])
            chunks = range(first[start], last[stop - 1] + 1) if positions.stop > positions.start else range(0)
            window = slice(int(stops[chunks[0]] - sizes[chunks[0]]), int(stops[chunks[-1]])) if chunks else slice(0)
            runs.append(
                _Run(months[start:stop], months[0], chunks, tuple(int(sizes[k]) for k in chunks), steps.select(window))
            )
            start = stop
    return runs


def _first(window: slice) -> int:
    return int(window.start)


def _last(window: slice) -> int:
    return int(window.stop) - 1


def _part(position: int, months: slice, results: Sequence[Block]) -> Block:
    return results[position][months]


def _reduced(
    graph: Mapping[Any, Any], keys: Sequence[Sequence[Any]], run: _Run, shape: tuple[int, ...],
    reductions: Sequence[Reduction],
) -> tuple[Block, ...]:  # fmt: skip
    """Read the run's chunks, each by itself, and reduce them; ``keys`` holds those of each chunk, one for an array."""
    from smcloud.cluster.internals import optimised_for, run_here

    tasks = optimised_for(graph, [key for row in keys for key in row])
    states = [reduction.start(len(run.months), shape) for reduction in reductions]
    for row, chunk_months in zip(keys, run.pieces(), strict=True):
        blocks = run_here(tasks, row)
        for reduction, state in zip(reductions, states, strict=True):
            for chunk_month in chunk_months:
                reduction.add(state, blocks[reduction.array], chunk_month)
        del blocks
    return tuple(
        part for reduction, state in zip(reductions, states, strict=True) for part in reduction.finish(state)
    )  # fmt: skip
