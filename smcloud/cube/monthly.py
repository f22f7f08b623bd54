"""Monthly means and totals of a source, as one lazy weighted sum over time that no chunking can change.

A few neighbouring chunks of the source at a time are reduced to the months they touch, and these partial sums are
added in a tree. Amounts are added in fixed point, so every addition is exact and its order is of no account.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.calendar import HOUR, MONTH, Steps, Times

Array = npt.NDArray[np.float64]
FAN_IN = 4  # partial sums added by one task: each is as large as six hours of the source
# Chunks that one task reduces: several small ones, as the sums are larger than each of them.
GROUP, GROUP_BYTES = 16, 2**26


@dataclass(frozen=True)
class _Piece:
    """The steps of one chunk that lie in one month: their factors on the value and their hours in it."""

    month: int
    steps: slice
    factor: Array
    hours: Array


@dataclass(frozen=True)
class _Part:
    """A key of the graph that holds the sums of months ``first`` to before ``stop``."""

    first: int
    stop: int
    key: tuple[Any, ...]


def monthly(da: xr.DataArray, steps: Steps, months: Times, total: bool = False) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean (or ``total``) of ``da`` (time, ...) over each of ``months``, and the valid days behind it, lazily.

    Returns two float64 arrays (time: len(months), ...), one chunk for each calendar year. NaN steps do not
    count; a month without a valid step has value NaN and 0 days. A total spreads each step's amount over
    the months it overlaps, and adds up what is valid: the caller decides by the days whether that is enough.
    """
    window = steps.within(months)
    inside, values = steps.select(window), da.isel(time=window).transpose("time", ...)
    source = (values if values.chunks else values.chunk()).data
    both = _reduced(source, inside, months, total)
    coords = {name: c for name, c in values.coords.items() if name in values.dims and name != "time"}
    coords["time"] = xr.DataArray(months.astype("datetime64[ns]"), dims="time")
    value, days = (xr.DataArray(both[i], dims=values.dims, coords=coords) for i in (0, 1))
    return value, days


def _reduced(source: Any, steps: Steps, months: Times, total: bool) -> Any:
    """A dask array (2, months, ...): values and valid days."""
    import dask.array
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    name = f"monthly-{tokenize(source.name, steps.start, steps.end, months, total)}"
    ends = np.cumsum(source.chunks[0])
    pieces = [_pieces(steps, slice(end - n, end), months, total) for end, n in zip(ends, source.chunks[0], strict=True)]
    counts = np.unique(months.astype("datetime64[Y]"), return_counts=True)[1]
    layer: dict[tuple[Any, ...], Any] = {}
    for block in np.ndindex(source.numblocks[1:]):
        shape = tuple(sizes[i] for sizes, i in zip(source.chunks[1:], block, strict=True))
        parts = []
        for group in _groups(pieces, source.chunks[0], math.prod(shape) * source.dtype.itemsize):
            held = [pieces[k] for k in group]
            first, stop = held[0][0].month, held[-1][-1].month + 1
            parts.append(_Part(first, stop, (f"{name}-part", group[0], *block)))
            sums = partial(_sums, pieces=held, first=first, stop=stop)
            layer[parts[-1].key] = (sums, [(source.name, k, *block) for k in group])
        for year, last in enumerate(np.cumsum(counts)):
            whole = _Part(int(last - counts[year]), int(last), (name, 0, year, *block))
            touched = [part for part in parts if part.first < whole.stop and part.stop > whole.first]
            touched = _tree(layer, touched, f"{name}-{year}", block)
            finish = partial(_finish, firsts=[part.first for part in touched], whole=whole, shape=shape, total=total)
            layer[whole.key] = (finish, [part.key for part in touched])
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[source])
    chunks = ((2,), tuple(int(n) for n in counts), *source.chunks[1:])
    return dask.array.Array(graph, name, chunks, dtype=np.float64)


