"""Pairs of cells of the lattice by their distance, and what a map of directions holds for each of many fields."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import LINE, ROWS, BoolArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import fill

PLACES, POSITIONS, SUMS = read_only(nb.int64, 1), read_only(nb.int64, 2), nb.float64[::1]
ZONES = 3


@kernel(ROWS, POSITIONS, PLACES, PLACES, POSITIONS, LINE, LINE, nb.int64, nb.int64, SUMS, SUMS, SUMS)
def add_pairs(
    apart: FloatArray, place: IntArray, row: IntArray, column: IntArray, turn: IntArray, drier: FloatArray,
    wetter: FloatArray, begin: int, end: int, pairs: FloatArray, distance: FloatArray, unlike: FloatArray,
) -> None:  # fmt: skip
    """Add the pairs of the cells ``begin`` to ``end``, all of one row, with every later cell to the bins they lie in.

    ``apart`` (row, turn) is the distance from their row to each row, and ``place`` its bin; ``turn`` (column, column)
    says which turn lies between two columns. ``pairs`` gets area times area, ``distance`` that times the distance, and
    ``unlike`` the same of different signs. The pairs of each cell are added up before they are added to the others.
    """
    own = np.empty((3, pairs.size))
    for k in range(begin, end):
        for bins in own:
            fill(bins, 0.0)
        dry, wet, turns = drier[k], wetter[k], turn[column[k]]
        area = dry + wet
        for other in range(k + 1, row.size):
            i, j = row[other], turns[column[other]]
            at, weight = place[i, j], area * (drier[other] + wetter[other])
            own[0, at] += weight
            own[1, at] += weight * apart[i, j]
            own[2, at] += dry * wetter[other] + wet * drier[other]
        for at in range(pairs.size):
            pairs[at] += own[0, at]
            distance[at] += own[1, at]
            unlike[at] += own[2, at]


@kernel(ROWS, LINE, LINE, LINE, nb.float64, nb.float64, SUMS)
def held_shares(
    fields: FloatArray, whole: FloatArray, dry: FloatArray, wet: FloatArray, drying: float, total: float,
    out: FloatArray,
) -> None:  # fmt: skip
    """Share of ``total`` that is held where each of the ``fields`` (field, cell), cut at its own level, says who dries.

    The cells with the lowest values dry, up to the area ``drying`` of their area ``whole``; one cell may be divided.
    A cell holds ``dry`` where it dries and ``wet`` where it does not. Sums are in the order of the values.
    """
    cells = whole.size
    order, ordered = np.empty(cells, np.int64), np.empty(cells)
    bucket, starts = np.empty(cells, np.int64), np.empty(cells + 1, np.int64)
    for field in range(fields.shape[0]):
        _put_in_order(fields[field], bucket, starts, order, ordered)
        out[field] = _held(order, whole, dry, wet, drying) / total


@kernel(read_only(nb.int32, 2), read_only(nb.boolean, 2), ROWS, LINE, LINE, nb.float64[:, ::1])
def excess_of_fields(
    orders: npt.NDArray[np.int32], dries: BoolArray, areas: FloatArray, whole: FloatArray, changed: FloatArray,
    out: FloatArray,
) -> None:  # fmt: skip
    """Share of dry gets drier and wet gets wetter less the one by chance, where the first places of fields change.

    ``orders`` (field, place) are places, and ``dries``, in the same order, is true where a place dries. ``areas``
    (place, zone) are its parts in the dry, transition and wet zone, ``whole`` (place) their sum. They change up to each
    of the areas ``changed``, which rise; the last place is divided. ``out`` is (field, changed); NaN of no land.
    """
    sums = np.empty((2, ZONES))
    for field in range(orders.shape[0]):
        fill(sums[0], 0.0)
        fill(sums[1], 0.0)
        reached, at, k = 0.0, 0, 0
        while at < changed.size and k < orders.shape[1]:
            place, direction = orders[field, k], 0 if dries[field, k] else 1
            behind = reached + whole[place]
            while at < changed.size and changed[at] < behind:
                part, length = changed[at] - reached, behind - reached
                out[field, at] = _excess(sums, direction, areas[place], part, length)
                at += 1
            for zone in range(ZONES):
                sums[direction, zone] += areas[place, zone]
            reached = behind
            k += 1
        for rest in range(at, changed.size):
            out[field, rest] = _excess(sums, 0, sums[0], 0.0, 1.0)


@jit
def _excess(sums: FloatArray, direction: int, area: FloatArray, part: float, length: float) -> float:
    """The excess of ``sums`` (direction, zone) and a ``part`` of the ``length`` of a place with the areas ``area``."""
    (dd, td, wd), (dw, tw, ww) = (sums[0, 0], sums[0, 1], sums[0, 2]), (sums[1, 0], sums[1, 1], sums[1, 2])
    if part > 0 and direction == 0:
        dd, td, wd = (
            _up_to(dd, area[0], part, length),
            _up_to(td, area[1], part, length),
            _up_to(wd, area[2], part, length),
        )
    elif part > 0:
        dw, tw, ww = (
            _up_to(dw, area[0], part, length),
            _up_to(tw, area[1], part, length),
            _up_to(ww, area[2], part, length),
        )
    total = dd + td + wd + dw + tw + ww
    if total == 0:
        return np.nan
    expected = ((dd + dw) * (dd + td + wd) + (wd + ww) * (dw + tw + ww)) / (total * total)
    return (dd + ww) / total - expected


@jit
def _up_to(before: float, area: float, part: float, length: float) -> float:
    """``before`` and a ``part`` of the ``length`` of ``area``, as np.interp rounds it between the sums."""
    return ((before + area) - before) / length * part + before


@jit
def _held(
    order: npt.NDArray[np.signedinteger], whole: FloatArray, dry: FloatArray, wet: FloatArray, drying: float
) -> float:
    """The area that is held where the first cells in ``order`` dry, up to the area ``drying``."""
    passed, held = 0.0, 0.0
    for cell in order:
        if whole[cell] == 0:
            continue
        passed += whole[cell]
        dries = min(max((drying - (passed - whole[cell])) / whole[cell], 0.0), 1.0)
        held += dries * dry[cell] + (1 - dries) * wet[cell]
    return held


@jit
def _put_in_order(
    values: npt.NDArray[np.float64], bucket: IntArray, starts: IntArray, order: IntArray, ordered: FloatArray
) -> None:
    """Write the places of the values from the lowest to the highest, equal ones as they come, and these values.

    Each value goes into one of as many equally wide buckets as there are values, and insertion does the rest: values
    of a field are spread enough for it to have little to do.
    """
    n, low, high = values.size, values[0], values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
    scale = (n - 1) / (high - low) if high > low else 0.0
    for b in range(n + 1):
        starts[b] = 0
    for i in range(n):
        bucket[i] = min(max(int((values[i] - low) * scale), 0), n - 1)
        starts[bucket[i] + 1] += 1
    for b in range(n):
        starts[b + 1] += starts[b]
    for i in range(n):
        at = starts[bucket[i]]
        starts[bucket[i]] += 1
        order[at], ordered[at] = i, values[i]
    for i in range(1, n):
        value, which, at = ordered[i], order[i], i
        while at > 0 and ordered[at - 1] > value:
            ordered[at], order[at] = ordered[at - 1], order[at - 1]
            at -= 1
        ordered[at], order[at] = value, which
