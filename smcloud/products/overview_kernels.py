"""The numbers of overviews: sums over squares of cells, level by level, each of the sums of the one before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[Any]
Levels = tuple[npt.NDArray[Any], ...]
EQUAL = 1e-9  # areas that differ by less, relatively, are equal: what their rounding may make


def means(values: Block, area: Block, *, factors: Sequence[int]) -> Levels:
    """Return for each level the mean by area and the share of the area with a value, (..., rows, columns) float32."""
    valid = ~np.isnan(values)
    covered = np.where(valid, area, 0.0)
    out: list[Block] = []
    for total, of, whole in _levels([np.where(valid, values, 0.0) * covered, covered, area], factors):
        out += [_ratio(total, of), _ratio(of, whole)]
    return tuple(out)


def passing(p: Block, area: Block, *, factors: Sequence[int], alpha: float, inclusive: bool) -> Levels:
    """Return for each level the share of the tested area whose p passes, and that of the area which is tested."""
    passed = p <= alpha if inclusive else p < alpha
    out: list[Block] = []
    for total, of, whole in _levels([np.where(passed, area, 0.0), np.where(np.isnan(p), 0.0, area), area], factors):
        out += [_ratio(total, of), _ratio(of, whole)]
    return tuple(out)


def majorities(
    codes: Block, area: Block, *, factors: Sequence[int], known: Sequence[int], missing: int, counted: int | None = None
) -> Levels:
    """Return for each level the code with the largest area, its share of the area of ``known`` codes, theirs of all.

    ``known`` ascend; of equal areas the lowest code is taken. Last, where asked for, the share of the code ``counted``.
    """
    out: list[Block] = []
    for classes, whole in _class_areas(codes, area, factors, known):
        of = classes.sum(axis=-1)
        first = _largest(classes)
        code = np.where(of > 0, np.asarray(known, np.uint8)[first], np.uint8(missing)).astype(np.uint8)
        share = _ratio(np.take_along_axis(classes, first[..., None], axis=-1)[..., 0], of)
        out += [code, share, _ratio(of, whole)]
        if counted is not None:
            out.append(_ratio(classes[..., known.index(counted)], of))
    return tuple(out)


def means_of_majority(
    values: Block, codes: Block, area: Block, *, factors: Sequence[int], known: Sequence[int], missing: int
) -> Levels:
    """Return for each level the mean by area of the cells whose code is that of :func:`majorities`."""
    out: list[Block] = []
    levels = majorities(codes, area, factors=factors, known=known, missing=missing)[::3]
    for factor, level in zip(factors, levels, strict=True):
        own = level.repeat(factor, axis=0)[: codes.shape[0]].repeat(factor, axis=1)[:, : codes.shape[1]]
        counts = (codes == own) & ~np.isnan(values)
        total = _summed(np.where(counts, values * area, 0.0), factor)
        out.append(_ratio(total, _summed(np.where(counts, area, 0.0), factor)))
    return tuple(out)


def _class_areas(
    codes: Block, area: Block, factors: Sequence[int], known: Sequence[int]
) -> Iterator[tuple[Block, Block]]:
    """For each level the area of each of the ``known`` codes (rows, columns, codes), and that of all cells."""
    slot = np.full(256, len(known))
    slot[list(known)] = np.arange(len(known))
    rows, columns = (np.arange(size) // factors[0] for size in codes.shape)
    shape = (rows[-1] + 1, columns[-1] + 1, len(known) + 1)
    place = (rows[:, None] * shape[1] + columns) * shape[2] + slot[codes]
    sums = np.bincount(place.ravel(), area.ravel(), int(np.prod(shape))).reshape(shape)
    for before, factor in zip((factors[0], *factors), factors, strict=False):
        sums = np.moveaxis(_summed(np.moveaxis(sums, -1, 0), factor // before), 0, -1)
        yield sums[..., :-1], sums.sum(axis=-1)


def _largest(classes: Block) -> Block:
    most = classes.max(axis=-1, keepdims=True)
    return np.asarray((classes >= most * (1 - EQUAL)).argmax(axis=-1))


def _levels(sums: Sequence[Block], factors: Sequence[int]) -> Iterator[list[Block]]:
    current, before = list(sums), 1
    for factor in factors:
        current, before = [_summed(each, factor // before) for each in current], factor
        yield current


def _summed(values: Block, factor: int) -> Block:
    """Sum squares of ``factor`` cells, a power of two, over the last two axes, at the ends what is left of one."""
    while factor > 1:
        values = _pairs(_pairs(values.swapaxes(-1, -2)).swapaxes(-1, -2))
        factor //= 2
    return values


def _pairs(values: Block) -> Block:
    """Sum neighbours along the last axis in pairs; a last one alone stays."""
    sums: Block = values[..., ::2].copy()
    sums[..., : values.shape[-1] // 2] += values[..., 1::2]
    return sums


def _ratio(part: Block, whole: Block) -> Block:
    part, whole = np.broadcast_arrays(part, whole)
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out.astype(np.float32)
