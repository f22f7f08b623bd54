"""How a month of soil moisture was measured: by which sensors, and how well its mean is known.

Both look at the days of one month together, cell by cell and in the order of time, so no chunking can change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from smcloud.cube.calendar import MONTH, Steps, Times

Block = npt.NDArray[Any]

# Bits of ESA CCI's sensor mask, from 2^0 on.
SENSORS = (
    "SMMR", "SSMI", "TMI", "AMSRE", "WindSat", "AMSR2", "SMOS", "AMIWS", "ASCATA", "ASCATB", "SMAP", "MODEL", "GPM",
    "FY3B", "FY3D", "ASCATC", "FY3C",
)  # fmt: skip
# A sensor belongs to a month's set where it is in at least one of so many of the month's valid days.
ONE_DAY_IN = 5


def sensor_mask(raw: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """Sensor bits of each step (int32), 0 where ``values`` has none or the sensors are not known; lazy.

    A decoded mask is a float with NaN for its fill: it is filled and cast before any bit is tested. Codes below 0 are
    fills too.
    """
    out: xr.DataArray = xr.apply_ufunc(_known_bits, raw, values, dask="parallelized", output_dtypes=[np.int32])
    return out


def _known_bits(raw: Block, values: Block) -> Block:
    return np.where((raw > 0) & ~np.isnan(values), raw, 0).astype(np.int32)


def sensor_sets(mask: xr.DataArray, steps: Steps, months: Times) -> xr.DataArray:
    """The set of sensors (int32 bits) behind each of ``months``, from :func:`sensor_mask` (time, ...); lazy.

    A sensor belongs to it where it is in at least a fifth of the month's valid days whose sensors are known; 0 where
    there is no such day. A step belongs to the month that holds its middle.
    """
    out = _each_month(mask, steps, months, _set_of_month, np.zeros(1, np.int32))
    return out.isel(kind=0)


def error_bounds(
    sigma: xr.DataArray, steps: Steps, months: Times, tau_days: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """1-sigma errors of the mean of the valid days of each of ``months``, from those of the days (time, ...); lazy.

    With n valid days: sqrt(sum_ij r_ij sigma_i sigma_j)/n, float64. First with errors that have nothing to do with each
    other (r_ij = 0 for i != j), then with r_ij = exp(-|t_i - t_j|/``tau_days``), t the true middle of each day: a gap
    keeps its length. With r_ij = 1 it is the mean of sigma. NaN days do not count; NaN where there is none. The double
    sum is taken day by day: what is left of the errors before a day decays with the time to it.
    """
    function = partial(_errors_of_month, tau_days=tau_days)
    out = _each_month(sigma, steps, months, function, np.full(2, np.nan))
    return out.isel(kind=0), out.isel(kind=1)


def _set_of_month(blocks: Sequence[Block], days: Sequence[float]) -> Block:
    shape = blocks[0].shape[1:]
    known, out, present = np.zeros(shape, np.int64), np.zeros(shape, np.int32), 0
    for block in blocks:
        known += np.count_nonzero(block, axis=0)
        present |= int(np.bitwise_or.reduce(block, axis=None))
    for bit in (1 << k for k in range(present.bit_length()) if present >> k & 1):
        count = sum(np.count_nonzero(block & np.int32(bit), axis=0) for block in blocks)
        out |= np.where((count > 0) & (ONE_DAY_IN * count >= known), bit, 0).astype(np.int32)
    return out[np.newaxis]


def _errors_of_month(blocks: Sequence[Block], days: Sequence[float], tau_days: float) -> Block:
    shape = blocks[0].shape[1:]
    n, squares, pairs, before = (np.zeros(shape) for _ in range(4))
    last = days[0]
    for day, raw in zip(days, (step for block in blocks for step in block), strict=True):
        valid = np.isfinite(raw)
        sigma = np.where(valid, raw, 0.0).astype(np.float64)
        before *= math.exp((last - day) / tau_days)
        squares += sigma * sigma
        pairs += sigma * before
        before += sigma
        n += valid
        last = day
    some = np.where(n > 0, n, np.nan)
    return np.stack([np.sqrt(squares) / some, np.sqrt(squares + 2.0 * pairs) / some])


def _each_month(
    da: xr.DataArray, steps: Steps, months: Times, function: Callable[..., Block], empty: Block
) -> xr.DataArray:
    """``function(blocks, days)`` of the steps of each month, (kind, time, ...), one chunk for each calendar year.

    It gets the month's steps in order as (step, ...) blocks and their middles in days, and returns (kind, ...); a month
    without steps is ``empty`` (kind).
    """
    import dask.array
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    window = steps.within(months)
    inside, values = steps.select(window), da.isel(time=window).transpose("time", ...)
    source = (values if values.chunks else values.chunk()).data
    middle = inside.start + (inside.end - inside.start) // 2
    days = (middle - months[0].astype("datetime64[s]")) / np.timedelta64(86400, "s")
    edges = np.searchsorted(middle, np.append(months, months[-1] + MONTH).astype("datetime64[s]"))
    stops = np.cumsum(source.chunks[0])
    starts = stops - source.chunks[0]
    years = np.cumsum(np.unique(months.astype("datetime64[Y]"), return_counts=True)[1])
    name = f"each-month-{tokenize(source.name, function, inside.start, inside.end, months)}"
    layer: dict[tuple[Any, ...], Any] = {}
    for block in np.ndindex(source.numblocks[1:]):
        shape = tuple(sizes[i] for sizes, i in zip(source.chunks[1:], block, strict=True))
        for month, (low, high) in enumerate(pairwise(edges)):
            touched = np.flatnonzero((starts < high) & (stops > low) & (high > low))
            cuts = [slice(max(low - starts[k], 0), high - starts[k]) for k in touched]
            task = partial(_month, function=function, cuts=cuts, days=days[low:high].tolist(), empty=empty, shape=shape)
            layer[(f"{name}-month", month, *block)] = (task, [(source.name, int(k), *block) for k in touched])
        for year, (low, high) in enumerate(pairwise([0, *years])):
            keys = [(f"{name}-month", month, *block) for month in range(low, high)]
            layer[(name, 0, year, *block)] = (partial(np.stack, axis=1), keys)
    graph = HighLevelGraph.from_collections(name, layer, dependencies=[source])
    chunks = ((len(empty),), tuple(int(n) for n in np.diff(years, prepend=0)), *source.chunks[1:])
    result = dask.array.Array(graph, name, chunks, dtype=empty.dtype)
    coords = {axis: c for axis, c in values.coords.items() if axis in values.dims and axis != "time"}
    coords["time"] = xr.DataArray(months.astype("datetime64[ns]"), dims="time")
    return xr.DataArray(result, dims=("kind", *values.dims), coords=coords)


def _month(
    blocks: Sequence[Block], function: Callable[..., Block], cuts: Sequence[slice], days: Sequence[float],
    empty: Block, shape: tuple[int, ...],
) -> Block:  # fmt: skip
    if not blocks:
        return np.broadcast_to(empty.reshape(-1, *(1,) * len(shape)), (len(empty), *shape))
    return function([block[cut] for block, cut in zip(blocks, cuts, strict=True)], days)
