"""A pooled field by bands, rows of blocks: each is found from the blocks that its pools reach, apart from the others.

A cell with too few others within the radius takes the nearest ones, wherever they are. So there are three rounds: what
is found within the radius; the terms of those that lonely cells need, band by band; then the rest of these cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from smcloud.stats.engine.within_radius import bands_of, reach
from smcloud.stats.time_axis import FloatArray

Block = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]
Grid = Sequence[Sequence[Any]]  # of blocks


class Pooling(NamedTuple):
    """The axis of time, latitudes, distance of two columns and radius (radians), and what a test needs."""

    t: FloatArray
    lat: FloatArray
    step: float
    radius: float
    alpha: float
    min_valid: int


def pools(values: Block, area: Block, pooling: Pooling) -> Block:
    """Find the columns (column, lat, lon) of :func:`~smcloud.stats.pooled_trend`, ``n`` and ``status`` of a field.

    ``values`` are (step, lat, lon), ``area`` (lat, lon).
    """
    found: list[Block] = _rounds(
        [[values]], [[area]], (0, len(pooling.lat)), [(0, 1)], pooling, lambda function: function
    )
    return found[0]


def lazy_pools(values: Any, area: Any, pooling: Pooling) -> Any:
    """As :func:`pools`, of dask arrays or one of them: lazy, chunks along lat are bands, along lon there is one."""
    import dask.array
    from dask import delayed

    from smcloud.stats.engine.pooled_field import WIDTH

    values = dask.array.asarray(values)
    area = dask.array.asarray(area).rechunk(values.chunks[1:])
    edges = [int(edge) for edge in np.cumsum([0, *values.chunks[1]])]
    bands = bands_of(edges, pooling.lat, pooling.step, pooling.radius)
    blocks = values.to_delayed(optimize_graph=False)[0].tolist()
    areas = area.to_delayed(optimize_graph=False).tolist()
    parts = [
        dask.array.from_delayed(part, (WIDTH, edges[stop] - edges[first], values.shape[2]), np.float64)
        for part, (first, stop) in zip(_rounds(blocks, areas, edges, bands, pooling, delayed), bands, strict=True)
    ]
    return dask.array.concatenate(parts, axis=1)


def _rounds(
    blocks: Grid, areas: Grid, edges: Sequence[int], bands: Sequence[tuple[int, int]], pooling: Pooling,
    call: Callable[..., Any],
) -> list[Any]:  # fmt: skip
    """Make the result of each band, by functions that ``call`` makes lazy or leaves as they are."""
    found = []
    for first, stop in bands:
        near = reach(pooling.lat, range(edges[first], edges[stop]), pooling.step, pooling.radius)
        low = int(np.searchsorted(edges, near.start, side="right")) - 1
        high = int(np.searchsorted(edges, near.stop, side="left"))
        rows = range(edges[first] - edges[low], edges[stop] - edges[low])
        own = pooling._replace(lat=pooling.lat[edges[low] : edges[high]])
        found.append(call(_within)(blocks[low:high], areas[low:high], rows, own))
    lonely = call(_lonely)([call(itemgetter(1))(each) for each in found], pooling)
    parts = [(edges[first], blocks[first:stop], areas[first:stop]) for first, stop in bands]
    terms = [call(_terms)(lonely, row, values, area, pooling) for row, values, area in parts]
    return [
        call(_complete)(result, lonely, terms, row, values, pooling)
        for result, (row, values, _) in zip(found, parts, strict=True)
    ]


def _within(blocks: Grid, areas: Grid, rows: range, pooling: Pooling) -> tuple[Block, BoolArray]:
    from smcloud.stats.engine.pool_sums import Field
    from smcloud.stats.engine.pooled_field import Blocks, PooledRows

    values = Blocks(blocks)
    grid = Field(pooling.lat, pooling.step, pooling.radius, values.shape[1])
    return PooledRows(values, np.block(list(areas)), grid, rows, _lines(pooling)).columns(pooling.alpha)


def _lonely(masks: Sequence[BoolArray], pooling: Pooling) -> list[Any]:
    from smcloud.stats.engine.pooled_field import lonely_cells

    return list(lonely_cells(masks, pooling.lat, pooling.step))


def _terms(lonely: Sequence[Any], first: int, blocks: Grid, areas: Grid, pooling: Pooling) -> list[Block]:
    from smcloud.stats.engine.pooled_field import Blocks, terms_for

    return list(terms_for(lonely, first, Blocks(blocks), np.block(list(areas)), _lines(pooling)))


def _complete(
    found: tuple[Block, BoolArray], lonely: Sequence[Any], terms: Sequence[Sequence[Block]], first: int,
    blocks: Grid, pooling: Pooling,
) -> Block:  # fmt: skip
    from smcloud.stats.engine.pooled_field import Blocks, complete

    return complete(found[0], lonely, terms, first, Blocks(blocks), _lines(pooling), pooling.alpha)


def _lines(pooling: Pooling) -> Any:
    from smcloud.stats.engine.pooled_field import Lines

    return Lines(pooling.t, pooling.min_valid)