def _groups(pieces: Sequence[Sequence[_Piece]], steps: Sequence[int], step_bytes: int) -> list[list[int]]:
    """Runs of chunks that touch a month, each run of at most GROUP chunks and GROUP_BYTES, or one chunk."""
    groups: list[list[int]] = []
    room = 0
    for k, (held, count) in enumerate(zip(pieces, steps, strict=True)):
        if not held:
            continue
        size = count * step_bytes
        if not groups or size > room or len(groups[-1]) == GROUP:
            groups.append([])
            room = GROUP_BYTES
        groups[-1].append(k)
        room -= size
    return groups


def _tree(layer: dict[tuple[Any, ...], Any], parts: list[_Part], name: str, block: tuple[int, ...]) -> list[_Part]:
    """Add tasks to ``layer`` until at most FAN_IN parts are left."""
    depth = 0
    while len(parts) > FAN_IN:
        groups = [parts[i : i + FAN_IN] for i in range(0, len(parts), FAN_IN)]
        parts = []
        for i, group in enumerate(groups):
            joined = _Part(group[0].first, group[-1].stop, (f"{name}-add{depth}", i, *block))
            add = partial(_add, firsts=[part.first for part in group], first=joined.first, stop=joined.stop)
            layer[joined.key] = (add, [part.key for part in group])
            parts.append(joined)
        depth += 1
    return parts


def _pieces(steps: Steps, chunk: slice, months: Times, total: bool) -> list[_Piece]:
    """For each month that the steps of ``chunk`` touch: which they are, and with what weight."""
    held = steps.select(chunk)
    if not held.start.size:
        return []
    length = ((held.end - held.start) // HOUR).astype(np.float64)
    pieces = []
    for month in np.flatnonzero((months.astype("datetime64[s]") < held.end[-1]) & (months + MONTH > held.start[0])):
        begin, end = months[month].astype("datetime64[s]"), (months[month] + MONTH).astype("datetime64[s]")
        touching = held.within(months[month : month + 1])
        part = held.select(touching)
        if part.start.size:
            hours = ((np.minimum(part.end, end) - np.maximum(part.start, begin)) // HOUR).astype(np.float64)
            pieces.append(_Piece(int(month), touching, hours / length[touching] if total else hours, hours))
    return pieces


def _sums(chunks: Sequence[npt.NDArray[Any]], pieces: Sequence[Sequence[_Piece]], first: int, stop: int) -> Array:
    """(3, months ``first`` to before ``stop``, ...): coarse and fine part of the amount, and the valid hours."""
    from smcloud.cube._month_kernels import add_steps  # imports numba

    shape = chunks[0].shape[1:]
    out = np.zeros((stop - first, 3, math.prod(shape)))
    for chunk, held in zip(chunks, pieces, strict=True):
        steps = chunk.reshape(len(chunk), -1)
        for piece in held:
            add_steps(steps[piece.steps], piece.factor, piece.hours, out[piece.month - first])
    return out.swapaxes(0, 1).reshape(3, stop - first, *shape)


def _add(parts: Sequence[Array], firsts: Sequence[int], first: int, stop: int) -> Array:
    """The sums of months ``first`` to before ``stop`` in ``parts``, whose own months begin at ``firsts``."""
    out = np.zeros((3, stop - first, *parts[0].shape[2:]))
    for part, begin in zip(parts, firsts, strict=True):
        low, high = max(first, begin), min(stop, begin + part.shape[1])
        out[:, low - first : high - first] += part[:, low - begin : high - begin]
    return out


def _finish(
    parts: Sequence[Array], firsts: Sequence[int], whole: _Part, shape: tuple[int, ...], total: bool
) -> npt.NDArray[np.float64]:
    empty = np.zeros((3, whole.stop - whole.first, *shape))
    coarse, fine, hours = _add([empty, *parts], [whole.first, *firsts], whole.first, whole.stop)
    some = np.where(hours > 0, 1.0 if total else hours, np.nan)
    return np.stack([(coarse + fine) / some, hours / 24.0])
