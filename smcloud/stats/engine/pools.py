"""One autocorrelation for the cells around each cell of a field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from smcloud.stats.engine.arrays import BoolArray, FloatArray, IntArray
from smcloud.stats.status import FEWEST_PAIRS

PHIS = np.arange(20) / 20  # 0 to 0.95
FEWEST = 30  # cells of a pool
TERMS = 2 + 2 * PHIS.size + 4  # e'L e, e'e, the traces; number of cells, r1, r1 squared, 1/pairs
LONGEST_TABLE = 2000  # steps: the table of variances needs matrices of that size


def pool_terms(fits: FloatArray, traces: FloatArray, area: FloatArray) -> FloatArray:
    """Return what is summed over a pool, of cells (cell, term); 0 for cells that do not tell an autocorrelation.

    ``fits`` and ``traces`` are those of :func:`~smcloud.stats.engine.pool_kernels.fit_lines` for these cells.
    """
    from smcloud.stats.engine.pool_kernels import COUNT, LAG, PAIRS, SQUARES

    squares, lag, pairs, n = (fits[:, column] for column in (SQUARES, LAG, PAIRS, COUNT))
    terms = np.empty((len(n), TERMS))
    terms[:, 0], terms[:, 1], terms[:, 2:-4] = lag, squares, traces
    terms[:, :-4] *= area[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):  # in cells that do not tell
        r1 = (lag / pairs) / (squares / n)
        terms[:, -4:] = np.column_stack([np.ones_like(r1), r1, r1 * r1, 1 / pairs])
    terms[~tells(fits)] = 0.0
    return terms


def tells(fits: FloatArray) -> BoolArray:
    """Whether a cell tells an autocorrelation: it has errors, and enough pairs of neighbours."""
    from smcloud.stats.engine.pool_kernels import PAIRS, SQUARES

    told: BoolArray = (fits[:, PAIRS] >= FEWEST_PAIRS) & (fits[:, SQUARES] > 0)
    return told


def pooled_autocorrelation(sums: FloatArray, squares: FloatArray, steps: int) -> FloatArray:
    """Return phi, number of cells and dispersion (cell, 3) of pools with the ``sums`` of their terms (cell, term).

    ``squares`` are e'e of the cells that the pools are for.
    """
    count, traced = sums[:, -4], slice(2, 2 + PHIS.size)
    with np.errstate(divide="ignore", invalid="ignore"):  # where no cell tells
        phi = _solve(sums[:, 0] / sums[:, 1], sums[:, traced] / sums[:, 2 + PHIS.size : -4])
        phi[np.isnan(phi) & (squares == 0)] = 0.0  # a straight line has no errors
        observed = sums[:, -2] / count - (sums[:, -3] / count) ** 2
        expected = np.interp(phi, PHIS, lag1_variances(steps)) * (steps - 1) * sums[:, -1] / count
        return np.column_stack([phi, np.rint(count), observed / expected])


def nearest(
    cells: Iterable[tuple[int, int]], told: BoolArray, lat: FloatArray, step: float
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield rows and columns of the nearest :data:`FEWEST` cells of the mask ``told``, or all, for each of ``cells``.

    They come in the order of rows; of equally near ones the first count. ``lat`` and ``step``, the distance of two
    columns, are in radians.
    """
    row, column = np.nonzero(told)
    centres = _centre(lat[row], step * column)
    for at in cells:
        own = _centre(lat[[at[0]]], step * np.array([at[1]]))
        distance = np.sum((centres - own) ** 2, axis=-1).round(12)
        near = np.arange(distance.size)
        if distance.size > FEWEST:  # to sort a whole field for each cell takes nine times as long
            near = np.flatnonzero(distance <= np.partition(distance, FEWEST - 1)[FEWEST - 1])
        chosen = np.sort(near[np.argsort(distance[near], kind="stable")[:FEWEST]])
        yield row[chosen], column[chosen]


def _centre(lat: FloatArray, lon: npt.NDArray[np.floating]) -> FloatArray:
    centres: FloatArray = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    return centres


def _solve(ratio: FloatArray, table: FloatArray) -> FloatArray:
    """Find phi by interpolation in each row of ``table``, the ratio by phi, which rises; clipped to its ends.

    NaN without a ratio.
    """
    above = np.clip((table < ratio[:, np.newaxis]).sum(axis=1), 1, PHIS.size - 1)
    cells = np.arange(len(ratio))
    low, high = table[cells, above - 1], table[cells, above]
    share = np.clip((ratio - low) / (high - low), 0.0, 1.0)
    return np.where(np.isfinite(ratio), PHIS[above - 1] + share * (PHIS[above] - PHIS[above - 1]), np.nan)


@cache
def lag1_variances(steps: int) -> FloatArray:
    """Variance of r1 = (e'L e/pairs)/(e'e/n) of a complete series by phi, to first order.

    That of e'L e/e'e is 2 tr(B R B R)/tr(M R)^2 with B = M (L - rho) M; df/(df + 2) makes it exact at phi 0.
    """
    if steps > LONGEST_TABLE:
        return (1 - PHIS**2) / steps
    t = np.arange(steps) - (steps - 1) / 2
    basis = np.column_stack([np.full(steps, steps**-0.5), t / math.sqrt(t @ t)])
    residual = np.eye(steps) - basis @ basis.T
    lagged = residual @ (0.5 * (np.eye(steps, k=1) + np.eye(steps, k=-1))) @ residual
    out = np.empty(PHIS.size)
    for p, phi in enumerate(PHIS):
        errors = phi ** np.abs(np.subtract.outer(np.arange(steps), np.arange(steps)))
        variance = np.trace(residual @ errors)
        product = (lagged - np.trace(lagged @ errors) / variance * residual) @ errors
        df = variance**2 / np.trace(residual @ errors @ residual @ errors)
        out[p] = 2 * np.trace(product @ product) / variance**2 * df / (df + 2)
    return out * (steps / (steps - 1)) ** 2
