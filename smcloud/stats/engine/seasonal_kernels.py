"""Kernel of the seasonal Mann-Kendall test: scores within seasons, and the covariance of the seasons."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from smcloud.jit import jit, kernel, read_only
from smcloud.stats.engine.arrays import COLUMNS, FLAGS, ROWS, ByteArray, FloatArray, IntArray
from smcloud.stats.engine.kernels import fill
from smcloud.stats.engine.rank_formulas import score
from smcloud.stats.status import CONSTANT, EMPTY, NOT_CORRECTED, OK, TOO_SHORT

LABELS = read_only(nb.int64, 1)


@jit
def _sign(a: float, b: float) -> int:
    """Sign of b - a; 0 where one is missing."""
    return int(b > a) - int(b < a)


@jit
def _covariance(grid: FloatArray, ranks: FloatArray, counts: IntArray, g: int, h: int) -> float:
    """Three times the covariance of the scores of two seasons, whose missing values have the mean rank."""
    cycles = grid.shape[1]
    concordance, product = 0, 0.0
    for i in range(cycles):
        product += ranks[g, i] * ranks[h, i]
        for j in range(i + 1, cycles):
            concordance += _sign(grid[g, i], grid[g, j]) * _sign(grid[h, i], grid[h, j])
    return float(concordance + 4 * product - float(cycles) * (counts[g] + 1) * (counts[h] + 1))


@jit
def _fill_grid(row: FloatArray, season: IntArray, cycle: IntArray, grid: FloatArray) -> None:
    """Put the valid samples of a series at their places in ``grid`` (season, cycle), NaN elsewhere."""
    for g in range(grid.shape[0]):
        fill(grid[g], math.nan)
    for i in range(row.size):
        if math.isfinite(row[i]):
            grid[season[i], cycle[i]] = row[i]


@jit
def _sum_scores(
    grid: FloatArray, counts: IntArray, values: FloatArray, work: FloatArray, orders: IntArray, one: FloatArray
) -> tuple[int, float, float, float, float]:
    """Sums over the seasons: samples, S, 18 Var S, pairs, and the denominator of tau. ``counts`` gets the samples.

    The others are work space: ``values`` for a season, ``one`` for its score.
    """
    n, s, variance, pairs, scale = 0, 0.0, 0.0, 0.0, 0.0
    for g in range(grid.shape[0]):
        m = 0
        for i in range(grid.shape[1]):
            if math.isfinite(grid[g, i]):
                values[m] = grid[g, i]
                m += 1
        counts[g] = m
        n += m
        if m > 1:
            own, tied = m * (m - 1) / 2, score(values[:m], work, orders, one)[1]
            s, variance, pairs = s + one[0], variance + np.rint(18 * one[1]), pairs + own
            scale += math.sqrt(own) * math.sqrt(own - tied)
    return n, s, variance, pairs, scale


@jit
def _covariances(grid: FloatArray, counts: IntArray, ranks: FloatArray) -> float:
    """18 times what the covariances of all pairs of seasons add to Var S; ``ranks`` (season, cycle) is work space."""
    seasons, cycles = grid.shape
    covariance = 0.0
    for g in range(seasons):
        for i in range(cycles):
            rank = float(counts[g] + 1)
            for j in range(cycles):
                rank += _sign(grid[g, j], grid[g, i])
            ranks[g, i] = rank / 2
    for g in range(seasons):
        for h in range(g + 1, seasons):
            covariance += 12 * _covariance(grid, ranks, counts, g, h)
    return covariance


@kernel(ROWS, LABELS, LABELS, nb.int64, nb.boolean, COLUMNS, FLAGS)
def seasonal(
    rows: FloatArray, season: IntArray, cycle: IntArray, min_valid: int, dependent: bool, out: FloatArray,
    status: ByteArray,
) -> None:  # fmt: skip
    """Columns: S, Var S, tau, Z, n. ``season`` and ``cycle`` give each step its place, from 0.

    Variances are summed as whole multiples of 1/18, so that the order of the seasons does not matter.
    """
    seasons, cycles = season.max() + 1, cycle.max() + 1
    grid, ranks, counts = np.empty((seasons, cycles)), np.empty((seasons, cycles)), np.empty(seasons, np.int64)
    values, one = np.empty(cycles), np.empty(4)
    work, orders = np.empty((2, cycles)), np.empty((2, cycles), np.int64)
    for cell in range(rows.shape[0]):
        column = out[cell]
        _fill_grid(rows[cell], season, cycle, grid)
        n, s, variance, pairs, scale = _sum_scores(grid, counts, values, work, orders, one)
        fill(column, math.nan)
        column[4] = n
        if n < min_valid or pairs == 0:
            status[cell] = EMPTY if n == 0 else TOO_SHORT
            continue
        if variance == 0:
            column[0], column[1], column[3] = 0.0, 0.0, 0.0
            status[cell] = CONSTANT
            continue
        status[cell] = OK
        if dependent:
            covariance = _covariances(grid, counts, ranks)
            if variance + covariance > 0:
                variance += covariance
            else:
                status[cell] = NOT_CORRECTED
        column[0], column[1], column[2] = s, variance / 18, s / scale
        column[3] = (s - np.sign(s)) / math.sqrt(column[1])
